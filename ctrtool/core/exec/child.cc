// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/exec/child.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "ctrtool/core/exec/clone_again.h"
#include "ctrtool/core/exec/out_of_memory.h"
#include "ctrtool/core/exec/signals.h"
#include "ctrtool/core/exec/steps.h"
#include "ctrtool/core/sys/cred.h"
#include "ctrtool/core/sys/file.h"

namespace ctr {
namespace {

// How the peers' init ends when the program cannot be started: as a shell would say it.
int exit_status_of(const Error& error) {
  if (error.code == ENOENT) return 127;
  if (error.code == EACCES || error.code == ENOEXEC) return 126;
  return 255;
}

// Of what the parent has open only this is the child's: not its locks, its log, its directories.
Result<void> close_all_others(Context& ctx) {
  if (ctx.plan->inherit_fds) {
    for (const BorrowedFd fd : ctx.parents_own)
      if (fd.valid()) ::close(fd.raw());
    return {};
  }
  std::vector<unsigned> keep;
  const auto add = [&](BorrowedFd fd) {
    if (fd.valid()) keep.push_back(static_cast<unsigned>(fd.raw()));
  };
  add(ctx.channel.socket());
  add(ctx.target);
  add(ctx.console_socket);
  add(ctx.gate);
  if (ctx.hooks != nullptr)
    for (const BorrowedFd fd : ctx.hooks->descriptors()) add(fd);
  for (const auto& [slot, fd] : ctx.slots) add(fd);
  for (const UniqueFd& fd : ctx.cgroup_tasks) add(fd);
  std::sort(keep.begin(), keep.end());
  unsigned first = 3 + ctx.plan->preserve_fds;
  for (const unsigned fd : keep) {
    if (fd < first) continue;
    if (fd > first) TRY(sys::close_range(first, fd - 1, 0));
    first = fd + 1;
  }
  return sys::close_range(first, ~0U, 0);
}

Result<void> begin(Context& ctx) {
  unblock_signals();
  sys::umask(
      0);  // modes are meant as the plan says them; the program's own mask comes with its user
  TRY(close_all_others(ctx));
  return guard_against_orphaning(ctx);
}

}  // namespace

namespace {

// Whether a failure is one that the rest of the item is left out for, the caller says.
Result<void> run_step_of_item(const Step& step, Context& ctx) {
  Result<void> done = run_step(step, ctx);
  if (done.ok() || step.item == 0 || !ctx.on_failed_item) return done;
  TRY(ctx.on_failed_item(step, std::move(done).error()));
  ctx.item_is_done = true;
  ctx.item_has_failed = true;
  return {};
}

std::size_t last_of_item(const ContainerPlan& plan, std::size_t at) {
  const std::size_t item = plan.steps[at].item;
  while (at + 1 < plan.steps.size() && plan.steps[at + 1].item == item) ++at;
  return at;
}

// What an item has found would keep busy what later ones unmount.
void let_go(Context& ctx) {
  ctx.root.reset();
  ctx.source.reset();
}

}  // namespace

Result<void> run_child_steps(Context& ctx, std::size_t first) {
  for (std::size_t i = first; i < ctx.plan->steps.size(); ++i) {
    const Step& step = ctx.plan->steps[i];
    const auto* const again = step.op.as<CloneAgain>();
    if (again != nullptr && again->lends_memory) return clone_lending_memory(ctx, i + 1);
    if (step.actor != Actor::Parent) TRY(run_step_of_item(step, ctx));
    if (std::exchange(ctx.item_is_done, false)) i = last_of_item(*ctx.plan, i);
    if (step.item != 0 && i == last_of_item(*ctx.plan, i)) let_go(ctx);
  }
  return {};
}

void child_exit(int status) { ::_exit(status); }

Result<void> guard_against_orphaning(const Context& ctx) {
  if (!ctx.channel.open() || ctx.plan->in_place) return {};
  return sys::prctl_set_pdeathsig(SIGKILL);
}

void child_main(Context& ctx, std::size_t first) noexcept { child_go_on(ctx, first, begin(ctx)); }

void child_go_on(Context& ctx, std::size_t first, const Result<void>& begun) noexcept {
  const Result<void> ended =
      begun.ok() ? or_out_of_memory([&] { return run_child_steps(ctx, first); }) : begun;
  const Error error =
      ended.ok() ? make_error(Kind::System, "the plan has no program to execute") : ended.error();
  const int status = exit_status_of(error);
  // Nobody may be listening any more; the exit status says it then.
  const Result<void> sent = ctx.channel.open()
                                ? ctx.channel.send(MessageType::Failed, encode_error(error))
                                : sys_error(EPIPE, "no channel");
  if (!sent.ok() && !ctx.complain_as.empty()) {
    const std::string line = ctx.complain_as + ": " + error.message + "\n";
    static_cast<void>(sys::write_all(BorrowedFd(STDERR_FILENO), line));
  }
  child_exit(status);
}

}  // namespace ctr
