// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/applets.h"
#include "tests/support/files.h"
#include "tests/support/ns_test.h"

namespace {

using support::ctrtool;
using support::read_file;
using support::write_file;

void make_two_files() {
  ASSERT_EQ(::chdir("/tmp"), 0);
  ASSERT_TRUE(write_file("a", "A") && write_file("b", "B"));
}

NS_TEST(Renameat2, ExchangesTwoNames) {
  make_two_files();
  EXPECT_EQ(ctrtool({"renameat2", "-x", "a", "b"}).status, 0);
  EXPECT_EQ(read_file("a") + read_file("b"), "BA");
}

NS_TEST(Renameat2, NoReplaceLeavesBothAlone) {
  make_two_files();
  const support::Outcome outcome = ctrtool({"renameat2", "a", "b", "--no-replace"});
  EXPECT_EQ(outcome.status, 1);
  EXPECT_NE(outcome.err.find("File exists"), std::string::npos) << outcome.err;
  EXPECT_EQ(read_file("a") + read_file("b"), "AB");
}

NS_TEST(Renameat2, TargetIsRelativeToADirectory) {
  make_two_files();
  support::make_directories("dir");
  EXPECT_EQ(support::shell("exec 5<dir; D=5 $C renameat2 -d :D a aa").status, 0);
  EXPECT_EQ(read_file("dir/aa"), "A");
  EXPECT_EQ(ctrtool({"renameat2", "--target-dir==dir", "b", "bb"}).status, 0);
  EXPECT_EQ(read_file("dir/bb"), "B");
}

NS_TEST(Renameat2, RefusesWhatItCannotMean) {
  make_two_files();
  EXPECT_EQ(ctrtool({"renameat2", "a"}).status, 2);
  EXPECT_EQ(ctrtool({"renameat2", "a", "b", "c"}).status, 2);
  EXPECT_EQ(ctrtool({"renameat2", "-s", "99", "a", "c"}).status, 2);
  EXPECT_EQ(ctrtool({"renameat2", "-n", "-x", "a", "b"}).status, 1);
}

NS_TEST(Renameat2, LeavesAWhiteout) {
  make_two_files();
  ASSERT_EQ(ctrtool({"renameat2", "-w", "b", "bb"}).status, 0);
  struct stat found {};
  ASSERT_EQ(::stat("b", &found), 0);
  EXPECT_TRUE(S_ISCHR(found.st_mode));
  EXPECT_EQ(found.st_rdev, 0U);
}

}  // namespace
