// SPDX-License-Identifier: Apache-2.0
// A talk with `criu swrk FD` (criu.org/RPC) over our end of a SOCK_SEQPACKET pair: one request,
// then notices that each want an answer, then criu's last word.
#pragma once

#include <functional>

#include "ctrtool/core/base/fd.h"
#include "runtime/criu/messages.h"

namespace criu {

// Something that criu is about to do or has done ("setup-namespaces", "post-restore"), about the
// first process. An error makes criu give up.
struct Notice {
  std::string script;
  pid_t pid = 0;
  ctr::UniqueFd fd;  // of "orphan-pts-master": the terminal
};
using Listener = std::function<ctr::Result<void>(Notice& notice)>;

// The answer of a request that succeeded. Else the error is the listener's, or has criu's own
// words.
ctr::Result<Response> ask(ctr::BorrowedFd socket, std::string_view request,
                          const Listener& listener);

}  // namespace criu
