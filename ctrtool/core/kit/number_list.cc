// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/number_list.h"

#include <algorithm>

#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"

namespace ctr {
namespace {

constexpr std::uint64_t kMaxNumber = 8191;

Result<void> add_range(std::string_view item, std::vector<unsigned>& out) {
  const std::size_t dash = item.find('-');
  const std::uint64_t first = TRY(parse_u64(item.substr(0, dash), kMaxNumber));
  std::uint64_t last = first;
  if (dash != std::string_view::npos) last = TRY(parse_u64(item.substr(dash + 1), kMaxNumber));
  if (last < first)
    return make_error(Kind::InvalidSpec, "%s ends before it begins", quote(item).c_str());
  for (std::uint64_t number = first; number <= last; ++number)
    out.push_back(static_cast<unsigned>(number));
  return {};
}

}  // namespace

Result<std::vector<unsigned>> parse_number_list(std::string_view text) {
  std::vector<unsigned> out;
  for (const std::string_view item : split(text, ',')) {
    TRY(add_range(trim(item), out));
    if (out.size() > 4 * kMaxNumber)
      return make_error(Kind::InvalidSpec, "%s names too much", quote(text.substr(0, 64)).c_str());
  }
  if (out.empty()) return make_error(Kind::InvalidSpec, "the list is empty");
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

}  // namespace ctr
