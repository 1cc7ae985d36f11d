// SPDX-License-Identifier: Apache-2.0
// ppid_check: sets attributes of the process, makes sure of its parent, becomes the program.
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "ctrtool/cmd/all.h"
#include "ctrtool/cmd/fd_spec.h"
#include "ctrtool/cmd/words.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/pidfd.h"
#include "ctrtool/core/kit/rlimit.h"
#include "ctrtool/core/kit/signals.h"
#include "ctrtool/core/sys/cred.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/process.h"
#include "ctrtool/core/sys/tty.h"

namespace ctr {
namespace {

enum Long : int {
  kNotPpid = kLongOnly,
  kPpidFd,
  kSetpgid,
  kNice,
  kIoPriority,
  kOomScore,
  kDumpable,
  kUmask,
  kTimerSlack,
  kName,
  kRlimit,
  kControllingTty,
};

constexpr OptionRow kOptions[] = {
    {'b', "block", "SIGNAL", "block it; \"all\": every one; wins over -u", "inherited"},
    {'u', "unblock", "SIGNAL", "unblock it", "inherited"},
    {'i', "ignore", "SIGNAL", "ignore it", "inherited"},
    {'D', "default", "SIGNAL", "take its default action; wins over -i", "inherited"},
    {'r', "subreaper", "", "become a child subreaper", "off"},
    {'d', "pdeathsig", "SIGNAL", "be sent this when the parent dies", "none"},
    {'p', "ppid", "PID", "the parent must be PID; /VAR or :VAR: the number in VAR", "any"},
    {kNotPpid, "not-ppid", "PID", "the parent must not be PID", "any"},
    {kPpidFd, "ppid-fd", "FD", "the parent must be the live process of this pidfd", "any"},
    {'n', "no-new-privs", "", "set no_new_privs", "off"},
    {'a', "alarm", "SECONDS", "SIGALRM after this time; 0 cancels one", "none"},
    {'s', "setsid", "", "start a session", "off"},
    {kSetpgid, "setpgid", "", "start a process group", "off"},
    {kControllingTty, "controlling-tty", "FD", "make it the session's terminal", "none"},
    {kNice, "nice", "NUMBER", "nice value, -20 to 19", "inherited"},
    {kIoPriority, "io-priority", "CLASS[:LEVEL]", "realtime, best-effort or idle; 0 to 7",
     "inherited"},
    {kOomScore, "oom-score", "NUMBER", "oom_score_adj, -1000 to 1000", "inherited"},
    {kDumpable, "dumpable", "0|1", "the dumpable attribute until the exec", "inherited"},
    {kUmask, "umask", "OCTAL", "file mode creation mask", "inherited"},
    {kTimerSlack, "timer-slack", "NANOSECONDS", "timer slack", "inherited"},
    {kName, "name", "TEXT", "argv[0] of PROGRAM", "PROGRAM"},
    {kRlimit, "rlimit", "NAME=SOFT:HARD", "resource limit", "inherited"},
    {'e', "env", "PREFIX", "export PREFIX_PID and PREFIX_PPID", "off"},
};

struct Request {
  std::set<int> block{};
  std::set<int> unblock{};
  std::set<int> ignore{};
  std::set<int> by_default{};
  bool subreaper = false;
  std::optional<int> death_signal{};
  std::optional<pid_t> parent{};
  std::vector<pid_t> not_parent{};
  std::optional<FdArgument> parent_fd{};
  bool no_new_privs = false;
  std::optional<unsigned> alarm{};
  bool session = false;
  bool group = false;
  std::optional<FdArgument> terminal{};
  std::optional<int> nice{};
  std::optional<int> io_priority{};  // sys::io_priority()
  std::optional<int> oom_score{};
  std::optional<sys::Switch> dumpable{};
  std::optional<mode_t> umask{};
  std::optional<std::uint64_t> timer_slack{};
  std::optional<std::string> name{};
  std::vector<RlimitRequest> limits{};
  std::optional<std::string> prefix{};
};

Result<int> signal_of(const Given& given) {
  const int signal = TRY_CTX(parse_signal(given.value), "%s", given.word.c_str());
  if (signal == 0) return usage_error(given, "not a signal");
  return signal;
}

Result<void> add_signals(const Given& given, std::set<int>& to) {
  if (given.value == "all") {
    for (int signal = 1; signal <= SIGRTMAX; ++signal) to.insert(signal);
    return {};
  }
  const int signal = TRY(signal_of(given));
  to.insert(signal);
  return {};
}

template <std::integral T>
Result<T> number_within(const Given& given, T least, T most, int base = 0) {
  const T number = TRY(number_of<T>(given, base));
  if (number < least || number > most) return usage_error(given, "out of range");
  return number;
}

Result<pid_t> pid_of(const Given& given) {
  if (given.value.starts_with('/') || given.value.starts_with(':'))
    return take_fd_number(given.value);
  return number_within<pid_t>(given, 0, 1 << 22);
}

Result<int> io_priority_of(const Given& given) {
  const std::vector<std::string_view> parts = split(given.value, ':');
  constexpr std::pair<std::string_view, int> kClasses[] = {{"realtime", sys::kIoPrioRealTime},
                                                           {"best-effort", sys::kIoPrioBestEffort},
                                                           {"idle", sys::kIoPrioIdle}};
  int io_class = 0;
  int level = 4;
  for (const auto& [name, number] : kClasses)
    if (!parts.empty() && parts[0] == name) io_class = number;
  if (io_class == 0 || parts.size() > 2) return usage_error(given, "unknown class");
  if (parts.size() == 2) {
    const std::uint64_t number = TRY_CTX(parse_u64(parts[1], 7), "%s", given.word.c_str());
    level = static_cast<int>(number);
  }
  return sys::io_priority(io_class, level);
}

Result<FdArgument> fd_of(const Given& given) {
  return TRY_CTX(take_fd(given.value), "%s", given.word.c_str());
}

Result<void> take_attribute(const Given& given, Request& request) {
  switch (given.key) {
    case kNice:
      request.nice = TRY(number_within<int>(given, -20, 19));
      break;
    case kIoPriority:
      request.io_priority = TRY(io_priority_of(given));
      break;
    case kOomScore:
      request.oom_score = TRY(number_within<int>(given, -1000, 1000));
      break;
    case kDumpable: {
      const int on = TRY(number_within<int>(given, 0, 1));
      request.dumpable = on != 0 ? sys::Switch::On : sys::Switch::Off;
      break;
    }
    case kUmask:
      request.umask = TRY(number_within<mode_t>(given, 0, 0777, 8));
      break;
    case kTimerSlack:
      request.timer_slack = TRY(number_of<std::uint64_t>(given));
      break;
    case kName:
      request.name = given.value;
      break;
    case kRlimit: {
      const RlimitRequest limit = TRY_CTX(parse_rlimit(given.value), "%s", given.word.c_str());
      request.limits.push_back(limit);
      break;
    }
    default:
      break;
  }
  return {};
}

Result<void> take(const Given& given, Request& request) {
  switch (given.key) {
    case 'b':
      return add_signals(given, request.block);
    case 'u':
      return add_signals(given, request.unblock);
    case 'i':
      return add_signals(given, request.ignore);
    case 'D':
      return add_signals(given, request.by_default);
    case 'r':
      request.subreaper = true;
      return {};
    case 'd':
      request.death_signal = TRY(signal_of(given));
      return {};
    case 'p':
      request.parent = TRY(pid_of(given));
      return {};
    case 'n':
      request.no_new_privs = true;
      return {};
    case 'a':
      request.alarm = TRY(number_of<unsigned>(given));
      return {};
    case 's':
      request.session = true;
      return {};
    case kSetpgid:
      request.group = true;
      return {};
    case 'e':
      request.prefix = given.value;
      return {};
    case kNotPpid: {
      const pid_t pid = TRY(pid_of(given));
      request.not_parent.push_back(pid);
      return {};
    }
    case kPpidFd:
    case kControllingTty: {
      FdArgument fd = TRY(fd_of(given));
      (given.key == kPpidFd ? request.parent_fd : request.terminal).emplace(std::move(fd));
      return {};
    }
    default:
      return take_attribute(given, request);
  }
}

// Before the mask: a signal that is pending and becomes unblocked meets the action asked for.
Result<void> set_dispositions(const Request& request) {
  for (const int signal : request.ignore)
    if (!request.by_default.contains(signal)) TRY(sys::set_disposition(signal, SIG_IGN));
  for (const int signal : request.by_default) TRY(sys::set_disposition(signal, SIG_DFL));
  return {};
}

Result<void> set_mask(const Request& request) {
  sigset_t unblock;
  sigset_t block;
  ::sigemptyset(&unblock);
  ::sigemptyset(&block);
  for (const int signal : request.unblock) ::sigaddset(&unblock, signal);
  for (const int signal : request.block) {
    ::sigaddset(&block, signal);
    ::sigdelset(&unblock, signal);
  }
  TRY(sys::sigprocmask(SIG_BLOCK, block));
  TRY(sys::sigprocmask(SIG_UNBLOCK, unblock));
  return {};
}

Result<void> check_parent_fd(BorrowedFd pidfd, pid_t parent) {
  const pid_t expected = TRY(pidfd_pid(pidfd));
  // Ended, but not reaped: its number is still there, its children have another parent already.
  const bool ended = TRY(sys::wait_pidfd(pidfd, 0));
  if (ended || expected != parent)
    return sys_error(ESRCH, "the parent is process %d, expected %s process %d", parent,
                     ended ? "the ended" : "the", expected);
  return {};
}

// After the death signal was asked for: a parent that died earlier is not our parent any more.
Result<pid_t> check_parent(const Request& request) {
  const pid_t parent = ::getppid();
  if (request.parent.has_value() && *request.parent != parent)
    return sys_error(ESRCH, "the parent is process %d, expected %d", parent, *request.parent);
  for (const pid_t other : request.not_parent)
    if (other == parent)
      return sys_error(ESRCH, "the parent is process %d, as it must not", parent);
  if (request.parent_fd.has_value()) TRY(check_parent_fd(request.parent_fd->fd(), parent));
  if (parent != ::getppid()) return sys_error(ESRCH, "the parent, process %d, has ended", parent);
  return parent;
}

Error failed_now(const char* what) {
  const int err = errno;
  return sys_error(err, "%s", what);
}

Result<void> set_attributes(const Request& request) {
  if (request.nice.has_value() && ::setpriority(PRIO_PROCESS, 0, *request.nice) < 0)
    return failed_now("set the nice value");
  if (request.io_priority.has_value())
    TRY(sys::ioprio_set(sys::kIoPrioProcess, 0, *request.io_priority));
  if (request.oom_score.has_value())
    TRY(sys::write_file_at(kCwd, "/proc/self/oom_score_adj", std::to_string(*request.oom_score)));
  if (request.timer_slack.has_value()) TRY(sys::prctl_set_timerslack(*request.timer_slack));
  for (const RlimitRequest& limit : request.limits) TRY(apply_rlimit(0, limit));
  if (request.umask.has_value()) sys::umask(*request.umask);
  if (request.dumpable.has_value()) TRY(sys::prctl_set_dumpable(*request.dumpable));
  return {};
}

Result<void> set_session(const Request& request) {
  if (request.session) TRY(sys::setsid());
  if (request.group && ::setpgid(0, 0) < 0) return failed_now("setpgid");
  if (request.terminal.has_value()) TRY(sys::set_controlling_tty(request.terminal->fd()));
  return {};
}

Result<void> export_number(const std::string& name, pid_t number) {
  if (::setenv(name.c_str(), std::to_string(number).c_str(), 1) < 0)
    return failed_now(("set the variable " + quote(name)).c_str());
  return {};
}

Result<Ending> run(const Parsed& parsed) {
  Request request;
  for (const Given& given : parsed.options) TRY(take(given, request));
  if (parsed.words.empty()) return make_error(Kind::InvalidSpec, "PROGRAM is missing");
  TRY(set_dispositions(request));
  TRY(set_mask(request));
  if (request.subreaper) TRY(sys::set_child_subreaper(true));
  if (request.death_signal.has_value()) TRY(sys::prctl_set_pdeathsig(*request.death_signal));
  const pid_t parent = TRY(check_parent(request));
  if (request.no_new_privs) TRY(sys::prctl_set_no_new_privs());
  if (request.alarm.has_value()) ::alarm(*request.alarm);
  TRY(set_session(request));
  TRY(set_attributes(request));
  if (request.prefix.has_value()) {
    TRY(export_number(*request.prefix + "_PID", ::getpid()));
    TRY(export_number(*request.prefix + "_PPID", parent));
  }
  Ending ending = becomes(parsed.words);
  ending.argv0 = request.name;
  return ending;
}

}  // namespace

const Manual kPpidCheckManual = {
    .name = "ppid_check",
    .synopsis = "[OPTIONS] [--] PROGRAM [ARG...]",
    .purpose =
        "Sets attributes of the process, makes sure of its parent, and becomes PROGRAM.\n"
        "SIGNAL is a name (\"TERM\", \"sigint\", \"RTMIN+3\") or a number from 1 to 64.",
    .options = kOptions,
    .exit_codes =
        "1    bad options\n2    a step failed, or the parent is another\n"
        "126  PROGRAM cannot be executed\n127  PROGRAM was not found\n"
        "else PROGRAM's",
    .examples =
        "ctrtool ppid_check -p $$ -d kill -- sleep 60\n"
        "ctrtool ppid_check --block all --nice 5 make",
    .failure_status = 2,
};

int run_ppid_check(const Words& argv) { return run_applet(kPpidCheckManual, argv, run); }

}  // namespace ctr
