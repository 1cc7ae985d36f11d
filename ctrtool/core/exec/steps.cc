// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/exec/steps.h"

#include "ctrtool/core/base/strf.h"

namespace ctr {
namespace {

// These speak for themselves: their errors come from the other half, a hook or the program.
bool speaks_for_itself(const Op& op) {
  return std::holds_alternative<Meet>(op) || std::holds_alternative<RunHooks>(op) ||
         std::holds_alternative<RunScript>(op) || std::holds_alternative<FindProgram>(op) ||
         std::holds_alternative<Execute>(op);
}

}  // namespace

Result<void> run_step(const Step& step, Context& ctx) {
  const Trace::Scope scope(ctx.trace, ctx.in_child ? Trace::Half::Child : Trace::Half::Parent,
                           static_cast<std::size_t>(&step - ctx.plan->steps.data()));
  Result<void> done = std::visit([&](const auto& op) { return run(op, ctx); }, step.op);
  if (done.ok() || speaks_for_itself(step.op)) return done;
  const std::string what = describe(step.op);
  return with_context(std::move(done).error(),
                      step.source.empty() ? what : step.source + ": " + what);
}

}  // namespace ctr
