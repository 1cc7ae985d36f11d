// SPDX-License-Identifier: Apache-2.0
// Messages of the D-Bus protocol, version 1, little endian: what goes over the wire and comes back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ctrtool/core/base/result.h"
#include "ctrtool/core/kit/dbus_value.h"

namespace ctr {

enum class DbusMessageType : std::uint8_t { Call = 1, Return = 2, Error = 3, Signal = 4 };

struct DbusMessage {
  DbusMessageType type = DbusMessageType::Call;
  std::uint32_t serial = 0;
  std::uint32_t reply_serial = 0;  // Return and Error: which call is answered
  std::string path{};
  std::string interface {};
  std::string member{};
  std::string error{};        // its name
  std::string destination{};  // empty: the peer itself
  std::vector<DbusValue> body{};

  bool operator==(const DbusMessage&) const = default;
};

// No message of ours, or of systemd's to us, comes near it.
inline constexpr std::size_t kMaxDbusMessage = std::size_t{1} << 20;
inline constexpr std::size_t kDbusFixedHeader = 16;

std::string encode_dbus_message(const DbusMessage& message);
// The length of the message that begins so; `head` has kDbusFixedHeader bytes.
Result<std::size_t> dbus_message_length(std::string_view head);
// Exactly one message. Unknown header fields are passed over.
Result<DbusMessage> decode_dbus_message(std::string_view bytes);

}  // namespace ctr
