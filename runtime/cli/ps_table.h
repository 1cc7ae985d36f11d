// SPDX-License-Identifier: Apache-2.0
// The lines of ps(1) that are about a container.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "ctrtool/core/base/result.h"

namespace oci::cli {

// The header and the lines whose PID column has one of these. Kind::InvalidSpec: the user's options
// gave a table without that column.
ctr::Result<std::string> filter_ps(std::string_view table, const std::vector<pid_t>& pids);

}  // namespace oci::cli
