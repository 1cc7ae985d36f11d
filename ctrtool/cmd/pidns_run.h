// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ctrtool/cmd/words.h"

namespace ctr {

extern const Manual kPidnsRunManual;
int run_pidns_run(const Words& argv);

}  // namespace ctr
