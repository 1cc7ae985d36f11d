// SPDX-License-Identifier: Apache-2.0
// The RDT group that a container is in.
#pragma once

#include <optional>

#include "ctrtool/core/kit/resctrl.h"
#include "runtime/cli/container.h"

namespace oci::cli {

struct JoinedRdt {
  ctr::UniqueFd resctrl;
  ctr::RdtGroup group;
};
// Nothing when its configuration asks for none, or resctrl is mounted no more.
ctr::Result<std::optional<JoinedRdt>> find_rdt(const Container& container);

}  // namespace oci::cli
