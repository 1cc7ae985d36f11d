// SPDX-License-Identifier: Apache-2.0
// One program of mini-init, started.
#pragma once

#include <sys/types.h>

#include "ctrtool/cmd/init_words.h"
#include "ctrtool/core/base/result.h"

namespace ctr {

// Returns when it executes or has failed to, which is told and not only hidden in a status.
Result<pid_t> start_program(const InitProgram& program, bool exact_fds);

}  // namespace ctr
