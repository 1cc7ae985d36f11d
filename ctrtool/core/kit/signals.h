// SPDX-License-Identifier: Apache-2.0
// Signal names and numbers.
#pragma once

#include <string>
#include <string_view>

#include "ctrtool/core/base/result.h"

namespace ctr {

// "TERM", "SIGTERM", "RTMIN+3", "SIGRTMAX-1" in any case, or a decimal number from 0 to 64. 0 is
// the null signal of kill(2).
Result<int> parse_signal(std::string_view text);

// "SIGTERM", "SIGRTMIN+3"; a number without a name as a number.
std::string signal_name(int signal);

}  // namespace ctr
