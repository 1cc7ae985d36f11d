// SPDX-License-Identifier: Apache-2.0
// Moving a process into cgroups that exist, which are nobody's container: what the tools do. For a
// container's own cgroup see cgroup.h.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"
#include "ctrtool/core/kit/cgroup_layout.h"

namespace ctr {

struct EnterCgroup {
  pid_t pid = 0;         // 0: ourselves
  bool threads = false;  // a threaded cgroup
  bool create = false;   // the directory, 0755, if it is missing
};

// `path`: of the cgroup in its hierarchy, from its root on. No links and no "..".
Result<void> enter_cgroup(BorrowedFd hierarchy, const std::string& path, const EnterCgroup& how);

// Where we are in the hierarchy that is mounted on this directory: "/a/b". Kind::NotFound: nowhere,
// as the directory is none of the layout's.
Result<std::string> own_cgroup(const CgroupLayout& layout, BorrowedFd hierarchy);

// Ourselves into every cgroup that process is in.
Result<void> enter_cgroups_of(pid_t pid);

}  // namespace ctr
