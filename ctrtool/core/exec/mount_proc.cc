// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/exec/mount_proc.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <optional>
#include <string>

#include "ctrtool/core/exec/child.h"
#include "ctrtool/core/kit/caps.h"
#include "ctrtool/core/sys/cred.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/mount.h"
#include "ctrtool/core/sys/ns.h"
#include "ctrtool/core/sys/process.h"

namespace ctr {
namespace {

// Nothing: this kernel cannot be told, or not by us. What is wrong with the rest will be seen by
// whoever tries again.
Result<std::optional<UniqueFd>> configured_for(BorrowedFd pid_namespace, const FsConfig& fs) {
  const Result<UniqueFd> context = sys::fsopen("proc");
  if (!context.ok() || !sys::fsconfig_fd(*context, "pidns", pid_namespace).ok())
    return std::optional<UniqueFd>();
  TRY(configure_fs(*context, fs));
  TRY(sys::fsconfig_create(*context));
  return std::optional<UniqueFd>(TRY(sys::fsmount(*context, 0)));
}

// What mount(2) would have done with the flags that are not the superblock's.
Result<void> attach(BorrowedFd tree, BorrowedFd target, unsigned long flags) {
  TRY(sys::move_mount(tree, target, ""));
  if (flags == 0) return {};
  const UniqueFd top = TRY(sys::openat(tree, ".", O_PATH | O_DIRECTORY));
  TRY(sys::fchdir(top));
  return sys::mount("", ".", "", MS_REMOUNT | MS_BIND | flags, "");
}

// --- older kernels -------------------------------------------------------------------------------

Result<void> close_all_but(BorrowedFd fd) {
  const auto number = static_cast<unsigned>(fd.raw());
  constexpr unsigned kFirst = STDERR_FILENO + 1;
  if (number > kFirst) TRY(sys::close_range(kFirst, number - 1, 0));
  return sys::close_range(number + 1, ~0U, 0);
}

// Who is in the namespace sees whoever mounts, and may be able to trace it: then all there is to be
// had is the right to mount, below `target`.
Result<void> show_little(BorrowedFd target, BorrowedFd report) {
  TRY(sys::prctl_set_dumpable(sys::Switch::Off));
  TRY(sys::fchdir(target));
  TRY(sys::chroot("."));
  TRY(close_all_but(report));
  CapSets only;
  only.permitted.add(CAP_SYS_ADMIN);
  only.effective.add(CAP_SYS_ADMIN);
  return apply_caps(only);
}

// Only children get into another pid namespace; and from a user namespace further inside there may
// be no way back to our own. So a child joins, and a child of it mounts.
Result<void> mount_from_inside(BorrowedFd pid_namespace, BorrowedFd target, const FsConfig& fs,
                               BorrowedFd report) {
  TRY(sys::setns(pid_namespace, CLONE_NEWPID));
  TRY(show_little(target, report));
  const sys::Cloned inner = TRY(sys::clone3(0, kNoFd));
  if (inner.pid != 0) {
    TRY(sys::waitpid(inner.pid, 0));
    return {};
  }
  const Result<void> mounted = sys::mount(fs.source, ".", "proc", fs.flags, fs.data);
  (void)sys::write_all(report, mounted.ok() ? "+" : encode_error(mounted.error()));
  child_exit(0);
}

Result<void> mount_by_child(BorrowedFd pid_namespace, BorrowedFd target, const FsConfig& fs) {
  sys::Pipe report = TRY(sys::pipe());
  const sys::Cloned child = TRY(sys::clone3(0, kNoFd));
  if (child.pid == 0) {
    const Result<void> done = mount_from_inside(pid_namespace, target, fs, report.write);
    if (!done.ok()) (void)sys::write_all(report.write, encode_error(done.error()));
    child_exit(0);
  }
  report.write.reset();
  const std::string wire = TRY(sys::read_all(report.read));
  TRY(sys::waitpid(child.pid, 0));
  if (wire == "+") return {};
  const std::optional<Error> error = decode_error(wire);
  if (error.has_value()) return *error;
  return make_error(Kind::ChildDied, "whoever was to mount it is gone");
}

}  // namespace

Result<void> mount_proc_of(BorrowedFd pid_namespace, BorrowedFd target, const FsConfig& fs) {
  const std::optional<UniqueFd> tree = TRY(configured_for(pid_namespace, fs));
  if (tree.has_value()) return attach(*tree, target, fs.flags);
  return mount_by_child(pid_namespace, target, fs);
}

}  // namespace ctr
