// SPDX-License-Identifier: Apache-2.0
// A program of somebody else, run as a child: what it gets, what it says, how long it may take.
// Reaped whatever happens. Descriptors 0, 1 and 2 of the caller must be open.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"

namespace hooks {

enum class Manners : std::uint8_t {
  Stranger,  // own session, default signals, no descriptor but 0 to 2
  Family,    // our session, signals and inheritable descriptors
};

struct Program {
  std::string path;  // Family: looked up in PATH if it has no slash
  std::vector<std::string> argv;
  std::vector<std::string> env;
  std::string cwd = {};                       // empty: ours. One that is gone becomes "/"
  ctr::BorrowedFd root = ctr::kNoFd;          // its "/", where that is not ours
  std::vector<ctr::BorrowedFd> inherit = {};  // made inheritable, for Family
  Manners manners = Manners::Stranger;
};

// What becomes its 0, 1 and 2; kNoFd: ours.
struct Stdio {
  ctr::BorrowedFd in = ctr::kNoFd;
  ctr::BorrowedFd out = ctr::kNoFd;
  ctr::BorrowedFd err = ctr::kNoFd;
};

class Child {
 public:
  static ctr::Result<Child> start(const Program& program, const Stdio& stdio);
  Child(Child&& other) noexcept;
  Child& operator=(Child&&) = delete;
  ~Child();  // killed and reaped if it still runs

  ctr::BorrowedFd pidfd() const { return pidfd_; }
  // SIGKILL, to all of its group if it has its own.
  void kill() const;
  // Waits and reaps. The status of wait(2), or why the program could not be executed.
  ctr::Result<int> wait();

 private:
  Child(pid_t pid, ctr::UniqueFd pidfd, ctr::UniqueFd failure, Manners manners);

  pid_t pid_;
  ctr::UniqueFd pidfd_;
  ctr::UniqueFd failure_;  // what it says if it cannot execute
  Manners manners_;
};

struct Finished {
  int status = 0;  // of wait(2)
  bool timed_out = false;
  bool interrupted = false;
  std::string out;  // the first and the last 4 KiB
  std::string err;
};

// Open files that get all of a program's output as well. One that cannot be written is no failure.
struct Copies {
  ctr::BorrowedFd out = ctr::kNoFd;
  ctr::BorrowedFd err = ctr::kNoFd;
};

// With `input` on its stdin, read or not, and its output captured. Ends when the program ends:
// whoever inherited its stdout does not hold us. `timeout_s`: SIGKILL to its group after that, or
// when there is something to read from `interrupted`.
ctr::Result<Finished> run_program(const Program& program, std::string_view input,
                                  std::optional<int> timeout_s, const Copies& copies = {},
                                  ctr::BorrowedFd interrupted = ctr::kNoFd);

std::vector<std::string> own_environment();
ctr::Result<void> make_inheritable(const std::vector<ctr::BorrowedFd>& fds);  // kNoFd: skipped

}  // namespace hooks
