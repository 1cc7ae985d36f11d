// SPDX-License-Identifier: Apache-2.0
// Intel RDT through a mounted resctrl file system (Documentation/filesystems/resctrl.rst;
// config-linux.md, "IntelRdt"): a group is a directory, joined by writing to its `tasks`.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"

namespace ctr {

// Where resctrl is mounted, from the text of /proc/self/mountinfo; empty: nowhere.
std::string find_resctrl(std::string_view mountinfo);

struct RdtGroup {
  std::string name;  // its directory; "/": the default group
  bool own = false;  // the container's alone: it must be new, and goes with the container
  // Compared with what a group that exists already has; else written first, in this order.
  std::vector<std::string> compared{};
  std::vector<std::string> written{};  // always written, last
  std::string monitor{};               // the name of a monitoring group inside, or empty
  bool operator==(const RdtGroup&) const = default;
};

// Puts the process into the group, made and limited as asked. What was made is gone again after a
// failure.
Result<void> join_rdt_group(BorrowedFd resctrl, const RdtGroup& group, pid_t pid);

// What goes with the container, relative to the mount point, inner directories first.
std::vector<std::string> rdt_directories(const RdtGroup& group);

// Whether a line of the schemata file ("L3:0=7ff;1=7ff") gives each domain of `wanted` its value.
bool rdt_schema_matches(std::string_view schemata, std::string_view wanted);

}  // namespace ctr
