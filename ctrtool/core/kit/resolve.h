// SPDX-License-Identifier: Apache-2.0
// Paths of a container: resolved inside its root, never outside, whatever the tree holds and
// whoever changes it meanwhile. Links are followed as if the root were "/". The answer is a
// descriptor; use that, not the path again (CVE-2021-30465, CVE-2024-45310).
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"

namespace ctr {

enum class Follow : std::uint8_t { Yes, NotLast, Never };

// openat2 with RESOLVE_IN_ROOT and without magic links. `flags`: O_PATH, O_RDONLY...
Result<UniqueFd> open_in_root(BorrowedFd root, const std::string& path, int flags,
                              Follow follow = Follow::Yes);
// Nothing when the path, or a directory on the way, is missing.
Result<std::optional<UniqueFd>> open_in_root_if_exists(BorrowedFd root, const std::string& path,
                                                       int flags, Follow follow = Follow::Yes);

// openat2 with RESOLVE_BENEATH: a path that leads out of `top`, as an absolute one does, a link or
// "..", is an error, EXDEV.
Result<UniqueFd> open_beneath(BorrowedFd top, const std::string& path, int flags,
                              Follow follow = Follow::Yes);

// What the last component becomes when it is missing. Missing directories on the way get 0755.
enum class Missing : std::uint8_t { Directory, File };
// An O_PATH descriptor of `path`, made if missing. A dangling link is re-based inside the root.
Result<UniqueFd> ensure_in_root(BorrowedFd root, const std::string& path, Missing missing,
                                mode_t mode, Follow follow = Follow::Yes);

// The directory that holds the last component, and that component's name: for mknodat and
// symlinkat.
struct Parent {
  UniqueFd directory;
  std::string name;
};
Result<Parent> ensure_parent_in_root(BorrowedFd root, const std::string& path);

}  // namespace ctr
