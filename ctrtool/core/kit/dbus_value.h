// SPDX-License-Identifier: Apache-2.0
// Values of D-Bus types: as trees, as bytes in a message, and as text.
//
// The text is that of GVariant, as `gdbus` and engines' annotations write it: 'word', uint64 5,
// [1, 2], (true, "x"), @as []. Dictionaries, maybes and byte strings are not understood.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ctrtool/core/base/result.h"

namespace ctr {

struct DbusValue {
  std::string type;              // its signature, one complete type: "t", "as", "(sv)", "v"
  std::uint64_t number = 0;      // y b n q i u x t h; signed ones in two's complement; d: its bits
  std::string text{};            // s o g
  std::vector<DbusValue> parts;  // of a, (, { and v: the elements, or what the variant holds

  bool operator==(const DbusValue&) const = default;

  static DbusValue string(std::string text) { return {"s", 0, std::move(text), {}}; }
  static DbusValue u64(std::uint64_t number) { return {"t", number, {}, {}}; }
  static DbusValue u32(std::uint32_t number) { return {"u", number, {}, {}}; }
  static DbusValue boolean(bool on) { return {"b", on ? 1U : 0U, {}, {}}; }
  static DbusValue variant(DbusValue value);
  static DbusValue structure(std::vector<DbusValue> parts);
  // Elements of `type`; there may be none.
  static DbusValue array(const std::string& type, std::vector<DbusValue> elements);
};

// How long the first complete type of a signature is; 0: it is not one.
std::size_t dbus_type_length(std::string_view signature);

// Appends, aligned for a place in a message whose beginning is the beginning of `out`.
void dbus_marshal(const DbusValue& value, std::string& out);

// Reads values from the body or header of a message, little endian.
class DbusReader {
 public:
  // Alignment counts from the beginning of `bytes`, reading begins at `at`.
  explicit DbusReader(std::string_view bytes, std::size_t at = 0) : bytes_(bytes), at_(at) {}
  Result<DbusValue> read(std::string_view type) { return read(type, 0); }
  std::size_t at() const { return at_; }

 private:
  Result<DbusValue> read(std::string_view type, unsigned depth);
  Result<void> align(std::size_t to);
  Result<std::uint64_t> read_number(std::size_t size);
  Result<std::string> read_text(std::size_t length);

  std::string_view bytes_;
  std::size_t at_;
};

Result<DbusValue> parse_dbus_text(std::string_view text);
std::string dbus_text(const DbusValue& value);

}  // namespace ctr
