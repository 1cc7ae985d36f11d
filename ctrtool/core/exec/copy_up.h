// SPDX-License-Identifier: Apache-2.0
// tmpcopyup: a tmpfs that starts with what it covers.
#pragma once

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"

namespace ctr {

// Copies everything below directory `from` to directory `to`: files, directories, links, special
// files, with owner, mode and times. Never follows a link, never crosses a mount.
Result<void> copy_tree(BorrowedFd from, BorrowedFd to);
// Of the directory itself. An owner whom our user namespace does not know cannot be given, and is
// not.
Result<void> copy_owner(BorrowedFd from, BorrowedFd to);
Result<void> copy_mode(BorrowedFd from, BorrowedFd to);

}  // namespace ctr
