// SPDX-License-Identifier: Apache-2.0
// mini-init: a small pid 1, which starts programs, reaps what is orphaned and turns signals into
// actions.
#include <fcntl.h>
#include <signal.h>
#include <sys/reboot.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <map>

#include "ctrtool/cmd/all.h"
#include "ctrtool/cmd/fd_table.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/signals.h"
#include "ctrtool/core/sys/cred.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/process.h"
#include "hooks/program.h"

namespace ctr {
namespace {

enum Long : int {
  kGrace = kLongOnly,
  kSubreaper,
  kVerbose,
  kWorkdir,
  kUid,
  kGid,
  kSetEnv,
  kAppend,
  kBackoff,
  kExitWith,
};

constexpr OptionRow kOptions[] = {
    {'n', "program", "PATH", "a program; what follows is about it"},
    {'c', "arg", "TEXT", "one more argument of it"},
    {'0', "stdin", "PATH", "its standard input", "inherited"},
    {'1', "stdout", "PATH", "its standard output", "inherited"},
    {'2', "stderr", "PATH", "its standard error", "inherited"},
    {'C', "console", "PATH", "all three; a terminal becomes the controlling one"},
    {kAppend, "append", nullptr, "make -1 and -2 if missing, append to them"},
    {'r', "respawn", "SECONDS", "start it again that long after its end", "never"},
    {kBackoff, "backoff", "SECONDS", "wait longer and longer, up to this, if it keeps ending", "0"},
    {'f', "fd", "FD", "pass this descriptor, as 3, 4...; needs -S before"},
    {'p', "listen-env", nullptr, "set LISTEN_PID and LISTEN_FDS for it"},
    {kWorkdir, "workdir", "DIR", "its working directory", "/"},
    {kUid, "uid", "UID", "its user", "ours"},
    {kGid, "gid", "GID", "its group", "ours"},
    {kSetEnv, "setenv", "NAME=VALUE", "one more variable for it"},
    {kExitWith, "exit-with", nullptr, "when it ends, shut down and end with its status"},
    {'S', "exact-fds", nullptr, "programs get exactly 0 to 2 and their -f", "all that is open"},
    {'s', "signal", "SIGNAL", "a signal that is taken; what follows is about it"},
    {'a', "action", "ACTION", "what it does: a name or a number, see above", "none"},
    {'i', "pre", "PATH", "a script, called with the signal's number"},
    {'I', "post", "PATH", "a script for the end of a shutdown"},
    {kGrace, "grace", "SECONDS", "how long each step of a shutdown may take", "2"},
    {kSubreaper, "subreaper", nullptr, "where we are not pid 1, collect orphans all the same"},
    {kVerbose, "verbose", nullptr, "say how programs end"},
};

enum class Action : std::uint8_t { None, Reboot, PowerOff, Halt, Exit, Reload, Run, Reexec };
constexpr const char* kActions[] = {"none", "reboot", "poweroff", "halt",
                                    "exit", "reload", "run",      "reexec"};

struct InitProgram {
  Words argv{};
  std::string stdio[3] = {};
  bool append = false;
  std::optional<unsigned> respawn{};
  unsigned backoff = 0;
  std::vector<int> fds{};
  bool listen = false;
  std::string directory{};
  std::optional<uid_t> uid{};
  std::optional<gid_t> gid{};
  std::vector<std::string> env{};
  bool decides = false;  // its end is ours
};

struct InitSignal {
  Action action = Action::None;
  std::string pre{};
  std::string post{};
};

struct Request {
  std::vector<InitProgram> programs{};
  std::map<int, InitSignal> signals{};
  bool exact_fds = false;
  bool subreaper = false;
  bool verbose = false;
  unsigned grace = 2;
};

// --- words ---------------------------------------------------------------------------------------

Result<Action> action_of(const Given& given) {
  for (std::size_t i = 0; i < std::size(kActions); ++i)
    if (given.value == kActions[i]) return static_cast<Action>(i);
  const unsigned number = TRY(number_of<unsigned>(given));
  if (number >= std::size(kActions)) return usage_error(given, "no action has this number");
  return static_cast<Action>(number);
}

Result<void> take_of_program(const Given& given, bool exact_fds, InitProgram& program) {
  switch (given.key) {
    case 'c':
    case kBareWord:
      program.argv.push_back(given.value);
      break;
    case '0':
    case '1':
    case '2':
      program.stdio[given.key - '0'] = given.value;
      break;
    case 'C':
      for (std::string& path : program.stdio) path = given.value;
      break;
    case kAppend:
      program.append = true;
      break;
    case 'r':
      program.respawn = TRY(number_of<unsigned>(given));
      break;
    case kBackoff:
      program.backoff = TRY(number_of<unsigned>(given));
      break;
    case 'f': {
      if (!exact_fds) return usage_error(given, "needs -S before it");
      const int fd = TRY(number_of<int>(given));
      if (fd <= STDERR_FILENO) return usage_error(given, "must be 3 or more");
      program.fds.push_back(fd);
      break;
    }
    case 'p':
      program.listen = true;
      break;
    case kWorkdir:
      program.directory = given.value;
      break;
    case kUid:
      program.uid = TRY_CTX(parse_id(given.value), "%s", given.word.c_str());
      break;
    case kGid:
      program.gid = TRY_CTX(parse_id(given.value), "%s", given.word.c_str());
      break;
    case kSetEnv:
      if (given.value.find('=') == std::string::npos || given.value.starts_with('='))
        return usage_error(given, "not of the form NAME=VALUE");
      program.env.push_back(given.value);
      break;
    case kExitWith:
      program.decides = true;
      break;
    default:
      break;
  }
  return {};
}

Result<void> take_of_signal(const Given& given, InitSignal& signal) {
  if (given.key == 'a') signal.action = TRY(action_of(given));
  if (given.key == 'i') signal.pre = given.value;
  if (given.key == 'I') signal.post = given.value;
  return {};
}

class Reader {
 public:
  Reader(const Parsed& parsed, bool bare_words) : parsed_(parsed), bare_words_(bare_words) {}

  Result<Request> read() {
    for (const Given& given : parsed_.options) TRY(take(given));
    for (const std::string& word : parsed_.words) TRY(take({kBareWord, word, word}));
    for (const auto& [number, signal] : request_.signals) TRY(check(number, signal));
    return std::move(request_);
  }

 private:
  Result<void> take(const Given& given) {
    constexpr unsigned kLongestGrace = 3600;
    switch (given.key) {
      case 'n':
        request_.programs.emplace_back().argv.push_back(given.value);
        return {};
      case 'S':
        request_.exact_fds = true;
        return {};
      case 's':
        signal_ = TRY_CTX(parse_signal(given.value), "%s", given.word.c_str());
        if (signal_ != 0) request_.signals[*signal_];
        return {};
      case kGrace:
        request_.grace = TRY(number_of<unsigned>(given));
        if (request_.grace > kLongestGrace) return usage_error(given, "too long");
        return {};
      case kSubreaper:
        request_.subreaper = true;
        return {};
      case kVerbose:
        request_.verbose = true;
        return {};
      case 'a':
      case 'i':
      case 'I':
        if (!signal_.has_value()) return usage_error(given, "comes before any -s");
        if (*signal_ == 0) return {};
        return take_of_signal(given, request_.signals[*signal_]);
      default:
        break;
    }
    if (given.key == kBareWord && !bare_words_)
      return make_error(Kind::InvalidSpec, "%s is no option; arguments go after -c, or to init2",
                        quote(given.value).c_str());
    if (request_.programs.empty()) return usage_error(given, "comes before any -n");
    return take_of_program(given, request_.exact_fds, request_.programs.back());
  }

  Result<void> check(int number, const InitSignal& signal) const {
    const bool boots = signal.action == Action::Reboot || signal.action == Action::PowerOff ||
                       signal.action == Action::Halt;
    if (signal.action == Action::Run && signal.pre.empty())
      return make_error(Kind::InvalidSpec, "%s: run needs a script (-i)",
                        signal_name(number).c_str());
    // It would be the host that goes down.
    if (request_.subreaper && boots)
      return make_error(Kind::InvalidSpec, "%s: only pid 1 may %s", signal_name(number).c_str(),
                        kActions[static_cast<int>(signal.action)]);
    return {};
  }

  const Parsed& parsed_;
  bool bare_words_;
  std::optional<int> signal_;
  Request request_;
};

// --- one program ---------------------------------------------------------------------------------

Result<void> open_stdio(const InitProgram& program) {
  constexpr mode_t kMode = 0644;
  for (int fd = 0; fd <= STDERR_FILENO; ++fd) {
    const std::string& path = program.stdio[fd];
    if (path.empty()) continue;
    const int how = fd == 0 ? O_RDONLY : O_WRONLY | (program.append ? O_CREAT | O_APPEND : 0);
    const UniqueFd file = TRY(sys::open(path, how, kMode));  // a terminal becomes ours
    TRY(sys::dup2(file, fd));
  }
  return {};
}

Result<void> change_identity(const InitProgram& program) {
  if (!program.uid.has_value() && !program.gid.has_value()) return {};
  TRY(sys::setgroups({}));
  if (program.gid.has_value()) TRY(sys::setresgid(*program.gid, *program.gid, *program.gid));
  if (program.uid.has_value()) TRY(sys::setresuid(*program.uid, *program.uid, *program.uid));
  return {};
}

Error become(const InitProgram& program, bool exact_fds) {
  TRY(sys::reset_signals());
  TRY(sys::setsid());
  TRY(open_stdio(program));
  for (const std::string& entry : program.env) {
    const std::size_t equals = entry.find('=');
    ::setenv(entry.substr(0, equals).c_str(), entry.substr(equals + 1).c_str(), 1);
  }
  if (program.listen) announce_fds(program.fds.size(), "");
  if (!program.directory.empty()) TRY(sys::chdir(program.directory));
  TRY(change_identity(program));
  if (exact_fds) {
    std::vector<FdMove> moves;
    for (std::size_t i = 0; i < program.fds.size(); ++i)
      moves.push_back({BorrowedFd(program.fds[i]), static_cast<int>(i) + 3});
    // Ours is close-on-exec, like all that may not be the program's.
    TRY(arrange_fds(moves, OtherFds::CloseOnExec));
  }
  return sys::execve(program.argv[0], program.argv, hooks::own_environment());
}

[[noreturn]] void be_program(const InitProgram& program, bool exact_fds, BorrowedFd report) {
  const Error error = become(program, exact_fds);
  (void)sys::write_all(report, encode_error(error));
  ::_exit(error.message.starts_with("exec ") ? kExitNotFound : kExitUsage);
}

// A failure is told, not hidden in a status.
Result<pid_t> start_program(const InitProgram& program, bool exact_fds) {
  sys::Pipe report = TRY(sys::pipe());
  const sys::Cloned child = TRY(sys::clone3(0, kNoFd));
  if (child.pid == 0) {
    // Out of the way of the descriptors that the program is given.
    const int lowest = STDERR_FILENO + 1 + static_cast<int>(program.fds.size());
    std::vector<UniqueFd> copies;
    while (copies.empty() || copies.back().raw() < lowest) {
      Result<UniqueFd> copy = sys::dup(report.write);
      if (!copy.ok()) ::_exit(kExitUsage);
      copies.push_back(std::move(*copy));
    }
    be_program(program, exact_fds, copies.back());
  }
  report.write.reset();
  const Result<std::string> wire = sys::read_all(report.read);
  const std::optional<Error> error = decode_error(wire.ok() ? *wire : std::string());
  if (error.has_value())
    complain("mini-init", strf("%s: %s", quote(program.argv[0]).c_str(), error->message.c_str()));
  return child.pid;
}

// --- the init ------------------------------------------------------------------------------------

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::seconds;

struct Slot {
  const InitProgram* program;
  pid_t pid = 0;
  std::optional<Clock::time_point> due{};
  Clock::time_point started{};
  unsigned quick_ends = 0;
};

class Init {
 public:
  explicit Init(const Request& request) : request_(request) {
    for (const InitProgram& program : request_.programs) slots_.push_back({.program = &program});
  }

  Result<int> run() {
    TRY(block_signals());
    for (Slot& slot : slots_) start(slot);
    while (!end_.has_value()) {
      const int signal = wait();
      if (signal > 0 && signal != SIGCHLD) TRY(act(signal));
      reap();
      for (Slot& slot : slots_)
        if (!end_.has_value() && slot.due.has_value() && *slot.due <= Clock::now()) start(slot);
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

  // At most half a minute, so that a clock that was set wrong does not matter for long.
  int wait() {
    auto left = std::chrono::nanoseconds(Seconds(30));
    for (const Slot& slot : slots_)
      if (slot.due.has_value())
        left = std::min<std::chrono::nanoseconds>(left, *slot.due - Clock::now());
    left = std::max(left, std::chrono::nanoseconds(0));
    timespec timeout{};
    timeout.tv_sec = static_cast<time_t>(left / Seconds(1));
    timeout.tv_nsec = static_cast<long>((left % Seconds(1)).count());
    return ::sigtimedwait(&taken_, nullptr, &timeout);
  }

  void reap() {
    while (const std::optional<sys::Ended> ended = sys::reap_any()) note_end(*ended);
  }

  void note_end(const sys::Ended& ended) {
    for (Slot& slot : slots_) {
      if (slot.pid != ended.pid) continue;
      slot.pid = 0;
      const int status = sys::exit_code(ended.status);
      if (request_.verbose)
        complain("mini-init",
                 strf("%s ended with status %d", quote(slot.program->argv[0]).c_str(), status));
      schedule(slot);
      if (!slot.program->decides || shutting_down_) continue;
      shut_down(0, {});
      end_ = status;
    }
  }

  // --- actions ---

  Result<void> act(int number) {
    const InitSignal& signal = request_.signals.at(number);
    switch (signal.action) {
      case Action::None:
        return {};
      case Action::Reload:
        become_script(signal.pre, number);
        return {};
      case Action::Run:
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
    if (signal.action == Action::Reexec) {
      become_script(signal.post, number);
      return {};
    }
    wait_for(run_script(signal.post, number));
    if (signal.action == Action::Exit) return {};
    ::sync();
    const int how = signal.action == Action::Reboot     ? RB_AUTOBOOT
                    : signal.action == Action::PowerOff ? RB_POWER_OFF
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

  const Request& request_;
  std::vector<Slot> slots_;
  sigset_t taken_{};
  std::optional<int> end_;
  bool shutting_down_ = false;
};

Result<Ending> init(const Parsed& parsed, bool bare_words) {
  const Request request = TRY(Reader(parsed, bare_words).read());
  if (::getpid() != 1) {
    if (!request.subreaper) return make_error(Kind::InvalidSpec, "must be PID 1 (or --subreaper)");
    TRY(sys::set_child_subreaper(true));
  }
  const int status = TRY(Init(request).run());
  return Ending{.status = status};
}

bool is_second(const Parsed& parsed) { return parsed.argv[0].ends_with('2'); }

Result<Ending> mini_init(const Parsed& parsed) { return init(parsed, is_second(parsed)); }

constexpr const char* kPurpose =
    "Pid 1 of a container: starts programs, in their order, collects orphans, and does for\n"
    "each signal what -a says. Actions, by name or number:\n"
    "  0 none      1 reboot   2 poweroff   3 halt   4 exit: end with 0\n"
    "  5 reload: become the pre script        6 run: run the pre script\n"
    "  7 reexec: shut down, then become the post script\n"
    "A shutdown runs the pre script, sends TERM, then KILL, and the post script before the\n"
    "end; each step lasts until nobody is left, at most --grace seconds.";
constexpr const char* kCodes =
    "0    action exit, or reexec without a script\n1    usage, not pid 1\n"
    "else with --exit-with: that program's; a program that cannot be started counts as 127";

}  // namespace

const Manual kMiniInitManual = {
    .name = "mini-init",
    .synopsis = "[-S] [-n PROGRAM [-c ARG]... [OPTION...]]... [-s SIGNAL [OPTION...]]...",
    .purpose = kPurpose,
    .options = kOptions,
    .exit_codes = kCodes,
    .examples =
        "ctrtool launcher -w -mpt -- ctrtool init -s TERM -a exit -n /bin/sh -c -c -c 'sleep 5'",
    .order = Order::InPlace,
    .failure_status = kExitUsage,
};

const Manual kMiniInit2Manual = {
    .name = "mini-init2",
    .synopsis = "[-S] [-n PROGRAM [ARG...] [OPTION...]]... [-s SIGNAL [OPTION...]]... [-- ARG...]",
    .purpose =
        "The same as mini-init, but bare words are arguments of the program before them, and\n"
        "so is all that follows \"--\".",
    .options = kOptions,
    .exit_codes = kCodes,
    .examples = "ctrtool launcher -w -mpt -- ctrtool init2 -s TERM -a exit -n /bin/echo hello",
    .order = Order::InPlace,
    .failure_status = kExitUsage,
};

int run_mini_init(const Words& argv) {
  Words words = argv;
  words[0] = kMiniInitManual.name;
  return run_applet(kMiniInitManual, words, mini_init);
}

int run_mini_init2(const Words& argv) {
  Words words = argv;
  words[0] = kMiniInit2Manual.name;
  return run_applet(kMiniInit2Manual, words, mini_init);
}

}  // namespace ctr
