// SPDX-License-Identifier: Apache-2.0
// RDT groups on an imitated resctrl: ordinary files, as few machines have the real ones.
#include "ctrtool/core/kit/resctrl.h"

#include <fcntl.h>

#include "ctrtool/core/sys/file.h"
#include "tests/support/files.h"
#include "tests/support/ns_test.h"

namespace {

using namespace support;

class Fake {
 public:
  Fake() {
    group("");
    group("/shared");
    write_file(dir_ / "shared/schemata", "L3:0=ff;1=ff\nMB:0=50;1=50\n");
    fd_ = ctr::sys::open(dir_.path(), O_PATH | O_DIRECTORY).value();
  }
  void group(const std::string& name) const {
    make_directories(dir_.path() + name + "/mon_groups");
    write_file(dir_.path() + name + "/tasks", "");
    write_file(dir_.path() + name + "/schemata", "");
  }
  std::string read(const std::string& name) const { return read_file(dir_ / name); }
  std::string path(const std::string& name) const { return dir_ / name; }
  ctr::BorrowedFd fd() const { return fd_; }

 private:
  TempDir dir_;
  ctr::UniqueFd fd_;
};

NS_TEST(Resctrl, AGroupThatExistsIsJoinedIfItIsAsAsked) {
  const Fake fake;
  ASSERT_OK(ctr::join_rdt_group(fake.fd(), {.name = "shared"}, 42));
  EXPECT_EQ(fake.read("shared/tasks"), "42");
  ASSERT_OK(
      ctr::join_rdt_group(fake.fd(), {.name = "shared", .compared = {"L3:0=ff", "MB:1=50"}}, 43));
  const ctr::Result<void> other =
      ctr::join_rdt_group(fake.fd(), {.name = "shared", .compared = {"L3:0=f"}}, 44);
  EXPECT_FALSE(other.ok());
  EXPECT_TRUE(contains(other.error().message, "L3:0=f")) << other.error().message;
  EXPECT_EQ(fake.read("shared/tasks"), "43");
}

NS_TEST(Resctrl, TheRootIsAGroupAndSchemataAreWritten) {
  const Fake fake;
  ASSERT_OK(ctr::join_rdt_group(fake.fd(), {.name = "/", .written = {"L2:0=3"}}, 7));
  EXPECT_EQ(fake.read("tasks"), "7");
  EXPECT_EQ(fake.read("schemata"), "L2:0=3\n");
}

NS_TEST(Resctrl, AMissingGroupWithoutWordsIsAnError) {
  const Fake fake;
  EXPECT_FALSE(ctr::join_rdt_group(fake.fd(), {.name = "none"}, 7).ok());
  EXPECT_FALSE(path_exists(fake.path("none")));
}

// In an imitation a new directory has no `tasks`: so this fails half-way, in either place.
NS_TEST(Resctrl, WhatWasMadeGoesWhenJoiningFails) {
  const Fake fake;
  EXPECT_FALSE(ctr::join_rdt_group(fake.fd(), {.name = "mine", .own = true}, 7).ok());
  EXPECT_FALSE(path_exists(fake.path("mine")));
  EXPECT_FALSE(ctr::join_rdt_group(fake.fd(), {.name = "shared", .monitor = "web"}, 7).ok());
  EXPECT_FALSE(path_exists(fake.path("shared/mon_groups/web")));
  EXPECT_TRUE(path_exists(fake.path("shared")));
}

NS_TEST(Resctrl, AnOwnGroupMustBeNew) {
  const Fake fake;
  fake.group("/mine");
  EXPECT_FALSE(ctr::join_rdt_group(fake.fd(), {.name = "mine", .own = true}, 7).ok());
  EXPECT_TRUE(path_exists(fake.path("mine"))) << "not ours to remove";
  EXPECT_EQ(fake.read("mine/tasks"), "");
}

}  // namespace
