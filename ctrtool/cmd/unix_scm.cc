// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/cmd/unix_scm.h"

#include <poll.h>

#include <cerrno>
#include <chrono>
#include <string_view>
#include <utility>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/show.h"
#include "ctrtool/core/sys/socket.h"

namespace ctr {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxPayload = 65536;  // ignored, but a cut message is an error

class Deadline {
 public:
  explicit Deadline(int timeout_ms)
      : endless_(timeout_ms < 0), at_(Clock::now() + std::chrono::milliseconds(timeout_ms)) {}

  int left_ms() const {
    if (endless_) return -1;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(at_ - Clock::now());
    return left.count() > 0 ? static_cast<int>(left.count()) : 0;
  }

 private:
  bool endless_;
  Clock::time_point at_;
};

Result<void> check_sender(const ReceiveFds& request, const ucred& sender) {
  if (request.uid.has_value() && *request.uid != sender.uid)
    return sys_error(EPERM, "descriptors from user %u, expected %u", sender.uid, *request.uid);
  if (request.pid.has_value() && *request.pid != sender.pid)
    return sys_error(EPERM, "descriptors from process %d, expected %d", sender.pid, *request.pid);
  return {};
}

Result<sys::Message> receive_one(BorrowedFd socket, const Deadline& deadline) {
  const bool ready = TRY(sys::poll(socket, POLLIN, deadline.left_ms()));
  if (!ready) return sys_error(ETIMEDOUT, "receive a descriptor on %s", sys::show(socket).c_str());
  return sys::receive_message(socket, kMaxPayload);
}

bool is_stream_end(const sys::Message& message) { return message.end && message.fds.empty(); }

}  // namespace

Result<void> send_fds(BorrowedFd socket, const std::vector<BorrowedFd>& fds) {
  return sys::send_message(socket, std::string_view("\0", 1), fds);
}

Result<ReceivedFds> receive_fds(BorrowedFd socket, const ReceiveFds& request) {
  const Deadline deadline(request.timeout_ms);
  TRY(sys::set_passcred(socket, true));
  ReceivedFds received{};
  while (received.fds.size() < request.count) {
    sys::Message message = TRY(receive_one(socket, deadline));
    if (is_stream_end(message))
      return sys_error(ENODATA, "receive a descriptor on %s", sys::show(socket).c_str());
    if (message.fds.empty() && request.skip == Skip::MessagesWithoutFds) continue;
    if (message.fds.empty())
      return sys_error(ENODATA, "the message on %s has no descriptor", sys::show(socket).c_str());
    received.sender =
        message.sender.value_or(ucred{0, static_cast<uid_t>(-1), static_cast<gid_t>(-1)});
    TRY(check_sender(request, received.sender));
    for (UniqueFd& fd : message.fds)
      if (received.fds.size() < request.count) received.fds.push_back(std::move(fd));
  }
  return received;
}

}  // namespace ctr
