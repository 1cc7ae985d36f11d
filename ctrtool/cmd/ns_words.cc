// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/cmd/ns_words.h"

#include <sys/mount.h>

#include <algorithm>
#include <cstdint>

#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"

namespace ctr {
namespace {

constexpr std::size_t kNanosecondDigits = 9;
constexpr std::uint32_t kNanoseconds = 1'000'000'000;

// "5" → 500000000.
Result<std::uint32_t> fraction(std::string_view digits) {
  if (digits.empty() || digits.size() > kNanosecondDigits)
    return make_error(Kind::InvalidSpec, "a fraction has 1 to 9 digits");
  std::string padded(digits);
  padded.resize(kNanosecondDigits, '0');
  return parse_number<std::uint32_t>(padded);
}

}  // namespace

Result<unsigned long> parse_propagation(std::string_view word) {
  struct Word {
    std::string_view name;
    std::size_t shortest;
    unsigned long flags;
  };
  constexpr Word kWords[] = {{"shared", 2, MS_SHARED | MS_REC},
                             {"slave", 2, MS_SLAVE | MS_REC},
                             {"private", 1, MS_PRIVATE | MS_REC},
                             {"unchanged", 1, 0},
                             {"unbindable", 3, MS_UNBINDABLE | MS_REC}};
  for (const Word& one : kWords)
    if (word.size() >= one.shortest && one.name.starts_with(word)) return one.flags;
  return make_error(Kind::InvalidSpec, "%s: no kind of propagation", quote(word).c_str());
}

Result<std::string> parse_time_offset(std::string_view text) {
  const std::size_t equals = text.find('=');
  const std::string clock(text.substr(0, equals));
  if (equals == std::string_view::npos || (clock != "monotonic" && clock != "boottime"))
    return make_error(Kind::InvalidSpec,
                      "%s: not of the form monotonic=SECONDS or boottime=SECONDS",
                      quote(text).c_str());
  const std::string_view value = text.substr(equals + 1);
  const std::size_t point = value.find('.');
  auto seconds =
      TRY_CTX(parse_number<std::int64_t>(value.substr(0, point)), "%s", quote(text).c_str());
  std::uint32_t nanoseconds = 0;
  if (point != std::string_view::npos)
    nanoseconds = TRY_CTX(fraction(value.substr(point + 1)), "%s", quote(text).c_str());
  // The kernel adds the fraction, and a fraction below zero is meant the other way.
  if (value.starts_with('-') && nanoseconds != 0) {
    seconds -= 1;
    nanoseconds = kNanoseconds - nanoseconds;
  }
  return strf("%s %lld %u\n", clock.c_str(), static_cast<long long>(seconds), nanoseconds);
}

std::string sysctl_path(std::string_view key) {
  std::string path(key);
  if (path.find('/') == std::string::npos) std::replace(path.begin(), path.end(), '.', '/');
  return path;
}

}  // namespace ctr
