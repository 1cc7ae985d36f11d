// SPDX-License-Identifier: Apache-2.0
// pidns_run, by the numbered examples and rules of its document.
#include <signal.h>

#include "tests/support/native.h"

namespace native {
namespace {

// $R is a root with a static shell.
Outcome with_root(const std::string& text) {
  return shell(
      "R=/tmp/R; mkdir -p $R; mount -t tmpfs x $R; mkdir $R/proc $R/bin $R/dir; cp /bin/busybox "
      "$R/sh; cp /bin/busybox $R/bin/busybox; for a in ls cat grep readlink sleep id; do ln -s "
      "busybox $R/bin/$a; done; export PATH=$PATH:/bin; " +
      text);
}

NS_TEST(NativePidnsRun, Example1OwnProcesses) {
  const Outcome seen =
      shell("$C pidns_run -t -- sh -c 'echo $$; for p in /proc/[0-9]*; do echo $p; done'");
  EXPECT_EQ(seen.out, "1\n/proc/1\n") << seen.err;
}

NS_TEST(NativePidnsRun, Example2Init) {
  const Outcome init = shell("$C pidns_run -I -- sh -c 'echo $$; exit 4'");
  EXPECT_EQ(init.out, "2\n") << init.err;
  EXPECT_EQ(init.status, 4);
  // It reaps: an orphan does not stay a zombie.
  const Outcome orphan = shell(
      "$C pidns_run -I -t -- sh -c 'p=$(true >/dev/null & echo $!); i=0; while test -e /proc/$p && "
      "test $i -lt 600; do i=$((i+1)); sleep 0.1; done; test -e /proc/$p && cat /proc/$p/status; "
      "echo end'");
  EXPECT_EQ(orphan.out, "end\n") << orphan.err;
}

NS_TEST(NativePidnsRun, Example3OnlyTheNewRoot) {
  EXPECT_EQ(with_root("$C pidns_run -r $R -- /sh -c 'ls /; pwd'").out, "bin\ndir\nproc\nsh\n/\n");
  const Outcome mounts = with_root("$C pidns_run -r $R -t -- /sh -c 'cat /proc/mounts'");
  EXPECT_EQ(mounts.status, 0) << mounts.err;
  EXPECT_EQ(lines_of(mounts.out).size(), 2U) << mounts.out;
  EXPECT_THAT(mounts.out, HasSubstr("proc /proc proc"));
  EXPECT_EQ(with_root("exec 8<$R; $C pidns_run -f 8 -- /sh -c 'ls /'").out, "bin\ndir\nproc\nsh\n");
  EXPECT_EQ(with_root("$C pidns_run -i $R -- /sh -c 'ls /'").out, "bin\ndir\nproc\nsh\n");
  EXPECT_EQ(with_root("cd $R; $C pidns_run -r . -W /dir -- /sh -c pwd").out, "/dir\n");
}

NS_TEST(NativePidnsRun, Example4DescriptorsAndForeignDirectories) {
  const Outcome closed = with_root("exec 7</; $C pidns_run -r $R -t /sh -c 'ls /proc/self/fd/7'");
  EXPECT_NE(closed.status, 0);
  EXPECT_THAT(closed.err, HasSubstr("No such file"));
  const Outcome refused = with_root("exec 7</; $C pidns_run -r $R -k 7 /sh -c 'exit 0'");
  EXPECT_EQ(refused.status, 125);
  EXPECT_THAT(refused.err, HasSubstr("outside the root"));
  EXPECT_EQ(
      with_root("exec 7</; $C pidns_run -r $R -k 7 --allow-foreign-dir /sh -c 'exit 6'").status, 6);
  EXPECT_EQ(with_root("$C pidns_run -r $R /sh -c 'exit 0' </").status, 125);
  EXPECT_EQ(with_root("exec 7<$R/dir; $C pidns_run -r $R -k 7 /sh -c 'exit 5'").status, 5);
  const Outcome kept = with_root(
      "echo text >/tmp/f; exec 7</tmp/f 8</dev/null; A=7 CTRTOOL_X_FD_0=7 CTRTOOL_X_FD_1=8 $C "
      "pidns_run -r $R -t -k /A /sh -c 'cat <&7; ls /proc/self/fd/8; echo ${CTRTOOL_X_FD_0-gone} "
      "${CTRTOOL_X_FD_1-gone} $container'");
  EXPECT_EQ(kept.out, "text\n7 gone ctrtool\n") << kept.err;
}

NS_TEST(NativePidnsRun, Example5TheChildDiesWithTheTool) {
  support::Running tool({.argv = support::ctrtool_words(
                             {"pidns_run", "--", "sh", "-c", "echo ready; exec sleep 600"})});
  ASSERT_TRUE(support::eventually([&] { return tool.out() == "ready\n"; }, 60000)) << tool.err();
  const auto sleepers = [] {
    return shell("grep -lsx 'Name:.sleep' /proc/[0-9]*/status | wc -l").out;
  };
  ASSERT_TRUE(support::eventually([&] { return sleepers() == "1\n"; }, 60000));
  tool.kill(SIGKILL);
  EXPECT_TRUE(support::eventually(
      [&] {
        support::reap_children();
        return sleepers() == "0\n";
      },
      60000));
}

NS_TEST(NativePidnsRun, Example6InANewUserNamespace) {
  const Outcome id = shell(
      "mkdir -p /tmp/bin; cp $C /tmp/bin/ctrtool; chmod 755 /tmp /tmp/bin; cd /; setpriv --reuid "
      "1000 --regid 1000 --clear-groups --inh-caps=-all /tmp/bin/ctrtool make_ns -U -n :pidns_run "
      "-j U:/CTRTOOL_MAKE_NS_FD_0 -j n:/CTRTOOL_MAKE_NS_FD_1 -t -- id -u");
  EXPECT_EQ(id.out, "0\n") << id.err;
}

NS_TEST(NativePidnsRun, StatusesAndMistakes) {
  EXPECT_EQ(shell("$C pidns_run sh -c 'exit 9'").status, 9);
  EXPECT_EQ(shell("$C pidns_run -I sh -c 'kill -9 $$'").status, 137);
  EXPECT_EQ(shell("$C pidns_run -- /no/such").status, 127);
  EXPECT_EQ(shell("$C pidns_run -- /etc/passwd").status, 126);
  for (const char* words :
       {"", "-j Q=/x true", "-r / -i / true", "-R odd true", "-k 2 true", "-k 77 true",
        "-W rel true", "-D odd true", "-F odd true", "-S -1 true", "-b +odd true", "-v A=B true",
        "-i / --no-bind-root true", "-e 0 -E /bin/true true", "--nonsense true"})
    EXPECT_EQ(shell("$C pidns_run " + std::string(words)).status, 1) << words;
  EXPECT_EQ(shell("$C pidns_run -j n=/etc/passwd true").status, 125);
  EXPECT_EQ(shell("mkdir /tmp/plain; $C pidns_run -r /tmp/plain --no-bind-root true").status, 125);
  EXPECT_EQ(with_root("$C pidns_run -r $R --no-bind-root -- /sh -c 'exit 3'").status, 3);
  EXPECT_EQ(with_root("mkdir /tmp/copy; cp /bin/busybox /tmp/copy/sh; $C pidns_run -r /tmp/copy -- "
                      "/sh -c 'exit 2'")
                .status,
            2);
  EXPECT_EQ(with_root("$C pidns_run -j m=/proc/self/ns/mnt -r $R /sh").status, 125);
}

NS_TEST(NativePidnsRun, HookPidFileAndNext) {
  const Outcome held = shell(
      "$C pidns_run -P /tmp/pid -v PFD -p 'test $1 = $CTRTOOL_PIDNS_RUN_PID && echo hook $3 && "
      "grep -c NSpid /proc/self/fd/$2/status && test $PFD = $CTRTOOL_PIDNS_RUN_FD_0 && test ! -e "
      "/tmp/pid' -N 'readlink /proc/self/fd/$PFD; cat /tmp/pid >/tmp/seen; exit 5' -- sh -c 'sleep "
      "1; echo program'; cmp /tmp/pid /tmp/seen");
  EXPECT_EQ(held.out, "hook -1\n1\nanon_inode:[pidfd]\nprogram\n") << held.err;
  EXPECT_THAT(held.err, HasSubstr("--next ended with status 5"));
  EXPECT_EQ(held.status, 0);
  const Outcome failed = shell("$C pidns_run -p 'exit 3' touch /tmp/ran; echo $?; ls /tmp/ran");
  EXPECT_EQ(failed.out, "125\n");
  EXPECT_THAT(failed.err, HasSubstr("status 3"));
}

NS_TEST(NativePidnsRun, DetachedOnesLiveOn) {
  const Outcome pid = shell(
      "$C pidns_run -d -P /tmp/pid -- sleep 600; P=$(cat /tmp/pid); grep NSpid /proc/$P/status | "
      "tr "
      "'\\t' ' ' | sed s/$P/P/; kill -9 $P");
  EXPECT_THAT(pid.out, MatchesRegex("NSpid: P 1\n")) << pid.err;
}

NS_TEST(NativePidnsRun, SignalsArePassedOn) {
  for (const char* init : {"", "-I "}) {
    support::Running tool(
        {.argv = {"/bin/sh", "-c",
                  "exec " + support::ctrtool_path() + " pidns_run " + init +
                      "-F usr1,term -- sh -c 'trap \"echo usr1\" USR1; trap \"exit 8\" TERM; echo "
                      "ready; while :; do sleep 0.05; done'"}});
    ASSERT_TRUE(support::eventually([&] { return tool.out() == "ready\n"; }, 60000)) << tool.err();
    // Until it came through: it may wait for PROGRAM only after PROGRAM has begun.
    ASSERT_TRUE(support::eventually(
        [&] {
          tool.kill(SIGCONT);
          return shell("grep SigBlk /proc/" + std::to_string(tool.pid()) + "/status")
                     .out.find("0000000000004200") != std::string::npos;
        },
        60000));
    tool.kill(SIGUSR1);
    EXPECT_TRUE(support::eventually([&] { return tool.out() == "ready\nusr1\n"; }, 60000));
    tool.kill(SIGTERM);
    EXPECT_EQ(tool.wait(60000).status, 8) << init;
  }
}

NS_TEST(NativePidnsRun, IdentityAndPrivileges) {
  EXPECT_EQ(shell("$C pidns_run -S 5 -G 6 -g 7,8 -- sh -c 'id -u; id -g; id -G'").out,
            "5\n6\n6 7 8\n");
  const Outcome caps = shell(
      "$C pidns_run -S 5 -b chown,kill -c chown -a chown -n -- sed -n "
      "'s/^\\(Cap...\\|NoNewPrivs\\):.0*/\\1 /p' /proc/self/status");
  EXPECT_EQ(caps.out, "CapInh 1\nCapPrm 1\nCapEff 1\nCapBnd 21\nCapAmb 1\nNoNewPrivs 1\n")
      << caps.err;
  EXPECT_EQ(shell("$C pidns_run -s -t -- sh -c 'cut -d\" \" -f6 /proc/1/stat'").out, "1\n");
}

NS_TEST(NativePidnsRun, ProgramsOfTheHost) {
  EXPECT_EQ(with_root("rm $R/sh; $C pidns_run -r $R -E /bin/busybox -- echo ok").out, "ok\n");
  EXPECT_EQ(with_root("rm $R/sh; $C pidns_run -r $R -I -e =/bin/busybox -- echo ok").out, "ok\n");
  const Outcome copy = with_root("$C pidns_run -r $R -t :env -u X readlink /proc/self/exe");
  EXPECT_EQ(copy.out, "/bin/busybox\n") << copy.err;
}

NS_TEST(NativePidnsRun, AStrangersRootDoesNotGetOurExecutable) {
  const Outcome exe = with_root(
      "ln -s /proc/self/exe $R/evil; $C pidns_run -r $R -t -- /evil help -l >/dev/null; "
      "$C pidns_run -r $R -t -D none -- /sh -c 'readlink /proc/1/exe'");
  EXPECT_EQ(exe.out, "/sh\n") << exe.err;
  EXPECT_THAT(with_root("$C pidns_run -r $R -p 'readlink /proc/$PPID/exe' /sh -c :").out,
              HasSubstr("memfd:ctrtool"));
}

NS_TEST(NativePidnsRun, PropagationOfAllMounts) {
  const auto tag = [](const std::string& word) {
    return shell("mount --make-rshared /; $C pidns_run -R " + word +
                 " -- sh -c 'grep \" /tmp \" /proc/self/mountinfo'")
        .out;
  };
  EXPECT_THAT(tag("slave"), HasSubstr("master:"));
  EXPECT_THAT(tag("private"), Not(HasSubstr("shared:")));
  EXPECT_THAT(tag("shared"), HasSubstr("shared:"));
  EXPECT_THAT(tag("unchanged"), HasSubstr("shared:"));
}

NS_TEST(NativePidnsRun, JoinsAPidNamespaceAndMakesOneBelow) {
  // Ours, the container's and the new one: three levels.
  const Outcome levels = beside_container(
      "$C pidns_run -j Up@$P -p 'grep NSpid /proc/$1/status' -- sh -c 'echo $$; exit 6'");
  EXPECT_THAT(levels.out, MatchesRegex("NSpid:\t[0-9]+\t[0-9]+\t1\n1\n")) << levels.err;
  EXPECT_EQ(levels.status, 6);
  EXPECT_EQ(beside_container("$C pidns_run -j p=/proc/$P/ns/net true").status, 125);
}

NS_TEST(NativePidnsRun, JoinsAMountNamespaceAndLeavesItAlone) {
  const Outcome seen = beside_container(
      "$C nsenter -j Um@$P -- mount -t tmpfs marked /mnt && $C pidns_run -j Ump@$P -- sh -c 'grep "
      "-c \"^marked /mnt \" /proc/self/mounts; mount -t tmpfs ours /srv && grep -c \"^ours \" "
      "/proc/self/mounts'; grep -c '^ours ' /proc/$P/mounts /proc/self/mounts; grep -c '^marked ' "
      "/proc/self/mounts");
  EXPECT_THAT(seen.out, MatchesRegex("1\n1\n/proc/[0-9]+/mounts:0\n/proc/self/mounts:0\n0\n"))
      << seen.err;
  // Each in its turn: the user namespace first, or the others would not let us in.
  const Outcome apart = beside_container(
      "$C pidns_run -j U@$P -j p@$P -j m@$P -- sh -c 'echo $$; readlink /proc/self/ns/user'; "
      "readlink /proc/$P/ns/user");
  const std::vector<std::string> lines = lines_of(apart.out);
  ASSERT_EQ(lines.size(), 3U) << apart.out << apart.err;
  EXPECT_EQ(lines[0], "1");
  EXPECT_EQ(lines[1], lines[2]);
}

}  // namespace
}  // namespace native
