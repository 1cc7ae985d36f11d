// SPDX-License-Identifier: Apache-2.0
// Numbers from text: the whole input, range-checked against the destination. No blanks, no signs
// except '-' for signed types, no wrap-around.
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <string_view>

#include "ctrtool/core/base/result.h"

namespace ctr {

Result<std::uint64_t> parse_u64(std::string_view text, std::uint64_t max, int base = 10);
Result<std::int64_t> parse_i64(std::string_view text, std::int64_t min, std::int64_t max,
                               int base = 10);

// parse_number<uid_t>("1000"). base 0: 0x and leading 0 as in C.
template <std::integral T>
Result<T> parse_number(std::string_view text, int base = 10) {
  if constexpr (std::is_signed_v<T>) {
    const std::int64_t value =
        TRY(parse_i64(text, std::numeric_limits<T>::min(), std::numeric_limits<T>::max(), base));
    return static_cast<T>(value);
  } else {
    const std::uint64_t value = TRY(parse_u64(text, std::numeric_limits<T>::max(), base));
    return static_cast<T>(value);
  }
}

// A user or group ID: 0 to 2^32-2; 2^32-1 means "unchanged" to the kernel and is refused.
Result<std::uint32_t> parse_id(std::string_view text, int base = 10);

}  // namespace ctr
