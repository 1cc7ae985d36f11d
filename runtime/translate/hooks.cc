// SPDX-License-Identifier: Apache-2.0
#include "runtime/translate/internal.h"

namespace oci {
namespace {

const std::vector<Hook>& hooks_of(const Hooks& hooks, ctr::HookStage stage) {
  switch (stage) {
    case ctr::HookStage::Prestart:
      return hooks.prestart;
    case ctr::HookStage::CreateRuntime:
      return hooks.createRuntime;
    case ctr::HookStage::CreateContainer:
      return hooks.createContainer;
    case ctr::HookStage::StartContainer:
      return hooks.startContainer;
    case ctr::HookStage::Poststart:
      return hooks.poststart;
    case ctr::HookStage::Poststop:
      return hooks.poststop;
  }
  return hooks.prestart;
}

}  // namespace

std::vector<ctr::Hook> translate_hooks(const Hooks& hooks, ctr::HookStage stage) {
  std::vector<ctr::Hook> out;
  for (const Hook& hook : hooks_of(hooks, stage)) {
    ctr::Hook one{.path = hook.path, .args = hook.args, .env = hook.env, .timeout_s = std::nullopt};
    if (hook.timeout.has_value()) one.timeout_s = *hook.timeout;
    out.push_back(std::move(one));
  }
  return out;
}

bool has_runtime_hooks(const Spec& spec) {
  return !spec.hooks.prestart.empty() || !spec.hooks.createRuntime.empty();
}

void add_hooks(Work& work, ctr::Phase phase, ctr::Actor actor, ctr::HookStage stage) {
  std::vector<ctr::Hook> hooks = translate_hooks(work.spec.hooks, stage);
  if (hooks.empty()) return;
  work.plan.add(phase, actor, ctr::RunHooks{stage, std::move(hooks)},
                Pointer("/hooks").at(ctr::to_string(stage)).str());
}

}  // namespace oci
