// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/sys/mount.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/show.h"

namespace ctr::sys {
namespace {

const char* or_null(const std::string& text) { return text.empty() ? nullptr : text.c_str(); }

Error fs_error(int err, BorrowedFd fs, const std::string& what) {
  // The file system context keeps the kernel's own words: "e /proc: Unknown parameter 'x'".
  char line[256];
  const ssize_t length = ::read(fs.raw(), line, sizeof line);
  Error error = sys_error(err, "%s", what.c_str());
  if (length > 2) {
    const std::string_view text{line + 2, static_cast<std::size_t>(length) - 2};
    error.message += " (" + escape(trim(text)) + ")";
  }
  return error;
}

}  // namespace

Result<void> mount(const std::string& source, const std::string& target, const std::string& type,
                   unsigned long flags, const std::string& data) {
  if (::mount(or_null(source), target.c_str(), or_null(type), flags, or_null(data)) < 0) {
    const int err = errno;
    return sys_error(err, "mount %s on %s", quote(source.empty() ? type : source).c_str(),
                     quote(target).c_str());
  }
  return {};
}

Result<void> umount2(const std::string& target, int flags) {
  if (::umount2(target.c_str(), flags) < 0) {
    const int err = errno;
    return sys_error(err, "umount %s", quote(target).c_str());
  }
  return {};
}

Result<void> pivot_root(const std::string& new_root, const std::string& put_old) {
  if (::syscall(SYS_pivot_root, new_root.c_str(), put_old.c_str()) < 0) {
    const int err = errno;
    return sys_error(err, "pivot_root to %s", quote(new_root).c_str());
  }
  return {};
}

Result<UniqueFd> open_tree(BorrowedFd dir, const std::string& path, unsigned flags) {
  const unsigned all = flags | OPEN_TREE_CLOEXEC | (path.empty() ? AT_EMPTY_PATH : 0U);
  const long fd = ::syscall(SYS_open_tree, dir.raw(), path.c_str(), all);
  if (fd < 0) {
    const int err = errno;
    return sys_error(err, "open_tree %s", show_at(dir, path).c_str());
  }
  return UniqueFd(static_cast<int>(fd));
}

Result<void> move_mount(BorrowedFd from, BorrowedFd dir, const std::string& to) {
  const unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | (to.empty() ? MOVE_MOUNT_T_EMPTY_PATH : 0U);
  if (::syscall(SYS_move_mount, from.raw(), "", dir.raw(), to.c_str(), flags) < 0) {
    const int err = errno;
    return sys_error(err, "move_mount %s to %s", show(from).c_str(), show_at(dir, to).c_str());
  }
  return {};
}

Result<void> mount_setattr(BorrowedFd dir, const std::string& path, unsigned flags,
                           const struct mount_attr& attr) {
  struct mount_attr copy = attr;
  const unsigned all = flags | (path.empty() ? AT_EMPTY_PATH : 0U);
  if (::syscall(SYS_mount_setattr, dir.raw(), path.c_str(), all, &copy, sizeof copy) < 0) {
    const int err = errno;
    return sys_error(err, "mount_setattr %s", show_at(dir, path).c_str());
  }
  return {};
}

Result<UniqueFd> fsopen(const std::string& type) {
  const long fd = ::syscall(SYS_fsopen, type.c_str(), FSOPEN_CLOEXEC);
  if (fd < 0) {
    const int err = errno;
    return sys_error(err, "fsopen %s", quote(type).c_str());
  }
  return UniqueFd(static_cast<int>(fd));
}

Result<void> fsconfig_string(BorrowedFd fs, const std::string& key, const std::string& value) {
  if (::syscall(SYS_fsconfig, fs.raw(), FSCONFIG_SET_STRING, key.c_str(), value.c_str(), 0) < 0)
    return fs_error(errno, fs, strf("fsconfig %s=%s", quote(key).c_str(), quote(value).c_str()));
  return {};
}

Result<void> fsconfig_flag(BorrowedFd fs, const std::string& key) {
  if (::syscall(SYS_fsconfig, fs.raw(), FSCONFIG_SET_FLAG, key.c_str(), nullptr, 0) < 0)
    return fs_error(errno, fs, strf("fsconfig %s", quote(key).c_str()));
  return {};
}

Result<void> fsconfig_binary(BorrowedFd fs, const std::string& key, const std::string& bytes) {
  if (::syscall(SYS_fsconfig, fs.raw(), FSCONFIG_SET_BINARY, key.c_str(), bytes.data(),
                bytes.size()) < 0)
    return fs_error(errno, fs, strf("fsconfig %s, %zu bytes", quote(key).c_str(), bytes.size()));
  return {};
}

Result<void> fsconfig_fd(BorrowedFd fs, const std::string& key, BorrowedFd value) {
  if (::syscall(SYS_fsconfig, fs.raw(), FSCONFIG_SET_FD, key.c_str(), nullptr, value.raw()) < 0)
    return fs_error(errno, fs, strf("fsconfig %s, %s", quote(key).c_str(), show(value).c_str()));
  return {};
}

Result<void> fsconfig_path(BorrowedFd fs, const std::string& key, BorrowedFd dir,
                           const std::string& path) {
  if (::syscall(SYS_fsconfig, fs.raw(), FSCONFIG_SET_PATH, key.c_str(), path.c_str(), dir.raw()) <
      0)
    return fs_error(errno, fs,
                    strf("fsconfig %s, path %s", quote(key).c_str(), show_at(dir, path).c_str()));
  return {};
}

Result<void> fsconfig_create(BorrowedFd fs) {
  if (::syscall(SYS_fsconfig, fs.raw(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0)
    return fs_error(errno, fs, "fsconfig create");
  return {};
}

Result<UniqueFd> fsmount(BorrowedFd fs, unsigned attributes) {
  const long fd = ::syscall(SYS_fsmount, fs.raw(), FSMOUNT_CLOEXEC, attributes);
  if (fd < 0) return fs_error(errno, fs, "fsmount");
  return UniqueFd(static_cast<int>(fd));
}

}  // namespace ctr::sys
