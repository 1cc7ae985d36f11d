// SPDX-License-Identifier: Apache-2.0
// config.json → ContainerPlan. Pure: what it must know of the host comes in as facts. A rule of the
// specification lives here; how the kernel wants it done lives in core/exec.
#pragma once

#include <sys/types.h>

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ctrtool/core/base/result.h"
#include "ctrtool/core/kit/cgroup.h"
#include "ctrtool/core/kit/facts.h"
#include "ctrtool/core/plan/plan.h"
#include "runtime/spec/problem.h"
#include "runtime/spec/spec.h"

namespace oci {

// The systemd driver's: the unit that is the container's cgroup.
struct ScopeOptions {
  ctr::ScopeName name;
  ctr::SystemdInstance instance = ctr::SystemdInstance::System;
  ctr::CgroupVersion version = ctr::CgroupVersion::V2;  // where the limits are
};

struct TranslateOptions {
  std::string id;
  std::string bundle;  // absolute
  // The cgroup to be made; nothing: none (the disabled driver, or a user who may not make any).
  std::optional<ctr::CgroupRecord> cgroup;
  std::optional<ScopeOptions> scope;  // systemd makes it, and `cgroup` is where that will be
  std::string resctrl;                // where it is mounted; empty: nowhere
  bool no_pivot = false;
  bool no_new_keyring = false;
  unsigned preserve_fds = 0;
  std::vector<std::string> extra_env;  // LISTEN_FDS and the like, unless the config says otherwise
  std::string seccomp_receiver;        // who gets the listener, unless the config says otherwise
  std::set<NamespaceType> callers;     // joined by their paths, and the caller's own all the same
};

struct Translation {
  ctr::ContainerPlan plan;
  std::vector<Problem> problems;  // with an error among them the plan must not be executed
};

// A whole container: create and run.
Translation translate(const Spec& spec, const ctr::HostFacts& facts,
                      const TranslateOptions& options);

// One more process in a running container: exec.
struct ExecTarget {
  std::string id;
  const Spec* spec = nullptr;  // the container's
  std::optional<ctr::CgroupRecord> cgroup;
  std::map<std::string, std::string> cgroups_below;  // by v1 controller
  std::string user_scope;  // the cgroup's, when only the user's systemd may move a process into it
  int namespaces = 0;      // CLONE_NEW* that differ from ours
  pid_t init = 0;  // of the container: without a mount namespace its root is found through it
  bool no_new_keyring = false;
  unsigned preserve_fds = 0;
  std::vector<std::string> extra_env;
  std::string seccomp_receiver;
  std::string resctrl;  // as in TranslateOptions
};
Translation translate_exec(const Process& process, const ExecTarget& target,
                           const ctr::HostFacts& facts);

// The hooks of one stage; poststart and poststop are not part of a plan.
std::vector<ctr::Hook> translate_hooks(const Hooks& hooks, ctr::HookStage stage);

// Without a mount namespace of its own: whether the container's mounts are made in the caller's, to
// be undone by whoever deletes it. In a user namespace it may not make any.
bool mounts_among_callers(const Spec& spec);

// The cgroup of a container whose config has no path: "/ID".
std::string default_cgroup_path(const Spec& spec, const std::string& id);
// The container's processes are in a cgroup of their own below the one with the limits.
bool divides_cgroup(const Spec& spec);
// The configuration wants its record to have what others look for in runc's.
bool wants_runc_record(const Spec& spec);
// The group of resctrl that linux.intelRdt means.
ctr::RdtGroup translate_rdt(const IntelRdt& rdt, const std::string& id);
// linux.resources with the device rules that every container has.
ctr::CgroupResources translate_resources(const std::optional<Resources>& resources,
                                         const ctr::HostFacts& facts);
// The same for a container that is there: absent device rules stay as they are.
ctr::CgroupResources translate_update(const Resources& resources, const ctr::HostFacts& facts);

}  // namespace oci
