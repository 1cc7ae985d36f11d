// SPDX-License-Identifier: Apache-2.0
// User and group ID maps: which ID inside a user namespace (or an idmapped mount) stands for which
// ID outside. An IdMap is always valid: every way to make one checks the rules of
// user_namespaces(7), so what the kernel would only call EINVAL is reported with its line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ctrtool/core/base/result.h"

namespace ctr {

struct IdRange {
  std::uint32_t inside;
  std::uint32_t outside;
  std::uint32_t count;
  bool operator==(const IdRange&) const = default;
};

// What is wrong with one range. `index` counts from 0, for a JSON pointer or a line number.
struct IdRangeProblem {
  std::size_t index;
  std::string message;
};
// Count above 0, no wrap past 2^32-2, no overlap on either side, at most IdMap::kMaxRanges. Answers
// every problem, in order of index.
std::vector<IdRangeProblem> check_id_ranges(std::span<const IdRange> ranges);

class IdMap {
 public:
  static constexpr std::size_t kMaxRanges = 340;  // UID_GID_MAP_MAX_EXTENTS, Linux 4.15

  IdMap() = default;  // maps nothing, as /proc/PID/uid_map of a new namespace
  // The first problem is the error: "line 2: ...".
  static Result<IdMap> make(std::vector<IdRange> ranges);
  // The text of /proc/PID/uid_map: "INSIDE OUTSIDE COUNT" on each line.
  static Result<IdMap> parse(std::string_view text);
  // The tools' form of the same: INNER.OUTER.COUNT[:INNER.OUTER.COUNT...]. Never empty.
  static Result<IdMap> parse_words(std::string_view words);

  const std::vector<IdRange>& ranges() const { return ranges_; }
  bool empty() const { return ranges_.empty(); }

  std::optional<std::uint32_t> to_outside(std::uint32_t inside) const;
  std::optional<std::uint32_t> to_inside(std::uint32_t outside) const;
  // This map seen through the namespace's parent: our outside IDs are `parent`'s inside IDs. An ID
  // that `parent` does not map is an error.
  Result<IdMap> through(const IdMap& parent) const;

  std::string text() const;   // what the kernel reads, a line per range
  std::string words() const;  // what parse_words reads

  bool operator==(const IdMap&) const = default;

 private:
  explicit IdMap(std::vector<IdRange> ranges) : ranges_(std::move(ranges)) {}

  std::vector<IdRange> ranges_;
};

// The maps of an idmapped mount, as the value of crun's option: "uids=0-1-10#10-11-10;gids=0-1-10".
// The middle number of a range that starts with '@' is an ID inside the container.
struct MountIdMaps {
  IdMap uids;
  IdMap gids;
  bool operator==(const MountIdMaps&) const = default;
};
Result<MountIdMaps> parse_mount_id_maps(std::string_view text, const IdMap& container_uids,
                                        const IdMap& container_gids);

}  // namespace ctr
