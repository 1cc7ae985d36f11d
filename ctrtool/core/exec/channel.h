// SPDX-License-Identifier: Apache-2.0
// What the two halves say to each other, on one SOCK_SEQPACKET pair: one message is one datagram, a
// number and its payload; descriptors ride on the message they belong to. End of file is an answer.
//
//   parent                                child
//     clone ───────────────────────────▶  set-up begins
//     ◀────────────────────── #1 UserMade  (only if it had to join others before)
//     write ID maps
//     #2 IdsMapped ────────────────────▶  take the new IDs, join, unshare, mount ...
//     cgroups and limits                   ... at the same time
//     #3 CgroupMade (tasks files) ─────▶  join the cgroup, then what depends on it
//     compile seccomp                      the rest of the tree
//     ◀──────────────────── #4 MountsDone
//     prestart, createRuntime hooks
//     #5 HooksDone ────────────────────▶  createContainer hooks, pivot, attributes
//     #6 SeccompReady (program, agent) ▶
//     ◀───────────────────────── #7 Ready
//     save the state
//     Release (create) or Go (run) ────▶  waits at the gate, or goes on at once
//     ◀───────────────────────── Released
//
// A point that a plan does not list is not passed. At any time the child may say Failed instead,
// and either may be gone.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"
#include "ctrtool/core/plan/plan.h"

namespace ctr {

enum class MessageType : std::uint8_t {
  UserMade = static_cast<std::uint8_t>(Point::UserMade),
  IdsMapped = static_cast<std::uint8_t>(Point::IdsMapped),
  CgroupMade = static_cast<std::uint8_t>(Point::CgroupMade),
  MountsDone = static_cast<std::uint8_t>(Point::MountsDone),
  HooksDone = static_cast<std::uint8_t>(Point::HooksDone),
  SeccompReady = static_cast<std::uint8_t>(Point::SeccompReady),
  Ready = static_cast<std::uint8_t>(Point::Ready),
  Release,   // parent → child: the state is saved; wait at the gate without us
  Released,  // child → parent: our death no longer ends it
  Go,        // parent or starter → child: start the program
  Starting,  // child → starter: the request is taken; end of file from now on means it runs
  Again,     // child → parent: the process goes on as this pid (payload), its pidfd attached
  Failed,    // child → parent or starter: an Error in wire form
};

struct ChannelMessage {
  MessageType type;
  std::string payload;
  std::vector<UniqueFd> fds;
};

class Channel {
 public:
  Channel() = default;
  explicit Channel(UniqueFd socket);

  bool open() const { return socket_.valid(); }
  void close() { *this = Channel(); }
  BorrowedFd socket() const { return socket_; }

  Result<void> send(MessageType type, std::string_view payload = {},
                    const std::vector<BorrowedFd>& fds = {}) const;
  // Nothing: the other side is gone.
  Result<std::optional<ChannelMessage>> receive() const;
  // The one message that may come now; Failed becomes its Error, end of file ChildDied.
  Result<ChannelMessage> expect(MessageType type) const;

 private:
  UniqueFd socket_;
  // For what is received. Had when the channel is made: an answer must not be lost for want of
  // memory.
  std::unique_ptr<char[]> buffer_;
};

struct ChannelPair {
  Channel parent;
  Channel child;
};
Result<ChannelPair> make_channel();

}  // namespace ctr
