// SPDX-License-Identifier: Apache-2.0
#include "runtime/criu/wire.h"

namespace criu {
namespace {

using ctr::Kind;
using ctr::make_error;
using ctr::Result;

enum WireType : unsigned { kVarint = 0, kFixed64 = 1, kLength = 2, kFixed32 = 5 };

constexpr unsigned kTypeBits = 3;
constexpr std::uint64_t kTypeMask = (1U << kTypeBits) - 1;
constexpr std::uint64_t kMaxField = (1U << 29U) - 1;
constexpr unsigned kPayloadBits = 7;
constexpr std::uint64_t kPayloadMask = (1U << kPayloadBits) - 1;
constexpr std::uint64_t kMore = 1U << kPayloadBits;

void put_varint(std::string& to, std::uint64_t value) {
  for (; value > kPayloadMask; value >>= kPayloadBits)
    to += static_cast<char>((value & kPayloadMask) | kMore);
  to += static_cast<char>(value);
}

void put_tag(std::string& to, unsigned field, WireType type) {
  put_varint(to, std::uint64_t{field} << kTypeBits | type);
}

ctr::Error malformed(const char* why) {
  return make_error(Kind::System, "malformed message: %s", why);
}

}  // namespace

void MessageWriter::number(unsigned field, std::int64_t value) {
  put_tag(bytes_, field, kVarint);
  put_varint(bytes_, static_cast<std::uint64_t>(value));
}

void MessageWriter::text(unsigned field, std::string_view bytes) {
  put_tag(bytes_, field, kLength);
  put_varint(bytes_, bytes.size());
  bytes_ += bytes;
}

Result<std::uint64_t> MessageReader::varint() {
  constexpr unsigned kBits = 64;
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < kBits; shift += kPayloadBits) {
    if (rest_.empty()) return malformed("it ends within a number");
    const auto byte = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    value |= (byte & kPayloadMask) << shift;
    if (byte < kMore) return value;
  }
  return malformed("a number of more than ten bytes");
}

Result<std::string_view> MessageReader::take(std::uint64_t size) {
  if (size > rest_.size()) return malformed("it is shorter than it says");
  const std::string_view taken = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return taken;
}

Result<std::optional<Field>> MessageReader::next() {
  constexpr std::uint64_t kFixed64Size = 8;
  constexpr std::uint64_t kFixed32Size = 4;
  while (!rest_.empty()) {
    const std::uint64_t tag = TRY(varint());
    const std::uint64_t number = tag >> kTypeBits;
    if (number == 0 || number > kMaxField) return malformed("a field without a number");
    Field field{.number = static_cast<unsigned>(number)};
    switch (tag & kTypeMask) {
      case kVarint:
        field.value = static_cast<std::int64_t>(TRY(varint()));
        return std::optional(field);
      case kLength: {
        const std::uint64_t size = TRY(varint());
        field.is_text = true;
        field.text = TRY(take(size));
        return std::optional(field);
      }
      case kFixed64:
        TRY(take(kFixed64Size));
        break;
      case kFixed32:
        TRY(take(kFixed32Size));
        break;
      default:
        return malformed("a field of an unknown type");
    }
  }
  return std::optional<Field>();
}

}  // namespace criu
