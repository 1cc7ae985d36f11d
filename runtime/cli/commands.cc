// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/commands.h"

#include <signal.h>
#include <sys/stat.h>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/escape.h"
#include "runtime/cli/trace_file.h"
#include "runtime/cli/version.h"

namespace oci::cli {
namespace {

constexpr Command kCommands[] = {
    {"checkpoint", checkpoint, "write a container's processes to files", Reach::Changes},
    {"create", create, "make a container, to be started later", Reach::EntersContainer},
    {"delete", delete_, "remove a container", Reach::Changes},
    {"events", events, "print what a container uses, as JSON", Reach::Looks},
    {"exec", exec, "run one more program in a container", Reach::EntersContainer, 255},
    {"features", features, "print what this build supports, as JSON", Reach::Looks},
    {"help", help, "show the commands, or the options of one", Reach::Looks},
    {"kill", kill, "send a signal to a container", Reach::Changes},
    {"list", list, "list the containers", Reach::Looks},
    {"mounts", mounts, "add bind mounts to a container, or remove mounts", Reach::EntersContainer},
    {"pause", pause, "freeze a container", Reach::Changes},
    {"plan", plan, "print what create would do with a bundle", Reach::Looks},
    {"ps", ps, "show the processes of a container", Reach::Changes},
    {"restore", restore, "make a container again from a checkpoint", Reach::Changes},
    {"resume", resume, "let a paused container run again", Reach::Changes},
    {"run", run, "make a container, run its program, remove it", Reach::EntersContainer},
    {"spec", spec, "write a configuration to start from", Reach::Changes},
    {"start", start, "run the program of a created container", Reach::Changes},
    {"state", state, "print the state of a container, as JSON", Reach::Looks},
    {"update", update, "change the limits of a container", Reach::Changes},
    {"validate", validate, "print every problem of a bundle", Reach::Looks},
    {"wait", wait, "wait for the end of a container", Reach::Looks},
};

ctr::Error unknown_command(std::string_view name) {
  return ctr::make_error(ctr::Kind::InvalidSpec, "unknown command %s (see \"ocictr --help\")",
                         ctr::quote(name).c_str());
}

// Starts the program again from where no container can change it. Decided by the bare words, before
// any option is parsed: all that is done before is done twice. A container that is called "run" is
// protected in vain.
ctr::Result<void> protect_executable(const Words& words, char* const* argv) {
  for (const std::string& word : words) {
    const Command* const command = find_command(word);
    if (command != nullptr && command->reach == Reach::EntersContainer)
      return ctr::protect_self(argv);
  }
  return {};
}

// A reader that went away (a hook that ignores its stdin) and a file size limit must be errors we
// can report and clean up after, not our death. Inherited by execve, so the executor sets every
// signal back to its default for the container's processes. Of a caller that ignores its children
// we would inherit that the kernel reaps ours, and takes their exit status away. And a caller's
// umask of 777 must not make directories that we cannot enter.
void prepare_process() {
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
  ::signal(SIGCHLD, SIG_DFL);
  ::umask(022);
}

ctr::Result<const Command*> command_of(const Words& words) {
  if (words.empty())
    return ctr::make_error(ctr::Kind::InvalidSpec, "no command (see \"ocictr --help\")");
  const Command* const command = find_command(words.front());
  if (command == nullptr) return unknown_command(words.front());
  return command;
}

int fail(const ctr::Log& log, const char* command, const ctr::Error& error, int status = 1) {
  report_failure(log, command, error);
  return status;
}

int run_command(const CommandContext& context, const Command& command, const Words& words) {
  if (command.reach != Reach::Looks) prepare_process();
  const ctr::Result<int> status = command.run(context, words);
  if (status.ok()) return *status;
  return fail(context.log, command.name, status.error(), command.failure_status);
}

int run_traced(const CommandContext& untraced, const Command& command, const Words& words) {
  const std::string& path = untraced.options.trace;
  const ctr::Result<void> created = create_trace_file(path);
  if (!created.ok())
    return fail(untraced.log, command.name, created.error(), command.failure_status);
  ctr::Result<ctr::Trace> trace = ctr::Trace::make();
  if (!trace.ok()) return fail(untraced.log, command.name, trace.error(), command.failure_status);
  ctr::Trace::Scope whole(&*trace, command.name);
  const int status = run_command({untraced.options, untraced.log, &*trace}, command, words);
  whole.end();
  // What the command was asked to do is done by now.
  const ctr::Result<void> written = write_trace_file(path, trace_text(*trace, command.name));
  if (!written.ok()) report_warning(untraced.log, command.name, written.error());
  return status;
}

int print_or_fail(std::string_view text) {
  const ctr::Result<void> printed = print(text);
  return printed.ok() ? 0 : fail(ctr::Log(), "", printed.error());
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

int run_ocictr(const Words& words, char* const* argv) {
  // Engines ask for the version often, and need nothing else: no options are built for it.
  if (words.size() == 1 && (words[0] == "--version" || words[0] == "-v" || words[0] == "-V"))
    return print_or_fail(version_text(GlobalOptions{}));
  const ctr::Result<void> is_protected = protect_executable(words, argv);
  const GlobalWords global = parse_global(words);
  if (global.ask == GlobalWords::kHelp) return 0;
  const ctr::Result<ctr::Log> log = open_log(global.options);
  if (!log.ok()) return fail(ctr::Log(), "", log.error());
  if (!global.valid.ok()) return fail(*log, "", global.valid.error());
  if (global.ask == GlobalWords::kVersion) return print_or_fail(version_text(global.options));
  if (global.ask == GlobalWords::kUsage) return print_or_fail(global_usage());
  const ctr::Result<const Command*> found = command_of(global.command);
  if (!found.ok()) return fail(*log, "", found.error());
  const Command& command = **found;
  if (command.reach == Reach::EntersContainer && !is_protected.ok())
    return fail(*log, command.name, is_protected.error(), command.failure_status);
  const Words rest(global.command.begin() + 1, global.command.end());
  const CommandContext context{global.options, *log};
  return global.options.trace.empty() ? run_command(context, command, rest)
                                      : run_traced(context, command, rest);
}

}  // namespace oci::cli
