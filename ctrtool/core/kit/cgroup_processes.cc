// SPDX-License-Identifier: Apache-2.0
// The processes of a cgroup: listing, signalling, freezing.
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/cgroup.h"
#include "ctrtool/core/kit/cgroup_dir.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/process.h"

namespace ctr {
namespace {

constexpr int kFreezeLimitMs = 2000;
constexpr int kKillLimitMs = 5000;
// Freezing before a kill is only there to stop forks; a process stuck in the kernel must not hold
// up the signals to the others.
constexpr int kFreezeForKillMs = 100;
constexpr int kLongestStepMs = 10;

using Pids = std::vector<pid_t>;  // sorted
using Dirs = std::vector<std::string>;

// Of several hierarchies: the same processes again, and those that have left one of them.
Result<Pids> processes_below(const Dirs& dirs) {
  Pids pids;
  for (const std::string& dir : dirs) {
    const std::vector<std::string> tree = TRY(cgroup_tree(dir));
    for (const std::string& below : tree) {
      const Pids some = TRY(processes_in(below));
      pids.insert(pids.end(), some.begin(), some.end());
    }
  }
  std::sort(pids.begin(), pids.end());
  pids.erase(std::unique(pids.begin(), pids.end()), pids.end());
  return pids;
}

bool contains(const Pids& pids, pid_t pid) {
  return std::binary_search(pids.begin(), pids.end(), pid);
}

// --- signalling ----------------------------------------------------------------------------------

struct Target {
  pid_t pid;
  UniqueFd pidfd;
};

// A number that is read now may be another process by the time it is used. So: hold the processes,
// read the list again, and signal only those that are in both: a held process cannot change its
// number, and a stranger that took over a number is not in the second list.
Result<void> signal_batch(const Dirs& dirs, const Pids& pids, int signal) {
  std::vector<Target> targets;
  for (const pid_t pid : pids) {
    Result<UniqueFd> pidfd = sys::pidfd_open(pid);
    if (pidfd.ok()) targets.push_back({pid, std::move(*pidfd)});
    // EINVAL, in newer kernels ENOENT: a thread id, from a threaded cgroup; its process is listed
    // as well.
    const int code = pidfd.ok() ? 0 : pidfd.error().code;
    if (code != 0 && code != ESRCH && code != EINVAL && code != ENOENT)
      return std::move(pidfd).error();
  }
  const Pids still = TRY(processes_below(dirs));
  for (const Target& target : targets) {
    if (!contains(still, target.pid)) continue;
    const Result<void> sent = sys::pidfd_send_signal(target.pidfd, signal);
    if (!sent.ok() && sent.error().code != ESRCH) return sent.error();
  }
  return {};
}

Result<Pids> others_below(const Dirs& dirs) {
  Pids pids = TRY(processes_below(dirs));
  std::erase(pids, ::getpid());
  return pids;
}

// In batches: each target takes a descriptor.
Result<void> signal_others(const Dirs& dirs, int signal) {
  constexpr std::size_t kBatch = 200;
  const Pids pids = TRY(others_below(dirs));
  for (std::size_t at = 0; at < pids.size(); at += kBatch) {
    const auto begin = pids.begin() + static_cast<std::ptrdiff_t>(at);
    const std::size_t count = std::min(kBatch, pids.size() - at);
    TRY(signal_batch(dirs, Pids(begin, begin + static_cast<std::ptrdiff_t>(count)), signal));
  }
  return {};
}

Result<bool> is_inside(const std::string& dir) {
  const Pids pids = TRY(processes_below({dir}));
  return contains(pids, ::getpid());
}

// cgroup.kill, Linux 5.14: all at once, forks and foreign pid namespaces included. Not when we sit
// in it ourselves.
Result<bool> kill_at_once(const std::string& dir) {
  const bool inside = TRY(is_inside(dir));
  if (inside) return false;
  const Result<void> written = sys::write_file_at(kCwd, dir + "/cgroup.kill", "1");
  if (written.ok()) return true;
  // Missing: an older kernel. EOPNOTSUPP: a threaded cgroup.
  if (is_gone(written.error()) || written.error().code == EOPNOTSUPP) return false;
  return written.error();
}

// --- freezing ------------------------------------------------------------------------------------

Result<std::string> v1_state(const std::string& dir) {
  return read_cgroup_file(dir, "freezer.state");
}

Result<void> write_unless_gone(const std::string& path, std::string_view value) {
  Result<void> written = sys::write_file_at(kCwd, path, value);
  if (!written.ok() && is_gone(written.error())) return {};
  return written;
}

// A process that forks while the others freeze may be missed: asked again until the kernel says
// that all have stopped.
Result<bool> reach_v1_state(const std::string& dir, const char* wanted, int limit_ms) {
  Backoff backoff(limit_ms, kLongestStepMs);
  while (true) {
    TRY(write_unless_gone(dir + "/freezer.state", wanted));
    const std::string state = TRY(v1_state(dir));
    if (state.empty() || state == wanted) return true;
    if (!backoff.wait()) return false;
  }
}

Result<bool> reach_v2_state(const std::string& dir, bool on, int limit_ms) {
  TRY(write_unless_gone(dir + "/cgroup.freeze", on ? "1" : "0"));
  const std::string_view wanted = on ? "1" : "0";
  Result<UniqueFd> events = sys::open(dir + "/cgroup.events", O_RDONLY);
  if (!events.ok() && is_gone(events.error())) return true;
  if (!events.ok()) return std::move(events).error();
  const Backoff backoff(limit_ms, kLongestStepMs);
  while (true) {
    const std::string text = TRY(read_cgroup_file(dir, "cgroup.events"));
    const std::string_view state = value_of_key(text, "frozen");
    if (state.empty() || state == wanted) return true;
    if (backoff.remaining_ms() == 0) return false;
    TRY(sys::poll(*events, POLLPRI, backoff.remaining_ms()));
    events = TRY(sys::open(dir + "/cgroup.events", O_RDONLY));
  }
}

Error not_in_time(const std::string& dir, bool on) {
  return make_error(
      Kind::WrongState, "cgroup %s: %s", quote(dir).c_str(),
      on ? "its processes do not freeze" : "stays frozen; is a cgroup above it frozen?");
}

bool is_v1_freezer(const Cgroup::Place& place) {
  const std::vector<std::string>& controllers = place.hierarchy.controllers;
  return place.hierarchy.version == CgroupVersion::V1 &&
         std::find(controllers.begin(), controllers.end(), "freezer") != controllers.end();
}

const Cgroup::Place* v1_freezer(const std::vector<Cgroup::Place>& places) {
  const auto place = std::find_if(places.begin(), places.end(), is_v1_freezer);
  return place == places.end() ? nullptr : &*place;
}

const Cgroup::Place* v2_place(const std::vector<Cgroup::Place>& places) {
  const auto place = std::find_if(places.begin(), places.end(), [](const Cgroup::Place& p) {
    return p.hierarchy.version == CgroupVersion::V2;
  });
  return place == places.end() ? nullptr : &*place;
}

// A process of the container may have frozen a cgroup of its own below.
Result<void> thaw_v1_tree(const std::string& dir) {
  const std::vector<std::string> tree = TRY(cgroup_tree(dir));
  for (const std::string& below : tree) {
    const std::string state = TRY(v1_state(below));
    if (!state.empty() && state != "THAWED")
      TRY(write_unless_gone(below + "/freezer.state", "THAWED"));
  }
  return {};
}

// Where the processes are listed: v2 if the cgroup is there, else the hierarchies that every
// process of the container is sure to have joined.
Result<Dirs> listing_dirs(const std::vector<Cgroup::Place>& places) {
  Dirs dirs;
  const Cgroup::Place* v1 = v1_freezer(places);
  for (const Cgroup::Place* place : {v2_place(places), v1}) {
    if (place == nullptr) continue;
    const bool there = TRY(sys::exists(kCwd, place->dir));
    if (there) dirs.push_back(place->dir);
  }
  if (v1 == nullptr && dirs.empty())
    for (const Cgroup::Place& place : places) dirs.push_back(place.dir);
  return dirs;
}

}  // namespace

Result<Pids> Cgroup::procs() const {
  const Dirs dirs = TRY(listing_dirs(places_));
  return processes_below(dirs);
}

Result<bool> Cgroup::populated() const {
  const Place* v2 = v2_place(places_);
  if (v2 != nullptr) {
    const std::string events = TRY(read_cgroup_file(v2->dir, "cgroup.events"));
    if (value_of_key(events, "populated") == "1") return true;
  }
  const Pids pids = TRY(procs());
  return !pids.empty();
}

Result<void> Cgroup::kill_all(int signal) const {
  if (signal <= 0) return make_error(Kind::System, "cgroup: signal %d cannot be sent", signal);
  const Dirs dirs = TRY(listing_dirs(places_));
  return signal == SIGKILL ? kill_until_empty(dirs) : signal_others(dirs, signal);
}

// On v1 a frozen process does not even die of SIGKILL, so what is frozen is thawed after the
// signal. Where there is no cgroup.kill, freezing keeps a fork bomb from outrunning us; not when we
// would freeze with it.
Result<void> Cgroup::kill_until_empty(const std::vector<std::string>& dirs) const {
  const Place* v2 = v2_place(places_);
  const Place* freezer = v1_freezer(places_);
  bool at_once = false;
  if (v2 != nullptr) at_once = TRY(kill_at_once(v2->dir));
  bool freeze_first = false;
  if (freezer != nullptr && !at_once) {
    const bool inside = TRY(is_inside(freezer->dir));
    freeze_first = !inside;
  }
  Backoff backoff(kKillLimitMs, kLongestStepMs);
  while (true) {
    const Pids left = TRY(others_below(dirs));
    if (freeze_first && !left.empty())
      static_cast<void>(reach_v1_state(freezer->dir, "FROZEN", kFreezeForKillMs));
    const Result<void> sent = signal_others(dirs, SIGKILL);
    if (freezer != nullptr) TRY(thaw_v1_tree(freezer->dir));
    if (!sent.ok()) return sent.error();
    if (left.empty()) return {};
    if (!backoff.wait())
      return make_error(Kind::System, "cgroup %s: process %d does not die",
                        quote(record_.path).c_str(), left.front());
  }
}

Result<void> Cgroup::set_frozen(bool on) const {
  const Place* v1 = v1_freezer(places_);
  const Place* v2 = v2_place(places_);
  if (v1 == nullptr && v2 == nullptr)
    return make_error(Kind::Unsupported, "the freezer cgroup controller is not mounted");
  const std::string& dir = (v1 != nullptr ? v1 : v2)->dir;
  bool reached = false;
  if (v1 != nullptr)
    reached = TRY(reach_v1_state(dir, on ? "FROZEN" : "THAWED", kFreezeLimitMs));
  else
    reached = TRY(reach_v2_state(dir, on, kFreezeLimitMs));
  // Frozen on the other side by somebody else: running again means both.
  if (!on && v1 != nullptr && v2 != nullptr) TRY(reach_v2_state(v2->dir, false, kFreezeLimitMs));
  if (reached) return {};
  if (on) static_cast<void>(set_frozen(false));
  return not_in_time(dir, on);
}

Result<bool> Cgroup::frozen() const {
  const Place* v1 = v1_freezer(places_);
  const Place* v2 = v2_place(places_);
  if (v1 != nullptr) {
    const std::string state = TRY(v1_state(v1->dir));
    if (state == "FROZEN" || state == "FREEZING") return true;
  }
  if (v2 == nullptr) return false;
  const std::string events = TRY(read_cgroup_file(v2->dir, "cgroup.events"));
  return value_of_key(events, "frozen") == "1";
}

}  // namespace ctr
