// SPDX-License-Identifier: Apache-2.0
#include "runtime/translate/translate.h"

#include <sched.h>
#include <sys/mount.h>

#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/compat.h"
#include "runtime/translate/cgroup_steps.h"

namespace oci {
namespace {

using ctr::Actor;
using ctr::Phase;
using ctr::Point;

enum class RootMode : std::uint8_t { Bind, Tmpfs };

constexpr const char* kRuncState = "org.ctrtool.runc-state";

void check_runc_state(Work& work) {
  const std::string asked = work.annotation(kRuncState);
  if (!asked.empty() && asked != "true" && asked != "false")
    work.problems.error(annotation_at(kRuncState), "must be true or false");
}

std::string absolute(const std::string& path, const std::string& base) {
  return path.starts_with('/') ? path : base + "/" + path;
}

void append(Work& work, const std::vector<ctr::Step>& steps) {
  work.plan.steps.insert(work.plan.steps.end(), steps.begin(), steps.end());
}

bool is_cgroup_mount(const ctr::Step& step) {
  const auto* const fs = step.op.as<ctr::MountFs>();
  return step.op.is<ctr::MountCgroups>() || (fs != nullptr && fs->type == "cgroup");
}

void add_tree(Work& work, const MountPlan& mounts) {
  bool joined = false;
  for (const ctr::Step& step : mounts.mounts) {
    if (is_cgroup_mount(step) && !joined) {
      add_cgroup_join(work);
      joined = true;
    }
    work.plan.steps.push_back(step);
  }
  if (!joined) add_cgroup_join(work);
  if (!mounts.bound_dev) add_devices(work, mounts);
}

unsigned long propagation_flags(RootfsPropagation value) {
  switch (value) {
    case RootfsPropagation::Private:
      return MS_PRIVATE;
    case RootfsPropagation::Shared:
      return MS_SHARED;
    case RootfsPropagation::Slave:
      return MS_SLAVE;
    case RootfsPropagation::Unbindable:
      return MS_UNBINDABLE;
    case RootfsPropagation::Rprivate:
      return MS_PRIVATE | MS_REC;
    case RootfsPropagation::Rshared:
      return MS_SHARED | MS_REC;
    case RootfsPropagation::Rslave:
      return MS_SLAVE | MS_REC;
    case RootfsPropagation::Runbindable:
      return MS_UNBINDABLE | MS_REC;
  }
  return MS_PRIVATE;
}

bool has_mount_namespace(const Spec& spec) {
  return find_namespace(spec.linux_, NamespaceType::Mount) != nullptr;
}

// Nothing made in the new mount namespace reaches the host, what the host mounts later may still
// reach binds that want it. Without one the root is a private mount among the host's: to detach it
// is to undo all that was mounted in it.
void add_root(Work& work, const MountPlan& mounts, RootMode mode) {
  append(work, mounts.early_child);
  if (has_mount_namespace(work.spec))
    work.child(Phase::Tree, ctr::SetPropagation{"/", MS_SLAVE | MS_REC});
  if (mode == RootMode::Tmpfs) {
    add_tmpfs_root(work);
  } else {
    work.child(Phase::Tree, ctr::BindRoot{absolute(work.spec.root.path, work.options.bundle)},
               Pointer("/root/path"));
  }
}

// In a user namespace the child acts as its root from here on; the bundle was opened as the caller,
// who may look where that root may not.
void add_identity(Work& work) {
  if (work.in_user_namespace()) work.child(Phase::Namespaces, inner_root(work));
}

void add_names(Work& work) {
  const auto check = [&](const Pointer& at) {
    if (work.options.callers.contains(NamespaceType::Uts))
      work.problems.error(at, "the uts namespace is the caller's: it would change the host");
    return at;
  };
  if (!work.spec.hostname.empty())
    work.child(Phase::Namespaces, ctr::SetHostname{work.spec.hostname},
               check(Pointer("/hostname")));
  if (!work.spec.domainname.empty())
    work.child(Phase::Namespaces, ctr::SetDomainname{work.spec.domainname},
               check(Pointer("/domainname")));
}

void add_working_directory(Work& work) {
  if (work.spec.process.has_value() && work.spec.process->cwd != "/")
    work.child(Phase::Tree, ctr::MakeDirectory{.at = work.spec.process->cwd},
               Pointer("/process/cwd"));
}

void add_terminal(Work& work) {
  const Process& process = *work.spec.process;
  ctr::OpenTerminal op;
  op.uid = process.user.uid;
  op.controls = !appears_late(work);
  if (process.consoleSize.has_value()) {
    op.rows = process.consoleSize->height;
    op.columns = process.consoleSize->width;
  }
  work.child(Phase::Tree, op, Pointer("/process/terminal"));
}

// The network namespace is there by now, whoever made it; the hooks may want to see the devices.
void add_net_devices(Work& work) {
  ctr::MoveNetDevices op;
  for (const auto& [name, device] : work.spec.linux_.netDevices)
    op.devices.push_back({name, device.name.empty() ? name : device.name});
  if (!op.devices.empty()) work.parent(Phase::Tree, op, Pointer("/linux/netDevices"));
}

// Mounts done, before the pivot: here the hooks may still look at both sides.
void add_create_hooks(Work& work) {
  if (has_runtime_hooks(work.spec) || !work.spec.linux_.netDevices.empty()) {
    work.meet(Phase::Tree, Point::MountsDone);
    add_net_devices(work);
    add_hooks(work, Phase::Tree, Actor::Parent, ctr::HookStage::Prestart);
    add_hooks(work, Phase::Tree, Actor::Parent, ctr::HookStage::CreateRuntime);
    work.meet(Phase::Tree, Point::HooksDone);
  }
  add_hooks(work, Phase::Tree, Actor::Child, ctr::HookStage::CreateContainer);
}

// Last, so that nothing of ours is executed under them, but while the host's /proc is in sight.
void add_init_labels(Work& work) {
  if (work.spec.process.has_value())
    add_labels(work, *work.spec.process, Pointer("/process"), Phase::Pivot);
}

void add_pivot(Work& work, const MountPlan& mounts) {
  append(work, mounts.late);
  add_masks(work);
  add_sysctls(work);
  if (work.spec.root.readonly) {
    ctr::SetMountAttrs op{.at = "/"};
    op.attrs.set = MOUNT_ATTR_RDONLY;
    work.child(Phase::Pivot, op, Pointer("/root/readonly"));
  }
  add_init_labels(work);
  if (has_mount_namespace(work.spec)) {
    work.child(Phase::Pivot, ctr::PivotRoot{work.options.no_pivot});
  } else {
    work.child(Phase::Pivot, ctr::ChangeRoot{});
  }
  if (work.spec.linux_.rootfsPropagation.has_value())
    work.child(Phase::Pivot,
               ctr::SetPropagation{"/", propagation_flags(*work.spec.linux_.rootfsPropagation)},
               Pointer("/linux/rootfsPropagation"));
}

// From a user namespace the host's mounts cannot be added to.
void add_bare_root(Work& work) {
  const auto refuse = [&](bool asked_for, const char* pointer) {
    if (asked_for) work.problems.error(Pointer(pointer), "needs a mount namespace");
  };
  refuse(!work.spec.mounts.empty(), "/mounts");
  refuse(!work.spec.linux_.maskedPaths.empty(), "/linux/maskedPaths");
  refuse(!work.spec.linux_.readonlyPaths.empty(), "/linux/readonlyPaths");
  refuse(work.spec.root.readonly, "/root/readonly");
  add_cgroup_join(work);
  add_init_labels(work);
  work.child(Phase::Pivot, ctr::ChangeRoot{absolute(work.spec.root.path, work.options.bundle)},
             Pointer("/root/path"));
}

// Since version 1.3 of the specification. Engines that write older ones mean no limit by 0
// (`podman run --pids-limit -1`).
bool zero_is_a_pids_limit(std::string_view oci_version) {
  const std::vector<std::string_view> numbers = ctr::split(oci_version, '.');
  if (numbers.size() < 2) return true;
  const ctr::Result<unsigned> minor = ctr::parse_number<unsigned>(numbers[1]);
  return !minor.ok() || *minor >= 3;
}

}  // namespace

// The limits are set while the child is busy with its mounts.
void add_cgroup_limits(Work& work) {
  const Pointer at = Pointer("/linux/resources");
  ctr::CgroupResources limits = translate_resources(work.spec.linux_.resources, work.facts);
  if (limits.pids_limit == 0 && !zero_is_a_pids_limit(work.spec.ociVersion)) limits.pids_limit = -1;
  for (ctr::LimitProblem& problem : ctr::check_limits(limits))
    work.problems.error(Pointer(at.str() + problem.pointer), std::move(problem.message));
  if (work.options.cgroup.has_value()) {
    if (work.options.scope.has_value()) add_scope(work, limits);
    work.parent(Phase::Cgroup, ctr::LimitCgroup{std::move(limits)}, at);
  }
  add_delegation(work);
}

// Before a cgroup namespace is made, and before cgroups are mounted, the process must be in its
// own.
void add_cgroup_join(Work& work) {
  if (work.options.cgroup.has_value()) {
    work.meet(Phase::Cgroup, Point::CgroupMade);
    work.child(Phase::Cgroup, ctr::JoinCgroup{});
  }
  if (work.new_namespace(NamespaceType::Cgroup)) work.child(Phase::Cgroup, ctr::UnshareCgroup{});
}

bool Work::new_namespace(NamespaceType type) const {
  const Namespace* const found = find_namespace(spec.linux_, type);
  return found != nullptr && found->path.empty();
}

std::string annotation_of(const Spec& spec, const char* name) {
  const auto found = spec.annotations.find(name);
  return found != spec.annotations.end() ? found->second : std::string();
}

Pointer annotation_at(const char* name) { return Pointer("/annotations").at(name); }

bool Work::joined_namespace(NamespaceType type) const {
  const Namespace* const found = find_namespace(spec.linux_, type);
  return found != nullptr && !found->path.empty();
}

bool mounts_among_callers(const Spec& spec) {
  return !has_mount_namespace(spec) && find_namespace(spec.linux_, NamespaceType::User) == nullptr;
}

ctr::BecomeRoot inner_root(const Work& work) {
  const auto first_inside = [](const std::vector<IdMapping>& maps) {
    for (const IdMapping& map : maps)
      if (map.containerID == 0) return 0U;
    return maps.empty() ? 0U : maps.front().containerID;
  };
  ctr::BecomeRoot op;
  op.clear_groups = work.facts.privileged();
  op.uid = first_inside(work.spec.linux_.uidMappings);
  op.gid = first_inside(work.spec.linux_.gidMappings);
  return op;
}

std::string default_cgroup_path(const Spec& spec, const std::string& id) {
  return spec.linux_.cgroupsPath.empty() ? "/" + id : spec.linux_.cgroupsPath;
}

bool wants_runc_record(const Spec& spec) { return annotation_of(spec, kRuncState) == "true"; }

Translation translate(const Spec& spec, const ctr::HostFacts& facts,
                      const TranslateOptions& options) {
  Translation out;
  Problems problems;
  Work work{spec, facts, options, out.plan, problems};
  out.plan.id = options.id;
  out.plan.preserve_fds = options.preserve_fds;
  // Steps are large, and each time their list grew it would move to memory not touched before.
  constexpr std::size_t kUsualSteps = 128;
  out.plan.steps.reserve(kUsualSteps);
  if (!spec.process.has_value())
    problems.warning(Pointer("/process"), "is required to start the container");

  const bool may_mount = has_mount_namespace(spec) || mounts_among_callers(spec);
  MountPlan mounts = may_mount ? plan_mounts(work) : MountPlan{};
  const RootMode mode = root_on_tmpfs(work) ? RootMode::Tmpfs : RootMode::Bind;
  if (mode == RootMode::Tmpfs) plan_image(work, mounts);
  if (may_mount && !mounts.bound_dev) plan_nodes(work, mounts);
  add_clone_and_namespaces(work, mounts);
  add_names(work);
  check_runc_state(work);
  add_cgroup_limits(work);
  const bool late = appears_late(work);
  if (!late) add_rdt(work);
  if (may_mount) {
    add_root(work, mounts, mode);
    add_identity(work);
    if (mode == RootMode::Tmpfs) add_image(work, mounts);
    add_tree(work, mounts);
    add_working_directory(work);
    if (spec.process.has_value() && spec.process->terminal) {
      if (!late) work.child(Phase::Tree, ctr::NewSession{});
      add_terminal(work);
    }
    add_create_hooks(work);
    add_pivot(work, mounts);
  } else {
    add_identity(work);
    add_bare_root(work);
  }
  add_listen(work);
  if (spec.process.has_value()) {
    const std::string keyring =
        options.no_new_keyring ? std::string() : std::string("_ses.") + options.id;
    const bool callers = options.callers.contains(NamespaceType::User);
    add_process(work, {*spec.process, Pointer("/process"), true, keyring, late,
                       work.in_user_namespace() && !callers});
  } else {
    add_idle_process(work);
  }
  out.problems = std::move(problems).take();
  return out;
}

Translation translate_exec(const Process& process, const ExecTarget& target,
                           const ctr::HostFacts& facts) {
  Translation out;
  Problems problems;
  TranslateOptions options;
  options.id = target.id;
  options.cgroup = target.cgroup;
  options.no_new_keyring = target.no_new_keyring;
  options.preserve_fds = target.preserve_fds;
  options.extra_env = target.extra_env;
  options.seccomp_receiver = target.seccomp_receiver;
  options.resctrl = target.resctrl;
  Work work{*target.spec, facts, options, out.plan, problems};
  out.plan.id = target.id;
  out.plan.preserve_fds = target.preserve_fds;

  const bool by_systemd = !target.user_scope.empty();
  if (target.cgroup.has_value() && !by_systemd)
    work.parent(Phase::Cgroup, ctr::OpenCgroup{*target.cgroup, target.cgroups_below});
  // Born where whoever is inside sees it, at once or only when nothing of the host is left on it.
  // The first is enough where nobody inside may trace it: a user namespace of their own lets them
  // trace what is in there, and not what is undumpable.
  const bool joins_pid = (target.namespaces & CLONE_NEWPID) != 0;
  const bool seen_at_birth =
      joins_pid && (target.namespaces & CLONE_NEWUSER) != 0 && facts.privileged();
  const bool seen_late = joins_pid && !seen_at_birth;
  // Where they may trace, without the capabilities that they lack.
  const bool may_be_traced = (target.namespaces & CLONE_NEWUSER) == 0;
  const bool seen_last = seen_late && may_be_traced;
  if (seen_at_birth) work.parent(Phase::Namespaces, ctr::EnterPidNamespace{});
  add_raised_limits(work, process, Pointer());
  work.parent(Phase::Namespaces, ctr::Clone{0});
  add_initial_affinity(work, process, Pointer());
  if (by_systemd)
    work.parent(Phase::Cgroup,
                ctr::AttachScope{ctr::SystemdInstance::User, target.user_scope, *target.cgroup});
  const bool moved_by_parent = add_rdt_of_exec(work) || by_systemd;
  if (moved_by_parent) work.meet(Phase::Cgroup, Point::CgroupMade);
  if (target.cgroup.has_value() && !by_systemd) work.child(Phase::Cgroup, ctr::JoinCgroup{});
  add_final_affinity(work, process, Pointer());
  add_labels(work, process, Pointer(), Phase::Namespaces);
  if (!has_mount_namespace(*target.spec))
    work.child(Phase::Namespaces, ctr::ChangeRoot{ctr::strf("/proc/%d/root", target.init)});
  const int joined = seen_at_birth ? target.namespaces & ~CLONE_NEWPID : target.namespaces;
  if (joined != 0) work.child(Phase::Namespaces, ctr::JoinProcess{joined});
  if (seen_late && !seen_last)
    work.plan.add(Phase::Namespaces, ctr::Actor::Both, ctr::CloneAgain{.lends_memory = true});
  if (!seen_last) add_oom_score(work, process, Pointer());  // of who goes on
  const bool other_user_namespace = (target.namespaces & CLONE_NEWUSER) != 0;
  if (other_user_namespace) add_identity(work);
  if (!seen_last) work.child(Phase::Process, ctr::NewSession{});
  if (process.terminal) {
    ctr::OpenTerminal op{.uid = process.user.uid, .on_console = false, .controls = !seen_last};
    if (process.consoleSize.has_value()) {
      op.rows = process.consoleSize->height;
      op.columns = process.consoleSize->width;
    }
    work.child(Phase::Process, op, Pointer("/terminal"));
  }
  const std::string keyring =
      target.no_new_keyring ? std::string() : std::string("_ses.") + target.id;
  add_process(work, {process, Pointer(), false, keyring, seen_last, other_user_namespace});
  out.problems = std::move(problems).take();
  return out;
}

}  // namespace oci
