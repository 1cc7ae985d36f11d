// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/idmap.h"

#include <algorithm>
#include <array>

#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"

namespace ctr {
namespace {

// The kernel refuses a range that reaches 2^32-1, the ID that means "unchanged".
constexpr std::uint64_t kEndOfIds = 0xffffffffU;

std::uint64_t end_of(std::uint32_t first, std::uint32_t count) {
  return std::uint64_t{first} + count;
}

bool overlap(std::uint32_t a, std::uint32_t a_count, std::uint32_t b, std::uint32_t b_count) {
  return a < end_of(b, b_count) && b < end_of(a, a_count);
}

// Empty when the range is fine on its own.
std::string range_problem(const IdRange& range) {
  if (range.count == 0) return "the count is 0";
  if (end_of(range.inside, range.count) > kEndOfIds) return "the inside IDs pass 4294967294";
  if (end_of(range.outside, range.count) > kEndOfIds) return "the outside IDs pass 4294967294";
  return {};
}

std::string overlap_problem(std::span<const IdRange> earlier, const IdRange& range) {
  for (std::size_t i = 0; i < earlier.size(); ++i) {
    const IdRange& other = earlier[i];
    if (overlap(range.inside, range.count, other.inside, other.count)) {
      return strf("the inside IDs overlap those of line %zu", i + 1);
    }
    if (overlap(range.outside, range.count, other.outside, other.count)) {
      return strf("the outside IDs overlap those of line %zu", i + 1);
    }
  }
  return {};
}

// Takes the next blank-separated word off `line`.
std::string_view next_word(std::string_view& line) {
  line = trim(line);
  const std::string_view word = line.substr(0, line.find_first_of(" \t"));
  line.remove_prefix(word.size());
  return word;
}

Result<IdRange> range_of(const std::array<std::string_view, 3>& words) {
  const std::uint32_t inside = TRY(parse_number<std::uint32_t>(words[0]));
  const std::uint32_t outside = TRY(parse_number<std::uint32_t>(words[1]));
  const std::uint32_t count = TRY(parse_number<std::uint32_t>(words[2]));
  return IdRange{inside, outside, count};
}

Result<IdRange> parse_line(std::string_view line) {
  std::string_view rest = line;
  std::array<std::string_view, 3> words;
  for (std::string_view& word : words) word = next_word(rest);
  if (words.back().empty() || !trim(rest).empty()) {
    return make_error(Kind::InvalidSpec, "%s is not three numbers", quote(line).c_str());
  }
  return range_of(words);
}

Result<std::vector<IdRange>> parse_lines(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  std::vector<IdRange> ranges;
  for (const std::string_view line : split(text, '\n')) {
    if (ranges.size() > IdMap::kMaxRanges) break;  // enough for make() to refuse
    const IdRange range = TRY_CTX(parse_line(line), "line %zu", ranges.size() + 1);
    ranges.push_back(range);
  }
  return ranges;
}

std::string print(const std::vector<IdRange>& ranges, const char* format) {
  std::string out;
  for (const IdRange& range : ranges) {
    out += std::to_string(range.inside) + format[0] + std::to_string(range.outside) + format[0] +
           std::to_string(range.count) + format[1];
  }
  return out;
}

// One "FILE-HOST-COUNT" or "@FILE-CONTAINER-COUNT" of a mount's maps, appended to `to`.
Result<void> add_mount_range(std::string_view text, const IdMap& container,
                             std::vector<IdRange>& to) {
  const bool relative = text.starts_with('@');
  const std::vector<std::string_view> numbers = split(text.substr(relative ? 1 : 0), '-');
  if (numbers.size() != 3) {
    return make_error(Kind::InvalidSpec, "%s is not ID-ID-COUNT", quote(text).c_str());
  }
  const IdRange range =
      TRY_CTX(range_of({numbers[0], numbers[1], numbers[2]}), "%s", quote(text).c_str());
  if (!relative) {
    to.push_back(range);
    return {};
  }
  const IdMap one = TRY_CTX(IdMap::make({range}), "%s", quote(text).c_str());
  const IdMap absolute = TRY_CTX(one.through(container), "%s", quote(text).c_str());
  to.insert(to.end(), absolute.ranges().begin(), absolute.ranges().end());
  return {};
}

Result<IdMap> parse_mount_map(std::string_view text, const IdMap& container) {
  std::vector<IdRange> ranges;
  for (const std::string_view range : split(text, '#')) {
    TRY(add_mount_range(range, container, ranges));
    if (ranges.size() > IdMap::kMaxRanges) break;  // enough for make() to refuse
  }
  return IdMap::make(std::move(ranges));
}

}  // namespace

std::vector<IdRangeProblem> check_id_ranges(std::span<const IdRange> ranges) {
  std::vector<IdRangeProblem> problems;
  const std::span<const IdRange> kept = ranges.first(std::min(ranges.size(), IdMap::kMaxRanges));
  for (std::size_t i = 0; i < kept.size(); ++i) {
    std::string problem = range_problem(kept[i]);
    if (problem.empty()) problem = overlap_problem(kept.first(i), kept[i]);
    if (!problem.empty()) problems.push_back({i, std::move(problem)});
  }
  if (kept.size() < ranges.size()) {
    problems.push_back({kept.size(), strf("more than %zu ranges", IdMap::kMaxRanges)});
  }
  return problems;
}

Result<IdMap> IdMap::make(std::vector<IdRange> ranges) {
  const std::vector<IdRangeProblem> problems = check_id_ranges(ranges);
  if (problems.empty()) return IdMap(std::move(ranges));
  const IdRangeProblem& first = problems.front();
  return make_error(Kind::InvalidSpec, "line %zu: %s", first.index + 1, first.message.c_str());
}

Result<IdMap> IdMap::parse(std::string_view text) {
  std::vector<IdRange> ranges = TRY(parse_lines(text));
  return make(std::move(ranges));
}

Result<IdMap> IdMap::parse_words(std::string_view words) {
  // Defined as a replacement of characters, so blanks and newlines are allowed as well.
  std::string text(words);
  std::replace(text.begin(), text.end(), '.', ' ');
  std::replace(text.begin(), text.end(), ':', '\n');
  if (trim(text).empty()) return make_error(Kind::InvalidSpec, "the ID map is empty");
  return TRY_CTX(parse(text), "ID map %s", quote(words).c_str());
}

std::optional<std::uint32_t> IdMap::to_outside(std::uint32_t inside) const {
  for (const IdRange& range : ranges_) {
    if (inside >= range.inside && inside - range.inside < range.count) {
      return range.outside + (inside - range.inside);
    }
  }
  return std::nullopt;
}

std::optional<std::uint32_t> IdMap::to_inside(std::uint32_t outside) const {
  for (const IdRange& range : ranges_) {
    if (outside >= range.outside && outside - range.outside < range.count) {
      return range.inside + (outside - range.outside);
    }
  }
  return std::nullopt;
}

Result<IdMap> IdMap::through(const IdMap& parent) const {
  std::vector<IdRange> pieces;
  for (IdRange rest : ranges_) {
    while (rest.count > 0 && pieces.size() <= kMaxRanges) {
      const auto covers = [&](const IdRange& range) {
        return rest.outside >= range.inside && rest.outside - range.inside < range.count;
      };
      const auto found = std::find_if(parent.ranges_.begin(), parent.ranges_.end(), covers);
      if (found == parent.ranges_.end()) {
        return make_error(Kind::InvalidSpec, "ID %u is not mapped in the parent", rest.outside);
      }
      const std::uint32_t skip = rest.outside - found->inside;
      const std::uint32_t count = std::min(rest.count, found->count - skip);
      pieces.push_back({rest.inside, found->outside + skip, count});
      rest = {rest.inside + count, rest.outside + count, rest.count - count};
    }
  }
  return make(std::move(pieces));
}

std::string IdMap::text() const { return print(ranges_, " \n"); }

std::string IdMap::words() const {
  std::string out = print(ranges_, ".:");
  if (!out.empty()) out.pop_back();
  return out;
}

Result<MountIdMaps> parse_mount_id_maps(std::string_view text, const IdMap& container_uids,
                                        const IdMap& container_gids) {
  MountIdMaps maps;
  for (const std::string_view item : split(text, ';')) {
    if (item.starts_with("uids=")) {
      maps.uids = TRY_CTX(parse_mount_map(item.substr(5), container_uids), "uids");
    } else if (item.starts_with("gids=")) {
      maps.gids = TRY_CTX(parse_mount_map(item.substr(5), container_gids), "gids");
    } else {
      return make_error(Kind::InvalidSpec, "%s is neither uids= nor gids=", quote(item).c_str());
    }
  }
  if (maps.uids.empty() || maps.gids.empty()) {
    return make_error(Kind::InvalidSpec, "an idmapped mount needs both uids= and gids=");
  }
  return maps;
}

}  // namespace ctr
