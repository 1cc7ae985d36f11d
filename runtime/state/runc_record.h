// SPDX-License-Identifier: Apache-2.0
// runc's record of a container (ROOT/ID/state.json), as far as tools read it there: where the
// container's cgroups, root, mounts and bundle are.
#pragma once

#include "ctrtool/core/kit/cgroup.h"
#include "runtime/spec/spec.h"
#include "runtime/state/state.h"

namespace oci {

RuncRecord runc_record(const Spec& spec, const ContainerState& state, const ctr::Cgroup& cgroup);

}  // namespace oci
