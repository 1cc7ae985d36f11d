// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "ctrtool/core/base/strf.h"
#include "runtime/cli/container.h"
#include "runtime/cli/match.h"
#include "runtime/translate/translate.h"

namespace oci::cli {
namespace {

using ctr::Kind;
using ctr::make_error;
using ctr::Result;
using ctr::UniqueFd;

Result<void> check_deletable(const Container& container) {
  const Status status = TRY(container_status(container.dir, container.state));
  if (status != Status::Running && status != Status::Paused) return {};
  // Engines send SIGKILL and come here at once.
  const bool ending = TRY(is_ending(container.state.init));
  if (status == Status::Running && ending) return wait_for_end(container.state);
  return make_error(Kind::WrongState, "cannot delete container %s that is not stopped: %s",
                    ctr::quote(container.state.id).c_str(), std::string(to_string(status)).c_str());
}

// Before the lock is asked for: a command that holds it may be waiting for this very process. What
// fails here is done again with the lock.
void kill_first(const ContainerDir& dir) {
  const Result<ContainerState> state = dir.load();
  if (state.ok()) static_cast<void>(kill_container(*state));
}

// What a damaged record does not tell any more, as far as the configuration does: the cgroup, and
// with it the processes, unless it has another's mark. The cgroups above it stay: they may be
// another's.
Result<ContainerState> rebuild_state(const CommandContext& context, const ContainerDir& dir) {
  ContainerState state;
  state.id = dir.id();
  if (context.options.driver != CgroupDriver::Cgroupfs) return state;
  const Spec spec = TRY(load_spec(dir));
  const std::string path = TRY(ctr::normalize_cgroup_path(default_cgroup_path(spec, state.id)));
  const ctr::CgroupLayout layout = TRY(ctr::discover_cgroups());
  const std::string marked_by = ctr::cgroup_marked_by(layout, path);
  if (!marked_by.empty() && marked_by != state.id) return state;
  ctr::CgroupRecord& record = state.cgroup.record;
  record.path = path;
  const auto above = static_cast<unsigned>(std::count(record.path.begin(), record.path.end(), '/'));
  record.existed = {{"", above - 1}};
  return state;
}

// A killed `create` leaves nothing but a directory before its first record.
Result<void> remove_remains(const CommandContext& context, const ContainerDir& dir,
                            const ctr::Error& why, bool force) {
  const bool damaged = why.kind != Kind::NotFound;
  if (damaged && !force) return why;
  Result<ContainerState> rebuilt = why;
  if (damaged) rebuilt = rebuild_state(context, dir);
  if (rebuilt.ok()) return destroy_container(context, {dir, std::move(rebuilt).value()});
  TRY(dir.remove());
  if (!force) return why;
  return {};
}

Result<void> delete_container(const CommandContext& context, const std::string& id, bool force) {
  const ContainerDir dir = TRY(StateRoot(state_root(context.options)).open(id));
  if (force) kill_first(dir);
  const Result<UniqueFd> lock = dir.lock();
  if (!lock.ok()) {
    if (force && lock.error().kind == Kind::NotFound) return {};
    return lock.error();
  }
  Result<ContainerState> state = dir.load();
  if (!state.ok()) return remove_remains(context, dir, state.error(), force);
  const Container container{dir, std::move(state).value()};
  if (!force) TRY(check_deletable(container));
  return destroy_container(context, container);
}

}  // namespace

Result<int> delete_(const CommandContext& context, const Words& words) {
  bool force = false;
  bool regex = false;
  std::string id;
  const Syntax syntax{
      .command = "delete",
      .help =
          "Removes a container that has stopped or was never started, and runs its poststop "
          "hooks.",
      .options = {{"force", 'f', "", "kill it if it runs; it is no error if it does not exist",
                   &force},
                  {"regex", 'r', "", "ID is a regular expression: every container it matches",
                   &regex}},
      .operands = {{"ID", Operand::kRequired, &id}},
  };
  if (TRY(parse_words(syntax, words)) == Parsed::kHelpShown) return 0;
  const auto act = [&](const std::string& one) { return delete_container(context, one, force); };
  if (regex) return for_matching(context, "delete", id, act);
  TRY(act(id));
  return 0;
}

}  // namespace oci::cli
