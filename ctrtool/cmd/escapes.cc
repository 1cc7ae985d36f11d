// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/cmd/escapes.h"

#include <optional>

#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"

namespace ctr {
namespace {

struct Decoded {
  char byte;
  std::size_t length;  // of what stands after the backslash
};

std::optional<Decoded> number(std::string_view digits, int base, std::size_t skip) {
  constexpr std::uint64_t kByteMax = 255;
  const Result<std::uint64_t> value = parse_u64(digits, kByteMax, base);
  if (!value.ok()) return std::nullopt;
  return Decoded{static_cast<char>(*value), digits.size() + skip};
}

std::optional<Decoded> decode(std::string_view rest) {
  constexpr int kHex = 16;
  constexpr int kOctal = 8;
  if (rest.empty()) return std::nullopt;
  switch (rest[0]) {
    case 'n':
      return Decoded{'\n', 1};
    case 't':
      return Decoded{'\t', 1};
    case 'r':
      return Decoded{'\r', 1};
    case '\\':
      return Decoded{'\\', 1};
    case 'x':
      return rest.size() < 3 ? std::nullopt : number(rest.substr(1, 2), kHex, 1);
    default:
      break;
  }
  const std::size_t digits = std::min<std::size_t>(rest.find_first_not_of("01234567"), 3);
  const std::string_view octal = rest.substr(0, digits);
  if (octal.size() == 3) return number(octal, kOctal, 0);
  if (octal == "0" || (octal.size() == 2 && octal[0] == '0')) return Decoded{'\0', 1};
  return std::nullopt;
}

}  // namespace

Result<std::string> decode_escapes(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] != '\\') {
      out += text[at++];
      continue;
    }
    const std::optional<Decoded> decoded = decode(text.substr(at + 1));
    if (!decoded.has_value())
      return make_error(Kind::InvalidSpec, "bad escape at %s", quote(text.substr(at, 4)).c_str());
    out += decoded->byte;
    at += 1 + decoded->length;
  }
  return out;
}

}  // namespace ctr
