// SPDX-License-Identifier: Apache-2.0
// Starting programs from tests: output into memory files (so that a container may keep them open
// without a reader), a deadline, and the way it ended.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ctrtool/core/base/fd.h"

namespace support {

struct Outcome {
  int status = -1;  // exit code, or 128 + signal; kTimedOut when it had to be killed
  std::string out;
  std::string err;
  double cpu_ms = 0;  // of the processors, with those of its children that it has waited for
};
inline constexpr int kTimedOut = 1000;

struct Command {
  std::vector<std::string> argv;
  std::string input{};                            // stdin: these bytes, then end of file
  std::optional<std::vector<std::string>> env{};  // else ours
  std::string cwd{};                              // else ours
  std::vector<std::pair<int, int>> fds{};         // {ours, its number there}; may replace 0, 1, 2
  int timeout_ms = 20000;
  bool traced = false;  // stops just before it is executed, as a tracee of ours
};

Outcome run(const Command& command);

// A program that runs beside the test. Killed and reaped when this goes.
class Running {
 public:
  explicit Running(const Command& command);
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running();
  pid_t pid() const { return pid_; }
  std::string out() const;  // so far
  std::string err() const;
  void kill(int signal) const;
  bool ended_within(int timeout_ms);
  Outcome wait(int timeout_ms = 20000);

 private:
  pid_t pid_ = -1;
  ctr::UniqueFd out_;
  ctr::UniqueFd err_;
};

// Reaps whatever has ended: our own programs (their status is kept) and orphans that came to us as
// the subreaper. A pid namespace's init can't end before the zombies in it are reaped.
void reap_children();

// Until `done()` is true; false when that takes longer than the limit.
template <typename Done>
bool eventually(Done done, int timeout_ms = 5000);

void sleep_ms(int ms);

template <typename Done>
bool eventually(Done done, int timeout_ms) {
  for (int waited = 0; waited < timeout_ms; waited += 10) {
    if (done()) return true;
    sleep_ms(10);
  }
  return done();
}

}  // namespace support
