// SPDX-License-Identifier: Apache-2.0
// NOTIFY_SOCKET (sd_notify(3)) across the container's border: the program talks to a socket of
// ours, we talk to the service manager. runc's layout: ROOT/ID/notify/notify.sock, its directory
// bound read-only at /run/notify.
//
//   create: make_notify_directory, the mount and the variable are part of the plan
//   start:  NotifyRelay::open before the program runs; then wait_until_ready, or the supervisor
//
// The program's bytes are hostile: datagrams are bounded, descriptors are closed, nothing blocks.
#pragma once

#include <poll.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/log.h"
#include "ctrtool/core/base/result.h"

namespace oci::cli {

inline constexpr const char* kNotifyDirectory = "notify";  // in the container's state directory
inline constexpr const char* kNotifyAt = "/run/notify";    // in the container
inline constexpr const char* kNotifyVariable = "NOTIFY_SOCKET=/run/notify/notify.sock";

ctr::Result<void> make_notify_directory(ctr::BorrowedFd state_directory);

// What of a datagram may reach the service manager. Lines about processes and descriptors stay
// behind: the program's numbers mean nothing there.
std::string forwardable_lines(std::string_view datagram);
bool says_ready(std::string_view lines);

class NotifyRelay {
 public:
  // `manager`: the value of our own NOTIFY_SOCKET, "/path" or "@name". None when nothing listens
  // there: whom nobody waits for need not tell that it is ready (sd_notify(3), Notes); a warning.
  static ctr::Result<std::optional<NotifyRelay>> open(const std::string& state_directory,
                                                      const std::string& manager,
                                                      const ctr::Log& log);

  pollfd wanted() const;
  void step();  // after poll(2) said so; moves a few datagrams
  bool ready() const { return ready_; }

  // Until READY=1 has been passed on; false when the container ended first. Then tells the manager
  // who runs on, and that nobody need wait for us any more.
  ctr::Result<bool> wait_until_ready(ctr::BorrowedFd container, pid_t pid);

 private:
  NotifyRelay(ctr::UniqueFd program, ctr::UniqueFd manager);
  bool receive();  // into pending_; false: nothing there
  bool send();     // pending_; false: not now
  ctr::Result<void> hand_over(pid_t pid);

  ctr::UniqueFd program_;
  ctr::UniqueFd manager_;
  std::string pending_;
  bool ready_ = false;
};

}  // namespace oci::cli
