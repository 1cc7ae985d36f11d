// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/base/parse.h"

#include <charconv>

#include "ctrtool/core/base/strf.h"

namespace ctr {
namespace {

Error bad_number(std::string_view text) {
  return make_error(Kind::InvalidSpec, "%s is not a number", quote(text).c_str());
}

Error out_of_range(std::string_view text) {
  return make_error(Kind::InvalidSpec, "%s is out of range", quote(text).c_str());
}

}  // namespace

Result<std::uint64_t> parse_u64(std::string_view text, std::uint64_t max, int base) {
  std::string_view digits = text;
  if (base == 0) {
    base = 10;
    if (digits.starts_with("0x") || digits.starts_with("0X")) {
      base = 16;
      digits.remove_prefix(2);
    } else if (digits.size() > 1 && digits.front() == '0') {
      base = 8;
      digits.remove_prefix(1);
    }
  }
  std::uint64_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto [stopped, error] = std::from_chars(digits.data(), end, value, base);
  if (error == std::errc::result_out_of_range) return out_of_range(text);
  if (error != std::errc{} || stopped != end) return bad_number(text);
  if (value > max) return out_of_range(text);
  return value;
}

Result<std::int64_t> parse_i64(std::string_view text, std::int64_t min, std::int64_t max,
                               int base) {
  const bool negative = text.starts_with('-');
  const std::uint64_t limit = negative ? std::uint64_t{0} - static_cast<std::uint64_t>(min)
                                       : static_cast<std::uint64_t>(max);
  const std::uint64_t size = TRY_CTX(
      parse_u64(negative ? text.substr(1) : text, std::numeric_limits<std::uint64_t>::max(), base),
      "%s", quote(text).c_str());
  if (size > limit || (negative && min >= 0 && size != 0)) return out_of_range(text);
  return negative ? static_cast<std::int64_t>(std::uint64_t{0} - size)
                  : static_cast<std::int64_t>(size);
}

Result<std::uint32_t> parse_id(std::string_view text, int base) {
  const std::uint64_t value = TRY(parse_u64(text, 0xfffffffeU, base));
  return static_cast<std::uint32_t>(value);
}

}  // namespace ctr
