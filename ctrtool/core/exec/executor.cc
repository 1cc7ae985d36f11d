// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/exec/executor.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/exec/child.h"
#include "ctrtool/core/exec/clone_again.h"
#include "ctrtool/core/exec/gate.h"
#include "ctrtool/core/exec/out_of_memory.h"
#include "ctrtool/core/exec/signals.h"
#include "ctrtool/core/exec/steps.h"
#include "ctrtool/core/kit/caps.h"
#include "ctrtool/core/sys/cred.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/mount.h"
#include "ctrtool/core/sys/ns.h"
#include "ctrtool/core/sys/process.h"

namespace ctr {
namespace {

// How the process ended, for the message. Reaps it.
std::string reap(pid_t pid) {
  const Result<std::optional<int>> status = sys::waitpid(pid, 0);
  if (!status.ok() || !status->has_value()) return "it is gone";
  if (WIFSIGNALED(**status)) return strf("killed by signal %d", WTERMSIG(**status));
  return strf("exit status %d", WEXITSTATUS(**status));
}

void kill_and_reap(pid_t pid, BorrowedFd pidfd) {
  if (pid <= 0) return;
  static_cast<void>(sys::pidfd_send_signal(pidfd, SIGKILL));
  reap(pid);
}

// The child may have said why before our own message found it gone. Or it is another that has hung
// up, systemd perhaps: then the child lives, and there may be nothing to be read.
Error last_word(Error error, const Channel& channel) {
  if (error.code != EPIPE && error.code != ECONNRESET) return error;
  while (true) {
    const Result<bool> said = sys::poll(channel.socket(), POLLIN, 0);
    if (!said.ok() || !*said) return error;
    const Result<std::optional<ChannelMessage>> message = channel.receive();
    if (!message.ok() || !message->has_value())
      return make_error(Kind::ChildDied, "the container's process is gone");
    if ((*message)->type != MessageType::Failed) continue;
    std::optional<Error> word = decode_error((*message)->payload);
    return word.has_value() ? *std::move(word) : std::move(error);
  }
}

// "ended before Ready" is a death; which one, the wait status says.
Error explain_death(Error error, Context& ctx) {
  if (error.kind != Kind::ChildDied || ctx.child <= 0) return error;
  // A dead peer's socket may say so before the process can be reaped: make sure, then look.
  static_cast<void>(sys::pidfd_send_signal(ctx.child_pidfd, SIGKILL));
  const std::string how = reap(ctx.child);
  ctx.child = 0;
  const bool limited = ctx.cgroup.has_value() && how == "killed by signal 9";
  return make_error(Kind::ChildDied, "the container's process ended during its set-up: %s%s",
                    how.c_str(), limited ? " (is the memory limit too low?)" : "");
}

Result<void> run_parent_steps(Context& ctx, std::size_t first) {
  for (std::size_t i = first; i < ctx.plan->steps.size(); ++i) {
    const Step& step = ctx.plan->steps[i];
    if (const auto* const again = step.op.as<CloneAgain>()) {
      TRY(follow_again(*again, ctx));
    } else if (step.actor != Actor::Child) {
      TRY(run_step(step, ctx));
    }
  }
  return {};
}

// The steps before the clone, and the clone. Answers the index of the first step after it; in the
// child it does not return.
Result<std::size_t> run_until_clone(Context& ctx, Channel child_end) {
  for (std::size_t i = 0; i < ctx.plan->steps.size(); ++i) {
    const Step& step = ctx.plan->steps[i];
    if (step.actor != Actor::Child) TRY(run_step(step, ctx));
    if (!step.op.is<Clone>()) continue;
    if (!ctx.in_child) return i + 1;
    ctx.channel = std::move(child_end);
    ctx.user_namespaces.clear();
    child_main(ctx, i + 1);
  }
  return make_error(Kind::System, "the plan makes no process");
}

// What the parent has no use for after the clone; the child has its own copy.
Result<void> after_clone(Context& ctx) {
  ctx.console_socket.reset();
  ctx.gate.reset();
  ctx.slots.clear();
  ctx.user_namespaces.clear();
  if (ctx.own_pid_namespace.valid()) TRY(sys::setns(ctx.own_pid_namespace, CLONE_NEWPID));
  ctx.own_pid_namespace.reset();
  for (const RlimitSetting& limit : ctx.own_limits) TRY(apply_rlimit(0, limit));
  ctx.own_limits.clear();
  return {};
}

Result<void> walk(Context& ctx, ChannelPair channels) {
  ctx.channel = std::move(channels.parent);
  const std::size_t next = TRY(run_until_clone(ctx, std::move(channels.child)));
  TRY(after_clone(ctx));
  return run_parent_steps(ctx, next);
}

// The scope first: while it is there, systemd may make its cgroup anew.
Result<void> remove_made(std::optional<Cgroup>& cgroup, std::optional<StartedScope>& scope) {
  Result<void> stopped;
  if (scope.has_value()) stopped = scope->manager.stop(scope->unit);
  scope.reset();
  const Result<void> removed = cgroup.has_value() ? cgroup->remove() : Result<void>();
  cgroup.reset();
  return stopped.ok() ? removed : stopped;
}

}  // namespace

namespace {

// The effective user for the length of a clone. Capabilities come back with it, and both halves
// have it until they change.
class BorrowUser {
 public:
  Result<void> become(uid_t uid) {
    const sys::ProcessIds ids = TRY(sys::getresuid());
    TRY(sys::setresuid(kUnchanged, uid, ids.effective));
    before_ = ids;
    return raise_permitted();
  }
  Result<void> back() const {
    if (!before_.has_value()) return {};
    TRY(sys::setresuid(kUnchanged, before_->effective, before_->saved));
    return raise_permitted();
  }

 private:
  static constexpr auto kUnchanged = static_cast<uid_t>(-1);
  std::optional<sys::ProcessIds> before_;
};

}  // namespace

Result<void> run(const Clone& op, Context& ctx) {
  const BorrowedFd cgroup = ctx.cgroup.has_value() ? ctx.cgroup->v2_dir() : ctx.cgroup_to_join;
  BorrowUser user;
  if (op.owner.has_value()) TRY(user.become(*op.owner));
  Result<sys::Cloned> made = sys::clone3(op.namespaces, cgroup, op.pids);
  if (!made.ok() || made->pid != 0) TRY(user.back());
  sys::Cloned cloned = TRY(std::move(made));
  ctx.in_child = cloned.pid == 0;
  ctx.child = cloned.pid;
  ctx.child_pidfd = std::move(cloned.pidfd);
  return {};
}

namespace {

// What only ctrtool's own plans use.
void take_tools_options(ExecuteOptions& options, Context& ctx) {
  ctx.program = options.program;
  for (std::size_t i = 0; i < 3; ++i) ctx.stdio[i] = options.stdio[i];
  ctx.cgroup_to_join = options.cgroup;
  ctx.seccomp = std::move(options.seccomp);
  ctx.parents_own = std::move(options.parents_own);
  ctx.enter_stage = std::move(options.enter_stage);
  ctx.complain_as = std::move(options.complain_as);
  ctx.on_failed_item = std::move(options.on_failed_item);
}

}  // namespace

Result<void> execute_in_place(const ContainerPlan& plan, ExecuteOptions options) {
  CTR_ASSERT(plan.in_place);
  Context ctx;
  ctx.plan = &plan;
  ctx.env = plan.program.env;
  ctx.in_child = true;
  ctx.target = options.target;
  take_tools_options(options, ctx);
  Rollback undo;
  if (plan.rolls_back) ctx.undo = &undo;
  Result<void> done = run_child_steps(ctx, 0);
  if (done.ok() && !ctx.item_has_failed) undo.release();
  if (done.ok() || plan.find<NewRoot>() == nullptr || !ctx.root.valid()) return done;
  Result<void> undone = sys::fchdir(ctx.root);
  if (undone.ok()) undone = sys::umount2(".", MNT_DETACH);
  if (!undone.ok()) done.error().message += "; also: " + undone.error().message;
  return done;
}

Result<Prepared> prepare(const ContainerPlan& plan, ExecuteOptions options) {
  Context ctx;
  ctx.plan = &plan;
  ctx.env = plan.program.env;
  ctx.hooks = options.hooks;
  ctx.trace = options.trace;
  if (ctx.trace != nullptr) ctx.trace->describe(plan);
  ctx.cgroup_layout = options.cgroup_layout;
  ctx.seccomp_cache = options.seccomp_cache;
  ctx.target = options.target;
  ctx.process_state = std::move(options.process_state);
  ctx.interrupted = options.interrupted;
  ctx.console_socket = std::move(options.console_socket);
  ctx.gate = std::move(options.gate);
  take_tools_options(options, ctx);
  ctx.ignored_signals = TRY(ignored_signals());
  ChannelPair channels = TRY(make_channel());

  const bool makes_cgroup =
      plan.find<MakeCgroup>() != nullptr || plan.find<StartScope>() != nullptr;
  Result<void> walked = or_out_of_memory([&] { return walk(ctx, std::move(channels)); });
  if (!walked.ok()) {
    // To explain takes memory as well; what has been made must go all the same.
    const auto explain = [&]() -> Result<void> {
      return explain_death(last_word(std::move(walked).error(), ctx.channel), ctx);
    };
    Error error = or_out_of_memory(explain).error();
    kill_and_reap(ctx.child, ctx.child_pidfd);
    if (ctx.lender > 0) reap(ctx.lender);
    if (!makes_cgroup) return error;
    const Result<void> removed = remove_made(ctx.cgroup, ctx.scope);
    if (!removed.ok()) error.message += "; also: " + removed.error().message;
    return error;
  }
  if (!makes_cgroup) ctx.cgroup.reset();
  Prepared prepared(ctx.child, std::move(ctx.child_pidfd), std::move(ctx.channel),
                    std::move(ctx.cgroup), std::move(ctx.scope));
  prepared.script_socket_ = std::move(ctx.script_socket);
  prepared.lender_ = ctx.lender;
  return prepared;
}

Prepared::~Prepared() {
  if (!channel_.open()) return;
  kill_and_reap(pid_, pidfd_);
  if (lender_ > 0) reap(lender_);
  static_cast<void>(remove_made(made_cgroup_, scope_));
}

Result<void> Prepared::release() {
  TRY(channel_.send(MessageType::Release));
  TRY(channel_.expect(MessageType::Released));
  channel_.close();
  return {};
}

Result<void> Prepared::go() {
  TRY(channel_.send(MessageType::Go));
  TRY(await_start(channel_, pidfd_));
  if (lender_ > 0) reap(lender_);
  channel_.close();
  return {};
}

}  // namespace ctr
