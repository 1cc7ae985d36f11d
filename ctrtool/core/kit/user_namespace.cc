// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/user_namespace.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/cred.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/process.h"

namespace ctr {
namespace {

// Only there so that the namespace has a /proc entry; it executes nothing of ours.
[[noreturn]] void hold() {
  static_cast<void>(sys::prctl_set_pdeathsig(SIGKILL));
  while (true) ::pause();
}

Result<UniqueFd> map_and_open(pid_t holder, const IdMap& uids, const IdMap& gids) {
  const UniqueFd proc = TRY(sys::open(strf("/proc/%d", holder), O_PATH | O_DIRECTORY));
  TRY(sys::write_file_at(proc, "uid_map", uids.text()));
  TRY(sys::write_file_at(proc, "gid_map", gids.text()));
  return sys::openat(proc, "ns/user", O_RDONLY);
}

}  // namespace

Result<UniqueFd> make_user_namespace(const IdMap& uids, const IdMap& gids) {
  const sys::Cloned holder = TRY(sys::clone3(CLONE_NEWUSER, kNoFd));
  if (holder.pid == 0) hold();
  Result<UniqueFd> made = map_and_open(holder.pid, uids, gids);
  TRY(sys::pidfd_send_signal(holder.pidfd, SIGKILL));
  TRY(sys::waitpid(holder.pid, 0));
  return made;
}

}  // namespace ctr
