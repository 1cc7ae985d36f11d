// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/sys/tty.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "ctrtool/core/sys/show.h"

namespace ctr::sys {
namespace {

Error tty_error(int err, const char* what, BorrowedFd tty) {
  return sys_error(err, "%s of %s", what, show(tty).c_str());
}

}  // namespace

bool isatty(BorrowedFd fd) { return ::isatty(fd.raw()) == 1; }

Result<winsize> get_window_size(BorrowedFd tty) {
  winsize size{};
  if (::ioctl(tty.raw(), TIOCGWINSZ, &size) < 0) return tty_error(errno, "window size", tty);
  return size;
}

Result<void> set_window_size(BorrowedFd tty, const winsize& size) {
  if (::ioctl(tty.raw(), TIOCSWINSZ, &size) < 0) return tty_error(errno, "set window size", tty);
  return {};
}

Result<termios> tcgetattr(BorrowedFd tty) {
  termios settings{};
  if (::tcgetattr(tty.raw(), &settings) < 0) return tty_error(errno, "terminal settings", tty);
  return settings;
}

Result<void> tcsetattr(BorrowedFd tty, const termios& settings) {
  if (::tcsetattr(tty.raw(), TCSANOW, &settings) < 0)
    return tty_error(errno, "set terminal settings", tty);
  return {};
}

Result<void> unlock_pty(BorrowedFd master) {
  const int unlocked = 0;
  if (::ioctl(master.raw(), TIOCSPTLCK, &unlocked) < 0) return tty_error(errno, "unlock", master);
  return {};
}

Result<unsigned> pty_number(BorrowedFd master) {
  unsigned number = 0;
  if (::ioctl(master.raw(), TIOCGPTN, &number) < 0) return tty_error(errno, "pty number", master);
  return number;
}

Result<UniqueFd> pty_peer(BorrowedFd master, int flags) {
  const int peer = ::ioctl(master.raw(), TIOCGPTPEER, flags | O_CLOEXEC);
  if (peer < 0) return tty_error(errno, "pty peer", master);
  return UniqueFd(peer);
}

Result<void> set_controlling_tty(BorrowedFd tty) {
  if (::ioctl(tty.raw(), TIOCSCTTY, 0) < 0) return tty_error(errno, "make controlling", tty);
  return {};
}

}  // namespace ctr::sys
