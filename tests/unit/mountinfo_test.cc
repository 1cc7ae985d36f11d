// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/mountinfo.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ctr {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Mountinfo, HasWhatProcSays) {
  const std::vector<MountEntry> mounts = parse_mountinfo(
      "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n"
      "37 36 0:21 / /proc rw - proc proc rw\n"
      "38 36 0:22 / /a\\040b\\134c rw shared:3 propagate_from:2 - tmpfs none rw\n");
  EXPECT_THAT(mounts, ElementsAre(MountEntry{36, "/mnt1", "/mnt2", "ext3"},
                                  MountEntry{37, "/", "/proc", "proc"},
                                  MountEntry{38, "/", "/a b\\c", "tmpfs"}));
  ASSERT_NE(find_mount(mounts, 37), nullptr);
  EXPECT_EQ(find_mount(mounts, 37)->at, "/proc");
  EXPECT_EQ(find_mount(mounts, 99), nullptr);
}

TEST(Mountinfo, LeavesOutWhatIsNoLine) {
  EXPECT_THAT(parse_mountinfo(""), IsEmpty());
  EXPECT_THAT(parse_mountinfo("x 35 98:0 / /a rw - ext3 a rw\n36 35 98:0 / /a rw ext3 a rw\n36\n"),
              IsEmpty());
}

TEST(Mountinfo, KeepsABackslashThatIsNoEscape) {
  const std::vector<MountEntry> mounts = parse_mountinfo("1 2 0:1 / /\\9\\77 rw - tmpfs a rw");
  ASSERT_EQ(mounts.size(), 1U);
  EXPECT_EQ(mounts[0].at, "/\\9\\77");
}

}  // namespace
}  // namespace ctr
