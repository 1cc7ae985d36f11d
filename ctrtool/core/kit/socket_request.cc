// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/socket_request.h"

#include <linux/if_packet.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/socket_words.h"
#include "ctrtool/core/sys/cred.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/socket.h"

namespace ctr {
namespace {

template <typename T>
std::string_view bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

// The index of an interface, where this family's address has it.
Result<std::string> with_interface(BorrowedFd socket, const SocketAddress& address) {
  std::string bytes = address.bytes;
  if (address.interface.empty()) return bytes;
  const int index = TRY(sys::interface_index(socket, address.interface));
  const std::size_t at = address.family() == AF_PACKET ? offsetof(sockaddr_ll, sll_ifindex)
                                                       : offsetof(sockaddr_in6, sin6_scope_id);
  CTR_ASSERT(at + sizeof index <= bytes.size());
  std::memcpy(bytes.data() + at, &index, sizeof index);
  return bytes;
}

// bind(2) and connect(2) know no directory but the working one.
Result<std::string> final_bytes(BorrowedFd socket, const SocketAddress& address,
                                BorrowedFd directory) {
  const bool relative = !address.path.empty() && address.path.front() != '/';
  if (!relative || directory == kCwd) return with_interface(socket, address);
  const SocketAddress there =
      TRY(parse_unix_address(sys::proc_path(directory) + "/" + address.path));
  return there.bytes;
}

Result<void> unlink_socket(BorrowedFd directory, const std::string& path) {
  const std::optional<struct stat> there =
      TRY(sys::fstatat_if_exists(directory, path, AT_SYMLINK_NOFOLLOW));
  if (!there.has_value() || !S_ISSOCK(there->st_mode)) return {};
  return sys::unlinkat(directory, path, 0);
}

class Umask {
 public:
  explicit Umask(mode_t mask) : before_(sys::umask(mask)) {}
  Umask(const Umask&) = delete;
  Umask& operator=(const Umask&) = delete;
  ~Umask() { sys::umask(before_); }

 private:
  mode_t before_;
};

// Through a descriptor: whoever may write to the directory could put a link in its place.
Result<void> give_away(const SocketFile& file, BorrowedFd directory, const std::string& path) {
  const UniqueFd made = TRY(sys::openat(directory, path, O_PATH | O_NOFOLLOW));
  const struct stat found = TRY(sys::fstat(made));
  if (!S_ISSOCK(found.st_mode)) return sys_error(ENOTSOCK, "%s", quote(path).c_str());
  constexpr auto kUnchanged = static_cast<std::uint32_t>(-1);
  TRY(sys::fchownat(made, "", file.uid.value_or(kUnchanged), file.gid.value_or(kUnchanged), 0));
  if (file.mode.has_value()) TRY(sys::fchmodat(kCwd, sys::proc_path(made), *file.mode));
  return {};
}

// The file gets the mode that the socket has (less the umask): it is never there with another.
// While it is not its owner's yet, nobody else may use it.
Result<void> bind_file(BorrowedFd socket, const SocketRequest& request, std::string_view bytes,
                       BorrowedFd directory) {
  const SocketFile& file = request.file;
  const std::string& path = request.bind->path;
  if (file.unlink) TRY(unlink_socket(directory, path));
  const bool owned = file.uid.has_value() || file.gid.has_value();
  constexpr mode_t kOwner = 0700;
  if (file.mode.has_value()) TRY(sys::fchmod(socket, owned ? *file.mode & kOwner : *file.mode));
  {
    std::optional<Umask> umask;
    if (file.mode.has_value()) umask.emplace(0);
    TRY(sys::bind(socket, bytes, quote(path)));
  }
  return owned ? give_away(file, directory, path) : Result<void>();
}

Result<void> bind_socket(BorrowedFd socket, const SocketRequest& request, BorrowedFd directory) {
  const std::string bytes = TRY(final_bytes(socket, *request.bind, directory));
  if (!request.bind->path.empty()) return bind_file(socket, request, bytes, directory);
  return sys::bind(socket, bytes, quote(request.bind->text));
}

Result<void> set_options(BorrowedFd socket, const SocketRequest& request, bool connected) {
  for (const SocketOption& option : request.options)
    if (option.connected == connected)
      TRY(sys::setsockopt(socket, option.level, option.name, option.value, option.text));
  return {};
}

Result<void> set_send_timeout(BorrowedFd socket, int timeout_ms) {
  constexpr int kThousand = 1000;
  const timeval timeout{timeout_ms / kThousand, timeout_ms % kThousand * kThousand};
  return sys::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, bytes_of(timeout), "timeout");
}

}  // namespace

int SocketAddress::family() const {
  sa_family_t family = AF_UNSPEC;
  CTR_ASSERT(bytes.size() >= sizeof family);
  std::memcpy(&family, bytes.data(), sizeof family);
  return family;
}

Result<void> connect_socket(BorrowedFd socket, const SocketAddress& to, int timeout_ms,
                            BorrowedFd directory) {
  const std::string bytes = TRY(final_bytes(socket, to, directory));
  // connect(2) heeds the time for sending. Afterwards it is "in progress" still, of a unix socket
  // to be tried again.
  if (timeout_ms >= 0) TRY(set_send_timeout(socket, timeout_ms > 0 ? timeout_ms : 1));
  const Result<void> connected = sys::connect(socket, bytes, quote(to.text));
  if (timeout_ms >= 0) TRY(set_send_timeout(socket, 0));
  if (connected.ok()) return {};
  const int err = connected.error().code;
  const bool too_late = timeout_ms >= 0 && (err == EINPROGRESS || err == EAGAIN);
  const bool nonblocking = TRY(sys::is_nonblocking(socket));
  if (nonblocking && err == EINPROGRESS) return {};
  if (nonblocking || !too_late) return connected;
  return sys_error(ETIMEDOUT, "connect to %s", quote(to.text).c_str());
}

Result<UniqueFd> open_socket(const SocketRequest& request, BorrowedFd directory) {
  UniqueFd socket = TRY(sys::socket(request.domain, request.type, request.protocol));
  TRY(set_options(socket, request, false));
  if (request.bind.has_value()) TRY(bind_socket(socket, request, directory));
  if (request.backlog.has_value()) TRY(sys::listen(socket, *request.backlog));
  if (!request.connect.has_value()) return socket;
  TRY(connect_socket(socket, *request.connect, request.connect_timeout_ms, directory));
  TRY(set_options(socket, request, true));
  return socket;
}

std::string describe(const SocketRequest& request) {
  std::string text = socket_domain_name(request.domain) + " " + socket_type_name(request.type);
  if (request.protocol != 0) text += strf(" protocol %d", request.protocol);
  if (request.bind.has_value()) text += " " + quote(request.bind->text);
  for (const SocketOption& option : request.options) text += ", " + option.text;
  if (request.file.mode.has_value()) text += strf(", mode %04o", *request.file.mode);
  if (request.file.uid.has_value()) text += strf(", uid %u", *request.file.uid);
  if (request.file.gid.has_value()) text += strf(", gid %u", *request.file.gid);
  if (request.file.unlink) text += ", unlink";
  if (request.backlog.has_value())
    text += *request.backlog == kMaxBacklog ? std::string(", backlog max")
                                            : strf(", backlog %d", *request.backlog);
  if (request.connect.has_value()) text += ", connected to " + quote(request.connect->text);
  return text;
}

}  // namespace ctr
