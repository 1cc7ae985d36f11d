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

NS_TEST(Renameat2, TellsOfConflictsBeforeTheCall) {
  make_two_files();
  const support::Outcome both = ctrtool({"renameat2", "-n", "-x", "a", "b"});
  EXPECT_NE(both.err.find("--exchange goes with"), std::string::npos) << both.err;
  EXPECT_EQ(read_file("a") + read_file("b"), "AB");
}

NS_TEST(Renameat2, SaysWhatWasDone) {
  make_two_files();
  EXPECT_EQ(ctrtool({"renameat2", "-vx", "a", "b"}).out, "\"a\" <-> \"b\"\n");
  EXPECT_EQ(ctrtool({"renameat2", "--verbose", "a", "c"}).out, "\"a\" -> \"c\"\n");
}

NS_TEST(Renameat2, Example6LiveDirectoriesAreNeverMissing) {
  make_two_files();
  support::make_directories("site");
  support::make_directories("site.new");
  ASSERT_TRUE(write_file("site/index", "old") && write_file("site.new/index", "new"));
  const support::Outcome outcome = support::shell(
      "cd /tmp; (while test ! -e stop; do test -e site/index || echo missing; done) & i=0; while "
      "test $i "
      "-lt 40; do $C renameat2 -x site site.new || exit; i=$((i+1)); done; touch stop; wait");
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "");
}

NS_TEST(Renameat2, SourceIsRelativeToADirectory) {
  make_two_files();
  support::make_directories("dir");
  ASSERT_TRUE(write_file("dir/c", "C"));
  EXPECT_EQ(support::shell("cd /tmp; exec 5<dir; export D=5; $C renameat2 -s /D c cc").status, 0);
  EXPECT_EQ(read_file("cc"), "C");
}

}  // namespace
