// SPDX-License-Identifier: Apache-2.0
// What resctrl tells of a group: the machine's part of it (info/), its schemata, and what its
// monitors have counted (mon_data/).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ctrtool/core/kit/resctrl.h"

namespace ctr {

struct RdtStats {
  // The contents of the files by their names; empty without the resource.
  std::map<std::string, std::string> l3_info;
  std::map<std::string, std::string> mb_info;
  std::string l3_schema_root;  // "L3:0=ff;1=ff", of the default group
  std::string l3_schema;
  std::string mb_schema_root;
  std::string mb_schema;
  std::vector<std::string> schemata;  // of the group, each line

  struct Domain {
    std::optional<std::uint64_t> llc_occupancy;
    std::optional<std::uint64_t> mbm_total_bytes;
    std::optional<std::uint64_t> mbm_local_bytes;
    bool operator==(const Domain&) const = default;
  };
  std::vector<Domain> domains;  // of the L3 caches, in their order
};

// What is not there is left out.
RdtStats read_rdt_stats(BorrowedFd resctrl, const RdtGroup& group);

}  // namespace ctr
