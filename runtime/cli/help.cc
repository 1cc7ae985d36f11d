// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/base/strf.h"
#include "runtime/cli/commands.h"

namespace oci::cli {

ctr::Result<int> help(const CommandContext& context, const Words& words) {
  std::string name;
  const Syntax syntax{
      .command = "help",
      .help = "Shows the commands, or the options of one.",
      .options = {},
      .operands = {{"COMMAND", Operand::kOptional, &name}},
  };
  if (TRY(parse_words(syntax, words)) == Parsed::kHelpShown) return 0;
  if (name.empty()) {
    TRY(print(global_help()));
    return 0;
  }
  const Command* command = find_command(name);
  if (command == nullptr)
    return ctr::make_error(ctr::Kind::InvalidSpec, "unknown command %s", ctr::quote(name).c_str());
  return command->run(context, {"--help"});
}

}  // namespace oci::cli
