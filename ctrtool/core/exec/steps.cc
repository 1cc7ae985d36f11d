// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/exec/steps.h"

#include "ctrtool/core/base/strf.h"

namespace ctr {
namespace {

// These speak for themselves: their errors come from the other half, a hook or the program.
bool speaks_for_itself(const Op& op) {
  return op.is<Meet>() || op.is<RunHooks>() || op.is<RunScript>() || op.is<FindProgram>() ||
         op.is<Execute>();
}

// Where it came from and what it was; where the system call's own words say that, once.
Error with_step(Error error, const Step& step) {
  const std::string what = brief(step.op);
  if (!error.message.starts_with(what)) error = with_context(std::move(error), what);
  return step.source.empty() ? error : with_context(std::move(error), step.source);
}

}  // namespace

Result<void> run_step(const Step& step, Context& ctx) {
  const Trace::Scope scope(ctx.trace, ctx.in_child ? Trace::Half::Child : Trace::Half::Parent,
                           static_cast<std::size_t>(&step - ctx.plan->steps.data()));
  Result<void> done = step.op.visit([&](const auto& op) { return run(op, ctx); });
  // Of an item the caller says in its own words which it was.
  if (done.ok() || step.item != 0 || speaks_for_itself(step.op)) return done;
  return with_step(std::move(done).error(), step);
}

}  // namespace ctr
