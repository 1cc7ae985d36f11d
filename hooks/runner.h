// SPDX-License-Identifier: Apache-2.0
// Runs OCI hooks: the container's state on stdin, output captured for the error's text, a timeout,
// nothing else of ours in sight. Works in the runtime as in the container's own process, also when
// that is pid 1.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ctrtool/core/exec/hook_runner.h"
#include "hooks/stage.h"

namespace hooks {

struct RunnerOptions {
  // The container's state as JSON, with this status and this pid.
  std::function<std::string(std::string_view status, pid_t pid)> state;
  std::string bundle;  // where hooks that see the host's root run
  // Of startContainer hooks that bring no environment. Others get the runtime's own.
  std::vector<std::string> container_env = {};
  // Open for appending: they get all that the hooks write.
  ctr::UniqueFd out_file = {};
  ctr::UniqueFd err_file = {};
  // Readable: the caller wants no container any more, and prestart and createRuntime hooks end.
  ctr::BorrowedFd interrupted = ctr::kNoFd;
};

class Runner final : public ctr::HookRunner {
 public:
  explicit Runner(RunnerOptions options) : options_(std::move(options)) {}

  // Stops at the first failure: `createRuntime hook #0 "/path": exit status 1, stdout: …, stderr:
  // …`
  ctr::Result<void> run(ctr::HookStage stage, const std::vector<ctr::Hook>& hooks,
                        pid_t container_pid, ctr::BorrowedFd host_root) override;

  std::vector<ctr::BorrowedFd> descriptors() const override {
    return {options_.out_file, options_.err_file};
  }

  // For poststop: all of them, whatever happens. Answers what went wrong, one text a hook.
  std::vector<std::string> run_all(ctr::HookStage stage, const std::vector<ctr::Hook>& hooks,
                                   pid_t container_pid);

 private:
  ctr::Result<void> run_one(const Stage& stage, const ctr::Hook& hook, std::size_t index,
                            const std::string& state, ctr::BorrowedFd host_root) const;

  RunnerOptions options_;
};

}  // namespace hooks
