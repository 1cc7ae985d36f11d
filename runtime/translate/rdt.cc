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

namespace {

constexpr const char* kAt = "/linux/intelRdt";

// Null: the container is in none, or cannot be.
const IntelRdt* wanted_rdt(Work& work) {
  const std::optional<IntelRdt>& rdt = work.spec.linux_.intelRdt;
  if (!rdt.has_value()) return nullptr;
  if (!work.options.resctrl.empty()) return &*rdt;
  work.problems.unsupported(Pointer(kAt), "no resctrl file system is mounted");
  return nullptr;
}

void join_group(Work& work, ctr::RdtGroup group) {
  work.parent(ctr::Phase::Cgroup, ctr::JoinRdtGroup{work.options.resctrl, std::move(group)},
              Pointer(kAt));
}

}  // namespace

void add_rdt(Work& work) {
  const IntelRdt* const rdt = wanted_rdt(work);
  if (rdt != nullptr) join_group(work, translate_rdt(*rdt, work.options.id));
}

bool add_rdt_of_exec(Work& work) {
  const IntelRdt* const rdt = wanted_rdt(work);
  if (rdt == nullptr) return false;
  const ctr::RdtGroup group = translate_rdt(*rdt, work.options.id);
  join_group(work, {.name = group.name});
  if (!group.monitor.empty()) join_group(work, {.name = ctr::rdt_directories(group).front()});
  return true;
}

}  // namespace oci
