// SPDX-License-Identifier: Apache-2.0
// /proc/PID/mountinfo (proc(5)): what is mounted where in a mount namespace.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ctr {

struct MountEntry {
  std::uint64_t id = 0;  // as statx(2) says it, STATX_MNT_ID
  std::string root;      // of the mount, in its file system
  std::string at;        // below the root of the process
  std::string type;

  bool operator==(const MountEntry&) const = default;
};

// In the kernel's order, with its escapes taken out. A line that is none is left out.
std::vector<MountEntry> parse_mountinfo(std::string_view text);
// Null: there is none.
const MountEntry* find_mount(const std::vector<MountEntry>& mounts, std::uint64_t id);

}  // namespace ctr
