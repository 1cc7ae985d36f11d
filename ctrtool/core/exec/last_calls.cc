// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/exec/last_calls.h"

#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>

#include "ctrtool/core/kit/seccomp_verdict.h"

namespace ctr {
namespace {

// Where filters are known to look at arguments, ours.
struct LastCall {
  int number;
  std::uint64_t first = 0;
  std::uint64_t second = 0;
};

constexpr std::uint64_t kLent = CLONE_VM | CLONE_VFORK | CLONE_PARENT | CLONE_PARENT_SETTID;
constexpr std::uint64_t kCopied = CLONE_PARENT | CLONE_PIDFD | SIGCHLD;

constexpr LastCall kLastCalls[] = {
    // the capabilities, and the clone that takes our place
    {SYS_capset},
    {SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL},
    {SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE},
    {SYS_prctl, PR_SET_DUMPABLE, 0},
    {SYS_clone, kLent},
    {SYS_clone, kCopied},
    {SYS_pipe2},
    {SYS_exit_group},
    // the clone
    {SYS_prctl, PR_SET_PDEATHSIG, SIGKILL},
    {SYS_setsid},
    {SYS_ioctl, 0, TIOCSCTTY},
    // the wait for the start
    {SYS_sendmsg},
    {SYS_recvmsg},
    {SYS_accept4},
    {SYS_prctl, PR_SET_PDEATHSIG, 0},
    // the rest
    {SYS_prlimit64},
    {SYS_rt_sigaction},
    {SYS_execve},
    // what any of it may do
    {SYS_read},
    {SYS_write},
    {SYS_close},
    {SYS_brk},
    {SYS_mmap},
    {SYS_munmap},
};

std::uint32_t verdict_of(const std::vector<sock_filter>& filter, const LastCall& call) {
  seccomp_data data{};
  data.nr = call.number;
  data.arch = kNativeAuditArch;
  data.args[0] = call.first;
  data.args[1] = call.second;
  return seccomp_verdict(filter, data).value_or(SECCOMP_RET_KILL_PROCESS);
}

bool passes(std::uint32_t verdict) {
  const std::uint32_t action = verdict & SECCOMP_RET_ACTION_FULL;
  return action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG;
}

}  // namespace

bool lets_us_finish(const std::vector<sock_filter>& filter) {
  // An older call takes the place of one that is not there.
  const std::uint32_t clone3 = verdict_of(filter, {SYS_clone3});
  if (!passes(clone3) && clone3 != (SECCOMP_RET_ERRNO | ENOSYS)) return false;
  return std::all_of(std::begin(kLastCalls), std::end(kLastCalls),
                     [&](const LastCall& call) { return passes(verdict_of(filter, call)); });
}

}  // namespace ctr
