// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/rdt.h"

#include <fcntl.h>

#include "ctrtool/core/sys/file.h"
#include "runtime/translate/translate.h"

namespace oci::cli {

ctr::Result<std::optional<JoinedRdt>> find_rdt(const Container& container) {
  const Spec spec = TRY(load_spec(container.dir));
  if (!spec.linux_.intelRdt.has_value()) return std::optional<JoinedRdt>();
  const std::string at = TRY(mounted_resctrl());
  if (at.empty()) return std::optional<JoinedRdt>();
  ctr::UniqueFd resctrl = TRY(ctr::sys::open(at, O_PATH | O_DIRECTORY));
  return std::optional(
      JoinedRdt{std::move(resctrl), translate_rdt(*spec.linux_.intelRdt, container.state.id)});
}

}  // namespace oci::cli
