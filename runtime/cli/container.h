// SPDX-License-Identifier: Apache-2.0
// What several commands do with a recorded container: find it, signal it, end it, remove it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ctrtool/core/kit/cgroup.h"
#include "runtime/cli/commands.h"
#include "runtime/spec/spec.h"
#include "runtime/state/status.h"
#include "runtime/state/store.h"

namespace hooks {
struct RunnerOptions;
}

namespace oci::cli {

struct Container {
  ContainerDir dir;
  ContainerState state;
};

// Kind::NotFound, with the words "does not exist", when there is none of that name.
ctr::Result<Container> find_container(const CommandContext& context, std::string_view id);

// Kind::WrongState: `container "web" is stopped: ...`.
ctr::Error wrong_status(const Container& container, Status status, const char* why);
// What engines look for when they kill a dead container.
ctr::Error not_running(const Container& container);

// Without a process a container can be created (config.md, "Process"), but not started.
ctr::Result<void> check_process(const ContainerState& state);

ctr::Result<Spec> load_spec(const ContainerDir& dir);

// Who owns the cgroup is a question only while the container is being created: one that has its
// process has its cgroup, and from then on that process may be able to change the mark.
ctr::CgroupRecord cgroup_record(const ContainerState& state);
// The container's cgroup, whatever is left of it; one without places when it never had one, or when
// another has been made in its place.
ctr::Result<ctr::Cgroup> open_cgroup(const ContainerState& state);

// To init, through a pidfd. False when it has ended.
ctr::Result<bool> signal_init(const ContainerState& state, int signal);
// SIGKILL to all that cannot outlive the container, thawed where that is needed for dying. Does not
// wait. False when init had ended; others of its cgroup are killed all the same.
ctr::Result<bool> kill_container(const ContainerState& state);

// For init's end, some seconds: at once when it has ended. Nobody else may ever reap it.
ctr::Result<void> wait_for_end(const ContainerState& state);

// Where a container without a mount namespace will have its root mounted; to be recorded before.
ctr::Result<SharedRoot> survey_shared_root(const std::string& rootfs);
// Undoes that mount with all that is mounted in it, unless that was done already.
ctr::Result<void> unmount_shared_root(const ContainerState& state);
// Where resctrl is; empty: nowhere.
ctr::Result<std::string> mounted_resctrl();
// What resctrl has of this container alone.
ctr::Result<void> remove_rdt_groups(const ContainerState& state);

// Ends what still runs, waits for it, and removes cgroup, mounts and record, in this order:
// whatever fails or is interrupted can be repeated. Then the poststop hooks, whose failures are
// only logged. To be called with the container's lock. Who still has the cgroup's object passes it
// on, or it is looked for by its record. `interrupted`: readable: systemd is not waited for long.
ctr::Result<void> destroy_container(const CommandContext& context, const Container& container,
                                    const ctr::Cgroup* cgroup = nullptr,
                                    ctr::BorrowedFd interrupted = ctr::kNoFd);

// The files that annotations name for the hooks' output (run.oci.hooks.stdout and .stderr).
ctr::Result<void> open_hook_files(const ContainerState& state, hooks::RunnerOptions& options);
// For `start` and `run`: the poststart hooks, once the program runs.
ctr::Result<void> run_poststart_hooks(const Container& container);

}  // namespace oci::cli
