// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/dbus.h"

#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/process.h"
#include "ctrtool/core/sys/socket.h"

namespace ctr {
namespace {

constexpr std::size_t kMaxLine = 4096;

std::int64_t now_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1000000;
}

// "%2f" → "/", as the specification has it for values in addresses.
Result<std::string> unescape(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    if (text.front() != '%') {
      out += text.front();
      text.remove_prefix(1);
      continue;
    }
    const std::uint64_t code = TRY(parse_u64(text.substr(1, 2), 0xff, 16));
    if (text.size() < 3 || code == 0)
      return make_error(Kind::InvalidSpec, "a wrong escape at %s", quote(text).c_str());
    out += static_cast<char>(code);
    text.remove_prefix(3);
  }
  return out;
}

Result<UniqueFd> connect_one(std::string_view address) {
  constexpr std::string_view kUnix = "unix:";
  constexpr int kType = SOCK_STREAM | SOCK_NONBLOCK;
  if (address.starts_with(kUnix))
    for (const std::string_view pair : split(address.substr(kUnix.size()), ',')) {
      const std::size_t equals = pair.find('=');
      if (equals == std::string_view::npos) continue;
      const std::string value = TRY(unescape(pair.substr(equals + 1)));
      if (pair.substr(0, equals) == "path") return sys::connect_unix(value, kType);
      if (pair.substr(0, equals) == "abstract") return sys::connect_abstract(value, kType);
    }
  return make_error(Kind::Unsupported, "an unknown kind of address");
}

}  // namespace

Result<Dbus> Dbus::connect(const std::string& address, const DbusPatience& patience) {
  Error error = make_error(Kind::NotFound, "no address");
  for (const std::string_view one : split(address, ';')) {
    Dbus dbus(patience);
    Result<void> opened = dbus.open(one);
    if (!opened.ok()) {
      error = std::move(opened).error();
      continue;
    }
    TRY_CTX(dbus.authenticate(), "D-Bus at %s", quote(address).c_str());
    return dbus;
  }
  return with_context(std::move(error), "D-Bus at " + quote(address));
}

std::int64_t Dbus::deadline() const { return now_ms() + patience_.timeout_ms; }

void Dbus::set_grace(int grace_ms) {
  patience_.grace_ms = grace_ms;
  grace_ends_ms_.reset();
}

// Nothing tells when a listener whose queue is full has room again.
Result<void> Dbus::open(std::string_view address) {
  constexpr std::int64_t kAgainMs = 20;
  const std::int64_t deadline_ms = deadline();
  while (true) {
    Result<UniqueFd> socket = connect_one(address);
    if (socket.ok()) {
      socket_ = std::move(socket).value();
      return {};
    }
    if (socket.error().code != EAGAIN) return std::move(socket).error();
    TRY(wait_until(std::min(now_ms() + kAgainMs, deadline_ms), 0));
    if (left_ms(deadline_ms) == 0) return sys_error(ETIMEDOUT, "D-Bus: no answer");
  }
}

// EXTERNAL without a name of ours: the peer asks for more data, which is empty, and then the kernel
// who we are. All at once, and no message before the answer: a peer that finds one behind BEGIN in
// what it has read may wait for more before it looks at it (sd-bus does).
Result<void> Dbus::authenticate() {
  constexpr std::string_view kWords("\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n", 29);
  TRY(write(kWords));
  std::string answer = TRY(read_line());
  if (answer.starts_with("DATA")) answer = TRY(read_line());
  if (answer.starts_with("OK")) return {};
  return make_error(Kind::Unsupported, "we are not let in: %s", quote(answer).c_str());
}

// 0: the time is up, even if the socket is ready: a peer may say other things for ever.
int Dbus::left_ms(std::int64_t deadline_ms) const {
  const std::int64_t end = std::min(deadline_ms, grace_ends_ms_.value_or(deadline_ms));
  return static_cast<int>(std::max<std::int64_t>(end - now_ms(), 0));
}

Result<void> Dbus::wait_until(std::int64_t deadline_ms, short events) {
  for (int left = left_ms(deadline_ms); left > 0; left = left_ms(deadline_ms)) {
    const BorrowedFd interrupted = grace_ends_ms_.has_value() ? kNoFd : patience_.interrupted;
    std::array<pollfd, 2> fds{{{socket_.raw(), events, 0}, {interrupted.raw(), POLLIN, 0}}};
    TRY(sys::poll(fds, left));
    if (fds[1].revents != 0) {
      if (patience_.grace_ms == 0) return Error{Kind::System, EINTR, "interrupted by a signal"};
      grace_ends_ms_ = now_ms() + patience_.grace_ms;
    } else if (fds[0].revents != 0) {
      return {};
    }
  }
  return {};
}

Result<void> Dbus::wait_for(short events, std::int64_t deadline_ms) {
  TRY(wait_until(deadline_ms, events));
  if (left_ms(deadline_ms) == 0) return sys_error(ETIMEDOUT, "D-Bus: no answer");
  return {};
}

// What is begun and not ended must not be continued by the next message.
Result<void> Dbus::write(std::string_view bytes) {
  const std::int64_t deadline_ms = deadline();
  while (!bytes.empty()) {
    if (!socket_.valid()) return sys_error(ENOTCONN, "D-Bus");
    const Result<void> ready = wait_for(POLLOUT, deadline_ms);
    const Result<std::size_t> sent = ready.ok() ? sys::send(socket_, bytes) : ready.error();
    if (sent.ok()) {
      bytes.remove_prefix(*sent);
    } else if (sent.error().code != EAGAIN) {
      socket_.reset();
      return sent.error();
    }
  }
  return {};
}

Result<void> Dbus::fill(std::size_t size, std::int64_t deadline_ms) {
  while (buffer_.size() < size) {
    TRY(wait_for(POLLIN, deadline_ms));
    char bytes[4096];
    const std::size_t count = TRY(sys::read(socket_, bytes, sizeof bytes));
    if (count == 0) return sys_error(ECONNRESET, "D-Bus: the peer has closed the connection");
    buffer_.append(bytes, count);
  }
  return {};
}

Result<std::string> Dbus::read_line() {
  const std::int64_t deadline_ms = deadline();
  while (true) {
    const std::size_t end = buffer_.find("\r\n");
    if (end != std::string::npos) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 2);
      return line;
    }
    if (buffer_.size() > kMaxLine) return make_error(Kind::System, "D-Bus: no end of line");
    TRY(fill(buffer_.size() + 1, deadline_ms));
  }
}

Result<DbusMessage> Dbus::read_message(std::int64_t deadline_ms) {
  TRY(fill(kDbusFixedHeader, deadline_ms));
  const std::size_t length = TRY(dbus_message_length(buffer_));
  TRY(fill(length, deadline_ms));
  Result<DbusMessage> message = decode_dbus_message(std::string_view(buffer_).substr(0, length));
  buffer_.erase(0, length);
  return message;
}

Result<std::vector<DbusValue>> Dbus::call(DbusMessage message) {
  TRY(send(message));
  return answer_to(message);
}

Result<void> Dbus::send(DbusMessage& message) {
  message.serial = ++serial_;
  TRY_CTX(write(encode_dbus_message(message)), "%s", message.member.c_str());
  return {};
}

Result<std::vector<DbusValue>> Dbus::answer_to(const DbusMessage& message) {
  const std::int64_t deadline_ms = deadline();
  while (true) {
    DbusMessage answer = TRY_CTX(read_message(deadline_ms), "%s", message.member.c_str());
    if (answer.type == DbusMessageType::Signal) signals_.push_back(std::move(answer));
    if (answer.reply_serial != message.serial) continue;
    if (answer.type == DbusMessageType::Return) return std::move(answer.body);
    if (answer.type != DbusMessageType::Error) continue;
    const bool has_text = !answer.body.empty() && answer.body.front().type == "s";
    return make_error(Kind::System, "%s: %s", escape(answer.error).c_str(),
                      has_text ? escape(answer.body.front().text).c_str() : "no reason given");
  }
}

Result<DbusMessage> Dbus::wait_signal(const std::string& member,
                                      const std::function<bool(const DbusMessage&)>& is_wanted,
                                      int timeout_ms) {
  const std::int64_t deadline_ms = now_ms() + timeout_ms;
  while (true) {
    while (!signals_.empty()) {
      DbusMessage signal = std::move(signals_.front());
      signals_.pop_front();
      if (signal.member == member && is_wanted(signal)) return signal;
    }
    DbusMessage message = TRY(read_message(deadline_ms));
    if (message.type == DbusMessageType::Signal) signals_.push_back(std::move(message));
  }
}

}  // namespace ctr
