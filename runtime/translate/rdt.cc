// SPDX-License-Identifier: Apache-2.0
// linux.intelRdt: which group of resctrl the container is in, and what that group says.
#include "runtime/translate/internal.h"

namespace oci {

ctr::RdtGroup translate_rdt(const IntelRdt& rdt, const std::string& id) {
  ctr::RdtGroup group;
  group.own = rdt.closID.empty();
  group.name = group.own ? id : rdt.closID;
  for (const std::string* line : {&rdt.l3CacheSchema, &rdt.memBwSchema})
    if (!line->empty()) group.compared.push_back(*line);
  group.written = rdt.schemata;
  if (rdt.enableMonitoring) group.monitor = id;
  return group;
}

void add_rdt(Work& work) {
  const std::optional<IntelRdt>& rdt = work.spec.linux_.intelRdt;
  if (!rdt.has_value()) return;
  const Pointer at("/linux/intelRdt");
  if (work.options.resctrl.empty()) {
    work.problems.unsupported(at, "no resctrl file system is mounted");
    return;
  }
  work.parent(ctr::Phase::Cgroup,
              ctr::JoinRdtGroup{work.options.resctrl, translate_rdt(*rdt, work.options.id)}, at);
}

}  // namespace oci
