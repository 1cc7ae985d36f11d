// SPDX-License-Identifier: Apache-2.0
// Terminals: ptys, window sizes, raw mode, the controlling terminal.
#pragma once

#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>

#include <string>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"

namespace ctr::sys {

bool isatty(BorrowedFd fd);
Result<winsize> get_window_size(BorrowedFd tty);
Result<void> set_window_size(BorrowedFd tty, const winsize& size);
Result<termios> tcgetattr(BorrowedFd tty);
Result<void> tcsetattr(BorrowedFd tty, const termios& settings);
// Unlocks the slave of a pty master (TIOCSPTLCK).
Result<void> unlock_pty(BorrowedFd master);
// The number of the slave (TIOCGPTN).
Result<unsigned> pty_number(BorrowedFd master);
// The slave itself, without a path (TIOCGPTPEER, Linux 4.13; CVE-2025-52565).
Result<UniqueFd> pty_peer(BorrowedFd master, int flags = O_RDWR | O_NOCTTY);
// Makes it the controlling terminal of this session leader.
Result<void> set_controlling_tty(BorrowedFd tty);

}  // namespace ctr::sys
