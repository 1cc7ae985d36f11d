// SPDX-License-Identifier: Apache-2.0
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

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

NS_TEST(Renameat2, Example1ExchangesTwoNames) {
  make_two_files();
  EXPECT_EQ(ctrtool({"renameat2", "-x", "a", "b"}).status, 0);
  EXPECT_EQ(read_file("a") + read_file("b"), "BA");
}

NS_TEST(Renameat2, Example2NoReplaceLeavesBothAlone) {
  make_two_files();
  const support::Outcome outcome = ctrtool({"renameat2", "a", "b", "--no-replace"});
  EXPECT_EQ(outcome.status, 1);
  EXPECT_NE(outcome.err.find("File exists"), std::string::npos) << outcome.err;
  EXPECT_EQ(read_file("a") + read_file("b"), "AB");
}

NS_TEST(Renameat2, Example3TargetIsRelativeToADirectory) {
  make_two_files();
  support::make_directories("dir");
  EXPECT_EQ(support::shell("exec 5<dir; D=5 $C renameat2 -d :D a aa").status, 0);
  EXPECT_EQ(read_file("dir/aa"), "A");
  EXPECT_EQ(ctrtool({"renameat2", "--target-dir==dir", "b", "bb"}).status, 0);
  EXPECT_EQ(read_file("dir/bb"), "B");
}

NS_TEST(Renameat2, Example4RefusesWhatItCannotMean) {
  make_two_files();
  EXPECT_EQ(ctrtool({"renameat2", "a"}).status, 2);
  EXPECT_EQ(ctrtool({"renameat2", "a", "b", "c"}).status, 2);
  EXPECT_EQ(ctrtool({"renameat2", "-s", "99", "a", "c"}).status, 2);
  EXPECT_EQ(ctrtool({"renameat2", "-n", "-x", "a", "b"}).status, 1);
}

NS_TEST(Renameat2, Example5LeavesAWhiteout) {
  make_two_files();
  ASSERT_EQ(ctrtool({"renameat2", "-w", "b", "bb"}).status, 0);
  struct stat found {};
  ASSERT_EQ(::stat("b", &found), 0);
  EXPECT_TRUE(S_ISCHR(found.st_mode));
  EXPECT_EQ(found.st_rdev, 0U);
}

NS_TEST(Renameat2, ImproveTellsOfConflictsBeforeTheCall) {
  make_two_files();
  const support::Outcome both = ctrtool({"renameat2", "-n", "-x", "a", "b"});
  EXPECT_NE(both.err.find("--exchange goes with"), std::string::npos) << both.err;
  EXPECT_EQ(read_file("a") + read_file("b"), "AB");
}

NS_TEST(Renameat2, ImproveSaysWhatWasDone) {
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

NS_TEST(Renameat2, OptionsSourceIsRelativeToADirectory) {
  make_two_files();
  support::make_directories("dir");
  ASSERT_TRUE(write_file("dir/c", "C"));
  EXPECT_EQ(support::shell("cd /tmp; exec 5<dir; export D=5; $C renameat2 -s /D c cc").status, 0);
  EXPECT_EQ(read_file("cc"), "C");
}

// A kernel, or a file system, that takes no flags: EINVAL for each renameat2(2) that has one.
bool write_filter(const std::string& path) {
  const sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_renameat2, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[4])),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  return write_file(path, {reinterpret_cast<const char*>(program), sizeof program});
}

NS_TEST(Renameat2, ImproveFallsBackWhenAskedAndSaysSo) {
  make_two_files();
  ASSERT_TRUE(write_filter("bpf"));
  const auto rename = [](const std::string& words) {
    return support::shell("$C launcher -w -D --seccomp-fd 8 -- $C renameat2 " + words + " 8<bpf");
  };
  const support::Outcome refused = rename("-x a b");
  EXPECT_EQ(refused.status, 1);
  EXPECT_TRUE(support::contains(refused.err, "does the file system support this flag?"));
  EXPECT_EQ(read_file("a") + read_file("b"), "AB");
  const support::Outcome swapped = rename("-x -f a b");
  EXPECT_EQ(swapped.status, 0) << swapped.err;
  EXPECT_TRUE(support::contains(swapped.err, "not atomically")) << swapped.err;
  EXPECT_EQ(read_file("a") + read_file("b"), "BA");
  // What cannot be finished is undone.
  EXPECT_EQ(rename("-x --fallback a missing").status, 1);
  EXPECT_EQ(rename("-n -f a b").status, 1);
  EXPECT_EQ(read_file("a") + read_file("b"), "BA");
  const support::Outcome moved = rename("-n -f a c");
  EXPECT_EQ(moved.status, 0) << moved.err;
  EXPECT_TRUE(support::contains(moved.err, "not atomically")) << moved.err;
  EXPECT_EQ(read_file("b") + read_file("c"), "AB");
  EXPECT_EQ(rename("-w -f b d").status, 1) << "nothing stands in for a whiteout";
  EXPECT_EQ(support::shell("ls").out, "b\nbpf\nc\n");
  // Where the flag is known nothing else is done.
  EXPECT_EQ(ctrtool({"renameat2", "-x", "-f", "b", "c"}).err, "");
  EXPECT_EQ(read_file("b") + read_file("c"), "BA");
}

}  // namespace
