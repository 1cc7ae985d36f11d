// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/plan/validate.h"

#include <set>

#include "ctrtool/core/base/strf.h"

namespace ctr {
namespace {

using Findings = std::vector<std::string>;

template <typename T>
std::size_t count(const ContainerPlan& plan) {
  std::size_t found = 0;
  for (const Step& step : plan.steps) found += step.op.is<T>() ? 1 : 0;
  return found;
}

// There is one child, and it does nothing before it exists.
void check_clone(const ContainerPlan& plan, Findings& out) {
  if (plan.in_place) {
    for (const Step& step : plan.steps)
      if (step.actor != Actor::Child) out.push_back("there is no parent: " + describe(step.op));
    return;
  }
  if (count<Clone>(plan) != 1) out.push_back("a plan clones exactly once");
  for (const Step& step : plan.steps) {
    if (step.op.is<Clone>()) return;
    if (step.actor != Actor::Parent)
      out.push_back("a step of the child before the clone: " + describe(step.op));
  }
}

// Both halves pass the same points in the same order, or they wait for each other for ever.
void check_meets(const ContainerPlan& plan, Findings& out) {
  int last = 0;
  for (const Step& step : plan.steps) {
    const Meet* const meet = step.op.as<Meet>();
    if (meet == nullptr) continue;
    const int point = static_cast<int>(meet->point);
    if (step.actor != Actor::Both) out.push_back(strf("only one half passes point #%d", point));
    if (point <= last) out.push_back(strf("point #%d after point #%d", point, last));
    last = point;
  }
}

// A detached source is attached exactly once, after it was opened.
void check_slots(const ContainerPlan& plan, Findings& out) {
  std::set<unsigned> open;
  for (const Step& step : plan.steps) {
    if (const OpenSource* source = step.op.as<OpenSource>()) open.insert(source->slot);
    if (const OpenFs* fs = step.op.as<OpenFs>()) open.insert(fs->slot);
    if (const OpenNodes* nodes = step.op.as<OpenNodes>()) {
      if (open.erase(nodes->slot) == 0)
        out.push_back(strf("nodes are taken from source %u, which is not open", nodes->slot));
      for (unsigned i = 1; i <= nodes->count; ++i) open.insert(nodes->slot + i);
    }
    const MakeDevice* const device = step.op.as<MakeDevice>();
    if (device != nullptr && device->slot.has_value() && open.erase(*device->slot) == 0)
      out.push_back(strf("node %u is bound but not open", *device->slot));
    const ShowImage* const image = step.op.as<ShowImage>();
    if (image != nullptr && open.erase(image->slot) == 0)
      out.push_back(strf("image %u is shown but not open", image->slot));
    const AttachMount* const attach = step.op.as<AttachMount>();
    if (attach != nullptr && open.erase(attach->slot) == 0)
      out.push_back(strf("source %u is attached but not open", attach->slot));
  }
  for (const unsigned slot : open) out.push_back(strf("source %u is never attached", slot));
}

bool needs_the_host(const Op& op) {
  return op.is<BindMount>() || op.is<OpenSource>() || op.is<MountFs>() || op.is<MaskPath>() ||
         op.is<MakeReadonly>() || op.is<MakeDevice>() || op.is<WriteSysctl>() ||
         op.is<BindRoot>() || op.is<TmpfsRoot>() || op.is<SetExecLabel>();
}

// Behind the pivot nothing of the host is in sight: not its paths, not its /proc.
void check_pivot(const ContainerPlan& plan, Findings& out) {
  bool pivoted = false;
  for (const Step& step : plan.steps) {
    pivoted = pivoted || step.op.is<PivotRoot>() || step.op.is<ChangeRoot>();
    if (pivoted && needs_the_host(step.op))
      out.push_back("needs the host, but comes after the pivot: " + describe(step.op));
  }
}

// What can fail is done before the start is waited for; what confines comes after, and the program
// last. A plan without a program (a container that is only to be entered) ends with the wait.
void check_end(const ContainerPlan& plan, Findings& out) {
  if (plan.in_place && plan.program.argv.empty()) return;
  const bool idle = plan.program.argv.empty();
  const Op* const last = plan.steps.empty() ? nullptr : &plan.steps.back().op;
  if (!idle && (last == nullptr || !last->is<Execute>()))
    out.push_back("a plan ends by executing the program");
  if (idle && (last == nullptr || !last->is<WaitForStart>()))
    out.push_back("a plan without a program ends with the wait for the start");
  if (!plan.in_place && count<WaitForStart>(plan) != 1)
    out.push_back("a plan waits for the start exactly once");
}

}  // namespace

std::vector<std::string> validate(const ContainerPlan& plan) {
  Findings out;
  check_clone(plan, out);
  check_meets(plan, out);
  check_slots(plan, out);
  check_pivot(plan, out);
  check_end(plan, out);
  return out;
}

}  // namespace ctr
