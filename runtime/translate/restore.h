// SPDX-License-Identifier: Apache-2.0
// criu as the program of a plan. It inherits the descriptors that its caller made inheritable.
#pragma once

#include "runtime/translate/translate.h"

namespace oci {

// criu, which makes the container's processes again: in the container's cgroup with its limits, and
// with the root mounted over itself, for the caller to undo.
Translation translate_restore(const Spec& spec, const ctr::HostFacts& facts,
                              const TranslateOptions& options, ctr::Program criu);
// criu for a checkpoint: a child and nothing else. ExecuteOptions::stdio may say what its 0 to 2
// are.
ctr::ContainerPlan plan_checkpoint(const std::string& id, ctr::Program criu);

}  // namespace oci
