// SPDX-License-Identifier: Apache-2.0
// What applets that carry out a plan have in common: waiting for its process, its failures, stages.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <string>
#include <string_view>

#include "ctrtool/cmd/words.h"
#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"
#include "ctrtool/core/plan/plan.h"

namespace ctr {

// All signals, blocked from now on and read from a descriptor.
struct TakenSignals {
  UniqueFd fd;
  sigset_t before;
};
Result<TakenSignals> take_signals();
// The next one that has come, never waited for; 0: none.
Result<int> next_signal(BorrowedFd signals);

// Signals that come meanwhile go to the child. Its status as a shell shows it.
Result<int> wait_passing_signals(pid_t pid, BorrowedFd pidfd, BorrowedFd signals);

// Says why; the program's own failure is 126 or 127, all others `otherwise`.
Ending plan_failed(std::string_view applet, const Error& error, int otherwise);

// The program's, when its parent dies. By a stage before it, because the signal has to be set last:
// changes of user and the start itself clear it.
void set_death_signal(const std::string& signal, Program& program);
// Root that gets capabilities back by the exec loses its death signal (the kernel's commit_creds),
// so they must not be dropped before it. Nothing is lost by that: what a program has after an exec
// depends on what was permitted before only under no_new_privs, where nothing comes back.
inline bool may_drop_caps(bool death_signal, bool no_new_privs) {
  return !death_signal || no_new_privs;
}

// For ExecuteOptions::enter_stage. ":" alone is a program that does nothing.
int enter_program(std::string_view applet, const Program& program);

}  // namespace ctr
