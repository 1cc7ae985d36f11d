// SPDX-License-Identifier: Apache-2.0
// A socket as somebody wants it, as a value: what ns_open_file and the annotation
// org.ctrtool.listen say in words (socket_words.h), opened in whatever namespaces the caller is in.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"

namespace ctr {

struct SocketAddress {
  std::string bytes;         // a sockaddr as the kernel reads it
  std::string interface {};  // by name: its index is looked up where the socket is made
  std::string path{};        // of a unix socket that is a file
  std::string text;          // as it was written
  int family() const;
  bool operator==(const SocketAddress&) const = default;
};

struct SocketOption {
  int level;
  int name;
  std::string value;       // as setsockopt(2) reads it
  std::string text;        // as it was written
  bool connected = false;  // it makes sense only afterwards
  bool operator==(const SocketOption&) const = default;
};

// Of a unix socket that is a file.
struct SocketFile {
  std::optional<mode_t> mode{};
  std::optional<uid_t> uid{};
  std::optional<gid_t> gid{};
  bool unlink = false;  // a socket that is there already goes first
  bool operator==(const SocketFile&) const = default;
};

// listen(2) takes it as "as many as net.core.somaxconn allows".
inline constexpr int kMaxBacklog = -1;

struct SocketRequest {
  int domain;
  int type = SOCK_STREAM;  // with SOCK_NONBLOCK or without
  int protocol = 0;
  std::vector<SocketOption> options{};
  std::optional<SocketAddress> bind{};
  SocketFile file{};
  std::optional<int> backlog{};  // absent: it does not listen
  std::optional<SocketAddress> connect{};
  int connect_timeout_ms = -1;  // < 0: the kernel's patience
  bool operator==(const SocketRequest&) const = default;
};

// A socket to hand over by the protocol of sd_listen_fds(3).
struct ListenSocket {
  std::string name;  // of LISTEN_FDNAMES
  SocketRequest request;
  bool operator==(const ListenSocket&) const = default;
};

// Close-on-exec. `directory`: where the relative path of a unix socket begins.
Result<UniqueFd> open_socket(const SocketRequest& request, BorrowedFd directory = kCwd);

// EINPROGRESS of a socket that does not wait is no error.
Result<void> connect_socket(BorrowedFd socket, const SocketAddress& to, int timeout_ms = -1,
                            BorrowedFd directory = kCwd);

// "inet stream 127.0.0.1,80, reuseaddr, backlog 16"
std::string describe(const SocketRequest& request);

}  // namespace ctr
