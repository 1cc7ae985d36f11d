// SPDX-License-Identifier: Apache-2.0
// A connection to a D-Bus peer: a bus, or a service that listens itself, as systemd does. Calls
// wait for their answer; signals that arrive meanwhile are kept. Nobody else uses the connection.
//
// Not by a library: libdbus tells the peer the user id it sees itself, which inside a user
// namespace is the wrong one, and so a rootless engine's runtime would be turned away. Here the
// peer takes the id that the kernel gives it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"
#include "ctrtool/core/kit/dbus_message.h"

namespace ctr {

class Dbus {
 public:
  // `address` as in DBUS_SESSION_BUS_ADDRESS: "unix:path=/run/...", "unix:abstract=...", or several
  // of them with ";" between, the first that works is taken. Authenticates; says no Hello. No
  // answer is waited for longer than `timeout_ms`: that is an error with ETIMEDOUT.
  static Result<Dbus> connect(const std::string& address, int timeout_ms);

  // Answers the reply's body. An error reply becomes an Error: "NAME: text".
  Result<std::vector<DbusValue>> call(DbusMessage message);
  // The next signal of this name that is the wanted one, however many others come meanwhile.
  Result<DbusMessage> wait_signal(const std::string& member,
                                  const std::function<bool(const DbusMessage&)>& is_wanted,
                                  int timeout_ms);

 private:
  Dbus(UniqueFd socket, int timeout_ms) : socket_(std::move(socket)), timeout_ms_(timeout_ms) {}
  Result<void> authenticate();
  Result<std::string> read_line();
  // At least `size` bytes in the buffer.
  Result<void> fill(std::size_t size, std::int64_t deadline_ms);
  Result<DbusMessage> read_message(std::int64_t deadline_ms);

  UniqueFd socket_;
  int timeout_ms_;
  std::string buffer_;
  std::deque<DbusMessage> signals_;
  std::uint32_t serial_ = 0;
};

}  // namespace ctr
