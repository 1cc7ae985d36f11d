// SPDX-License-Identifier: Apache-2.0
// User namespaces that nobody lives in: mount_setattr(2) takes the ID maps of an id-mapped mount in
// the form of such a namespace, and of nothing else.
#pragma once

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"
#include "ctrtool/core/kit/idmap.h"

namespace ctr {

// Both maps are written by us, who must have the right to: CAP_SETUID and CAP_SETGID in our own
// user namespace.
Result<UniqueFd> make_user_namespace(const IdMap& uids, const IdMap& gids);

}  // namespace ctr
