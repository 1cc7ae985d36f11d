// SPDX-License-Identifier: Apache-2.0
// Mount namespaces, one after the other, as the kernel has them: those that nobody is in, too.
#pragma once

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"

namespace ctr::sys {

// The one before or after `ns` among those whose owner we may administer (NS_MNT_GET_NEXT, Linux
// 6.12). ENOENT: there is none; ENOTTY: the kernel can't tell.
enum class Neighbour { Previous, Next };
Result<UniqueFd> neighbour_mount_namespace(BorrowedFd ns, Neighbour which);

}  // namespace ctr::sys
