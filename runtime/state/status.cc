// SPDX-License-Identifier: Apache-2.0
#include "runtime/state/status.h"

#include <cerrno>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/exec/gate.h"
#include "ctrtool/core/sys/file.h"

namespace oci {
namespace {

using ctr::Result;
using ctr::UniqueFd;

// A gate that refuses connections has been gone through: the starter was killed before it could
// remove the file.
Result<bool> waits_at_gate(const ContainerDir& dir) {
  const std::string gate = dir.gate_path();
  const bool made = TRY(ctr::sys::exists(ctr::kCwd, gate));
  if (!made) return false;
  return ctr::gate_waits(gate);
}

// Nothing when the cgroup is not there any more.
Result<std::optional<bool>> is_frozen(const std::string& freezer) {
  const Result<UniqueFd> fd = ctr::sys::open(freezer, O_RDONLY | O_NOCTTY);
  if (!fd.ok()) {
    if (fd.error().code == ENOENT) return std::optional<bool>();
    return fd.error();
  }
  char text[256];
  const Result<std::size_t> size = ctr::sys::read(*fd, text, sizeof text);
  if (!size.ok()) {
    if (size.error().code == ENODEV) return std::optional<bool>();
    return size.error();
  }
  return std::optional<bool>(says_frozen({text, *size}));
}

// The kernel shows what a freezer of version 1 holds as in uninterruptible sleep, or as running
// (Linux 6.1 to 6.12); before 6.1 it may sleep on with a mark. Most processes only sleep, and to
// ask the freezer costs as much as to ask for the process.
bool no_freezer_holds(const ctr::sys::ProcStat& stat) {
  return stat.state == 'S' && !stat.freezer_skip;
}

Result<Status> running_or_paused(const ContainerState& state, const ctr::sys::ProcStat& stat) {
  if (state.cgroup.freezer.empty()) return Status::Running;
  if (state.cgroup.freezer.ends_with(kFreezerV1) && no_freezer_holds(stat)) return Status::Running;
  const std::optional<bool> frozen = TRY(is_frozen(state.cgroup.freezer));
  if (frozen.has_value()) return *frozen ? Status::Paused : Status::Running;
  // The cgroup of a living process is only removed after the process was moved elsewhere.
  const bool alive = TRY(is_alive(state.init));
  return alive ? Status::Running : Status::Stopped;
}

}  // namespace

std::string_view to_string(Status status) {
  switch (status) {
    case Status::Creating:
      return "creating";
    case Status::Created:
      return "created";
    case Status::Running:
      return "running";
    case Status::Paused:
      return "paused";
    case Status::Stopped:
      return "stopped";
  }
  return "stopped";
}

Result<Status> container_status(const ContainerDir& dir, const ContainerState& state) {
  if (state.init.pid == 0) return Status::Creating;
  const std::optional<ctr::sys::ProcStat> stat = TRY(stat_of_living(state.init));
  if (!stat.has_value()) return Status::Stopped;
  // A frozen one cannot be started either.
  const Status status = TRY(running_or_paused(state, *stat));
  // Init waits at the gate as a fork of ours: as another program it has gone through.
  if (status != Status::Running || !stat->fork_no_exec) return status;
  const bool waits = TRY(waits_at_gate(dir));
  return waits ? Status::Created : Status::Running;
}

bool says_frozen(std::string_view text) {
  for (const std::string_view line : ctr::split(text, '\n'))
    if (line == "FROZEN" || line == "frozen 1") return true;
  return false;
}

}  // namespace oci
