// SPDX-License-Identifier: Apache-2.0
// What the executor asks of whoever runs hooks (the room above), so that core never sees hooks/.
#pragma once

#include <sys/types.h>

#include <string_view>
#include <vector>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"
#include "ctrtool/core/plan/op.h"

namespace ctr {

class HookRunner {
 public:
  HookRunner() = default;
  HookRunner(const HookRunner&) = delete;
  HookRunner& operator=(const HookRunner&) = delete;
  virtual ~HookRunner() = default;
  // What must stay open in the container's process for the hooks that it runs; kNoFd: skipped.
  virtual std::vector<BorrowedFd> descriptors() const { return {}; }

  // Runs the hooks of one stage in order and stops at the first failure, whose text names the
  // stage, the hook's index and what it printed. `container_pid`: as seen by the caller.
  // `host_root`: where the hook's path is looked up when the caller's "/" is not the host's any
  // more; else kNoFd.
  virtual Result<void> run(HookStage stage, const std::vector<Hook>& hooks, pid_t container_pid,
                           BorrowedFd host_root) = 0;

  // Runs one script of ctrtool's while the child is held. `socket`: its end of the pair, or kNoFd.
  // Runners of OCI hooks have none.
  virtual Result<void> run_script(const RunScript& script, pid_t child, BorrowedFd pidfd,
                                  BorrowedFd socket);
};

}  // namespace ctr
