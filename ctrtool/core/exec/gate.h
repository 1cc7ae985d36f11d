// SPDX-License-Identifier: Apache-2.0
// The gate: a listening SOCK_SEQPACKET socket in the container's state directory, whose descriptor
// init inherited. No /proc is needed to reach init, and the answer comes back on the same way:
// after the start message, end of file says that the program runs (the accepted descriptor is
// close-on-exec), a message says why it does not.
//
// A connection without a start message starts nothing: `state` may look whether init still listens.
#pragma once

#include <string>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"
#include "ctrtool/core/exec/channel.h"

namespace ctr {

// The socket, 0600, at `path`, which must not exist.
Result<UniqueFd> make_gate(const std::string& path);

// True while init waits at the gate; false when it has gone through, or has died.
Result<bool> gate_waits(const std::string& path);

// Starts the program: connects, asks, removes the gate's file, and waits until the program runs or
// cannot. `init`: a pidfd; its death ends the wait with ChildDied. The error of a failed execve or
// startContainer hook is init's own text, and comes when init has ended: engines ask at once what
// has become of the container, and clean up behind one that has stopped.
Result<void> release_gate(const std::string& path, BorrowedFd init);

// Init's side: waits for a start message; the answer goes to the channel returned.
Result<Channel> wait_at_gate(BorrowedFd listener);

// Reads the end of a start from `channel`: Starting, then end of file, or Failed.
Result<void> await_start(const Channel& channel, BorrowedFd init);

}  // namespace ctr
