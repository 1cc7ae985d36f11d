// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/exec/copy_up.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/file.h"

namespace ctr {
namespace {

constexpr int kMaxDepth = 256;  // of a hostile image: each level holds descriptors open

Result<void> copy_directory(BorrowedFd from, BorrowedFd to, int depth);

Result<void> copy_range(BorrowedFd from, BorrowedFd to, off_t at, off_t end) {
  if (::lseek(to.raw(), at, SEEK_SET) < 0) {
    const int err = errno;
    return sys_error(err, "copy: lseek");
  }
  while (at < end) {
    const ssize_t sent = ::sendfile(to.raw(), from.raw(), &at, static_cast<std::size_t>(end - at));
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) {
      const int err = errno;
      return sys_error(err, "copy");
    }
    if (sent == 0) break;  // it became shorter meanwhile
  }
  return {};
}

// Holes stay holes: a file that takes nothing in the image takes no memory here.
Result<void> copy_bytes(BorrowedFd from, BorrowedFd to, off_t size) {
  for (off_t at = 0; at < size;) {
    const off_t data = ::lseek(from.raw(), at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;
    const off_t begin = data < 0 ? at : data;  // not every file system knows its holes
    const off_t hole = data < 0 ? size : ::lseek(from.raw(), begin, SEEK_HOLE);
    const off_t end = hole <= begin || hole > size ? size : hole;
    TRY(copy_range(from, to, begin, end));
    at = end;
  }
  if (::ftruncate(to.raw(), size) < 0) {
    const int err = errno;
    return sys_error(err, "copy: ftruncate to %lld bytes", static_cast<long long>(size));
  }
  return {};
}

Result<void> copy_file(BorrowedFd from, BorrowedFd to, const std::string& name,
                       const struct stat& st) {
  const UniqueFd source =
      TRY(sys::openat2(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0,
                       RESOLVE_BENEATH | RESOLVE_NO_XDEV));
  const UniqueFd target =
      TRY(sys::openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  return copy_bytes(source, target, st.st_size);
}

Result<void> copy_sub_directory(BorrowedFd from, BorrowedFd to, const std::string& name,
                                int depth) {
  TRY(sys::mkdirat(to, name, 0700));
  const UniqueFd source = TRY(sys::openat2(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0,
                                           RESOLVE_BENEATH | RESOLVE_NO_XDEV));
  const UniqueFd target = TRY(sys::openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  return copy_directory(source, target, depth + 1);
}

Result<void> copy_entry(BorrowedFd from, BorrowedFd to, const std::string& name, int depth) {
  const struct stat st = TRY(sys::fstatat(from, name, AT_SYMLINK_NOFOLLOW));
  if (S_ISLNK(st.st_mode)) {
    const std::string target = TRY(sys::readlinkat(from, name));
    TRY(sys::symlinkat(target, to, name));
    return sys::fchownat(to, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW);
  }
  if (S_ISREG(st.st_mode)) {
    TRY(copy_file(from, to, name, st));
  } else if (S_ISDIR(st.st_mode)) {
    TRY(copy_sub_directory(from, to, name, depth));
  } else {
    TRY(sys::mknodat(to, name, st.st_mode, st.st_rdev));
  }
  TRY(sys::fchownat(to, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW));
  TRY(sys::fchmodat(to, name, st.st_mode & 07777));
  const timespec times[2] = {st.st_atim, st.st_mtim};
  ::utimensat(to.raw(), name.c_str(), times, AT_SYMLINK_NOFOLLOW);
  return {};
}

Result<void> copy_directory(BorrowedFd from, BorrowedFd to, int depth) {
  if (depth > kMaxDepth) return sys_error(ELOOP, "copy more than %d directories deep", kMaxDepth);
  const std::vector<sys::DirEntry> entries = TRY(sys::list_dir(from));
  for (const sys::DirEntry& entry : entries)
    TRY_CTX(copy_entry(from, to, entry.name, depth), "copy up %s", quote(entry.name).c_str());
  return {};
}

}  // namespace

Result<void> copy_tree(BorrowedFd from, BorrowedFd to) { return copy_directory(from, to, 0); }

Result<void> copy_owner(BorrowedFd from, BorrowedFd to) {
  const struct stat st = TRY(sys::fstat(from));
  const Result<void> given = sys::fchownat(to, "", st.st_uid, st.st_gid, 0);
  return !given.ok() && given.error().code == EINVAL ? Result<void>() : given;
}

Result<void> copy_mode(BorrowedFd from, BorrowedFd to) {
  const struct stat st = TRY(sys::fstat(from));
  const UniqueFd readable = TRY(sys::openat(to, ".", O_RDONLY | O_DIRECTORY));
  return sys::fchmod(readable, st.st_mode & 07777);
}

}  // namespace ctr
