// SPDX-License-Identifier: Apache-2.0
// What the tests of ctrtool's applets begin with: shell texts in which $C is ctrtool, and the words
// that their expectations are made of.
#pragma once

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "ctrtool/core/kit/cgroup_layout.h"
#include "tests/support/applets.h"
#include "tests/support/files.h"
#include "tests/support/ns_test.h"

namespace native {

using support::lines_of;
using support::Outcome;
using support::shell;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

// As an ordinary user: $U runs a command as uid 1000, $C is a copy that he can see.
inline Outcome user_shell(const std::string& text) {
  return shell(
      "mkdir -p /tmp/bin; cp $C /tmp/bin/ctrtool; C=/tmp/bin/ctrtool; chmod 755 /tmp /tmp/bin; "
      "U='setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps=-all --bounding-set=-all'; " +
      text);
}

// $P is a container's pid, here and in its parent's numbering.
inline Outcome beside_container(const std::string& text) {
  return shell(
      "$C launcher --escape -UmnpuiC -t -H inside --uid-map=0.0.100 --gid-map=0.0.100 -P /tmp/pid "
      "-- sleep 30 || exit 99; export C P=$(cat /tmp/pid); (" +
      text + "); S=$?; kill -9 $P 2>/dev/null; exit $S");
}

// A cgroup made there can be entered at once: memory and cpuset want limits set before.
inline std::vector<ctr::CgroupHierarchy> hierarchies_to_enter() {
  const ctr::Result<ctr::CgroupLayout> layout = ctr::discover_cgroups();
  EXPECT_TRUE(layout.ok());
  std::vector<ctr::CgroupHierarchy> all =
      layout.ok() ? layout->hierarchies : std::vector<ctr::CgroupHierarchy>();
  std::erase_if(all, [](const ctr::CgroupHierarchy& hierarchy) {
    return hierarchy.version == ctr::CgroupVersion::V1 && hierarchy.name != "freezer" &&
           hierarchy.name != "pids";
  });
  EXPECT_FALSE(all.empty());
  return all;
}

}  // namespace native
