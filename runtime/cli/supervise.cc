// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/supervise.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include "ctrtool/core/kit/relay.h"
#include "ctrtool/core/kit/terminal.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/process.h"
#include "ctrtool/core/sys/tty.h"

namespace oci::cli {
namespace {

using ctr::BorrowedFd;
using ctr::Result;
using ctr::TerminalRelay;
namespace sys = ctr::sys;

constexpr BorrowedFd kStdin{STDIN_FILENO};
constexpr BorrowedFd kStdout{STDOUT_FILENO};

// The window that the program's terminal is shown in.
std::optional<BorrowedFd> our_terminal() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (sys::isatty(BorrowedFd(fd))) return BorrowedFd(fd);
  return std::nullopt;
}

bool asks_to_leave(int signal) {
  return signal == SIGTERM || signal == SIGINT || signal == SIGHUP || signal == SIGQUIT;
}

// Not for the program: what our children and sockets cause, our window, and the broken pipe that
// we have just written to.
bool is_ours(const signalfd_siginfo& info) {
  const int signal = static_cast<int>(info.ssi_signo);
  return signal == SIGCHLD || signal == SIGURG || signal == SIGWINCH ||
         (signal == SIGPIPE && info.ssi_pid == static_cast<std::uint32_t>(::getpid()));
}

class Supervisor {
 public:
  Supervisor(const SignalGate& gate, const Supervised& container,
             std::optional<TerminalRelay> relay)
      : gate_(gate), container_(container), relay_(std::move(relay)), window_(our_terminal()) {}

  Result<int> run() {
    while (!finished()) {
      TRY(wait_for_something());
      if (status_.has_value() && relay_.has_value()) relay_->program_ended();
    }
    reap();
    return sys::exit_code(*status_);
  }

 private:
  bool finished() const {
    return status_.has_value() && (leave_ || !relay_.has_value() || relay_->finished());
  }

  Result<void> wait_for_something() {
    TerminalRelay::Polls relayed;
    relayed.fill({-1, 0, 0});
    if (relay_.has_value()) relayed = relay_->polls();
    std::array<pollfd, 3 + relayed.size()> fds;
    fds[0] = {gate_.fd().raw(), POLLIN, 0};
    fds[1] = {status_.has_value() || traced_ ? -1 : container_.pidfd.raw(), POLLIN, 0};
    fds[2] = container_.notify != nullptr ? container_.notify->wanted() : pollfd{-1, 0, 0};
    std::copy(relayed.begin(), relayed.end(), fds.begin() + 3);
    TRY(sys::poll(fds, relay_.has_value() ? relay_->timeout_ms() : -1));
    std::copy(fds.begin() + 3, fds.end(), relayed.begin());
    if (relay_.has_value()) relay_->step(relayed);
    if (fds[2].revents != 0) container_.notify->step();
    if (fds[0].revents != 0) TRY(take_signals());
    if (fds[1].revents != 0) TRY(take_status());
    return {};
  }

  Result<void> take_signals() {
    signalfd_siginfo info{};
    while (true) {
      const Result<std::size_t> got = sys::read(gate_.fd(), &info, sizeof info);
      if (!got.ok() && got.error().code == EAGAIN) return {};
      if (!got.ok()) return got.error();
      take_signal(info);
    }
  }

  void take_signal(const signalfd_siginfo& info) {
    const int signal = static_cast<int>(info.ssi_signo);
    if (signal == SIGWINCH) resize();
    if (signal == SIGCHLD) reap();
    if (is_ours(info)) return;
    if (!status_.has_value())
      (void)sys::pidfd_send_signal(container_.pidfd, signal);  // it may just have ended
    else if (asks_to_leave(signal))
      leave_ = true;  // there is only somebody left who does not read the output
  }

  // Whatever ended: the program, and orphans of its that came to us.
  void reap() {
    while (const std::optional<sys::Ended> ended = sys::reap_any())
      if (ended->pid == container_.pid) status_ = ended->status;
  }

  Result<void> take_status() {
    reap();
    if (status_.has_value()) return {};
    status_ = TRY(sys::waitpid(container_.pid, WNOHANG));
    traced_ = !status_.has_value();
    return {};
  }

  void resize() {
    if (relay_.has_value() && window_.has_value()) (void)relay_->copy_size(*window_);
  }

  const SignalGate& gate_;
  const Supervised& container_;
  std::optional<TerminalRelay> relay_;
  std::optional<BorrowedFd> window_;
  std::optional<int> status_;
  bool traced_ = false;  // it has ended, and is not ours to reap before SIGCHLD: ptrace(2)
  bool leave_ = false;
};

}  // namespace

Result<SignalGate> SignalGate::close() {
  sigset_t all;
  ::sigfillset(&all);
  ctr::UniqueFd fd = TRY(sys::signalfd(all));
  const sigset_t before = TRY(sys::sigprocmask(SIG_SETMASK, all));
  return SignalGate(std::move(fd), before);
}

Result<SignalGate> SignalGate::close_to_leave() {
  sigset_t chosen;
  ::sigemptyset(&chosen);
  const sigset_t before = TRY(sys::sigprocmask(SIG_BLOCK, chosen));
  for (const int signal : {SIGHUP, SIGINT, SIGTERM}) {
    struct sigaction known {};
    const bool ignored = ::sigaction(signal, nullptr, &known) == 0 && known.sa_handler == SIG_IGN;
    if (!ignored && ::sigismember(&before, signal) == 0) ::sigaddset(&chosen, signal);
  }
  ctr::UniqueFd fd = TRY(sys::signalfd(chosen));
  TRY(sys::sigprocmask(SIG_BLOCK, chosen));
  return SignalGate(std::move(fd), before);
}

std::optional<int> SignalGate::take() const {
  signalfd_siginfo info{};
  const Result<std::size_t> got = sys::read(fd_, &info, sizeof info);
  if (!got.ok() || *got != sizeof info) return std::nullopt;
  return static_cast<int>(info.ssi_signo);
}

SignalGate::SignalGate(SignalGate&& other) noexcept
    : fd_(std::move(other.fd_)), before_(other.before_) {}

void SignalGate::open() {
  if (!fd_.valid()) return;
  fd_.reset();
  (void)sys::sigprocmask(SIG_SETMASK, before_);
}

Result<void> become_subreaper() { return sys::set_child_subreaper(true); }

Result<int> supervise(const SignalGate& gate, Supervised container) {
  if (!container.terminal.valid()) return Supervisor(gate, container, std::nullopt).run();
  TerminalRelay relay = TRY(TerminalRelay::open(kStdin, kStdout, std::move(container.terminal)));
  Supervisor supervisor(gate, container, std::move(relay));
  if (!sys::isatty(kStdin)) return supervisor.run();
  const ctr::RawMode raw = TRY(ctr::RawMode::enter(kStdin));
  return supervisor.run();
}

}  // namespace oci::cli
