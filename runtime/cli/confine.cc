// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/confine.h"

#include <string>
#include <vector>

#include "ctrtool/core/kit/cgroup_layout.h"
#include "ctrtool/core/kit/confinement.h"

namespace oci::cli {
namespace {

#ifdef OCICTR_SANITIZED
constexpr bool kPossible = false;  // the sanitizers make calls of their own at the end
#else
constexpr bool kPossible = true;
#endif

// A trace is written at the very end, and anywhere.
bool may_confine(const CommandContext& context) { return kPossible && context.trace == nullptr; }

// One more wall: where it can't be built (the caller's own filter may forbid it), we wait without.
void tell(const CommandContext& context, const ctr::Result<void>& done) {
  if (!done.ok()) context.log.debug("not confined while waiting: " + done.error().message);
}

}  // namespace

void confine_to_waiting(const CommandContext& context) {
  if (may_confine(context)) tell(context, ctr::confine_to_waiting({}));
}

void confine_to_removing(const CommandContext& context, const ContainerState& state) {
  const bool needs_more =
      state.has_poststop_hooks || !state.shared_root.at.empty() || !state.rdt_directories.empty();
  if (!may_confine(context) || needs_more) return;
  std::vector<std::string> directories{state_root(context.options)};
  if (!state.cgroup.record.path.empty()) directories.emplace_back(ctr::kCgroupRoot);
  tell(context, ctr::confine_to_waiting(directories));
}

void confine_to_looking(const CommandContext& context) {
  if (may_confine(context)) tell(context, ctr::confine_calls_to_waiting());
}

}  // namespace oci::cli
