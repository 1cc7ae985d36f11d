// SPDX-License-Identifier: Apache-2.0
// The parts that every container's tree has, as operations: what a fresh /dev holds.
#pragma once

#include <vector>

#include "ctrtool/core/plan/op.h"

namespace ctr {

// null, zero, full, random, urandom and tty (config-linux.md, "Default Devices").
// `by_bind`: the host's nodes, where mknod is not for us.
std::vector<MakeDevice> default_devices(bool by_bind);

// fd, stdin, stdout, stderr, and ptmx of the container's own devpts.
std::vector<MakeSymlink> default_links();

}  // namespace ctr
