// SPDX-License-Identifier: Apache-2.0
// Mounts of a container that runs already.
#pragma once

#include "runtime/translate/translate.h"

namespace oci {

// Opens the source of one mount on the host, enters the container (ExecuteOptions::target),
// attaches it, and is done when it is ready: its process has no more to do. Bind mounts only: any
// other file system is one of the container's namespaces.
Translation translate_live_mount(const Mount& mount, const Spec& container,
                                 const std::string& bundle, const ctr::HostFacts& facts);
// For a process that enters the container's mount namespace itself, to stay there.
ctr::ContainerPlan plan_entry();

}  // namespace oci
