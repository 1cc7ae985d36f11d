// SPDX-License-Identifier: Apache-2.0
// Which process a record means. A pid alone is reused; with the start time it is unique until the
// next boot, and the boot has an ID too.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"
#include "ctrtool/core/sys/process.h"

namespace oci {

struct ProcessIdentity {
  pid_t pid = 0;                 // 0: no process yet
  std::uint64_t start_time = 0;  // clock ticks since boot
  std::string boot_id;

  bool operator==(const ProcessIdentity&) const = default;
};

// Of a process that cannot end meanwhile (our own unreaped child).
ctr::Result<ProcessIdentity> identify(pid_t pid);

// Nothing when it has ended: gone, a zombie, or another process has its pid now.
ctr::Result<std::optional<ctr::sys::ProcStat>> stat_of_living(const ProcessIdentity& identity);
ctr::Result<bool> is_alive(const ProcessIdentity& identity);

// It has been sent SIGKILL, or is on its way out: it will have ended soon, if it has not yet. A
// frozen one may take until it is thawed.
ctr::Result<bool> is_ending(const ProcessIdentity& identity);

// A pidfd of exactly that process; nothing when it has ended. What is signalled through it cannot
// be another process, whatever happens to the pid.
ctr::Result<std::optional<ctr::UniqueFd>> open_process(const ProcessIdentity& identity);

// The wait(2) status of that process while it is a zombie; nothing when it still runs, has been
// reaped, or was another one.
ctr::Result<std::optional<int>> exit_status_of_zombie(const ProcessIdentity& identity);

}  // namespace oci
