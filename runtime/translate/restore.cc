// SPDX-License-Identifier: Apache-2.0
#include "runtime/translate/restore.h"

#include "runtime/translate/cgroup_steps.h"

namespace oci {
namespace {

using ctr::Phase;
using ctr::Point;

void add_criu(Work& work, ctr::Program criu) {
  work.plan.program = std::move(criu);
  work.plan.inherit_fds = true;
  work.child(Phase::Process, ctr::TakeStdio{});
  work.child(Phase::Process, ctr::FindProgram{});
  work.meet(Phase::Process, Point::Ready);
  work.child(Phase::Start, ctr::WaitForStart{});
  work.child(Phase::Start, ctr::Execute{});
}

// criu wants the root to be a mount point, and one whose parent is in sight. Not in a mount
// namespace of its own: criu mounts in the directories whose descriptors we give it.
void add_mounted_root(Work& work) {
  const std::string& path = work.spec.root.path;
  work.child(Phase::Tree,
             ctr::BindRoot{path.starts_with('/') ? path : work.options.bundle + "/" + path},
             Pointer("/root/path"));
}

}  // namespace

Translation translate_restore(const Spec& spec, const ctr::HostFacts& facts,
                              const TranslateOptions& options, ctr::Program criu) {
  Translation out;
  Problems problems;
  Work work{spec, facts, options, out.plan, problems};
  out.plan.id = options.id;
  add_made_cgroup(work);
  work.parent(Phase::Namespaces, ctr::Clone{0});
  add_cgroup_limits(work);
  add_rdt(work);
  add_mounted_root(work);
  if (options.cgroup.has_value()) {
    work.meet(Phase::Cgroup, Point::CgroupMade);
    work.child(Phase::Cgroup, ctr::JoinCgroup{});
  }
  add_criu(work, std::move(criu));
  out.problems = std::move(problems).take();
  return out;
}

ctr::ContainerPlan plan_checkpoint(const std::string& id, ctr::Program criu) {
  const Spec spec;
  const ctr::HostFacts facts;
  const TranslateOptions options;
  ctr::ContainerPlan plan;
  Problems problems;
  Work work{spec, facts, options, plan, problems};
  plan.id = id;
  work.parent(Phase::Namespaces, ctr::Clone{0});
  add_criu(work, std::move(criu));
  return plan;
}

}  // namespace oci
