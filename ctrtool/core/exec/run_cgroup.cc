// SPDX-License-Identifier: Apache-2.0
// The container's cgroup: made and limited by the parent, joined by the child itself.
#include <fcntl.h>
#include <sched.h>

#include "ctrtool/core/exec/context.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/ns.h"

namespace ctr {

Result<void> run(const MakeCgroup& op, Context& ctx) {
  ctx.cgroup.emplace(TRY(Cgroup::create(*ctx.cgroup_layout, op.record)));
  return {};
}

Result<void> run(const OpenCgroup& op, Context& ctx) {
  ctx.cgroup.emplace(TRY(Cgroup::open(*ctx.cgroup_layout, op.record)));
  if (ctx.target.valid()) TRY(ctx.cgroup->follow(ctx.target));
  for (const auto& [controller, below] : op.below) TRY(ctx.cgroup->descend(controller, below));
  ctx.cgroup_tasks = TRY(ctx.cgroup->open_tasks());
  return {};
}

Result<void> run(const StartScope& op, Context& ctx) {
  Systemd manager = TRY(Systemd::connect(op.instance, {.interrupted = ctx.interrupted}));
  const bool slice = is_slice(op.unit);
  TRY(manager.start_scope(op.unit, op.properties, slice ? 0 : ctx.child));
  ctx.scope = StartedScope{std::move(manager), op.unit};
  const std::string unit = unit_cgroup(op.record.path, op.unit);
  ctx.cgroup.emplace(TRY(Cgroup::adopt(*ctx.cgroup_layout, op.record, unit)));
  // systemd has put it into the scope itself.
  return slice || unit != op.record.path ? ctx.cgroup->settle(ctx.child) : Result<void>();
}

Result<void> run(const AttachScope& op, Context& ctx) {
  const std::string below = TRY(cgroup_below(unit_cgroup(op.record.path, op.unit), ctx.target));
  Systemd manager = TRY(Systemd::connect(op.instance, {.interrupted = ctx.interrupted}));
  return manager.attach(op.unit, below, ctx.child);
}

Result<void> run(const LimitCgroup& op, Context& ctx) {
  CTR_ASSERT(ctx.cgroup.has_value());
  TRY(ctx.cgroup->create_v1());
  TRY(ctx.cgroup->apply(op.resources));
  ctx.cgroup_tasks = TRY(ctx.cgroup->open_tasks());
  return {};
}

Result<void> run(const JoinRdtGroup& op, Context& ctx) {
  const UniqueFd resctrl = TRY(sys::open(op.from, O_PATH | O_DIRECTORY));
  return join_rdt_group(resctrl, op.group, ctx.child);
}

// A single thread that moves itself through v1 `tasks` spares the kernel its global lock and the
// RCU grace period of cgroup.procs: 18 us instead of 5 to 12 ms.
Result<void> run(const JoinCgroup&, Context& ctx) {
  for (std::size_t i = 0; i < ctx.cgroup_tasks.size(); ++i) {
    // The memory hierarchy comes last, at Ready: what is set up here is not charged to the
    // container.
    if (i + 1 == ctx.cgroup_tasks.size()) {
      ctx.late_cgroup = std::move(ctx.cgroup_tasks[i]);
    } else {
      TRY(sys::write_all(ctx.cgroup_tasks[i], "0"));
    }
  }
  ctx.cgroup_tasks.clear();
  return {};
}

namespace {

// The runtime's own place in the memory hierarchy of v1. Not ours to enter in a user namespace.
Result<UniqueFd> open_callers_memory_cgroup(const CgroupLayout& layout) {
  const CgroupHierarchy* const memory = layout.find("memory");
  if (memory == nullptr || memory->version != CgroupVersion::V1)
    return make_error(Kind::NotFound, "no memory hierarchy");
  return sys::open(memory->mountpoint + memory->own_path + "/tasks", O_WRONLY);
}

}  // namespace

Result<void> run(const UnshareCgroup&, Context& ctx) {
  // The namespace's root is where the process is now: it must be everywhere at home. On v2 it is,
  // and goes further down only when the namespace is there.
  if (!ctx.late_cgroup.valid() || ctx.cgroup_layout->kind == CgroupKind::V2)
    return sys::unshare(CLONE_NEWCGROUP);
  // Then it goes back, so that what is mounted from here on is not charged to the container either.
  const Result<UniqueFd> callers = open_callers_memory_cgroup(*ctx.cgroup_layout);
  TRY(sys::write_all(ctx.late_cgroup, "0"));
  TRY(sys::unshare(CLONE_NEWCGROUP));
  if (!callers.ok() || !sys::write_all(*callers, "0").ok()) ctx.late_cgroup.reset();
  return {};
}

Result<void> run(const DelegateCgroup& op, Context& ctx) {
  CTR_ASSERT(ctx.cgroup.has_value());
  if (op.below.empty()) return ctx.cgroup->delegate(op.uid);
  ctx.cgroup_tasks.push_back(TRY(ctx.cgroup->delegate_below(op.below, op.uid)));
  return {};
}

Result<void> run(const PassOnControllers&, Context& ctx) {
  CTR_ASSERT(ctx.cgroup.has_value());
  return ctx.cgroup->pass_on_controllers();
}

}  // namespace ctr
