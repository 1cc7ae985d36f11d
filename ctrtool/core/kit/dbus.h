// SPDX-License-Identifier: Apache-2.0
// A connection to a D-Bus peer: a bus, or a service that listens itself, as systemd does. Calls
// wait for their answer; signals that arrive meanwhile are kept. Nobody else uses the connection.
// Whatever is waited for, be it that the peer takes up the connection or reads what we say, is not
// waited for longer than the caller's patience lasts.
//
// Not by a library: libdbus tells the peer the user id it sees itself, which inside a user
// namespace is the wrong one, and so a rootless engine's runtime would be turned away. Here the
// peer takes the id that the kernel gives it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"
#include "ctrtool/core/kit/dbus_message.h"

namespace ctr {

// An answer that does not come in time is an error with ETIMEDOUT; one that nobody wants to wait
// for any more, with EINTR.
struct DbusPatience {
  int timeout_ms;
  BorrowedFd interrupted = kNoFd;  // readable: no longer than `grace_ms` from then on. Or none
  int grace_ms = 0;
};

class Dbus {
 public:
  // `address` as in DBUS_SESSION_BUS_ADDRESS: "unix:path=/run/...", "unix:abstract=...", or several
  // of them with ";" between, the first that works is taken. Authenticates; says no Hello.
  static Result<Dbus> connect(const std::string& address, const DbusPatience& patience);

  // Answers the reply's body. An error reply becomes an Error, "NAME: text", without a code.
  Result<std::vector<DbusValue>> call(DbusMessage message);
  // The two halves of it. Who was not patient enough for the answer may wait for it once more.
  Result<void> send(DbusMessage& message);
  Result<std::vector<DbusValue>> answer_to(const DbusMessage& message);
  // The next signal of this name that is the wanted one, however many others come meanwhile.
  Result<DbusMessage> wait_signal(const std::string& member,
                                  const std::function<bool(const DbusMessage&)>& is_wanted,
                                  int timeout_ms);
  // From now on, also if the interruption was before.
  void set_grace(int grace_ms);

 private:
  explicit Dbus(const DbusPatience& patience) : patience_(patience) {}
  std::int64_t deadline() const;
  Result<void> open(std::string_view address);
  Result<void> authenticate();
  Result<std::string> read_line();
  Result<void> write(std::string_view bytes);
  // At least `size` bytes in the buffer.
  Result<void> fill(std::size_t size, std::int64_t deadline_ms);
  Result<DbusMessage> read_message(std::int64_t deadline_ms);
  int left_ms(std::int64_t deadline_ms) const;
  // For the socket, and no longer than that.
  Result<void> wait_until(std::int64_t deadline_ms, short events);
  Result<void> wait_for(short events, std::int64_t deadline_ms);

  UniqueFd socket_;
  DbusPatience patience_;
  std::optional<std::int64_t> grace_ends_ms_;  // once interrupted
  std::string buffer_;
  std::deque<DbusMessage> signals_;
  std::uint32_t serial_ = 0;
};

}  // namespace ctr
