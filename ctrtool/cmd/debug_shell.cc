// SPDX-License-Identifier: Apache-2.0
// debug_shell: a small inetd. For each connection to a socket a command runs with the connection as
// its standard input and output.
#include "ctrtool/cmd/debug_shell.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <optional>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/exec/child.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/peer.h"
#include "ctrtool/core/sys/process.h"
#include "ctrtool/core/sys/socket.h"

namespace ctr {
namespace {

enum Long : int {
  kBind = kLongOnly,
  kMode,
  kPty,
  kStderr,
  kAllowUid,
  kAllowGid,
  kMost,
  kTime,
  kWithProgram,
};

constexpr OptionRow kOptions[] = {
    {'c', "command", "WORD", "a word of the command; the first is the program"},
    {'f', "fd", "N", "the socket", "0"},
    {'l', "listen", "", "call listen first", "it must be listening"},
    {'u', "unix-only", "", "only a unix socket will do; the default"},
    {'E', "any-family", "", "any family; the last of -u and -E counts"},
    {kBind, "bind", "PATH", "make a unix socket there instead of -f, and listen"},
    {kMode, "mode", "OCTAL", "of what --bind makes", "0600"},
    {kPty, "pty", "", "a terminal for each connection"},
    {kStderr, "stderr", "connection|inherit|null", "the command's standard error", "inherit"},
    {kAllowUid, "allow-uid", "LIST", "users that may connect, by the kernel's word", "all"},
    {kAllowGid, "allow-gid", "LIST", "groups that may connect", "all"},
    {kMost, "max", "N", "connections at a time; others wait", "no limit"},
    {kTime, "time", "SECONDS", "a connection that lasts longer is ended", "no limit"},
    {kWithProgram, "with-program", "", "serve only as long as PROGRAM runs"},
};

enum class ErrorsTo { Connection, Inherit, Null };

struct Request {
  Words command{};
  int fd = STDIN_FILENO;
  bool listens = false;
  bool any_family = false;
  std::optional<std::string> path{};
  mode_t mode = 0600;
  bool pty = false;
  ErrorsTo errors = ErrorsTo::Inherit;
  std::vector<uid_t> users{};
  std::vector<gid_t> groups{};
  std::size_t most = 0;  // 0: no limit
  int seconds = 0;       // 0: no limit
  bool with_program = false;
};

// --- words ---------------------------------------------------------------------------------------

Result<std::vector<std::uint32_t>> ids_of(const Given& given) {
  std::vector<std::uint32_t> ids;
  for (const std::string_view item : split(given.value, ',')) {
    const std::uint32_t id = TRY_CTX(parse_id(item, 0), "%s", given.word.c_str());
    ids.push_back(id);
  }
  return ids;
}

Result<ErrorsTo> errors_of(const Given& given) {
  if (given.value == "connection") return ErrorsTo::Connection;
  if (given.value == "inherit") return ErrorsTo::Inherit;
  if (given.value == "null") return ErrorsTo::Null;
  return usage_error(given, "not one of connection, inherit, null");
}

template <typename T>
Result<T> positive(const Given& given) {
  const T number = TRY(number_of<T>(given));
  if (number <= 0) return usage_error(given, "not above 0");
  return number;
}

Result<void> take(const Given& given, Request& request) {
  constexpr int kOctal = 8;
  switch (given.key) {
    case 'c':
      request.command.push_back(given.value);
      break;
    case 'f':
      request.fd = TRY(number_of<int>(given));
      break;
    case kBind:
      request.path = given.value;
      break;
    case kMode:
      request.mode = TRY(number_of<mode_t>(given, kOctal));
      break;
    case kStderr:
      request.errors = TRY(errors_of(given));
      break;
    case kAllowUid:
      request.users = TRY(ids_of(given));
      break;
    case kAllowGid:
      request.groups = TRY(ids_of(given));
      break;
    case kMost:
      request.most = TRY(positive<std::size_t>(given));
      break;
    case kTime:
      request.seconds = TRY(positive<int>(given));
      break;
    default:
      break;
  }
  if (given.key == 'u' || given.key == 'E') request.any_family = given.key == 'E';
  request.listens |= given.key == 'l';
  request.pty |= given.key == kPty;
  request.with_program |= given.key == kWithProgram;
  return {};
}

Result<Request> read_request(const Parsed& parsed) {
  Request request;
  for (const Given& given : parsed.options) TRY(take(given, request));
  if (request.command.empty()) return make_error(Kind::InvalidSpec, "a command (-c) is missing");
  if (request.with_program && parsed.words.empty())
    return make_error(Kind::InvalidSpec, "--with-program without PROGRAM");
  return request;
}

// --- the socket ----------------------------------------------------------------------------------

struct Listener {
  UniqueFd fd;
  int family;
  bool datagrams;  // no connections: the command gets the socket itself, one at a time
};

Result<void> check_listening(const Request& request, BorrowedFd fd) {
  if (request.listens) return sys::listen_on(fd);
  const int listening = TRY(sys::socket_option(fd, SO_ACCEPTCONN));
  if (listening == 0)
    return make_error(Kind::WrongState, "descriptor %d is not listening (-l)", request.fd);
  return {};
}

// A low number is given up, so that nobody takes the listener for standard input.
Result<UniqueFd> take_over(int number) {
  UniqueFd fd = TRY(sys::dup(BorrowedFd(number)));
  if (number > STDERR_FILENO) {
    const UniqueFd closed(number);
    return fd;
  }
  const UniqueFd null = TRY(sys::open("/dev/null", O_RDWR));
  TRY(sys::dup2(null, number));
  return fd;
}

Result<Listener> open_listener(const Request& request) {
  if (request.path.has_value()) {
    UniqueFd made = TRY(sys::listen_unix(*request.path, SOCK_STREAM, SOMAXCONN));
    TRY(sys::fchmodat(kCwd, *request.path, request.mode));
    return Listener{std::move(made), AF_UNIX, false};
  }
  const BorrowedFd given(request.fd);
  const int family = TRY(sys::socket_option(given, SO_DOMAIN));
  if (family != AF_UNIX && !request.any_family)
    return make_error(Kind::WrongState, "descriptor %d is not a unix socket (-E)", request.fd);
  const int type = TRY(sys::socket_option(given, SO_TYPE));
  if (type != SOCK_DGRAM) TRY(check_listening(request, given));
  UniqueFd fd = TRY(take_over(request.fd));
  return Listener{std::move(fd), family, type == SOCK_DGRAM};
}

// --- one connection ------------------------------------------------------------------------------

void set_number(const char* name, long number) { ::setenv(name, strf("%ld", number).c_str(), 1); }

// Who the other end is, for the command's environment.
Result<void> tell_peer(BorrowedFd connection, const Listener& listener) {
  if (listener.datagrams) return {};
  if (listener.family == AF_UNIX) {
    const ucred peer = TRY(sys::peer_credentials(connection));
    set_number("REMOTE_PID", peer.pid);
    set_number("REMOTE_UID", static_cast<long>(peer.uid));
    set_number("REMOTE_GID", static_cast<long>(peer.gid));
    return {};
  }
  const std::optional<sys::InetAddress> peer = TRY(sys::peer_address(connection));
  if (!peer.has_value()) return {};
  ::setenv("REMOTE_ADDR", peer->address.c_str(), 1);
  set_number("REMOTE_PORT", peer->port);
  return {};
}

Result<bool> is_allowed(BorrowedFd connection, const Request& request, const Listener& listener) {
  if (request.users.empty() && request.groups.empty()) return true;
  if (listener.family != AF_UNIX || listener.datagrams) return false;  // nobody knows who it is
  const ucred peer = TRY(sys::peer_credentials(connection));
  const auto fits = [](const auto& list, std::uint32_t id) {
    return list.empty() || std::ranges::find(list, id) != list.end();
  };
  return fits(request.users, peer.uid) && fits(request.groups, peer.gid);
}

Result<void> take_stdio(const Request& request, BorrowedFd connection) {
  TRY(sys::dup2(connection, STDIN_FILENO));
  TRY(sys::dup2(connection, STDOUT_FILENO));
  if (request.errors == ErrorsTo::Connection) TRY(sys::dup2(connection, STDERR_FILENO));
  if (request.errors != ErrorsTo::Null) return {};
  const UniqueFd null = TRY(sys::open("/dev/null", O_RDWR));
  return sys::dup2(null, STDERR_FILENO);
}

Result<void> begin_worker(const Request& request, const Listener& listener, BorrowedFd connection) {
  TRY(tell_peer(connection, listener));
  TRY(sys::setsid());
  TRY(take_stdio(request, connection));
  TRY(sys::close_range(STDERR_FILENO + 1, ~0U, 0));
  return sys::reset_signals();
}

[[noreturn]] void work(const Request& request, const Listener& listener, BorrowedFd connection) {
  const Result<void> begun = begin_worker(request, listener, connection);
  if (!begun.ok()) {
    complain("debug_shell", begun.error().message);
    child_exit(kExitNotFound);
  }
  Words words = request.command;
  if (request.pty) {
    const Words prefix{":tty_proxy", "--"};
    words.insert(words.begin(), prefix.begin(), prefix.end());
  }
  child_exit(exec_or_stage("debug_shell", words));
}

// --- the server ----------------------------------------------------------------------------------

using Clock = std::chrono::steady_clock;

struct Worker {
  pid_t pid;
  Clock::time_point deadline;
};

class Server {
 public:
  Server(const Request& request, const Listener& listener, UniqueFd program, UniqueFd signals)
      : request_(request),
        listener_(listener),
        program_(std::move(program)),
        signals_(std::move(signals)) {}

  // Until PROGRAM ends, or the socket is good for nothing any more.
  Result<void> run() {
    while (true) {
      std::array<pollfd, 3> fds{{{may_accept() ? listener_.fd.raw() : -1, POLLIN, 0},
                                 {signals_.raw(), POLLIN, 0},
                                 {program_.raw(), POLLIN, 0}}};
      TRY(sys::poll(fds, patience_ms()));
      reap();
      end_overdue();
      if (fds[2].revents != 0) return end_all();
      if (fds[0].revents != 0) TRY(accept());
    }
  }

 private:
  bool may_accept() const {
    const std::size_t most = listener_.datagrams ? 1 : request_.most;
    return most == 0 || workers_.size() < most;
  }

  int patience_ms() const {
    if (request_.seconds == 0 || workers_.empty()) return -1;
    const auto first = std::ranges::min_element(workers_, {}, &Worker::deadline)->deadline;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(first - Clock::now()).count();
    return static_cast<int>(std::max<std::int64_t>(left, 0));
  }

  // Those of others too, who came to us as their subreaper.
  void reap() {
    std::array<char, 1024> nothing;
    while (sys::read(signals_, nothing.data(), nothing.size()).ok()) continue;
    while (const std::optional<sys::Ended> ended = sys::reap_any())
      std::erase_if(workers_, [&](const Worker& worker) { return worker.pid == ended->pid; });
  }

  void end_overdue() {
    if (request_.seconds == 0) return;
    for (const Worker& worker : workers_)
      if (worker.deadline <= Clock::now()) (void)sys::kill_group(worker.pid, SIGKILL);
  }

  Result<void> end_all() {
    for (const Worker& worker : workers_) (void)sys::kill_group(worker.pid, SIGKILL);
    return {};
  }

  static bool is_permanent(int code) {
    return code == EBADF || code == EINVAL || code == ENOTSOCK || code == EOPNOTSUPP;
  }

  Result<void> accept() {
    if (listener_.datagrams) return start(listener_.fd);
    const Result<UniqueFd> connection = sys::accept(listener_.fd);
    if (connection.ok()) {
      const Result<bool> allowed = is_allowed(*connection, request_, listener_);
      return allowed.ok() && *allowed ? start(*connection) : Result<void>();
    }
    if (is_permanent(connection.error().code)) return connection.error();
    // Out of descriptors, or the client has gone: it gets better.
    constexpr int kPauseMs = 10;
    return sys::poll({}, kPauseMs);
  }

  Result<void> start(BorrowedFd connection) {
    const Result<sys::Cloned> worker = sys::clone3(0, kNoFd);
    if (!worker.ok()) {
      complain("debug_shell", worker.error().message);
      return {};
    }
    if (worker->pid == 0) work(request_, listener_, connection);
    workers_.push_back({worker->pid, Clock::now() + std::chrono::seconds(request_.seconds)});
    return {};
  }

  const Request& request_;
  const Listener& listener_;
  UniqueFd program_;  // its pidfd; none: serve for ever
  UniqueFd signals_;
  std::vector<Worker> workers_;
};

Result<void> serve(const Request& request, const Listener& listener, UniqueFd program) {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGCHLD);
  TRY(sys::set_disposition(SIGCHLD, SIG_DFL));
  UniqueFd signals = TRY(sys::signalfd(set));
  TRY(sys::sigprocmask(SIG_BLOCK, set));
  TRY(sys::set_child_subreaper(true));
  return Server(request, listener, std::move(program), std::move(signals)).run();
}

// --- beside a program ----------------------------------------------------------------------------

// A byte says that PROGRAM could not be executed; the end of file, that it runs.
[[noreturn]] void serve_beside(const Request& request, const Listener& listener, UniqueFd program,
                               BorrowedFd failed) {
  char byte = 0;
  const Result<std::size_t> got = sys::read(failed, &byte, 1);
  if (!got.ok() || *got != 0) child_exit(kExitNotFound);
  const Result<pid_t> session = sys::setsid();
  const Result<void> served =
      serve(request, listener, request.with_program ? std::move(program) : UniqueFd());
  if (!session.ok() || served.ok()) child_exit(kExitOk);
  complain("debug_shell", served.error().message);
  child_exit(kExitUsage);
}

Result<Ending> beside(const Request& request, Listener listener, const Words& program) {
  UniqueFd own = TRY(sys::pidfd_open(::getpid()));
  sys::Pipe failed = TRY(sys::pipe());
  const sys::Cloned server = TRY(sys::clone3(0, kNoFd));
  if (server.pid == 0) {
    failed.write.reset();
    serve_beside(request, listener, std::move(own), failed.read);
  }
  listener.fd.reset();
  failed.read.reset();
  // A stage runs in this very process, and closes what is ours before it begins.
  if (program.front().starts_with(':')) return becomes(program);
  const int status = exec_or_stage("debug_shell", program);
  TRY(sys::write_all(failed.write, "x"));
  TRY(sys::waitpid(server.pid, 0));
  return Ending{.status = status};
}

Result<Ending> debug_shell(const Parsed& parsed) {
  const Request request = TRY(read_request(parsed));
  Listener listener = TRY(open_listener(request));
  if (!parsed.words.empty()) return beside(request, std::move(listener), parsed.words);
  TRY(serve(request, listener, {}));
  return Ending{};
}

// Old scripts tell an unknown option from everything else that can be wrong.
Result<Ending> run(const Parsed& parsed) {
  Result<Ending> done = debug_shell(parsed);
  if (done.ok() || done.error().kind != Kind::InvalidSpec) return done;
  complain("debug_shell", done.error().message);
  return Ending{.status = kExitUsage};
}

}  // namespace

const Manual kDebugShellManual = {
    .name = "debug_shell",
    .synopsis = "-c WORD [-c WORD]... [OPTION...] [--] [PROGRAM [ARG...]]",
    .purpose =
        "Runs a command for each connection to a socket, with the connection as its standard\n"
        "input and output, in a session of its own. With PROGRAM this process becomes PROGRAM\n"
        "and a child of it serves. The command finds REMOTE_PID, REMOTE_UID and REMOTE_GID of a\n"
        "unix socket's other end, or REMOTE_ADDR and REMOTE_PORT. For a datagram socket the\n"
        "command gets the socket itself when something has come, one command at a time.",
    .options = kOptions,
    .exit_codes =
        "1    the socket will not do, or no command\n126  PROGRAM is not executable\n"
        "127  PROGRAM is not found; the server ends too\n255  an unknown option\n"
        "else PROGRAM's; the server ends by a signal only, or with --with-program",
    .examples =
        "ctrtool debug_shell --bind /run/shell -c sh -c -i --pty --stderr connection\n"
        "ctrtool debug_shell --bind /run/shell --with-program -c sh -- my-program",
    .order = Order::Stop,
    .usage_status = kExitDispatch,
    .failure_status = kExitUsage,
};

int run_debug_shell(const Words& argv) { return run_applet(kDebugShellManual, argv, run); }

}  // namespace ctr
