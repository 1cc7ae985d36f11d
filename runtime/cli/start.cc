// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cstdlib>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/exec/gate.h"
#include "runtime/cli/container.h"
#include "runtime/cli/notify.h"

namespace oci::cli {
namespace {

using ctr::BorrowedFd;
using ctr::Kind;
using ctr::Result;
using ctr::UniqueFd;

Result<void> check_startable(const Container& container) {
  const Status status = TRY(container_status(container.dir, container.state));
  switch (status) {
    case Status::Created:
      return check_process(container.state);
    case Status::Creating:
      return wrong_status(container, status, "cannot start a container that is not yet created");
    case Status::Stopped:
      return wrong_status(container, status, "cannot start a container that has stopped");
    case Status::Paused:
      return wrong_status(container, status, "cannot start a paused container");
    case Status::Running:
      break;
  }
  return wrong_status(container, status, "cannot start an already running container");
}

// The specification wants the container stopped and destroyed when a startContainer or poststart
// hook fails (runtime.md, "Lifecycle", 7 and 9). When its program cannot be executed, it is left as
// one that has stopped.
Result<void> run_or_destroy(const CommandContext& context, const Container& container,
                            BorrowedFd init) {
  Result<void> done = ctr::release_gate(container.dir.gate_path(), init);
  if (!done.ok() && done.error().kind != Kind::HookFailed) return done;
  if (done.ok()) done = run_poststart_hooks(container);
  if (done.ok()) return done;
  const Result<void> destroyed = destroy_container(context, container);
  if (!destroyed.ok()) done.error().message += "; then: " + destroyed.error().message;
  return done;
}

// Only a container that was created under a service manager has the directory for it.
Result<std::optional<NotifyRelay>> open_relay(const CommandContext& context,
                                              const ContainerDir& dir) {
  const char* const manager = ::getenv("NOTIFY_SOCKET");
  const bool wanted = manager != nullptr && *manager != '\0';
  if (!wanted || ::access((dir.path() + "/" + kNotifyDirectory).c_str(), F_OK) != 0)
    return std::optional<NotifyRelay>();
  return NotifyRelay::open(dir.path(), manager, context.log);
}

Result<void> start_container(const CommandContext& context, const std::string& id) {
  const ContainerDir dir = TRY(StateRoot(state_root(context.options)).open(id));
  // Of two starts at once the second one finds the container running.
  UniqueFd lock = TRY(dir.lock());
  ContainerState state = TRY(dir.load());
  const Container container{dir, std::move(state)};
  TRY(check_startable(container));
  const std::optional<UniqueFd> init = TRY(open_process(container.state.init));
  if (!init.has_value())
    return wrong_status(container, Status::Stopped, "cannot start a container that has stopped");
  std::optional<NotifyRelay> relay = TRY(open_relay(context, dir));
  TRY(run_or_destroy(context, container, *init));
  lock.reset();  // it may be long until the program is ready, and it can be paused meanwhile
  if (relay.has_value()) TRY(relay->wait_until_ready(*init, container.state.init.pid));
  return {};
}

}  // namespace

Result<int> start(const CommandContext& context, const Words& words) {
  std::string id;
  const Syntax syntax{
      .command = "start",
      .help =
          "Runs the program of a created container. Returns when it runs; fails, saying why, "
          "when it could\nnot be executed or a hook failed.",
      .options = {},
      .operands = {{"ID", Operand::kRequired, &id}},
  };
  if (TRY(parse_words(syntax, words)) == Parsed::kHelpShown) return 0;
  TRY(start_container(context, id));
  return 0;
}

}  // namespace oci::cli
