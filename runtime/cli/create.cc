// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/launch.h"
#include "runtime/cli/supervise.h"

namespace oci::cli {

ctr::Result<int> create(const CommandContext& context, const Words& words) {
  LaunchOptions options;
  const Syntax syntax{
      .command = "create",
      .help = "Makes a container from a bundle. Its process waits for `start`.",
      .options = launch_options(options),
      .operands = {{"ID", Operand::kRequired, &options.id}},
  };
  if (TRY(parse_words(syntax, words)) == Parsed::kHelpShown) return 0;
  TRY(close_foreign_descriptors(options.preserve_fds, context.log.fd()));
  SignalGate gate = TRY(SignalGate::close_to_leave());
  options.interrupted = gate.fd();
  ctr::Result<Launched> made = launch(context, options);
  if (!made.ok()) return failed_or_interrupted(context, "create", std::move(made).error(), gate);
  Launched launched = std::move(made).value();
  const ctr::Trace::Scope scope(context.trace, "let go of the process");
  ctr::Result<void> released = launched.process.release();
  if (!released.ok()) {
    static_cast<void>(unmount_shared_root(launched.container.state));
    static_cast<void>(launched.container.dir.remove());
    return std::move(released).error();
  }
  if (launched.plugins.has_value()) launched.plugins->let_go();
  gate.stay_closed();
  return 0;
}

}  // namespace oci::cli
