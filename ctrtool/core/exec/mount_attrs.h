// SPDX-License-Identifier: Apache-2.0
// What a MountAttrs asks of one mount, applied through its descriptor.
#pragma once

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"
#include "ctrtool/core/plan/op.h"

namespace ctr {

Result<void> set_attrs(BorrowedFd mount, const MountAttrs& attrs);

}  // namespace ctr
