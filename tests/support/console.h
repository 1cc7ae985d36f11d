// SPDX-License-Identifier: Apache-2.0
// Terminals as engines have them: the socket that receives a pty master, and a pty of our own to
// drive a program that wants a terminal.
#pragma once

#include <sys/ioctl.h>

#include <string>

#include "ctrtool/core/base/fd.h"

namespace support {

// Listens like conmon. One message, one descriptor: anything else is told by `problem`.
class ConsoleSocket {
 public:
  explicit ConsoleSocket(const std::string& path);
  const std::string& path() const { return path_; }
  ctr::UniqueFd receive(int timeout_ms = 5000);
  const std::string& problem() const { return problem_; }

 private:
  std::string path_;
  ctr::UniqueFd listener_;
  std::string problem_;
};

// Reads a terminal (or any descriptor) until `wanted` has been seen, the end, or the deadline;
// answers all that was read.
std::string read_until(const ctr::UniqueFd& fd, const std::string& wanted, int timeout_ms = 5000);
bool type(const ctr::UniqueFd& terminal, const std::string& keys);

struct Pty {
  ctr::UniqueFd master;
  ctr::UniqueFd slave;
};
Pty open_pty(unsigned short rows, unsigned short columns);

}  // namespace support
