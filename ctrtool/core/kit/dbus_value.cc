// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/dbus_value.h"

#include <cstring>
#include <utility>

#include "ctrtool/core/base/strf.h"

namespace ctr {
namespace {

// The D-Bus specification's own limits.
constexpr unsigned kMaxDepth = 32;
constexpr std::size_t kMaxArray = std::size_t{1} << 26;

// Integers and doubles; 0 for the others.
constexpr std::size_t number_size(char type) {
  switch (type) {
    case 'y':
      return 1;
    case 'n':
    case 'q':
      return 2;
    case 'b':
    case 'i':
    case 'u':
    case 'h':
      return 4;
    case 'x':
    case 't':
    case 'd':
      return 8;
    default:
      return 0;
  }
}

// As a signed number of more bits has it.
template <typename T>
constexpr std::uint64_t sign_extended(std::uint64_t number) {
  return static_cast<std::uint64_t>(std::int64_t{static_cast<T>(number)});
}

constexpr bool is_basic(char type) {
  return number_size(type) != 0 || type == 's' || type == 'o' || type == 'g';
}

constexpr std::size_t alignment(char type) {
  if (number_size(type) != 0) return number_size(type);
  if (type == 'g' || type == 'v') return 1;
  return type == '(' || type == '{' ? 8 : 4;
}

std::size_t type_length(std::string_view signature, unsigned depth) {
  if (signature.empty() || depth > kMaxDepth) return 0;
  const char first = signature.front();
  if (is_basic(first) || first == 'v') return 1;
  if (first == 'a') {
    if (signature.size() > 1 && signature[1] == '{') {
      if (signature.size() < 3 || !is_basic(signature[2])) return 0;
      const std::size_t value = type_length(signature.substr(3), depth + 1);
      const std::size_t end = 3 + value;
      return value != 0 && end < signature.size() && signature[end] == '}' ? end + 1 : 0;
    }
    const std::size_t element = type_length(signature.substr(1), depth + 1);
    return element == 0 ? 0 : element + 1;
  }
  if (first != '(') return 0;
  std::size_t at = 1;
  while (at < signature.size() && signature[at] != ')') {
    const std::size_t member = type_length(signature.substr(at), depth + 1);
    if (member == 0) return 0;
    at += member;
  }
  return at > 1 && at < signature.size() ? at + 1 : 0;
}

// "(sa{sv})" → {"s", "a{sv}"}; the signature is known to be good.
std::vector<std::string_view> member_types(std::string_view type) {
  std::vector<std::string_view> members;
  type = type.substr(1, type.size() - 2);
  while (!type.empty()) {
    const std::size_t length = type.front() == '{' ? 0 : type_length(type, 0);
    if (length == 0) break;
    members.push_back(type.substr(0, length));
    type.remove_prefix(length);
  }
  return members;
}

void pad(std::string& out, std::size_t to) { out.resize((out.size() + to - 1) / to * to, '\0'); }

void put_number(std::string& out, std::uint64_t number, std::size_t size) {
  pad(out, size);
  for (std::size_t i = 0; i < size; ++i) out += static_cast<char>(number >> (8 * i));
}

Error malformed(const char* what) { return make_error(Kind::System, "D-Bus message: %s", what); }

}  // namespace

DbusValue DbusValue::variant(DbusValue value) {
  DbusValue out{"v", 0, {}, {}};
  out.parts.push_back(std::move(value));
  return out;
}

DbusValue DbusValue::structure(std::vector<DbusValue> parts) {
  DbusValue out{"(", 0, {}, std::move(parts)};
  for (const DbusValue& part : out.parts) out.type += part.type;
  out.type += ')';
  return out;
}

DbusValue DbusValue::array(const std::string& type, std::vector<DbusValue> elements) {
  return {"a" + type, 0, {}, std::move(elements)};
}

std::size_t dbus_type_length(std::string_view signature) { return type_length(signature, 0); }

void dbus_marshal(const DbusValue& value, std::string& out) {
  const char type = value.type.front();
  if (const std::size_t size = number_size(type); size != 0) {
    put_number(out, value.number, size);
  } else if (type == 'g') {
    out += static_cast<char>(value.text.size());
    out += value.text;
    out += '\0';
  } else if (type == 's' || type == 'o') {
    put_number(out, value.text.size(), 4);
    out += value.text;
    out += '\0';
  } else if (type == 'v') {
    dbus_marshal({"g", 0, value.parts.front().type, {}}, out);
    dbus_marshal(value.parts.front(), out);
  } else if (type == 'a') {
    put_number(out, 0, 4);
    const std::size_t length_at = out.size() - 4;
    // The padding before the first element does not count.
    pad(out, alignment(value.type[1]));
    const std::size_t begin = out.size();
    for (const DbusValue& element : value.parts) dbus_marshal(element, out);
    std::string length;
    put_number(length, out.size() - begin, 4);
    out.replace(length_at, 4, length);
  } else {
    pad(out, 8);
    for (const DbusValue& part : value.parts) dbus_marshal(part, out);
  }
}

Result<void> DbusReader::align(std::size_t to) {
  const std::size_t next = (at_ + to - 1) / to * to;
  if (next > bytes_.size()) return malformed("it ends in the middle of a value");
  at_ = next;
  return {};
}

Result<std::uint64_t> DbusReader::read_number(std::size_t size) {
  TRY(align(size));
  if (bytes_.size() - at_ < size) return malformed("it ends in the middle of a number");
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < size; ++i)
    number |= std::uint64_t{static_cast<unsigned char>(bytes_[at_ + i])} << (8 * i);
  at_ += size;
  return number;
}

Result<std::string> DbusReader::read_text(std::size_t length) {
  if (bytes_.size() - at_ <= length) return malformed("it ends in the middle of a text");
  std::string text(bytes_.substr(at_, length));
  if (bytes_[at_ + length] != '\0' || text.find('\0') != std::string::npos)
    return malformed("a text has a NUL in it, or none behind it");
  at_ += length + 1;
  return text;
}

Result<DbusValue> DbusReader::read(std::string_view type, unsigned depth) {
  if (type.empty() || depth > kMaxDepth) return malformed("too deep");
  DbusValue value{std::string(type), 0, {}, {}};
  const char first = type.front();
  if (const std::size_t size = number_size(first); size != 0) {
    value.number = TRY(read_number(size));
    if (first == 'n') value.number = sign_extended<std::int16_t>(value.number);
    if (first == 'i' || first == 'h') value.number = sign_extended<std::int32_t>(value.number);
  } else if (first == 's' || first == 'o' || first == 'g') {
    const std::uint64_t length = TRY(read_number(first == 'g' ? 1 : 4));
    value.text = TRY(read_text(length));
  } else if (first == 'v') {
    const DbusValue inner = TRY(read("g", depth + 1));
    if (inner.text.empty() || dbus_type_length(inner.text) != inner.text.size())
      return malformed("a variant has no complete type");
    DbusValue held = TRY(read(inner.text, depth + 1));
    value.parts.push_back(std::move(held));
  } else if (first == 'a') {
    const std::uint64_t length = TRY(read_number(4));
    TRY(align(alignment(type[1])));
    if (length > kMaxArray || length > bytes_.size() - at_)
      return malformed("an array is too long");
    for (const std::size_t end = at_ + length; at_ < end;) {
      DbusValue element = TRY(read(type.substr(1), depth + 1));
      if (at_ > end) return malformed("an array's elements do not fit its length");
      value.parts.push_back(std::move(element));
    }
  } else {
    TRY(align(8));
    for (const std::string_view member : member_types(type)) {
      DbusValue part = TRY(read(member, depth + 1));
      value.parts.push_back(std::move(part));
    }
  }
  return value;
}

}  // namespace ctr
