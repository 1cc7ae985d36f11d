// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/size.h"

#include <algorithm>
#include <limits>

#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"

namespace oci::cli {
namespace {

using ctr::Kind;
using ctr::make_error;
using ctr::Result;

constexpr std::string_view kDigits = "0123456789";

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// The exponent of 1024 of "k", "kb" or "KiB"; -1 when it is no unit.
int power_of(std::string_view unit) {
  constexpr std::string_view kPrefixes = "kmgt";
  if (unit.empty() || (unit.size() == 1 && lower(unit[0]) == 'b')) return 0;
  const std::size_t at = kPrefixes.find(lower(unit[0]));
  if (at == std::string_view::npos) return -1;
  std::string rest(unit.substr(1));
  std::transform(rest.begin(), rest.end(), rest.begin(), lower);
  return rest.empty() || rest == "b" || rest == "ib" ? static_cast<int>(at) + 1 : -1;
}

struct Unit {
  std::string_view name;
  double milliseconds;
};
constexpr Unit kUnits[] = {{"ns", 1e-6}, {"us", 1e-3},    {"\u00b5s", 1e-3}, {"ms", 1},
                           {"s", 1e3},   {"m", 60 * 1e3}, {"h", 3600 * 1e3}};

// One "90s" at the start of `text`, which is shortened by it. Negative: there is none.
double take_part(std::string_view& text) {
  const std::size_t number = std::min(text.find_first_not_of("0123456789."), text.size());
  const std::string digits(text.substr(0, number));
  const std::string_view rest = text.substr(number);
  const std::string_view unit =
      rest.substr(0, std::min(rest.find_first_of("0123456789."), rest.size()));
  const bool has_digit = digits.find_first_of(kDigits) != std::string::npos;
  if (!has_digit || digits.size() > 15 || std::count(digits.begin(), digits.end(), '.') > 1)
    return -1;
  for (const Unit& one : kUnits) {
    if (one.name != unit) continue;
    text = rest.substr(unit.size());
    return std::stod(digits) * one.milliseconds;
  }
  return -1;
}

}  // namespace

Result<std::int64_t> parse_bytes(std::string_view text) {
  if (text == "-1") return std::int64_t{-1};
  const std::size_t digits = std::min(text.find_first_not_of(kDigits), text.size());
  const int power = digits == 0 ? -1 : power_of(text.substr(digits));
  if (power < 0)
    return make_error(Kind::InvalidSpec, "%s is not a size in bytes", ctr::quote(text).c_str());
  const auto largest = std::numeric_limits<std::int64_t>::max() >> (10 * power);
  const std::int64_t value = TRY(ctr::parse_i64(text.substr(0, digits), 0, largest));
  return value << (10 * power);
}

Result<std::int64_t> parse_duration(std::string_view text) {
  constexpr double kLongest = 1e12;
  const std::string whole(text);
  double sum = 0;
  bool good = !text.empty();
  while (good && !text.empty()) {
    const double part = take_part(text);
    good = part >= 0;
    sum += part;
  }
  if (!good || sum < 1 || sum > kLongest)
    return make_error(Kind::InvalidSpec, "%s is not a duration such as 5s or 500ms",
                      ctr::quote(whole).c_str());
  return static_cast<std::int64_t>(sum);
}

}  // namespace oci::cli
