// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/exec/gate.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/process.h"
#include "ctrtool/core/sys/socket.h"

namespace ctr {
namespace {

constexpr int kEndsWithinMs = 5000;  // an init that has said why it cannot start

// Waits until the channel has something to say; false when init died without a word.
Result<bool> wait_for_word(const Channel& channel, BorrowedFd init) {
  pollfd fds[2] = {{channel.socket().raw(), POLLIN, 0}, {init.raw(), POLLIN, 0}};
  while (::poll(fds, 2, -1) < 0) {
    if (errno == EINTR) continue;
    const int err = errno;
    return sys_error(err, "wait for the container's process");
  }
  return fds[0].revents != 0;
}

Error died_before_start() {
  return make_error(Kind::ChildDied,
                    "the container's process ended before its program was started");
}

}  // namespace

Result<UniqueFd> make_gate(const std::string& path) {
  constexpr int kBacklog = 16;
  return sys::listen_unix(path, SOCK_SEQPACKET, kBacklog);
}

Result<bool> gate_waits(const std::string& path) {
  const Result<UniqueFd> socket = sys::connect_unix(path, SOCK_SEQPACKET | SOCK_NONBLOCK);
  if (socket.ok() || socket.error().code == EAGAIN) return true;
  const int err = socket.error().code;
  if (err == ECONNREFUSED || err == ENOENT) return false;
  return socket.error();
}

Result<void> await_start(const Channel& channel, BorrowedFd init) {
  bool starting = false;
  while (true) {
    const bool word = TRY(wait_for_word(channel, init));
    // Whoever forked after it began to start holds the channel open for as long.
    if (!word && !starting) return died_before_start();
    const std::optional<ChannelMessage> message = TRY(channel.receive());
    if (!message.has_value()) break;
    if (message->type == MessageType::Starting) {
      starting = true;
      continue;
    }
    std::optional<Error> error = decode_error(message->payload);
    if (message->type == MessageType::Failed && error.has_value()) return *std::move(error);
    return make_error(Kind::System, "unknown answer from the container's process");
  }
  if (!starting) return died_before_start();
  return {};
}

Result<void> release_gate(const std::string& path, BorrowedFd init) {
  const Channel channel(TRY(sys::connect_unix(path, SOCK_SEQPACKET)));
  TRY(channel.send(MessageType::Go));
  TRY(sys::unlinkat(kCwd, path, 0));
  Result<void> started = await_start(channel, init);
  if (started.ok()) return {};
  const Result<bool> ended = sys::wait_pidfd(init, kEndsWithinMs);
  if (!ended.ok()) started.error().message += "; then: " + ended.error().message;
  return started;
}

Result<Channel> wait_at_gate(BorrowedFd listener) {
  while (true) {
    Channel channel(TRY(sys::accept(listener)));
    const Result<std::optional<ChannelMessage>> message = channel.receive();
    if (message.ok() && message->has_value() && (*message)->type == MessageType::Go) return channel;
  }
}

}  // namespace ctr
