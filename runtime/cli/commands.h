// SPDX-License-Identifier: Apache-2.0
// The subcommands: one table, one function per command, each in the file of its name.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "ctrtool/core/base/log.h"
#include "ctrtool/core/base/result.h"
#include "runtime/cli/global.h"
#include "runtime/cli/options.h"

namespace ctr {
class Trace;
}

namespace oci::cli {

struct CommandContext {
  const GlobalOptions& options;
  const ctr::Log& log;
  ctr::Trace* trace = nullptr;  // or none
};

// Answers the exit status. `words` are those behind the command's name. An error is reported
// once, by run_ocictr(): commands neither print nor log their own failure.
using CommandFunction = ctr::Result<int>(const CommandContext& context, const Words& words);

enum class Reach : std::uint8_t {
  Looks,  // needs no preparation of the process; engines call it often
  Changes,
  EntersContainer,  // our executable must be out of the container's reach first
};

struct Command {
  const char* name;
  CommandFunction* run;
  const char* help;  // one line
  Reach reach;
  int failure_status = 1;  // `exec` answers 255 when the program did not run
};

std::span<const Command> commands();  // sorted by name
const Command* find_command(std::string_view name);
std::string commands_help();
std::string man_page(const Command& command);  // "ocictr-create.8"

// The whole program behind main(): answers the exit status. `words`: all of `argv` but the
// program's name.
int run_ocictr(const Words& words, char* const* argv);

CommandFunction checkpoint;
CommandFunction create;
CommandFunction delete_;
CommandFunction events;
CommandFunction exec;
CommandFunction features;
CommandFunction help;
CommandFunction kill;
CommandFunction list;
CommandFunction mounts;
CommandFunction pause;
CommandFunction plan;
CommandFunction ps;
CommandFunction restore;
CommandFunction resume;
CommandFunction run;
CommandFunction spec;
CommandFunction start;
CommandFunction state;
CommandFunction update;
CommandFunction validate;
CommandFunction wait;

}  // namespace oci::cli
