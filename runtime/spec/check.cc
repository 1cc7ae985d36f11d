// SPDX-License-Identifier: Apache-2.0
#include "runtime/spec/check.h"

#include <algorithm>
#include <climits>
#include <cstdint>

#include "ctrtool/core/base/strf.h"

namespace oci {
namespace {

// The kernel's UID_GID_MAP_MAX_EXTENTS.
constexpr std::size_t kMaxIdMappings = 340;
// 2^32-1 is "no ID" to the kernel, so the last ID of a range is at most one less.
constexpr std::uint64_t kIdEnd = UINT32_MAX;

bool overlap(std::uint32_t one, std::uint32_t one_size, std::uint32_t other,
             std::uint32_t other_size) {
  return one < std::uint64_t{other} + other_size && other < std::uint64_t{one} + one_size;
}

void check_range(const IdMapping& range, const Pointer& at, Problems& problems) {
  if (range.size == 0) {
    problems.error(at.at("size"), "must not be 0");
  } else if (std::uint64_t{range.containerID} + range.size > kIdEnd) {
    problems.error(at, "the range ends above the largest ID in the container");
  } else if (std::uint64_t{range.hostID} + range.size > kIdEnd) {
    problems.error(at, "the range ends above the largest ID on the host");
  }
}

void check_overlap(const std::vector<IdMapping>& map, std::size_t index, const Pointer& at,
                   Problems& problems) {
  const IdMapping& one = map[index];
  for (std::size_t i = 0; i < index; ++i) {
    const IdMapping& other = map[i];
    if (overlap(one.containerID, one.size, other.containerID, other.size)) {
      problems.error(at.at(index), ctr::strf("overlaps entry %zu in the container", i));
    } else if (overlap(one.hostID, one.size, other.hostID, other.size)) {
      problems.error(at.at(index), ctr::strf("overlaps entry %zu on the host", i));
    }
  }
}

}  // namespace

bool is_absolute(std::string_view path) { return path.starts_with('/'); }

bool has_control_character(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

void check_one_line(const std::string& text, const Pointer& at, const char* key,
                    Problems& problems) {
  if (has_control_character(text)) {
    problems.error(at.at(key), "must not contain control characters");
  }
}

void check_absolute(const std::string& path, const Pointer& at, const char* key,
                    Problems& problems) {
  if (!is_absolute(path)) problems.error(at.at(key), "must be an absolute path");
}

void check_between(std::int64_t value, std::int64_t min, std::int64_t max, const Pointer& at,
                   const char* key, Problems& problems) {
  if (value >= min && value <= max) return;
  problems.error(at.at(key),
                 "must be between " + std::to_string(min) + " and " + std::to_string(max));
}

void check_path_length(const std::string& path, const Pointer& at, const char* key,
                       Problems& problems) {
  if (path.size() <= NAME_MAX) return;
  if (path.size() >= PATH_MAX) {
    problems.error(at.at(key), ctr::strf("is longer than %d bytes", PATH_MAX - 1));
    return;
  }
  for (const std::string_view component : ctr::split(path, '/')) {
    if (component.size() > NAME_MAX) {
      problems.error(at.at(key), ctr::strf("has a component longer than %d bytes", NAME_MAX));
      return;
    }
  }
}

void check_id_map(const std::vector<IdMapping>& map, const Pointer& parent, const char* key,
                  Problems& problems) {
  if (map.empty()) return;
  const Pointer at = parent.at(key);
  if (map.size() > kMaxIdMappings) {
    problems.error(at, ctr::strf("has more than %zu entries", kMaxIdMappings));
    return;
  }
  for (std::size_t i = 0; i < map.size(); ++i) {
    check_range(map[i], at.at(i), problems);
    check_overlap(map, i, at, problems);
  }
}

}  // namespace oci
