// SPDX-License-Identifier: Apache-2.0
// Pseudo-terminals of containers: made in the container's own devpts, handed to whoever asked for
// the terminal, or copied to our own.
#pragma once

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"
#include "ctrtool/core/sys/tty.h"

namespace ctr {

struct Pty {
  UniqueFd master;
  UniqueFd peer;  // the slave
};

// A new pty of the devpts at dev/pts in `container_root`. What the tree has there is not believed:
// the file system's magic and both device numbers are checked, and the slave comes from the master
// itself, never by its path (CVE-2025-52565).
Result<Pty> open_pty(BorrowedFd container_root);

// One message with one descriptor, as engines' console sockets want it.
Result<void> send_terminal(BorrowedFd socket, BorrowedFd master);

// Our own terminal passes every byte on as long as this lives: the container's does the editing.
class RawMode {
 public:
  static Result<RawMode> enter(BorrowedFd tty);
  RawMode(RawMode&& other) noexcept;
  RawMode& operator=(RawMode&&) = delete;
  ~RawMode();  // as it was

 private:
  RawMode(BorrowedFd tty, const termios& before) : tty_(tty), before_(before) {}

  BorrowedFd tty_;
  termios before_;
};

}  // namespace ctr
