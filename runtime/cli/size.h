// SPDX-License-Identifier: Apache-2.0
// Sizes and durations as users write them.
#pragma once

#include <cstdint>
#include <string_view>

#include "ctrtool/core/base/result.h"

namespace oci::cli {

// "1048576", "512k", "2G", "1gb", "3MiB": bytes, with powers of 1024. "-1" is -1: no limit. Nothing
// else is negative, and there are no fractions.
ctr::Result<std::int64_t> parse_bytes(std::string_view text);

// A duration as Go prints it, "5s", "1m30s", "500ms", "1.5h": milliseconds, at least one.
ctr::Result<std::int64_t> parse_duration(std::string_view text);

}  // namespace oci::cli
