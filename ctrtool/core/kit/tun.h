// SPDX-License-Identifier: Apache-2.0
// TUN and TAP interfaces, as in Documentation/networking/tuntap.rst of the kernel.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"

namespace ctr {

inline constexpr const char* kTunDevice = "/dev/net/tun";
inline constexpr const char* kTunName = "tun%d";

struct TunRequest {
  int flags = 0;  // IFF_TUN, IFF_TAP...; 0: the handle stays without an interface
  std::string name = kTunName;
  std::string device = kTunDevice;
  bool persist = false;        // the interface outlives the handle
  std::optional<uid_t> uid{};  // who else may attach to it
  std::optional<gid_t> gid{};
};

// tun tap no_pi multi_queue vnet_hdr, and un and ap, so that -tun and -tap can be written.
Result<int> parse_tun_flag(std::string_view word);

// In the network namespace that we are in, where an interface will be too.
Result<UniqueFd> open_tun(const TunRequest& request);
// The interface of an open handle.
Result<void> attach_tun(BorrowedFd handle, const TunRequest& request);

}  // namespace ctr
