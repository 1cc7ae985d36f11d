// SPDX-License-Identifier: Apache-2.0
#include "tests/support/tracer.h"

#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>

#include <map>
#include <optional>

#include "ctrtool/core/base/strf.h"
#include "tests/support/files.h"

namespace support {

namespace {

#if defined(__x86_64__)
constexpr bool kCanFail = true;

// Number -1 is no system call: nothing is done, and the answer is ours to write when it returns.
void skip_call(pid_t pid) {
  ::ptrace(PTRACE_POKEUSER, pid, offsetof(user_regs_struct, orig_rax), -1L);
}
void set_answer(pid_t pid, long value) {
  ::ptrace(PTRACE_POKEUSER, pid, offsetof(user_regs_struct, rax), value);
}
#else
constexpr bool kCanFail = false;
void skip_call(pid_t) {}
void set_answer(pid_t, long) {}
#endif

constexpr long kOptions = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                          PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;

constexpr long kHeldMs = 500;

void nothing(int) {}

// waitid(2) has no time limit: a signal in between ends it now and then.
class Ticks {
 public:
  Ticks() {
    struct sigaction action {};
    action.sa_handler = nothing;  // without SA_RESTART
    ::sigaction(SIGALRM, &action, &before_);
    const itimerval every{{0, 200000}, {0, 200000}};
    ::setitimer(ITIMER_REAL, &every, nullptr);
  }
  ~Ticks() {
    const itimerval never{};
    ::setitimer(ITIMER_REAL, &never, nullptr);
    ::sigaction(SIGALRM, &before_, nullptr);
  }
  Ticks(const Ticks&) = delete;
  Ticks& operator=(const Ticks&) = delete;

 private:
  struct sigaction before_ {};
};

long now_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

class Tracer {
 public:
  Tracer(const Command& command, std::string payload, const std::function<Fault(const Call&)>& at)
      : command_(command), payload_(std::move(payload)), at_(at), program_(stopped(command)) {}

  Traced run() {
    int status = 0;
    ::waitpid(program_.pid(), &status, 0);
    ::ptrace(PTRACE_SETOPTIONS, program_.pid(), 0, kOptions);
    add(program_.pid()).started = true;
    go_on(program_.pid(), 0);
    const bool ended = follow();
    release_held(0);
    let_all_go();
    result_.outcome = program_.wait(ended ? 5000 : 0);
    return std::move(result_);
  }

 private:
  struct Process {
    unsigned number = 0;
    unsigned calls = 0;
    bool started = false;        // past the SIGSTOP that a new one begins with
    std::optional<int> error{};  // to be answered when the call returns
    long held_until = 0;
  };

  static Command stopped(Command command) {
    command.traced = true;
    return command;
  }

  Process& add(pid_t pid) {
    const auto [place, is_new] = all_.try_emplace(pid);
    if (is_new) place->second.number = made_++;
    return place->second;
  }

  // Now, not at its first stop: the order of births is the same in every run.
  void add_child_of(pid_t pid) {
    unsigned long child = 0;
    if (::ptrace(PTRACE_GETEVENTMSG, pid, 0, &child) == 0) add(static_cast<pid_t>(child));
  }

  // False when it takes too long.
  bool follow() {
    const Ticks ticks;
    const long end = now_ms() + command_.timeout_ms;
    while (!done_) {
      siginfo_t info{};
      constexpr int kAll = WEXITED | WSTOPPED | WNOWAIT | __WALL;
      if (::waitid(P_ALL, 0, &info, kAll) != 0 && errno != EINTR) return false;
      if (now_ms() > end) return false;
      release_held(now_ms());
      if (info.si_pid == 0) continue;
      const bool is_stop = info.si_code == CLD_TRAPPED || info.si_code == CLD_STOPPED;
      if (!is_stop && info.si_pid == program_.pid()) return true;  // Running reaps it
      int status = 0;
      ::waitpid(info.si_pid, &status, __WALL);
      if (WIFSTOPPED(status)) {
        stop(info.si_pid, status);
      } else {
        all_.erase(info.si_pid);
      }
    }
    return true;
  }

  void stop(pid_t pid, int status) {
    const int signal = WSTOPSIG(status);
    const int event = status >> 16;
    Process& process = add(pid);
    if (signal == (SIGTRAP | 0x80)) return system_call(pid, process);
    if (event == PTRACE_EVENT_EXEC && link_of_program(pid).ends_with(payload_)) return let_go(pid);
    if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK || event == PTRACE_EVENT_CLONE)
      add_child_of(pid);
    if (event != 0) return go_on(pid, 0);
    if (signal == SIGSTOP && !process.started) {
      process.started = true;
      return go_on(pid, 0);
    }
    go_on(pid, signal);
  }

  void system_call(pid_t pid, Process& process) {
    __ptrace_syscall_info info{};
    if (::ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) <= 0) return go_on(pid, 0);
    if (info.op == PTRACE_SYSCALL_INFO_EXIT) {
      if (process.error.has_value()) set_answer(pid, -*process.error);
      process.error.reset();
      return go_on(pid, 0);
    }
    if (info.op != PTRACE_SYSCALL_INFO_ENTRY) return go_on(pid, 0);
    const Call call{process.number,
                    process.calls++,
                    static_cast<unsigned long>(info.entry.nr),
                    pid,
                    {info.entry.args[0], info.entry.args[1], info.entry.args[2]}};
    result_.calls.push_back(call);
    carry_out(at_(call), pid, process);
  }

  void carry_out(const Fault& fault, pid_t pid, Process& process) {
    if (fault.kind != Fault::kNone) ++result_.faults;
    switch (fault.kind) {
      case Fault::kNone:
        return go_on(pid, 0);
      case Fault::kFail:
        // What cannot fail without being done: the descriptor is gone all the same.
        if (result_.calls.back().call != SYS_close) skip_call(pid);
        process.error = fault.error;
        return go_on(pid, 0);
      case Fault::kHold:
        process.held_until = now_ms() + kHeldMs;
        return;
      case Fault::kEndProgram:
        ::kill(program_.pid(), SIGTERM);
        return go_on(pid, 0);
      case Fault::kKillCaller:
        ::kill(pid, SIGKILL);
        return;
      case Fault::kKillProgram:
        ::kill(program_.pid(), SIGKILL);
        done_ = true;
        if (pid != program_.pid()) let_go(pid);
        return;
    }
  }

  // Those whose time has come; by 0 all.
  void release_held(long now) {
    for (auto& [pid, process] : all_) {
      if (process.held_until == 0 || (now != 0 && now < process.held_until)) continue;
      process.held_until = 0;
      go_on(pid, 0);
    }
  }

  static std::string link_of_program(pid_t pid) {
    return link_target(ctr::strf("/proc/%d/exe", pid));
  }

  static void go_on(pid_t pid, int signal) { ::ptrace(PTRACE_SYSCALL, pid, 0, signal); }

  void let_go(pid_t pid) {
    ::ptrace(PTRACE_DETACH, pid, 0, 0);
    all_.erase(pid);
  }

  // Only who stands can be let go.
  void let_all_go() {
    const std::map<pid_t, Process> left = all_;
    for (const auto& [pid, process] : left) {
      if (pid == program_.pid()) continue;
      if (process.started) ::kill(pid, SIGSTOP);
      int status = 0;
      if (::waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status)) continue;
      let_go_from(pid, status);
    }
  }

  // The SIGSTOP of ours may come after another stop: then it is still to be taken.
  void let_go_from(pid_t pid, int status) {
    for (int i = 0; i < 16 && status >> 8 != SIGSTOP; ++i) {
      const bool is_signal = status >> 16 == 0 && WSTOPSIG(status) != (SIGTRAP | 0x80);
      ::ptrace(PTRACE_CONT, pid, 0, is_signal ? WSTOPSIG(status) : 0);
      if (::waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status)) return;
    }
    let_go(pid);
  }

  const Command& command_;
  std::string payload_;
  const std::function<Fault(const Call&)>& at_;
  Running program_;
  std::map<pid_t, Process> all_;
  unsigned made_ = 0;
  bool done_ = false;
  Traced result_;
};

}  // namespace

std::string why_no_tracing() {
#ifdef OCICTR_SANITIZED
  return "not run under the sanitizers: they make calls of their own";
#else
  return "";
#endif
}

std::string why_no_faults() {
  if (std::string why = why_no_tracing(); !why.empty()) return why;
  return kCanFail ? "" : "no faults are known for this architecture";
}

Traced trace(const Command& command, const std::string& payload,
             const std::function<Fault(const Call&)>& at) {
  return Tracer(command, payload, at).run();
}

std::string name_of_call(unsigned long call) {
  char* const name = ::seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, static_cast<int>(call));
  const std::string result = name != nullptr ? name : ctr::strf("call %lu", call);
  ::free(name);
  return result;
}

}  // namespace support
