// SPDX-License-Identifier: Apache-2.0
// Namespaces: setns(2), unshare(2), the nsfs ioctls, host and domain name.
#pragma once

#include <sys/types.h>

#include <string>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"
#include "ctrtool/core/sys/compat.h"

namespace ctr::sys {

// `fd`: a namespace file (type: one CLONE_NEW* or 0) or a pidfd (types: several; Linux 5.8).
Result<void> setns(BorrowedFd fd, int types);
Result<void> unshare(int flags);
// The CLONE_NEW* constant of a namespace file (NS_GET_NSTYPE, Linux 4.11).
Result<int> namespace_type(BorrowedFd fd);
// The user namespace that owns this namespace (NS_GET_USERNS).
Result<UniqueFd> owning_userns(BorrowedFd fd);
// The parent of a user or PID namespace (NS_GET_PARENT). EPERM: it is out of our sight.
Result<UniqueFd> parent_namespace(BorrowedFd fd);
// Whoever made this user namespace (NS_GET_OWNER_UID), as our own user namespace numbers it.
Result<uid_t> namespace_owner_uid(BorrowedFd fd);
// The network namespace that a socket was made in (SIOCGSKNS, Linux 4.9).
Result<UniqueFd> socket_netns(BorrowedFd socket);
Result<void> sethostname(const std::string& name);
Result<void> setdomainname(const std::string& name);

}  // namespace ctr::sys
