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
using ::testing::AllOf;
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

NS_TEST(NativeMountSeq, OptionsTargetsThatEndWithASlash) {
  EXPECT_EQ(in_scratch("mkdir t; $C mount_seq -m t/ -E -t tmpfs -u t/ -m t/ -t tmpfs -u t/. -m t "
                       "-t tmpfs -D t/ -O e -D t/d -u t//; grep -c /tmp/w/t /proc/self/mounts")
                .out,
            "0\n");
  EXPECT_EQ(in_scratch("$C mount_seq -D t/").status, 3) << "it exists";
  EXPECT_EQ(in_scratch("$C mount_seq -m t -t tmpfs; cd t; $C mount_seq -u . -k -O l").status, 0);
  const Outcome file = in_scratch(": >f; $C mount_seq -u f/");
  EXPECT_EQ(file.status, 3);
  EXPECT_THAT(file.err, HasSubstr("Not a directory"));
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
  // The last name is no link either, though mkdir and symlink would not follow it.
  for (const char* words : {"-D l", "-D l -O e", "-l l -s x", "-w l -d x", "-m l -E -x -t tmpfs"}) {
    const Outcome outcome = in_scratch("$C mount_seq " + std::string(words) + " -e");
    EXPECT_EQ(outcome.status, 3) << words;
    EXPECT_THAT(outcome.err, HasSubstr("Too many levels")) << words;
  }
  EXPECT_EQ(in_scratch("$C mount_seq -D l -O e -k; readlink l").out, "d\n");
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
  // Of a caller that does not want to know of its children; the program's lot is as the caller's.
  EXPECT_EQ(in_scratch("$C ppid_check -i CHLD $C mount_seq -S true -S 'exit 6' -e").err,
            "ctrtool: mount_seq: item 2: shell \"exit 6\": ended with status 6 (1 done before)\n");
  EXPECT_EQ(in_scratch("$C ppid_check -i CHLD $C mount_seq -S true -- grep SigIgn "
                       "/proc/self/status")
                .out,
            in_scratch("$C ppid_check -i CHLD grep SigIgn /proc/self/status").out);
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

// top/in is d, in there; top/up and top/abs are out, which is not.
Outcome beneath(const std::string& text) {
  return in_scratch(
      "mkdir -p top/d out; ln -sfn d top/in; ln -sfn ../out top/up; ln -sfn /tmp/w/out top/abs; ln "
      "-sfn top alias; " +
      text);
}

NS_TEST(NativeMountSeq, ImproveBeneathRefusesWhatLeadsOut) {
  for (const char* words : {"-D ../x",
                            "-D d/../../out/x",
                            "-D /tmp/w/top/x",
                            "-D up/x -k",
                            "-D abs/x -k",
                            "-D up/x/y -p -k",
                            "-w up/x -d x -k",
                            "-w up/x -d x -a -k",
                            "-l up/x -s y -k",
                            "-c up -k",
                            "-c ..",
                            "-m up -t tmpfs -k",
                            "-m abs -t tmpfs -k",
                            "-m ../out -t tmpfs",
                            "-m up/x -E -t tmpfs -k",
                            "-m up/x/y -E -p -t tmpfs -k",
                            "-m ../out -t tmpfs -r",
                            "-u ../out",
                            "-u up -k",
                            "-u up/m -k"}) {
    const Outcome refused = beneath("$C mount_seq " + std::string(words) + " --beneath top -e");
    EXPECT_EQ(refused.status, 3) << words;
    EXPECT_THAT(refused.err, HasSubstr("beneath \"top\": ")) << words;
    EXPECT_THAT(refused.err, HasSubstr(" leads out of the directory")) << words;
  }
  for (const char* words : {"-s ../out", "-s /tmp/w/out", "-s up -K", "-s abs -K"}) {
    const Outcome refused =
        beneath("$C mount_seq -m top/d -O b --source-beneath top " + std::string(words));
    EXPECT_EQ(refused.status, 3) << words;
    EXPECT_THAT(refused.err, HasSubstr("leads out of the directory")) << words;
  }
  EXPECT_TRUE(support::list_directory("/tmp/w/out").empty());
  EXPECT_EQ(in_scratch("grep -c /tmp/w /proc/self/mounts").out, "0\n");
  // Without -k a link is refused wherever it leads.
  EXPECT_THAT(beneath("$C mount_seq -D in/x --beneath top").err, HasSubstr("Too many levels"));
}

NS_TEST(NativeMountSeq, ImproveBeneathFindsWhatIsThere) {
  // The directory itself may be a link; what stays below it is found from there on.
  EXPECT_EQ(beneath("$C mount_seq -D d/../a/b -p --beneath top -D in/k -k --beneath alias -w f -d "
                    "x --beneath top -l n -s f --beneath top -D m --beneath top -m m -t tmpfs "
                    "--beneath top -O o -r -m in -s f -K -O b --beneath top -k --source-beneath "
                    "top -e; echo $?; find top | LC_ALL=C sort; cat top/n; grep -c '/top/m .*ro,' "
                    "/proc/self/mounts")
                .out,
            "2\ntop\ntop/a\ntop/a/b\ntop/abs\ntop/d\ntop/d/k\ntop/f\ntop/in\ntop/m\ntop/n\n"
            "top/up\nx1\n");
  EXPECT_EQ(beneath("$C mount_seq -u m --beneath top -m bound -E -s in -K -O b --source-beneath "
                    "alias -S 'test -d bound/k' -u bound -c d --beneath top -S pwd")
                .out,
            "/tmp/w/top/d\n");
  // What failed is undone there.
  EXPECT_EQ(beneath("$C mount_seq --rollback -m r -E -t tmpfs --beneath top -D r/x --beneath top "
                    "-D no/such --beneath top; test -e top/r")
                .status,
            1);
  EXPECT_THAT(beneath("$C mount_seq --dry-run -m d -O b -s e --beneath top --source-beneath /x "
                      "-u d --beneath top")
                  .out,
              AllOf(HasSubstr("find the source \"e\" beneath \"/x\""),
                    HasSubstr("find \"d\" beneath \"top\""),
                    HasSubstr("mount \"e\" beneath \"/x\" on \"d\" beneath \"top\""),
                    HasSubstr("unmount \"d\" beneath \"top\"")));
  for (const char* bad : {"-S true --beneath top", "--beneath top -D x",
                          "-m x -E -t tmpfs --source-beneath top", "-D x --source-beneath top"})
    EXPECT_EQ(beneath("$C mount_seq " + std::string(bad)).status, 1) << bad;
  for (const char* failed :
       {"-D x --beneath no/such", "-D x --beneath top/f", "-u . --beneath top"})
    EXPECT_EQ(beneath("$C mount_seq " + std::string(failed)).status, 3) << failed;
#ifndef OCICTR_SANITIZED  // which need a /proc themselves
  // mount(2) itself would have to walk the path again.
  const Outcome no_proc = beneath(
      "unshare -m sh -c \"mount -t tmpfs none /proc; $C mount_seq -m out -t tmpfs -m d -t tmpfs "
      "--beneath top\"");
  EXPECT_EQ(no_proc.status, 3);
  EXPECT_THAT(no_proc.err, AllOf(HasSubstr("item 2"), HasSubstr("needs a /proc")));
#endif
}

NS_TEST(NativeMountSeq, ImproveBeneathHoldsWhileTheTreeChanges) {
  // "d" is now the directory, now the link that leads out.
  const Outcome raced = beneath(
      "(while test ! -e stop; do $C renameat2 -x top/d top/up; done) & for i in $(seq 40); do $C "
      "mount_seq -D d/x -k --beneath top -e -e -m d/x -t tmpfs -k --beneath top -e -e -w d/x/f -d "
      "x -k --beneath top -e -e 2>/dev/null; ls out; umount top/d/x top/up/x 2>/dev/null; done; : "
      ">stop; wait; umount top/d/x top/up/x 2>/dev/null; grep /tmp/w/out /proc/self/mountinfo; "
      "true");
  EXPECT_EQ(raced.status, 0) << raced.err;
  EXPECT_EQ(raced.out, "");
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
