// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/base/base64.h"

#include <cstdint>

namespace ctr {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// Three bytes from four characters, of which `padding` last ones are '='.
void add_group(std::uint32_t bits, std::size_t padding, std::string& to) {
  constexpr unsigned kByte = 8;
  for (std::size_t i = 0; i + padding < 3; ++i)
    to += static_cast<char>(bits >> (kByte * (2 - i)) & 0xffU);
}

}  // namespace

Result<std::string> decode_base64(std::string_view text) {
  constexpr std::size_t kGroup = 4;
  constexpr unsigned kBits = 6;
  const Error malformed = make_error(Kind::InvalidSpec, "is not base64");
  if (text.size() % kGroup != 0) return malformed;
  std::string out;
  while (!text.empty()) {
    const bool last = text.size() == kGroup;
    const std::size_t padding = !last ? 0 : text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < kGroup; ++i) {
      const std::size_t value = i < kGroup - padding ? kAlphabet.find(text[i]) : 0;
      if (value == std::string_view::npos) return malformed;
      bits = bits << kBits | static_cast<std::uint32_t>(value);
    }
    add_group(bits, padding, out);
    text.remove_prefix(kGroup);
  }
  return out;
}

}  // namespace ctr
