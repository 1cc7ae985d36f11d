// SPDX-License-Identifier: Apache-2.0
// Unix sockets and descriptor passing.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"

namespace ctr::sys {

struct SocketPair {
  UniqueFd first;
  UniqueFd second;
};
Result<SocketPair> socketpair(int type);
Result<UniqueFd> socket(int domain, int type, int protocol);
// `address`: a sockaddr as the kernel reads it; `shown`: how messages call it.
Result<void> bind(BorrowedFd socket, std::string_view address, const std::string& shown);
// EINPROGRESS (of a socket that does not wait) and ETIMEDOUT (SO_SNDTIMEO) are errors like others.
Result<void> connect(BorrowedFd socket, std::string_view address, const std::string& shown);
Result<void> listen(BorrowedFd socket, int backlog);
Result<bool> is_nonblocking(BorrowedFd socket);
Result<void> setsockopt(BorrowedFd socket, int level, int name, std::string_view value,
                        const std::string& shown);
// In the network namespace of the socket.
Result<int> interface_index(BorrowedFd socket, const std::string& name);
// Paths longer than sun_path go through an O_PATH descriptor of the directory. EAGAIN (of a socket
// that does not wait: too many others do) is an error like others.
Result<UniqueFd> connect_unix(const std::string& path, int type);
// An abstract address, without the leading NUL.
Result<UniqueFd> connect_abstract(const std::string& name, int type);
// Bound with umask 077, as listen_unix.
Result<UniqueFd> bind_unix(const std::string& path, int type);
// Bound with umask 077 and listening; a stale file at `path` is an error (EADDRINUSE).
Result<UniqueFd> listen_unix(const std::string& path, int type, int backlog);
Result<UniqueFd> accept(BorrowedFd listener);

// send(2) with MSG_NOSIGNAL: how many of the bytes went. EAGAIN is an error like others.
Result<std::size_t> send(BorrowedFd socket, std::string_view data);
// One message with its descriptors (at most 253). MSG_NOSIGNAL always.
Result<void> send_message(BorrowedFd socket, std::string_view data,
                          const std::vector<BorrowedFd>& fds);
struct Message {
  std::string data;
  std::vector<UniqueFd> fds;
  bool end = false;  // the peer is gone
  // Who sent it, by the kernel's word: where set_passcred() has asked for it.
  std::optional<ucred> sender{};
};
// A message of more than `limit` bytes, or descriptors that did not all arrive: an error
// (EMSGSIZE), or cut without a word.
enum class Overlong : std::uint8_t { Fail, Cut };
Result<Message> receive_message(BorrowedFd socket, std::size_t limit,
                                Overlong overlong = Overlong::Fail);
// The same, for who has a buffer: its size is the limit.
Result<Message> receive_message(BorrowedFd socket, std::span<char> buffer,
                                Overlong overlong = Overlong::Fail);
Result<void> set_passcred(BorrowedFd socket, bool on);

}  // namespace ctr::sys
