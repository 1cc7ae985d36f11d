// SPDX-License-Identifier: Apache-2.0
// Hands a network device of the host to a container (config-linux.md, "Network Devices").
#pragma once

#include <string>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"

namespace ctr {

// Moves `host_name` of our own network namespace to `netns`, renamed to `name` ("eth%d": whichever
// number is free), with its permanent global addresses, and up. A device of that name there is an
// error before anything is changed.
Result<void> hand_over_net_device(const std::string& host_name, const std::string& name,
                                  BorrowedFd netns);

}  // namespace ctr
