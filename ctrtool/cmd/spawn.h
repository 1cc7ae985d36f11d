// SPDX-License-Identifier: Apache-2.0
// Programs that an applet starts beside itself. A program that cannot be executed is an error of
// spawn(), not a status to be guessed at later.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ctrtool/applets.h"
#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"

namespace ctr {

enum class Session { Inherited, New, NewWithTerminal };  // the terminal: what becomes stdin

struct SpawnRequest {
  Words argv;  // argv[0] is looked up in PATH
  // What becomes 0, 1 and 2; not valid: ours.
  BorrowedFd in = kNoFd;
  BorrowedFd out = kNoFd;
  BorrowedFd err = kNoFd;
  Session session = Session::Inherited;
  // Descriptors that it inherits besides, each with its number in a variable.
  std::vector<std::pair<BorrowedFd, std::string>> pass{};
  bool close_others = false;       // whatever else we have open above 2
  std::optional<sigset_t> mask{};  // its signal mask; otherwise ours
};

struct Child {
  pid_t pid;
  UniqueFd pidfd;
};

// Answers when the program runs. Nobody waits for the child unless the caller does.
Result<Child> spawn(const SpawnRequest& request);

inline Words shell_words(const std::string& text) { return {"/bin/sh", "-c", text}; }

}  // namespace ctr
