// SPDX-License-Identifier: Apache-2.0
// Words about namespaces that several applets read.
#pragma once

#include <string>
#include <string_view>

#include "ctrtool/core/base/result.h"

namespace ctr {

// "slave" → MS_SLAVE | MS_REC; "unchanged" → 0. Abbreviations as launcher has them.
Result<unsigned long> parse_propagation(std::string_view word);

// "monotonic=SEC[.FRACTION]" or "boottime=..." → a line for /proc/PID/timens_offsets.
Result<std::string> parse_time_offset(std::string_view text);

// "net.core.somaxconn" → "net/core/somaxconn"; a key with slashes is taken as it is.
std::string sysctl_path(std::string_view key);

}  // namespace ctr
