// SPDX-License-Identifier: Apache-2.0
// Which cgroup hierarchies this host has, and where. A plain value: found once, passed in. Finding
// it costs a dozen system calls and reads no mountinfo: the file system type under /sys/fs/cgroup
// and the lines of /proc/self/cgroup say enough.
//
// Also the rules for a cgroup's path, which is the same below every hierarchy's mount point.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ctrtool/core/base/result.h"

namespace ctr {

enum class CgroupKind : std::uint8_t {
  None,
  V1,
  Hybrid,  // v1 hierarchies and a v2 one beside them, with or without controllers
  V2,
};
enum class CgroupVersion : std::uint8_t { V1 = 1, V2 = 2 };

struct CgroupHierarchy {
  std::string name;                      // of the directory: "cpu,cpuacct", "systemd", "unified"
  std::string mountpoint;                // "/sys/fs/cgroup/cpu,cpuacct"
  std::vector<std::string> controllers;  // "name=systemd" for a named one; on v2 the root's
  CgroupVersion version = CgroupVersion::V1;
  std::string own_path;  // our own cgroup, as /proc/self/cgroup gives it

  bool operator==(const CgroupHierarchy&) const = default;
};

struct CgroupLayout {
  CgroupKind kind = CgroupKind::None;
  std::vector<CgroupHierarchy> hierarchies;

  // The hierarchy that has this controller; on v2 "devices" and "freezer" are part of the core, and
  // the v2 hierarchy has them unless a v1 hierarchy does. Null: not mounted.
  const CgroupHierarchy* find(std::string_view controller) const;
  const CgroupHierarchy* unified() const;  // the v2 one

  bool operator==(const CgroupLayout&) const = default;
};

inline constexpr const char* kCgroupRoot = "/sys/fs/cgroup";

// No cgroup file system at `root`: kind None, not an error.
Result<CgroupLayout> discover_cgroups(const std::string& root = kCgroupRoot);

// The pure half of it. `mounts`: the cgroup mounts found directly below `root`; one with an empty
// name is `root` itself. `own`: /proc/self/cgroup. `v2_controllers`: cgroup.controllers of the v2
// mount.
struct CgroupMount {
  std::string name;
  CgroupVersion version = CgroupVersion::V1;
};
Result<CgroupLayout> compose_cgroup_layout(const std::string& root,
                                           const std::vector<CgroupMount>& mounts,
                                           std::string_view own, std::string_view v2_controllers);

// One line of /proc/PID/cgroup.
struct CgroupMembership {
  std::vector<std::string> controllers;  // empty: the v2 hierarchy
  std::string path;
};
Result<std::vector<CgroupMembership>> parse_proc_cgroup(std::string_view text);

// A cgroup's path in one shape: "/a/b". A relative one counts from the root of each hierarchy, so
// that the same value always means the same place. Refused: "..", control characters, components
// over 255 bytes, the root itself.
Result<std::string> normalize_cgroup_path(std::string_view path);

// By components, never by prefix: "/ct1" does not contain "/ct10". A cgroup contains itself.
bool cgroup_contains(std::string_view ancestor, std::string_view path);

}  // namespace ctr
