// SPDX-License-Identifier: Apache-2.0
// Which namespaces are new, which are joined, and in which order. Three shapes:
//
//   plain   clone with everything new at once; only the network namespace is made by the child
//           itself, so that the parent need not wait for it (400 us)
//   joined user namespace   the child joins it first, then makes the rest inside it, then clones
//           again if a pid namespace is among them
//   new user namespace and others joined   the child joins those while it still has the caller's
//           rights over them, then makes the user namespace, and is mapped after that
#include <linux/capability.h>
#include <sched.h>

#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/compat.h"
#include "runtime/translate/cgroup_steps.h"

namespace oci {
namespace {

using ctr::Phase;
using ctr::Point;

int flag_of(NamespaceType type) {
  switch (type) {
    case NamespaceType::Pid:
      return CLONE_NEWPID;
    case NamespaceType::Network:
      return CLONE_NEWNET;
    case NamespaceType::Mount:
      return CLONE_NEWNS;
    case NamespaceType::Ipc:
      return CLONE_NEWIPC;
    case NamespaceType::Uts:
      return CLONE_NEWUTS;
    case NamespaceType::User:
      return CLONE_NEWUSER;
    case NamespaceType::Cgroup:
      return CLONE_NEWCGROUP;
    case NamespaceType::Time:
      return CLONE_NEWTIME;
  }
  return 0;
}

Pointer pointer_of(const Spec& spec, NamespaceType type) {
  for (std::size_t i = 0; i < spec.linux_.namespaces.size(); ++i)
    if (spec.linux_.namespaces[i].type == type) return Pointer("/linux/namespaces").at(i);
  return Pointer("/linux/namespaces");
}

// New ones of the kinds that clone or unshare make together.
int new_flags(const Work& work) {
  int flags = 0;
  for (const NamespaceType type : {NamespaceType::Pid, NamespaceType::Mount, NamespaceType::Ipc,
                                   NamespaceType::Uts, NamespaceType::User})
    if (work.new_namespace(type)) flags |= flag_of(type);
  return flags;
}

// The mount namespace last: it changes what every later path means.
constexpr NamespaceType kJoinOrder[] = {NamespaceType::Ipc,     NamespaceType::Uts,
                                        NamespaceType::Network, NamespaceType::Cgroup,
                                        NamespaceType::Time,    NamespaceType::Mount};

void add_join(Work& work, NamespaceType type) {
  const Namespace* const found = find_namespace(work.spec.linux_, type);
  if (found == nullptr || found->path.empty()) return;
  work.child(Phase::Namespaces, ctr::JoinNamespace{flag_of(type), found->path},
             pointer_of(work.spec, type).at("path"));
}

void add_joins(Work& work) {
  for (const NamespaceType type : kJoinOrder) add_join(work, type);
}

bool joins_anything(const Work& work) {
  for (const NamespaceType type : kJoinOrder)
    if (work.joined_namespace(type)) return true;
  return false;
}

void add_clone_again(Work& work) {
  work.plan.add(Phase::Namespaces, ctr::Actor::Both, ctr::CloneAgain{});
}

std::string offsets_text(const TimeOffsets& offsets) {
  std::string text;
  const auto line = [&](const char* clock, const std::optional<TimeOffset>& offset) {
    if (offset.has_value())
      text +=
          ctr::strf("%s %lld %u\n", clock, static_cast<long long>(offset->secs), offset->nanosecs);
  };
  line("monotonic", offsets.monotonic);
  line("boottime", offsets.boottime);
  return text;
}

constexpr const char* kTimeOffsets = "run.oci.timens_offset";

// One line as the kernel's file has it (time_namespaces(7)): "monotonic 100 0", "7 -5 0".
ctr::Result<void> read_offset(std::string_view line, TimeOffsets& to) {
  const std::vector<std::string_view> words = ctr::split(line, ' ');
  if (words.size() != 3)
    return make_error(ctr::Kind::InvalidSpec, "%s is not a clock, seconds and nanoseconds",
                      ctr::quote(line).c_str());
  const bool monotonic = words[0] == "monotonic" || words[0] == "1";
  if (!monotonic && words[0] != "boottime" && words[0] != "7")
    return make_error(ctr::Kind::InvalidSpec, "%s is not a clock of a time namespace",
                      ctr::quote(words[0]).c_str());
  TimeOffset offset;
  offset.secs = TRY(ctr::parse_number<std::int64_t>(words[1]));
  offset.nanosecs = TRY(ctr::parse_number<std::uint32_t>(words[2]));
  if (offset.nanosecs >= 1000000000)
    return make_error(ctr::Kind::InvalidSpec, "%s is a second or more",
                      ctr::quote(words[2]).c_str());
  (monotonic ? to.monotonic : to.boottime) = offset;
  return {};
}

struct PlacedOffsets {
  TimeOffsets offsets;
  Pointer at;
};

// crun's annotation is older than linux.timeOffsets, which counts where both are there.
PlacedOffsets time_offsets(Work& work) {
  const TimeOffsets& given = work.spec.linux_.timeOffsets;
  const std::string annotated = work.annotation(kTimeOffsets);
  if (annotated.empty() || given.monotonic.has_value() || given.boottime.has_value())
    return {given, Pointer("/linux/timeOffsets")};
  PlacedOffsets out{{}, annotation_at(kTimeOffsets)};
  for (const std::string_view line : ctr::split(ctr::trim(annotated), '\n')) {
    const ctr::Result<void> read = read_offset(line, out.offsets);
    if (!read.ok()) work.problems.error(out.at, read.error().message);
  }
  return out;
}

// Counts for children, and since Linux 6.1 for the program after execve too.
void add_time(Work& work) {
  const PlacedOffsets placed = time_offsets(work);
  const std::string text = offsets_text(placed.offsets);
  if (!work.new_namespace(NamespaceType::Time)) {
    if (!text.empty()) work.problems.error(placed.at, "needs a new time namespace");
    return;
  }
  work.child(Phase::Namespaces, ctr::Unshare{CLONE_NEWTIME},
             pointer_of(work.spec, NamespaceType::Time));
  if (!text.empty()) work.child(Phase::Namespaces, ctr::SetTimeOffsets{text}, placed.at);
}

void add_network(Work& work) {
  if (!work.new_namespace(NamespaceType::Network)) return;
  const Pointer at = pointer_of(work.spec, NamespaceType::Network);
  work.child(Phase::Namespaces, ctr::Unshare{CLONE_NEWNET}, at);
  work.child(Phase::Namespaces, ctr::BringUpLoopback{}, at);
}

// user_namespaces(7): the two capabilities in the parent of the new user namespace, which is ours.
// The root of podman's rootless namespace has them, and no line in /etc/subuid.
bool may_write_maps(const ctr::HostFacts& facts) {
  return facts.effective.has(CAP_SETUID) && facts.effective.has(CAP_SETGID);
}

void add_maps(Work& work) {
  const Linux& config = work.spec.linux_;
  ctr::MapIds op;
  op.uids = translate_id_map(config.uidMappings, work.problems, Pointer("/linux/uidMappings"));
  op.gids = translate_id_map(config.gidMappings, work.problems, Pointer("/linux/gidMappings"));
  op.deny_setgroups = setgroups_denied(work);
  op.use_helpers = !may_write_maps(work.facts) && !op.deny_setgroups;
  work.parent(Phase::Namespaces, op, Pointer("/linux/uidMappings"));
  work.meet(Phase::Namespaces, Point::IdsMapped);
}

// One that appears late is not made yet.
void add_init_score(Work& work, ctr::Actor who) {
  if (work.spec.process.has_value() && !appears_late(work))
    add_oom_score(work, *work.spec.process, Pointer("/process"), who);
}

void add_early_parent(Work& work, const MountPlan& mounts) {
  work.plan.steps.insert(work.plan.steps.end(), mounts.early_parent.begin(),
                         mounts.early_parent.end());
}

std::string joined_pid(const Work& work) {
  return find_namespace(work.spec.linux_, NamespaceType::Pid)->path;
}

bool parent_enters_pid(const Work& work) {
  return work.joined_namespace(NamespaceType::Pid) && work.facts.privileged() &&
         !appears_late(work);
}

Pointer joined_pid_at(const Work& work) {
  return pointer_of(work.spec, NamespaceType::Pid).at("path");
}

void add_enter_pid(Work& work) {
  if (!parent_enters_pid(work)) return;
  work.parent(Phase::Namespaces, ctr::EnterPidNamespace{joined_pid(work)}, joined_pid_at(work));
}

// While the path still means what it meant to the caller.
void add_open_pid(Work& work) {
  if (appears_late(work))
    work.child(Phase::Namespaces, ctr::OpenPidNamespace{joined_pid(work)}, joined_pid_at(work));
}

// Joined by somebody without rights in our own namespace: in the child, which then clones again.
bool child_enters_pid(const Work& work) {
  return work.joined_namespace(NamespaceType::Pid) && !work.facts.privileged() &&
         !appears_late(work);
}

// Any but a user namespace takes CAP_SYS_ADMIN, which a user namespace gives (namespaces(7)).
void check_rights(Work& work) {
  if (work.facts.effective.has(CAP_SYS_ADMIN) || work.in_user_namespace() ||
      work.spec.linux_.namespaces.empty())
    return;
  work.problems.unsupported(Pointer("/linux/namespaces"),
                            "take CAP_SYS_ADMIN, unless a user namespace is among them");
}

void add_plain(Work& work) {
  work.parent(Phase::Namespaces, ctr::Clone{static_cast<std::uint64_t>(new_flags(work))},
              Pointer("/linux/namespaces"));
  const bool mapped = work.new_namespace(NamespaceType::User);
  add_init_score(work, child_enters_pid(work) && !mapped ? ctr::Actor::Child : ctr::Actor::Parent);
  if (mapped) add_maps(work);
  add_open_pid(work);
  add_joins(work);
  if (child_enters_pid(work)) {
    add_join(work, NamespaceType::Pid);
    add_clone_again(work);
  }
}

void add_joined_user(Work& work) {
  work.parent(Phase::Namespaces, ctr::Clone{0}, Pointer("/linux/namespaces"));
  const int flags = new_flags(work);
  const bool again = (flags & CLONE_NEWPID) != 0 || child_enters_pid(work);
  add_init_score(work, again ? ctr::Actor::Child : ctr::Actor::Parent);
  add_join(work, NamespaceType::User);
  add_joins(work);
  if (child_enters_pid(work)) add_join(work, NamespaceType::Pid);
  if (flags != 0) work.child(Phase::Namespaces, ctr::Unshare{flags}, Pointer("/linux/namespaces"));
  if (again) add_clone_again(work);
}

// Rights over a mount namespace are those over the user namespace that owns it.
void check_joined_mounts(Work& work) {
  if (work.new_namespace(NamespaceType::User) && work.joined_namespace(NamespaceType::Mount))
    work.problems.error(pointer_of(work.spec, NamespaceType::Mount).at("path"),
                        "from a new user namespace a joined mount namespace cannot be changed");
}

void add_late_user(Work& work) {
  work.parent(Phase::Namespaces, ctr::Clone{0}, Pointer("/linux/namespaces"));
  add_init_score(work, ctr::Actor::Parent);
  add_joins(work);
  work.child(Phase::Namespaces, ctr::Unshare{CLONE_NEWUSER},
             pointer_of(work.spec, NamespaceType::User));
  work.meet(Phase::Namespaces, Point::UserMade);
  add_maps(work);
  const int flags = new_flags(work) & ~CLONE_NEWUSER;
  if (flags != 0) work.child(Phase::Namespaces, ctr::Unshare{flags}, Pointer("/linux/namespaces"));
  if ((flags & CLONE_NEWPID) != 0) add_clone_again(work);
}

}  // namespace

// Whoever is in the joined pid namespace sees us there, and may trace us where no user namespace is
// between us: then we are born there when nothing of the host is left on us. Not if hooks are to
// know the container's process before its root is changed, for its number must stay; and not if the
// cgroup has no room for the two that we are for a moment.
bool appears_late(const Work& work) {
  const std::optional<Resources>& resources = work.spec.linux_.resources;
  const bool alone =
      resources.has_value() && resources->pids.has_value() && resources->pids->limit == 1;
  return work.joined_namespace(NamespaceType::Pid) && !work.in_user_namespace() &&
         !has_runtime_hooks(work.spec) && work.spec.hooks.createContainer.empty() && !alone;
}

void add_enter_opened_pid(Work& work) {
  work.child(Phase::Process, ctr::EnterPidNamespace{joined_pid(work)}, joined_pid_at(work));
}

// By the parent, unless the two halves do not meet before the child clones again: what it hands on
// to its successor is its own to set.
void add_oom_score(Work& work, const Process& process, const Pointer& at, ctr::Actor who) {
  if (process.oomScoreAdj.has_value())
    work.plan.add(Phase::Namespaces, who, ctr::SetOomScoreAdj{*process.oomScoreAdj},
                  at.at("oomScoreAdj").str());
}

// In a user namespace, or after the change of user, the child may only lower them; so it is born
// with them.
void add_raised_limits(Work& work, const Process& process, const Pointer& at) {
  if (process.rlimits.empty()) return;
  ctr::RaiseRlimits op;
  for (const Rlimit& limit : process.rlimits) {
    const std::optional<int> resource = ctr::find_spec_rlimit(limit.type);
    if (resource.has_value()) op.limits.push_back({*resource, limit.soft, limit.hard});
  }
  work.parent(Phase::Prepare, op, at.at("rlimits"));
}

void add_made_cgroup(Work& work) {
  if (work.options.cgroup.has_value() && !work.options.scope.has_value())
    work.parent(Phase::Prepare, ctr::MakeCgroup{*work.options.cgroup},
                Pointer("/linux/cgroupsPath"));
}

void add_clone_and_namespaces(Work& work, const MountPlan& mounts) {
  check_rights(work);
  add_made_cgroup(work);
  check_joined_mounts(work);
  add_early_parent(work, mounts);
  add_enter_pid(work);
  if (work.spec.process.has_value())
    add_raised_limits(work, *work.spec.process, Pointer("/process"));
  if (work.joined_namespace(NamespaceType::User)) {
    add_joined_user(work);
  } else if (work.new_namespace(NamespaceType::User) && joins_anything(work)) {
    add_late_user(work);
  } else {
    add_plain(work);
  }
  add_network(work);
  add_time(work);
}

}  // namespace oci
