// SPDX-License-Identifier: Apache-2.0
#include "tests/support/console.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <vector>

#include "ctrtool/core/base/strf.h"

namespace support {

using ctr::UniqueFd;

namespace {

bool readable(int fd, int timeout_ms) {
  pollfd event{fd, POLLIN, 0};
  return ::poll(&event, 1, timeout_ms) > 0;
}

long now_ms() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

std::vector<int> descriptors_of(msghdr& message) {
  std::vector<int> fds;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    fds.resize(fds.size() + count);
    memcpy(&fds[fds.size() - count], CMSG_DATA(part), count * sizeof(int));
  }
  return fds;
}

}  // namespace

ConsoleSocket::ConsoleSocket(const std::string& path)
    : path_(path), listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    problem_ = "path too long for this helper";
    return;
  }
  memcpy(address.sun_path, path.c_str(), path.size() + 1);
  if (::bind(listener_.raw(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener_.raw(), 4) != 0)
    problem_ = ctr::strf("listen: %s", strerror(errno));
}

UniqueFd ConsoleSocket::receive(int timeout_ms) {
  if (!readable(listener_.raw(), timeout_ms)) {
    problem_ = "nobody connected";
    return UniqueFd();
  }
  UniqueFd peer(::accept4(listener_.raw(), nullptr, nullptr, SOCK_CLOEXEC));
  char data[4096];
  alignas(cmsghdr) char control[CMSG_SPACE(8 * sizeof(int))];
  iovec part{data, sizeof data};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t size = ::recvmsg(peer.raw(), &message, MSG_CMSG_CLOEXEC);
  const std::vector<int> fds = size < 0 ? std::vector<int>() : descriptors_of(message);
  if (size < 1 || fds.size() != 1)
    problem_ = ctr::strf("message of %zd bytes with %zu descriptors", size, fds.size());
  for (std::size_t i = 1; i < fds.size(); ++i) ::close(fds[i]);
  if (readable(peer.raw(), 1000) && ::recv(peer.raw(), data, sizeof data, 0) > 0)
    problem_ = "a second message followed";
  return fds.empty() ? UniqueFd() : UniqueFd(fds[0]);
}

std::string read_until(const UniqueFd& fd, const std::string& wanted, int timeout_ms) {
  std::string seen;
  char buffer[4096];
  const long deadline = now_ms() + timeout_ms;
  while (wanted.empty() || seen.find(wanted) == std::string::npos) {
    const long left = deadline - now_ms();
    if (left <= 0 || !readable(fd.raw(), static_cast<int>(left))) return seen;
    const ssize_t count = ::read(fd.raw(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return seen;  // EIO: the last slave is closed
    seen.append(buffer, static_cast<std::size_t>(count));
  }
  return seen;
}

bool type(const UniqueFd& terminal, const std::string& keys) {
  return ::write(terminal.raw(), keys.data(), keys.size()) == static_cast<ssize_t>(keys.size());
}

Pty open_pty(unsigned short rows, unsigned short columns) {
  Pty pty;
  pty.master = UniqueFd(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  ::grantpt(pty.master.raw());
  ::unlockpt(pty.master.raw());
  char name[128] = "";
  ::ptsname_r(pty.master.raw(), name, sizeof name);
  pty.slave = UniqueFd(::open(name, O_RDWR | O_NOCTTY | O_CLOEXEC));
  const winsize size{rows, columns, 0, 0};
  ::ioctl(pty.master.raw(), TIOCSWINSZ, &size);
  return pty;
}

}  // namespace support
