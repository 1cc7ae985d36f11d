// SPDX-License-Identifier: Apache-2.0
// Processes: clone3(2), pidfds, waiting, signals, execve.
#pragma once

#include <poll.h>
#include <signal.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"
#include "ctrtool/core/sys/compat.h"

namespace ctr::sys {

struct Cloned {
  pid_t pid = 0;   // 0 in the child
  UniqueFd pidfd;  // in the parent
};
// clone3 without CLONE_VM: the child is a copy. `flags`: CLONE_NEW*, CLONE_PARENT,
// CLONE_INTO_CGROUP (with `cgroup`, Linux 5.7). The child's exit signal is SIGCHLD.
// `pids`: the child's, innermost pid namespace first (Linux 5.5).
Result<Cloned> clone3(std::uint64_t flags, BorrowedFd cgroup, std::span<const pid_t> pids = {});
// The older call, for where a filter denies clone3.
Result<Cloned> clone(unsigned long flags);

Result<UniqueFd> pidfd_open(pid_t pid);
Result<void> pidfd_send_signal(BorrowedFd pidfd, int signal);
// Of a process that has been reaped, as wait(2) gave it (PIDFD_GET_INFO with PIDFD_INFO_EXIT, Linux
// 6.15). Nothing when it has not been, or the kernel can't tell.
Result<std::optional<int>> pidfd_wait_status(BorrowedFd pidfd);
Result<UniqueFd> pidfd_getfd(BorrowedFd pidfd, int fd);
// Reaps; answers the status of wait(2). WNOHANG in `options`: nothing when it still runs.
Result<std::optional<int>> waitpid(pid_t pid, int options);
// Reaps any child that has ended; nothing when there is none.
struct Ended {
  pid_t pid;
  int status;
};
std::optional<Ended> reap_any();
// poll(2); a signal or the timeout leaves all `revents` zero. Milliseconds, < 0: for ever.
Result<void> poll(std::span<pollfd> fds, int timeout_ms);
// True as soon as the process has ended. `timeout_ms` < 0: for ever.
Result<bool> wait_pidfd(BorrowedFd pidfd, int timeout_ms);
// execve(2); returns only the error.
Error execve(const std::string& path, const std::vector<std::string>& argv,
             const std::vector<std::string>& env);
// execveat(2) of an open file.
Error fexecve(BorrowedFd file, const std::vector<std::string>& argv,
              const std::vector<std::string>& env);
// execvpe(3): a name without a slash is looked up in our own PATH.
Error execvpe(const std::string& name, const std::vector<std::string>& argv,
              const std::vector<std::string>& env);
Result<pid_t> setsid();
// To every process of the group.
Result<void> kill_group(pid_t group, int signal);
Result<void> set_child_subreaper(bool on);

// The signal mask; answers the one before.
Result<sigset_t> sigprocmask(int how, const sigset_t& signals);
Result<void> set_disposition(int signal, void (*disposition)(int));
// SIG_DFL for all, an empty mask: what a program may expect of whoever starts it.
Result<void> reset_signals();
// Non-blocking.
Result<UniqueFd> signalfd(const sigset_t& signals);

// The status of wait(2) as a shell shows it: the exit code, or 128 + signal.
int exit_code(int wait_status);

// From /proc/PID/stat.
struct ProcStat {
  char state = '?';
  pid_t parent = 0;
  bool exiting = false;          // PF_EXITING: it runs no code of its own any more
  bool fork_no_exec = false;     // PF_FORKNOEXEC: it runs the program of its parent still
  bool freezer_skip = false;     // PF_FREEZER_SKIP, until Linux 6.0: counts as frozen as it sleeps
  std::uint64_t start_time = 0;  // clock ticks since boot, field 22
  int wait_status = 0;           // of a zombie: as wait(2) will give it; 0 without ptrace rights
};
std::optional<ProcStat> parse_proc_stat(std::string_view text);
// Nothing when there is no such process.
Result<std::optional<ProcStat>> proc_stat(pid_t pid);

}  // namespace ctr::sys
