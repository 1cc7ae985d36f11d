// SPDX-License-Identifier: Apache-2.0
// The small applets' improvements and options that their numbered examples do not use.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "tests/support/applets.h"
#include "tests/support/files.h"
#include "tests/support/json.h"
#include "tests/support/ns_test.h"
#include "tests/support/paths.h"

namespace {

using support::Outcome;
using support::path_exists;
using ::testing::HasSubstr;
using ::testing::Not;

Outcome in_scratch(const std::string& text) {
  support::make_directories("/tmp/w");
  return support::shell("cd /tmp/w; " + text);
}

// --- mount_seq -----------------------------------------------------------------------------------

NS_TEST(NativeMountSeq, ImproveRollbackLeavesNothing) {
  const Outcome failed = in_scratch(
      "$C mount_seq --rollback -m t -E -t tmpfs -D t/d -w f -d x -l k -s f -D a/b/c -p -D no/such");
  EXPECT_EQ(failed.status, 3);
  EXPECT_THAT(failed.err, HasSubstr("item 6"));
  EXPECT_THAT(failed.err, HasSubstr("5 done before"));
  for (const char* name : {"t", "f", "k", "a/b/c"})
    EXPECT_FALSE(path_exists(std::string("/tmp/w/") + name)) << name;
  EXPECT_EQ(in_scratch("$C mount_seq --rollback -D kept && test -d kept").status, 0);
}

NS_TEST(NativeMountSeq, ImproveItemsFromAFile) {
  support::make_directories("/tmp/w");
  support::write_file("/tmp/w/list", "# a list\n-D 'a b'\n-w f -d \"x y\"\n");
  EXPECT_EQ(in_scratch("$C mount_seq -D first --items list -D last; cat f").out, "x y");
  for (const char* name : {"first", "a b", "last"})
    EXPECT_TRUE(path_exists(std::string("/tmp/w/") + name)) << name;
  support::write_file("/tmp/w/self", "--items self\n");
  EXPECT_EQ(in_scratch("$C mount_seq --items self").status, 1);
  EXPECT_NE(in_scratch("$C mount_seq --items nosuch").status, 0);
}

NS_TEST(NativeMountSeq, ImproveIdMappedBind) {
  const Outcome mapped = in_scratch(
      "mkdir s; touch s/f; $C mount_seq -m m -E -s s -O b --idmap 'uids=0-5000-10;gids=0-6000-10' "
      "&& stat -c '%u %g' m/f s/f");
  EXPECT_EQ(mapped.out, "5000 6000\n0 0\n") << mapped.err;
  EXPECT_EQ(in_scratch("$C mount_seq -m m2 -E -t tmpfs --idmap 'uids=0-5-1;gids=0-5-1'").status, 1);
  // Mistakes in the words are found before anything is done.
  const Outcome wrong = in_scratch("$C mount_seq -D never -m m -s s -O b --idmap uids=0-x-1");
  EXPECT_EQ(wrong.status, 1);
  EXPECT_THAT(wrong.err, HasSubstr("--idmap"));
  EXPECT_FALSE(path_exists("/tmp/w/never"));
}

NS_TEST(NativeMountSeq, ImproveUnlessMountedAndToleratedChecks) {
  const Outcome once = in_scratch(
      "for i in 1 2; do $C mount_seq -m t -E -t tmpfs --unless-mounted; done; grep -c ' /tmp/w/t ' "
      "/proc/self/mounts");
  EXPECT_EQ(once.out, "1\n") << once.err;
  EXPECT_EQ(in_scratch("$C mount_seq -D no/such -e -D y").status, 3);
  EXPECT_EQ(in_scratch("$C mount_seq -D no/such -e -e -D y").status, 2);
  EXPECT_TRUE(path_exists("/tmp/w/y"));
}

NS_TEST(NativeMountSeq, LinksAreRefusedUnlessAllowed) {
  EXPECT_EQ(in_scratch("mkdir real; ln -s real l; $C mount_seq -D l/x").status, 3);
  EXPECT_EQ(in_scratch("$C mount_seq -D l/x -k").status, 0);
  EXPECT_EQ(in_scratch("$C mount_seq -m real/x -s l -O b").status, 3);
  EXPECT_EQ(in_scratch("$C mount_seq -m real/x -s l -K -O b").status, 0);
}

// --- env -----------------------------------------------------------------------------------------

NS_TEST(NativeEnv, OptionsFilesKeepAndDirectory) {
  EXPECT_EQ(in_scratch("A=1 B=2 $C env -i -k B C=3").out, "B=2\nC=3\n");
  EXPECT_EQ(in_scratch("printf 'A=1\\nx\\0' >z; $C env -i --file0 z").out, "A=1\nx\n");
  EXPECT_EQ(in_scratch("printf 'A=1\\n' >f; $C env -i -F 8 8<f").out, "A=1\n");
  EXPECT_EQ(in_scratch("printf 'A=1\\n' >f; V=8 $C env -i -F :V 8<f").out, "A=1\n");
  EXPECT_EQ(in_scratch("echo A=1 >f; V=8 $C env -F :V sh -c 'echo $A ${V-gone}' 8<f").out,
            "1 gone\n");
  EXPECT_EQ(in_scratch("V=8 $C env -F /V sh -c 'echo $A ${V-gone}' 8<f").out, "1 8\n");
  EXPECT_EQ(in_scratch("$C env -C / pwd").out, "/\n");
  // The words of -S have options of their own, as in the first line of a script.
  EXPECT_EQ(in_scratch("A=1 $C env -S '-i B=\"x y\"' C=3").out, "B=x y\nC=3\n");
  EXPECT_EQ(in_scratch("A=1 $C env -S '-u A -S C=4' -i -k D").out, "C=4\n");
  EXPECT_EQ(in_scratch("$C env -i -S A=1 -S B=2 C=3").out, "A=1\nB=2\nC=3\n");
  EXPECT_EQ(in_scratch("ln -s $C env; printf '#!/tmp/w/env -S-i A=1 /bin/sh\\necho $A ${HOME-none} "
                       "$1\\n' >s; chmod +x s; ./s word")
                .out,
            "1 none word\n");
  EXPECT_EQ(in_scratch("$C env -S \"A='b\"").status, 125);
  EXPECT_EQ(in_scratch("$C env -C /").status, 125);
  EXPECT_EQ(in_scratch("$C env -a other sh -c 'echo $0'").out, "other\n");
  EXPECT_EQ(in_scratch("$C env -i -0 A=1").out, std::string("A=1\0", 4));
  EXPECT_EQ(in_scratch("$C env -0 true").status, 125);
  EXPECT_EQ(in_scratch("printf 'nonsense\\n' >f; $C env -f f").status, 125);
  const Outcome steps = in_scratch("$C env -v SECRET=x true");
  EXPECT_THAT(steps.err, HasSubstr("set SECRET"));
  EXPECT_THAT(steps.err, Not(HasSubstr("=x")));
}

// --- cmd -----------------------------------------------------------------------------------------

NS_TEST(NativeCmd, OptionsSourcesAndLimits) {
  EXPECT_EQ(in_scratch("printf 'A=1\\n' >f; echo B=2 >g; $C cmd -F 8 -f g -- env -i 8<f").out,
            "A=1\nB=2\n");
  EXPECT_EQ(in_scratch("echo A=1 >f; $C cmd -u -f f -- env -i; test -e f").status, 1);
  EXPECT_EQ(in_scratch("echo A=1 >f; $C cmd -n -u -f f env >/dev/null; test -e f").status, 0);
  EXPECT_THAT(in_scratch("$C cmd -F 3x env").err, HasSubstr("-F: \"3x\""));
  EXPECT_EQ(in_scratch("echo A=1 >f; $C cmd -m 2 -f f -- env -i").status, 125);
  EXPECT_EQ(in_scratch("echo A=1 >f; chmod 644 f; $C cmd -p -f f -- env -i").status, 125);
  EXPECT_EQ(in_scratch("echo A=1 >f; chmod 600 f; $C cmd -p -f f -- env -i").out, "A=1\n");
  EXPECT_EQ(in_scratch("echo 'A=${X}' | X=5 $C cmd -E -- env -i").out, "A=5\n");
  EXPECT_EQ(in_scratch("echo '${NO_SUCH}' | $C cmd -E env").status, 1);
  EXPECT_EQ(in_scratch("echo ok | $C cmd -x -- echo").out, "ok\n");
  EXPECT_EQ(in_scratch("printf 'a\\0b' | $C cmd env").status, 1);
}

NS_TEST(NativeChaining, Section3EscapeWouldShowWordsOfAFile) {
  const Outcome shown = in_scratch("printf '%s\\n' --escape -w -- true | $C cmd launcher");
  EXPECT_EQ(shown.status, 1);
  EXPECT_THAT(shown.err, HasSubstr("escape cmd"));
  EXPECT_EQ(in_scratch("printf '%s\\n' --escape -w -- true | $C escape cmd launcher").status, 0);
}

NS_TEST(NativeChaining, ClosedStandardDescriptorsAreGuarded) {
  const std::string links = "-w -- sh -c 'readlink /proc/self/fd/0'";
  EXPECT_THAT(in_scratch("$C launcher " + links + " <&-").out, HasSubstr("anon_inode"));
  EXPECT_EQ(in_scratch("$C launcher -w -K lock -- true <&- >&- 2>&-").status, 0);
}

// --- help ----------------------------------------------------------------------------------------

NS_TEST(NativeHelp, PartsOfThePages) {
  const std::string names = in_scratch("$C help -l").out;
  for (const char* name :
       {"launcher", "container-launcher", "rootfs-mount", "container-rootfs-mount", "init",
        "mini-init", "init2", "mini-init2", "renameat2", "simple-renameat2", "escape", "mount_seq",
        "pidfd_ctl", "ppid_check", "reset_cgroup", "set_fds", "syslogd", "tty_proxy", "nsenter"})
    EXPECT_THAT("\n" + names, HasSubstr("\n" + std::string(name) + "\n"));
  EXPECT_EQ(in_scratch("$C help -l | sort -c").status, 0);
  EXPECT_THAT(in_scratch("$C help -x launcher").out, HasSubstr("127"));
  EXPECT_THAT(in_scratch("$C help -e launcher").out, HasSubstr("ctrtool launcher"));
  EXPECT_EQ(support::lines_of(in_scratch("$C help -c nsenter").out).size(), 1U);
  EXPECT_THAT(in_scratch("$C help init2").out, HasSubstr("same as mini-init2"));
  for (const char* topic :
       {"specs", "caps", "signals", "rlimits", "chaining", "exit-codes", "environment", "examples"})
    EXPECT_EQ(in_scratch("$C help " + std::string(topic)).status, 0) << topic;
  EXPECT_THAT(in_scratch("$C help -j launcher").out, HasSubstr("\"long\":\"uid-map\""));
  EXPECT_THAT(in_scratch("$C help -j").out, testing::StartsWith("[{\"name\""));
}

NS_TEST(NativeHelp, EveryManualPageIsWhatTheTablesSay) {
  const std::string man = support::source_dir() + "/ctrtool/man/ctrtool";
  for (const char* name :
       {"cmd", "env", "help", "launcher", "mini-init", "mini-init2", "mount_seq", "nsenter",
        "reset_cgroup", "rootfs-mount", "set_fds", "make_ns", "unlock", "pidns_run", "chroot_pivot",
        "debug_shell", "escape", "tty_proxy"})
    EXPECT_EQ(in_scratch("$C help -m " + std::string(name)).out,
              support::read_file(man + "-" + name + ".1"))
        << name;
}

}  // namespace
