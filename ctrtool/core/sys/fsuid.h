// SPDX-License-Identifier: Apache-2.0
// setfsuid(2), setfsgid(2): who we are for the access to files alone.
#pragma once

#include <sys/types.h>

#include "ctrtool/core/base/result.h"

namespace ctr::sys {

// Neither call tells of a failure; these do (EPERM).
Result<void> setfsuid(uid_t uid);
Result<void> setfsgid(gid_t gid);

}  // namespace ctr::sys
