// SPDX-License-Identifier: Apache-2.0
// mount(2) and the descriptor-based mount API (Linux 5.2; mount_setattr 5.12).
#pragma once

#include <sys/mount.h>

#include <string>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"
#include "ctrtool/core/sys/compat.h"

namespace ctr::sys {

// Empty source or type: a null pointer, as remounts want it. Empty data: none.
Result<void> mount(const std::string& source, const std::string& target, const std::string& type,
                   unsigned long flags, const std::string& data);
Result<void> umount2(const std::string& target, int flags);
Result<void> pivot_root(const std::string& new_root, const std::string& put_old);

// A detached copy of the mount at dir/path with OPEN_TREE_CLONE, or a plain O_PATH without.
Result<UniqueFd> open_tree(BorrowedFd dir, const std::string& path, unsigned flags);
// Attaches the detached mount `from` at dir/to; with an empty `to` on `dir` itself.
Result<void> move_mount(BorrowedFd from, BorrowedFd dir, const std::string& to);
// `flags`: AT_RECURSIVE, AT_SYMLINK_NOFOLLOW. With an empty path on `dir` itself.
Result<void> mount_setattr(BorrowedFd dir, const std::string& path, unsigned flags,
                           const struct mount_attr& attr);
Result<UniqueFd> fsopen(const std::string& type);
Result<void> fsconfig_string(BorrowedFd fs, const std::string& key, const std::string& value);
Result<void> fsconfig_flag(BorrowedFd fs, const std::string& key);
Result<void> fsconfig_binary(BorrowedFd fs, const std::string& key, const std::string& bytes);
Result<void> fsconfig_fd(BorrowedFd fs, const std::string& key, BorrowedFd value);
Result<void> fsconfig_path(BorrowedFd fs, const std::string& key, BorrowedFd dir,
                           const std::string& path);
Result<void> fsconfig_create(BorrowedFd fs);
Result<UniqueFd> fsmount(BorrowedFd fs, unsigned attributes);

}  // namespace ctr::sys
