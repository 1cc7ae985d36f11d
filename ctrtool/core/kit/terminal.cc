// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/terminal.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/major.h>
#include <linux/openat2.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <utility>

#include "ctrtool/core/kit/resolve.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/show.h"
#include "ctrtool/core/sys/socket.h"

namespace ctr {
namespace {

constexpr unsigned kPtmxMinor = 2;  // char 5:2 (TTYAUX_MAJOR)
constexpr unsigned kPtsPerMajor = 256;

Result<void> check_devpts(BorrowedFd fd) {
  const struct statfs fs = TRY(sys::fstatfs(fd));
  if (fs.f_type != DEVPTS_SUPER_MAGIC)
    return sys_error(ENODEV, "%s is not of a devpts file system", sys::show(fd).c_str());
  return {};
}

Error wrong_device(BorrowedFd fd, const struct stat& found) {
  return sys_error(ENODEV, "%s is not a terminal of this devpts but mode %o, device %u:%u",
                   sys::show(fd).c_str(), found.st_mode, major(found.st_rdev),
                   minor(found.st_rdev));
}

Result<void> check_master(BorrowedFd master) {
  TRY(check_devpts(master));
  const struct stat found = TRY(sys::fstat(master));
  if (!S_ISCHR(found.st_mode) || found.st_rdev != makedev(TTYAUX_MAJOR, kPtmxMinor))
    return wrong_device(master, found);
  return {};
}

Result<void> check_peer(BorrowedFd peer, unsigned number) {
  TRY(check_devpts(peer));
  const struct stat found = TRY(sys::fstat(peer));
  const unsigned first = UNIX98_PTY_SLAVE_MAJOR;
  const unsigned range = major(found.st_rdev) - first;  // wraps when below
  if (!S_ISCHR(found.st_mode) || range >= UNIX98_PTY_MAJOR_COUNT ||
      range * kPtsPerMajor + minor(found.st_rdev) != number)
    return wrong_device(peer, found);
  return {};
}

// In two steps: an open for reading and writing of a name in a hostile tree could wake a device,
// while a devpts has nothing at "ptmx" but its multiplexer, unless something is mounted there.
Result<UniqueFd> open_master(BorrowedFd root) {
  const UniqueFd devpts = TRY(open_in_root(root, "/dev/pts", O_PATH | O_DIRECTORY));
  TRY(check_devpts(devpts));
  UniqueFd master = TRY(sys::openat2(devpts, "ptmx", O_RDWR | O_NOCTTY, 0,
                                     RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV));
  TRY(check_master(master));
  return master;
}

}  // namespace

Result<Pty> open_pty(BorrowedFd container_root) {
  Pty pty;
  pty.master = TRY_CTX(open_master(container_root), "open a terminal in the container's /dev/pts");
  TRY(sys::unlock_pty(pty.master));
  const unsigned number = TRY(sys::pty_number(pty.master));
  pty.peer = TRY(sys::pty_peer(pty.master));
  TRY(check_peer(pty.peer, number));
  return pty;
}

Result<void> send_terminal(BorrowedFd socket, BorrowedFd master) {
  // Receivers want at least one byte and take it for the name of the file.
  return sys::send_message(socket, "/dev/ptmx", {master});
}

Result<RawMode> RawMode::enter(BorrowedFd tty) {
  const termios before = TRY(sys::tcgetattr(tty));
  termios raw = before;
  ::cfmakeraw(&raw);
  TRY(sys::tcsetattr(tty, raw));
  return RawMode(tty, before);
}

RawMode::RawMode(RawMode&& other) noexcept
    : tty_(std::exchange(other.tty_, kNoFd)), before_(other.before_) {}

RawMode::~RawMode() {
  if (tty_.valid()) (void)sys::tcsetattr(tty_, before_);
}

}  // namespace ctr
