// SPDX-License-Identifier: Apache-2.0
// landlock(7): what this process may do with files, less and less, for itself and its children.
// Errors: ENOSYS and EOPNOTSUPP, the kernel is older than Linux 5.13 or was started without it.
#pragma once

#include <cstdint>
#include <string>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"

namespace ctr::sys {

// `rights`: LANDLOCK_ACCESS_FS_*, forbidden everywhere that no rule allows them.
Result<UniqueFd> landlock_create_ruleset(std::uint64_t rights);
// At and below this directory.
Result<void> landlock_allow_beneath(BorrowedFd ruleset, const std::string& path,
                                    std::uint64_t rights);
// Needs no_new_privs, or CAP_SYS_ADMIN.
Result<void> landlock_restrict_self(BorrowedFd ruleset);

}  // namespace ctr::sys
