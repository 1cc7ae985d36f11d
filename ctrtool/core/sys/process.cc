// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/sys/process.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/show.h"

namespace ctr::sys {
namespace {

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  out.reserve(strings.size() + 1);
  for (const std::string& text : strings) out.push_back(const_cast<char*>(text.c_str()));  // NOLINT
  out.push_back(nullptr);
  return out;
}

}  // namespace

Result<Cloned> clone3(std::uint64_t flags, BorrowedFd cgroup, std::span<const pid_t> pids) {
  int pidfd = -1;
  clone_args args{};
  args.flags = flags | CLONE_PIDFD;
  args.pidfd = reinterpret_cast<std::uintptr_t>(&pidfd);
  args.exit_signal = (flags & CLONE_PARENT) != 0 ? 0 : SIGCHLD;
  if (!pids.empty()) {
    args.set_tid = reinterpret_cast<std::uintptr_t>(pids.data());
    args.set_tid_size = pids.size();
  }
  if (cgroup.valid()) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<std::uint64_t>(cgroup.raw());
  }
  const long pid = ::syscall(SYS_clone3, &args, sizeof args);
  if (pid < 0) {
    const int err = errno;
    return sys_error(err, "clone3 0x%llx", static_cast<unsigned long long>(flags));
  }
  return Cloned{static_cast<pid_t>(pid), pid == 0 ? UniqueFd() : UniqueFd(pidfd)};
}

Result<Cloned> clone(unsigned long flags) {
  int pidfd = -1;
  // The first three arguments are the same on all architectures that we build for.
  const long pid = ::syscall(SYS_clone, flags | CLONE_PIDFD | SIGCHLD, nullptr, &pidfd, 0, 0);
  if (pid < 0) {
    const int err = errno;
    return sys_error(err, "clone 0x%lx", flags);
  }
  return Cloned{static_cast<pid_t>(pid), pid == 0 ? UniqueFd() : UniqueFd(pidfd)};
}

Result<UniqueFd> pidfd_open(pid_t pid) {
  const long fd = ::syscall(SYS_pidfd_open, pid, 0);
  if (fd < 0) {
    const int err = errno;
    return sys_error(err, "pidfd_open %d", pid);
  }
  return UniqueFd(static_cast<int>(fd));
}

Result<void> pidfd_send_signal(BorrowedFd pidfd, int signal) {
  if (::syscall(SYS_pidfd_send_signal, pidfd.raw(), signal, nullptr, 0) < 0) {
    const int err = errno;
    return sys_error(err, "send signal %d to %s", signal, show(pidfd).c_str());
  }
  return {};
}

Result<std::optional<int>> pidfd_wait_status(BorrowedFd pidfd) {
  compat::PidfdInfo info{};
  info.mask = compat::kPidfdInfoExit;
  if (::ioctl(pidfd.raw(), compat::kPidfdGetInfo, &info) < 0) {
    const int err = errno;
    if (err == ENOTTY || err == EINVAL || err == ESRCH) return std::optional<int>();
    return sys_error(err, "read the exit status from a pidfd");
  }
  if ((info.mask & compat::kPidfdInfoExit) == 0) return std::optional<int>();
  return std::optional<int>(info.exit_code);
}

Result<UniqueFd> pidfd_getfd(BorrowedFd pidfd, int fd) {
  const long copy = ::syscall(SYS_pidfd_getfd, pidfd.raw(), fd, 0);
  if (copy < 0) {
    const int err = errno;
    return sys_error(err, "take fd %d of %s", fd, show(pidfd).c_str());
  }
  return UniqueFd(static_cast<int>(copy));
}

Result<std::optional<int>> waitpid(pid_t pid, int options) {
  int status = 0;
  while (true) {
    const pid_t got = ::waitpid(pid, &status, options | __WALL);
    if (got > 0) return std::optional<int>(status);
    if (got == 0) return std::optional<int>();
    if (errno != EINTR) break;
  }
  const int err = errno;
  return sys_error(err, "wait for process %d", pid);
}

std::optional<Ended> reap_any() {
  int status = 0;
  const pid_t pid = ::waitpid(-1, &status, WNOHANG | __WALL);  // never blocks: no EINTR
  if (pid <= 0) return std::nullopt;
  return Ended{pid, status};
}

Result<void> poll(std::span<pollfd> fds, int timeout_ms) {
  for (pollfd& fd : fds) fd.revents = 0;
  if (::poll(fds.data(), fds.size(), timeout_ms) >= 0 || errno == EINTR) return {};
  const int err = errno;
  return sys_error(err, "poll %zu descriptors", fds.size());
}

Result<bool> wait_pidfd(BorrowedFd pidfd, int timeout_ms) {
  pollfd poll_fd{pidfd.raw(), POLLIN, 0};
  while (true) {
    const int ready = ::poll(&poll_fd, 1, timeout_ms);
    if (ready >= 0) return ready > 0;
    if (errno == EINTR) continue;
    const int err = errno;
    return sys_error(err, "poll %s", show(pidfd).c_str());
  }
}

Error execve(const std::string& path, const std::vector<std::string>& argv,
             const std::vector<std::string>& env) {
  const std::vector<char*> argv_pointers = pointers(argv);
  const std::vector<char*> env_pointers = pointers(env);
  ::execve(path.c_str(), argv_pointers.data(), env_pointers.data());
  const int err = errno;
  return sys_error(err, "exec %s", quote(path).c_str());
}

Error fexecve(BorrowedFd file, const std::vector<std::string>& argv,
              const std::vector<std::string>& env) {
  const std::vector<char*> argv_pointers = pointers(argv);
  const std::vector<char*> env_pointers = pointers(env);
  ::syscall(SYS_execveat, file.raw(), "", argv_pointers.data(), env_pointers.data(), AT_EMPTY_PATH);
  const int err = errno;
  return sys_error(err, "exec %s", show(file).c_str());
}

Error execvpe(const std::string& name, const std::vector<std::string>& argv,
              const std::vector<std::string>& env) {
  const std::vector<char*> argv_pointers = pointers(argv);
  const std::vector<char*> env_pointers = pointers(env);
  ::execvpe(name.c_str(), argv_pointers.data(), env_pointers.data());
  const int err = errno;
  return sys_error(err, "exec %s", quote(name).c_str());
}

Result<pid_t> setsid() {
  const pid_t session = ::setsid();
  if (session < 0) {
    const int err = errno;
    return sys_error(err, "setsid");
  }
  return session;
}

Result<void> kill_group(pid_t group, int signal) {
  CTR_ASSERT(group > 1);  // -1 would be everybody
  if (::kill(-group, signal) < 0) {
    const int err = errno;
    return sys_error(err, "send signal %d to process group %d", signal, group);
  }
  return {};
}

Result<void> set_child_subreaper(bool on) {
  if (::prctl(PR_SET_CHILD_SUBREAPER, on ? 1UL : 0UL, 0UL, 0UL, 0UL) < 0) {
    const int err = errno;
    return sys_error(err, "become a child subreaper");
  }
  return {};
}

Result<sigset_t> sigprocmask(int how, const sigset_t& signals) {
  sigset_t before;
  if (::sigprocmask(how, &signals, &before) < 0) {
    const int err = errno;
    return sys_error(err, "sigprocmask");
  }
  return before;
}

Result<void> set_disposition(int signal, void (*disposition)(int)) {
  struct sigaction action {};
  action.sa_handler = disposition;
  if (::sigaction(signal, &action, nullptr) < 0) {
    const int err = errno;
    return sys_error(err, "sigaction for signal %d", signal);
  }
  return {};
}

Result<void> reset_signals() {
  for (int signal = 1; signal <= SIGRTMAX; ++signal) {
    const bool ours = signal < __SIGRTMIN || signal >= SIGRTMIN;  // between: libc keeps them
    if (signal != SIGKILL && signal != SIGSTOP && ours) TRY(set_disposition(signal, SIG_DFL));
  }
  sigset_t none;
  ::sigemptyset(&none);
  TRY(sigprocmask(SIG_SETMASK, none));
  return {};
}

Result<UniqueFd> signalfd(const sigset_t& signals) {
  const int fd = ::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd < 0) {
    const int err = errno;
    return sys_error(err, "signalfd");
  }
  return UniqueFd(fd);
}

int exit_code(int wait_status) {
  return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

namespace {

// Field 52, exit_code, is the last one.
int last_number(std::string_view fields) {
  const std::size_t blank = fields.rfind(' ');
  if (blank == std::string_view::npos) return 0;
  const Result<int> number = parse_number<int>(fields.substr(blank + 1));
  return number.ok() ? *number : 0;
}

}  // namespace

std::optional<ProcStat> parse_proc_stat(std::string_view text) {
  // The command's name is in parentheses and may hold any byte: count from the last ')'.
  const void* close = ::memrchr(text.data(), ')', text.size());
  if (close == nullptr) return std::nullopt;
  std::string_view rest(static_cast<const char*>(close), text.end());
  if (rest.size() <= 2) return std::nullopt;
  rest = trim(rest.substr(2));
  // Not split(): this runs in every `state`, and there are 52 fields.
  const auto next = [&rest] {
    const auto end = std::find(rest.begin(), rest.end(), ' ');
    const std::string_view field(rest.begin(), end);
    rest.remove_prefix(std::min(field.size() + 1, rest.size()));
    return field;
  };
  const auto field_after = [&next](int others) {
    for (; others > 0; --others) next();
    return next();
  };
  const std::string_view state = field_after(0);                    // field 3
  const auto parent = parse_number<pid_t>(field_after(0));          // field 4
  const auto flags = parse_number<std::uint64_t>(field_after(4));   // field 9
  const auto start = parse_number<std::uint64_t>(field_after(12));  // field 22
  if (state.size() != 1 || !parent.ok() || !flags.ok() || !start.ok()) return std::nullopt;
  // PF_EXITING, PF_FORKNOEXEC and PF_FREEZER_SKIP of include/linux/sched.h
  constexpr std::uint64_t kExiting = 0x4;
  constexpr std::uint64_t kForkNoExec = 0x40;
  constexpr std::uint64_t kFreezerSkip = 0x40000000;
  ProcStat stat{.state = state.front(),
                .parent = *parent,
                .exiting = (*flags & kExiting) != 0,
                .fork_no_exec = (*flags & kForkNoExec) != 0,
                .freezer_skip = (*flags & kFreezerSkip) != 0,
                .start_time = *start};
  if (stat.state == 'Z') stat.wait_status = last_number(rest);
  return stat;
}

Result<std::optional<ProcStat>> proc_stat(pid_t pid) {
  // A process that goes at this very moment is ESRCH, for open(2) as for read(2).
  const auto gone = [](const Error& error) { return error.code == ENOENT || error.code == ESRCH; };
  const std::string path = "/proc/" + std::to_string(pid) + "/stat";
  const Result<UniqueFd> fd = open(path, O_RDONLY);
  if (!fd.ok()) {
    if (gone(fd.error())) return std::optional<ProcStat>();
    return fd.error();
  }
  char buffer[1024];
  const Result<std::size_t> got = read(*fd, buffer, sizeof buffer);
  if (!got.ok()) {
    if (gone(got.error())) return std::optional<ProcStat>();
    return got.error();
  }
  const std::optional<ProcStat> stat = parse_proc_stat({buffer, *got});
  if (!stat.has_value()) return make_error(Kind::System, "%s: unknown format", path.c_str());
  return stat;
}

}  // namespace ctr::sys
