// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/sys/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/show.h"

namespace ctr::sys {
namespace {

// Calls `f` again as long as a signal interrupts it.
template <typename F>
auto retry(F f) {
  while (true) {
    const auto result = f();
    if (result >= 0 || errno != EINTR) return result;
  }
}

Error at_error(int err, const char* what, BorrowedFd dir, const std::string& path) {
  return sys_error(err, "%s %s", what, show_at(dir, path).c_str());
}

}  // namespace

Result<UniqueFd> open(const std::string& path, int flags, mode_t mode) {
  return openat(kCwd, path, flags, mode);
}

Result<UniqueFd> openat(BorrowedFd dir, const std::string& path, int flags, mode_t mode) {
  const int fd = retry([&] { return ::openat(dir.raw(), path.c_str(), flags | O_CLOEXEC, mode); });
  if (fd < 0) return at_error(errno, "open", dir, path);
  return UniqueFd(fd);
}

Result<std::optional<UniqueFd>> openat_if_exists(BorrowedFd dir, const std::string& path,
                                                 int flags) {
  const int fd = retry([&] { return ::openat(dir.raw(), path.c_str(), flags | O_CLOEXEC); });
  if (fd >= 0) return std::optional<UniqueFd>(UniqueFd(fd));
  if (errno == ENOENT) return std::optional<UniqueFd>();
  return at_error(errno, "open", dir, path);
}

Result<UniqueFd> openat2(BorrowedFd dir, const std::string& path, int flags, mode_t mode,
                         std::uint64_t resolve) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
  how.mode = mode;
  how.resolve = resolve;
  const long fd =
      retry([&] { return ::syscall(SYS_openat2, dir.raw(), path.c_str(), &how, sizeof how); });
  if (fd < 0) return at_error(errno, "open", dir, path);
  return UniqueFd(static_cast<int>(fd));
}

Result<std::optional<UniqueFd>> openat2_if_exists(BorrowedFd dir, const std::string& path,
                                                  int flags, std::uint64_t resolve) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
  how.resolve = resolve;
  const long fd =
      retry([&] { return ::syscall(SYS_openat2, dir.raw(), path.c_str(), &how, sizeof how); });
  if (fd >= 0) return std::optional<UniqueFd>(UniqueFd(static_cast<int>(fd)));
  if (errno == ENOENT || errno == ENOTDIR) return std::optional<UniqueFd>();
  return at_error(errno, "open", dir, path);
}

Result<UniqueFd> memfd_create(const std::string& name, unsigned flags) {
  const int fd = ::memfd_create(name.c_str(), flags | MFD_CLOEXEC);
  if (fd < 0) {
    const int err = errno;
    return sys_error(err, "memfd_create %s", quote(name).c_str());
  }
  return UniqueFd(fd);
}

Result<int> get_seals(BorrowedFd fd) {
  const int seals = ::fcntl(fd.raw(), F_GET_SEALS);
  if (seals < 0) {
    const int err = errno;
    return sys_error(err, "seals of %s", show(fd).c_str());
  }
  return seals;
}

Result<void> add_seals(BorrowedFd fd, int seals) {
  if (::fcntl(fd.raw(), F_ADD_SEALS, seals) < 0) {
    const int err = errno;
    return sys_error(err, "seal %s", show(fd).c_str());
  }
  return {};
}

Result<std::size_t> sendfile(BorrowedFd to, BorrowedFd from, std::size_t size) {
  const ssize_t sent = retry([&] { return ::sendfile(to.raw(), from.raw(), nullptr, size); });
  if (sent < 0) {
    const int err = errno;
    return sys_error(err, "copy %s to %s", show(from).c_str(), show(to).c_str());
  }
  return static_cast<std::size_t>(sent);
}

Result<UniqueFd> dup(BorrowedFd fd) {
  const int copy = ::fcntl(fd.raw(), F_DUPFD_CLOEXEC, 3);
  if (copy < 0) {
    const int err = errno;
    return sys_error(err, "duplicate %s", show(fd).c_str());
  }
  return UniqueFd(copy);
}

Result<void> dup2(BorrowedFd from, int to) {
  if (retry([&] { return ::dup2(from.raw(), to); }) < 0) {
    const int err = errno;
    return sys_error(err, "duplicate %s to fd %d", show(from).c_str(), to);
  }
  return {};
}

Result<void> set_cloexec(BorrowedFd fd, bool on) {
  if (::fcntl(fd.raw(), F_SETFD, on ? FD_CLOEXEC : 0) < 0) {
    const int err = errno;
    return sys_error(err, "set close-on-exec of fd %d", fd.raw());
  }
  return {};
}

Result<void> set_nonblocking(BorrowedFd fd) {
  const int flags = ::fcntl(fd.raw(), F_GETFL);
  if (flags < 0 || ::fcntl(fd.raw(), F_SETFL, flags | O_NONBLOCK) < 0) {
    const int err = errno;
    return sys_error(err, "make %s non-blocking", show(fd).c_str());
  }
  return {};
}

Result<void> close_range(unsigned first, unsigned last, unsigned flags) {
  if (::syscall(SYS_close_range, first, last, flags) < 0) {
    const int err = errno;
    return sys_error(err, "close_range %u to %u", first, last);
  }
  return {};
}

Result<Pipe> pipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) < 0) {
    const int err = errno;
    return sys_error(err, "pipe");
  }
  return Pipe{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

Result<UniqueFd> eventfd() {
  const int fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) {
    const int err = errno;
    return sys_error(err, "eventfd");
  }
  return UniqueFd(fd);
}

Result<std::size_t> pread(BorrowedFd fd, void* to, std::size_t size, off_t offset) {
  const ssize_t got = retry([&] { return ::pread(fd.raw(), to, size, offset); });
  if (got < 0) {
    const int err = errno;
    return sys_error(err, "read %s", show(fd).c_str());
  }
  return static_cast<std::size_t>(got);
}

Result<std::size_t> read(BorrowedFd fd, void* to, std::size_t size) {
  const ssize_t got = retry([&] { return ::read(fd.raw(), to, size); });
  if (got < 0) {
    const int err = errno;
    return sys_error(err, "read %s", show(fd).c_str());
  }
  return static_cast<std::size_t>(got);
}

Result<std::size_t> write(BorrowedFd fd, std::string_view data) {
  const ssize_t put = retry([&] { return ::write(fd.raw(), data.data(), data.size()); });
  if (put < 0) {
    const int err = errno;
    return sys_error(err, "write %s", show(fd).c_str());
  }
  return static_cast<std::size_t>(put);
}

Result<bool> poll(BorrowedFd fd, short events, int timeout_ms) {
  pollfd poll_fd{fd.raw(), events, 0};
  const int ready = retry([&] { return ::poll(&poll_fd, 1, timeout_ms); });
  if (ready < 0) {
    const int err = errno;
    return sys_error(err, "poll %s", show(fd).c_str());
  }
  return ready > 0;
}

Result<void> write_all(BorrowedFd fd, std::string_view data) {
  while (!data.empty()) data.remove_prefix(TRY(write(fd, data)));
  return {};
}

namespace {

// What it outgrows may be a secret, and the allocator keeps what it is given back.
void grow(std::string& text, std::size_t size) {
  std::string larger;
  larger.reserve(size);
  larger = text;
  larger.resize(size);
  ::explicit_bzero(text.data(), text.size());
  text = std::move(larger);
}

}  // namespace

Result<std::string> read_all(BorrowedFd fd, std::size_t limit) {
  std::string text;
  std::size_t used = 0;
  while (true) {
    if (used == text.size()) grow(text, used == 0 ? 4096 : used * 2);
    const std::size_t got = TRY(read(fd, text.data() + used, text.size() - used));
    if (got == 0) break;
    used += got;
    if (used > limit) return sys_error(EFBIG, "read %s", show(fd).c_str());
  }
  text.resize(used);
  return text;
}

Result<std::string> read_file_at(BorrowedFd dir, const std::string& path, std::size_t limit) {
  const UniqueFd fd = TRY(openat(dir, path, O_RDONLY | O_NOCTTY));
  return read_all(fd, limit);
}

Result<void> write_file_at(BorrowedFd dir, const std::string& path, std::string_view data) {
  const UniqueFd fd = TRY(openat(dir, path, O_WRONLY | O_NOCTTY));
  const ssize_t put = retry([&] { return ::write(fd.raw(), data.data(), data.size()); });
  if (put < 0 || static_cast<std::size_t>(put) != data.size()) {
    const int err = put < 0 ? errno : EIO;
    return sys_error(err, "write %s to %s", quote(data.substr(0, 256)).c_str(),
                     show_at(dir, path).c_str());
  }
  return {};
}

Result<void> replace_file_at(BorrowedFd dir, const std::string& path, std::string_view data,
                             mode_t mode) {
  const std::size_t slash = path.rfind('/');
  const std::size_t name = slash == std::string::npos ? 0 : slash + 1;
  // The pid keeps two writers apart; O_EXCL refuses whatever somebody else put there.
  const std::string temporary =
      path.substr(0, name) + "." + path.substr(name) + strf(".%d", ::getpid());
  UniqueFd fd = TRY(openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode));
  Result<void> done = write_all(fd, data);
  if (done.ok()) done = renameat2(dir, temporary, dir, path, 0);
  if (!done.ok()) ::unlinkat(dir.raw(), temporary.c_str(), 0);
  return done;
}

Result<void> mkdirat(BorrowedFd dir, const std::string& path, mode_t mode) {
  if (::mkdirat(dir.raw(), path.c_str(), mode) < 0) return at_error(errno, "mkdir", dir, path);
  return {};
}

Result<void> mknodat(BorrowedFd dir, const std::string& path, mode_t mode, dev_t device) {
  if (::mknodat(dir.raw(), path.c_str(), mode, device) < 0)
    return at_error(errno, "mknod", dir, path);
  return {};
}

Result<void> symlinkat(const std::string& target, BorrowedFd dir, const std::string& path) {
  if (::symlinkat(target.c_str(), dir.raw(), path.c_str()) < 0)
    return at_error(errno, "symlink", dir, path);
  return {};
}

Result<void> unlinkat(BorrowedFd dir, const std::string& path, int flags) {
  if (::unlinkat(dir.raw(), path.c_str(), flags) < 0)
    return at_error(errno, (flags & AT_REMOVEDIR) != 0 ? "rmdir" : "unlink", dir, path);
  return {};
}

Result<void> renameat2(BorrowedFd from_dir, const std::string& from, BorrowedFd to_dir,
                       const std::string& to, unsigned flags) {
  if (::renameat2(from_dir.raw(), from.c_str(), to_dir.raw(), to.c_str(), flags) < 0) {
    const int err = errno;
    return sys_error(err, "rename %s to %s", show_at(from_dir, from).c_str(),
                     show_at(to_dir, to).c_str());
  }
  return {};
}

Result<std::string> readlinkat(BorrowedFd dir, const std::string& path) {
  std::string target(256, '\0');
  while (true) {
    const ssize_t length = ::readlinkat(dir.raw(), path.c_str(), target.data(), target.size());
    if (length < 0) return at_error(errno, "readlink", dir, path);
    if (static_cast<std::size_t>(length) < target.size()) {
      target.resize(static_cast<std::size_t>(length));
      return target;
    }
    target.resize(target.size() * 2);
  }
}

Result<struct stat> fstatat(BorrowedFd dir, const std::string& path, int flags) {
  struct stat st {};
  if (::fstatat(dir.raw(), path.c_str(), &st, flags | (path.empty() ? AT_EMPTY_PATH : 0)) < 0)
    return at_error(errno, "stat", dir, path);
  return st;
}

Result<std::optional<struct stat>> fstatat_if_exists(BorrowedFd dir, const std::string& path,
                                                     int flags) {
  struct stat st {};
  if (::fstatat(dir.raw(), path.c_str(), &st, flags) == 0) return std::optional<struct stat>(st);
  if (errno == ENOENT) return std::optional<struct stat>();
  return at_error(errno, "stat", dir, path);
}

Result<struct stat> fstat(BorrowedFd fd) { return fstatat(fd, "", 0); }

Result<struct statx> statx(BorrowedFd dir, const std::string& path, int flags, unsigned mask) {
  struct statx stx {};
  if (::statx(dir.raw(), path.c_str(), flags | (path.empty() ? AT_EMPTY_PATH : 0), mask, &stx) < 0)
    return at_error(errno, "statx", dir, path);
  return stx;
}

Result<struct statfs> fstatfs(BorrowedFd fd) {
  struct statfs fs {};
  if (::fstatfs(fd.raw(), &fs) < 0) return at_error(errno, "statfs", fd, "");
  return fs;
}

Result<struct statfs> statfs(const std::string& path) {
  struct statfs fs {};
  if (::statfs(path.c_str(), &fs) < 0) return at_error(errno, "statfs", kCwd, path);
  return fs;
}

Result<bool> exists(BorrowedFd dir, const std::string& path) {
  if (::faccessat(dir.raw(), path.c_str(), F_OK, 0) == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  return at_error(errno, "access", dir, path);
}

Result<void> fchownat(BorrowedFd dir, const std::string& path, uid_t uid, gid_t gid, int flags) {
  const int all = flags | (path.empty() ? AT_EMPTY_PATH : 0);
  if (::fchownat(dir.raw(), path.c_str(), uid, gid, all) < 0) {
    const int err = errno;
    return sys_error(err, "chown %s to %u:%u", show_at(dir, path).c_str(), uid, gid);
  }
  return {};
}

Result<void> fchmod(BorrowedFd fd, mode_t mode) {
  if (::fchmod(fd.raw(), mode) < 0) return at_error(errno, "chmod", fd, "");
  return {};
}

Result<void> fchmodat(BorrowedFd dir, const std::string& path, mode_t mode) {
  if (::fchmodat(dir.raw(), path.c_str(), mode, 0) < 0) return at_error(errno, "chmod", dir, path);
  return {};
}

Result<void> faccessat(BorrowedFd dir, const std::string& path, int mode) {
  if (::faccessat(dir.raw(), path.c_str(), mode, AT_EACCESS) < 0)
    return at_error(errno, "access", dir, path);
  return {};
}

Result<void> ftruncate(BorrowedFd fd, off_t length) {
  if (::ftruncate(fd.raw(), length) < 0) return at_error(errno, "truncate", fd, "");
  return {};
}

Result<off_t> lseek(BorrowedFd fd, off_t offset, int whence) {
  const off_t at = ::lseek(fd.raw(), offset, whence);
  if (at < 0) return at_error(errno, "seek", fd, "");
  return at;
}

Result<void> flock(BorrowedFd fd, int operation) {
  if (retry([&] { return ::flock(fd.raw(), operation); }) < 0)
    return at_error(errno, "lock", fd, "");
  return {};
}

Result<void> chdir(const std::string& path) {
  if (::chdir(path.c_str()) < 0) return at_error(errno, "chdir to", kCwd, path);
  return {};
}

Result<void> fchdir(BorrowedFd dir) {
  if (::fchdir(dir.raw()) < 0) return at_error(errno, "chdir to", dir, "");
  return {};
}

Result<void> chroot(const std::string& path) {
  if (::chroot(path.c_str()) < 0) return at_error(errno, "chroot to", kCwd, path);
  return {};
}

Result<std::string> getcwd() {
  char* path = ::getcwd(nullptr, 0);
  if (path == nullptr) {
    const int err = errno;
    return sys_error(err, "getcwd");
  }
  std::string copy = path;
  std::free(path);
  return copy;
}

Result<void> setxattr(const std::string& path, const std::string& name, std::string_view value,
                      int flags) {
  if (::setxattr(path.c_str(), name.c_str(), value.data(), value.size(), flags) < 0) {
    const int err = errno;
    return sys_error(err, "set attribute %s of %s", name.c_str(), quote(path).c_str());
  }
  return {};
}

Result<void> removexattr(const std::string& path, const std::string& name) {
  if (::removexattr(path.c_str(), name.c_str()) < 0) {
    const int err = errno;
    return sys_error(err, "remove attribute %s of %s", name.c_str(), quote(path).c_str());
  }
  return {};
}

Result<std::optional<std::string>> getxattr(const std::string& path, const std::string& name) {
  std::string value(256, '\0');
  while (true) {
    const ssize_t size = ::getxattr(path.c_str(), name.c_str(), value.data(), value.size());
    if (size >= 0) {
      value.resize(static_cast<std::size_t>(size));
      return std::optional<std::string>(std::move(value));
    }
    if (errno == ENODATA || errno == EOPNOTSUPP) return std::optional<std::string>();
    if (errno != ERANGE) break;
    value.resize(64U << 10);  // the most there can be
  }
  const int err = errno;
  return sys_error(err, "read attribute %s of %s", name.c_str(), quote(path).c_str());
}

Result<std::vector<DirEntry>> list_dir(BorrowedFd dir) {
  const UniqueFd copy = TRY(openat(dir, ".", O_RDONLY | O_DIRECTORY));
  std::vector<DirEntry> entries;
  alignas(dirent64) char buffer[8192];
  while (true) {
    const ssize_t got = ::getdents64(copy.raw(), buffer, sizeof buffer);
    if (got < 0) return at_error(errno, "list", dir, "");
    if (got == 0) return entries;
    for (ssize_t at = 0; at < got;) {
      const auto* entry = reinterpret_cast<const dirent64*>(buffer + at);
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") entries.push_back({std::string(name), entry->d_type});
      at += entry->d_reclen;
    }
  }
}

Result<void> remove_tree(BorrowedFd dir, const std::string& name) {
  if (::unlinkat(dir.raw(), name.c_str(), 0) == 0 || errno == ENOENT) return {};
  if (errno != EISDIR && errno != EPERM) return at_error(errno, "unlink", dir, name);
  const UniqueFd sub = TRY(openat2(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0,
                                   RESOLVE_NO_XDEV | RESOLVE_BENEATH));
  const std::vector<DirEntry> entries = TRY(list_dir(sub));
  for (const DirEntry& entry : entries) TRY(remove_tree(sub, entry.name));
  return unlinkat(dir, name, AT_REMOVEDIR);
}

std::string proc_path(BorrowedFd fd) { return strf("/proc/self/fd/%d", fd.raw()); }

}  // namespace ctr::sys
