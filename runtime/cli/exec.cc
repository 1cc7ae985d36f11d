// SPDX-License-Identifier: Apache-2.0
#include <sched.h>
#include <sys/stat.h>

#include <algorithm>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/compat.h"
#include "ctrtool/core/sys/file.h"
#include "runtime/cli/confine.h"
#include "runtime/cli/launch.h"
#include "runtime/cli/path.h"
#include "runtime/cli/supervise.h"
#include "runtime/spec/parse.h"
#include "runtime/state/report.h"

namespace oci::cli {
namespace {

using ctr::Kind;
using ctr::make_error;
using ctr::Result;
using ctr::UniqueFd;

struct ExecOptions {
  std::string id;
  Words program;
  std::string process_file;
  std::string console_socket;
  std::string pid_file;
  std::string pidfd_socket;
  std::string preserve_fds = "0";
  std::string cwd;
  std::string user;
  Words cgroups;
  std::string process_label;
  std::string apparmor;
  Words env;
  Words caps;
  Words additional_gids;
  bool detach = false;
  bool tty = false;
  bool no_new_privs = false;
  bool ignore_paused = false;
  bool no_subreaper = false;
};

Syntax syntax_of(ExecOptions& o) {
  return {
      .command = "exec",
      .help = "Runs one more program in a container.",
      .options =
          {
              {"process", 'p', "FILE", "a process object; nothing else says what to run",
               &o.process_file},
              {"detach", 'd', "", "return as soon as the program runs", &o.detach},
              {"tty", 't', "", "give it a terminal", &o.tty},
              {"console-socket", '\0', "SOCKET", "socket that receives the terminal",
               &o.console_socket},
              {"pid-file", '\0', "FILE", "write the program's pid there", &o.pid_file},
              {"pidfd-socket", '\0', "SOCKET", "socket that receives a pidfd of the program",
               &o.pidfd_socket},
              {"preserve-fds", '\0', "N", "descriptors 3 to 3+N-1 are for the program",
               &o.preserve_fds, "0"},
              {"cwd", '\0', "DIR", "working directory", &o.cwd, "the container's"},
              {"env", 'e', "NAME=VALUE", "one more variable", &o.env},
              {"user", 'u', "UID[:GID]", "user and group, as numbers", &o.user, "the container's"},
              {"additional-gids", 'g', "GID", "one more group", &o.additional_gids},
              {"cap", 'c', "CAP", "one more capability", &o.caps},
              {"no-new-privs", '\0', "", "set no_new_privs", &o.no_new_privs},
              {"process-label", '\0', "LABEL", "SELinux label", &o.process_label},
              {"apparmor", '\0', "PROFILE", "AppArmor profile", &o.apparmor},
              {"cgroup", '\0', "[CTRL[,CTRL]:]PATH",
               "existing cgroup below the container's, for all or (v1) some controllers",
               &o.cgroups},
              {"ignore-paused", '\0', "", "do not refuse a paused container", &o.ignore_paused},
              {"no-subreaper", '\0', "", "accepted, without effect", &o.no_subreaper},
          },
      .operands = {{"ID", Operand::kRequired, &o.id}},
      .options_end = Syntax::kFirstOperand,
      .rest_name = "PROGRAM [ARG...]",
      .rest = &o.program,
  };
}

Result<void> check_status(Status status, bool ignore_paused) {
  switch (status) {
    case Status::Created:
    case Status::Running:
      return {};
    case Status::Paused:
      if (ignore_paused) return {};
      return make_error(Kind::WrongState,
                        "cannot exec in a paused container (use --ignore-paused to override)");
    case Status::Creating:
    case Status::Stopped:
      break;
  }
  return make_error(Kind::WrongState, "cannot exec in a stopped container: container not running");
}

// "UID" or "UID:GID"; numbers only, because names would be looked up in a hostile file.
Result<void> set_user(const std::string& text, User& user) {
  if (text.empty()) return {};
  const std::size_t colon = text.find(':');
  user.uid = TRY_CTX(ctr::parse_id(std::string_view(text).substr(0, colon)), "option --user");
  if (colon != std::string::npos)
    user.gid = TRY_CTX(ctr::parse_id(std::string_view(text).substr(colon + 1)), "option --user");
  return {};
}

Result<void> add_caps(const Words& names, Process& process) {
  if (names.empty()) return {};
  if (!process.capabilities.has_value()) process.capabilities.emplace();
  Capabilities& caps = *process.capabilities;
  for (const std::string& name : names) {
    const std::optional<int> cap = ctr::find_cap(name);
    if (!cap.has_value())
      return make_error(Kind::InvalidSpec, "option --cap: %s is not a capability",
                        ctr::quote(name).c_str());
    // Ambient only what the container's own process could inherit (CVE-2022-29162).
    std::vector<std::vector<std::string>*> sets{&caps.bounding, &caps.effective, &caps.permitted};
    const std::string full = ctr::cap_name(*cap);
    if (std::find(caps.inheritable.begin(), caps.inheritable.end(), full) != caps.inheritable.end())
      sets.push_back(&caps.ambient);
    for (std::vector<std::string>* set : sets)
      if (std::find(set->begin(), set->end(), full) == set->end()) set->push_back(full);
  }
  return {};
}

Result<Process> process_from_words(const ExecOptions& options, const Process& base) {
  Process process = base;
  process.args = options.program;
  process.terminal = options.tty;
  process.consoleSize.reset();
  if (process.args.empty() || process.args.front().empty())
    return make_error(Kind::InvalidSpec, "no program to execute");
  if (!options.cwd.empty()) process.cwd = options.cwd;
  if (!process.cwd.starts_with('/'))
    return make_error(Kind::InvalidSpec, "option --cwd: %s is not absolute",
                      ctr::quote(process.cwd).c_str());
  for (const std::string& entry : options.env) {
    if (entry.find('=') == std::string::npos || entry.front() == '=')
      return make_error(Kind::InvalidSpec, "option --env: %s is not NAME=VALUE",
                        ctr::quote(entry).c_str());
    process.env.push_back(entry);
  }
  TRY(set_user(options.user, process.user));
  for (const std::string& gid : options.additional_gids) {
    if (!process.user.additionalGids.has_value()) process.user.additionalGids.emplace();
    process.user.additionalGids->push_back(TRY_CTX(ctr::parse_id(gid), "option --additional-gids"));
  }
  TRY(add_caps(options.caps, process));
  process.noNewPrivileges = process.noNewPrivileges || options.no_new_privs;
  if (!options.apparmor.empty()) process.apparmorProfile = options.apparmor;
  if (!options.process_label.empty()) process.selinuxLabel = options.process_label;
  return process;
}

// Confinement that the file does not mention is the container's: exec is never looser than run.
Result<Process> process_from_file(const std::string& file, const Process& base) {
  const std::string text = TRY(read_config_file(file));
  Process process = TRY(first_error(parse_process(text), file));
  if (!process.capabilities.has_value()) process.capabilities = base.capabilities;
  if (process.apparmorProfile.empty()) process.apparmorProfile = base.apparmorProfile;
  if (process.selinuxLabel.empty()) process.selinuxLabel = base.selinuxLabel;
  if (process.rlimits.empty()) process.rlimits = base.rlimits;
  if (!process.oomScoreAdj.has_value()) process.oomScoreAdj = base.oomScoreAdj;
  return process;
}

// Nothing: it cannot be told.
std::optional<bool> in_our_namespace(pid_t pid, const char* kind) {
  const Result<struct stat> own =
      ctr::sys::fstatat(ctr::kCwd, ctr::strf("/proc/self/ns/%s", kind), 0);
  const Result<struct stat> theirs =
      ctr::sys::fstatat(ctr::kCwd, ctr::strf("/proc/%d/ns/%s", pid, kind), 0);
  if (!own.ok() || !theirs.ok()) return std::nullopt;
  return own->st_ino == theirs->st_ino && own->st_dev == theirs->st_dev;
}

// Those that config.json names, whatever the container's first process has made of them since.
int named_namespaces(const Container& container, const Spec& spec) {
  struct Flag {
    NamespaceType type;
    int flag;
  };
  constexpr Flag kFlags[] = {
      {NamespaceType::Pid, CLONE_NEWPID},       {NamespaceType::Network, CLONE_NEWNET},
      {NamespaceType::Mount, CLONE_NEWNS},      {NamespaceType::Ipc, CLONE_NEWIPC},
      {NamespaceType::Uts, CLONE_NEWUTS},       {NamespaceType::User, CLONE_NEWUSER},
      {NamespaceType::Cgroup, CLONE_NEWCGROUP}, {NamespaceType::Time, CLONE_NEWTIME},
  };
  int flags = 0;
  for (const Flag& entry : kFlags)
    if (find_namespace(spec.linux_, entry.type) != nullptr) flags |= entry.flag;
  // Joining the user namespace that we are in already is an error of setns(2).
  if ((flags & CLONE_NEWUSER) != 0 && in_our_namespace(container.state.init.pid, "user") == true)
    flags &= ~CLONE_NEWUSER;
  return flags;
}

// And those that it is in all the same: criu restores into a time namespace of its own, and a
// program may leave the host's. A user namespace would need id maps that config.json has not, the
// root of a mount namespace is found through the process, and nobody leaves a pid namespace.
int found_namespaces(pid_t init, int named) {
  struct Flag {
    int flag;
    const char* file;
  };
  constexpr Flag kFlags[] = {{CLONE_NEWTIME, "time"},
                             {CLONE_NEWCGROUP, "cgroup"},
                             {CLONE_NEWNET, "net"},
                             {CLONE_NEWIPC, "ipc"},
                             {CLONE_NEWUTS, "uts"}};
  int flags = 0;
  for (const Flag& entry : kFlags)
    if ((named & entry.flag) == 0 && in_our_namespace(init, entry.file) == false)
      flags |= entry.flag;
  return flags;
}

int namespaces_of(const Container& container, const Spec& spec, const ctr::HostFacts& facts) {
  const int named = named_namespaces(container, spec);
  return facts.privileged() ? named | found_namespaces(container.state.init.pid, named) : named;
}

// One --cgroup: "PATH", or "CTRL[,CTRL]:PATH" for single v1 controllers.
Result<void> add_cgroup(const std::string& word, ExecTarget& target) {
  const std::string root = target.cgroup->path;
  const std::size_t colon = word.find(':');
  const bool for_some = colon < word.find('/');
  const std::string below = for_some ? word.substr(colon + 1) : word;
  const std::string path = TRY(ctr::normalize_cgroup_path(below));
  if (!for_some) {
    target.cgroup = ctr::CgroupRecord{root + path, {}};
    return {};
  }
  for (const std::string_view controller : ctr::split(std::string_view(word).substr(0, colon), ','))
    target.cgroups_below[std::string(controller)] = path;
  return {};
}

Result<void> choose_cgroup(const Container& container, const Words& words, ExecTarget& target) {
  const ContainerCgroup& cgroup = container.state.cgroup;
  if (cgroup.record.path.empty()) return {};
  target.cgroup = cgroup_record(container.state);
  // A user's scope is not below our own cgroup, and then only its systemd may move a process in.
  if (!cgroup.scope.empty() && cgroup.systemd == ctr::SystemdInstance::User && words.empty())
    target.user_scope = cgroup.scope;
  const auto for_all = std::count_if(words.begin(), words.end(), [](const std::string& word) {
    return word.find(':') >= word.find('/');
  });
  if (for_all > 1 || (for_all == 1 && words.size() > 1))
    return make_error(Kind::InvalidSpec,
                      "option --cgroup: one cgroup for all controllers, or some "
                      "for each, not both");
  for (const std::string& word : words) TRY_CTX(add_cgroup(word, target), "option --cgroup");
  return {};
}

// What is known before anything is made.
struct ExecDraft {
  Container container;
  Status status;
  Spec spec;
  bool terminal;
  ctr::CgroupLayout cgroups;  // empty: the container has none
  Translation translation;
};

Result<Translation> translate_process(const Process& process, const ExecOptions& options,
                                      const Container& container, const Spec& spec) {
  const ctr::HostFacts facts = TRY(ctr::read_host_facts());
  ExecTarget target;
  target.id = options.id;
  target.spec = &spec;
  TRY(choose_cgroup(container, options.cgroups, target));
  target.namespaces = namespaces_of(container, spec, facts);
  target.init = container.state.init.pid;
  target.no_new_keyring = container.state.callers_keyring;
  target.preserve_fds = TRY(preserved_descriptors(options.preserve_fds));
  target.extra_env = socket_activation_env();
  target.seccomp_receiver = seccomp_plugins(spec).empty()
                                ? seccomp_receiver()
                                : plugin_socket(container.dir.path(), std::to_string(::getpid()));
  if (spec.linux_.intelRdt.has_value()) target.resctrl = TRY(mounted_resctrl());
  Translation translation = translate_exec(process, target, facts);
  TRY(first_error(translation.problems, "process"));
  return translation;
}

Result<ExecDraft> read_exec_draft(const CommandContext& context, const ExecOptions& options) {
  ctr::Trace::Scope looking(context.trace, "look at the container");
  Container container = TRY(find_container(context, options.id));
  const Status status = TRY(container_status(container.dir, container.state));
  TRY(check_status(status, options.ignore_paused));
  Spec spec = TRY(load_spec(container.dir));
  Process base = spec.process.value_or(Process());
  if (base.cwd.empty()) base.cwd = "/";
  const Process process = options.process_file.empty()
                              ? TRY(process_from_words(options, base))
                              : TRY(process_from_file(options.process_file, base));
  ctr::CgroupLayout cgroups;
  if (!container.state.cgroup.record.path.empty()) cgroups = TRY(ctr::discover_cgroups());
  looking.end();
  const ctr::Trace::Scope translating(context.trace, "translate");
  Translation translation = TRY(translate_process(process, options, container, spec));
  return ExecDraft{std::move(container), status,
                   std::move(spec),      process.terminal,
                   std::move(cgroups),   std::move(translation)};
}

}  // namespace

Result<int> exec(const CommandContext& context, const Words& words) {
  ExecOptions options;
  const Syntax syntax = syntax_of(options);
  if (TRY(parse_words(syntax, words)) == Parsed::kHelpShown) return 0;
  TRY(close_foreign_descriptors(options.preserve_fds, context.log.fd()));
  SignalGate to_leave = TRY(SignalGate::close_to_leave());
  SignalGate gate = TRY(SignalGate::close());
  const ExecDraft draft = TRY(read_exec_draft(context, options));
  const ContainerState& state = draft.container.state;

  ctr::Trace::Scope preparing(context.trace, "set up");
  const std::optional<UniqueFd> init = TRY(open_process(state.init));
  if (!init.has_value()) return not_running(draft.container);
  Console console = TRY(open_console(draft.terminal, options.console_socket, options.detach));
  const UniqueFd cache = open_seccomp_cache(StateRoot(state_root(context.options)), draft.spec);
  ctr::ExecuteOptions execute{.trace = context.trace, .cgroup_layout = &draft.cgroups};
  execute.target = *init;
  execute.seccomp_cache = cache;
  execute.interrupted = to_leave.fd();
  execute.process_state = [&](pid_t pid) {
    return seccomp_process_state(state, to_string(draft.status), pid,
                                 listener_metadata(draft.spec));
  };
  execute.console_socket = std::move(console.to_child);
  std::optional<PluginHost> plugins = TRY(start_plugins(
      draft.translation.plan, draft.spec, draft.container.dir.path(), state, options.detach));
  if (plugins.has_value()) execute.process_state = nothing_to_tell;
  Result<ctr::Prepared> made = ctr::prepare(draft.translation.plan, std::move(execute));
  if (!made.ok()) return failed_or_interrupted(context, "exec", std::move(made).error(), to_leave);
  ctr::Prepared prepared = std::move(made).value();
  UniqueFd terminal = TRY(receive_terminal(console));
  if (!options.pidfd_socket.empty()) TRY(send_pidfd(options.pidfd_socket, prepared.pidfd()));
  preparing.end();
  ctr::Trace::Scope starting(context.trace, "start the program");
  TRY(prepared.go());
  if (plugins.has_value()) plugins->let_go();
  if (context.trace != nullptr) context.trace->end_child();
  starting.end();
  // Only now: engines take a missing pid file for "the program did not start".
  if (!options.pid_file.empty()) TRY(write_pid_file(options.pid_file, prepared.pid()));
  if (options.detach) {
    gate.stay_closed();
    to_leave.stay_closed();
    return 0;
  }
  const ctr::Trace::Scope running(context.trace, "wait for the program");
  confine_to_waiting(context);
  return supervise(
      gate, {.pid = prepared.pid(), .pidfd = prepared.pidfd(), .terminal = std::move(terminal)});
}

}  // namespace oci::cli
