// SPDX-License-Identifier: Apache-2.0
// Every applet and its manual, for the table in dispatch.cc. One applet, one file.
#pragma once

#include "ctrtool/applets.h"
#include "ctrtool/cmd/words.h"

namespace ctr {

extern const Manual kEscapeManual;
int run_escape(const Words& argv);

extern const Manual kCmdManual;
int run_cmd(const Words& argv);
extern const Manual kEnvManual;
int run_env(const Words& argv);
extern const Manual kHelpManual;
int run_help(const Words& argv);
extern const Manual kLauncherManual;
int run_launcher(const Words& argv);
extern const Manual kMiniInitManual;
int run_mini_init(const Words& argv);
extern const Manual kMiniInit2Manual;
int run_mini_init2(const Words& argv);
extern const Manual kMountSeqManual;
int run_mount_seq(const Words& argv);
extern const Manual kNsenterManual;
int run_nsenter(const Words& argv);
extern const Manual kNsOpenFileManual;
int run_ns_open_file(const Words& argv);

extern const Manual kResetCgroupManual;
int run_reset_cgroup(const Words& argv);
extern const Manual kRootfsMountManual;
int run_rootfs_mount(const Words& argv);
extern const Manual kSetFdsManual;
int run_set_fds(const Words& argv);

extern const Manual kPidfdCtlManual;
int run_pidfd_ctl(const Words& argv);

extern const Manual kPpidCheckManual;
int run_ppid_check(const Words& argv);

extern const Manual kRenameat2Manual;
int run_renameat2(const Words& argv);

extern const Manual kSyslogdManual;
int run_syslogd(const Words& argv);

extern const Manual kNsTreeManual;
int run_ns_tree(const Words& argv);

extern const Manual kTtyProxyManual;
int run_tty_proxy(const Words& argv);

}  // namespace ctr
