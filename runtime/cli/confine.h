// SPDX-License-Identifier: Apache-2.0
// The runtime confines itself where all that is left to do is to wait for a program, and perhaps to
// remove its container then. The program has all of its rights; the one who waits for it needs few.
#pragma once

#include "runtime/cli/commands.h"
#include "runtime/cli/container.h"

namespace oci::cli {

// Before an attached `exec` waits: it has nothing to do with files any more.
void confine_to_waiting(const CommandContext& context);
// Before an attached `run` waits. Not done for a container whose end needs more than to remove its
// directory and its control groups: hooks, a mount of the host's, resctrl groups.
void confine_to_removing(const CommandContext& context, const ContainerState& state);
// `wait`: only its system calls.
void confine_to_looking(const CommandContext& context);

}  // namespace oci::cli
