// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/container.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cerrno>
#include <csignal>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/exec/context.h"
#include "ctrtool/core/kit/cgroup_dir.h"
#include "ctrtool/core/kit/resctrl.h"
#include "ctrtool/core/kit/systemd.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/process.h"
#include "hooks/runner.h"
#include "runtime/cli/path.h"
#include "runtime/spec/parse.h"
#include "runtime/state/report.h"
#include "runtime/translate/translate.h"

namespace oci::cli {
namespace {

using ctr::Error;
using ctr::Kind;
using ctr::make_error;
using ctr::quote;
using ctr::Result;
using ctr::UniqueFd;

hooks::RunnerOptions runner_options(const ContainerState& state) {
  const auto describe = [state](std::string_view status, pid_t pid) {
    return hook_state(state, status, pid);
  };
  return {.state = describe, .bundle = state.bundle};
}

Result<UniqueFd> open_hook_file(const ContainerState& state, const char* annotation) {
  const auto found = state.annotations.find(annotation);
  if (found == state.annotations.end()) return UniqueFd();
  if (!found->second.starts_with('/'))
    return make_error(Kind::InvalidSpec, "/annotations/%s: %s must be an absolute path", annotation,
                      quote(found->second).c_str());
  constexpr int kFlags = O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY;
  return TRY_CTX(ctr::sys::open(found->second, kFlags, 0600), "/annotations/%s", annotation);
}

bool has_cgroup(const ContainerState& state) { return !state.cgroup.record.path.empty(); }

// A process frozen by v1 does not even die of SIGKILL.
Result<void> thaw_v1(const ContainerState& state) {
  if (!state.cgroup.freezer.ends_with(kFreezerV1)) return {};
  const Result<std::string> text = ctr::sys::read_file_at(ctr::kCwd, state.cgroup.freezer, 64);
  if (!text.ok() || *text == "THAWED\n") return {};
  const ctr::Cgroup cgroup = TRY(open_cgroup(state));
  return cgroup.set_frozen(false);
}

// A manager that is no longer there has taken its units with it; one that says nothing has not.
Result<void> stop_scope(const ContainerState& state, ctr::BorrowedFd interrupted) {
  if (state.cgroup.scope.empty()) return {};
  Result<ctr::Systemd> manager = ctr::Systemd::connect(
      state.cgroup.systemd, {.interrupted = interrupted, .grace_ms = ctr::kUndoGraceMs});
  if (!manager.ok() && manager.error().code == ETIMEDOUT) return manager.error();
  if (!manager.ok()) return {};
  return manager->stop(state.cgroup.scope);
}

// Another container may have got the unit that this one was about to ask for.
bool unit_is_anothers(const ContainerState& state, const ctr::CgroupLayout& layout) {
  const ctr::CgroupRecord record = cgroup_record(state);
  if (state.cgroup.scope.empty() || record.owner.empty()) return false;
  return ctr::cgroup_is_anothers(layout, ctr::unit_cgroup(record.path, state.cgroup.scope),
                                 record.owner);
}

// Nothing keeps the cgroup of a container that has ended from being removed, and made again by
// somebody, or from being given to another container as it is. With init, all that were in its pid
// namespace have ended: whoever stays in a cgroup that has lost our mark has come since. (Two units
// of systemd cannot have one name at once.)
Result<bool> cgroup_has_become_anothers(const ContainerState& state,
                                        const ctr::CgroupLayout& layout) {
  if (state.init.pid == 0) return unit_is_anothers(state, layout);
  const bool made_anew = TRY(ctr::cgroup_was_made_anew(layout, state.cgroup.record));
  if (made_anew || !state.own_pid_namespace || !state.cgroup.scope.empty()) return made_anew;
  if (!ctr::cgroup_mark_is_gone(layout, state.cgroup.record)) return false;
  const ctr::Cgroup cgroup = TRY(ctr::Cgroup::open(layout, cgroup_record(state)));
  constexpr int kLeavingMs = 200;  // the kernel counts those who have ended for a moment more
  constexpr int kStepMs = 20;
  ctr::Backoff backoff(kLeavingMs, kStepMs);
  bool populated = TRY(cgroup.populated());
  while (populated && backoff.wait()) populated = TRY(cgroup.populated());
  return populated;
}

// Init's death ends the others of its pid namespace, but they may be still on their way out.
Result<void> remove_cgroup(const ctr::Cgroup& cgroup) {
  const Result<void> removed = cgroup.remove();
  if (removed.ok() || removed.error().code != EBUSY) return removed;
  TRY(cgroup.kill_all(SIGKILL));
  return cgroup.remove();
}

Result<void> remove_recorded_cgroup(const ContainerState& state, ctr::BorrowedFd interrupted) {
  if (!has_cgroup(state)) return {};
  const ctr::CgroupLayout layout = TRY(ctr::discover_cgroups());
  const bool anothers = TRY(cgroup_has_become_anothers(state, layout));
  if (anothers) return {};
  TRY(stop_scope(state, interrupted));
  const ctr::Cgroup cgroup = TRY(ctr::Cgroup::open(layout, cgroup_record(state)));
  return remove_cgroup(cgroup);
}

// Of the topmost mount there. Unique for ever since Linux 6.8; before, numbers are used again.
Result<std::uint64_t> mount_id(const std::string& path) {
  constexpr unsigned kUniqueMountId = 0x4000;  // STATX_MNT_ID_UNIQUE
  struct statx found = TRY(ctr::sys::statx(ctr::kCwd, path, 0, kUniqueMountId));
  if ((found.stx_mask & kUniqueMountId) == 0)
    found = TRY(ctr::sys::statx(ctr::kCwd, path, 0, STATX_MNT_ID));
  return found.stx_mnt_id;
}

Result<std::vector<ctr::Hook>> poststop_hooks(const Container& container) {
  if (!container.state.has_poststop_hooks) return std::vector<ctr::Hook>();
  const Spec spec = TRY(load_spec(container.dir));
  return translate_hooks(spec.hooks, ctr::HookStage::Poststop);
}

}  // namespace

Result<std::string> mounted_resctrl() {
  return ctr::find_resctrl(TRY(ctr::sys::read_file_at(ctr::kCwd, "/proc/self/mountinfo")));
}

Result<void> remove_rdt_groups(const ContainerState& state) {
  for (const std::string& path : state.rdt_directories) {
    const Result<void> removed = ctr::sys::unlinkat(ctr::kCwd, path, AT_REMOVEDIR);
    if (!removed.ok() && removed.error().code != ENOENT) return removed;
  }
  return {};
}

Result<Container> find_container(const CommandContext& context, std::string_view id) {
  ContainerDir dir = TRY(StateRoot(state_root(context.options)).open(id));
  ContainerState state = TRY(dir.load());
  return Container{std::move(dir), std::move(state)};
}

Error wrong_status(const Container& container, Status status, const char* why) {
  return make_error(Kind::WrongState, "container %s is %s: %s", quote(container.state.id).c_str(),
                    std::string(to_string(status)).c_str(), why);
}

Error not_running(const Container& container) {
  return wrong_status(container, Status::Stopped, "container not running: no such process");
}

Result<void> check_process(const ContainerState& state) {
  if (!state.no_process) return {};
  return make_error(Kind::InvalidSpec, "config.json: /process: is required to start a container");
}

Result<Spec> load_spec(const ContainerDir& dir) {
  std::string text = TRY(dir.load_config());
  return first_error(parse_spec(std::move(text)), dir.path() + "/config.json");
}

ctr::CgroupRecord cgroup_record(const ContainerState& state) {
  ctr::CgroupRecord record = state.cgroup.record;
  if (state.init.pid != 0) record.owner.clear();
  return record;
}

Result<ctr::Cgroup> open_cgroup(const ContainerState& state) {
  if (!has_cgroup(state)) return ctr::Cgroup();
  const ctr::CgroupLayout layout = TRY(ctr::discover_cgroups());
  const bool made_anew = TRY(ctr::cgroup_was_made_anew(layout, state.cgroup.record));
  return made_anew ? ctr::Cgroup() : ctr::Cgroup::open(layout, cgroup_record(state));
}

Result<bool> signal_init(const ContainerState& state, int signal) {
  const std::optional<UniqueFd> init = TRY(open_process(state.init));
  if (!init.has_value()) return false;
  const Result<void> sent = ctr::sys::pidfd_send_signal(*init, signal);
  if (sent.ok()) return true;
  if (sent.error().code == ESRCH) return false;
  return sent.error();
}

Result<bool> kill_container(const ContainerState& state) {
  const bool alive = TRY(signal_init(state, SIGKILL));
  // Without a pid namespace of its own, and before its pid is recorded, only the cgroup knows.
  if (has_cgroup(state) && (!state.own_pid_namespace || state.init.pid == 0)) {
    const ctr::Cgroup cgroup = TRY(open_cgroup(state));
    TRY(cgroup.kill_all(SIGKILL));
  } else if (alive) {
    TRY(thaw_v1(state));
  }
  return alive;
}

// Nothing when the process has ended and is not reaped: that is its parent's business. So it is
// when init itself is through but waits for others of its pid namespace to be reaped by whoever put
// them there with `exec`.
Result<void> wait_for_end(const ContainerState& state) {
  constexpr int kPatienceMs = 10000;
  constexpr int kLookMs = 50;
  const std::optional<UniqueFd> init = TRY(open_process(state.init));
  if (!init.has_value()) return {};
  for (int waited = 0; waited < kPatienceMs; waited += kLookMs) {
    const bool ended = TRY(ctr::sys::wait_pidfd(*init, kLookMs));
    if (ended) return {};
    const std::optional<ctr::sys::ProcStat> stat = TRY(ctr::sys::proc_stat(state.init.pid));
    if (!stat.has_value() || stat->exiting) return {};
  }
  return make_error(Kind::System, "process %d does not die: it was sent SIGKILL %d s ago",
                    state.init.pid, kPatienceMs / 1000);
}

Result<SharedRoot> survey_shared_root(const std::string& rootfs) {
  const std::string at = TRY(real_path(rootfs));
  const std::uint64_t covers = TRY(mount_id(at));
  return SharedRoot{at, covers};
}

Result<void> unmount_shared_root(const ContainerState& state) {
  const SharedRoot& root = state.shared_root;
  if (root.at.empty()) return {};
  const Result<std::uint64_t> seen = mount_id(root.at);
  if (!seen.ok() && seen.error().code == ENOENT) return {};
  if (TRY(seen) == root.covers) return {};
  ctr::Context here;
  const ctr::UnmountHere unmount{{.path = root.at, .follow = true}, MNT_DETACH | UMOUNT_NOFOLLOW};
  const Result<void> done = ctr::run(unmount, here);
  if (!done.ok() && done.error().code == EINVAL) return {};  // nothing is mounted there
  return done;
}

Result<void> destroy_container(const CommandContext& context, const Container& container,
                               const ctr::Cgroup* cgroup, ctr::BorrowedFd interrupted) {
  const ContainerState& state = container.state;
  TRY(kill_container(state));
  TRY(wait_for_end(state));
  TRY(cgroup != nullptr ? remove_cgroup(*cgroup) : remove_recorded_cgroup(state, interrupted));
  TRY(unmount_shared_root(state));
  TRY(remove_rdt_groups(state));
  const Result<std::vector<ctr::Hook>> hooks = poststop_hooks(container);
  TRY(container.dir.remove());
  if (!hooks.ok()) {
    context.log.warning("poststop hooks: " + hooks.error().message);
    return {};
  }
  if (hooks->empty()) return {};
  hooks::RunnerOptions options = runner_options(state);
  // A file that cannot be opened any more must not stop a poststop hook.
  const Result<void> opened = open_hook_files(state, options);
  if (!opened.ok()) context.log.warning(opened.error().message);
  hooks::Runner runner(std::move(options));
  for (const std::string& failure : runner.run_all(ctr::HookStage::Poststop, *hooks, 0))
    context.log.warning(failure);
  return {};
}

Result<void> open_hook_files(const ContainerState& state, hooks::RunnerOptions& options) {
  options.out_file = TRY(open_hook_file(state, "run.oci.hooks.stdout"));
  options.err_file = TRY(open_hook_file(state, "run.oci.hooks.stderr"));
  return {};
}

Result<void> run_poststart_hooks(const Container& container) {
  if (!container.state.has_poststart_hooks) return {};
  const Spec spec = TRY(load_spec(container.dir));
  hooks::RunnerOptions options = runner_options(container.state);
  TRY(open_hook_files(container.state, options));
  return hooks::Runner(std::move(options))
      .run(ctr::HookStage::Poststart, translate_hooks(spec.hooks, ctr::HookStage::Poststart),
           container.state.init.pid, ctr::kNoFd);
}

}  // namespace oci::cli
