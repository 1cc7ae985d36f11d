// SPDX-License-Identifier: Apache-2.0
#include "runtime/criu/session.h"

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/socket.h"

namespace criu {
namespace {

using ctr::BorrowedFd;
using ctr::Kind;
using ctr::make_error;
using ctr::Result;

ctr::Error failure(const Response& response) {
  const std::string why =
      response.cr_errmsg.empty() ? "criu failed" : ctr::escape(response.cr_errmsg);
  if (response.cr_errno > 0) return ctr::sys_error(response.cr_errno, "%s", why.c_str());
  return make_error(Kind::System, "%s", why.c_str());
}

struct Received {
  Response response;
  std::vector<ctr::UniqueFd> fds;
};

Result<Received> receive(BorrowedFd socket) {
  constexpr std::size_t kMost = 1U << 16;
  ctr::sys::Message message = TRY(ctr::sys::receive_message(socket, kMost));
  if (message.end) return make_error(Kind::ChildDied, "criu has ended without an answer");
  Response response = TRY(decode_response(message.data));
  return Received{std::move(response), std::move(message.fds)};
}

}  // namespace

Result<Response> ask(BorrowedFd socket, std::string_view request, const Listener& listener) {
  TRY(ctr::sys::send_message(socket, request, {}));
  Result<void> heard;
  while (true) {
    Received received = TRY(receive(socket));
    const Response& response = received.response;
    if (response.type != RequestType::Notify) {
      if (!heard.ok()) return std::move(heard).error();
      if (!response.success) return failure(response);
      return std::move(received.response);
    }
    Notice notice{.script = response.script, .pid = response.script_pid, .fd = {}};
    if (!received.fds.empty()) notice.fd = std::move(received.fds.front());
    if (heard.ok()) heard = listener(notice);
    TRY(ctr::sys::send_message(socket, encode_notify_answer(heard.ok()), {}));
  }
}

}  // namespace criu
