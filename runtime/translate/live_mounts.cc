// SPDX-License-Identifier: Apache-2.0
#include "runtime/translate/live_mounts.h"

#include <sched.h>

#include "runtime/translate/internal.h"

namespace oci {
namespace {

using ctr::Actor;
using ctr::Phase;

// The planner opens sources early for whoever makes a user namespace, and we open them before we
// leave the host's mounts: for it, the container has one.
Spec spec_for(const Mount& mount, const Spec& container) {
  Spec spec;
  spec.mounts = {mount};
  spec.linux_.namespaces = {Namespace{NamespaceType::User, {}},
                            Namespace{NamespaceType::Mount, {}}};
  spec.linux_.uidMappings = container.linux_.uidMappings;
  spec.linux_.gidMappings = container.linux_.gidMappings;
  return spec;
}

bool is_attachment(const ctr::Step& step) { return step.op.is<ctr::AttachMount>(); }

void add_entry(ctr::ContainerPlan& plan) {
  plan.add(Phase::Namespaces, Actor::Child, ctr::JoinProcess{CLONE_NEWNS});
  plan.add(Phase::Tree, Actor::Child, ctr::TakeRoot{"/"});
}

}  // namespace

Translation translate_live_mount(const Mount& mount, const Spec& container,
                                 const std::string& bundle, const ctr::HostFacts& facts) {
  Translation out;
  Problems problems;
  const Spec spec = spec_for(mount, container);
  TranslateOptions options;
  options.bundle = bundle;
  Work work{spec, facts, options, out.plan, problems};
  work.parent(Phase::Namespaces, ctr::Clone{0});
  MountPlan planned = plan_mounts(work);
  for (ctr::Step& step : planned.early_parent)
    out.plan.add(step.phase, Actor::Child, std::move(step.op), step.source);
  add_entry(out.plan);
  for (ctr::Step& step : planned.mounts) {
    if (!is_attachment(step))
      problems.unsupported(Pointer(step.source), "only bind mounts can be added");
    out.plan.steps.push_back(std::move(step));
  }
  work.meet(Phase::Process, ctr::Point::Ready);
  work.child(Phase::Start, ctr::WaitForStart{});
  out.problems = std::move(problems).take();
  return out;
}

ctr::ContainerPlan plan_entry() {
  ctr::ContainerPlan plan;
  plan.in_place = true;
  add_entry(plan);
  return plan;
}

}  // namespace oci
