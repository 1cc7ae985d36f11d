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

NS_TEST(TtyProxy, TerminalHasTheSize) {
  EXPECT_EQ(ctrtool({"tty_proxy", "-w", "100", "-h", "30", "stty", "size"}).out, "30 100\r\n");
}

NS_TEST(TtyProxy, SizeComesFromTheEnvironmentWhereOptionsSayNothing) {
  const std::string program = " stty size </dev/null";
  EXPECT_EQ(shell("COLUMNS=90 LINES=20 $C tty_proxy -t" + program).out, "20 90\r\n");
  EXPECT_EQ(shell("COLUMNS=90 LINES=20 $C tty_proxy -h 7 -t" + program).out, "7 90\r\n");
  EXPECT_EQ(shell("COLUMNS=90 LINES=20 $C tty_proxy" + program).out, "0 0\r\n");
  EXPECT_EQ(shell("unset LINES; COLUMNS=90 $C tty_proxy --env-size" + program).out, "0 90\r\n");
  const Outcome wrong = shell("LINES=many $C tty_proxy -t" + program);
  EXPECT_EQ(wrong.status, 1);
  EXPECT_THAT(wrong.err, HasSubstr("LINES: \"many\""));
}

NS_TEST(TtyProxy, TranscriptHasWhatTheProgramWrote) {
  EXPECT_EQ(shell("echo typed | $C tty_proxy --transcript /tmp/t sh -c 'read a; echo $a done' "
                  ">/tmp/seen; cmp /tmp/seen /tmp/t && stat -c %a /tmp/t; tail -n 1 /tmp/t")
                .out,
            "600\ntyped done\r\n");
  EXPECT_EQ(shell("echo before >/tmp/p; $C tty_proxy -T -e --transcript /tmp/p sh -c 'echo out; "
                  "echo err >&2' </dev/null >/dev/null 2>&1; sort /tmp/p")
                .out,
            "before\nerr\nout\n");
}

NS_TEST(TtyProxy, TranscriptThatCannotBeWrittenHoldsNothingUp) {
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

NS_TEST(TtyProxy, ForeignDescriptorsAreClosedOnRequest) {
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

NS_TEST(TtyProxy, SizeFollowsTheCallersTerminal) {
  const Outcome done = on_a_terminal(
      "tty >/tmp/outer\n"
      "$C tty_proxy sh -c 'trap \"stty size; exit\" WINCH; echo ready; while :; do sleep 0.05; "
      "done'\n"
      "echo over\n",
      "stty rows 33 cols 44 <$(cat /tmp/outer)");
  EXPECT_THAT(done.out, HasSubstr("33 44")) << done.err;
}

NS_TEST(TtyProxy, CallersTerminalIsAsBefore) {
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

NS_TEST(TtyProxy, StatusIsThePrograms) {
  EXPECT_EQ(ctrtool({"tty_proxy", "sh", "-c", "exit 7"}).status, 7);
  EXPECT_EQ(ctrtool({"tty_proxy", "sh", "-c", "kill -9 $$"}).status, 137);
  EXPECT_EQ(ctrtool({"tty_proxy", "/nonexistent"}).status, 127);
  EXPECT_EQ(ctrtool({"tty_proxy"}).status, 1);
  EXPECT_EQ(ctrtool({"tty_proxy", "-p", "/nonexistent", "true"}).status, 125);
}

NS_TEST(TtyProxy, PipesAreNoTerminal) {
  const support::Outcome outcome = ctrtool(
      {"tty_proxy", "-T", "-e", "sh", "-c", "test -t 0 || echo no; echo out; echo err >&2"});
  EXPECT_EQ(outcome.out, "no\nout\n");
  EXPECT_EQ(outcome.err, "err\n");
}

NS_TEST(TtyProxy, EndOfInputIsPassedOn) {
  EXPECT_EQ(
      support::run({.argv = support::ctrtool_words({"tty_proxy", "-T", "cat"}), .input = "hi\n"})
          .out,
      "hi\n");
  EXPECT_EQ(support::run({.argv = support::ctrtool_words({"tty_proxy", "sh", "-c", "wc -c"}),
                          .input = "hi\n"})
                .status,
            0);
}

NS_TEST(TtyProxy, OutputOfThoseLeftBehindIsAwaited) {
  const support::Outcome outcome =
      ctrtool({"tty_proxy", "-T", "sh", "-c", "(sleep 0.3; echo late) & echo done; exit 5"});
  EXPECT_EQ(outcome.out, "done\nlate\n");
  EXPECT_EQ(outcome.status, 5);
}

NS_TEST(TtyProxy, SignalsGoToTheProgram) {
  const support::Running proxy(
      {.argv = support::ctrtool_words({"tty_proxy", "-T", "--keep-stdin", "sh", "-c",
                                       "trap 'echo got; exit 4' TERM; echo ready; "
                                       "while :; do sleep 0.05; done"})});
  ASSERT_TRUE(support::eventually([&] { return proxy.out() == "ready\n"; }));
  proxy.kill(SIGTERM);
  EXPECT_TRUE(support::eventually([&] { return proxy.out() == "ready\ngot\n"; }));
}

}  // namespace
