// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include "ctrtool/core/sys/file.h"
#include "runtime/cli/confine.h"
#include "runtime/cli/launch.h"
#include "runtime/cli/supervise.h"

namespace oci::cli {
namespace {

using ctr::Result;

// Whatever went wrong after the container was made, nothing of it stays.
ctr::Error destroyed_after(const CommandContext& context, const Container& container,
                           const SignalGate& to_leave, ctr::Error error) {
  const Result<void> destroyed = destroy_container(context, container, nullptr, to_leave.fd());
  if (!destroyed.ok()) error.message += "; then: " + destroyed.error().message;
  return error;
}

Result<int> leave_running(const Launched& launched, NotifyRelay* relay, SignalGate& gate,
                          SignalGate& to_leave) {
  if (relay == nullptr) {
    gate.stay_closed();
    to_leave.stay_closed();
    return 0;
  }
  // Who is tired of waiting for a program that never gets ready may end us.
  gate.open();
  to_leave.open();
  TRY(relay->wait_until_ready(launched.process.pidfd(), launched.process.pid()));
  return 0;
}

Result<void> start_program(const CommandContext& context, Launched& launched) {
  const ctr::Trace::Scope scope(context.trace, "start the program");
  TRY(check_process(launched.container.state));
  TRY(launched.process.go());
  if (launched.plugins.has_value()) launched.plugins->let_go();
  if (context.trace != nullptr) context.trace->end_child();
  TRY(ctr::sys::unlinkat(ctr::kCwd, launched.container.dir.gate_path(), 0));
  return run_poststart_hooks(launched.container);
}

// Somebody may have changed or removed the container while its program ran.
Result<void> record_exit(const Container& container, int status) {
  const Result<ctr::UniqueFd> lock = container.dir.lock();
  Result<ContainerState> state = container.dir.load();
  if (!lock.ok() || !state.ok()) return {};
  state->exit_status = status;
  state->as_runc = container.state.as_runc;
  return container.dir.save(*state);
}

// With the first process, or by the removal of the container.
bool all_have_ended(const ContainerState& state, bool keep) {
  return state.own_pid_namespace || (!keep && !state.cgroup.record.path.empty());
}

Result<int> run_attached(const CommandContext& context, Launched& launched, const SignalGate& gate,
                         const SignalGate& to_leave, NotifyRelay* relay, bool keep) {
  ctr::Trace::Scope running(context.trace, "wait for the program");
  confine_to_removing(context, launched.container.state);
  const Result<int> status = supervise(gate, {.pid = launched.process.pid(),
                                              .pidfd = launched.process.pidfd(),
                                              .terminal = std::move(launched.terminal),
                                              .notify = relay});
  running.end();
  const ctr::Trace::Scope removing(context.trace, "remove the container");
  if (!keep) {
    TRY(destroy_container(context, launched.container, launched.process.made_cgroup(),
                          to_leave.fd()));
  } else if (status.ok()) {
    TRY(record_exit(launched.container, *status));
  }
  if (launched.plugins.has_value() && all_have_ended(launched.container.state, keep))
    launched.plugins->end();
  return status;
}

}  // namespace

Result<int> run(const CommandContext& context, const Words& words) {
  LaunchOptions options;
  options.detach = false;
  bool keep = false;
  std::vector<Option> table = launch_options(options);
  table.push_back({"detach", 'd', "", "return as soon as the program runs", &options.detach});
  table.push_back({"keep", '\0', "", "keep the container's record after its end", &keep});
  const Syntax syntax{
      .command = "run",
      .help = "Makes a container, runs its program, waits for its end and removes the container.",
      .options = std::move(table),
      .operands = {{"ID", Operand::kRequired, &options.id}},
  };
  if (TRY(parse_words(syntax, words)) == Parsed::kHelpShown) return 0;
  TRY(close_foreign_descriptors(options.preserve_fds, context.log.fd()));
  SignalGate to_leave = TRY(SignalGate::close_to_leave());
  options.interrupted = to_leave.fd();
  // Before the container exists: a signal in between must reach it, not end us.
  SignalGate gate = TRY(SignalGate::close());
  if (!options.detach && !options.no_subreaper) TRY(become_subreaper());

  ctr::Result<Launched> made = launch(context, options);
  if (!made.ok()) return failed_or_interrupted(context, "run", std::move(made).error(), to_leave);
  Launched launched = std::move(made).value();
  std::optional<NotifyRelay> relay;
  if (launched.notify) {
    Result<std::optional<NotifyRelay>> opened =
        NotifyRelay::open(launched.container.dir.path(), ::getenv("NOTIFY_SOCKET"), context.log);
    if (!opened.ok())
      return destroyed_after(context, launched.container, to_leave, std::move(opened).error());
    relay = std::move(opened).value();
  }
  Result<void> started = start_program(context, launched);
  if (!started.ok())
    return destroyed_after(context, launched.container, to_leave, std::move(started).error());
  NotifyRelay* const notify = relay.has_value() ? &*relay : nullptr;
  if (options.detach) return leave_running(launched, notify, gate, to_leave);
  Result<int> status = run_attached(context, launched, gate, to_leave, notify, keep);
  if (status.ok()) return status;
  return failed_or_interrupted(context, "run", std::move(status).error(), to_leave);
}

}  // namespace oci::cli
