// SPDX-License-Identifier: Apache-2.0
#include "hooks/runner.h"

#include <sys/wait.h>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/plan/plan.h"
#include "hooks/program.h"

namespace hooks {
namespace {

using ctr::Hook;
using ctr::Kind;
using ctr::Result;

// runc's words where it has some: people search for them.
std::string how_it_ended(const Finished& finished, const Hook& hook) {
  if (finished.timed_out)
    return ctr::strf("hook ran past specified timeout of %d.0s", hook.timeout_s.value_or(0));
  if (finished.interrupted) return "interrupted by a signal";
  if (WIFSIGNALED(finished.status))
    return ctr::strf("killed by signal %d", WTERMSIG(finished.status));
  return ctr::strf("exit status %d", WEXITSTATUS(finished.status));
}

Result<void> judge(const Finished& finished, const Hook& hook) {
  if (!finished.timed_out && !finished.interrupted && finished.status == 0) return {};
  return ctr::make_error(
      Kind::System, "%s, stdout: %s, stderr: %s", how_it_ended(finished, hook).c_str(),
      ctr::escape(ctr::trim(finished.out)).c_str(), ctr::escape(ctr::trim(finished.err)).c_str());
}

Result<void> check(const Hook& hook) {
  if (!hook.path.starts_with('/'))
    return ctr::make_error(Kind::InvalidSpec, "the path must be absolute");
  if (hook.timeout_s.value_or(1) <= 0)
    return ctr::make_error(Kind::InvalidSpec, "the timeout must be greater than zero");
  return {};
}

}  // namespace

Result<void> Runner::run_one(const Stage& stage, const Hook& hook, std::size_t index,
                             const std::string& state, ctr::BorrowedFd host_root) const {
  const std::string name = ctr::strf("%s hook #%zu %s", ctr::to_string(stage.stage).data(), index,
                                     ctr::quote(hook.path).c_str());
  TRY_CTX(check(hook), "%s", name.c_str());
  const bool inside = stage.where == Where::Inside;
  Program program{.path = hook.path, .argv = hook.args, .env = {}};
  if (program.argv.empty()) program.argv = {hook.path};
  if (hook.env.has_value())
    program.env = *hook.env;
  else
    program.env = inside ? options_.container_env : own_environment();
  // Inside, the working directory is the one that the container's program will have.
  if (!inside) program.cwd = options_.bundle;
  program.root = host_root;
  const Copies copies{options_.out_file, options_.err_file};
  const bool ours_to_end =
      stage.stage == ctr::HookStage::Prestart || stage.stage == ctr::HookStage::CreateRuntime;
  const ctr::BorrowedFd interrupted = ours_to_end ? options_.interrupted : ctr::kNoFd;
  const Finished finished =
      TRY_CTX(run_program(program, state, hook.timeout_s, copies, interrupted), "%s", name.c_str());
  TRY_CTX(judge(finished, hook), "%s", name.c_str());
  return {};
}

Result<void> Runner::run(ctr::HookStage stage, const std::vector<Hook>& hooks, pid_t container_pid,
                         ctr::BorrowedFd host_root) {
  if (hooks.empty()) return {};
  const Stage& info = find_stage(stage);
  const std::string state = options_.state(info.status, container_pid);
  for (std::size_t i = 0; i < hooks.size(); ++i) {
    Result<void> done = run_one(info, hooks[i], i, state, host_root);
    if (done.ok()) continue;
    done.error().kind = Kind::HookFailed;
    return done;
  }
  return {};
}

std::vector<std::string> Runner::run_all(ctr::HookStage stage, const std::vector<Hook>& hooks,
                                         pid_t container_pid) {
  std::vector<std::string> warnings;
  if (hooks.empty()) return warnings;
  const Stage& info = find_stage(stage);
  const std::string state = options_.state(info.status, container_pid);
  for (std::size_t i = 0; i < hooks.size(); ++i) {
    const Result<void> done = run_one(info, hooks[i], i, state, ctr::kNoFd);
    if (!done.ok()) warnings.push_back(done.error().message);
  }
  return warnings;
}

}  // namespace hooks
