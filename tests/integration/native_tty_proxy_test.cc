// SPDX-License-Identifier: Apache-2.0
#include <signal.h>

#include "tests/support/applets.h"
#include "tests/support/ns_test.h"

namespace {

using support::ctrtool;

NS_TEST(TtyProxy, TerminalHasTheSize) {
  EXPECT_EQ(ctrtool({"tty_proxy", "-w", "100", "-h", "30", "stty", "size"}).out, "30 100\r\n");
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
