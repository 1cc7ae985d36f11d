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

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"
#include "ctrtool/core/exec/channel.h"
#include "ctrtool/core/exec/hook_runner.h"
#include "ctrtool/core/kit/cgroup.h"
#include "ctrtool/core/kit/systemd.h"
#include "ctrtool/core/plan/plan.h"

namespace ctr {

struct ExecuteOptions {
  HookRunner* hooks = nullptr;
  const CgroupLayout* cgroup_layout = nullptr;
  BorrowedFd seccomp_cache = kNoFd;  // a directory to keep compiled programs in, or none
  BorrowedFd target = kNoFd;         // pidfd of the process whose namespaces are joined
  // What a seccomp agent is told of the process with this pid: the container process state, JSON.
  std::function<std::string(pid_t)> process_state{};
  UniqueFd console_socket{};  // connected; takes the terminal's master
  UniqueFd gate{};            // listening; for release()
};

class Prepared {
 public:
  Prepared(Prepared&&) = default;
  Prepared& operator=(Prepared&&) = delete;
  ~Prepared();  // kills and reaps what was neither released nor started

  pid_t pid() const { return pid_; }  // in our pid namespace
  BorrowedFd pidfd() const { return pidfd_; }

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
  // Removed again if the container does not come to be.
  std::optional<Cgroup> made_cgroup_;
  std::optional<StartedScope> scope_;
};

Result<Prepared> prepare(const ContainerPlan& plan, ExecuteOptions options);

}  // namespace ctr
