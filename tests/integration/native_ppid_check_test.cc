// SPDX-License-Identifier: Apache-2.0
#include <signal.h>

#include <string>

#include "ctrtool/core/sys/process.h"
#include "tests/support/applets.h"
#include "tests/support/ns_test.h"

namespace {

using support::ctrtool;
using support::shell;

NS_TEST(PpidCheck, Example1ComparesTheParent) {
  EXPECT_EQ(shell("$C ppid_check -p $$ true; exit $?").status, 0);
  EXPECT_EQ(shell("$C ppid_check --not-ppid $$ true; exit $?").status, 2);
  const support::Outcome outcome = ctrtool({"ppid_check", "-p", "1", "true"});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_NE(outcome.err.find("expected 1: No such process"), std::string::npos) << outcome.err;
}

NS_TEST(PpidCheck, ImproveComparesTheParentWithAPidfd) {
  EXPECT_EQ(
      shell("$C pidfd_ctl -n self -e P sh -c '$0 ppid_check --ppid-fd /P true; exit $?' $C").status,
      0);
  EXPECT_EQ(shell("$C pidfd_ctl -c 'exec sleep 9' -e P "
                  "sh -c '$0 ppid_check --ppid-fd /P true; exit $?' $C")
                .status,
            2);
}

NS_TEST(PpidCheck, Example2SetsMasksAndNoNewPrivs) {
  const support::Outcome outcome =
      ctrtool({"ppid_check", "-b", "usr1", "-i", "SIGint", "-n", "grep", "-E",
               "SigBlk|SigIgn|NoNewPrivs", "/proc/self/status"});
  EXPECT_EQ(outcome.out, "SigBlk:\t0000000000000200\nSigIgn:\t0000000000000002\nNoNewPrivs:\t1\n");
}

NS_TEST(PpidCheck, Example3ChildGoesWithItsParent) {
  support::Running parent(
      {.argv = {
           "/bin/sh", "-c",
           support::ctrtool_path() + " ppid_check -d kill -- sh -c 'echo $$; exec sleep 60'; :"}});
  ASSERT_TRUE(support::eventually([&] { return parent.out().ends_with('\n'); }));
  const pid_t child = std::stoi(parent.out());
  parent.kill(SIGKILL);
  EXPECT_TRUE(support::eventually([&] {
    const auto stat = ctr::sys::proc_stat(child);
    return stat.ok() && (!stat->has_value() || (*stat)->state == 'Z');
  }));
}

NS_TEST(PpidCheck, Example4AlarmSurvivesTheExec) {
  EXPECT_EQ(ctrtool({"ppid_check", "-a", "1", "sleep", "5"}).status, 128 + SIGALRM);
}

NS_TEST(PpidCheck, Example5ExportsBothNumbers) {
  EXPECT_EQ(ctrtool({"ppid_check", "-e", "FOO", "sh", "-c",
                     "test $FOO_PID = $$ && test $FOO_PPID = $PPID"})
                .status,
            0);
}

NS_TEST(PpidCheck, ImproveSetsTheRestOfTheAttributes) {
  const support::Outcome outcome =
      ctrtool({"ppid_check", "--nice", "3", "--umask", "027", "--rlimit", "nofile=40",
               "--oom-score", "500", "--name", "zz", "sh", "-c",
               "umask; ulimit -n; cat /proc/self/oom_score_adj; nice; echo $0"});
  EXPECT_EQ(outcome.out, "0027\n40\n500\n3\nzz\n") << outcome.err;
}

NS_TEST(PpidCheck, Example6RefusesBadWordsBeforeAnything) {
  EXPECT_EQ(ctrtool({"ppid_check", "-i", "kill", "true"}).status, 2);
  for (const char* signal : {"0", "65", "foo"})
    EXPECT_EQ(ctrtool({"ppid_check", "-d", signal, "true"}).status, 1) << signal;
  EXPECT_EQ(ctrtool({"ppid_check", "-p", "12x", "true"}).status, 1);
  EXPECT_EQ(ctrtool({"ppid_check", "/nonexistent"}).status, 127);
}

NS_TEST(PpidCheck, OptionsWhoWinsWhenASignalIsInTwoLists) {
  const std::string show = " grep -E 'SigBlk|SigIgn' /proc/self/status";
  EXPECT_EQ(shell("$C ppid_check -b 10 -u usr1 -i 2 -D int" + show).out,
            "SigBlk:\t0000000000000200\nSigIgn:\t0000000000000000\n");
  EXPECT_EQ(shell("$C ppid_check -b usr1 -- $C ppid_check -u usr1" + show).out,
            "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

NS_TEST(PpidCheck, ImproveNamesOfSignals) {
  EXPECT_EQ(
      shell("$C ppid_check -b RTMIN+1 -b rtmax-1 -b cld -b SIGpoll grep SigBlk /proc/self/status")
          .out,
      "SigBlk:\t4000000410010000\n");
}

// Pending and blocked by the first; the action is there before it is unblocked.
NS_TEST(PpidCheck, ImproveAPendingSignalMeetsTheAction) {
  EXPECT_EQ(
      shell("$C ppid_check -b usr1 -- sh -c 'kill -USR1 $$; exec \"$0\" ppid_check -i usr1 -u usr1 "
            "echo alive' $C")
          .out,
      "alive\n");
}

NS_TEST(PpidCheck, ImproveTheParentInAVariable) {
  EXPECT_EQ(shell("export P=$$; $C ppid_check -p /P sh -c 'echo ${P:+kept}'; exit $?").out,
            "kept\n");
  EXPECT_EQ(shell("export P=$$; $C ppid_check -p :P sh -c 'echo ${P-gone}'; exit $?").out,
            "gone\n");
  EXPECT_EQ(ctrtool({"ppid_check", "-p", "/NOSUCH", "true"}).status, 1);
}

NS_TEST(PpidCheck, Example6SessionsAndGroups) {
  EXPECT_EQ(shell("setsid --wait $C ppid_check -s true").status, 2) << "it leads a group";
  EXPECT_EQ(shell("$C ppid_check -s sh -c 'test $(ps -o sid= -p $$) = $$'; exit $?").status, 0);
  EXPECT_EQ(shell("$C ppid_check --setpgid sh -c 'test $(ps -o pgid= -p $$) = $$'; exit $?").status,
            0);
}

NS_TEST(PpidCheck, OptionsPrefixesThatAreNone) {
  EXPECT_EQ(ctrtool({"ppid_check", "-e", "A=B", "true"}).status, 2);
}

NS_TEST(PpidCheck, OptionsSubreaper) {
  EXPECT_EQ(shell("$C ppid_check -r sh -c 'sh -c \"sleep 1000 & echo \\$!\" > /tmp/pid; P=$(cat "
                  "/tmp/pid); test $(ps -o ppid= -p $P) = $$; S=$?; kill $P; exit $S'; exit $?")
                .status,
            0);
}

NS_TEST(PpidCheck, ImproveFurtherAttributes) {
  EXPECT_EQ(
      ctrtool({"ppid_check", "--timer-slack", "12345", "cat", "/proc/self/timerslack_ns"}).out,
      "12345\n");
  EXPECT_EQ(ctrtool({"ppid_check", "--io-priority", "idle", "ionice"}).out, "idle\n");
  EXPECT_EQ(ctrtool({"ppid_check", "--io-priority", "best-effort:6", "ionice"}).out,
            "best-effort: prio 6\n");
  // All that can be: neither KILL nor STOP, nor what the C library keeps for itself.
  EXPECT_EQ(ctrtool({"ppid_check", "--block", "all", "grep", "SigBlk", "/proc/self/status"})
                .out.substr(0, 24),
            "SigBlk:\tfffffffe7ffbfeff");
  // Without this a session has no terminal, though it is its standard input.
  const std::string proxy = "$C tty_proxy --no-controlling-tty ";
  const std::string talk = "sh -c 'echo mine >/dev/tty' </dev/null";
  EXPECT_EQ(shell(proxy + "$C ppid_check --controlling-tty 0 " + talk).out, "mine\r\n");
  EXPECT_NE(shell(proxy + talk).status, 0);
}

}  // namespace
