// SPDX-License-Identifier: Apache-2.0
#include "runtime/translate/internal.h"

namespace oci {
namespace {

bool maps_only(const std::vector<IdMapping>& maps, std::uint32_t id) {
  return maps.size() == 1 && maps.front().size == 1 && maps.front().hostID == id;
}

}  // namespace

std::optional<std::uint32_t> host_id(const std::vector<IdMapping>& mappings, std::uint32_t id) {
  for (const IdMapping& map : mappings)
    if (id >= map.containerID && id - map.containerID < map.size)
      return map.hostID + (id - map.containerID);
  return std::nullopt;
}

bool setgroups_denied(const Work& work) {
  if (work.facts.setgroups_denied) return true;
  return !work.facts.privileged() && work.new_namespace(NamespaceType::User) &&
         maps_only(work.spec.linux_.uidMappings, work.facts.euid) &&
         maps_only(work.spec.linux_.gidMappings, work.facts.egid);
}

ctr::IdMap translate_id_map(const std::vector<IdMapping>& mappings, Problems& problems,
                            const Pointer& at) {
  std::vector<ctr::IdRange> ranges;
  ranges.reserve(mappings.size());
  for (const IdMapping& mapping : mappings)
    ranges.push_back({mapping.containerID, mapping.hostID, mapping.size});
  for (const ctr::IdRangeProblem& problem : ctr::check_id_ranges(ranges))
    problems.error(at.at(problem.index), problem.message);
  ctr::Result<ctr::IdMap> map = ctr::IdMap::make(std::move(ranges));
  return map.ok() ? std::move(map).value() : ctr::IdMap();
}

}  // namespace oci
