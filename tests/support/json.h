// SPDX-License-Identifier: Apache-2.0
// JSON for tests, by pointer: "/linux/namespaces/0/type".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace support {

bool is_json(const std::string& text);
// A string without its quotes, anything else as JSON text; nothing when it is not there.
std::optional<std::string> json_get(const std::string& text, const std::string& pointer);
// How many items or members; -1 when it is neither an array nor an object.
int json_size(const std::string& text, const std::string& pointer);
std::vector<std::string> json_keys(const std::string& text, const std::string& pointer);
// `value` is JSON text. A last "-" appends to an array; what is missing on the way is made.
std::string json_set(const std::string& text, const std::string& pointer, const std::string& value);
std::string json_remove(const std::string& text, const std::string& pointer);
std::string json_string(const std::string& text);  // quoted

// Everything that is neither an object nor an array, in document order.
struct JsonLeaf {
  std::string pointer;
  enum class Type : std::uint8_t { Other, Number, String } type;
};
std::vector<JsonLeaf> json_leaves(const std::string& text);
std::string json_strings(const std::vector<std::string>& items);

}  // namespace support
