// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/pidfd.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>

#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/process.h"
#include "ctrtool/core/sys/show.h"

namespace ctr {

Result<pid_t> pidfd_pid(BorrowedFd pidfd) {
  constexpr std::string_view kKey = "Pid:";
  const std::string text =
      TRY(sys::read_file_at(kCwd, "/proc/self/fdinfo/" + std::to_string(pidfd.raw())));
  for (const std::string_view line : split(text, '\n')) {
    if (!line.starts_with(kKey)) continue;
    const pid_t pid = TRY(parse_number<pid_t>(trim(line.substr(kKey.size()))));
    if (pid < 0) return sys_error(ESRCH, "process of %s", sys::show(pidfd).c_str());
    return pid;
  }
  return sys_error(EBADF, "%s is not a pidfd", sys::show(pidfd).c_str());
}

Result<UniqueFd> pidfd_namespace(BorrowedFd pidfd, const NsKind& kind) {
  const pid_t pid = TRY(pidfd_pid(pidfd));
  UniqueFd ns = TRY(sys::open(strf("/proc/%d/ns/%s", pid, kind.file), O_RDONLY));
  TRY(pidfd_pid(pidfd));  // not reaped yet: the number was still its own
  return ns;
}

Result<UniqueFd> open_parent(pid_t expected) {
  const pid_t before = ::getppid();
  if (expected != 0 && before != expected)
    return sys_error(ESRCH, "the parent is process %d, expected %d", before, expected);
  UniqueFd pidfd = TRY(sys::pidfd_open(before));
  const pid_t after = ::getppid();
  if (after != before)
    return sys_error(ESRCH, "the parent was process %d, now it is %d", before, after);
  return pidfd;
}

Result<UniqueFd> open_thread(pid_t thread) {
  constexpr unsigned kPidfdThread = O_EXCL;  // PIDFD_THREAD of the kernel's headers
  const long fd = ::syscall(SYS_pidfd_open, thread, kPidfdThread);
  if (fd < 0) {
    const int err = errno;
    return sys_error(err, "pidfd_open of thread %d", thread);
  }
  return UniqueFd(static_cast<int>(fd));
}

}  // namespace ctr
