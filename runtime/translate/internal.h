// SPDX-License-Identifier: Apache-2.0
// The translators of this room, one per part of the configuration. Each adds its steps to the plan;
// translate.cc has the one page that shows their order.
#pragma once

#include <optional>
#include <string>

#include "runtime/translate/translate.h"

namespace oci {

// Empty when there is none.
std::string annotation_of(const Spec& spec, const char* name);

struct Work {
  const Spec& spec;
  const ctr::HostFacts& facts;
  const TranslateOptions& options;
  ctr::ContainerPlan& plan;
  Problems& problems;

  bool new_namespace(NamespaceType type) const;
  std::string annotation(const char* name) const { return annotation_of(spec, name); }
  bool joined_namespace(NamespaceType type) const;
  bool in_user_namespace() const {
    return new_namespace(NamespaceType::User) || joined_namespace(NamespaceType::User);
  }
  void parent(ctr::Phase phase, ctr::Op op, const Pointer& from = Pointer()) {
    plan.add(phase, ctr::Actor::Parent, std::move(op), from.str());
  }
  void child(ctr::Phase phase, ctr::Op op, const Pointer& from = Pointer()) {
    plan.add(phase, ctr::Actor::Child, std::move(op), from.str());
  }
  void meet(ctr::Phase phase, ctr::Point point) {
    plan.add(phase, ctr::Actor::Both, ctr::Meet{point});
  }
};

// mounts.cc. Sources that must be opened before the clone, or before propagation changes.
struct MountPlan {
  std::vector<ctr::Step> early_parent;
  std::vector<ctr::Step> early_child;
  std::vector<ctr::Step> mounts;
  std::vector<ctr::Step> late;  // read-only that has to wait
  unsigned next_slot = 0;
  unsigned image_slot = 0;               // with a root on tmpfs
  std::optional<ctr::OpenNodes> nodes;   // devices that the parent makes
  std::optional<ctr::MountLabel> label;  // of what is mounted new
  bool bound_dev = false;                // /dev comes from the host: nothing is made in it
};
MountPlan plan_mounts(Work& work);
bool may_map_mounts(const Work& work);  // mount_setattr(2), MOUNT_ATTR_IDMAP

void add_clone_and_namespaces(Work& work, const MountPlan& mounts);  // namespaces.cc
bool appears_late(const Work& work);
void add_enter_opened_pid(Work& work);  // what the child clones from now on is born there
// What the child may not do any more in a user namespace, for the process of `at`.
void add_oom_score(Work& work, const Process& process, const Pointer& at,
                   ctr::Actor who = ctr::Actor::Parent);
void add_raised_limits(Work& work, const Process& process, const Pointer& at);
ctr::IdMap translate_id_map(const std::vector<IdMapping>& mappings, Problems& problems,
                            const Pointer& at);  // ids.cc
// Nothing for an ID that the maps do not have.
std::optional<std::uint32_t> host_id(const std::vector<IdMapping>& mappings, std::uint32_t id);
void add_delegation(Work& work);                 // cgroup.cc
std::string delegated_cgroup(const Work& work);  // its name; empty: there is none
Pointer annotation_at(const char* name);
// systemd.cc, instead of MakeCgroup.
void add_scope(Work& work, const ctr::CgroupResources& limits);
// user_namespaces(7): one's own ID can be mapped by oneself, if setgroups is given up; and what a user
// namespace has given up stays so in those below it.
bool setgroups_denied(const Work& work);
// Who makes what is made in the root: 0, or the first ID of a user namespace without 0.
ctr::BecomeRoot inner_root(const Work& work);  // translate.cc
// root.cc: the root on a tmpfs.
bool root_on_tmpfs(Work& work);
void plan_image(Work& work, MountPlan& mounts);
void add_tmpfs_root(Work& work);
void add_image(Work& work, const MountPlan& mounts);
// listen.cc: org.ctrtool.listen
void add_listen(Work& work);
// labels.cc
void add_labels(Work& work, const Process& process, const Pointer& at, ctr::Phase phase);
std::optional<ctr::MountLabel> mount_label(Work& work);
void add_rdt(Work& work);  // rdt.cc
// The groups that the container is in, made by `create`. False: there are none.
bool add_rdt_of_exec(Work& work);
// devices.cc
void plan_nodes(Work& work, MountPlan& mounts);
void add_devices(Work& work, const MountPlan& mounts);
void add_masks(Work& work);
void add_sysctls(Work& work);                                                          // sysctl.cc
void add_hooks(Work& work, ctr::Phase phase, ctr::Actor actor, ctr::HookStage stage);  // hooks.cc
bool has_runtime_hooks(const Spec& spec);

// process.cc: from the session to the program, for init and for exec alike.
struct ProcessPlan {
  const Process& process;
  Pointer at;
  bool is_init;
  std::string keyring;        // empty: none is joined
  bool appears_late = false;  // in a pid namespace of others: a clone of us, with its rights only
  bool gains_capabilities = false;  // all there are: it enters another user namespace
};
void add_process(Work& work, const ProcessPlan& process);
// Without a process there is a container, but nothing to start in it: the plan ends at the gate.
void add_idle_process(Work& work);
// scheduling.cc: the policy, set by either half; and the rest of what says where and when it runs.
void add_scheduler(Work& work, const ProcessPlan& process, ctr::Actor actor);
void add_scheduling(Work& work, const ProcessPlan& process);
// Who has deadlines may fork only if the child is let off (sched(7)), and the hooks of
// startContainer are children: what config.json says comes behind them then. It takes CAP_SYS_NICE.
bool has_scheduler_after_hooks(const Work& work, const ProcessPlan& process);
void add_scheduler_after_hooks(Work& work, const ProcessPlan& process);
// execCPUAffinity: `at` is what the process object is called; before and after it joins the cgroup.
void add_initial_affinity(Work& work, const Process& process, const Pointer& at);
void add_final_affinity(Work& work, const Process& process, const Pointer& at);

// seccomp.cc
// `listener`: the agent's socket, or empty.
ctr::SeccompProfile translate_seccomp(const Seccomp& seccomp, const std::string& listener,
                                      Problems& problems);

}  // namespace oci
