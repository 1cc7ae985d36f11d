// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/commands.h"

#include <algorithm>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/escape.h"
#include "runtime/cli/version.h"

namespace oci::cli {
namespace {

constexpr Command kCommands[] = {
    {"create", create, "make a container, to be started later", 1, true},
    {"delete", delete_, "remove a container"},
    {"exec", exec, "run one more program in a container", 255, true},
    {"features", features, "print what this build supports, as JSON"},
    {"help", help, "show the commands, or the options of one"},
    {"kill", kill, "send a signal to a container"},
    {"list", list, "list the containers"},
    {"pause", pause, "freeze a container"},
    {"plan", plan, "print what create would do with a bundle"},
    {"ps", ps, "show the processes of a container"},
    {"resume", resume, "let a paused container run again"},
    {"run", run, "make a container, run its program, remove it", 1, true},
    {"spec", spec, "write a configuration to start from"},
    {"start", start, "run the program of a created container"},
    {"state", state, "print the state of a container, as JSON"},
    {"validate", validate, "print every problem of a bundle"},
};

ctr::Error unknown_command(std::string_view name) {
  return ctr::make_error(ctr::Kind::InvalidSpec, "unknown command %s (see \"ocictr --help\")",
                         ctr::quote(name).c_str());
}

// Starts the program again from where no container can change it; 0 when that is done or not
// needed.
int protect_executable(const Words& words, char* const* argv) {
  const Command* const command = words.empty() ? nullptr : find_command(words.front());
  if (command == nullptr || !command->enters_container) return 0;
  const ctr::Result<void> done = ctr::protect_self(argv);
  if (done.ok()) return 0;
  report_failure(ctr::Log(), command->name, done.error());
  return command->failure_status;
}

int print_or_fail(std::string_view text) {
  const ctr::Result<void> printed = print(text);
  if (!printed.ok()) report_failure(ctr::Log(), "", printed.error());
  return printed.ok() ? 0 : 1;
}

}  // namespace

std::span<const Command> commands() { return kCommands; }

const Command* find_command(std::string_view name) {
  for (const Command& command : kCommands)
    if (name == command.name) return &command;
  return nullptr;
}

std::string commands_help() {
  std::string text = "Commands:\n";
  for (const Command& command : kCommands)
    text += ctr::strf("  %-12s  %s\n", command.name, command.help);
  return text;
}

std::string man_page(const Command& command) {
  return std::string("ocictr-") + command.name + ".8";
}

int run_command(const CommandContext& context, const Words& words) {
  const Command* command = words.empty() ? nullptr : find_command(words.front());
  if (command == nullptr) {
    report_failure(context.log, "",
                   words.empty() ? ctr::make_error(ctr::Kind::InvalidSpec,
                                                   "no command (see \"ocictr --help\")")
                                 : unknown_command(words.front()));
    return 1;
  }
  const ctr::Result<int> status = command->run(context, Words(words.begin() + 1, words.end()));
  if (status.ok()) return *status;
  report_failure(context.log, command->name, status.error());
  return command->failure_status;
}

int run_ocictr(const Words& words, char* const* argv) {
  // Engines ask for the version often, and need nothing else: no options are built for it.
  if (words.size() == 1 && (words[0] == "--version" || words[0] == "-v" || words[0] == "-V"))
    return print_or_fail(version_text(GlobalOptions{}));
  const ctr::Result<GlobalWords> global = parse_global(words);
  if (!global.ok()) {
    report_failure(ctr::Log(), "", global.error());
    return 1;
  }
  if (global->ask == GlobalWords::kHelp) return 0;
  if (global->ask == GlobalWords::kVersion) return print_or_fail(version_text(global->options));
  if (global->ask == GlobalWords::kUsage) return print_or_fail(global_usage());
  const int unprotected = protect_executable(global->command, argv);
  if (unprotected != 0) return unprotected;
  const ctr::Result<ctr::Log> log = open_log(global->options);
  if (!log.ok()) {
    report_failure(ctr::Log(), "", log.error());
    return 1;
  }
  return run_command({global->options, *log}, global->command);
}

}  // namespace oci::cli
