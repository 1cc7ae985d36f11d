// SPDX-License-Identifier: Apache-2.0
// Checks over a whole plan: what every plan must keep, whoever wrote it. A breach is a bug of a
// translator, not of a user.
#pragma once

#include <string>
#include <vector>

#include "ctrtool/core/plan/plan.h"

namespace ctr {

// One text a breach; empty for a sound plan.
std::vector<std::string> validate(const ContainerPlan& plan);

}  // namespace ctr
