// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/cmd/proxy.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "ctrtool/cmd/wait_child.h"
#include "ctrtool/cmd/words.h"
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

// One direction between two descriptors, at least one of which is ours. It closes ours as soon as
// its side is over.
class Line {
 public:
  Line(BorrowedFd from, BorrowedFd to, UniqueFd ours)
      : ours_(std::move(ours)), pump_(std::in_place, from, to) {}

  pollfd source() const { return open() ? pump_->source() : pollfd{-1, 0, 0}; }
  pollfd sink() const { return open() ? pump_->sink() : pollfd{-1, 0, 0}; }
  bool open() const { return pump_.has_value(); }
  void record(Transcript* transcript) { pump_->record(transcript); }

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
    if (open()) failure_ = pump_->failure();
    pump_.reset();
    ours_.reset();
  }
  // What has ended it, if that was no end.
  const std::optional<Error>& failure() const { return open() ? pump_->failure() : failure_; }

 private:
  UniqueFd ours_;
  std::optional<Pump> pump_;
  std::optional<Error> failure_;
};

// What the caller and the program have between them.
struct ProxyLinks {
  std::optional<TerminalRelay> terminal{};
  std::optional<Line> in{};
  std::optional<Line> out{};
  std::optional<Line> err{};
  std::optional<Transcript> transcript{};
  std::vector<BorrowedFd> own{};
};

Result<void> give(BorrowedFd end, const ProxyRequest& request) {
  constexpr auto kUnchanged = static_cast<gid_t>(-1);
  if (!request.uid.has_value()) return {};
  return sys::fchownat(end, "", *request.uid, request.gid.value_or(kUnchanged), AT_EMPTY_PATH);
}

Result<void> open_terminal(const ProxyRequest& request, ProxyLinks& links, ProxyEnds& ends) {
  ProxyTerminal terminal = TRY(make_terminal(request));
  ends.in = std::move(terminal.peer);
  links.own.push_back(terminal.master);
  links.terminal = TRY(TerminalRelay::open(kStdin, kStdout, std::move(terminal.master)));
  return {};
}

Result<void> open_output(BorrowedFd to, const ProxyRequest& request, ProxyLinks& links,
                         std::optional<Line>& line, UniqueFd& end) {
  sys::Pipe pipe = TRY(sys::pipe());
  TRY(give(pipe.write, request));
  end = std::move(pipe.write);
  const BorrowedFd from = pipe.read;
  links.own.push_back(from);
  line.emplace(from, to, std::move(pipe.read));
  return {};
}

Result<void> open_pipes(const ProxyRequest& request, ProxyLinks& links, ProxyEnds& ends) {
  sys::Pipe pipe = TRY(sys::pipe());
  TRY(give(pipe.read, request));
  ends.in = std::move(pipe.read);
  const BorrowedFd to = pipe.write;
  links.own.push_back(to);
  links.in.emplace(kStdin, to, std::move(pipe.write));
  return open_output(kStdout, request, links, links.out, ends.out);
}

Result<void> record(const std::string& path, ProxyLinks& links) {
  Transcript* transcript = &links.transcript.emplace(TRY(open_transcript(path)));
  if (links.terminal.has_value()) links.terminal->record(transcript);
  if (links.out.has_value()) links.out->record(transcript);
  if (links.err.has_value()) links.err->record(transcript);
  return {};
}

}  // namespace

Result<ProxyTerminal> make_terminal(const ProxyRequest& request) {
  ProxyTerminal terminal;
  terminal.master = TRY(sys::open(request.ptmx, O_RDWR | O_NOCTTY));
  TRY(sys::unlock_pty(terminal.master));
  terminal.peer = TRY(sys::pty_peer(terminal.master));
  winsize size = request.size;
  if (const Result<winsize> ours = sys::get_window_size(kStdin); ours.ok()) {
    if (size.ws_col == 0) size.ws_col = ours->ws_col;
    if (size.ws_row == 0) size.ws_row = ours->ws_row;
  }
  TRY(sys::set_window_size(terminal.master, size));
  TRY(give(terminal.peer, request));
  if (request.mode.has_value()) TRY(sys::fchmod(terminal.peer, *request.mode));
  return terminal;
}

Result<UniqueFd> open_transcript(const std::string& path) {
  constexpr mode_t kMode = 0600;
  constexpr int kFlags = O_WRONLY | O_CREAT | O_APPEND | O_NOCTTY | O_NONBLOCK;
  return TRY_CTX(sys::open(path, kFlags, kMode), "transcript");
}

struct Proxy::Links : ProxyLinks {};

class Proxy::Loop {
 public:
  Loop(const ProxyRequest& request, ProxyLinks& links, pid_t pid, BorrowedFd pidfd,
       BorrowedFd signals)
      : request_(request), links_(links), pid_(pid), pidfd_(pidfd), signals_(signals) {}

  Result<int> run() {
    while (!finished()) TRY(wait());
    report_failures();
    if (links_.transcript.has_value() && links_.transcript->failure().has_value())
      complain(request_.name,
               "the transcript is incomplete: " + links_.transcript->failure()->message);
    return sys::exit_code(*status_);
  }

 private:
  bool finished() const {
    if (!status_.has_value()) return false;
    if (links_.terminal.has_value() && !links_.terminal->finished()) return false;
    return !is_open(links_.out) && !is_open(links_.err);
  }

  // A user who hangs up is nothing to talk about; a connection that broke is.
  void report_failures() const {
    const auto report = [this](const char* what, const std::optional<Error>& failure) {
      if (failure.has_value())
        complain(request_.name, std::string(what) + " broke off: " + failure->message);
    };
    if (links_.terminal.has_value()) {
      report("input", links_.terminal->input_failure());
      report("output", links_.terminal->output_failure());
    }
    if (links_.in.has_value()) report("input", links_.in->failure());
    if (links_.out.has_value()) report("output", links_.out->failure());
    if (links_.err.has_value()) report("error output", links_.err->failure());
  }

  static bool is_open(const std::optional<Line>& line) { return line.has_value() && line->open(); }

  Result<void> wait() {
    constexpr pollfd kNone{-1, 0, 0};
    TerminalRelay::Polls relayed;
    relayed.fill(kNone);
    if (links_.terminal.has_value()) relayed = links_.terminal->polls();
    std::array<pollfd, 8 + relayed.size()> fds;
    fds[0] = {signals_.raw(), POLLIN, 0};
    fds[1] = {status_.has_value() ? -1 : pidfd_.raw(), POLLIN, 0};
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
    while (const int signal = TRY(next_signal(signals_))) {
      if (signal == SIGWINCH)
        resize();
      else if (signal != SIGCHLD && signal != SIGPIPE)
        pass_on(signal);
    }
    return {};
  }

  // With the program gone, whoever still writes is not worth waiting for.
  void pass_on(int signal) {
    if (!status_.has_value()) {
      (void)sys::pidfd_send_signal(pidfd_, signal);  // it may just have ended
      return;
    }
    if (links_.out.has_value()) links_.out->close();
    if (links_.err.has_value()) links_.err->close();
  }

  void hang_up() {
    complain(request_.name, "nothing happened for too long: hanging up");
    pass_on(SIGHUP);
  }

  void resize() {
    if (links_.terminal.has_value()) (void)links_.terminal->copy_size(kStdin);
  }

  Result<void> take_status() {
    status_ = TRY(sys::waitpid(pid_, 0));
    if (links_.terminal.has_value()) links_.terminal->program_ended();
    if (links_.in.has_value()) links_.in->close();
    return {};
  }

  const ProxyRequest& request_;
  ProxyLinks& links_;
  pid_t pid_;
  BorrowedFd pidfd_;
  BorrowedFd signals_;
  std::optional<int> status_;
};

Proxy::Proxy(std::unique_ptr<Links> links, const ProxyRequest& request)
    : links_(std::move(links)), request_(request) {}
Proxy::Proxy(Proxy&&) noexcept = default;
Proxy::~Proxy() = default;

BorrowedFd ProxyEnds::stdio(int fd) const {
  if (fd == STDERR_FILENO && err.valid()) return err;
  if (fd != STDIN_FILENO && out.valid()) return out;
  return in;
}

Result<Proxy> Proxy::open(const ProxyRequest& request, ProxyEnds& ends) {
  auto links = std::make_unique<Links>();
  if (request.pipes) {
    TRY(open_pipes(request, *links, ends));
  } else {
    TRY(open_terminal(request, *links, ends));
  }
  if (request.own_stderr) TRY(open_output(kStderr, request, *links, links->err, ends.err));
  if (request.transcript.has_value()) TRY(record(*request.transcript, *links));
  return Proxy(std::move(links), request);
}

std::vector<BorrowedFd> Proxy::own_fds() const { return links_->own; }

Result<int> Proxy::run(pid_t pid, BorrowedFd pidfd, BorrowedFd signals) {
  std::optional<RawMode> raw;
  if (!request_.pipes && sys::isatty(kStdin)) {
    RawMode entered = TRY(RawMode::enter(kStdin));
    raw.emplace(std::move(entered));
  }
  return Loop(request_, *links_, pid, pidfd, signals).run();
}

}  // namespace ctr
