// SPDX-License-Identifier: Apache-2.0
// One cgroup directory, by its path: what all of Cgroup's operations read and write. Cgroup file
// systems have no links and only their owner changes them, so paths are safe here; but a directory
// may vanish at any moment, and then there is nothing to read: ENOENT and ENODEV mean "gone".
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ctrtool/core/base/result.h"

namespace ctr {

// "/a/b" → {"/a", "/a/b"}.
std::vector<std::string> cgroup_steps(const std::string& path);

bool is_gone(const Error& error);

// The directories directly below; none when `dir` is gone.
Result<std::vector<std::string>> child_cgroups(const std::string& dir);
// `dir` and all below it, parents first.
Result<std::vector<std::string>> cgroup_tree(const std::string& dir);
// rmdir, and nothing when it is gone already.
Result<void> remove_cgroup(const std::string& dir);

// Marks a directory that some container's creation made on the way to its own, so that whichever
// container leaves last may remove it, and not only the one that came first. (Kernfs keeps extended
// attributes on v1 and v2.)
void mark_made_parent(const std::string& dir);
Result<bool> is_made_parent(const std::string& dir);

// The whole file without the end of line; empty when it, or the cgroup, is gone.
Result<std::string> read_cgroup_file(const std::string& dir, const char* file);
// "1" for "populated" in "populated 1\nfrozen 0\n" (or with a tab); empty when there is no such
// key.
std::string_view value_of_key(std::string_view text, std::string_view key);

// Processes directly in `dir`, in the kernel's order; those it shows as 0 are left out.
Result<std::vector<pid_t>> processes_in(const std::string& dir);

// v2: has these controllers at work in the cgroup `path`, which exists, as far as the levels above
// can pass them on. What stays missing shows when a limit is to be written.
Result<void> enable_controllers(const std::string& mountpoint, const std::string& path,
                                const std::vector<std::string>& wanted);
// The same for one level: what `dir` has goes to all directly below it.
Result<void> pass_on(const std::string& dir, const std::vector<std::string>& wanted);
// The controllers that this file of a v2 cgroup lists.
Result<std::vector<std::string>> cgroup_controllers(const std::string& dir,
                                                    const char* file = "cgroup.controllers");

// Waiting for the kernel to finish something: 0.1 ms, 0.2, 0.4 and so on, at most `longest_ms`
// each, until `limit_ms` have passed in all.
class Backoff {
 public:
  Backoff(int limit_ms, int longest_ms);
  // False: the time is up.
  bool wait();
  int remaining_ms() const;

 private:
  std::int64_t deadline_us_;
  std::int64_t longest_us_;
  std::int64_t next_us_ = 100;
};

}  // namespace ctr
