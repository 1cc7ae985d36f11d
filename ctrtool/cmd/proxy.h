// SPDX-License-Identifier: Apache-2.0
// A program on a terminal or on pipes of our making: bytes, the end of input, window sizes and
// signals are passed on until it has ended and all it wrote is delivered.
#pragma once

#include <sys/ioctl.h>
#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"
#include "ctrtool/core/kit/relay.h"

namespace ctr {

struct ProxyRequest {
  winsize size{};  // 0: as standard input has it
  std::string ptmx = "/dev/ptmx";
  bool pipes = false;          // instead of a terminal
  bool own_stderr = false;     // a pipe of its own for standard error
  bool keep_stdin = false;     // of pipes: the end of input is not passed on
  std::optional<uid_t> uid{};  // owner of the terminal, or of the pipes
  std::optional<gid_t> gid{};
  std::optional<mode_t> mode{};             // of the terminal
  int idle_ms = -1;                         // hang up after so long without a byte
  std::optional<std::string> transcript{};  // a file that gets all that the program writes, too
  std::string name;                         // of the applet, for messages
};

// As the request wants it; the size that is 0 is that of standard input.
struct ProxyTerminal {
  UniqueFd master;
  UniqueFd peer;
};
Result<ProxyTerminal> make_terminal(const ProxyRequest& request);
// For a Transcript: appended to, and never waited for: a FIFO without a reader is an error.
Result<UniqueFd> open_transcript(const std::string& path);

// The program's ends; to be closed here once it runs.
struct ProxyEnds {
  UniqueFd in{};
  UniqueFd out{};  // invalid: as `in`
  UniqueFd err{};  // invalid: as `out`
  BorrowedFd stdio(int fd) const;
};

class Proxy {
 public:
  static Result<Proxy> open(const ProxyRequest& request, ProxyEnds& ends);
  Proxy(Proxy&&) noexcept;
  Proxy& operator=(Proxy&&) = delete;
  ~Proxy();

  // Descriptors that are ours alone, for children to close. Those of pipes and of the terminal.
  std::vector<BorrowedFd> own_fds() const;
  // Reaps the program; its status as a shell shows it. `signals`: a signalfd of all that is to be
  // passed on, and of SIGCHLD and SIGWINCH. A terminal on standard input is raw meanwhile.
  Result<int> run(pid_t pid, BorrowedFd pidfd, BorrowedFd signals);

 private:
  class Loop;
  struct Links;
  explicit Proxy(std::unique_ptr<Links> links, const ProxyRequest& request);

  std::unique_ptr<Links> links_;
  ProxyRequest request_;
};

}  // namespace ctr
