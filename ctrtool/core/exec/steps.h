// SPDX-License-Identifier: Apache-2.0
// One step of a plan, carried out; both halves use it.
#pragma once

#include "ctrtool/core/base/result.h"
#include "ctrtool/core/exec/context.h"

namespace ctr {

// The error names where the step came from: "/mounts/3: bind ...: <why>".
Result<void> run_step(const Step& step, Context& ctx);

}  // namespace ctr
