// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/exec/channel.h"

#include <sys/socket.h>

#include <span>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/socket.h"

namespace ctr {
namespace {

// A seccomp program of the kernel's 4096 instructions is 32 KiB; error texts are shorter.
constexpr std::size_t kMaxMessage = 64U << 10;

}  // namespace

// Not filled with zeros: pages that nobody touches cost nothing.
Channel::Channel(UniqueFd socket)
    : socket_(std::move(socket)), buffer_(std::make_unique_for_overwrite<char[]>(kMaxMessage)) {}

Result<void> Channel::send(MessageType type, std::string_view payload,
                           const std::vector<BorrowedFd>& fds) const {
  std::string data(1, static_cast<char>(type));
  data += payload.substr(0, kMaxMessage - 1);
  return sys::send_message(socket_, data, fds);
}

Result<std::optional<ChannelMessage>> Channel::receive() const {
  sys::Message message = TRY(sys::receive_message(socket_, std::span(buffer_.get(), kMaxMessage)));
  if (message.end) return std::optional<ChannelMessage>();
  const auto type = static_cast<std::uint8_t>(message.data.front());
  if (type < static_cast<std::uint8_t>(MessageType::UserMade) ||
      type > static_cast<std::uint8_t>(MessageType::Failed))
    return make_error(Kind::System, "channel: unknown message %u", type);
  return std::optional<ChannelMessage>(ChannelMessage{
      static_cast<MessageType>(type), message.data.substr(1), std::move(message.fds)});
}

Result<ChannelMessage> Channel::expect(MessageType type) const {
  std::optional<ChannelMessage> message = TRY(receive());
  if (!message.has_value())
    return make_error(Kind::ChildDied, "the other side of the channel is gone");
  if (message->type == MessageType::Failed) {
    std::optional<Error> error = decode_error(message->payload);
    if (error.has_value()) return *std::move(error);
  }
  if (message->type != type)
    return make_error(Kind::System, "channel: message %u where %u was due",
                      static_cast<unsigned>(message->type), static_cast<unsigned>(type));
  return *std::move(message);
}

Result<ChannelPair> make_channel() {
  sys::SocketPair pair = TRY(sys::socketpair(SOCK_SEQPACKET));
  return ChannelPair{Channel(std::move(pair.first)), Channel(std::move(pair.second))};
}

}  // namespace ctr
