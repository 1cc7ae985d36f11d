// SPDX-License-Identifier: Apache-2.0
#include "runtime/translate/internal.h"

namespace oci {

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
