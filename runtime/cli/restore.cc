// SPDX-License-Identifier: Apache-2.0
// Makes a container from the files of a checkpoint. criu is the program of a plan that makes the
// cgroup with its limits; what it restores becomes our child, as `run`'s would be.
#include "runtime/translate/restore.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "ctrtool/core/base/rollback.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/resolve.h"
#include "ctrtool/core/kit/terminal.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/process.h"
#include "runtime/cli/criu.h"
#include "runtime/cli/launch.h"
#include "runtime/cli/path.h"
#include "runtime/cli/supervise.h"
#include "runtime/spec/json.h"
#include "runtime/spec/parse.h"
#include "runtime/state/id.h"

namespace oci::cli {
namespace {

using ctr::BorrowedFd;
using ctr::Kind;
using ctr::make_error;
using ctr::quote;
using ctr::Result;
using ctr::UniqueFd;

struct RestoreWords {
  LaunchOptions launch;
  CriuWords criu;
  std::string lsm_profile;
  std::string lsm_mount_context;
  bool tcp_close = false;
};

Syntax syntax_of(RestoreWords& o) {
  LaunchOptions& l = o.launch;
  Syntax syntax{
      .command = "restore",
      .help = "Makes a container from the files of a checkpoint, by criu(8).",
      .options =
          {
              {"bundle", 'b', "DIR", "directory with config.json", &l.bundle, "."},
              {"config", 'f', "FILE", "configuration, if it has another name", &l.config,
               "config.json"},
              {"console-socket", '\0', "SOCKET", "socket that receives the terminal",
               &l.console_socket},
              {"pid-file", '\0', "FILE", "write the pid of the container's process there",
               &l.pid_file},
              {"detach", 'd', "", "return as soon as the processes run", &l.detach},
              {"no-pivot", '\0', "", "accepted, without effect", &l.no_pivot},
              {"no-new-keyring", '\0', "", "accepted, without effect", &l.no_new_keyring},
              {"no-subreaper", '\0', "", "do not adopt the container's orphans", &l.no_subreaper},
          },
      .operands = {{"ID", Operand::kRequired, &l.id}},
  };
  const std::vector<Option> shared = criu_options(o.criu);
  syntax.options.insert(syntax.options.end(), shared.begin(), shared.end());
  const Option own[] = {
      {"tcp-close", '\0', "", "close the TCP connections that there were", &o.tcp_close},
      {"lsm-profile", '\0', "TYPE:NAME", "another AppArmor profile or SELinux label",
       &o.lsm_profile},
      {"lsm-mount-context", '\0', "CONTEXT", "another SELinux label for mounts",
       &o.lsm_mount_context},
  };
  syntax.options.insert(syntax.options.end(), std::begin(own), std::end(own));
  return syntax;
}

// --- what criu is told ---------------------------------------------------------------------------

// "pipe:[123]" of the checkpoint is our 0, 1 or 2 now. The file may be anything.
Result<void> add_descriptors(BorrowedFd images, criu::Options& options) {
  constexpr std::size_t kMost = 1U << 16;
  constexpr std::size_t kStdio = 3;
  std::string text = TRY(ctr::sys::read_file_at(images, kDescriptorsFile, kMost));
  const json::Document document =
      TRY_CTX(json::Document::parse(std::move(text)), "%s", kDescriptorsFile);
  int fd = 0;
  for (const json::Value element : document.root().elements()) {
    const auto target = element.as_string();
    if (static_cast<std::size_t>(fd) < kStdio && target.has_value() && target->starts_with("pipe:"))
      options.inherit_fd.push_back({std::string(*target), fd});
    ++fd;
  }
  return {};
}

// Where others' namespaces are: criu opens what it joins, and inherits what it must not make.
Result<std::vector<UniqueFd>> add_namespaces(const Spec& spec, criu::Options& options) {
  std::vector<UniqueFd> inherited;
  for (const Namespace& one : spec.linux_.namespaces) {
    if (one.path.empty()) continue;
    const std::string name(to_string(one.type));
    switch (one.type) {
      case NamespaceType::Network:
      case NamespaceType::Pid: {
        UniqueFd fd = TRY_CTX(ctr::sys::open(one.path, O_RDONLY), "%s namespace", name.c_str());
        options.inherit_fd.push_back({external_namespace(one.type), fd.raw()});
        inherited.push_back(std::move(fd));
        break;
      }
      case NamespaceType::Ipc:
      case NamespaceType::Uts:
      case NamespaceType::Time:
      case NamespaceType::User:
        options.join_ns.push_back({name, one.path});
        break;
      case NamespaceType::Mount:
        options.join_ns.push_back({"mnt", one.path});
        break;
      case NamespaceType::Cgroup:
        return make_error(Kind::Unsupported, "criu cannot restore into another's cgroup namespace");
    }
  }
  return inherited;
}

Result<void> add_mounts(const std::vector<ExternalMount>& mounts, criu::Options& options) {
  for (const ExternalMount& mount : mounts) {
    TRY(check_criu_path(mount.name));
    const std::string external = "mnt[" + mount.name + "]:" + mount.source;
    if (std::find(options.external.begin(), options.external.end(), external) ==
        options.external.end())
      options.external.push_back(external);
  }
  return {};
}

// --- the root file system ------------------------------------------------------------------------

bool is_below(std::string_view path, std::string_view directory) {
  return path.size() > directory.size() && path.starts_with(directory) &&
         path[directory.size()] == '/';
}

// What is mounted over has its mount points from whoever mounts it.
bool in_another_mount(const std::string& at, const Spec& spec) {
  return std::any_of(spec.mounts.begin(), spec.mounts.end(), [&](const Mount& other) {
    return is_below(at, absolute_path_in("/", other.destination));
  });
}

// Where a symbolic link leads to is the root file system's word, and that is not trusted (SEC-15).
Result<void> check_place(BorrowedFd root, const std::string& at) {
  const std::optional<UniqueFd> place = TRY(ctr::open_in_root_if_exists(root, at, O_PATH));
  if (!place.has_value()) return {};
  const std::string path = TRY(ctr::sys::readlinkat(ctr::kCwd, ctr::sys::proc_path(*place)));
  return check_criu_path(path);
}

Result<void> make_mount_point(BorrowedFd root, const std::string& at, const std::string& source,
                              bool bind) {
  ctr::Missing missing = ctr::Missing::Directory;
  if (bind) {
    const struct stat st = TRY(ctr::sys::fstatat(ctr::kCwd, source, 0));
    if (!S_ISDIR(st.st_mode)) missing = ctr::Missing::File;
  }
  TRY(ctr::ensure_in_root(root, at, missing, 0755));
  return {};
}

// As `create` would make them: criu mounts, and makes no mount points.
Result<void> make_mount_points(const Spec& spec, const ContainerState& state,
                               const std::vector<ExternalMount>& externals) {
  const UniqueFd root = TRY(ctr::sys::open(state.rootfs, O_PATH | O_DIRECTORY));
  for (std::size_t i = 0; i < spec.mounts.size(); ++i) {
    const std::string at = absolute_path_in("/", spec.mounts[i].destination);
    TRY_CTX(check_place(root, at), "/mounts/%zu", i);
    if (in_another_mount(at, spec)) continue;
    const auto bind = std::find_if(externals.begin(), externals.end(),
                                   [&](const ExternalMount& one) { return one.destination == at; });
    const bool is_bind = bind != externals.end();
    TRY_CTX(make_mount_point(root, at, is_bind ? bind->source : std::string(), is_bind),
            "/mounts/%zu", i);
  }
  return {};
}

// --- what criu tells -----------------------------------------------------------------------------

class Notices {
 public:
  Notices(hooks::Runner& runner, const Spec& spec, const Console& console)
      : runner_(runner), spec_(spec), console_(console) {}

  Result<void> take(criu::Notice& notice) {
    if (notice.script == "setup-namespaces") return run_hooks(notice.pid);
    if (notice.script == "orphan-pts-master") return take_terminal(std::move(notice.fd));
    return {};
  }
  UniqueFd terminal() { return std::move(terminal_); }

 private:
  // They set the network up, which the images know nothing of.
  Result<void> run_hooks(pid_t pid) {
    for (const ctr::HookStage stage : {ctr::HookStage::Prestart, ctr::HookStage::CreateRuntime})
      TRY(runner_.run(stage, translate_hooks(spec_.hooks, stage), pid, ctr::kNoFd));
    return {};
  }
  Result<void> take_terminal(UniqueFd master) {
    if (!master.valid()) return make_error(Kind::System, "criu sent no terminal");
    if (console_.to_child.valid() && !console_.own_end.valid())
      return ctr::send_terminal(console_.to_child, master);
    terminal_ = std::move(master);
    return {};
  }

  hooks::Runner& runner_;
  const Spec& spec_;
  const Console& console_;
  UniqueFd terminal_;
};

// --- the order -----------------------------------------------------------------------------------

struct Restored {
  Container container;
  pid_t pid;
  UniqueFd pidfd;
  UniqueFd terminal;
};

struct Inputs {
  CriuRequest request;
  std::vector<UniqueFd> namespaces;
};
Result<Inputs> read_inputs(const RestoreWords& words, const Draft& draft,
                           const ContainerState& state) {
  Inputs out;
  out.request = TRY(criu_request(words.criu, draft.spec, Images::MustExist, "restore.log"));
  criu::Options& options = out.request.options;
  options.root = state.rootfs;
  options.rst_sibling = true;
  options.evasive_devices = true;
  options.tcp_close = words.tcp_close;
  options.lsm_profile = words.lsm_profile;
  options.lsm_mount_context = words.lsm_mount_context;
  options.cg_root = state.cgroup.record.path;
  if (options.cg_root.empty()) options.manage_cgroups_mode = criu::CgroupMode::Ignore;
  TRY(add_descriptors(out.request.images, options));
  out.namespaces = TRY(add_namespaces(draft.spec, options));
  ctr::Cgroup cgroup;
  if (!state.cgroup.record.path.empty())
    cgroup = TRY(ctr::Cgroup::open(draft.cgroups, state.cgroup.record));
  const std::vector<ExternalMount> mounts = external_mounts(draft.spec, state.bundle, cgroup);
  TRY(add_mounts(mounts, options));
  TRY(make_mount_points(draft.spec, state, mounts));
  return out;
}

Result<pid_t> run_criu(const Draft& draft, const Inputs& inputs, Notices& notices,
                       BorrowedFd interrupted) {
  Criu::Ends ends = TRY(Criu::open());
  const Translation translation =
      translate_restore(draft.spec, draft.facts, draft.translate, criu_program(ends.theirs));
  TRY(first_error(translation.problems, "config.json"));
  ctr::ExecuteOptions execute{.cgroup_layout = &draft.cgroups, .interrupted = interrupted};
  std::vector<BorrowedFd> inherit;
  for (const UniqueFd& fd : inputs.namespaces) inherit.push_back(fd);
  Criu criu = TRY(Criu::start(std::move(ends), translation.plan, std::move(execute), inherit,
                              CriuOutput::Ours));
  const criu::Response answer =
      TRY(criu.ask(criu::RequestType::Restore, inputs.request,
                   [&](criu::Notice& notice) { return notices.take(notice); }));
  TRY(criu.end());
  return answer.restored;
}

// As at the end of `create`; criu, which was in there to restore it, has ended.
Result<void> finish_cgroup(const Draft& draft, const ContainerState& state) {
  if (state.cgroup.record.path.empty()) return {};
  const ctr::Cgroup cgroup = TRY(ctr::Cgroup::open(draft.cgroups, state.cgroup.record));
  cgroup.end_claim();
  if (cgroup.places().empty() || !divides_cgroup(draft.spec)) return {};
  return cgroup.pass_on_controllers();
}

Result<Restored> restore_container(const CommandContext& context, const RestoreWords& words) {
  TRY(check_id(words.launch.id));
  const LaunchOptions options = TRY(absolute_paths(words.launch));
  const StateRoot root(state_root(context.options));
  TRY(root.check_free(options.id));
  const Draft draft = TRY(read_draft(context, options));
  ContainerState state = TRY(first_record(context, options, draft));
  TRY(criu_works());
  const Inputs inputs = TRY(read_inputs(words, draft, state));

  TRY(root.make());
  ContainerDir dir = TRY(root.create(options.id));
  ctr::Rollback undo;
  undo.add([&] { static_cast<void>(dir.remove()); });
  const UniqueFd lock = TRY(dir.lock());
  const Console console = TRY(open_console(state.terminal, options.console_socket, options.detach));
  state.shared_root = TRY(survey_shared_root(state.rootfs));
  TRY(dir.save_new(state));
  TRY(dir.save_config(draft.config_text));
  // By its record, as `delete --force` would: whatever criu has left of it goes.
  undo.add([&] {
    static_cast<void>(destroy_container(context, {dir, state}, nullptr, options.interrupted));
  });
  hooks::RunnerOptions for_hooks = TRY(hook_options(state, draft.spec));
  hooks::Runner runner(std::move(for_hooks));
  Notices notices(runner, draft.spec, console);
  const pid_t pid = TRY(run_criu(draft, inputs, notices, options.interrupted));
  TRY(finish_cgroup(draft, state));
  TRY(unmount_shared_root(state));
  state.shared_root = {};
  UniqueFd pidfd = TRY(ctr::sys::pidfd_open(pid));
  state.init = TRY(identify(pid));
  note_cgroup(state, draft);
  TRY(dir.save(state));
  if (!options.pid_file.empty()) TRY(write_pid_file(options.pid_file, pid));
  undo.release();
  return Restored{{std::move(dir), std::move(state)}, pid, std::move(pidfd), notices.terminal()};
}

}  // namespace

Result<int> restore(const CommandContext& context, const Words& words) {
  RestoreWords given;
  given.launch.detach = false;
  if (TRY(parse_words(syntax_of(given), words)) == Parsed::kHelpShown) return 0;
  TRY(close_foreign_descriptors("0", context.log.fd()));
  SignalGate to_leave = TRY(SignalGate::close_to_leave());
  given.launch.interrupted = to_leave.fd();
  SignalGate gate = TRY(SignalGate::close());
  const bool detach = given.launch.detach;
  if (!detach && !given.launch.no_subreaper) TRY(become_subreaper());
  Result<Restored> made = restore_container(context, given);
  if (!made.ok())
    return failed_or_interrupted(context, "restore", std::move(made).error(), to_leave);
  Restored restored = std::move(made).value();
  if (detach) {
    gate.stay_closed();
    to_leave.stay_closed();
    return 0;
  }
  const Result<int> status = supervise(
      gate,
      {.pid = restored.pid, .pidfd = restored.pidfd, .terminal = std::move(restored.terminal)});
  const Result<void> destroyed =
      destroy_container(context, restored.container, nullptr, to_leave.fd());
  if (!destroyed.ok())
    return failed_or_interrupted(context, "restore", destroyed.error(), to_leave);
  return status;
}

}  // namespace oci::cli
