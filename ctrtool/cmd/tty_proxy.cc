// SPDX-License-Identifier: Apache-2.0
// tty_proxy: a program on a terminal of its own (or on pipes), and bytes, sizes and signals passed
// between it and the caller.
#include <fcntl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <utility>
#include <vector>

#include "ctrtool/cmd/all.h"
#include "ctrtool/cmd/spawn.h"
#include "ctrtool/cmd/words.h"
#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/relay.h"
#include "ctrtool/core/kit/terminal.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/process.h"
#include "ctrtool/core/sys/tty.h"

namespace ctr {
namespace {

constexpr BorrowedFd kStdin{STDIN_FILENO};
constexpr BorrowedFd kStdout{STDOUT_FILENO};
constexpr BorrowedFd kStderr{STDERR_FILENO};

enum Long : int { kKeepStdin = kLongOnly, kNoControllingTty, kTerm, kOwner, kMode, kIdle };

constexpr OptionRow kOptions[] = {
    {'w', "columns", "NUMBER", "width of the terminal", "that of standard input"},
    {'h', "rows", "NUMBER", "height of the terminal", "that of standard input"},
    {'p', "ptmx", "PATH", "the pty multiplexer to open", "/dev/ptmx"},
    {'T', "pipes", nullptr, "pipes instead of a terminal"},
    {'e', "stderr-pipe", nullptr, "a pipe of its own for standard error", "with standard output"},
    {kKeepStdin, "keep-stdin", nullptr, "with --pipes: the end of input is not passed on"},
    {kNoControllingTty, "no-controlling-tty", nullptr, "a terminal, but not the session's"},
    {kTerm, "term", "TEXT", "TERM in the program's environment", "unchanged"},
    {kOwner, "owner", "UID[:GID]", "owner of the terminal", "the caller"},
    {kMode, "mode", "OCTAL", "permissions of the terminal", "the kernel's"},
    {kIdle, "idle-timeout", "SECONDS", "hang up after so long without a byte", "never"},
};

struct Request {
  winsize size{};
  std::string ptmx = "/dev/ptmx";
  bool pipes = false;
  bool own_stderr = false;
  bool keep_stdin = false;
  bool controlling = true;
  std::optional<std::string> term{};
  std::optional<uid_t> uid{};
  std::optional<gid_t> gid{};
  std::optional<mode_t> mode{};
  int idle_ms = -1;
};

Result<void> take_owner(const Given& given, Request& request) {
  const std::vector<std::string_view> parts = split(given.value, ':');
  if (parts.empty() || parts.size() > 2) return usage_error(given, "not UID[:GID]");
  request.uid = TRY_CTX(parse_id(parts[0]), "%s", given.word.c_str());
  if (parts.size() == 2) request.gid = TRY_CTX(parse_id(parts[1]), "%s", given.word.c_str());
  return {};
}

Result<void> take(const Given& given, Request& request) {
  constexpr int kLongestIdle = 1000000;
  switch (given.key) {
    case 'w':
      request.size.ws_col = TRY(number_of<unsigned short>(given));
      break;
    case 'h':
      request.size.ws_row = TRY(number_of<unsigned short>(given));
      break;
    case 'p':
      request.ptmx = given.value;
      break;
    case 'T':
      request.pipes = true;
      break;
    case 'e':
      request.own_stderr = true;
      break;
    case kKeepStdin:
      request.keep_stdin = true;
      break;
    case kNoControllingTty:
      request.controlling = false;
      break;
    case kTerm:
      request.term = given.value;
      break;
    case kOwner:
      return take_owner(given, request);
    case kMode:
      request.mode = TRY(number_of<mode_t>(given, 8));
      break;
    case kIdle: {
      const int seconds = TRY(number_of<int>(given));
      if (seconds <= 0 || seconds > kLongestIdle) return usage_error(given, "out of range");
      request.idle_ms = seconds * 1000;
      break;
    }
    default:
      break;
  }
  return {};
}

// One direction between two descriptors, at least one of which is ours. It closes ours as soon as
// its side is over.
class Line {
 public:
  Line(BorrowedFd from, BorrowedFd to, UniqueFd ours)
      : ours_(std::move(ours)), pump_(std::in_place, from, to) {}

  pollfd source() const { return open() ? pump_->source() : pollfd{-1, 0, 0}; }
  pollfd sink() const { return open() ? pump_->sink() : pollfd{-1, 0, 0}; }
  bool open() const { return pump_.has_value(); }

  // Output that nobody reads any more is swallowed, as by a closed terminal. Input that nobody
  // reads is over.
  void step(const pollfd& source, const pollfd& sink, bool is_input, bool keep) {
    if (!open()) return;
    if (sink.revents != 0 && pump_->drain() == Pump::Moved::Over) {
      if (is_input) return close();
      pump_->swallow();
    }
    if (source.revents != 0 && pump_->fill() == Pump::Moved::Over) pump_->end();
    if (pump_->finished() && !keep) close();
  }

  void close() {
    pump_.reset();
    ours_.reset();
  }

 private:
  UniqueFd ours_;
  std::optional<Pump> pump_;
};

// What the caller and the program have between them.
struct Links {
  std::optional<TerminalRelay> terminal{};
  std::optional<Line> in{};
  std::optional<Line> out{};
  std::optional<Line> err{};
};

// The program's ends, closed here once it runs.
struct Ends {
  UniqueFd in{};
  UniqueFd out{};
  UniqueFd err{};
};

Result<void> open_terminal(const Request& request, Links& links, Ends& ends) {
  UniqueFd master = TRY(sys::open(request.ptmx, O_RDWR | O_NOCTTY));
  TRY(sys::unlock_pty(master));
  ends.in = TRY(sys::pty_peer(master));
  winsize size = request.size;
  if (const Result<winsize> ours = sys::get_window_size(kStdin); ours.ok()) {
    if (size.ws_col == 0) size.ws_col = ours->ws_col;
    if (size.ws_row == 0) size.ws_row = ours->ws_row;
  }
  TRY(sys::set_window_size(master, size));
  constexpr auto kUnchanged = static_cast<gid_t>(-1);
  if (request.uid.has_value())
    TRY(sys::fchownat(ends.in, "", *request.uid, request.gid.value_or(kUnchanged), AT_EMPTY_PATH));
  if (request.mode.has_value()) TRY(sys::fchmod(ends.in, *request.mode));
  links.terminal = TRY(TerminalRelay::open(kStdin, kStdout, std::move(master)));
  return {};
}

Result<void> open_output(BorrowedFd to, std::optional<Line>& line, UniqueFd& end) {
  sys::Pipe pipe = TRY(sys::pipe());
  end = std::move(pipe.write);
  const BorrowedFd from = pipe.read;
  line.emplace(from, to, std::move(pipe.read));
  return {};
}

Result<void> open_pipes(Links& links, Ends& ends) {
  sys::Pipe pipe = TRY(sys::pipe());
  ends.in = std::move(pipe.read);
  const BorrowedFd to = pipe.write;
  links.in.emplace(kStdin, to, std::move(pipe.write));
  return open_output(kStdout, links.out, ends.out);
}

class Proxy {
 public:
  Proxy(const Request& request, Links links, Child child, BorrowedFd signals)
      : request_(request), links_(std::move(links)), child_(std::move(child)), signals_(signals) {}

  Result<int> run() {
    while (!finished()) TRY(wait());
    return sys::exit_code(*status_);
  }

 private:
  bool finished() const {
    if (!status_.has_value()) return false;
    if (links_.terminal.has_value() && !links_.terminal->finished()) return false;
    return !is_open(links_.out) && !is_open(links_.err);
  }

  static bool is_open(const std::optional<Line>& line) { return line.has_value() && line->open(); }

  Result<void> wait() {
    constexpr pollfd kNone{-1, 0, 0};
    TerminalRelay::Polls relayed;
    relayed.fill(kNone);
    if (links_.terminal.has_value()) relayed = links_.terminal->polls();
    std::array<pollfd, 8 + relayed.size()> fds;
    fds[0] = {signals_.raw(), POLLIN, 0};
    fds[1] = {status_.has_value() ? -1 : child_.pidfd.raw(), POLLIN, 0};
    std::size_t at = 2;
    for (const std::optional<Line>* line : {&links_.in, &links_.out, &links_.err}) {
      fds[at++] = line->has_value() ? (*line)->source() : kNone;
      fds[at++] = line->has_value() ? (*line)->sink() : kNone;
    }
    std::ranges::copy(relayed, fds.begin() + 8);
    const int relay_ms = links_.terminal.has_value() ? links_.terminal->timeout_ms() : -1;
    TRY(sys::poll(fds, relay_ms >= 0 ? relay_ms : request_.idle_ms));
    const bool idle = std::ranges::none_of(fds, [](const pollfd& fd) { return fd.revents != 0; });
    if (idle && relay_ms < 0 && request_.idle_ms >= 0) hang_up();
    std::copy(fds.begin() + 8, fds.end(), relayed.begin());
    if (links_.terminal.has_value()) links_.terminal->step(relayed);
    if (links_.in.has_value()) links_.in->step(fds[2], fds[3], true, request_.keep_stdin);
    if (links_.out.has_value()) links_.out->step(fds[4], fds[5], false, false);
    if (links_.err.has_value()) links_.err->step(fds[6], fds[7], false, false);
    if (fds[0].revents != 0) TRY(take_signals());
    if (fds[1].revents != 0) TRY(take_status());
    return {};
  }

  Result<void> take_signals() {
    signalfd_siginfo info{};
    while (true) {
      const Result<std::size_t> got = sys::read(signals_, &info, sizeof info);
      if (!got.ok() && got.error().code == EAGAIN) return {};
      if (!got.ok()) return got.error();
      const int signal = static_cast<int>(info.ssi_signo);
      if (signal == SIGWINCH)
        resize();
      else if (signal != SIGCHLD && signal != SIGPIPE)
        pass_on(signal);
    }
  }

  // With the program gone, whoever still writes is not worth waiting for.
  void pass_on(int signal) {
    if (!status_.has_value()) {
      (void)sys::pidfd_send_signal(child_.pidfd, signal);  // it may just have ended
      return;
    }
    if (links_.out.has_value()) links_.out->close();
    if (links_.err.has_value()) links_.err->close();
  }

  void hang_up() {
    complain("tty_proxy", "nothing happened for too long: hanging up");
    pass_on(SIGHUP);
  }

  void resize() {
    if (links_.terminal.has_value()) (void)links_.terminal->copy_size(kStdin);
  }

  Result<void> take_status() {
    status_ = TRY(sys::waitpid(child_.pid, 0));
    if (links_.terminal.has_value()) links_.terminal->program_ended();
    if (links_.in.has_value()) links_.in->close();
    return {};
  }

  const Request& request_;
  Links links_;
  Child child_;
  BorrowedFd signals_;
  std::optional<int> status_;
};

Result<Ending> relay(const Request& request, const Words& program, BorrowedFd signals,
                     const sigset_t& mask) {
  Links links;
  Ends ends;
  if (request.pipes) {
    TRY(open_pipes(links, ends));
  } else {
    TRY(open_terminal(request, links, ends));
  }
  if (request.own_stderr) TRY(open_output(kStderr, links.err, ends.err));
  const BorrowedFd out = request.pipes ? ends.out : ends.in;
  const bool controlling = !request.pipes && request.controlling;
  Result<Child> child = spawn({.argv = program,
                               .in = ends.in,
                               .out = out,
                               .err = request.own_stderr ? ends.err.borrow() : out,
                               .session = controlling ? Session::NewWithTerminal : Session::New,
                               .mask = mask});
  if (!child.ok()) {
    complain("tty_proxy", child.error().message);
    const int code = child.error().code;
    const bool missing = code == ENOENT || code == ENOTDIR;
    return Ending{.status = missing ? kExitNotFound : kExitNotExecutable};
  }
  ends = Ends{};
  Proxy proxy(request, std::move(links), std::move(*child), signals);
  std::optional<RawMode> raw;
  if (!request.pipes && sys::isatty(kStdin)) {
    RawMode entered = TRY(RawMode::enter(kStdin));
    raw.emplace(std::move(entered));
  }
  const int status = TRY(proxy.run());
  return Ending{.status = status};
}

// All signals wait until there is somebody to pass them to; ours is the terminal's restoration.
Result<Ending> run(const Parsed& parsed) {
  Request request;
  for (const Given& given : parsed.options) TRY(take(given, request));
  if (parsed.words.empty()) return make_error(Kind::InvalidSpec, "PROGRAM is missing");
  if (request.term.has_value()) ::setenv("TERM", request.term->c_str(), 1);
  // A caller that ignores SIGCHLD would have the kernel reap for us, and the status lost.
  TRY(sys::set_disposition(SIGCHLD, SIG_DFL));
  sigset_t all;
  ::sigfillset(&all);
  const UniqueFd signals = TRY(sys::signalfd(all));
  const sigset_t before = TRY(sys::sigprocmask(SIG_SETMASK, all));
  Result<Ending> done = relay(request, parsed.words, signals, before);
  TRY(sys::sigprocmask(SIG_SETMASK, before));
  return done;
}

}  // namespace

const Manual kTtyProxyManual = {
    .name = "tty_proxy",
    .synopsis = "[OPTIONS] [--] PROGRAM [ARG...]",
    .purpose =
        "Runs PROGRAM on a terminal of its own, or on pipes, and passes on bytes, the end\n"
        "of input, signals and window sizes.",
    .options = kOptions,
    .exit_codes =
        "1     bad options\n125   a failure of our own\n"
        "126   PROGRAM cannot be executed\n127   PROGRAM was not found\n"
        "128+n PROGRAM was killed by signal n\nelse  PROGRAM's",
    .examples =
        "ctrtool tty_proxy -w 100 -h 30 stty size\n"
        "ctrtool tty_proxy -p /srv/root/dev/pts/ptmx login",
};

int run_tty_proxy(const Words& argv) { return run_applet(kTtyProxyManual, argv, run); }

}  // namespace ctr
