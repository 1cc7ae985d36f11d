// SPDX-License-Identifier: Apache-2.0
// A process plays the runtime: it starts a shell, on a terminal or not, and supervises it. The test
// holds the other ends.
#include "runtime/cli/supervise.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <functional>
#include <optional>
#include <string>

#include "ctrtool/core/exec/signals.h"
#include "ctrtool/core/sys/process.h"
#include "tests/support/console.h"
#include "tests/support/files.h"
#include "tests/support/ns_test.h"
#include "tests/support/process.h"

namespace {

using ctr::BorrowedFd;
using ctr::UniqueFd;

constexpr int kZombiesLeft = 99;

[[noreturn]] void become_program(const std::string& script, const support::Pty* pty) {
  ctr::unblock_signals();
  ::setsid();
  if (pty != nullptr) {
    ::ioctl(pty->slave.raw(), TIOCSCTTY, 0);
    for (int fd = 0; fd <= 2; ++fd) ::dup2(pty->slave.raw(), fd);
  }
  ::execl("/bin/sh", "sh", "-c", script.c_str(), nullptr);
  ::_exit(127);
}

enum class Tty { No, Yes };

// In the process that plays the runtime.
int supervise(const std::string& script, Tty tty, const std::function<void()>& before) {
  ctr::Result<oci::cli::SignalGate> gate = oci::cli::SignalGate::close();
  if (!gate.ok() || !oci::cli::become_subreaper().ok()) return 98;
  before();
  support::Pty pty;
  if (tty == Tty::Yes) pty = support::open_pty(24, 80);
  ctr::Result<ctr::sys::Cloned> program = ctr::sys::clone3(0, ctr::kNoFd);
  if (!program.ok()) return 97;
  if (program->pid == 0) become_program(script, tty == Tty::Yes ? &pty : nullptr);
  pty.slave.reset();
  oci::cli::Supervised container{program->pid, program->pidfd, std::move(pty.master), nullptr};
  const ctr::Result<int> status = oci::cli::supervise(*gate, std::move(container));
  if (!status.ok()) return 96;
  siginfo_t zombie{};
  const int left = ::waitid(P_ALL, 0, &zombie, WEXITED | WNOHANG | WNOWAIT);
  return left == 0 && zombie.si_pid != 0 ? kZombiesLeft : *status;
}

struct Runtime {
  pid_t pid = -1;
  UniqueFd in;
  UniqueFd out;

  Runtime(
      const std::string& script, Tty tty, const std::function<void()>& before = [] {}) {
    int to[2];
    int from[2];
    EXPECT_EQ(::pipe2(to, O_CLOEXEC), 0);
    EXPECT_EQ(::pipe2(from, O_CLOEXEC), 0);
    in = UniqueFd(to[1]);
    out = UniqueFd(from[0]);
    start(to[0], from[1], script, tty, before);
    ::close(to[0]);
    ::close(from[1]);
  }
  // On a terminal of its own.
  Runtime(const support::Pty& window, const std::string& script) {
    start(window.slave.raw(), window.slave.raw(), script, Tty::Yes, [] {});
  }
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;
  ~Runtime() {
    if (pid > 0) ::kill(pid, SIGKILL);
  }

  std::string read_all() const { return support::read_until(out, "\x01never\x01", 20000); }

  int wait() {
    rusage usage{};
    int status = -1;
    if (!support::eventually([&] { return ::wait4(pid, &status, WNOHANG, &usage) == pid; }, 20000))
      return support::kTimedOut;
    pid = -1;
    cpu_ms = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
             (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
    return ctr::sys::exit_code(status);
  }
  long cpu_ms = 0;

 private:
  void start(int input, int output, const std::string& script, Tty tty,
             const std::function<void()>& before) {
    pid = ::fork();
    if (pid != 0) return;
    ::dup2(input, 0);
    ::dup2(output, 1);
    in.reset();
    out.reset();
    ::_exit(supervise(script, tty, before));
  }
};

NS_TEST(Supervise, AnswersTheExitStatus) {
  EXPECT_EQ(Runtime("exit 7", Tty::No).wait(), 7);
  EXPECT_EQ(Runtime("kill -9 $$", Tty::No).wait(), 137);
  EXPECT_EQ(Runtime("exit 5", Tty::Yes).wait(), 5);
}

NS_TEST(Supervise, PassesSignalsOn) {
  Runtime runtime(
      "trap 'exit 33' USR1; trap 'echo term' TERM; echo on; while :; do sleep 0.05; done", Tty::No);
  EXPECT_EQ(support::read_until(runtime.out, "on\n"), "on\n");
  ::kill(runtime.pid, SIGCHLD);
  ::kill(runtime.pid, SIGURG);
  ::kill(runtime.pid, SIGTERM);
  EXPECT_EQ(support::read_until(runtime.out, "term\n"), "term\n");
  ::kill(runtime.pid, SIGUSR1);
  EXPECT_EQ(runtime.wait(), 33);
}

char state_of(pid_t pid) {
  const ctr::Result<std::optional<ctr::sys::ProcStat>> stat = ctr::sys::proc_stat(pid);
  return stat.ok() && stat->has_value() ? (*stat)->state : '?';
}

// Whoever traces a process has its end first. The pidfd tells of it all the same.
NS_TEST(Supervise, WaitsForAProgramThatIsTraced) {
  Runtime runtime("echo $$; exec sleep 1000", Tty::No);
  const pid_t program = ::atoi(support::read_until(runtime.out, "\n").c_str());
  ASSERT_EQ(::ptrace(PTRACE_SEIZE, program, 0, 0), 0);
  ::kill(program, SIGKILL);
  ASSERT_TRUE(support::eventually([&] { return state_of(program) == 'Z'; }, 20000));
  EXPECT_FALSE(support::eventually([&] { return state_of(runtime.pid) == 'Z'; }, 200));
  int status = 0;
  EXPECT_EQ(::waitpid(program, &status, __WALL), program);  // now it is its parent's
  EXPECT_EQ(runtime.wait(), 128 + SIGKILL);
}

NS_TEST(Supervise, LosesNoSignalOfBeforeTheStart) {
  Runtime runtime("sleep 20", Tty::No, [] { ::kill(::getpid(), SIGTERM); });
  EXPECT_EQ(runtime.wait(), 128 + SIGTERM);
}

NS_TEST(Supervise, ReapsOrphans) {
  EXPECT_EQ(
      Runtime("for i in 1 2 3 4 5 6 7 8; do (true &); done; sleep 0.2; exit 4", Tty::No).wait(), 4);
}

NS_TEST(Supervise, DeliversEveryByteToASlowReader) {
  constexpr std::size_t kBytes = 8U << 20;
  Runtime runtime("stty raw -echo; head -c 8388608 /dev/zero | tr '\\0' x; exit 3", Tty::Yes);
  std::string buffer(1U << 16, '\0');
  std::size_t bytes = 0;
  for (ssize_t got = 1; got > 0; bytes += static_cast<std::size_t>(got)) {
    if (bytes < 1000000) support::sleep_ms(10);  // stalls
    got = ::read(runtime.out.raw(), buffer.data(), buffer.size());
    ASSERT_GE(got, 0);
  }
  EXPECT_EQ(bytes, kBytes);
  EXPECT_EQ(runtime.wait(), 3);
}

NS_TEST(Supervise, DoesNotSpinWhileNobodyReads) {
  Runtime runtime("stty raw; head -c 300000 /dev/zero; exit 3", Tty::Yes);
  support::sleep_ms(1000);
  EXPECT_EQ(runtime.read_all().size(), 300000U);
  EXPECT_EQ(runtime.wait(), 3);
  EXPECT_LT(runtime.cpu_ms, 300);
}

NS_TEST(Supervise, AReaderThatLeftDoesNotHoldTheProgram) {
  Runtime runtime("head -c 1000000 /dev/zero; exit 4", Tty::Yes);
  runtime.out.reset();
  EXPECT_EQ(runtime.wait(), 4);
}

NS_TEST(Supervise, LastWordsOfAQuickProgramArrive) {
  for (int i = 0; i < 30; ++i) {
    Runtime runtime("printf '1234567890'", Tty::Yes);
    EXPECT_EQ(runtime.read_all(), "1234567890");
    EXPECT_EQ(runtime.wait(), 0);
  }
}

NS_TEST(Supervise, TheEndOfInputIsTyped) {
  Runtime runtime("stty -echo; echo on; cat; echo end", Tty::Yes);
  EXPECT_EQ(support::read_until(runtime.out, "on\r\n"), "on\r\n");
  EXPECT_TRUE(support::type(runtime.in, "one\ntwo"));
  runtime.in.reset();
  EXPECT_EQ(runtime.read_all(), "one\r\ntwoend\r\n");
  EXPECT_EQ(runtime.wait(), 0);
}

NS_TEST(Supervise, ATerminalThatAllHaveClosedMayBeOpenedAgain) {
  Runtime runtime(
      "exec </dev/null >/dev/null 2>&1; sleep 0.5; echo back >/dev/tty; sleep 0.3; exit 6",
      Tty::Yes);
  EXPECT_EQ(support::read_until(runtime.out, "back\r\n"), "back\r\n");
  EXPECT_EQ(runtime.wait(), 6);
  EXPECT_LT(runtime.cpu_ms, 200);
}

NS_TEST(Supervise, ABackgroundProcessWithTheTerminalDoesNotHoldUs) {
  Runtime runtime("trap '' HUP; (while :; do echo noise; done) & sleep 0.2; exit 8", Tty::Yes);
  EXPECT_THAT(runtime.read_all(), testing::HasSubstr("noise"));
  EXPECT_EQ(runtime.wait(), 8);
}

NS_TEST(Supervise, ASignalEndsTheWaitForAReaderWhenTheProgramIsGone) {
  Runtime runtime("stty raw; head -c 66000 /dev/zero; exit 3", Tty::Yes);
  support::sleep_ms(300);
  ::kill(runtime.pid, SIGTERM);
  EXPECT_EQ(runtime.wait(), 3);
}

NS_TEST(Supervise, FollowsTheWindowAndRestoresIt) {
  const support::Pty window = support::open_pty(10, 20);
  termios before{};
  ASSERT_EQ(::tcgetattr(window.slave.raw(), &before), 0);
  Runtime runtime(window, "trap 'stty size; exit 2' WINCH; echo on; while :; do sleep 0.05; done");
  EXPECT_EQ(support::read_until(window.master, "on\r\n"), "on\r\n");
  termios raw{};
  ASSERT_EQ(::tcgetattr(window.slave.raw(), &raw), 0);
  EXPECT_EQ(raw.c_lflag & (ICANON | ECHO | ISIG), 0U);
  const winsize larger{.ws_row = 30, .ws_col = 90, .ws_xpixel = 0, .ws_ypixel = 0};
  ASSERT_EQ(::ioctl(window.master.raw(), TIOCSWINSZ, &larger), 0);
  ::kill(runtime.pid, SIGWINCH);  // nobody has the window as controlling terminal here
  EXPECT_EQ(support::read_until(window.master, "30 90\r\n"), "30 90\r\n");
  EXPECT_EQ(runtime.wait(), 2);
  termios after{};
  ASSERT_EQ(::tcgetattr(window.slave.raw(), &after), 0);
  EXPECT_EQ(after.c_lflag, before.c_lflag);
}

}  // namespace
