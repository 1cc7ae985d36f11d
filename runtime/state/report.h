// SPDX-License-Identifier: Apache-2.0
// A container's state for others: as the specification defines it, and as commands print it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/spec/json.h"
#include "runtime/state/state.h"
#include "runtime/state/status.h"

namespace oci {

// What a hook reads: ociVersion, id, status, pid, bundle and annotations, on one line. `pid` as the
// hook sees it; 0 when there is none.
std::string hook_state(const ContainerState& state, std::string_view status, pid_t pid);

// What a seccomp agent reads along with the listener (config-linux.md, "The Container Process
// State"). `pid`: the process that loaded the filter; `status` and the rest are the container's.
std::string seccomp_process_state(const ContainerState& state, std::string_view status, pid_t pid,
                                  const std::string& metadata);

// What `state` and `list` print: the same and rootfs, created, owner. No key is one of CRI-O's own
// record, over which it decodes this object.
void write_state(json::Writer& out, const ContainerState& state, Status status);

// The pid to show: 0 when there is no process.
pid_t shown_pid(const ContainerState& state, Status status);

// "root"; another user's name from the text of /etc/passwd; "#1000" when it is not there.
std::string owner_name(std::uint32_t uid, std::string_view passwd);
// From this host's file. A static program has no name service to ask.
std::string owner_name(std::uint32_t uid);

}  // namespace oci
