// SPDX-License-Identifier: Apache-2.0
// What an attached `run` or `exec` does while the program runs: passes signals on, copies the
// terminal, reaps, and answers the program's exit status.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <optional>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"
#include "runtime/cli/notify.h"

namespace oci::cli {

// Closed before the container is made, so that no signal is lost or kills us half-way: all are
// blocked and wait here. A child inherits the closed gate: the container's child half opens it for
// itself at birth (ctr::unblock_signals in core/exec/signals.h does), as the hook runner does.
class SignalGate {
 public:
  static ctr::Result<SignalGate> close();
  // For those alone by which somebody asks us to give up what we make: SIGHUP, SIGINT and SIGTERM,
  // and of them only what would reach us, not what our caller ignores or blocks. So of two gates
  // this is the outer one: the other blocks all.
  static ctr::Result<SignalGate> close_to_leave();
  SignalGate(SignalGate&& other) noexcept;
  SignalGate& operator=(SignalGate&&) = delete;
  ~SignalGate() { open(); }
  void open();  // the mask is as it was; what still waits is delivered
  // Until we exit, for who has done what was asked: to be told to leave comes too late, and must not
  // look as if nothing had been made.
  void stay_closed() { fd_.reset(); }

  ctr::BorrowedFd fd() const { return fd_; }  // a signalfd(2)
  std::optional<int> take() const;            // the next one that waits

 private:
  SignalGate(ctr::UniqueFd fd, const sigset_t& before) : fd_(std::move(fd)), before_(before) {}

  ctr::UniqueFd fd_;
  sigset_t before_;
};

// For `run`: what the container's processes leave behind comes to us, not to our caller.
ctr::Result<void> become_subreaper();

struct Supervised {
  pid_t pid;  // our child
  ctr::BorrowedFd pidfd;
  ctr::UniqueFd terminal = {};    // the master, if there is a terminal; has its first size already
  NotifyRelay* notify = nullptr;  // if there is a service manager to talk to
};

// Until the program has ended and its terminal's last byte is delivered. All our children that
// ended are reaped. The status: its exit code, or 128 + signal.
ctr::Result<int> supervise(const SignalGate& gate, Supervised container);

}  // namespace oci::cli
