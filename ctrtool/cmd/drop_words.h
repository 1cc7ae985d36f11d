// SPDX-License-Identifier: Apache-2.0
// Who a program is to be and what it may: words that several applets share, and the steps that
// make it so, in the one order that works.
#pragma once

#include <linux/filter.h>

#include <optional>
#include <string>
#include <vector>

#include "ctrtool/cmd/words.h"
#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"
#include "ctrtool/core/kit/caps.h"
#include "ctrtool/core/plan/plan.h"

namespace ctr {

// What we hold ourselves.
struct HeldCaps {
  CapSets sets;
  int last;
};
Result<HeldCaps> held_caps();
mode_t own_umask();

struct DropRequest {
  std::optional<uid_t> uid{};
  std::optional<gid_t> gid{};
  std::optional<std::vector<gid_t>> groups{};
  std::optional<unsigned> securebits{};
  std::optional<CapSets> caps{};  // all five; absent: as they are
  bool no_new_privs = false;
};

// Values of options; errors name the option.
Result<CapSet> cap_set_of(const Given& given, CapSet current, int last);
Result<std::uint32_t> id_of(const Given& given);
Result<std::vector<gid_t>> groups_of(const Given& given);
// Names joined by ',' or '+', or a number: "noroot,noroot_locked".
Result<unsigned> securebits_of(const Given& given);

// Sets that no kernel would accept are Kind::InvalidSpec.
Result<void> check_drop(const DropRequest& request);
// Groups, group, user, securebits, bounding set, the other sets, and no_new_privs.
void add_drop(const DropRequest& request, ContainerPlan& plan);

// A BPF program, as it comes from a descriptor.
Result<std::vector<sock_filter>> read_filter(BorrowedFd fd);

}  // namespace ctr
