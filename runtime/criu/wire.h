// SPDX-License-Identifier: Apache-2.0
// The wire form of Protocol Buffers (protobuf.dev, "Encoding"), as far as criu's messages need it:
// varints, strings and messages in messages.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ctrtool/core/base/result.h"

namespace criu {

class MessageWriter {
 public:
  // int32, uint32, bool and enumerations alike; a negative number is ten bytes long.
  void number(unsigned field, std::int64_t value);
  void text(unsigned field, std::string_view bytes);
  void message(unsigned field, const MessageWriter& inner) { text(field, inner.bytes()); }

  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

struct Field {
  unsigned number = 0;
  bool is_text = false;     // a string or a message; else a number
  std::int64_t value = 0;   // of a number
  std::string_view text{};  // points into what is read

  bool operator==(const Field&) const = default;
};

// The fields of a message, in its order. The bytes may be anything.
class MessageReader {
 public:
  explicit MessageReader(std::string_view bytes) : rest_(bytes) {}
  // Nothing at the end. Numbers of fixed size, which criu's messages do not have, are passed over.
  ctr::Result<std::optional<Field>> next();

 private:
  ctr::Result<std::uint64_t> varint();
  ctr::Result<std::string_view> take(std::uint64_t size);

  std::string_view rest_;
};

}  // namespace criu
