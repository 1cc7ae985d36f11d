// SPDX-License-Identifier: Apache-2.0
#include "runtime/state/identity.h"

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/file.h"

namespace oci {
namespace {

using ctr::Result;
using ctr::UniqueFd;
using ctr::sys::ProcStat;

Result<std::string> read_boot_id() {
  constexpr std::size_t kUuidLength = 36;
  const UniqueFd fd = TRY(ctr::sys::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_NOCTTY));
  std::string text(kUuidLength, '\0');
  text.resize(TRY(ctr::sys::read(fd, text.data(), text.size())));
  return text;
}

// It does not change while we run: `list` asks for every container.
const Result<std::string>& this_boot() {
  static const Result<std::string> id = read_boot_id();
  return id;
}

bool is_dead(const ProcStat& stat) { return stat.state == 'Z' || stat.state == 'X'; }

// proc_pid_status(5): masks in hexadecimal, of the thread and of the process.
bool has_pending(std::string_view status, int signal) {
  for (const std::string_view line : ctr::split(status, '\n')) {
    if (!line.starts_with("SigPnd:") && !line.starts_with("ShdPnd:")) continue;
    const std::string mask(ctr::trim(line.substr(sizeof "SigPnd:" - 1)));
    if ((std::strtoull(mask.c_str(), nullptr, 16) >> (signal - 1) & 1U) != 0) return true;
  }
  return false;
}

// Others are shown a status of 0 (proc(5), exit_code: needs PTRACE_MODE_READ).
bool shows_status(pid_t pid) {
  if (::geteuid() == 0) return true;
  const auto info = ctr::sys::fstatat_if_exists(ctr::kCwd, ctr::strf("/proc/%d", pid), 0);
  return info.ok() && info->has_value() && (*info)->st_uid == ::geteuid();
}

}  // namespace

Result<ProcessIdentity> identify(pid_t pid) {
  const std::optional<ProcStat> stat = TRY(ctr::sys::proc_stat(pid));
  if (!stat.has_value())
    return ctr::make_error(ctr::Kind::ChildDied, "process %d has ended already", pid);
  ProcessIdentity identity{pid, stat->start_time, {}};
  identity.boot_id = TRY(this_boot());
  return identity;
}

Result<std::optional<ProcStat>> stat_of_living(const ProcessIdentity& identity) {
  if (identity.pid <= 0) return std::optional<ProcStat>();
  const std::optional<ProcStat> stat = TRY(ctr::sys::proc_stat(identity.pid));
  if (!stat.has_value() || is_dead(*stat) || stat->start_time != identity.start_time)
    return std::optional<ProcStat>();
  const Result<std::string>& now = this_boot();
  if (!now.ok()) return now.error();
  return *now == identity.boot_id ? stat : std::nullopt;
}

Result<bool> is_alive(const ProcessIdentity& identity) {
  const std::optional<ProcStat> stat = TRY(stat_of_living(identity));
  return stat.has_value();
}

Result<bool> is_ending(const ProcessIdentity& identity) {
  const std::optional<ProcStat> stat = TRY(ctr::sys::proc_stat(identity.pid));
  if (!stat.has_value() || is_dead(*stat) || stat->exiting) return true;
  const Result<std::string> status =
      ctr::sys::read_file_at(ctr::kCwd, ctr::strf("/proc/%d/status", identity.pid));
  if (!status.ok()) return status.error().code == ESRCH || status.error().code == ENOENT;
  return has_pending(*status, SIGKILL);
}

Result<std::optional<int>> exit_status_of_zombie(const ProcessIdentity& identity) {
  if (!shows_status(identity.pid)) return std::optional<int>();
  const std::optional<ProcStat> stat = TRY(ctr::sys::proc_stat(identity.pid));
  const std::string boot = TRY(this_boot());
  if (!stat.has_value() || stat->state != 'Z' || stat->start_time != identity.start_time ||
      boot != identity.boot_id)
    return std::optional<int>();
  return std::optional<int>(stat->wait_status);
}

Result<std::optional<UniqueFd>> open_process(const ProcessIdentity& identity) {
  if (identity.pid <= 0) return std::optional<UniqueFd>();
  Result<UniqueFd> pidfd = ctr::sys::pidfd_open(identity.pid);
  if (!pidfd.ok()) {
    // EINVAL, in newer kernels ENOENT: the number outlives its process as a session's or a group's.
    const int code = pidfd.error().code;
    if (code == ESRCH || code == EINVAL || code == ENOENT) return std::optional<UniqueFd>();
    return std::move(pidfd).error();
  }
  // Only now, through the open pidfd, is it certain that the answer is about this process.
  const bool alive = TRY(is_alive(identity));
  if (!alive) return std::optional<UniqueFd>();
  return std::optional<UniqueFd>(std::move(pidfd).value());
}

}  // namespace oci
