// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/exec/child.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "ctrtool/core/exec/signals.h"
#include "ctrtool/core/exec/steps.h"
#include "ctrtool/core/sys/cred.h"

namespace ctr {
namespace {

// How the peers' init ends when the program cannot be started: as a shell would say it.
int exit_status_of(const Error& error) {
  if (error.code == ENOENT) return 127;
  if (error.code == EACCES || error.code == ENOEXEC) return 126;
  return 255;
}

Result<void> run_child_steps(Context& ctx, std::size_t first) {
  unblock_signals();
  TRY(guard_against_orphaning());
  for (std::size_t i = first; i < ctx.plan->steps.size(); ++i) {
    const Step& step = ctx.plan->steps[i];
    if (step.actor != Actor::Parent) TRY(run_step(step, ctx));
  }
  return make_error(Kind::System, "the plan ends without a program to execute");
}

}  // namespace

void child_exit(int status) { ::_exit(status); }

Result<void> guard_against_orphaning() { return sys::prctl_set_pdeathsig(SIGKILL); }

void child_main(Context& ctx, std::size_t first) noexcept {
  const Result<void> ended = run_child_steps(ctx, first);
  const int status = exit_status_of(ended.error());
  // Nobody may be listening any more; the exit status says it then.
  static_cast<void>(ctx.channel.send(MessageType::Failed, encode_error(ended.error())));
  child_exit(status);
}

}  // namespace ctr
