// SPDX-License-Identifier: Apache-2.0
// The ID maps of user namespaces, and user namespaces that nobody lives in: mount_setattr(2) takes
// the maps of an id-mapped mount in the form of such a namespace, and of nothing else.
#pragma once

#include <cstdint>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"
#include "ctrtool/core/kit/idmap.h"

namespace ctr {

// In the new namespace of the process whose directory in /proc this is.
enum class SetGroups : std::uint8_t { AsItIs, Deny };
// An empty map is not written.
Result<void> write_id_maps(BorrowedFd process, const IdMap& uids, const IdMap& gids,
                           SetGroups set_groups);
Result<void> write_project_map(BorrowedFd process, const IdMap& projects);

// Both maps are written by us, who must have the right to: CAP_SETUID and CAP_SETGID in our own
// user namespace.
Result<UniqueFd> make_user_namespace(const IdMap& uids, const IdMap& gids);

}  // namespace ctr
