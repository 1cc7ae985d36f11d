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
  TRY(write_id_maps(proc, uids, gids, SetGroups::AsItIs));
  return sys::openat(proc, "ns/user", O_RDONLY);
}

}  // namespace

// setgroups first: without privilege it has to be denied before there is a map of groups
// (user_namespaces(7)).
Result<void> write_id_maps(BorrowedFd process, const IdMap& uids, const IdMap& gids,
                           SetGroups set_groups) {
  if (set_groups == SetGroups::Deny) TRY(sys::write_file_at(process, "setgroups", "deny"));
  if (!gids.empty()) TRY(sys::write_file_at(process, "gid_map", gids.text()));
  if (!uids.empty()) TRY(sys::write_file_at(process, "uid_map", uids.text()));
  return {};
}

Result<void> write_project_map(BorrowedFd process, const IdMap& projects) {
  if (projects.empty()) return {};
  return sys::write_file_at(process, "projid_map", projects.text());
}

Result<UniqueFd> make_user_namespace(const IdMap& uids, const IdMap& gids) {
  const sys::Cloned holder = TRY(sys::clone3(CLONE_NEWUSER, kNoFd));
  if (holder.pid == 0) hold();
  Result<UniqueFd> made = map_and_open(holder.pid, uids, gids);
  TRY(sys::pidfd_send_signal(holder.pidfd, SIGKILL));
  TRY(sys::waitpid(holder.pid, 0));
  return made;
}

}  // namespace ctr
