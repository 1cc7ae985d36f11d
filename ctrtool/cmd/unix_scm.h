// SPDX-License-Identifier: Apache-2.0
// Descriptors over an existing unix socket, of any type: what ns_open_file and unlock send and
// receive. A peer is not believed: what it sends beside descriptors is ignored, who it is comes
// from the kernel.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <vector>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"

namespace ctr {

// One message, a single zero byte, with these descriptors.
Result<void> send_fds(BorrowedFd socket, const std::vector<BorrowedFd>& fds);

enum class Skip { Nothing, MessagesWithoutFds };

struct ReceiveFds {
  std::size_t count = 1;       // in order; what comes beyond it is closed
  Skip skip = Skip::Nothing;   // otherwise a message without descriptors is an error
  std::optional<uid_t> uid{};  // the sender must be this user
  std::optional<pid_t> pid{};  // the sender must be this process
  int timeout_ms = -1;         // for all of it; < 0: for ever
};

struct ReceivedFds {
  std::vector<UniqueFd> fds;  // close-on-exec
  // Of the last message. Pid 0: not visible to us, or sent before the socket had SO_PASSCRED.
  ucred sender;
};

// The end of the stream before `count` descriptors came is ENODATA, a peer that is somebody else
// EPERM, no socket ENOTSOCK.
Result<ReceivedFds> receive_fds(BorrowedFd socket, const ReceiveFds& request);

}  // namespace ctr
