// SPDX-License-Identifier: Apache-2.0
// The container's cgroup in a plan, in the order of these: made before the clone, limited by the
// parent, entered by the child.
#pragma once

#include "runtime/translate/internal.h"

namespace oci {

void add_made_cgroup(Work& work);    // namespaces.cc
void add_cgroup_limits(Work& work);  // translate.cc
void add_cgroup_join(Work& work);    // translate.cc

}  // namespace oci
