// SPDX-License-Identifier: Apache-2.0
// What a container's cgroup is to systemd: a scope, the slice it is in, and their properties. Pure;
// kit/systemd talks to the manager.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ctrtool/core/base/result.h"
#include "ctrtool/core/kit/cgroup_resources.h"
#include "ctrtool/core/kit/dbus_value.h"

namespace ctr {

struct UnitProperty {
  std::string name;
  DbusValue value;

  bool operator==(const UnitProperty&) const = default;
};

// Where each user's containers are, and who makes their cgroups.
enum class SystemdInstance : std::uint8_t { System, User };

struct ScopeName {
  std::string slice;  // "machine.slice"
  std::string unit;   // "libpod-abc.scope"

  bool operator==(const ScopeName&) const = default;
};
// "slice:prefix:name"; an empty one: "ocictr-ID.scope" in the instance's usual slice. Characters
// that a unit's name may not have are escaped as systemd does.
Result<ScopeName> parse_scope_name(std::string_view cgroups_path, std::string_view id,
                                   SystemdInstance instance);
// "a-b.slice" is inside "a.slice": "/a.slice/a-b.slice". "-.slice" is the root: "".
std::string slice_path(std::string_view slice);

bool is_slice(std::string_view unit);
// Where the unit is, below the manager's own cgroup.
std::string unit_path(const ScopeName& name);
// Of a cgroup that is the unit's or below it, the unit's.
std::string unit_cgroup(std::string_view path, std::string_view unit);

// What every scope has, but for its processes.
std::vector<UnitProperty> scope_properties(const ScopeName& name, const std::string& description);
// The limits that systemd knows of, so that it does not undo them when it next looks. All of them
// are written to the cgroup's files as well.
std::vector<UnitProperty> limit_properties(const CgroupResources& resources, CgroupVersion version);
// An engine's own: "TimeoutStopUSec" and "uint64 10000000". "FooSec" takes seconds and becomes
// "FooUSec".
Result<UnitProperty> parse_unit_property(std::string_view name, std::string_view text);

// A later property replaces an earlier one of the same name.
void merge_properties(std::vector<UnitProperty>& into, std::vector<UnitProperty> more);

}  // namespace ctr
