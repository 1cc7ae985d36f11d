// SPDX-License-Identifier: Apache-2.0
// Carries out a plan. Both halves walk the same list of steps at the same time; this header is the
// parent half's side of it.
//
//   Result<Prepared> prepared = prepare(plan, options);   everything up to #6 Ready
//   ... save the state, write the pid file ...
//   prepared->release();                                  create: init waits at the gate, without
//   us prepared->go();                                       run, exec: the program starts now
//
// Until release() or go() the container dies with us, and a Prepared that is destroyed before takes
// its process and its cgroup with it.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"
#include "ctrtool/core/exec/channel.h"
#include "ctrtool/core/exec/hook_runner.h"
#include "ctrtool/core/exec/trace.h"
#include "ctrtool/core/kit/cgroup.h"
#include "ctrtool/core/kit/systemd.h"
#include "ctrtool/core/plan/plan.h"

namespace ctr {

struct ExecuteOptions {
  HookRunner* hooks = nullptr;
  Trace* trace = nullptr;  // or none
  const CgroupLayout* cgroup_layout = nullptr;
  BorrowedFd seccomp_cache = kNoFd;  // a directory to keep compiled programs in, or none
  BorrowedFd target = kNoFd;         // pidfd of the process whose namespaces are joined
  // What a seccomp agent is told of the process with this pid: the container process state, JSON.
  std::function<std::string(pid_t)> process_state{};
  BorrowedFd interrupted = kNoFd;  // readable: give up, as after a failure. Or none
  UniqueFd console_socket{};       // connected; takes the terminal's master
  UniqueFd gate{};                 // listening, or a pipe's end; for release()

  // Of ctrtool's own plans.
  BorrowedFd program = kNoFd;                   // executed, if the plan says so
  BorrowedFd stdio[3] = {kNoFd, kNoFd, kNoFd};  // for TakeStdio
  BorrowedFd cgroup = kNoFd;           // a v2 directory to be born in, though the plan makes none
  std::vector<sock_filter> seccomp{};  // a filter that the caller has compiled
  // What a plan that inherits descriptors must not: the parent's own, which its child shall not
  // hold open until the program is executed.
  std::vector<BorrowedFd> parents_own{};
  // Becomes a program that is part of this one (its name begins with ':'), with this environment;
  // answers the exit status. None: there is no such thing.
  std::function<int(const Program&)> enter_stage{};
  // Where nobody listens any more, failures go to stderr under this name.
  std::string complain_as{};
  // A step of an item has failed: the error to end with, in the caller's words, or none to go on
  // with the next item. None of these: the error as it is.
  std::function<Result<void>(const Step&, Error)> on_failed_item{};
};

class Prepared {
 public:
  Prepared(Prepared&&) = default;
  Prepared& operator=(Prepared&&) = delete;
  ~Prepared();  // kills and reaps what was neither released nor started

  pid_t pid() const { return pid_; }  // in our pid namespace
  BorrowedFd pidfd() const { return pidfd_; }
  BorrowedFd script_socket() const { return script_socket_; }  // of MakeSocketPair
  // The one made for it, or none; not that of a scope.
  const Cgroup* made_cgroup() const {
    return made_cgroup_.has_value() && !scope_.has_value() ? &*made_cgroup_ : nullptr;
  }

  // The process goes on without us, up to its gate. When this returns our death does not matter.
  Result<void> release();
  // The program runs when this returns; else the error says why it does not, and nothing is left.
  Result<void> go();

 private:
  friend Result<Prepared> prepare(const ContainerPlan& plan, ExecuteOptions options);
  Prepared(pid_t pid, UniqueFd pidfd, Channel channel, std::optional<Cgroup> made_cgroup,
           std::optional<StartedScope> scope)
      : pid_(pid),
        pidfd_(std::move(pidfd)),
        channel_(std::move(channel)),
        made_cgroup_(std::move(made_cgroup)),
        scope_(std::move(scope)) {}

  pid_t pid_;
  UniqueFd pidfd_;
  Channel channel_;
  UniqueFd script_socket_{};
  pid_t lender_ = 0;  // of the process's memory, see CloneAgain; ends when the program starts
  // Removed again if the container does not come to be.
  std::optional<Cgroup> made_cgroup_;
  std::optional<StartedScope> scope_;
};

Result<Prepared> prepare(const ContainerPlan& plan, ExecuteOptions options);

// Carries out a plan without a clone in this very process. A plan with a program comes back only to
// say why this is not the program now; what is done by then stays done, except a NewRoot, and what
// a plan that rolls back has made.
Result<void> execute_in_place(const ContainerPlan& plan, ExecuteOptions options);

}  // namespace ctr
