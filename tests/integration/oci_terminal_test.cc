// SPDX-License-Identifier: Apache-2.0
// Terminals: the console socket of engines, and our own proxy for people.
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "ctrtool/core/base/strf.h"
#include "tests/support/console.h"
#include "tests/support/runtime.h"

namespace {

using namespace support;

Bundle& with_terminal(Bundle& bundle) { return bundle.set("/process/terminal", "true"); }

OCI_TEST(Terminal, MasterIsSentOnceThroughTheSocket) {
  Bundle bundle;
  with_terminal(bundle)
      .set("/process/consoleSize", R"({"height":25,"width":81})")
      .set("/process/user", R"({"uid":1000,"gid":1000})");
  ConsoleSocket socket("/tmp/console");
  ASSERT_STATUS(create_bundle(bundle, {"--console-socket", socket.path()}), 0);
  const ctr::UniqueFd master = socket.receive();
  ASSERT_TRUE(master.valid()) << socket.problem();
  EXPECT_EQ(socket.problem(), "");
  ASSERT_STATUS(runtime({"start", bundle.id()}), 0);
  std::string seen = read_until(master, "keyring");
  EXPECT_TRUE(contains(seen, "rows 25 cols 81 uid 1000")) << seen;
  EXPECT_TRUE(contains(seen, "tty /dev/pts/0") || contains(seen, "tty /dev/console")) << seen;
  EXPECT_TRUE(contains(seen, "tty.controlling yes"));
  EXPECT_TRUE(contains(seen, "tty.console same")) << "bound on /dev/console";
  read_until(master, "", 2000);
  ASSERT_TRUE(reaches(bundle.id(), "stopped"));
  EXPECT_STATUS(runtime({"delete", bundle.id()}), 0);
  ::unlink("/tmp/console");
}

OCI_TEST(Terminal, LongSocketPathsWork) {
  Bundle bundle;
  with_terminal(bundle);
  const std::string dir = "/tmp/" + std::string(150, 'd');
  make_directories(dir);
  ASSERT_EQ(::chdir(dir.c_str()), 0);
  {
    ConsoleSocket socket("console");
    ASSERT_STATUS(create_bundle(bundle, {"--console-socket", dir + "/console"}), 0);
    EXPECT_TRUE(socket.receive().valid()) << socket.problem();
  }
  ASSERT_EQ(::chdir("/"), 0);
  remove_tree(dir);
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
}

OCI_TEST(Terminal, NeedsASocketWhenDetached) {
  Bundle bundle;
  with_terminal(bundle);
  EXPECT_STATUS(create_bundle(bundle), 1);
  EXPECT_STATUS(run_bundle(bundle, {"--detach"}), 1);
}

OCI_TEST(Terminal, BrokenSocketsFailCleanly) {
  Bundle bundle;
  with_terminal(bundle);
  write_file("/tmp/file", "");
  EXPECT_STATUS(create_bundle(bundle, {"--console-socket", "/tmp/nowhere"}), 1);
  EXPECT_STATUS(create_bundle(bundle, {"--console-socket", "/tmp/file"}), 1);
  ::unlink("/tmp/file");
}

OCI_TEST(Terminal, SocketWithoutTerminalIsIgnored) {
  Bundle bundle;
  bundle.args({"/bin/guest", "exit", "0"});
  EXPECT_STATUS(run_bundle(bundle, {"--console-socket", "/tmp/nowhere"}), 0);
}

OCI_TEST(Terminal, AttachedRunProxiesOurOwn) {
  Bundle bundle;
  with_terminal(bundle).shell("stty size; read line; echo \"got:$line\"; exit 3");
  const Pty pty = open_pty(40, 100);
  termios before{};
  ASSERT_EQ(::tcgetattr(pty.slave.raw(), &before), 0);
  Command command = runtime_command({"run", "--bundle", bundle.path(), bundle.id()});
  command.fds = {{pty.slave.raw(), 0}, {pty.slave.raw(), 1}, {pty.slave.raw(), 2}};
  Running attached(command);
  EXPECT_TRUE(contains(read_until(pty.master, "40 100"), "40 100"));
  EXPECT_TRUE(type(pty.master, "hello\r"));
  EXPECT_TRUE(contains(read_until(pty.master, "got:hello"), "got:hello"));
  EXPECT_STATUS(attached.wait(), 3);
  termios after{};
  ASSERT_EQ(::tcgetattr(pty.slave.raw(), &after), 0);
  EXPECT_EQ(before.c_lflag, after.c_lflag) << "raw mode is undone";
  EXPECT_EQ(before.c_iflag, after.c_iflag);
}

OCI_TEST(Terminal, WindowChangesFollow) {
  Bundle bundle;
  with_terminal(bundle).shell("trap 'stty size' WINCH; echo ready; while :; do sleep 0.05; done");
  const Pty pty = open_pty(24, 80);
  Command command = runtime_command({"run", "--bundle", bundle.path(), bundle.id()});
  command.fds = {{pty.slave.raw(), 0}, {pty.slave.raw(), 1}, {pty.slave.raw(), 2}};
  Running attached(command);
  ASSERT_TRUE(contains(read_until(pty.master, "ready"), "ready"));
  const winsize size{50, 132, 0, 0};
  ASSERT_EQ(::ioctl(pty.master.raw(), TIOCSWINSZ, &size), 0);
  attached.kill(SIGWINCH);
  EXPECT_TRUE(contains(read_until(pty.master, "50 132"), "50 132"));
  EXPECT_STATUS(runtime({"kill", bundle.id(), "KILL"}), 0);
  EXPECT_STATUS(attached.wait(), 137);
}

OCI_TEST(Terminal, InterruptKeyReachesTheProgram) {
  Bundle bundle;
  with_terminal(bundle).shell(
      "trap 'echo interrupted; exit 9' INT; echo ready; while :; do sleep 0.05; done");
  const Pty pty = open_pty(24, 80);
  Command command = runtime_command({"run", "--bundle", bundle.path(), bundle.id()});
  command.fds = {{pty.slave.raw(), 0}, {pty.slave.raw(), 1}, {pty.slave.raw(), 2}};
  Running attached(command);
  ASSERT_TRUE(contains(read_until(pty.master, "ready"), "ready"));
  EXPECT_TRUE(type(pty.master, "\x03"));
  EXPECT_TRUE(contains(read_until(pty.master, "interrupted"), "interrupted"));
  EXPECT_STATUS(attached.wait(), 9);
}

OCI_TEST(Terminal, NoByteIsLostWhenMuchIsWritten) {
  Bundle bundle;
  with_terminal(bundle).shell(
      "stty -opost; i=0; while [ $i -lt 2000 ]; do echo "
      "0123456789012345678901234567890123456789012345678901234567890123456789$i; i=$((i+1)); done; "
      "echo finished");
  const Pty pty = open_pty(24, 80);
  Command command = runtime_command({"run", "--bundle", bundle.path(), bundle.id()});
  command.fds = {{pty.slave.raw(), 0}, {pty.slave.raw(), 1}, {pty.slave.raw(), 2}};
  Running attached(command);
  const std::string seen = read_until(pty.master, "finished", 15000);
  EXPECT_EQ(std::count(seen.begin(), seen.end(), '0') > 14000, true) << seen.size();
  EXPECT_TRUE(contains(seen, "finished"));
  EXPECT_STATUS(attached.wait(), 0);
}

// Of the processors, by now.
double cpu_ms_of(pid_t pid) {
  clockid_t clock{};
  timespec used{};
  EXPECT_EQ(::clock_getcpuclockid(pid, &clock), 0);
  EXPECT_EQ(::clock_gettime(clock, &used), 0);
  return static_cast<double>(used.tv_sec) * 1e3 + static_cast<double>(used.tv_nsec) / 1e6;
}

// The input ends while the program runs. That is for the program to see: the runtime waits without
// work, and passes on what is still written.
void expect_to_go_on_without_input(bool terminal, const ctr::UniqueFd& input, ctr::UniqueFd ours) {
  Bundle bundle;
  bundle.set("/process/terminal", terminal ? "true" : "false")
      .shell(std::string(terminal ? "stty -echo -opost; " : "") +
             "echo ready; read line; echo got:$line; cat; echo without; sleep 1.5;"
             " seq 20000; exit 5");
  Command command = runtime_command({"run", "--bundle", bundle.path(), bundle.id()});
  command.fds = {{input.raw(), 0}};
  Running attached(command);
  ASSERT_TRUE(eventually([&] { return contains(attached.out(), "ready"); })) << attached.err();
  ASSERT_TRUE(type(ours, "one\n"));
  ASSERT_TRUE(eventually([&] { return contains(attached.out(), "got:one\n"); })) << attached.out();
  ours.reset();
  ASSERT_TRUE(eventually([&] { return contains(attached.out(), "without"); })) << attached.out();
  const double before = cpu_ms_of(attached.pid());
  EXPECT_FALSE(attached.ended_within(1000));
  EXPECT_LT(cpu_ms_of(attached.pid()) - before, 10) << "of a second that it had to wait";
  const Outcome outcome = attached.wait();
  EXPECT_STATUS(outcome, 5);
  std::string wanted = "ready\ngot:one\nwithout\n";
  for (int i = 1; i <= 20000; ++i) wanted += ctr::strf("%d\n", i);
  EXPECT_EQ(outcome.out.size(), wanted.size()) << outcome.out.substr(0, 200);
  EXPECT_TRUE(outcome.out == wanted);
}

void expect_to_go_on_without_a_pipe(bool terminal) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  ctr::UniqueFd input(ends[0]);
  expect_to_go_on_without_input(terminal, input, ctr::UniqueFd(ends[1]));
}

OCI_TEST(Terminal, InputThatEndsMidwayEndsNothingElse) { expect_to_go_on_without_a_pipe(true); }

OCI_TEST(Terminal, InputThatEndsMidwayWithoutOne) { expect_to_go_on_without_a_pipe(false); }

OCI_TEST(Terminal, OursThatHangsUpMidwayEndsNothingElse) {
  Pty pty = open_pty(24, 80);
  expect_to_go_on_without_input(true, pty.slave, std::move(pty.master));
}

}  // namespace
