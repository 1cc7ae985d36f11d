// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/sys/socket.h"

#include <fcntl.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/show.h"

namespace ctr::sys {
namespace {

constexpr std::size_t kMaxFds = 253;  // SCM_MAX_FD

struct UnixAddress {
  sockaddr_un address{};
  socklen_t length = 0;
  UniqueFd directory;  // keeps /proc/self/fd/N of a long path alive
};

Result<UnixAddress> unix_address(const std::string& path) {
  UnixAddress out;
  std::string text = path;
  if (text.size() >= sizeof out.address.sun_path) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos)
      return sys_error(ENAMETOOLONG, "socket %s", quote(path).c_str());
    out.directory = TRY(open(path.substr(0, slash + 1), O_PATH | O_DIRECTORY));
    text = proc_path(out.directory) + path.substr(slash);
  }
  if (text.size() >= sizeof out.address.sun_path)
    return sys_error(ENAMETOOLONG, "socket %s", quote(path).c_str());
  out.address.sun_family = AF_UNIX;
  std::memcpy(out.address.sun_path, text.c_str(), text.size() + 1);
  out.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + text.size() + 1);
  return out;
}

const sockaddr* as_sockaddr(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

const sockaddr* as_sockaddr(std::string_view address) {
  return reinterpret_cast<const sockaddr*>(address.data());
}

socklen_t length_of(std::string_view address) { return static_cast<socklen_t>(address.size()); }

Result<UniqueFd> connect_to(const UnixAddress& to, const std::string& name, int type) {
  UniqueFd fd = TRY(socket(AF_UNIX, type, 0));
  while (::connect(fd.raw(), as_sockaddr(to.address), to.length) < 0) {
    if (errno == EINTR) continue;
    const int err = errno;
    return sys_error(err, "connect to %s", quote(name).c_str());
  }
  return fd;
}

}  // namespace

Result<SocketPair> socketpair(int type) {
  int fds[2];
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds) < 0) {
    const int err = errno;
    return sys_error(err, "socketpair");
  }
  return SocketPair{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

Result<UniqueFd> socket(int domain, int type, int protocol) {
  const int fd = ::socket(domain, type | SOCK_CLOEXEC, protocol);
  if (fd < 0) {
    const int err = errno;
    return sys_error(err, "socket domain %d type %d protocol %d", domain, type, protocol);
  }
  return UniqueFd(fd);
}

Result<void> bind(BorrowedFd socket, std::string_view address, const std::string& shown) {
  if (::bind(socket.raw(), as_sockaddr(address), length_of(address)) < 0) {
    const int err = errno;
    return sys_error(err, "bind to %s", shown.c_str());
  }
  return {};
}

Result<void> connect(BorrowedFd socket, std::string_view address, const std::string& shown) {
  while (::connect(socket.raw(), as_sockaddr(address), length_of(address)) < 0) {
    if (errno == EINTR) continue;
    const int err = errno;
    return sys_error(err, "connect to %s", shown.c_str());
  }
  return {};
}

Result<void> listen(BorrowedFd socket, int backlog) {
  if (::listen(socket.raw(), backlog) < 0) {
    const int err = errno;
    return sys_error(err, "listen");
  }
  return {};
}

Result<bool> is_nonblocking(BorrowedFd socket) {
  const int flags = ::fcntl(socket.raw(), F_GETFL);
  if (flags < 0) {
    const int err = errno;
    return sys_error(err, "flags of %s", show(socket).c_str());
  }
  return (flags & O_NONBLOCK) != 0;
}

Result<void> setsockopt(BorrowedFd socket, int level, int name, std::string_view value,
                        const std::string& shown) {
  const auto size = static_cast<socklen_t>(value.size());
  if (::setsockopt(socket.raw(), level, name, value.data(), size) < 0) {
    const int err = errno;
    return sys_error(err, "set the option %s", shown.c_str());
  }
  return {};
}

Result<int> interface_index(BorrowedFd socket, const std::string& name) {
  ifreq request{};
  if (name.empty() || name.size() >= sizeof request.ifr_name)
    return sys_error(ENODEV, "interface %s", quote(name).c_str());
  std::memcpy(request.ifr_name, name.data(), name.size());
  if (::ioctl(socket.raw(), SIOCGIFINDEX, &request) < 0) {
    const int err = errno;
    return sys_error(err, "interface %s", quote(name).c_str());
  }
  return request.ifr_ifindex;
}

Result<UniqueFd> connect_unix(const std::string& path, int type) {
  const UnixAddress to = TRY(unix_address(path));
  return connect_to(to, path, type);
}

Result<UniqueFd> connect_abstract(const std::string& name, int type) {
  UnixAddress to;
  if (name.size() >= sizeof to.address.sun_path)
    return sys_error(ENAMETOOLONG, "abstract socket %s", quote(name).c_str());
  to.address.sun_family = AF_UNIX;
  std::memcpy(to.address.sun_path + 1, name.data(), name.size());
  to.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  return connect_to(to, '@' + name, type);
}

Result<UniqueFd> bind_unix(const std::string& path, int type) {
  const UnixAddress at = TRY(unix_address(path));
  UniqueFd fd = TRY(socket(AF_UNIX, type, 0));
  const mode_t old_mask = ::umask(077);
  const int bound = ::bind(fd.raw(), as_sockaddr(at.address), at.length);
  const int err = errno;
  ::umask(old_mask);
  if (bound < 0) return sys_error(err, "bind %s", quote(path).c_str());
  return fd;
}

Result<UniqueFd> listen_unix(const std::string& path, int type, int backlog) {
  UniqueFd fd = TRY(bind_unix(path, type));
  if (::listen(fd.raw(), backlog) < 0) {
    const int err = errno;
    return sys_error(err, "listen on %s", quote(path).c_str());
  }
  return fd;
}

Result<UniqueFd> accept(BorrowedFd listener) {
  while (true) {
    const int fd = ::accept4(listener.raw(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd >= 0) return UniqueFd(fd);
    if (errno == EINTR || errno == ECONNABORTED) continue;
    const int err = errno;
    return sys_error(err, "accept on %s", show(listener).c_str());
  }
}

Result<std::size_t> send(BorrowedFd socket, std::string_view data) {
  while (true) {
    const ssize_t sent = ::send(socket.raw(), data.data(), data.size(), MSG_NOSIGNAL);
    if (sent >= 0) return static_cast<std::size_t>(sent);
    if (errno == EINTR) continue;
    const int err = errno;
    return sys_error(err, "send on %s", show(socket).c_str());
  }
}

Result<void> send_message(BorrowedFd socket, std::string_view data,
                          const std::vector<BorrowedFd>& fds) {
  if (fds.size() > kMaxFds) return sys_error(ETOOMANYREFS, "send %zu descriptors", fds.size());
  iovec part{const_cast<char*>(data.data()), data.size()};  // NOLINT: sendmsg only reads
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kMaxFds)> control;
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (!fds.empty()) {
    const std::size_t size = sizeof(int) * fds.size();
    header.msg_control = control.data();
    header.msg_controllen = CMSG_SPACE(size);
    cmsghdr* const rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(size);
    for (std::size_t i = 0; i < fds.size(); ++i) {
      const int fd = fds[i].raw();
      std::memcpy(CMSG_DATA(rights) + i * sizeof(int), &fd, sizeof fd);
    }
  }
  while (::sendmsg(socket.raw(), &header, MSG_NOSIGNAL) < 0) {
    if (errno == EINTR) continue;
    const int err = errno;
    return sys_error(err, "send a message on %s", show(socket).c_str());
  }
  return {};
}

Result<Message> receive_message(BorrowedFd socket, std::size_t limit, Overlong overlong) {
  // Not filled with zeros: most messages are short, and pages that nobody touches cost nothing.
  const auto buffer = std::make_unique_for_overwrite<char[]>(limit);
  return receive_message(socket, std::span(buffer.get(), limit), overlong);
}

Result<Message> receive_message(BorrowedFd socket, std::span<char> buffer, Overlong overlong) {
  Message message;
  iovec part{buffer.data(), buffer.size()};
  constexpr std::size_t kRoom = CMSG_SPACE(sizeof(int) * kMaxFds) + CMSG_SPACE(sizeof(ucred));
  alignas(cmsghdr) std::array<char, kRoom> control;
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  ssize_t got = 0;
  while ((got = ::recvmsg(socket.raw(), &header, MSG_CMSG_CLOEXEC)) < 0) {
    // A peer that closed without reading all leaves this error once, in front of what it has sent.
    if (errno == EINTR || errno == ECONNRESET) continue;
    const int err = errno;
    return sys_error(err, "receive a message on %s", show(socket).c_str());
  }
  for (cmsghdr* part_header = CMSG_FIRSTHDR(&header); part_header != nullptr;
       part_header = CMSG_NXTHDR(&header, part_header)) {
    if (part_header->cmsg_level != SOL_SOCKET) continue;
    if (part_header->cmsg_type == SCM_CREDENTIALS) {
      ucred sender{};
      std::memcpy(&sender, CMSG_DATA(part_header), sizeof sender);
      message.sender = sender;
    }
    if (part_header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part_header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part_header) + i * sizeof(int), sizeof fd);
      message.fds.emplace_back(fd);
    }
  }
  if (overlong == Overlong::Fail && (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
    return sys_error(EMSGSIZE, "receive a message on %s", show(socket).c_str());
  message.end = got <= 0;
  if (got > 0) message.data.assign(buffer.data(), static_cast<std::size_t>(got));
  return message;
}

Result<void> set_passcred(BorrowedFd socket, bool on) {
  const int value = on ? 1 : 0;
  if (::setsockopt(socket.raw(), SOL_SOCKET, SO_PASSCRED, &value, sizeof value) < 0) {
    const int err = errno;
    return sys_error(err, "ask for the senders' credentials on %s", show(socket).c_str());
  }
  return {};
}

}  // namespace ctr::sys
