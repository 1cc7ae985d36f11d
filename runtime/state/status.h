// SPDX-License-Identifier: Apache-2.0
// Where a container is in its life. Computed when asked for, never recorded: the kernel knows.
#pragma once

#include <cstdint>
#include <string_view>

#include "ctrtool/core/base/result.h"
#include "runtime/state/store.h"

namespace oci {

enum class Status : std::uint8_t { Creating, Created, Running, Paused, Stopped };

std::string_view to_string(Status status);

// In this order: no process yet: creating; init gone, a zombie or another process: stopped; init
// waits at the gate: created; frozen: paused; else running.
ctr::Result<Status> container_status(const ContainerDir& dir, const ContainerState& state);

// What freezer.state of v1 or cgroup.events of v2 says.
bool says_frozen(std::string_view text);

}  // namespace oci
