// SPDX-License-Identifier: Apache-2.0
// Files and directories, as in section 2 of the manual. Every descriptor is born close-on-exec.
// Errors: Kind::System with the errno, the path and the operation in the message.
#pragma once

#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"

namespace ctr::sys {

Result<UniqueFd> open(const std::string& path, int flags, mode_t mode = 0);
Result<UniqueFd> openat(BorrowedFd dir, const std::string& path, int flags, mode_t mode = 0);
// Nothing when the path does not exist.
Result<std::optional<UniqueFd>> openat_if_exists(BorrowedFd dir, const std::string& path,
                                                 int flags);
// `resolve`: RESOLVE_* of openat2(2), Linux 5.6.
Result<UniqueFd> openat2(BorrowedFd dir, const std::string& path, int flags, mode_t mode,
                         std::uint64_t resolve);
// Nothing when the path, or a directory on the way, does not exist.
Result<std::optional<UniqueFd>> openat2_if_exists(BorrowedFd dir, const std::string& path,
                                                  int flags, std::uint64_t resolve);
Result<UniqueFd> memfd_create(const std::string& name, unsigned flags);
// F_SEAL_*; EINVAL for files that cannot be sealed.
Result<int> get_seals(BorrowedFd fd);
Result<void> add_seals(BorrowedFd fd, int seals);
// At most `size` bytes from `from`'s position on; 0 at the end of the file.
Result<std::size_t> sendfile(BorrowedFd to, BorrowedFd from, std::size_t size);
Result<UniqueFd> dup(BorrowedFd fd);
Result<void> dup2(BorrowedFd from, int to);  // the copy is not close-on-exec
Result<void> set_cloexec(BorrowedFd fd, bool on);
// O_NONBLOCK belongs to the open file: whoever shares it shares the change.
Result<void> set_nonblocking(BorrowedFd fd);
Result<void> close_range(unsigned first, unsigned last, unsigned flags);
struct Pipe {
  UniqueFd read;
  UniqueFd write;
};
Result<Pipe> pipe();
Result<UniqueFd> eventfd();  // counts from 0, reading never waits

Result<std::size_t> read(BorrowedFd fd, void* to, std::size_t size);  // one read, EINTR retried
Result<std::size_t> pread(BorrowedFd fd, void* to, std::size_t size, off_t offset);
Result<std::size_t> write(BorrowedFd fd, std::string_view data);  // one write, EINTR retried
Result<void> write_all(BorrowedFd fd, std::string_view data);
// True when one of `events` (POLLIN, POLLPRI...) or an error is there; `timeout_ms` < 0: for ever.
Result<bool> poll(BorrowedFd fd, short events, int timeout_ms);
// Until end of file; more than `limit` bytes is an error (EFBIG).
Result<std::string> read_all(BorrowedFd fd, std::size_t limit = 16U << 20);
Result<std::string> read_file_at(BorrowedFd dir, const std::string& path,
                                 std::size_t limit = 16U << 20);
// open(O_WRONLY), one write, close: what /proc, /sys and cgroup files want.
Result<void> write_file_at(BorrowedFd dir, const std::string& path, std::string_view data);
// A new file with these bytes and this mode, under a temporary name, then renamed over `path`.
Result<void> replace_file_at(BorrowedFd dir, const std::string& path, std::string_view data,
                             mode_t mode);

Result<void> mkdirat(BorrowedFd dir, const std::string& path, mode_t mode);
Result<void> mknodat(BorrowedFd dir, const std::string& path, mode_t mode, dev_t device);
Result<void> symlinkat(const std::string& target, BorrowedFd dir, const std::string& path);
Result<void> unlinkat(BorrowedFd dir, const std::string& path, int flags);
Result<void> renameat2(BorrowedFd from_dir, const std::string& from, BorrowedFd to_dir,
                       const std::string& to, unsigned flags);
Result<std::string> readlinkat(BorrowedFd dir, const std::string& path);
// With an empty path the call is on `dir` itself (AT_EMPTY_PATH).
Result<struct stat> fstatat(BorrowedFd dir, const std::string& path, int flags);
Result<std::optional<struct stat>> fstatat_if_exists(BorrowedFd dir, const std::string& path,
                                                     int flags);
Result<struct stat> fstat(BorrowedFd fd);
Result<struct statx> statx(BorrowedFd dir, const std::string& path, int flags, unsigned mask);
Result<struct statfs> fstatfs(BorrowedFd fd);
Result<struct statfs> statfs(const std::string& path);
// False when the path, or a directory on the way, is missing.
Result<bool> exists(BorrowedFd dir, const std::string& path);
Result<void> fchownat(BorrowedFd dir, const std::string& path, uid_t uid, gid_t gid, int flags);
Result<void> fchmod(BorrowedFd fd, mode_t mode);
Result<void> fchmodat(BorrowedFd dir, const std::string& path, mode_t mode);
Result<void> faccessat(BorrowedFd dir, const std::string& path, int mode);
Result<void> ftruncate(BorrowedFd fd, off_t length);
Result<off_t> lseek(BorrowedFd fd, off_t offset, int whence);
Result<void> flock(BorrowedFd fd, int operation);
Result<void> chdir(const std::string& path);
Result<void> fchdir(BorrowedFd dir);
Result<void> chroot(const std::string& path);
Result<std::string> getcwd();

Result<void> setxattr(const std::string& path, const std::string& name, std::string_view value,
                      int flags = 0);
Result<void> removexattr(const std::string& path, const std::string& name);
// Nothing when the file has no such attribute, or the file system has none at all.
Result<std::optional<std::string>> getxattr(const std::string& path, const std::string& name);

struct DirEntry {
  std::string name;
  unsigned char type;  // DT_*
};
// Without "." and "..", in the file system's order. `dir` must be open for reading.
Result<std::vector<DirEntry>> list_dir(BorrowedFd dir);
// Removes `name` in `dir` and all below it, never following a link, never crossing a mount.
Result<void> remove_tree(BorrowedFd dir, const std::string& name);

// "/proc/self/fd/N": for the calls that take only a path. Needs a trusted /proc.
std::string proc_path(BorrowedFd fd);

}  // namespace ctr::sys
