// SPDX-License-Identifier: Apache-2.0
// The stages of a container's life at which others may run programs: who runs them, where, before
// what, and what a failure means (runtime-spec, config.md "POSIX-platform Hooks"). The executor's
// plan decides when; this table decides how.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "ctrtool/core/plan/op.h"

namespace hooks {

enum class By : std::uint8_t { Create, Init, Start, Delete };
enum class Where : std::uint8_t {
  Host,       // the runtime's namespaces and root
  Container,  // the container's namespaces, the host's root
  Inside,     // the container's namespaces and root
};
enum class OnFailure : std::uint8_t { Abort, Warn };

struct Stage {
  ctr::HookStage stage;
  By by;
  Where where;
  std::string_view before;  // what has not happened yet
  OnFailure on_failure;
  std::string_view status;  // in the state that the hook reads
};

// In the order of a container's life, which is also that of the enumeration. "created" already while
// `create` is at work: the hooks come after step 2 of the lifecycle, where runtime.md puts it.
inline constexpr std::array<Stage, 6> kStages{{
    {ctr::HookStage::Prestart, By::Create, Where::Host, "pivot_root", OnFailure::Abort, "created"},
    {ctr::HookStage::CreateRuntime, By::Create, Where::Host, "pivot_root", OnFailure::Abort,
     "created"},
    {ctr::HookStage::CreateContainer, By::Init, Where::Container, "pivot_root", OnFailure::Abort,
     "created"},
    {ctr::HookStage::StartContainer, By::Init, Where::Inside, "execve", OnFailure::Abort,
     "created"},
    {ctr::HookStage::Poststart, By::Start, Where::Host, "start returns", OnFailure::Abort,
     "running"},
    {ctr::HookStage::Poststop, By::Delete, Where::Host, "delete returns", OnFailure::Warn,
     "stopped"},
}};

constexpr const Stage& find_stage(ctr::HookStage stage) {
  return kStages[static_cast<std::size_t>(stage)];
}

static_assert([] {
  for (std::size_t i = 0; i < kStages.size(); ++i)
    if (static_cast<std::size_t>(kStages[i].stage) != i) return false;
  return true;
}());

}  // namespace hooks
