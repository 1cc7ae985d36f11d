// SPDX-License-Identifier: Apache-2.0
// Sockets that somebody gave us: what they are, and who is at the other end.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"

namespace ctr::sys {

// getsockopt(2) of a number, SOL_SOCKET: SO_DOMAIN, SO_TYPE, SO_ACCEPTCONN.
Result<int> socket_option(BorrowedFd socket, int name);
// Once more on a socket that is bound: the backlog as the kernel allows it.
Result<void> listen_on(BorrowedFd socket);
// SO_PEERCRED of a unix socket: who connected, or made the pair.
Result<ucred> peer_credentials(BorrowedFd socket);

struct InetAddress {
  std::string address;
  std::uint16_t port;
};
// Nothing for other families.
Result<std::optional<InetAddress>> peer_address(BorrowedFd socket);

}  // namespace ctr::sys
