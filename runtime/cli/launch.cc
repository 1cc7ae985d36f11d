// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/launch.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <utility>

#include "ctrtool/core/base/rollback.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/exec/gate.h"
#include "ctrtool/core/kit/systemd.h"
#include "ctrtool/core/sys/file.h"
#include "hooks/runner.h"
#include "runtime/cli/global.h"
#include "runtime/cli/notify.h"
#include "runtime/cli/path.h"
#include "runtime/spec/parse.h"
#include "runtime/state/id.h"
#include "runtime/state/report.h"
#include "runtime/state/runc_record.h"

namespace oci::cli {
namespace {

using ctr::Kind;
using ctr::make_error;
using ctr::Result;
using ctr::Trace;
using ctr::UniqueFd;

bool may_make_cgroups(const ctr::CgroupLayout& layout) {
  for (const ctr::CgroupHierarchy& hierarchy : layout.hierarchies)
    if (::faccessat(AT_FDCWD, hierarchy.mountpoint.c_str(), W_OK, AT_EACCESS) != 0) return false;
  return !layout.hierarchies.empty();
}

// Without the right to make cgroups a container runs in the caller's, unless limits were asked for.
Result<void> choose_cgroupfs(Draft& draft) {
  const ctr::CgroupLayout& layout = draft.cgroups;
  const bool limited =
      ctr::has_limits(translate_resources(draft.spec.linux_.resources, draft.facts));
  if (!limited && !draft.facts.privileged() && !may_make_cgroups(layout)) return {};
  const std::string path = default_cgroup_path(draft.spec, draft.translate.id);
  draft.translate.cgroup = TRY_CTX(ctr::Cgroup::survey(layout, path), "/linux/cgroupsPath");
  return {};
}

// crun's annotation: the container's cgroup is this one below the unit's. Empty: there is none.
Result<std::string> subgroup(const StringMap& annotations) {
  constexpr const char* kSubgroup = "run.oci.systemd.subgroup";
  const auto found = annotations.find(kSubgroup);
  if (found == annotations.end() || found->second.empty()) return std::string();
  std::string path =
      TRY_CTX(ctr::normalize_cgroup_path(found->second), "/annotations/%s", kSubgroup);
  return path;
}

// Only the user's own manager is there for those who are not root on the host.
Result<void> choose_scope(Draft& draft, ctr::BorrowedFd interrupted) {
  const ctr::CgroupLayout& layout = draft.cgroups;
  ScopeOptions scope;
  scope.instance =
      draft.facts.privileged() ? ctr::SystemdInstance::System : ctr::SystemdInstance::User;
  scope.version =
      layout.kind == ctr::CgroupKind::V2 ? ctr::CgroupVersion::V2 : ctr::CgroupVersion::V1;
  scope.name = TRY_CTX(
      ctr::parse_scope_name(draft.spec.linux_.cgroupsPath, draft.translate.id, scope.instance),
      "/linux/cgroupsPath");
  ctr::Systemd manager = TRY(ctr::Systemd::connect(scope.instance, {.interrupted = interrupted}));
  const std::string root = TRY(manager.cgroup_root());
  const std::string unit = root + ctr::unit_path(scope.name);
  const std::string below = TRY(subgroup(draft.spec.annotations));
  ctr::CgroupRecord record =
      TRY_CTX(ctr::Cgroup::survey(layout, unit + below), "/linux/cgroupsPath");
  // The slices above it are systemd's in every hierarchy.
  const auto above = static_cast<unsigned>(std::count(unit.begin(), unit.end(), '/') - 1);
  record.existed = {{"", above}};
  draft.translate.cgroup = std::move(record);
  draft.translate.scope = std::move(scope);
  return {};
}

Result<void> choose_cgroup(const CommandContext& context, Draft& draft,
                           ctr::BorrowedFd interrupted) {
  const CgroupDriver driver = context.options.driver;
  if (driver == CgroupDriver::Disabled || draft.cgroups.kind == ctr::CgroupKind::None) return {};
  TRY(driver == CgroupDriver::Systemd ? choose_scope(draft, interrupted) : choose_cgroupfs(draft));
  if (!draft.translate.cgroup.has_value()) return {};
  // The same ID may be in another state root at the same time.
  const ProcessIdentity self = TRY(identify(::getpid()));
  draft.translate.cgroup->owner = ctr::strf("%s %d %llu", draft.translate.id.c_str(), self.pid,
                                            static_cast<unsigned long long>(self.start_time));
  return {};
}

// What goes with the container, so that `delete` finds it whatever becomes of us.
std::vector<std::string> rdt_record(const Draft& draft) {
  const std::optional<IntelRdt>& rdt = draft.spec.linux_.intelRdt;
  std::vector<std::string> paths;
  if (!rdt.has_value() || draft.translate.resctrl.empty()) return paths;
  for (const std::string& name : ctr::rdt_directories(translate_rdt(*rdt, draft.translate.id)))
    paths.push_back(draft.translate.resctrl + "/" + name);
  return paths;
}

// Recorded means ours to remove: what is there before is not.
Result<void> check_rdt_is_new(const std::vector<std::string>& directories) {
  for (const std::string& path : directories)
    if (TRY(ctr::sys::exists(ctr::kCwd, path)))
      return make_error(Kind::Exists, "/linux/intelRdt: %s exists", ctr::quote(path).c_str());
  return {};
}

// The specification wants the poststop hooks run for a container whose creation failed too.
void run_poststop(const CommandContext& context, hooks::Runner& runner, const Spec& spec) {
  const std::vector<ctr::Hook> list = translate_hooks(spec.hooks, ctr::HookStage::Poststop);
  for (const std::string& warning : runner.run_all(ctr::HookStage::Poststop, list, 0))
    context.log.warning(warning);
}

// Started by a service manager: the program's messages come to a socket of ours.
bool add_notify_socket(const std::string& state_directory, Draft& draft) {
  const char* const manager = ::getenv("NOTIFY_SOCKET");
  if (manager == nullptr || *manager == '\0') return false;
  Mount mount;
  mount.destination = kNotifyAt;
  mount.type = "bind";
  mount.source = state_directory + "/" + kNotifyDirectory;
  mount.options = {"bind", "ro", "nosuid", "nodev", "noexec"};
  draft.spec.mounts.push_back(std::move(mount));
  draft.translate.extra_env.emplace_back(kNotifyVariable);
  return true;
}

// As with crun a container has plugins or an agent.
Result<std::string> find_agent(const CommandContext& context, const Draft& draft) {
  std::string receiver = seccomp_receiver();
  if (seccomp_plugins(draft.spec).empty()) return receiver;
  if (!receiver.empty())
    return make_error(Kind::InvalidSpec,
                      "config.json: /annotations/run.oci.seccomp.plugins: cannot be had together "
                      "with a seccomp agent, which RUN_OCI_SECCOMP_RECEIVER names");
  return plugin_socket(state_root(context.options) + "/" + draft.translate.id, "init");
}

// The option, or crun's annotation for it.
std::string pidfd_socket(const LaunchOptions& options, const Spec& spec) {
  const auto annotated = spec.annotations.find("run.oci.pidfd_receiver");
  const bool given = !options.pidfd_socket.empty() || annotated == spec.annotations.end();
  return given ? options.pidfd_socket : annotated->second;
}

// An engine may give a container on the host's network the names that the host has.
bool changes_names(const Spec& spec) {
  utsname now{};
  if (::uname(&now) != 0) return true;
  return (!spec.hostname.empty() && spec.hostname != now.nodename) ||
         (!spec.domainname.empty() && spec.domainname != now.domainname);
}

// What is to be set in a namespace must not be set in ours, by whatever path it is joined.
std::set<NamespaceType> callers_namespaces(const Spec& spec) {
  constexpr std::pair<NamespaceType, const char*> kOwn[] = {
      {NamespaceType::Network, "/proc/self/ns/net"},
      {NamespaceType::Ipc, "/proc/self/ns/ipc"},
      {NamespaceType::Uts, "/proc/self/ns/uts"}};
  std::set<NamespaceType> found;
  if (spec.linux_.sysctl.empty() && spec.hostname.empty() && spec.domainname.empty()) return found;
  for (const auto& [type, path] : kOwn) {
    const Namespace* const joined = find_namespace(spec.linux_, type);
    if (joined == nullptr || joined->path.empty()) continue;
    const Result<struct stat> own = ctr::sys::fstatat(ctr::kCwd, path, 0);
    const Result<struct stat> theirs = ctr::sys::fstatat(ctr::kCwd, joined->path, 0);
    if (!own.ok() || !theirs.ok() || own->st_dev != theirs->st_dev || own->st_ino != theirs->st_ino)
      continue;
    if (type != NamespaceType::Uts || changes_names(spec) || !spec.linux_.sysctl.empty())
      found.insert(type);
  }
  return found;
}

// Another creation of that name may be what is in the way of this one.
Result<Draft> read_draft_of_new(const CommandContext& context, const LaunchOptions& options,
                                const StateRoot& root) {
  Result<Draft> draft = read_draft(context, options);
  if (draft.ok()) return draft;
  const Result<void> is_free = root.check_free(options.id);
  return is_free.ok() ? std::move(draft) : is_free.error();
}

Result<void> check_root(const std::string& rootfs) {
  const struct stat st = TRY_CTX(ctr::sys::fstatat(ctr::kCwd, rootfs, 0), "/root/path");
  if (!S_ISDIR(st.st_mode))
    return make_error(Kind::InvalidSpec, "/root/path: %s is not a directory",
                      ctr::quote(rootfs).c_str());
  return {};
}

Result<Translation> translate_draft(const CommandContext& context, const Draft& draft) {
  const Trace::Scope scope(context.trace, "translate");
  Translation translation = translate(draft.spec, draft.facts, draft.translate);
  TRY(first_error(translation.problems, "config.json"));
  for (const Problem& problem : translation.problems)
    context.log.warning("config.json: " + problem.text());
  return translation;
}

// Unless the caller wants no container any more: who waits for its process learns of it.
Result<void> tell_of(const ctr::Prepared& prepared, const LaunchOptions& options,
                     const Spec& spec) {
  if (options.interrupted.valid() && TRY(ctr::sys::poll(options.interrupted, POLLIN, 0)))
    return make_error(Kind::System, "interrupted by a signal");
  if (const ctr::Cgroup* cgroup = prepared.made_cgroup()) cgroup->end_claim();
  if (!options.pid_file.empty()) TRY(write_pid_file(options.pid_file, prepared.pid()));
  const std::string pidfd_to = pidfd_socket(options, spec);
  if (!pidfd_to.empty()) TRY(send_pidfd(pidfd_to, prepared.pidfd()));
  return {};
}

}  // namespace

std::string listener_metadata(const Spec& spec) {
  return spec.linux_.seccomp.has_value() ? spec.linux_.seccomp->listenerMetadata : std::string();
}

std::string seccomp_receiver() {
  const char* const path = ::getenv("RUN_OCI_SECCOMP_RECEIVER");
  return path != nullptr ? path : "";
}

UniqueFd open_seccomp_cache(const StateRoot& root, const Spec& spec) {
  if (!spec.linux_.seccomp.has_value()) return {};
  const std::string path = root.path() + "/.seccomp";
  Result<UniqueFd> dir = ctr::sys::open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (dir.ok()) return std::move(dir).value();
  if (!ctr::sys::mkdirat(ctr::kCwd, path, 0700).ok()) return {};
  dir = ctr::sys::open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  return dir.ok() ? std::move(dir).value() : UniqueFd();
}

std::vector<Option> launch_options(LaunchOptions& o) {
  return {
      {"bundle", 'b', "DIR", "directory with config.json", &o.bundle, "."},
      {"config", 'f', "FILE", "configuration, if it has another name", &o.config, "config.json"},
      {"console-socket", '\0', "SOCKET", "socket that receives the terminal", &o.console_socket},
      {"pid-file", '\0', "FILE", "write the pid of the container's process there", &o.pid_file},
      {"pidfd-socket", '\0', "SOCKET", "socket that receives a pidfd of that process",
       &o.pidfd_socket},
      {"no-pivot", '\0', "", "move the root and chroot instead of pivot_root", &o.no_pivot},
      {"no-new-keyring", '\0', "", "keep the caller's session keyring", &o.no_new_keyring},
      {"preserve-fds", '\0', "N", "descriptors 3 to 3+N-1 are for the program", &o.preserve_fds,
       "0"},
      {"no-subreaper", '\0', "", "do not adopt the container's orphans", &o.no_subreaper},
  };
}

Result<Draft> read_draft(const CommandContext& context, const LaunchOptions& options) {
  Draft draft;
  Trace::Scope reading(context.trace, "read config.json");
  const std::string bundle = TRY_CTX(real_path(options.bundle), "option --bundle");
  draft.translate.bundle = bundle;
  draft.config_text = TRY(read_config_file(absolute_path_in(bundle, options.config)));
  oci::Parsed<Spec> parsed = parse_spec(draft.config_text);
  for (const Problem& problem : parsed.problems)
    if (problem.severity == Problem::Warning) context.log.debug("config.json: " + problem.text());
  draft.spec = TRY(first_error(std::move(parsed)));
  reading.end();
  const Trace::Scope looking(context.trace, "look at the host");
  draft.facts = TRY(ctr::read_host_facts());
  draft.cgroups = TRY(ctr::discover_cgroups());
  draft.translate.id = options.id;
  draft.translate.no_pivot = options.no_pivot;
  draft.translate.no_new_keyring = options.no_new_keyring;
  draft.translate.preserve_fds = TRY(preserved_descriptors(options.preserve_fds));
  draft.translate.extra_env = socket_activation_env();
  draft.translate.seccomp_receiver = TRY(find_agent(context, draft));
  draft.translate.callers = callers_namespaces(draft.spec);
  if (draft.spec.linux_.intelRdt.has_value()) draft.translate.resctrl = TRY(mounted_resctrl());
  TRY(choose_cgroup(context, draft, options.interrupted));
  return draft;
}

Result<LaunchOptions> absolute_paths(const LaunchOptions& options) {
  LaunchOptions out = options;
  for (std::string* path : {&out.console_socket, &out.pid_file, &out.pidfd_socket})
    if (!path->empty()) *path = TRY(absolute_path(*path));
  return out;
}

Result<ContainerState> first_record(const CommandContext& context, const LaunchOptions& options,
                                    const Draft& draft) {
  ContainerState state;
  state.oci_version = draft.spec.ociVersion;
  state.id = options.id;
  state.bundle = draft.translate.bundle;
  state.rootfs = absolute_path_in(draft.translate.bundle, draft.spec.root.path);
  state.created = ctr::rfc3339_now();
  state.owner = draft.facts.euid;
  state.annotations = draft.spec.annotations;
  state.cgroup.driver = context.options.driver;
  if (draft.translate.cgroup.has_value()) state.cgroup.record = *draft.translate.cgroup;
  if (draft.translate.scope.has_value()) {
    state.cgroup.scope = draft.translate.scope->name.unit;
    state.cgroup.systemd = draft.translate.scope->instance;
  }
  state.rdt_directories = rdt_record(draft);
  const Namespace* const pid = find_namespace(draft.spec.linux_, NamespaceType::Pid);
  state.own_pid_namespace = pid != nullptr && pid->path.empty();
  state.no_process = !draft.spec.process.has_value();
  state.terminal = draft.spec.process.has_value() && draft.spec.process->terminal;
  state.detached = options.detach;
  state.callers_keyring = options.no_new_keyring;
  state.has_poststart_hooks = !draft.spec.hooks.poststart.empty();
  state.has_poststop_hooks = !draft.spec.hooks.poststop.empty();
  for (int fd = 0; fd <= 2; ++fd) {
    const Result<std::string> target =
        ctr::sys::readlinkat(ctr::kCwd, ctr::strf("/proc/self/fd/%d", fd));
    state.external_descriptors.push_back(target.ok() ? *target : "/dev/null");
  }
  TRY(check_root(state.rootfs));
  TRY(check_rdt_is_new(state.rdt_directories));
  return state;
}

void note_cgroup(ContainerState& state, const Draft& draft) {
  ctr::Cgroup cgroup;
  if (!state.cgroup.record.path.empty()) {
    Result<ctr::Cgroup> opened = ctr::Cgroup::open(draft.cgroups, cgroup_record(state));
    if (opened.ok()) cgroup = std::move(opened).value();
    state.cgroup.freezer = freezer_file(cgroup);
    auto inode = cgroup.inode();
    if (inode.ok()) state.cgroup.record.inode = std::move(inode).value();
  }
  if (wants_runc_record(draft.spec)) state.as_runc = runc_record(draft.spec, state, cgroup);
}

Result<hooks::RunnerOptions> hook_options(const ContainerState& state, const Spec& spec) {
  hooks::RunnerOptions options;
  options.state = [state](std::string_view status, pid_t pid) {
    return hook_state(state, status, pid);
  };
  options.bundle = state.bundle;
  if (spec.process.has_value()) options.container_env = spec.process->env;
  TRY(open_hook_files(state, options));
  return options;
}

Result<Launched> launch(const CommandContext& context, const LaunchOptions& words) {
  TRY(check_id(words.id));
  const LaunchOptions options = TRY(absolute_paths(words));
  const StateRoot root(state_root(context.options));
  TRY(root.check_free(options.id));
  Draft draft = TRY(read_draft_of_new(context, options, root));
  const bool notify = add_notify_socket(root.path() + "/" + options.id, draft);
  const Translation translation = TRY(translate_draft(context, draft));
  const std::vector<UniqueFd> reserved = TRY(reserve_descriptors(translation.plan));
  Trace::Scope recording(context.trace, "make the record");
  ContainerState state = TRY(first_record(context, options, draft));

  TRY(root.make());
  ContainerDir dir = TRY(root.create(options.id));
  ctr::Rollback undo;
  undo.add([&dir] { static_cast<void>(dir.remove()); });
  if (mounts_among_callers(draft.spec)) state.shared_root = TRY(survey_shared_root(state.rootfs));
  undo.add([&state] { static_cast<void>(unmount_shared_root(state)); });
  undo.add([&state] { static_cast<void>(remove_rdt_groups(state)); });
  const UniqueFd lock = TRY(dir.lock());
  // Connected now: engines unlink the path after one accept, and later it may be out of sight.
  Console console = TRY(open_console(state.terminal, options.console_socket, options.detach));
  TRY(dir.save_new(state));
  TRY(dir.save_config(draft.config_text));

  if (notify) {
    const UniqueFd state_directory = TRY(ctr::sys::open(dir.path(), O_PATH | O_DIRECTORY));
    TRY(make_notify_directory(state_directory));
  }

  hooks::RunnerOptions for_hooks = TRY(hook_options(state, draft.spec));
  for_hooks.interrupted = options.interrupted;
  hooks::Runner runner(std::move(for_hooks));
  const UniqueFd cache = open_seccomp_cache(root, draft.spec);
  ctr::ExecuteOptions execute{
      .hooks = &runner, .trace = context.trace, .cgroup_layout = &draft.cgroups};
  execute.seccomp_cache = cache;
  execute.interrupted = options.interrupted;
  execute.process_state = [&](pid_t pid) {
    return seccomp_process_state(state, "created", pid, listener_metadata(draft.spec));
  };
  std::optional<PluginHost> plugins =
      TRY(start_plugins(translation.plan, draft.spec, dir.path(), state, options.detach));
  if (plugins.has_value()) execute.process_state = nothing_to_tell;
  execute.console_socket = std::move(console.to_child);
  execute.gate = TRY(ctr::make_gate(dir.gate_path()));
  recording.end();
  Trace::Scope preparing(context.trace, "set up");
  Result<ctr::Prepared> prepared = ctr::prepare(translation.plan, std::move(execute));
  preparing.end();
  const Trace::Scope saving(context.trace, "save the record");
  if (!prepared.ok()) {
    undo.run();
    run_poststop(context, runner, draft.spec);
    return std::move(prepared).error();
  }
  UniqueFd terminal = TRY(receive_terminal(console));
  state.init = TRY(identify(prepared->pid()));
  note_cgroup(state, draft);
  TRY(dir.save(state));
  TRY(tell_of(*prepared, options, draft.spec));
  undo.release();
  return Launched{{std::move(dir), std::move(state)},
                  std::move(plugins),
                  std::move(prepared).value(),
                  std::move(terminal),
                  notify};
}

Result<int> failed_or_interrupted(const CommandContext& context, const char* command,
                                  ctr::Error error, const SignalGate& to_leave) {
  const std::optional<int> signal = to_leave.take();
  if (!signal.has_value()) return error;
  report_failure(context.log, command, error);
  return 128 + *signal;
}

}  // namespace oci::cli
