// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <signal.h>

#include "tests/support/applets.h"
#include "tests/support/files.h"
#include "tests/support/ns_test.h"

namespace {

using support::ctrtool;
using support::Outcome;
using support::shell;
using ::testing::HasSubstr;
using ::testing::Not;

NS_TEST(TtyProxy, Example1TerminalHasTheSize) {
  EXPECT_EQ(ctrtool({"tty_proxy", "-w", "100", "-h", "30", "stty", "size"}).out, "30 100\r\n");
}

NS_TEST(TtyProxy, ImproveSizeComesFromTheEnvironment) {
  const std::string program = " stty size </dev/null";
  EXPECT_EQ(shell("COLUMNS=90 LINES=20 $C tty_proxy -t" + program).out, "20 90\r\n");
  EXPECT_EQ(shell("COLUMNS=90 LINES=20 $C tty_proxy -h 7 -t" + program).out, "7 90\r\n");
  EXPECT_EQ(shell("COLUMNS=90 LINES=20 $C tty_proxy" + program).out, "0 0\r\n");
  EXPECT_EQ(shell("unset LINES; COLUMNS=90 $C tty_proxy --env-size" + program).out, "0 90\r\n");
  const Outcome wrong = shell("LINES=many $C tty_proxy -t" + program);
  EXPECT_EQ(wrong.status, 1);
  EXPECT_THAT(wrong.err, HasSubstr("LINES: \"many\""));
}

NS_TEST(TtyProxy, ImproveTranscriptHasWhatTheProgramWrote) {
  EXPECT_EQ(shell("echo typed | $C tty_proxy --transcript /tmp/t sh -c 'read a; echo $a done' "
                  ">/tmp/seen; cmp /tmp/seen /tmp/t && stat -c %a /tmp/t; tail -n 1 /tmp/t")
                .out,
            "600\ntyped done\r\n");
  EXPECT_EQ(shell("echo before >/tmp/p; $C tty_proxy -T -e --transcript /tmp/p sh -c 'echo out; "
                  "echo err >&2' </dev/null >/dev/null 2>&1; sort /tmp/p")
                .out,
            "before\nerr\nout\n");
}

NS_TEST(TtyProxy, ImproveTranscriptThatCannotBeWrittenHoldsNothingUp) {
  const Outcome full =
      shell("$C tty_proxy --transcript /dev/full sh -c 'echo a; exit 3' </dev/null");
  EXPECT_EQ(full.out, "a\r\n");
  EXPECT_EQ(full.status, 3);
  EXPECT_THAT(full.err, HasSubstr("the transcript is incomplete: "));
  EXPECT_THAT(full.err, HasSubstr("No space left on device"));
  const Outcome nobody =
      shell("mkfifo /tmp/f; $C tty_proxy --transcript /tmp/f echo ran </dev/null");
  EXPECT_EQ(nobody.status, 125);
  EXPECT_EQ(nobody.out, "");
  EXPECT_THAT(nobody.err, HasSubstr("transcript: "));
}

NS_TEST(TtyProxy, ImproveForeignDescriptorsAreClosedOnRequest) {
  const std::string list = " sh -c 'ls -1 /proc/$$/fd; :' 8</dev/null </dev/null";
  for (const char* mode : {"-T", "-T -e", ""}) {
    const std::string proxy = std::string("$C tty_proxy ") + mode;
    const std::string end = *mode == '\0' ? "\r\n" : "\n";
    const std::string own = "0" + end + "1" + end + "2" + end;
    EXPECT_EQ(shell(proxy + " --close-fds" + list).out, own) << mode;
    EXPECT_THAT(shell(proxy + list).out, HasSubstr("\n8" + end)) << mode;
  }
}

// A terminal around a terminal: the outer one is the caller's. `keys` run when the script has said
// "ready" on it, with its keyboard as output; it must end by saying "over".
Outcome on_a_terminal(const std::string& script, const std::string& keys) {
  support::write_file("/tmp/script", script);
  return shell(
      "export C; : >/tmp/seen; has() { until grep -q $1 /tmp/seen; do sleep 0.02; done; }; { has "
      "ready; " +
      keys + "; has over; } | timeout 60 $C tty_proxy sh /tmp/script >/tmp/seen; cat /tmp/seen");
}

NS_TEST(TtyProxy, Example4InterruptKeyIsThePrograms) {
  const Outcome done = on_a_terminal(
      "trap 'echo caller' INT\n"
      "$C tty_proxy sh -c 'trap \"echo got; exit 4\" INT; echo ready; while :; do sleep 0.05; "
      "done'\n"
      "echo over $?\n",
      "printf '\\003'");
  EXPECT_THAT(done.out, HasSubstr("got")) << done.err;
  EXPECT_THAT(done.out, HasSubstr("over 4"));
  EXPECT_THAT(done.out, Not(HasSubstr("caller")));
}

NS_TEST(TtyProxy, ImproveSizeFollowsTheCallersTerminal) {
  const Outcome done = on_a_terminal(
      "tty >/tmp/outer\n"
      "$C tty_proxy sh -c 'trap \"stty size; exit\" WINCH; echo ready; while :; do sleep 0.05; "
      "done'\n"
      "echo over\n",
      "stty rows 33 cols 44 <$(cat /tmp/outer)");
  EXPECT_THAT(done.out, HasSubstr("33 44")) << done.err;
}

NS_TEST(TtyProxy, ImproveCallersTerminalIsAsBefore) {
  const Outcome done = on_a_terminal(
      "stty -g >/tmp/before\n"
      "sh -c 'echo $$ >/tmp/pid; exec $C tty_proxy sh -c \"echo ready; exec sleep 60\"'\n"
      "echo status $?\n"
      "stty -g >/tmp/after\n"
      "cmp /tmp/before /tmp/after && echo same\n"
      "echo over\n",
      "kill -TERM $(cat /tmp/pid)");
  EXPECT_THAT(done.out, HasSubstr("status 143")) << done.err;
  EXPECT_THAT(done.out, HasSubstr("same"));
}

NS_TEST(TtyProxy, Example2StatusIsThePrograms) {
  EXPECT_EQ(ctrtool({"tty_proxy", "sh", "-c", "exit 7"}).status, 7);
  EXPECT_EQ(ctrtool({"tty_proxy", "sh", "-c", "kill -9 $$"}).status, 137);
  EXPECT_EQ(ctrtool({"tty_proxy", "/nonexistent"}).status, 127);
  EXPECT_EQ(ctrtool({"tty_proxy"}).status, 1);
  EXPECT_EQ(ctrtool({"tty_proxy", "-p", "/nonexistent", "true"}).status, 125);
}

NS_TEST(TtyProxy, Example3PipesAreNoTerminal) {
  const support::Outcome outcome = ctrtool(
      {"tty_proxy", "-T", "-e", "sh", "-c", "test -t 0 || echo no; echo out; echo err >&2"});
  EXPECT_EQ(outcome.out, "no\nout\n");
  EXPECT_EQ(outcome.err, "err\n");
}

NS_TEST(TtyProxy, Example6EndOfInputIsPassedOn) {
  EXPECT_EQ(
      support::run({.argv = support::ctrtool_words({"tty_proxy", "-T", "cat"}), .input = "hi\n"})
          .out,
      "hi\n");
  EXPECT_EQ(support::run({.argv = support::ctrtool_words({"tty_proxy", "sh", "-c", "wc -c"}),
                          .input = "hi\n"})
                .status,
            0);
}

NS_TEST(TtyProxy, Example5OutputOfThoseLeftBehindIsAwaited) {
  const support::Outcome outcome =
      ctrtool({"tty_proxy", "-T", "sh", "-c", "(sleep 0.3; echo late) & echo done; exit 5"});
  EXPECT_EQ(outcome.out, "done\nlate\n");
  EXPECT_EQ(outcome.status, 5);
}

NS_TEST(TtyProxy, ImproveSignalsGoToTheProgram) {
  const support::Running proxy(
      {.argv = support::ctrtool_words({"tty_proxy", "-T", "--keep-stdin", "sh", "-c",
                                       "trap 'echo got; exit 4' TERM; echo ready; "
                                       "while :; do sleep 0.05; done"})});
  ASSERT_TRUE(support::eventually([&] { return proxy.out() == "ready\n"; }));
  proxy.kill(SIGTERM);
  EXPECT_TRUE(support::eventually([&] { return proxy.out() == "ready\ngot\n"; }));
}

NS_TEST(TtyProxy, ImproveABrokenConnectionIsNoHangUp) {
  ASSERT_TRUE(support::write_file("/tmp/caller.py", R"(
import socket, subprocess, sys
for how in ['reset', 'end']:
    ours, theirs = socket.socketpair()
    proxy = subprocess.Popen(sys.argv[1:] + ['sh', '-c', 'echo x; cat; exit 3'],
                             stdin=theirs, stdout=theirs, stderr=subprocess.PIPE)
    theirs.close()
    ours.recv(1, socket.MSG_PEEK)
    # What is left unread makes it a reset.
    if how == 'end':
        ours.recv(100)
    ours.close()
    print(how, proxy.wait(), proxy.stderr.read().decode(), flush=True)
)"));
  for (const char* mode : {"", "-T"}) {
    const Outcome done = shell("/usr/bin/python3 /tmp/caller.py $C tty_proxy " + std::string(mode));
    EXPECT_THAT(done.out, testing::MatchesRegex("reset 3 ctrtool: tty_proxy: input broke off: "
                                                "[^\n]*Connection reset by peer[^\n]*\n\nend 3 \n"))
        << mode << done.err;
  }
}

// --- sessions ------------------------------------------------------------------------------------

// A program that answers each line, and ends with 5 at "end".
const std::string kAnswering =
    "sh -c 'stty -echo; while read a; do echo \"got $a\"; test $a != end || exit 5; done' ";
const std::string kHas = "has() { until grep -q \"$1\" $2; do sleep 0.02; done; }; ";

NS_TEST(TtyProxy, ImproveASessionIsLeftAndComeBackTo) {
  const Outcome done =
      shell(kHas + "touch /tmp/1; cd /tmp; $C tty_proxy --session s --detached " + kAnswering +
            "; echo $?; stat -c '%F %a' s; { echo one; has 'got one' /tmp/1; printf 'two\\n\\034'; "
            "} | timeout 60 $C tty_proxy --attach s >/tmp/1 2>/tmp/e; echo $?; cat /tmp/e; "
            "echo end | $C tty_proxy --attach s >/tmp/2; echo $?; tail -n 1 /tmp/2; test -e s || "
            "echo over");
  EXPECT_EQ(done.out,
            "0\nsocket 700\n0\nctrtool: tty_proxy: detached; the session goes on\n5\ngot end\r\n"
            "over\n")
      << done.err;
}

NS_TEST(TtyProxy, ImproveTheLastToAttachHasTheSession) {
  const Outcome done = shell(
      kHas + "touch /tmp/1; cd /tmp; mkfifo keys; $C tty_proxy --session s --detached " +
      kAnswering +
      "; $C tty_proxy --attach s <keys >/tmp/1 2>/tmp/e & exec 7>keys; echo one >&7; has 'got "
      "one' /tmp/1; echo end | $C tty_proxy --attach s >/tmp/2; echo $?; wait $!; echo $?; cat "
      "/tmp/e; tail -n 1 /tmp/2; grep -c end /tmp/1");
  EXPECT_EQ(done.out,
            "5\n0\nctrtool: tty_proxy: another user has come; the session goes on\ngot end\r\n0\n")
      << done.err;
}

NS_TEST(TtyProxy, ImproveASessionFollowsTheTerminalsOfItsUsers) {
  const Outcome done = on_a_terminal(
      "stty -g >/tmp/before; stty rows 21 cols 43\n"
      "$C tty_proxy --session /tmp/s --detach-key ^A --transcript /tmp/t sh -c 'stty size; trap "
      "\"stty size\" WINCH; trap \"exit 6\" USR1; echo ready; while :; do sleep 0.05; done'\n"
      "echo left $?\n"
      "stty sane; stty -g >/tmp/sane; stty rows 22 cols 44\n"
      "sh -c 'echo $$ >/tmp/pid; exec $C tty_proxy --attach /tmp/s'\n"
      "echo status $?; stty -g >/tmp/after; cmp /tmp/sane /tmp/after && echo same\n"
      "echo over\n",
      "printf '\\001'; has 22.44; kill -USR1 $(cat /tmp/pid)");
  EXPECT_THAT(done.out, HasSubstr("21 43")) << done.err;
  EXPECT_THAT(done.out, HasSubstr("left 0")) << done.err;
  EXPECT_THAT(done.out, HasSubstr("status 6")) << done.err;
  EXPECT_THAT(done.out, HasSubstr("same")) << done.err;
  EXPECT_THAT(support::read_file("/tmp/t"), HasSubstr("22 44"));
}

NS_TEST(TtyProxy, ImproveSessionsThatAreNone) {
  EXPECT_EQ(ctrtool({"tty_proxy", "--attach", "/tmp/none"}).status, 125);
  const Outcome missing = ctrtool({"tty_proxy", "--session", "/tmp/s", "/no/such"});
  EXPECT_EQ(missing.status, 127) << missing.err;
  EXPECT_FALSE(support::path_exists("/tmp/s"));
  EXPECT_EQ(ctrtool({"tty_proxy", "--session", "/no/such/s", "true"}).status, 125);
  for (const char* words :
       {"--attach s true", "--session s -T true", "--session s -e true", "--detached true",
        "--detach-key x true", "--session s --detach-key long true", "--session s"})
    EXPECT_EQ(shell("$C tty_proxy " + std::string(words)).status, 1) << words;
  // A holder that was killed leaves its users an error, and a socket that the next one may have.
  const Outcome killed = shell(
      kHas + "cd /tmp; touch 1; mkfifo keys; $C tty_proxy --session s --detached " + kAnswering +
      "; $C tty_proxy --session s --detached true; echo $?; H=$(ss -xlpH src /tmp/s | sed "
      "'s/.*pid=\\([0-9]*\\).*/\\1/'); $C tty_proxy --attach s <keys >1 & exec 7>keys; echo one "
      ">&7; has 'got one' 1; kill -9 $H; wait $!; echo $?; until test -z \"$(ss -xlH src "
      "/tmp/s)\"; do sleep 0.02; done; test -S s && echo stale; $C tty_proxy "
      "--session s -- sh -c 'exit 4' </dev/null; echo $?");
  EXPECT_EQ(killed.out, "125\n125\nstale\n4\n") << killed.err;
  EXPECT_THAT(killed.err, HasSubstr("there is a session at"));
  EXPECT_THAT(killed.err, HasSubstr("gone"));
}

}  // namespace
