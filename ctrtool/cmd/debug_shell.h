// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ctrtool/cmd/words.h"

namespace ctr {

extern const Manual kDebugShellManual;
int run_debug_shell(const Words& argv);

}  // namespace ctr
