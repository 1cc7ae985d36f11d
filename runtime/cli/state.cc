// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/container.h"
#include "runtime/state/report.h"

namespace oci::cli {

ctr::Result<int> state(const CommandContext& context, const Words& words) {
  std::string id;
  const Syntax syntax{
      .command = "state",
      .help = "Prints a container's state as JSON.",
      .options = {},
      .operands = {{"ID", Operand::kRequired, &id}},
  };
  if (TRY(parse_words(syntax, words)) == Parsed::kHelpShown) return 0;
  const Container container = TRY(find_container(context, id));
  const Status status = TRY(container_status(container.dir, container.state));
  json::Writer out("  ");
  write_state(out, container.state, status);
  TRY(print(std::move(out).take() + "\n"));
  return 0;
}

}  // namespace oci::cli
