// SPDX-License-Identifier: Apache-2.0
// The stages of a container's life at which others may run programs (runtime-spec, config.md
// "POSIX-platform Hooks"). When they come is the plan's business:
//
//   stage            run by   where      before             a failure
//   prestart         create   host       pivot_root         ends create
//   createRuntime    create   host       pivot_root         ends create
//   createContainer  init     container  pivot_root         ends create
//   startContainer   init     inside     execve             ends start
//   poststart        start    host       start returns      ends the container
//   poststop         delete   host       delete returns     is a warning
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "ctrtool/core/plan/op.h"

namespace hooks {

enum class Where : std::uint8_t {
  Host,       // the runtime's namespaces and root
  Container,  // the container's namespaces, the host's root
  Inside,     // the container's namespaces and root
};

struct Stage {
  ctr::HookStage stage;
  Where where;
  std::string_view status;  // in the state that the hook reads
};

// In the order of a container's life, which is also that of the enumeration. "created" already
// while `create` is at work: the hooks come after step 2 of the lifecycle, where runtime.md puts
// it.
inline constexpr std::array<Stage, 6> kStages{{
    {ctr::HookStage::Prestart, Where::Host, "created"},
    {ctr::HookStage::CreateRuntime, Where::Host, "created"},
    {ctr::HookStage::CreateContainer, Where::Container, "created"},
    {ctr::HookStage::StartContainer, Where::Inside, "created"},
    {ctr::HookStage::Poststart, Where::Host, "running"},
    {ctr::HookStage::Poststop, Where::Host, "stopped"},
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
