// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/cmd/tty_session.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <utility>

#include "ctrtool/cmd/fd_table.h"
#include "ctrtool/cmd/spawn.h"
#include "ctrtool/cmd/wait_child.h"
#include "ctrtool/core/base/rollback.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/exec/child.h"
#include "ctrtool/core/kit/relay.h"
#include "ctrtool/core/kit/terminal.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/process.h"
#include "ctrtool/core/sys/socket.h"
#include "ctrtool/core/sys/tty.h"

namespace ctr {
namespace {

constexpr std::size_t kPiece = 4096;
constexpr BorrowedFd kStdin{STDIN_FILENO};
constexpr BorrowedFd kStdout{STDOUT_FILENO};

template <typename T>
std::string message_of(char letter, const T& value) {
  return letter + std::string(reinterpret_cast<const char*>(&value), sizeof value);
}

template <typename T>
std::optional<T> value_of(std::string_view body) {
  if (body.size() != sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, body.data(), sizeof value);
  return value;
}

bool would_block(const Error& error) { return error.code == EAGAIN || error.code == EINTR; }

// A peer that went without reading all we sent: its own last messages come after this error.
bool comes_again(const Error& error) { return would_block(error) || error.code == ECONNRESET; }

// Messages that a socket, which does not wait, has not taken yet.
class Outbox {
 public:
  // False: whoever was to get them is gone.
  bool send(BorrowedFd socket, std::string message) {
    waiting_.push_back(std::move(message));
    return flush(socket);
  }
  bool flush(BorrowedFd socket) {
    while (!waiting_.empty()) {
      const Result<void> sent = sys::send_message(socket, waiting_.front(), {});
      if (!sent.ok()) return would_block(sent.error());
      waiting_.pop_front();
    }
    return true;
  }
  bool empty() const { return waiting_.empty(); }
  void clear() { waiting_.clear(); }

 private:
  std::deque<std::string> waiting_;
};

// --- the holder ----------------------------------------------------------------------------------

class Holder {
 public:
  Holder(UniqueFd listener, UniqueFd user, ProxyTerminal terminal, Child child,
         std::optional<Transcript> transcript, int idle_ms)
      : user_(std::move(user)),
        listener_(std::move(listener)),
        terminal_(std::move(terminal)),
        child_(std::move(child)),
        transcript_(std::move(transcript)),
        idle_ms_(idle_ms) {}

  // Until the program has ended and what it wrote is delivered.
  Result<void> run() {
    TRY(sys::set_nonblocking(terminal_.master));
    if (user_.valid()) TRY(sys::set_nonblocking(user_));
    while (!status_.has_value()) TRY(wait());
    while (read_terminal()) TRY(wait_for_user());
    return {};
  }

  Result<void> say_status() {
    tell(message_of('e', status_.value_or(kExitSetup)));
    return wait_for_user();
  }

 private:
  Result<void> wait() {
    std::array<pollfd, 4> fds{{{listener_.raw(), POLLIN, 0},
                               {child_.pidfd.raw(), POLLIN, 0},
                               {-1, 0, 0},
                               {terminal_.master.raw(), 0, 0}}};
    if (user_.valid()) fds[2].fd = user_.raw();
    if (typed_.empty()) fds[2].events |= POLLIN;
    if (!to_user_.empty()) fds[2].events |= POLLOUT;
    if (to_user_.empty()) fds[3].events |= POLLIN;
    if (!typed_.empty()) fds[3].events |= POLLOUT;
    TRY(sys::poll(fds, idle_ms_));
    bool idle = true;
    for (const pollfd& fd : fds) idle = idle && fd.revents == 0;
    if (idle) (void)sys::pidfd_send_signal(child_.pidfd, SIGHUP);  // it may just have ended
    if ((fds[2].revents & POLLOUT) != 0 && !to_user_.flush(user_)) forget_user();
    if ((fds[2].revents & (POLLIN | POLLHUP | POLLERR)) != 0) hear_user();
    if ((fds[3].revents & POLLOUT) != 0) type();
    if ((fds[3].revents & POLLIN) != 0) read_terminal();
    if (fds[0].revents != 0) welcome_user();
    if (fds[1].revents == 0) return {};
    const std::optional<int> status = TRY(sys::waitpid(child_.pid, 0));
    status_ = sys::exit_code(status.value_or(0));
    return {};
  }

  // The last words of the program are waited for, but not for ever.
  Result<void> wait_for_user() {
    constexpr int kPatienceMs = 10000;
    while (!to_user_.empty()) {
      const bool ready = TRY(sys::poll(user_, POLLOUT, kPatienceMs));
      if (!ready || !to_user_.flush(user_)) forget_user();
    }
    return {};
  }

  void tell(std::string message) {
    if (user_.valid() && !to_user_.send(user_, std::move(message))) forget_user();
  }

  void forget_user() {
    user_.reset();
    to_user_.clear();
  }

  // The last to come has the terminal.
  void welcome_user() {
    Result<UniqueFd> user = sys::accept(listener_);
    if (!user.ok() || !sys::set_nonblocking(*user).ok()) return;
    tell("t");
    forget_user();
    user_ = std::move(*user);
  }

  void hear_user() {
    const Result<sys::Message> heard = sys::receive_message(user_, kPiece + 1);
    if (!heard.ok() && comes_again(heard.error())) return;
    if (!heard.ok() || heard->end || heard->data.empty()) return forget_user();
    const std::string_view body = std::string_view(heard->data).substr(1);
    const auto size = value_of<winsize>(body);
    const auto signal = value_of<int>(body);
    switch (heard->data[0]) {
      case 'i':
        typed_ += body;
        return type();
      case 'w':
        if (size.has_value()) (void)sys::set_window_size(terminal_.master, *size);
        return;
      case 's':
        if (signal.has_value()) (void)sys::pidfd_send_signal(child_.pidfd, *signal);
        return;
      default:
        return forget_user();
    }
  }

  void type() {
    const Result<std::size_t> written = sys::write(terminal_.master, typed_);
    if (written.ok())
      typed_.erase(0, *written);
    else if (!would_block(written.error()))
      typed_.clear();
  }

  // False: there is nothing. Without a user the bytes are for the transcript only.
  bool read_terminal() {
    std::array<char, kPiece> buffer;
    const Result<std::size_t> got = sys::read(terminal_.master, buffer.data(), buffer.size());
    if (!got.ok() || *got == 0) return false;
    const std::string_view bytes(buffer.data(), *got);
    if (transcript_.has_value()) transcript_->add(bytes);
    tell("o" + std::string(bytes));
    return true;
  }

  UniqueFd user_;  // or nobody
  Outbox to_user_;
  UniqueFd listener_;
  ProxyTerminal terminal_;  // its peer, too: a terminal that nobody has open would hang up
  Child child_;
  std::optional<Transcript> transcript_;
  int idle_ms_;
  std::string typed_{};  // not yet taken by the terminal
  std::optional<int> status_{};
};

// What the caller opens for the holder, so that he gets the error.
struct Kept {
  UniqueFd listener;
  UniqueFd user;
  ProxyTerminal terminal;
  std::optional<Transcript> transcript{};
};

Result<Child> start_program(const HoldRequest& request, BorrowedFd terminal) {
  return spawn({.argv = request.program,
                .in = terminal,
                .out = terminal,
                .err = terminal,
                .session = request.controlling ? Session::NewWithTerminal : Session::New,
                .close_others = request.close_others,
                .mask = request.mask});
}

// It has nothing of the caller's any more: no terminal, no session, no descriptor. A signal that
// ends it hangs up the program's terminal.
Result<void> leave_the_caller() {
  TRY(sys::setsid());
  const UniqueFd null = TRY(sys::open("/dev/null", O_RDWR));
  for (int fd = 0; fd <= STDERR_FILENO; ++fd) TRY(sys::dup2(null, fd));
  for (const int fd : open_fds()) {
    const int flags = ::fcntl(fd, F_GETFD);
    if (fd > STDERR_FILENO && flags >= 0 && (flags & FD_CLOEXEC) == 0) ::close(fd);
  }
  sigset_t ends;
  ::sigemptyset(&ends);
  ::sigaddset(&ends, SIGTERM);
  ::sigaddset(&ends, SIGINT);
  TRY(sys::sigprocmask(SIG_UNBLOCK, ends));
  return sys::chdir("/");
}

[[noreturn]] void be_the_holder(const HoldRequest& request, Kept kept, UniqueFd report) {
  Result<Child> child = start_program(request, kept.terminal.peer);
  const Result<void> ready = child.ok() ? leave_the_caller() : Result<void>(child.error());
  (void)sys::write_all(report, ready.ok() ? "+" : encode_error(ready.error()));
  report.reset();
  if (ready.ok()) {
    Holder holder(std::move(kept.listener), std::move(kept.user), std::move(kept.terminal),
                  std::move(*child), std::move(kept.transcript), request.terminal.idle_ms);
    (void)holder.run();
    // Before the user hears of the end, and looks.
    (void)sys::unlinkat(kCwd, request.path, 0);
    (void)holder.say_status();
  }
  child_exit(0);
}

// A socket without a listener is what a holder that was killed has left.
Result<UniqueFd> listen_at(const std::string& path) {
  constexpr int kBacklog = 8;
  const Result<UniqueFd> other = find_session(path);
  if (other.ok())
    return make_error(Kind::Exists, "there is a session at %s already", quote(path).c_str());
  if (other.error().code == ECONNREFUSED) (void)sys::unlinkat(kCwd, path, 0);
  return sys::listen_unix(path, SOCK_SEQPACKET, kBacklog);
}

}  // namespace

Result<Held> hold_session(const HoldRequest& request) {
  Held held;
  Kept kept;
  kept.terminal = TRY(make_terminal(request.terminal));
  if (request.terminal.transcript.has_value())
    kept.transcript.emplace(TRY(open_transcript(*request.terminal.transcript)));
  if (!request.detached) {
    // Connected before anything is said, so that nothing is missed.
    sys::SocketPair pair = TRY(sys::socketpair(SOCK_SEQPACKET));
    held.user = std::move(pair.first);
    kept.user = std::move(pair.second);
  }
  kept.listener = TRY(listen_at(request.path));
  Rollback undo;
  undo.add([&] { (void)sys::unlinkat(kCwd, request.path, 0); });
  sys::Pipe report = TRY(sys::pipe());
  const sys::Cloned holder = TRY(sys::clone3(0, kNoFd));
  if (holder.pid == 0) {
    undo.release();
    report.read.reset();
    held.user.reset();
    be_the_holder(request, std::move(kept), std::move(report.write));
  }
  report.write.reset();
  const std::string wire = TRY(sys::read_all(report.read));
  if (wire == "+") {
    undo.release();
    return held;
  }
  (void)sys::waitpid(holder.pid, 0);
  held.failure = decode_error(wire);
  if (held.failure.has_value()) return held;
  return make_error(Kind::ChildDied, "whoever was to hold the terminal died");
}

// --- the user ------------------------------------------------------------------------------------

namespace {

class User {
 public:
  User(UniqueFd socket, std::optional<char> detach_key, BorrowedFd signals, std::string name)
      : socket_(std::move(socket)),
        detach_key_(detach_key),
        signals_(signals),
        name_(std::move(name)) {}

  Result<int> run() {
    TRY(sys::set_nonblocking(socket_));
    send_size();
    while (!status_.has_value()) TRY(wait());
    return *status_;
  }

 private:
  Result<void> wait() {
    const bool listens = to_holder_.empty() && !input_over_;
    std::array<pollfd, 3> fds{{{signals_.raw(), POLLIN, 0},
                               {socket_.raw(), POLLIN, 0},
                               {listens ? STDIN_FILENO : -1, POLLIN, 0}}};
    if (!to_holder_.empty()) fds[1].events |= POLLOUT;
    TRY(sys::poll(fds, -1));
    if ((fds[1].revents & POLLOUT) != 0) to_holder_.flush(socket_);
    if (fds[0].revents != 0) TRY(take_signals());
    if ((fds[1].revents & (POLLIN | POLLHUP | POLLERR)) != 0) TRY(hear_holder());
    if (!status_.has_value() && fds[2].revents != 0) read_input();
    return {};
  }

  Result<void> hear_holder() {
    const Result<sys::Message> heard = sys::receive_message(socket_, kPiece + 1);
    if (!heard.ok() && comes_again(heard.error())) return {};
    if (!heard.ok()) return with_context(heard.error(), "the session");
    if (heard->end || heard->data.empty())
      return make_error(Kind::ChildDied, "the session's holder is gone without a word");
    const std::string_view body = std::string_view(heard->data).substr(1);
    switch (heard->data[0]) {
      case 'o':
        TRY_CTX(sys::write_all(kStdout, body), "standard output");
        return {};
      case 'e':
        status_ = value_of<int>(body).value_or(kExitSetup);
        return {};
      case 't':
        leave("another user has come");
        return {};
      default:
        return make_error(Kind::System, "the session's holder speaks another language");
    }
  }

  void read_input() {
    std::array<char, kPiece> buffer;
    const Result<std::size_t> got = sys::read(kStdin, buffer.data(), buffer.size());
    if (!got.ok() && would_block(got.error())) return;
    if (!got.ok() || *got == 0) {
      // The end of a file is not the end of the program's input: others may come.
      input_over_ = true;
      if (sys::isatty(kStdin) || !got.ok()) leave("the terminal has hung up");
      return;
    }
    std::string_view bytes(buffer.data(), *got);
    const std::size_t key =
        detach_key_.has_value() ? bytes.find(*detach_key_) : std::string_view::npos;
    if (key != 0) send("i" + std::string(bytes.substr(0, key)));
    if (key != std::string_view::npos) leave("detached");
  }

  // That nobody is there is told by the next receive.
  void send(std::string message) { to_holder_.send(socket_, std::move(message)); }

  void send_size() {
    const Result<winsize> size = sys::get_window_size(kStdin);
    if (size.ok()) send(message_of('w', *size));
  }

  Result<void> take_signals() {
    while (const int signal = TRY(next_signal(signals_))) {
      if (signal == SIGWINCH)
        send_size();
      else if (signal == SIGHUP || signal == SIGTERM)
        leave("detached");
      else if (signal != SIGCHLD && signal != SIGPIPE)
        send(message_of('s', signal));
    }
    return {};
  }

  void leave(const char* why) {
    complain(name_, std::string(why) + "; the session goes on");
    status_ = kExitOk;
  }

  UniqueFd socket_;
  std::optional<char> detach_key_;
  BorrowedFd signals_;
  std::string name_;
  Outbox to_holder_;
  bool input_over_ = false;
  std::optional<int> status_{};
};

}  // namespace

Result<UniqueFd> find_session(const std::string& path) {
  return sys::connect_unix(path, SOCK_SEQPACKET);
}

Result<int> use_session(UniqueFd connection, std::optional<char> detach_key, BorrowedFd signals,
                        const std::string& name) {
  std::optional<RawMode> raw;
  if (sys::isatty(kStdin)) {
    RawMode entered = TRY(RawMode::enter(kStdin));
    raw.emplace(std::move(entered));
  }
  return User(std::move(connection), detach_key, signals, name).run();
}

}  // namespace ctr
