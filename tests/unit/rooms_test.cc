// SPDX-License-Identifier: Apache-2.0
// One implementation each of a mount, an ID map, a change of capabilities or of the user, a
// namespace and a move into a cgroup: front ends and hooks have operations for them, and none of
// the calls.
#include <gtest/gtest.h>

#include <string>

#include "tests/support/files.h"
#include "tests/support/paths.h"

namespace {

constexpr const char* kCalls[] = {
    "sys::mount(",     "sys::umount2(",      "sys::pivot_root(", "sys::open_tree(",
    "sys::move_mount", "sys::mount_setattr", "sys::fsopen(",     "sys::fsmount(",
    "sys::setgroups(", "sys::setresuid(",    "sys::setresgid(",  "sys::capset(",
    "sys::unshare(",   "sys::setns(",        "\"uid_map\"",      "\"gid_map\"",
    "\"projid_map\"",  "\"cgroup.procs\"",   "sys::prctl_cap",   "sys::prctl_set_securebits(",
};

TEST(Rooms, FrontEndsLeaveMountsAndIdentitiesToTheExecutor) {
  unsigned files = 0;
  for (const char* room :
       {"/ctrtool/cmd/", "/hooks/", "/runtime/cli/", "/runtime/translate/", "/runtime/state/"}) {
    const std::string directory = support::source_dir() + room;
    for (const std::string& name : support::list_directory(directory)) {
      if (!name.ends_with(".cc")) continue;
      ++files;
      const std::string text = support::read_file(directory + name);
      for (const char* call : kCalls)
        EXPECT_EQ(text.find(call), std::string::npos) << room << name << ": " << call;
    }
  }
  EXPECT_GT(files, 80U);
}

}  // namespace
