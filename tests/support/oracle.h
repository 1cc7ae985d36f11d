// SPDX-License-Identifier: Apache-2.0
// "Nothing left behind": what the machine looks like before and after a container's life, as the
// caller of the runtime sees it. The test itself is the subreaper: orphans come to it.
#pragma once

#include <string>
#include <vector>

#include "ctrtool/core/base/fd.h"

namespace support {

struct Snapshot {
  std::vector<std::string> state;      // entries of the state root, to any depth
  std::vector<std::string> cgroups;    // directories with this test's tag, in every hierarchy
  std::vector<std::string> mounts;     // mountinfo with its propagation fields
  std::vector<std::string> processes;  // "pid name" of all but the test and its ancestors
  std::vector<std::string> fds;        // our own
};

Snapshot take_snapshot();
// One line per difference; waits a moment for processes and control groups that are on their way
// out. Zombies that were handed to us are reaped: that is the caller's task, not the runtime's.
std::vector<std::string> left_behind(const Snapshot& before);

// Kills every other process of the sandbox, removes this test's control groups.
void clean_up_machine();

// Mount points of all control group hierarchies; "" controllers for version 2.
struct Hierarchy {
  std::string mount;
  std::string controllers;  // "memory", "cpu,cpuacct", "name=systemd", ""
};
std::vector<Hierarchy> cgroup_hierarchies();
// The directory of a control group in the hierarchy with this controller, or "".
std::string cgroup_dir(const std::string& controller, const std::string& path);
// For tests that enable or disable controllers for the children of the v2 root, which is the whole
// machine's: one at a time, also of those in other sandboxes.
ctr::UniqueFd lock_controllers();
std::vector<int> pids_in(const std::string& cgroup_directory);

// A host directory that no container may change: files, a directory, a fifo, a file called ptmx.
void make_sentinel(const std::string& path);
std::string fingerprint(const std::string& path);  // names, modes, owners, times, contents

}  // namespace support
