// SPDX-License-Identifier: Apache-2.0
// What `create` and `run` share: from the words of the command line to a process that is ready to
// start, with its record saved.
#pragma once

#include <optional>
#include <string>

#include "ctrtool/core/exec/executor.h"
#include "hooks/runner.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/container.h"
#include "runtime/cli/plugins.h"
#include "runtime/cli/supervise.h"
#include "runtime/translate/translate.h"

namespace oci::cli {

// Paths as given; they count from the caller's working directory.
struct LaunchOptions {
  std::string id;
  std::string bundle = ".";
  std::string config = "config.json";
  std::string console_socket;
  std::string pid_file;
  std::string pidfd_socket;
  std::string preserve_fds = "0";
  bool no_pivot = false;
  bool no_new_keyring = false;
  bool no_subreaper = false;
  bool detach = true;                        // run without -d: false
  ctr::BorrowedFd interrupted = ctr::kNoFd;  // readable: the caller wants no container any more
};
// The options that both commands have.
std::vector<Option> launch_options(LaunchOptions& options);

// A configuration and what this host makes of it; nothing has been made yet.
struct Draft {
  std::string config_text;
  Spec spec;
  ctr::HostFacts facts;
  ctr::CgroupLayout cgroups;
  TranslateOptions translate;
};
ctr::Result<Draft> read_draft(const CommandContext& context, const LaunchOptions& options);
// The options with absolute paths. Kind::InvalidSpec: one is empty.
ctr::Result<LaunchOptions> absolute_paths(const LaunchOptions& options);
// A new container's record, before it has a process. Looks at the host, changes nothing.
ctr::Result<ContainerState> first_record(const CommandContext& context,
                                         const LaunchOptions& options, const Draft& draft);
// Now that the cgroup is there: where its freezer is, so that `state` need not look for it, and
// what others look for, if the configuration asks for it.
void note_cgroup(ContainerState& state, const Draft& draft);
// Of the hooks that come before the program's start.
ctr::Result<hooks::RunnerOptions> hook_options(const ContainerState& state, const Spec& spec);

struct Launched {
  Container container;
  std::optional<PluginHost> plugins;  // goes after the process, whose end it waits for
  ctr::Prepared process;
  ctr::UniqueFd terminal;  // of an attached run; else invalid
  bool notify;             // a service manager waits for the program's READY=1
};
ctr::Result<Launched> launch(const CommandContext& context, const LaunchOptions& options);
// What the command ends with: if a signal has come to the gate that status, and the failure is
// reported here.
ctr::Result<int> failed_or_interrupted(const CommandContext& context, const char* command,
                                       ctr::Error error, const SignalGate& to_leave);

// Keeps descriptors from being used until the child puts sockets there (org.ctrtool.listen).
ctr::Result<std::vector<ctr::UniqueFd>> reserve_descriptors(const ctr::ContainerPlan& plan);
// Descriptors that the program gets besides 0 to 2: --preserve-fds and LISTEN_FDS.
ctr::Result<unsigned> preserved_descriptors(const std::string& preserve_fds);
std::vector<std::string> socket_activation_env();
// Closes what the caller has left open beyond those, and nothing of ours but what was opened
// before: to be called first.
ctr::Result<void> close_foreign_descriptors(const std::string& preserve_fds, ctr::BorrowedFd log);

// Decimal digits, complete when it appears under its name.
ctr::Result<void> write_pid_file(const std::string& path, pid_t pid);
// One message with the pidfd.
ctr::Result<void> send_pidfd(const std::string& socket_path, ctr::BorrowedFd pidfd);

// Where compiled filters are kept, below the state root; invalid if there is none to keep.
ctr::UniqueFd open_seccomp_cache(const StateRoot& root, const Spec& spec);
// linux.seccomp.listenerMetadata, or nothing.
std::string listener_metadata(const Spec& spec);
// crun's variable for an agent that the configuration does not name.
std::string seccomp_receiver();

// Where the master of a new terminal goes: the engine's socket, or our own pair.
struct Console {
  ctr::UniqueFd to_child;  // connected; for the executor
  ctr::UniqueFd own_end;   // of our own pair, for receive_terminal()
};
ctr::Result<Console> open_console(bool terminal, const std::string& socket_path, bool detach);
ctr::Result<ctr::UniqueFd> receive_terminal(Console& console);

}  // namespace oci::cli
