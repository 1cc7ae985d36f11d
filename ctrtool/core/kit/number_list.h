// SPDX-License-Identifier: Apache-2.0
// Lists of CPUs and memory nodes as the kernel writes them: "0-3,7".
#pragma once

#include <string_view>
#include <vector>

#include "ctrtool/core/base/result.h"

namespace ctr {

// Sorted and unique. Not empty; numbers below 8192 (the kernel's CONFIG_NR_CPUS at most).
Result<std::vector<unsigned>> parse_number_list(std::string_view text);

}  // namespace ctr
