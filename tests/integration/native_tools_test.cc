// SPDX-License-Identifier: Apache-2.0
// The built binary through its link ctrtool: the numbered examples of the small applets. Each name
// says which example it is.
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/files.h"
#include "tests/support/ns_test.h"
#include "tests/support/paths.h"
#include "tests/support/process.h"

namespace {

using support::Outcome;
using support::path_exists;
using support::read_file;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kTool = support::build_dir() + "/ctrtool";

// A shell in a scratch directory of the sandbox, "$T" being the tool.
Outcome sh(const std::string& script) {
  const std::string dir = "/tmp/w";
  support::make_directories(dir);
  return support::run(
      {.argv = {"sh", "-c", "T=" + std::string(kTool) + "; " + script}, .cwd = dir});
}

mode_t mode_of(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
}

// --- multicall -----------------------------------------------------------------------------------

NS_TEST(NativeMulticall, Example1And2UsageAndUnknownApplet) {
  const Outcome none = sh("$T");
  EXPECT_EQ(none.status, 255);
  EXPECT_THAT(none.err, HasSubstr("Usage:"));
  const Outcome unknown = sh("$T nosuch");
  EXPECT_EQ(unknown.status, 255);
  EXPECT_THAT(unknown.err, HasSubstr("nosuch"));
}

NS_TEST(NativeMulticall, Example3LinksAndTheOverride) {
  EXPECT_THAT(sh("ln -s $T set_fds; ./set_fds --help").out, HasSubstr("ctrtool set_fds"));
  EXPECT_EQ(sh("ln -s $T ctrtool-x; ./ctrtool-x set_fds").status, 1);
  EXPECT_EQ(sh("CTRTOOL_OVERRIDE_ARGV0_LOOKUP=1 ./set_fds env A=1 true").status, 0);
  EXPECT_EQ(sh("$T /x/y/set_fds -- true").status, 0);
}

NS_TEST(NativeMulticall, Example5And4Escape) {
  EXPECT_EQ(sh("$T escape escape env").status, 255);
  const Outcome done = sh("$T escape env A=5 sh -c 'echo $A'");
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_EQ(done.out, "5\n");
}

NS_TEST(NativeMulticall, Example6ClosedStdinBecomesUseless) {
  const Outcome guarded = sh("$T env readlink /proc/self/fd/0 <&-");
  EXPECT_THAT(guarded.out, HasSubstr("anon_inode"));
}

// --- set_fds -------------------------------------------------------------------------------------

NS_TEST(NativeSetFds, Example1And2RenumberAndSwap) {
  const Outcome moved =
      sh("$T set_fds -f 9,8 -- sh -c 'readlink /proc/self/fd/3 /proc/self/fd/4; ls /proc/self/fd | "
         "wc -l' 8</etc/group 9</etc/passwd");
  EXPECT_EQ(moved.out, "/etc/passwd\n/etc/group\n6\n") << moved.err;
  const Outcome swapped =
      sh("$T set_fds -f 4,3,3 -- sh -c 'readlink /proc/self/fd/3 /proc/self/fd/4 /proc/self/fd/5' "
         "3</etc/passwd 4</etc/group");
  EXPECT_EQ(swapped.out, "/etc/group\n/etc/passwd\n/etc/passwd\n") << swapped.err;
}

NS_TEST(NativeSetFds, Example3Announces) {
  const Outcome told = sh(
      "A=9 B=8 $T set_fds -s -e /A,:B -- sh -c 'echo $A ${B-none} $LISTEN_FDS; test $LISTEN_PID = "
      "$$' 8</dev/null 9</dev/null");
  EXPECT_EQ(told.status, 0) << told.err;
  EXPECT_EQ(told.out, "9 none 2\n");
}

NS_TEST(NativeSetFds, Example5And6Errors) {
  const Outcome closed = sh("$T set_fds -f 99 -- true");
  EXPECT_EQ(closed.status, 127);
  EXPECT_THAT(closed.err, HasSubstr("99"));
  EXPECT_EQ(sh("B=1 $T set_fds -e :B,:B -- true").status, 1);
  EXPECT_EQ(sh("$T set_fds -f 3x -- true 3</dev/null").status, 1);
  EXPECT_EQ(sh("$T set_fds -f 1 -- /nope").status, 127);
  EXPECT_EQ(sh("$T set_fds -f 1 -- /tmp").status, 126);
}

NS_TEST(NativeSetFds, ImproveMapsPathsAndNames) {
  const Outcome mapped = sh(
      "$T set_fds -m =/etc/passwd:10 -a 1,=/etc/group -n a:b -- sh -c 'readlink /proc/self/fd/10 "
      "/proc/self/fd/4; echo $LISTEN_FDNAMES'");
  EXPECT_EQ(mapped.out, "/etc/passwd\n/etc/group\na:b\n") << mapped.err;
}

// --- mount_seq -----------------------------------------------------------------------------------

NS_TEST(NativeMountSeq, Example1And2TmpfsAndReadOnlyBind) {
  const Outcome made = sh("$T mount_seq -m t -E -t tmpfs -O sdx -o mode=0711,size=1M");
  EXPECT_EQ(made.status, 0) << made.err;
  EXPECT_EQ(mode_of("/tmp/w/t"), 0711U);
  const Outcome bound = sh("mkdir s; $T mount_seq -m ro -E -s s -O bo -r && touch ro/x");
  EXPECT_NE(bound.status, 0);
  EXPECT_THAT(bound.err, HasSubstr("Read-only"));
  EXPECT_EQ(sh("$T mount_seq -u ro -u t").status, 0);
}

NS_TEST(NativeMountSeq, Example3And4LinksAndTolerance) {
  const Outcome refused = sh("ln -s /etc l; $T mount_seq -D l/x");
  EXPECT_EQ(refused.status, 3);
  EXPECT_FALSE(path_exists("/etc/x"));
  EXPECT_EQ(sh("$T mount_seq -D missing/x -e -D y").status, 3);
  EXPECT_FALSE(path_exists("/tmp/w/y"));
  const Outcome tolerated = sh("mkdir a; $T mount_seq -D a -e -D b");
  EXPECT_EQ(tolerated.status, 2);
  EXPECT_TRUE(path_exists("/tmp/w/b"));
  EXPECT_THAT(tolerated.err, HasSubstr("\"a\""));
  const mode_t before = mode_of("/tmp/w/a");
  EXPECT_EQ(sh("$T mount_seq -D a -O e -M 0777").status, 0);
  EXPECT_EQ(mode_of("/tmp/w/a"), before);
}

NS_TEST(NativeMountSeq, Example5SequenceThenProgram) {
  const Outcome done =
      sh("$T mount_seq -m root -E -t tmpfs -c root -D data -M 0755 -l latest -s data -S 'test -d "
         "latest' -- pwd");
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_EQ(done.out, "/tmp/w/root\n");
}

NS_TEST(NativeMountSeq, Example6PinsANamespace) {
  const std::string pin = "$T mount_seq -m pins/net0 -f -s /proc/self/ns/net -K -O b";
  const Outcome pinned = sh("mkdir pins; " + pin + "; stat -f -c %T pins/net0");
  EXPECT_EQ(pinned.status, 0) << pinned.err;
  EXPECT_EQ(pinned.out, "nsfs\n");
  EXPECT_EQ(sh(pin + " -x").status, 3);
}

NS_TEST(NativeMountSeq, Example7StrayWordDoesNothing) {
  EXPECT_EQ(sh("$T mount_seq -D p stray").status, 1);
  EXPECT_FALSE(path_exists("/tmp/w/p"));
  EXPECT_EQ(sh("$T mount_seq -E").status, 1);
  EXPECT_EQ(sh("$T mount_seq -D p -t x").status, 1);
  EXPECT_EQ(sh("$T mount_seq -m p -F 32").status, 1);
}

NS_TEST(NativeMountSeq, ImproveWritesFiles) {
  EXPECT_EQ(sh("$T mount_seq -w f -b 'a\\n\\x41' -M 0600 -w f -d x -a -D q/r -p").status, 0);
  EXPECT_EQ(read_file("/tmp/w/f"), "a\nAx");
  EXPECT_EQ(mode_of("/tmp/w/f"), 0600U);
  EXPECT_TRUE(path_exists("/tmp/w/q/r"));
  EXPECT_EQ(sh("$T mount_seq -w f -x").status, 3);
}

// --- reset_cgroup, on trees of ordinary files ----------------------------------------------------

NS_TEST(NativeResetCgroup, Examples1To4) {
  const std::string tree =
      "mkdir -p t/cpu/g t/memory/g; : > t/cpu/g/cgroup.procs; : > t/memory/g/cgroup.procs; ";
  const std::string move = "$T reset_cgroup -b t -c cpu,memory -p g ";
  const Outcome moved = sh(tree + move + "-- echo ok");
  EXPECT_EQ(moved.out, "ok\n") << moved.err;
  EXPECT_EQ(read_file("/tmp/w/t/cpu/g/cgroup.procs"), "0");
  EXPECT_EQ(read_file("/tmp/w/t/memory/g/cgroup.procs"), "0");
  const Outcome missing = sh(tree + move + "-a missing -- echo ok");
  EXPECT_EQ(missing.status, 1);
  EXPECT_EQ(missing.out, "");
  EXPECT_EQ(read_file("/tmp/w/t/memory/g/cgroup.procs"), "0");
  EXPECT_EQ(sh("$T reset_cgroup -b t -c '' -- echo ok").out, "ok\n");
  EXPECT_EQ(sh("rm t/cpu/g/cgroup.procs; ln -s x t/cpu/g/cgroup.procs; " + move + "-- true").status,
            1);
  EXPECT_EQ(sh("$T reset_cgroup -b t -c cpu -p ../.. -- true").status, 1);
}

// --- env -----------------------------------------------------------------------------------------

NS_TEST(NativeEnv, Examples1To5) {
  EXPECT_EQ(sh("$T env -i A=1 B=2").out, "A=1\nB=2\n");
  EXPECT_EQ(sh("$T env - A=1 :env").out, "A=1\n");
  EXPECT_EQ(sh("X=1 $T env -u X sh -c 'echo ${X-unset}'").out, "unset\n");
  EXPECT_EQ(sh("$T env nosuch").status, 127);
  EXPECT_EQ(sh("$T env /tmp").status, 126);
  EXPECT_EQ(sh("$T env PATH=/nowhere ls").status, 127);
  EXPECT_EQ(sh("$T env -u = true").status, 125);
  EXPECT_EQ(sh("printf 'A=1\\nB=x y\\n' > f; $T env -i -f f -S 'C=\"d e\"'").out,
            "A=1\nB=x y\nC=d e\n");
}

// --- cmd -----------------------------------------------------------------------------------------

NS_TEST(NativeCmd, Example1And2WordsFromAFile) {
  const Outcome told = sh("printf 'env\\nTOKEN=s3cret\\nsh\\n-c\\necho $TOKEN' > f; $T cmd -f f");
  EXPECT_EQ(told.out, "s3cret\n") << told.err;
  EXPECT_EQ(sh("printf '%s\\n' A=1 | $T cmd -- env -i").out, "A=1\n");
  EXPECT_EQ(sh("printf 'env\\n-i\\nT=x\\n:env\\n' | $T cmd").out, "T=x\n");
}

NS_TEST(NativeCmd, Example3And4ItemsAndComments) {
  EXPECT_EQ(sh("printf 'a b\\0c\\nd\\0' | $T cmd -0 -n -- env").out, "env\n'a b'\n'c\nd'\n");
  EXPECT_EQ(sh("printf '# x\\n\\na\\n' | $T cmd -c -n env").out, "env\na\n");
  EXPECT_EQ(sh("printf '# x\\n\\na\\n' | $T cmd -n env").out, "env\n'# x'\n''\na\n");
  EXPECT_EQ(sh("printf \"a 'b c'\\n\" | $T cmd -q -b -n env z").out, "env\na\n'b c'\nz\n");
}

NS_TEST(NativeCmd, Example5Mistakes) {
  const Outcome bad = sh("printf 'a\\n\\\\q\\n' | $T cmd -e env");
  EXPECT_EQ(bad.status, 1);
  EXPECT_THAT(bad.err, HasSubstr("line 2"));
  const Outcome unknown = sh("echo | $T cmd set_fd");
  EXPECT_EQ(unknown.status, 127);
  EXPECT_THAT(unknown.err, HasSubstr("unknown applet \"set_fd\", did you mean set_fds?"));
  EXPECT_EQ(sh("$T cmd /x/y/env -i A=1 </dev/null").out, "A=1\n") << "as the dispatcher does";
  EXPECT_EQ(sh("$T cmd /x/y/escape env </dev/null").status, 1);
  EXPECT_EQ(sh("$T cmd -f /nonexistent env").status, 125);
  EXPECT_EQ(sh("$T cmd escape env </dev/null").status, 1);
  const std::string deep = "cmd cmd cmd cmd cmd cmd cmd cmd cmd cmd cmd cmd cmd cmd cmd cmd ";
  EXPECT_EQ(sh("$T " + deep + "cmd env </dev/null").status, 125);
  EXPECT_EQ(sh("$T " + deep + "env </dev/null").status, 0);
}

// --- chaining ------------------------------------------------------------------------------------

NS_TEST(NativeChaining, Section3StagesRunInProcess) {
  const Outcome chained =
      sh("F=8 $T env A=1 :set_fds -e :F -- sh -c 'echo $A; readlink "
         "/proc/self/fd/3' 8</etc/group");
  EXPECT_EQ(chained.out, "1\n/etc/group\n") << chained.err;
}

NS_TEST(NativeChaining, Example5UnknownStage) {
  const Outcome unknown = sh("$T env :nosuch");
  EXPECT_EQ(unknown.status, 127);
  EXPECT_THAT(unknown.err, HasSubstr("nosuch"));
}

// --- help ----------------------------------------------------------------------------------------

NS_TEST(NativeHelp, Examples1To5) {
  EXPECT_THAT(sh("$T help -l").out, HasSubstr("\nmount_seq\n"));
  EXPECT_EQ(sh("$T help set_fds").out, sh("$T set_fds --help").out);
  EXPECT_EQ(sh("$T help nosuch").status, 1);
  EXPECT_THAT(sh("$T help set_fd").err, HasSubstr("set_fds"));
  EXPECT_EQ(support::lines_of(sh("$T help -o set_fds").out).size(), 8U);
  EXPECT_EQ(sh("$T help >/dev/full").status, 125);
  EXPECT_THAT(sh("$T mount_seq -D never --help").out, HasSubstr("Usage:"));
  EXPECT_FALSE(path_exists("/tmp/w/never"));
}

NS_TEST(NativeHelp, ManualPagesAreWhatTheTablesSay) {
  const std::string man = support::source_dir() + "/ctrtool/man/ctrtool";
  EXPECT_THAT(read_file(man + ".1"), HasSubstr("\\fBmount_seq\\fR"));
  for (const char* name : {"cmd", "env", "help", "mount_seq", "reset_cgroup", "set_fds"})
    EXPECT_EQ(sh(std::string("$T help -m ") + name).out, read_file(man + "-" + name + ".1"));
}

}  // namespace
