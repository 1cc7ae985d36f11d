// SPDX-License-Identifier: Apache-2.0
// Runs a program and all that it makes under ptrace(2), stopping at every system call: to count
// them, to kill or to hold somebody there, or to let one fail. Calls are known by who makes them
// and which of its calls it is: two processes that run side by side need not take turns as they did
// before.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/support/process.h"

namespace support {

struct Call {
  unsigned process;                        // 0 the program, 1 its first child ...
  unsigned index;                          // of its calls, from 0
  unsigned long call;                      // SYS_...
  pid_t pid = 0;                           // it stands there while `at` is asked
  unsigned long arguments[3] = {0, 0, 0};  // the first ones
};

struct Fault {
  // kHold: the caller stands there for half a second, and the others go on. kEndProgram: by SIGTERM.
  enum Kind { kNone, kKillProgram, kEndProgram, kKillCaller, kFail, kHold } kind = kNone;
  // For kFail: the call is not made (close is) and answers this errno; 0: as if it was done.
  int error = 0;
};

struct Traced {
  Outcome outcome;          // of the program; kTimedOut: it hung and was killed
  std::vector<Call> calls;  // those before the first fault that killed
  unsigned faults = 0;      // how many were brought about
};

// Why programs can't be traced here, or "".
std::string why_no_tracing();
// Why their system calls can't be made to fail, or "".
std::string why_no_faults();

// `at` is asked before each call. A process is let go when it executes a program whose path ends
// with `payload`, all of them when the program has ended or was killed.
Traced trace(const Command& command, const std::string& payload,
             const std::function<Fault(const Call&)>& at);

std::string name_of_call(unsigned long call);

}  // namespace support
