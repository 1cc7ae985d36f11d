// SPDX-License-Identifier: Apache-2.0
// mini-init: a small pid 1, which starts programs, reaps what is orphaned and turns signals into
// actions.
#include <poll.h>
#include <signal.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>

#include "ctrtool/cmd/all.h"
#include "ctrtool/cmd/init_control.h"
#include "ctrtool/cmd/init_program.h"
#include "ctrtool/cmd/init_words.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/signals.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/process.h"
#include "hooks/program.h"

namespace ctr {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::seconds;

// Between attempts to kill what does not die: it may sleep in the kernel.
constexpr Seconds kPatience(1);

struct Slot {
  const InitProgram* program;
  pid_t pid = 0;
  std::optional<Clock::time_point> due{};
  Clock::time_point started{};
  unsigned quick_ends = 0;
  int status = 0;                               // of its last end
  std::optional<Clock::time_point> kill_due{};  // it was told to stop
  bool again = false;                           // and to start after that
};

class Init {
 public:
  explicit Init(const InitRequest& request) : request_(request) {
    for (const InitProgram& program : request_.programs) slots_.push_back({.program = &program});
  }

  Result<int> run() {
    TRY(block_signals());
    if (!request_.control.empty()) control_ = TRY(InitControl::open(request_.control));
    for (Slot& slot : slots_)
      if (!slot.program->on_demand) start(slot);
    while (!end_.has_value()) {
      const int signal = TRY(wait());
      if (request_.signals.contains(signal)) TRY(act(signal));
      reap();
      if (!end_.has_value()) obey();
      if (!end_.has_value()) do_what_is_due();
    }
    return *end_;
  }

 private:
  Result<void> block_signals() {
    ::sigemptyset(&taken_);
    ::sigaddset(&taken_, SIGCHLD);
    for (const auto& [number, signal] : request_.signals) ::sigaddset(&taken_, number);
    TRY(sys::set_disposition(SIGCHLD, SIG_DFL));
    TRY(sys::sigprocmask(SIG_BLOCK, taken_));
    signals_ = TRY(sys::signalfd(taken_));
    return {};
  }

  void start(Slot& slot) {
    slot.due.reset();
    slot.started = Clock::now();
    const Result<pid_t> pid = start_program(*slot.program, request_.exact_fds);
    if (pid.ok()) {
      slot.pid = *pid;
      return;
    }
    complain("mini-init", pid.error().message);
    slot.pid = 0;
    schedule(slot);
  }

  void schedule(Slot& slot) {
    if (!slot.program->respawn.has_value()) return;
    const auto now = Clock::now();
    const bool quick = now - slot.started < Seconds(1);
    slot.quick_ends = quick ? std::min(slot.quick_ends + 1, 16U) : 0;
    Seconds pause(*slot.program->respawn);
    if (slot.program->backoff != 0 && slot.quick_ends > 1)
      pause = std::max(
          pause, std::min(Seconds(1U << (slot.quick_ends - 2)), Seconds(slot.program->backoff)));
    slot.due = now + pause;
  }

  // At most half a minute, so that a clock that was set wrong does not matter for long. The signal
  // that came; 0: none.
  Result<int> wait() {
    constexpr auto kLongest = std::chrono::milliseconds(30'000);
    auto until = Clock::now() + kLongest;
    for (const Slot& slot : slots_)
      for (const auto& due : {slot.due, slot.kill_due})
        if (due.has_value()) until = std::min(until, *due);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    std::array<pollfd, 2> fds{{{signals_.raw(), POLLIN, 0}, {control_.fd().raw(), POLLIN, 0}}};
    TRY(sys::poll(fds, static_cast<int>(std::max<std::int64_t>(left, 0))));
    signalfd_siginfo info{};
    if (fds[0].revents == 0) return 0;
    const Result<std::size_t> got = sys::read(signals_, &info, sizeof info);
    return got.ok() ? static_cast<int>(info.ssi_signo) : 0;
  }

  void do_what_is_due() {
    for (Slot& slot : slots_) {
      const auto now = Clock::now();
      if (slot.due.has_value() && *slot.due <= now) start(slot);
      if (slot.kill_due.has_value() && *slot.kill_due <= now) {
        slot.kill_due = now + kPatience;
        if (slot.pid > 0) ::kill(slot.pid, SIGKILL);
      }
    }
  }

  void reap() {
    while (const std::optional<sys::Ended> ended = sys::reap_any()) note_end(*ended);
  }

  void note_end(const sys::Ended& ended) {
    for (Slot& slot : slots_) {
      if (slot.pid != ended.pid) continue;
      slot.pid = 0;
      slot.status = sys::exit_code(ended.status);
      if (request_.verbose)
        complain("mini-init", strf("%s ended with status %d", quote(slot.program->argv[0]).c_str(),
                                   slot.status));
      const bool told = slot.kill_due.has_value();
      slot.kill_due.reset();
      if (told) {
        if (slot.again) slot.due = Clock::now();
        continue;
      }
      schedule(slot);
      if (!slot.program->decides || shutting_down_) continue;
      shut_down(0, {});
      end_ = slot.status;
    }
  }

  // --- control ---

  void obey() {
    if (!control_.valid()) return;
    for (const std::string& line : control_.lines()) {
      const std::size_t blank = line.find(' ');
      const std::string verb = line.substr(0, blank);
      const std::string name = blank == std::string::npos ? "" : line.substr(blank + 1);
      if (line == "status")
        for (const Slot& slot : slots_) tell(slot);
      else if (!obey(verb, name))
        complain("mini-init",
                 strf("--control: %s: no such command or program", quote(line).c_str()));
    }
  }

  bool obey(std::string_view verb, std::string_view name) {
    if (verb != "start" && verb != "stop" && verb != "restart") return false;
    bool any = false;
    for (Slot& slot : slots_) {
      if (slot.program->name != name) continue;
      any = true;
      slot.again = verb != "stop";
      if (verb != "start") stop(slot);
      // One that is stopping starts when it has ended.
      if (slot.again && slot.pid == 0) slot.due = Clock::now();
    }
    return any;
  }

  void stop(Slot& slot) {
    slot.due.reset();
    if (slot.pid == 0) return;
    ::kill(slot.pid, SIGTERM);
    slot.kill_due = Clock::now() + Seconds(request_.grace);
  }

  void tell(const Slot& slot) const {
    const std::string state = slot.pid != 0          ? strf("pid %d", slot.pid)
                              : slot.due.has_value() ? strf("waits, last status %d", slot.status)
                                                     : strf("stopped, last status %d", slot.status);
    complain("mini-init", strf("%s: %s", quote(slot.program->name).c_str(), state.c_str()));
  }

  // --- actions ---

  Result<void> act(int number) {
    const InitSignal& signal = request_.signals.at(number);
    switch (signal.action) {
      case InitAction::None:
        return {};
      case InitAction::Reload:
        become_script(signal.pre, number);
        return {};
      case InitAction::Run:
        run_script(signal.pre, number);
        return {};
      default:
        break;
    }
    shut_down(number, signal);
    return finish(number, signal);
  }

  Result<void> finish(int number, const InitSignal& signal) {
    end_ = 0;
    if (signal.action == InitAction::Reexec) {
      become_script(signal.post, number);
      return {};
    }
    wait_for(run_script(signal.post, number));
    if (signal.action == InitAction::Exit) return {};
    ::sync();
    const int how = signal.action == InitAction::Reboot     ? RB_AUTOBOOT
                    : signal.action == InitAction::PowerOff ? RB_POWER_OFF
                                                            : RB_HALT_SYSTEM;
    if (::reboot(how) < 0) {
      const int err = errno;
      return sys_error(err, "reboot");
    }
    // In a pid namespace the kernel kills us for it.
    while (true) ::pause();
  }

  pid_t run_script(const std::string& path, int number) {
    if (path.empty()) return 0;
    const Result<sys::Cloned> child = sys::clone3(0, kNoFd);
    if (!child.ok()) {
      complain("mini-init", child.error().message);
      return 0;
    }
    if (child->pid != 0) return child->pid;
    become_script(path, number);
    ::_exit(kExitNotFound);
  }

  void become_script(const std::string& path, int number) {
    if (path.empty()) return;
    sigset_t none;
    ::sigemptyset(&none);
    const Result<sigset_t> before = sys::sigprocmask(SIG_SETMASK, none);
    const Error error = sys::execve(path, {path, strf("%d", number)}, hooks::own_environment());
    complain("mini-init", error.message);
    if (before.ok()) (void)sys::sigprocmask(SIG_SETMASK, *before);
  }

  // --- the end ---

  void shut_down(int number, const InitSignal& signal) {
    shutting_down_ = true;
    complain("mini-init", number == 0 ? std::string("shutting down")
                                      : strf("%s: shutting down", signal_name(number).c_str()));
    wait_for(run_script(signal.pre, number));
    signal_all(SIGTERM);
    if (!wait_for_all()) {
      signal_all(SIGKILL);
      (void)wait_for_all();
    }
    control_.remove();
  }

  // As pid 1 everybody else is ours. Otherwise only our children are: -1 would be the whole host.
  void signal_all(int number) const {
    if (::getpid() == 1) {
      ::kill(-1, number);
      return;
    }
    const Result<std::string> children =
        sys::read_file_at(kCwd, strf("/proc/self/task/%d/children", ::getpid()));
    if (!children.ok()) return;
    for (const std::string_view word : split(*children, ' ')) {
      const Result<pid_t> pid = parse_number<pid_t>(word);
      if (pid.ok() && *pid > 1) ::kill(*pid, number);
    }
  }

  template <typename Done>
  bool within_grace(Done done) {
    constexpr timespec kStep{0, 20'000'000};
    const auto until = Clock::now() + Seconds(request_.grace);
    while (!done()) {
      if (Clock::now() >= until) return false;
      ::nanosleep(&kStep, nullptr);
    }
    return true;
  }

  void wait_for(pid_t pid) {
    if (pid <= 0) return;
    (void)within_grace([&] {
      const Result<std::optional<int>> status = sys::waitpid(pid, WNOHANG);
      return !status.ok() || status->has_value();
    });
  }

  bool wait_for_all() {
    return within_grace([&] {
      reap();
      return ::waitpid(-1, nullptr, WNOHANG | __WALL) < 0 && errno == ECHILD;
    });
  }

  const InitRequest& request_;
  std::vector<Slot> slots_;
  sigset_t taken_{};
  UniqueFd signals_;
  InitControl control_;
  std::optional<int> end_;
  bool shutting_down_ = false;
};

Result<Ending> mini_init(const Parsed& parsed) {
  const bool bare_words = parsed.argv[0] == kMiniInit2Manual.name;
  const InitRequest request = TRY(read_init_words(parsed, bare_words));
  if (::getpid() != 1) {
    if (!request.subreaper) return make_error(Kind::InvalidSpec, "must be PID 1 (or --subreaper)");
    TRY(sys::set_child_subreaper(true));
  }
  const int status = TRY(Init(request).run());
  return Ending{.status = status};
}

int run_as(const Manual& manual, const Words& argv) {
  Words words = argv;
  words[0] = manual.name;
  return run_applet(manual, words, mini_init);
}

}  // namespace

int run_mini_init(const Words& argv) { return run_as(kMiniInitManual, argv); }

int run_mini_init2(const Words& argv) { return run_as(kMiniInit2Manual, argv); }

}  // namespace ctr
