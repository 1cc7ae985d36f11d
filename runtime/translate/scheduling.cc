// SPDX-License-Identifier: Apache-2.0
// Where and when the program may run, and from which memory: scheduler, ioPriority,
// execCPUAffinity, personality, memoryPolicy.
#include <linux/mempolicy.h>
#include <sys/personality.h>

#include "ctrtool/core/kit/number_list.h"
#include "runtime/translate/internal.h"

namespace oci {
namespace {

using ctr::Phase;

// sched(7); the numbers of <linux/sched.h>.
std::uint32_t policy_number(SchedulerPolicy policy) {
  switch (policy) {
    case SchedulerPolicy::Other:
      return 0;
    case SchedulerPolicy::Fifo:
      return 1;
    case SchedulerPolicy::Rr:
      return 2;
    case SchedulerPolicy::Batch:
      return 3;
    case SchedulerPolicy::Iso:
      return 4;
    case SchedulerPolicy::Idle:
      return 5;
    case SchedulerPolicy::Deadline:
      return 6;
  }
  return 0;
}

constexpr std::uint64_t kResetOnFork = 0x01;

std::uint64_t flag_number(SchedulerFlag flag) {
  switch (flag) {
    case SchedulerFlag::ResetOnFork:
      return kResetOnFork;
    case SchedulerFlag::Reclaim:
      return 0x02;
    case SchedulerFlag::DlOverrun:
      return 0x04;
    case SchedulerFlag::KeepPolicy:
      return 0x08;
    case SchedulerFlag::KeepParams:
      return 0x10;
    case SchedulerFlag::UtilClampMin:
      return 0x20;
    case SchedulerFlag::UtilClampMax:
      return 0x40;
  }
  return 0;
}

ctr::SetScheduler translate_scheduler(const Scheduler& scheduler) {
  ctr::SetScheduler op;
  op.attr.policy = policy_number(scheduler.policy);
  op.attr.nice = scheduler.nice;
  op.attr.priority = static_cast<std::uint32_t>(scheduler.priority);
  op.attr.runtime = scheduler.runtime;
  op.attr.deadline = scheduler.deadline;
  op.attr.period = scheduler.period;
  for (const SchedulerFlag flag : scheduler.flags) op.attr.flags |= flag_number(flag);
  return op;
}

int io_class_number(IoPriorityClass value) {
  switch (value) {
    case IoPriorityClass::Rt:
      return ctr::sys::kIoPrioRealTime;
    case IoPriorityClass::Be:
      return ctr::sys::kIoPrioBestEffort;
    case IoPriorityClass::Idle:
      return ctr::sys::kIoPrioIdle;
  }
  return 0;
}

int memory_mode_number(MemoryPolicyMode mode) {
  switch (mode) {
    case MemoryPolicyMode::Default:
      return MPOL_DEFAULT;
    case MemoryPolicyMode::Bind:
      return MPOL_BIND;
    case MemoryPolicyMode::Interleave:
      return MPOL_INTERLEAVE;
    case MemoryPolicyMode::WeightedInterleave:
      return 6;  // MPOL_WEIGHTED_INTERLEAVE, Linux 6.9
    case MemoryPolicyMode::Preferred:
      return MPOL_PREFERRED;
    case MemoryPolicyMode::PreferredMany:
      return 5;  // MPOL_PREFERRED_MANY, Linux 5.15
    case MemoryPolicyMode::Local:
      return MPOL_LOCAL;
  }
  return MPOL_DEFAULT;
}

int memory_flag_number(MemoryPolicyFlag flag) {
  switch (flag) {
    case MemoryPolicyFlag::NumaBalancing:
      return 1 << 13;  // MPOL_F_NUMA_BALANCING, Linux 5.12
    case MemoryPolicyFlag::RelativeNodes:
      return MPOL_F_RELATIVE_NODES;
    case MemoryPolicyFlag::StaticNodes:
      return MPOL_F_STATIC_NODES;
  }
  return 0;
}

void add_memory_policy(Work& work, const MemoryPolicy& policy) {
  const Pointer at = Pointer("/linux/memoryPolicy");
  ctr::SetMemoryPolicy op{.mode = memory_mode_number(policy.mode), .nodes = {}};
  for (const MemoryPolicyFlag flag : policy.flags) op.mode |= memory_flag_number(flag);
  if (!policy.nodes.empty()) {
    ctr::Result<std::vector<unsigned>> nodes = ctr::parse_number_list(policy.nodes);
    if (!nodes.ok()) {
      work.problems.error(at.at("nodes"), nodes.error().message);
      return;
    }
    op.nodes = std::move(nodes).value();
  }
  work.child(Phase::Process, op, at);
}

void add_affinity(Work& work, const std::string& cpus, const Pointer& at) {
  if (cpus.empty()) return;
  ctr::Result<std::vector<unsigned>> list = ctr::parse_number_list(cpus);
  if (list.ok()) {
    work.child(Phase::Cgroup, ctr::SetAffinity{std::move(list).value()}, at);
  } else {
    work.problems.error(at, list.error().message);
  }
}

}  // namespace

void add_initial_affinity(Work& work, const Process& process, const Pointer& at) {
  if (process.execCPUAffinity.has_value())
    add_affinity(work, process.execCPUAffinity->initial, at.at("execCPUAffinity").at("initial"));
}

void add_final_affinity(Work& work, const Process& process, const Pointer& at) {
  if (process.execCPUAffinity.has_value())
    add_affinity(work, process.execCPUAffinity->final, at.at("execCPUAffinity").at("final"));
}

bool has_scheduler_after_hooks(const Work& work, const ProcessPlan& plan) {
  return plan.is_init && !work.spec.hooks.startContainer.empty() &&
         plan.process.scheduler.has_value() &&
         plan.process.scheduler->policy == SchedulerPolicy::Deadline;
}

void add_scheduler_after_hooks(Work& work, const ProcessPlan& plan) {
  if (has_scheduler_after_hooks(work, plan))
    work.child(Phase::Start, translate_scheduler(*plan.process.scheduler), plan.at.at("scheduler"));
}

void add_scheduler(Work& work, const ProcessPlan& plan, ctr::Actor actor) {
  if (!plan.process.scheduler.has_value()) return;
  ctr::SetScheduler op = translate_scheduler(*plan.process.scheduler);
  if (has_scheduler_after_hooks(work, plan)) op.attr.flags |= kResetOnFork;
  work.plan.add(Phase::Process, actor, op, plan.at.at("scheduler").str());
}

void add_scheduling(Work& work, const ProcessPlan& plan) {
  const Process& process = plan.process;
  const Linux& config = work.spec.linux_;
  if (process.ioPriority.has_value()) {
    const int value = ctr::sys::io_priority(io_class_number(process.ioPriority->class_),
                                            process.ioPriority->priority);
    work.child(Phase::Process, ctr::SetIoPriority{value}, plan.at.at("ioPriority"));
  }
  if (config.personality.has_value())
    work.child(Phase::Process,
               ctr::SetPersonality{config.personality->domain == PersonalityDomain::Linux32
                                       ? static_cast<unsigned long>(PER_LINUX32)
                                       : static_cast<unsigned long>(PER_LINUX)},
               Pointer("/linux/personality"));
  if (config.memoryPolicy.has_value()) add_memory_policy(work, *config.memoryPolicy);
}

}  // namespace oci
