// SPDX-License-Identifier: Apache-2.0
// mount_seq's options and rules that its numbered examples do not use: "Options", "Sequence" and
// the improvements of its document.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "tests/support/applets.h"
#include "tests/support/files.h"
#include "tests/support/ns_test.h"

namespace {

using support::Outcome;
using support::path_exists;
using ::testing::HasSubstr;

Outcome in_scratch(const std::string& text) {
  support::make_directories("/tmp/w");
  return support::shell("cd /tmp/w; " + text);
}

// "rw,nosuid,relatime tmpfs rw": how the mount on t shows.
std::string shown(const std::string& words) {
  const Outcome outcome = in_scratch("$C mount_seq -m t -E -t tmpfs " + words +
                                     " && sed -n 's|^.* /tmp/w/t \\([^ ]*\\) .*- \\([^ ]*\\) \\([^ "
                                     "]*\\) \\(.*\\)$|\\1 \\2 \\3 \\4|p' "
                                     "/proc/self/mountinfo; umount t");
  return outcome.out + outcome.err;
}

NS_TEST(NativeMountSeq, OptionsMountLetters) {
  struct Case {
    const char* letters;
    const char* option;
  };
  for (const Case& one : {Case{"a", "noatime"},
                          {"c", "relatime"},
                          {"d", "nodev"},
                          {"e", "dirsync"},
                          {"n", "nosymfollow"},
                          {"o", "ro,"},
                          {"s", "nosuid"},
                          {"w", "sync"},
                          {"x", "noexec"},
                          {"z", "lazytime"}})
    EXPECT_THAT(shown("-O " + std::string(one.letters)), HasSubstr(one.option)) << one.letters;
  EXPECT_THAT(shown("-O t"), testing::Not(HasSubstr("atime")));
  EXPECT_THAT(shown("-O q"), HasSubstr("tmpfs"));
  // Repeated options OR together, and bits have numbers.
  EXPECT_THAT(shown("-O s -Odx"), HasSubstr("nosuid,nodev,noexec"));
  EXPECT_THAT(shown("-F 8 -F 1 -O d"), HasSubstr("nosuid,nodev"));
  EXPECT_THAT(shown("-F 8"), HasSubstr("nosymfollow"));
  // The source is a field only; of -s and -o the last one wins.
  EXPECT_THAT(shown(""), HasSubstr("tmpfs /dev/null"));
  EXPECT_THAT(shown("-s a -s /dev/zero -o size=1M -o size=2M"),
              HasSubstr("tmpfs /dev/zero rw,size=2048k"));
  EXPECT_EQ(in_scratch("$C mount_seq -m t -E -O y").status, 1);
}

NS_TEST(NativeMountSeq, OptionsBindMoveRemountAndPropagation) {
  EXPECT_EQ(
      in_scratch("mkdir -p s/u b m; $C mount_seq -m s/u -t tmpfs -w s/u/f -d x -m b -s s -O b "
                 "-S 'test ! -e b/u/f' -u b -m b -s s -O bv -S 'test -e b/u/f'")
          .status,
      0);
  // A mount moves only from where nothing propagates.
  EXPECT_EQ(in_scratch("$C mount_seq -m / -O pv -m m -s b -O m -S 'test -e m/u/f' -S 'test ! -e "
                       "b/u'")
                .status,
            0);
  EXPECT_EQ(in_scratch("$C mount_seq -m m -O rob -S '! touch m/x 2>/dev/null' -m m -O rb -S 'touch "
                       "m/x'")
                .status,
            0);
  // Propagation goes alone, on what is a mount.
  const std::string state =
      "sed -n '/ \\/tmp\\/w\\/s\\/u /p' /proc/self/mountinfo | grep -o "
      "'shared\\|master\\|unbindable'";
  EXPECT_EQ(in_scratch("$C mount_seq -m s/u -O h; " + state).out, "shared\n");
  EXPECT_EQ(in_scratch("$C mount_seq -m s/u -O p; " + state).out, "");
  EXPECT_EQ(in_scratch("$C mount_seq -m s/u -O u; " + state).out, "unbindable\n");
  EXPECT_EQ(in_scratch("mkdir p; $C mount_seq -m p -O p").status, 3);
  EXPECT_EQ(in_scratch("mkdir d; $C mount_seq -m d -s s -O bo -r -m d -O p -S 'grep \" /tmp/w/d \" "
                       "/proc/self/mountinfo' -u d | grep -c ' ro,'")
                .out,
            "1\n");
}

NS_TEST(NativeMountSeq, OptionsUnmountLetters) {
  const std::string made = "$C mount_seq -m t -E -t tmpfs; ";
  EXPECT_EQ(in_scratch(made + "cd t; $C mount_seq -u ../t").status, 3) << "busy";
  EXPECT_EQ(in_scratch("cd t; $C mount_seq -u ../t -O l").status, 0);
  // The first time it is only marked: EAGAIN.
  EXPECT_EQ(in_scratch(made + "$C mount_seq -u t -k -O x").status, 3);
  EXPECT_EQ(in_scratch("$C mount_seq -u t -k -O x").status, 0);
  EXPECT_EQ(in_scratch(made + "$C mount_seq -u t -O f").status, 0);
  EXPECT_EQ(in_scratch(made + "ln -s t l; $C mount_seq -u l -O n").status, 3);
  EXPECT_EQ(in_scratch("$C mount_seq -u l -k -O n").status, 3) << "not a mount point: a link";
  EXPECT_EQ(in_scratch("$C mount_seq -u l -k").status, 0);
  EXPECT_EQ(in_scratch("$C mount_seq -u t").status, 3) << "not mounted";
}

NS_TEST(NativeMountSeq, SequenceChecksOfPaths) {
  in_scratch("mkdir -p d/e; : >file; ln -s d l; ln -s file fl");
  struct Case {
    const char* words;
    const char* reason;
  };
  for (const Case& one : {Case{"-D l/x", "Too many levels"},
                          {"-D file/x", "Not a directory"},
                          {"-D missing/x", "No such file"},
                          {"-m new/ -E -t tmpfs", "No such file"},
                          {"-c l", "Too many levels"},
                          {"-m l -t tmpfs", "Too many levels"},
                          {"-m d -s fl -O b", "Too many levels"},
                          {"-u missing", "No such file"},
                          {"-m missing -t tmpfs", "No such file"}}) {
    const Outcome outcome = in_scratch("$C mount_seq " + std::string(one.words));
    EXPECT_EQ(outcome.status, 3) << one.words;
    EXPECT_THAT(outcome.err, HasSubstr(one.reason)) << one.words;
    // Fatal even with -e, unless it is said twice.
    EXPECT_EQ(in_scratch("$C mount_seq " + std::string(one.words) + " -e").status, 3) << one.words;
    EXPECT_EQ(in_scratch("$C mount_seq " + std::string(one.words) + " -e -e").status, 2)
        << one.words;
  }
  EXPECT_FALSE(path_exists("/tmp/w/new"));
  EXPECT_EQ(in_scratch("$C mount_seq -D d/e/../f -D d/./g -S 'test -d d/f && test -d d/g'").status,
            0);
  // The contents of a link are not looked at, but it must have some.
  EXPECT_EQ(in_scratch("$C mount_seq -l k -s no/such; readlink k").out, "no/such\n");
  EXPECT_EQ(in_scratch("$C mount_seq -l k2 -e").status, 3);
  EXPECT_EQ(in_scratch("$C mount_seq -l k2 -s a -s b; readlink k2").out, "b\n");
}

NS_TEST(NativeMountSeq, SequenceTargetsThatAreMade) {
  EXPECT_EQ(
      in_scratch("umask 077; $C mount_seq -m f -f -s /etc/passwd -O b -u f; stat -c '%F %a' f").out,
      "socket 600\n");
  EXPECT_EQ(in_scratch("$C mount_seq -m f -f -s /etc/passwd -O b -u f").status, 0);
  EXPECT_EQ(in_scratch("$C mount_seq -m f -f -x -s /etc/passwd -O b").status, 3);
  EXPECT_EQ(in_scratch("$C mount_seq -m e -f -E -t tmpfs -u e; stat -c '%F %a' e").out,
            "directory 700\n");
  EXPECT_EQ(in_scratch("$C mount_seq -m e -E -x -t tmpfs").status, 3);
  EXPECT_EQ(in_scratch("$C mount_seq -m no/parents -E -t tmpfs").status, 3);
  EXPECT_EQ(
      in_scratch("umask 0; $C mount_seq -D d; $C mount_seq -D d2 -M 1750; stat -c %a d d2").out,
      "700\n1750\n");
  EXPECT_EQ(in_scratch("$C mount_seq -D d -F 0 -M 0777; stat -c %a d").out, "700\n");
}

NS_TEST(NativeMountSeq, SequenceToleranceSyncAndShell) {
  const Outcome shell = in_scratch("$C mount_seq -S 'exit 5'");
  EXPECT_EQ(shell.status, 3);
  EXPECT_THAT(shell.err, HasSubstr("status 5"));
  EXPECT_EQ(in_scratch("$C mount_seq -S 'kill -9 $$' -e -D after").status, 2);
  EXPECT_TRUE(path_exists("/tmp/w/after"));
  EXPECT_EQ(
      in_scratch("A=1 $C mount_seq -D c -c c -S 'pwd; echo $A; cat <&8' 8</etc/hostname | head "
                 "-n2")
          .out,
      "/tmp/w/c\n1\n");
  EXPECT_EQ(in_scratch("$C mount_seq -D s -y -D s -e -y").status, 2);
  EXPECT_EQ(in_scratch("$C mount_seq").status, 0);
  // All words are read first: nothing is done after a mistake.
  for (const char* bad :
       {"-D never -q", "-D never -D x -t y", "-D never -u x -s y", "-D never -S x -O b",
        "-D never -m x -F 64", "-D never -O b", "-E -D never", "-D never -M 8"})
    EXPECT_EQ(in_scratch("$C mount_seq " + std::string(bad)).status, 1) << bad;
  EXPECT_FALSE(path_exists("/tmp/w/never"));
  EXPECT_EQ(in_scratch("$C mount_seq -D ok -- sh -c 'exit 7'").status, 7);
  EXPECT_EQ(in_scratch("$C mount_seq -D ok -- echo never").out, "");
}

// Every item is some steps of one plan, which can be seen.
NS_TEST(NativeMountSeq, SequenceIsAListOfOperations) {
  const Outcome plan = in_scratch(
      "$C mount_seq --dry-run -m t -E -t tmpfs -O so -o size=1M -r -D t/d -M 0711 -p -l k -s c -w "
      "f -d abc -c t -k -S 'echo ran' -y -u t -O l -m i -s t -O bv --idmap "
      "'uids=0-5-1;gids=0-5-1' -l none -- echo ran");
  EXPECT_EQ(plan.status, 0) << plan.err;
  std::size_t at = 0;
  for (const char* line :
       {"find the source \"/dev/null\"  [--mount t]\n",
        "find the directory of \"t\"",
        "make directory \"t\", mode 0700 less the umask, if it is missing",
        "find \"t\"",
        "mount \"/dev/null\" on \"t\", type tmpfs, flags 0x3: nosuid ro, data \"size=1M\"",
        "find \"t\"",
        "mount \"\" on \"t\", flags 0x23:",
        "directories on the way to \"t/d\"",
        "make directory \"t/d\", mode 0711",
        "link \"k\" to \"c\"",
        "write 3 bytes to \"f\", mode 0644",
        "find \"t\", links are fine",
        "enter \"t\"",
        "/bin/sh -c \"echo ran\"",
        "sync",
        "unmount \"t\", detached",
        "source 0: \"t\", recursive, uids 0.5.1",
        "attach source 0",
        "fail: a link needs its contents",
        "program: \"echo\" \"ran\"\n"}) {
    const std::size_t found = plan.out.find(line, at);
    ASSERT_NE(found, std::string::npos) << line << " is missing or early in\n" << plan.out;
    at = found;
  }
  for (const char* made : {"t", "f", "k"})
    EXPECT_FALSE(path_exists(std::string("/tmp/w/") + made)) << made;
}

NS_TEST(NativeMountSeq, SequenceHoldsNothingThatLaterItemsUnmount) {
  EXPECT_EQ(in_scratch("$C mount_seq -m t -E -t tmpfs -D t/d -S 'umount t' -m t -t tmpfs -w t/f -d "
                       "x -u t -k -m t -t tmpfs -c t -c .. -u t -m t -t tmpfs -m t/b -E -s t -O b "
                       "-u t/b -m t --param size=1M -t tmpfs -u t -S 'umount t'")
                .status,
            0);
  EXPECT_EQ(in_scratch("$C mount_seq -m t -t tmpfs -D t/d -D t/d -e -S 'umount t'").status, 2);
  EXPECT_EQ(in_scratch("grep -c ' /tmp/w/t' /proc/self/mounts").out, "0\n");
}

NS_TEST(NativeMountSeq, SequenceWhatTheKernelMakesOfFlags) {
  // A new bind takes no flags but the recursive one; a remount covers its top only.
  EXPECT_EQ(in_scratch("mkdir -p s/u; $C mount_seq -m b -E -s s -O bo -S 'touch b/x' -u b").status,
            0);
  EXPECT_EQ(in_scratch("$C mount_seq -m s/u -t tmpfs -m b -E -s s -O bvo -r -S '! touch b/y "
                       "2>/dev/null' -S 'touch b/u/y' -u b -O l -u s/u")
                .status,
            0);
  const std::string shared = "grep -c ' /tmp/w/b .* shared:' /proc/self/mountinfo";
  EXPECT_EQ(in_scratch("$C mount_seq -m b -s s -O bh; " + shared).out, "0\n");
  EXPECT_EQ(in_scratch("$C mount_seq -m b -O h; " + shared).out, "1\n");
  // What is locked in a user namespace has to be said again.
  const std::string inside = "unshare -Urm $C mount_seq -m n -O rbo";
  EXPECT_EQ(in_scratch("$C mount_seq -m n -E -t tmpfs -O sd; " + inside).status, 3);
  EXPECT_EQ(in_scratch(inside + "sd").status, 0);
}

NS_TEST(NativeMountSeq, ImproveParametersThatAreNoText) {
  in_scratch("mkdir -p lower upper work o; echo low >lower/f");
  // overlay takes its layers as descriptors since Linux 6.13; a kernel without that says so.
  const Outcome by_fd = in_scratch(
      "exec 7<lower 8<upper 9<work; V=9 $C mount_seq -m t -E -t tmpfs -m o -t overlay -K -s name "
      "-O sd "
      "--param-fd lowerdir+=7 --param-fd upperdir=8 --param-fd workdir=:V -S 'cat o/f' -u o; echo "
      "$?");
  const bool refused = by_fd.err.find("lowerdir+") != std::string::npos ||
                       by_fd.err.find("fsopen") != std::string::npos;
  if (!refused) {
    EXPECT_EQ(by_fd.out, "low\n0\n") << by_fd.err;
  } else {
    EXPECT_EQ(by_fd.out, "3\n");
  }
  // Text alone may have commas, which -o would split at; flags are the mount's.
  EXPECT_THAT(shown("--param size=1M -o nr_inodes=77 -O sxo"),
              testing::AllOf(HasSubstr("ro,nosuid,noexec"), HasSubstr("size=1024k,nr_inodes=77")));
  const Outcome comma = in_scratch("$C mount_seq -m t2 -E -t tmpfs --param size=1M,2");
  EXPECT_EQ(comma.status, 3);
  EXPECT_THAT(comma.err, HasSubstr("1M,2"));
  // The kernel gets a path or bytes, and tells a file system that wants neither.
  for (const char* words : {"--param-path size=/etc", "--param-binary size==/etc/hostname"}) {
    const Outcome outcome = in_scratch("$C mount_seq -m t2 -E -t tmpfs " + std::string(words));
    EXPECT_EQ(outcome.status, 3) << words;
    EXPECT_THAT(outcome.err, HasSubstr("fsconfig \"size\"")) << words;
  }
  for (const char* bad :
       {"-t tmpfs --param size", "-t tmpfs --param =1", "-t tmpfs --param-fd size=77",
        "--param size=1M", "-t tmpfs -O b --param size=1M",
        "-t tmpfs --param-binary size==/no/such"})
    EXPECT_NE(in_scratch("$C mount_seq -D never -m t3 -E " + std::string(bad)).status, 0) << bad;
  EXPECT_FALSE(path_exists("/tmp/w/never"));
  EXPECT_EQ(
      in_scratch("$C mount_seq --rollback -m r1 -E -t tmpfs --param size=1M -D no/such; test -e r1")
          .status,
      1);
}

NS_TEST(NativeMountSeq, ImproveItemsFromADescriptor) {
  EXPECT_EQ(
      in_scratch("printf '%s\\n' '-D a' \"-D 'b c'\" | $C mount_seq --items /dev/stdin && test -d "
                 "'b c'")
          .status,
      0);
  const Outcome bad =
      in_scratch("printf '%s\\n' '-D a' \"-D 'b\" | $C mount_seq --items /dev/stdin");
  EXPECT_EQ(bad.status, 1);
  EXPECT_THAT(bad.err, HasSubstr("line 2"));
}

}  // namespace
