// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/cmd/wait_child.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>

#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/process.h"

namespace ctr {
namespace {

Result<void> pass_on(BorrowedFd signals, BorrowedFd pidfd) {
  while (const int signal = TRY(next_signal(signals))) {
    if (signal != SIGCHLD) (void)sys::pidfd_send_signal(pidfd, signal);  // it may have ended
  }
  return {};
}

}  // namespace

Result<TakenSignals> take_signals() {
  sigset_t all;
  ::sigfillset(&all);
  UniqueFd fd = TRY(sys::signalfd(all));
  const sigset_t before = TRY(sys::sigprocmask(SIG_SETMASK, all));
  return TakenSignals{std::move(fd), before};
}

Result<int> next_signal(BorrowedFd signals) {
  signalfd_siginfo info{};
  const Result<std::size_t> got = sys::read(signals, &info, sizeof info);
  if (!got.ok() && got.error().code == EAGAIN) return 0;
  if (!got.ok()) return got.error();
  return static_cast<int>(info.ssi_signo);
}

Result<int> wait_passing_signals(pid_t pid, BorrowedFd pidfd, BorrowedFd signals) {
  while (true) {
    std::array<pollfd, 2> fds{{{signals.raw(), POLLIN, 0}, {pidfd.raw(), POLLIN, 0}}};
    TRY(sys::poll(fds, -1));
    if (fds[0].revents != 0) TRY(pass_on(signals, pidfd));
    if (fds[1].revents == 0) continue;
    const std::optional<int> status = TRY(sys::waitpid(pid, 0));
    return sys::exit_code(status.value_or(0));
  }
}

Ending plan_failed(std::string_view applet, const Error& error, int otherwise) {
  complain(applet, error.message);
  if (!error.message.starts_with("exec ")) return {.status = otherwise};
  return {.status = error.code == ENOENT ? kExitNotFound : kExitNotExecutable};
}

void set_death_signal(const std::string& signal, Program& program) {
  const Words stage{":ppid_check", "-d", signal, "--"};
  program.argv.insert(program.argv.begin(), stage.begin(), stage.end());
}

int enter_program(std::string_view applet, const Program& program) {
  if (program.argv.front() == ":") return kExitOk;
  auto block = std::make_unique<char*[]>(program.env.size() + 1);
  for (std::size_t i = 0; i < program.env.size(); ++i) block[i] = ::strdup(program.env[i].c_str());
  environ = block.release();  // for as long as the process lives
  return exec_or_stage(applet, program.argv);
}

}  // namespace ctr
