// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/sys/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "ctrtool/core/sys/show.h"

namespace ctr::sys {
namespace {

template <typename T>
Result<T> option(BorrowedFd socket, int name) {
  T value{};
  socklen_t size = sizeof value;
  if (::getsockopt(socket.raw(), SOL_SOCKET, name, &value, &size) == 0) return value;
  const int err = errno;
  return sys_error(err, "getsockopt %s", show(socket).c_str());
}

std::string text_of(int family, const void* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(family, address, text.data(), text.size());
  return text.data();
}

}  // namespace

Result<int> socket_option(BorrowedFd socket, int name) { return option<int>(socket, name); }

Result<void> listen_on(BorrowedFd socket) {
  if (::listen(socket.raw(), SOMAXCONN) == 0) return {};
  const int err = errno;
  return sys_error(err, "listen on %s", show(socket).c_str());
}

Result<ucred> peer_credentials(BorrowedFd socket) { return option<ucred>(socket, SO_PEERCRED); }

Result<std::optional<InetAddress>> peer_address(BorrowedFd socket) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (::getpeername(socket.raw(), reinterpret_cast<sockaddr*>(&storage), &size) < 0) {
    const int err = errno;
    return sys_error(err, "getpeername %s", show(socket).c_str());
  }
  std::optional<InetAddress> peer;
  if (storage.ss_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, &storage, sizeof in);
    peer = InetAddress{text_of(AF_INET, &in.sin_addr), ntohs(in.sin_port)};
  } else if (storage.ss_family == AF_INET6) {
    sockaddr_in6 in{};
    std::memcpy(&in, &storage, sizeof in);
    peer = InetAddress{text_of(AF_INET6, &in.sin6_addr), ntohs(in.sin6_port)};
  }
  return peer;
}

}  // namespace ctr::sys
