// SPDX-License-Identifier: Apache-2.0
// process: from the session to the program. What can fail is done before the start is waited for;
// what would weaken us or be charged to the program comes after.
#include <linux/bpf_common.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "ctrtool/core/base/base64.h"
#include "ctrtool/core/base/strf.h"
#include "runtime/translate/internal.h"

namespace oci {
namespace {

using ctr::Phase;
using ctr::Point;

// config.md wants a name that the kernel has nothing for logged, and the rest granted: it may come
// from a newer one.
ctr::CapSet translate_caps(const std::vector<std::string>& names, Problems& problems,
                           const Pointer& at) {
  ctr::CapSet set;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::optional<int> cap = ctr::find_spec_cap(names[i]);
    if (cap.has_value()) {
      set.add(*cap);
    } else {
      problems.warning(at.at(i), ctr::strf("%s is not a capability that is known here; ignored",
                                           ctr::quote(names[i]).c_str()));
    }
  }
  return set;
}

// What we do not hold cannot be handed on, unless in a user namespace, where whoever enters it has
// all. config.md wants a warning, and the container nevertheless.
void leave_out_what_we_lack(ctr::CapSets& sets, const ctr::CapSet& ours, Problems& problems,
                            const Pointer& at) {
  const ctr::CapSet held = sets.permitted | sets.effective | sets.inheritable | sets.ambient;
  const ctr::CapSet lacking = held - ours;
  if (lacking.empty()) return;
  problems.warning(at, ctr::cap_names(lacking) + " cannot be granted: we do not hold that");
  for (ctr::CapSet* set : {&sets.permitted, &sets.effective, &sets.inheritable, &sets.ambient})
    *set = *set & ours;
}

// Absent capabilities are none: what a program was not given it does not have.
ctr::CapSets translate_capabilities(const Work& work, const ProcessPlan& plan, const Pointer& at) {
  const Process& process = plan.process;
  Problems& problems = work.problems;
  ctr::CapSets sets;
  if (!process.capabilities.has_value()) return sets;
  const Capabilities& caps = *process.capabilities;
  sets.bounding = translate_caps(caps.bounding, problems, at.at("bounding"));
  sets.effective = translate_caps(caps.effective, problems, at.at("effective"));
  sets.inheritable = translate_caps(caps.inheritable, problems, at.at("inheritable"));
  sets.permitted = translate_caps(caps.permitted, problems, at.at("permitted"));
  sets.ambient = translate_caps(caps.ambient, problems, at.at("ambient"));
  // What the kernel would refuse to raise is not granted; the parser has warned of it.
  sets.ambient = sets.ambient & sets.permitted & sets.inheritable;
  for (const ctr::CapProblem& problem : ctr::check_cap_sets(sets))
    problems.error(at.at(ctr::cap_kind_name(problem.kind)), problem.message);
  if (!plan.gains_capabilities) leave_out_what_we_lack(sets, work.facts.permitted, problems, at);
  return sets;
}

struct Limits {
  std::vector<ctr::RlimitSetting> before_user;  // raising needs a capability
  std::vector<ctr::RlimitSetting> at_start;     // would stop us: few descriptors, no memory
};

Limits translate_rlimits(const Process& process, Problems& problems, const Pointer& at) {
  Limits out;
  for (std::size_t i = 0; i < process.rlimits.size(); ++i) {
    const Rlimit& limit = process.rlimits[i];
    const std::optional<int> resource = ctr::find_spec_rlimit(limit.type);
    if (!resource.has_value()) {
      problems.error(at.at(i).at("type"),
                     ctr::strf("%s is not a resource limit", ctr::quote(limit.type).c_str()));
      continue;
    }
    constexpr std::uint64_t kEnoughDescriptors = 256;
    const ctr::RlimitSetting setting{*resource, limit.soft, limit.hard};
    const bool tight = *resource != RLIMIT_NOFILE || limit.soft < kEnoughDescriptors;
    const bool would_stop_us = *resource == RLIMIT_AS || *resource == RLIMIT_DATA ||
                               *resource == RLIMIT_STACK || *resource == RLIMIT_FSIZE ||
                               *resource == RLIMIT_CPU || *resource == RLIMIT_NPROC ||
                               *resource == RLIMIT_NOFILE;
    if (tight && would_stop_us) {
      // The hard limit may have to be raised while that is allowed; the soft one falls at the
      // start.
      out.at_start.push_back(setting);
    } else {
      out.before_user.push_back(setting);
    }
  }
  return out;
}

bool has_variable(const std::vector<std::string>& env, const std::string& name) {
  for (const std::string& entry : env)
    if (entry.starts_with(name + "=")) return true;
  return false;
}

// Of a variable given twice the last one counts, and the program sees one.
std::vector<std::string> environment(const Process& process,
                                     const std::vector<std::string>& extra) {
  std::vector<std::string> out;
  for (auto entry = process.env.rbegin(); entry != process.env.rend(); ++entry)
    if (!has_variable(out, entry->substr(0, entry->find('=')))) out.push_back(*entry);
  std::vector<std::string> ordered(out.rbegin(), out.rend());
  for (const std::string& entry : extra)
    if (!has_variable(ordered, entry.substr(0, entry.find('=')))) ordered.push_back(entry);
  return ordered;
}

ctr::SetUser translate_user(const Work& work, const Process& process) {
  ctr::SetUser op;
  op.uid = process.user.uid;
  op.gid = process.user.gid;
  if (process.user.additionalGids.has_value()) op.groups = *process.user.additionalGids;
  const bool kept = work.annotation("run.oci.keep_original_groups") == "1";
  op.set_groups = !kept && !setgroups_denied(work);
  op.umask = process.user.umask.value_or(022);
  return op;
}

struct SeccompAgent {
  std::string path;
  Pointer at;
};

constexpr const char* kPlugins = "run.oci.seccomp.plugins";

// crun's annotation: files divided by colons. A name without a slash is for the dynamic loader to
// find.
void check_plugins(Work& work, const std::string& text) {
  const Pointer at = annotation_at(kPlugins);
  std::size_t count = 0;
  for (const std::string_view plugin : ctr::split(text, ':')) {
    count += plugin.empty() ? 0 : 1;
    if (!plugin.starts_with('/') && plugin.find('/') != std::string_view::npos)
      work.problems.error(at, ctr::quote(plugin) + " must be an absolute path, or a mere name");
  }
  if (count == 0) work.problems.error(at, "names no plugin");
}

// Where config.json names nobody who answers notifications, crun's annotation may, and then its
// variable. Or there are plugins, for which we have an agent of our own.
SeccompAgent seccomp_agent(Work& work) {
  constexpr const char* kReceiver = "run.oci.seccomp.receiver";
  const Pointer at("/linux/seccomp/listenerPath");
  const std::optional<Seccomp>& seccomp = work.spec.linux_.seccomp;
  const std::string listener = seccomp.has_value() ? seccomp->listenerPath : std::string();
  const std::string annotated = work.annotation(kReceiver);
  const std::string plugins = work.annotation(kPlugins);
  if (!plugins.empty()) {
    check_plugins(work, plugins);
    if (!listener.empty() || !annotated.empty())
      work.problems.error(annotation_at(kPlugins), "cannot be had together with a seccomp agent");
    const bool known = !work.options.seccomp_receiver.empty();
    return {known ? work.options.seccomp_receiver : "plugins", annotation_at(kPlugins)};
  }
  if (!listener.empty()) return {listener, at};
  SeccompAgent agent{work.options.seccomp_receiver, at};
  if (!annotated.empty()) agent = {annotated, annotation_at(kReceiver)};
  if (!agent.path.empty() && !agent.path.starts_with('/'))
    work.problems.error(agent.at, ctr::quote(agent.path) + " must be an absolute path");
  return agent;
}

// A filter that somebody else compiled (crun's annotation) takes the place of linux.seccomp.
constexpr const char* kRawFilter = "run.oci.seccomp_bpf_data";
constexpr const char* kStrictNames = "run.oci.seccomp_fail_unknown_syscall";

bool may_notify(const sock_filter& instruction) {
  const bool notifies =
      (instruction.k & SECCOMP_RET_ACTION_FULL) == static_cast<unsigned>(SECCOMP_RET_USER_NOTIF);
  return instruction.code == (BPF_RET | BPF_A) ||
         (instruction.code == (BPF_RET | BPF_K) && notifies);
}

std::optional<unsigned> add_raw_filter(Work& work, const std::string& text,
                                       const SeccompAgent& agent) {
  const Pointer at = Pointer("/annotations").at(kRawFilter);
  const ctr::Result<std::string> bytes = ctr::decode_base64(text);
  const std::size_t size = bytes.ok() ? bytes->size() : 0;
  if (size == 0 || size % sizeof(sock_filter) != 0 || size / sizeof(sock_filter) > BPF_MAXINSNS) {
    work.problems.error(at, "must be a BPF program of at most 4096 instructions in base64");
    return std::nullopt;
  }
  std::vector<sock_filter> program(size / sizeof(sock_filter));
  std::memcpy(program.data(), bytes->data(), size);
  const bool asks = !agent.path.empty() && std::ranges::any_of(program, may_notify);
  work.parent(Phase::Process, ctr::LoadSeccomp{std::move(program)}, at);
  if (asks) work.parent(Phase::Process, ctr::ConnectSeccompAgent{agent.path}, agent.at);
  work.meet(Phase::Process, Point::SeccompReady);
  return asks ? static_cast<unsigned>(SECCOMP_FILTER_FLAG_NEW_LISTENER) : 0;
}

void check_names(Work& work, const ctr::SeccompProfile& profile, const Pointer& at) {
  const auto strict = work.spec.annotations.find(kStrictNames);
  if (strict == work.spec.annotations.end() || strict->second == "0") return;
  for (const ctr::SeccompProblem& problem : ctr::seccomp_notes(profile))
    work.problems.error(Pointer(at.str() + problem.pointer), "is not known to libseccomp");
}

// This program runs Linux programs only.
void refuse_handler(Work& work) {
  constexpr const char* kHandler = "run.oci.handler";
  if (!work.annotation(kHandler).empty())
    work.problems.error(annotation_at(kHandler),
                        "this program has no handlers: it runs Linux programs only");
}

// Adds the compilation in the parent. The flags that the filter is to be loaded with, if there is
// one.
std::optional<unsigned> add_seccomp_compile(Work& work) {
  const auto raw = work.spec.annotations.find(kRawFilter);
  const bool is_raw = raw != work.spec.annotations.end();
  if (!is_raw && !work.spec.linux_.seccomp.has_value()) return std::nullopt;
  const SeccompAgent agent = seccomp_agent(work);
  if (is_raw) return add_raw_filter(work, raw->second, agent);
  const Pointer at("/linux/seccomp");
  ctr::SeccompProfile profile =
      translate_seccomp(*work.spec.linux_.seccomp, agent.path, work.problems);
  check_names(work, profile, at);
  const ctr::Result<unsigned> flags = ctr::seccomp_load_flags(profile);
  if (!flags.ok()) work.problems.error(at.at("flags"), flags.error().message);
  const bool notifies = ctr::seccomp_notifies(profile);
  work.parent(Phase::Process, ctr::CompileSeccomp{std::move(profile)}, at);
  if (notifies) work.parent(Phase::Process, ctr::ConnectSeccompAgent{agent.path}, agent.at);
  work.meet(Phase::Process, Point::SeccompReady);
  return flags.ok() ? *flags : 0;
}

bool has_filter(const Work& work) {
  return work.spec.linux_.seccomp.has_value() || work.spec.annotations.contains(kRawFilter);
}

ctr::CapSets and_kept(ctr::CapSets caps, int cap) {
  caps.permitted.add(cap);
  caps.effective.add(cap);
  return caps;
}

// A deadline behind the hooks needs CAP_SYS_NICE, which the container may not have: we keep it for
// ourselves until execve, where what a process gets follows from its bounding, inheritable and
// ambient sets alone (capabilities(7)).
ctr::CapSets until_scheduled(const Work& work, const ProcessPlan& plan, const ctr::CapSets& caps) {
  return has_scheduler_after_hooks(work, plan) ? and_kept(caps, CAP_SYS_NICE) : caps;
}

// The filter is the last thing, and without no_new_privs loading it needs CAP_SYS_ADMIN: as above.
ctr::CapSets until_execve(const Work& work, const ProcessPlan& plan, const ctr::CapSets& caps) {
  const ctr::CapSets kept = until_scheduled(work, plan, caps);
  const bool loads = !plan.process.noNewPrivileges && has_filter(work);
  return loads ? and_kept(kept, CAP_SYS_ADMIN) : kept;
}

// Loading it before the start takes no capability that others could find in us. A filter that asks
// an agent waits for its turn: the agent is to be told the pid.
bool may_confine_early(const Work& work, const ProcessPlan& plan) {
  if (plan.process.noNewPrivileges || !has_filter(work)) return false;
  const std::optional<Seccomp>& seccomp = work.spec.linux_.seccomp;
  return !seccomp.has_value() ||
         std::none_of(seccomp->syscalls.begin(), seccomp->syscalls.end(),
                      [](const SyscallRule& rule) { return rule.action == "SCMP_ACT_NOTIFY"; });
}

// What a clone has not from us comes after it: the score, groups and a policy by the parent, and
// the session.
void add_clone_that_is_seen(Work& work, const ProcessPlan& plan) {
  work.plan.add(Phase::Process, ctr::Actor::Both, ctr::CloneAgain{.lends_memory = !plan.is_init});
  add_oom_score(work, plan.process, plan.at);
  if (plan.is_init) add_rdt(work);
  add_scheduler(work, plan, ctr::Actor::Parent);
  work.child(Phase::Process, ctr::NewSession{});
  if (plan.process.terminal)
    work.child(Phase::Process, ctr::ControlTerminal{}, plan.at.at("terminal"));
}

// Whoever is inside and may trace finds nothing to gain in us. Answers as add_seccomp_compile().
std::optional<unsigned> add_late_appearance(Work& work, const ProcessPlan& plan,
                                            const ctr::CapSets& caps) {
  work.child(Phase::Process, ctr::WipeEnvironment{});
  if (may_confine_early(work, plan)) {
    const std::optional<unsigned> flags = add_seccomp_compile(work);
    work.child(Phase::Process,
               ctr::ConfineEarly{flags.value_or(0), until_scheduled(work, plan, caps),
                                 until_execve(work, plan, caps)},
               Pointer("/linux/seccomp"));
    add_clone_that_is_seen(work, plan);
    return flags;
  }
  work.child(Phase::Process, ctr::SetCapabilities{until_execve(work, plan, caps)},
             plan.at.at("capabilities"));
  add_clone_that_is_seen(work, plan);
  return add_seccomp_compile(work);
}

void add_confinement(Work& work, const ProcessPlan& plan, const ctr::CapSets& caps,
                     std::optional<unsigned> seccomp_flags) {
  if (plan.process.noNewPrivileges)
    work.child(Phase::Start, ctr::SetNoNewPrivileges{}, plan.at.at("noNewPrivileges"));
  work.child(Phase::Start, ctr::SetCapabilities{until_execve(work, plan, caps)},
             plan.at.at("capabilities"));
  if (seccomp_flags.has_value())
    work.child(Phase::Start, ctr::InstallSeccomp{*seccomp_flags}, Pointer("/linux/seccomp"));
}

// Programs open /dev/stdout, which takes rights on the pipe. In a user namespace a pipe that is
// made outside has no owner who is known there, and only we outside can give it one.
void add_chown_stdio(Work& work, const Process& process, const Pointer& at) {
  if (work.in_user_namespace()) {
    const std::optional<uid_t> uid = host_id(work.spec.linux_.uidMappings, process.user.uid);
    const std::optional<gid_t> gid = host_id(work.spec.linux_.gidMappings, process.user.gid);
    if (uid.has_value() && gid.has_value())
      work.parent(Phase::Process, ctr::ChownStdio{*uid, *gid}, at);
  }
  work.child(Phase::Process, ctr::ChownStdio{process.user.uid, process.user.gid}, at);
}

}  // namespace

void add_idle_process(Work& work) {
  if (appears_late(work)) {
    add_enter_opened_pid(work);
    work.child(Phase::Process, ctr::WipeEnvironment{});
    work.child(Phase::Process, ctr::SetCapabilities{});
    work.plan.add(Phase::Process, ctr::Actor::Both, ctr::CloneAgain{});
    add_rdt(work);
  }
  work.child(Phase::Process, ctr::NewSession{});
  work.meet(Phase::Process, Point::Ready);
  if (!delegated_cgroup(work).empty()) work.parent(Phase::Process, ctr::PassOnControllers{});
  work.child(Phase::Start, ctr::WaitForStart{});
}

void add_process(Work& work, const ProcessPlan& plan) {
  const Process& process = plan.process;
  refuse_handler(work);
  const ctr::CapSets caps = translate_capabilities(work, plan, plan.at.at("capabilities"));
  const Limits limits = translate_rlimits(process, work.problems, plan.at.at("rlimits"));
  work.plan.program = {process.args, environment(process, work.options.extra_env)};

  if (plan.is_init && plan.appears_late) add_enter_opened_pid(work);
  if (plan.is_init && !plan.appears_late && !process.terminal)
    work.child(Phase::Process, ctr::NewSession{});
  if (!plan.appears_late) add_scheduler(work, plan, ctr::Actor::Child);
  add_scheduling(work, plan);
  if (!plan.keyring.empty()) work.child(Phase::Process, ctr::JoinSessionKeyring{plan.keyring});
  if (!process.terminal) add_chown_stdio(work, process, plan.at.at("user"));
  if (!limits.before_user.empty())
    work.child(Phase::Process, ctr::SetRlimits{limits.before_user}, plan.at.at("rlimits"));
  work.child(Phase::Process, ctr::ChangeDirectory{process.cwd}, plan.at.at("cwd"));
  work.child(Phase::Process, ctr::DropBounding{caps.bounding},
             plan.at.at("capabilities").at("bounding"));
  work.child(Phase::Process, translate_user(work, process), plan.at.at("user"));
  if (!has_variable(work.plan.program.env, "HOME"))
    work.child(Phase::Process, ctr::SetHome{process.user.uid});
  work.child(Phase::Process, ctr::FindProgram{}, plan.at.at("args"));
  const std::optional<unsigned> seccomp_flags =
      plan.appears_late ? add_late_appearance(work, plan, caps) : add_seccomp_compile(work);
  work.meet(Phase::Process, Point::Ready);
  if (plan.is_init && !delegated_cgroup(work).empty())
    work.parent(Phase::Process, ctr::PassOnControllers{});
  work.child(Phase::Start, ctr::WaitForStart{});
  if (!limits.at_start.empty())
    work.child(Phase::Start, ctr::SetRlimits{limits.at_start}, plan.at.at("rlimits"));
  add_confinement(work, plan, caps, seccomp_flags);
  if (plan.is_init)
    add_hooks(work, Phase::Start, ctr::Actor::Child, ctr::HookStage::StartContainer);
  add_scheduler_after_hooks(work, plan);
  work.child(Phase::Start, ctr::Execute{}, plan.at.at("args"));
}

}  // namespace oci
