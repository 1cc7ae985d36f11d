// SPDX-License-Identifier: Apache-2.0
// tty_proxy: a program on a terminal of its own (or on pipes), and bytes, sizes and signals passed
// between it and the caller.
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <optional>
#include <utility>
#include <vector>

#include "ctrtool/cmd/all.h"
#include "ctrtool/cmd/proxy.h"
#include "ctrtool/cmd/spawn.h"
#include "ctrtool/cmd/tty_session.h"
#include "ctrtool/cmd/words.h"
#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/process.h"

namespace ctr {
namespace {

enum Long : int {
  kKeepStdin = kLongOnly,
  kNoControllingTty,
  kTerm,
  kOwner,
  kMode,
  kIdle,
  kTranscript,
  kCloseFds,
  kSession,
  kDetached,
  kAttach,
  kDetachKey,
};

constexpr OptionRow kOptions[] = {
    {'w', "columns", "NUMBER", "width of the terminal", "that of standard input"},
    {'h', "rows", "NUMBER", "height of the terminal", "that of standard input"},
    {'t', "env-size", "", "what -w and -h leave open is in COLUMNS and LINES"},
    {'p', "ptmx", "PATH", "the pty multiplexer to open", "/dev/ptmx"},
    {'T', "pipes", "", "pipes instead of a terminal"},
    {'e', "stderr-pipe", "", "a pipe of its own for standard error", "with standard output"},
    {kKeepStdin, "keep-stdin", "", "with --pipes: the end of input is not passed on"},
    {kNoControllingTty, "no-controlling-tty", "", "a terminal, but not the session's"},
    {kTerm, "term", "TEXT", "TERM in the program's environment", "unchanged"},
    {kOwner, "owner", "UID[:GID]", "owner of the terminal", "the caller"},
    {kMode, "mode", "OCTAL", "permissions of the terminal", "the kernel's"},
    {kIdle, "idle-timeout", "SECONDS", "hang up after so long without a byte", "never"},
    {kTranscript, "transcript", "FILE", "append all that the program writes to it"},
    {kCloseFds, "close-fds", "", "the program inherits nothing but 0, 1 and 2"},
    {kSession, "session", "PATH", "the program and its terminal outlive us; a socket to attach to"},
    {kDetached, "detached", "", "with --session: only start it"},
    {kAttach, "attach", "PATH", "without PROGRAM: become the user of that session"},
    {kDetachKey, "detach-key", "KEY", "what leaves a session: a character, ^X, or none", "^\\"},
};

constexpr char kDefaultKey = '\x1c';  // control and backslash

struct Request {
  ProxyRequest proxy{.name = "tty_proxy"};
  bool controlling = true;
  bool size_from_env = false;
  bool close_others = false;
  std::optional<std::string> term{};
  std::string session{};
  std::string attach{};
  bool detached = false;
  std::optional<char> detach_key = kDefaultKey;
  bool names_key = false;
};

Result<void> take_owner(const Given& given, Request& request) {
  const std::vector<std::string_view> parts = split(given.value, ':');
  if (parts.empty() || parts.size() > 2) return usage_error(given, "not UID[:GID]");
  request.proxy.uid = TRY_CTX(parse_id(parts[0]), "%s", given.word.c_str());
  if (parts.size() == 2) request.proxy.gid = TRY_CTX(parse_id(parts[1]), "%s", given.word.c_str());
  return {};
}

// "^X" as terminals show control characters.
Result<void> take_key(const Given& given, Request& request) {
  constexpr char kControl = 0x1f;
  const std::string& text = given.value;
  request.names_key = true;
  request.detach_key.reset();
  if (text == "none") return {};
  if (text.size() == 1)
    request.detach_key = text[0];
  else if (text.size() == 2 && text[0] == '^' && text[1] >= '@' && text[1] <= '~')
    request.detach_key = static_cast<char>(text[1] & kControl);
  else
    return usage_error(given, "not a character, ^X or none");
  return {};
}

Result<void> take(const Given& given, Request& request) {
  constexpr int kLongestIdle = 1000000;
  switch (given.key) {
    case 'w':
      request.proxy.size.ws_col = TRY(number_of<unsigned short>(given));
      break;
    case 'h':
      request.proxy.size.ws_row = TRY(number_of<unsigned short>(given));
      break;
    case 't':
      request.size_from_env = true;
      break;
    case 'p':
      request.proxy.ptmx = given.value;
      break;
    case 'T':
      request.proxy.pipes = true;
      break;
    case 'e':
      request.proxy.own_stderr = true;
      break;
    case kKeepStdin:
      request.proxy.keep_stdin = true;
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
      request.proxy.mode = TRY(number_of<mode_t>(given, 8));
      break;
    case kIdle: {
      const int seconds = TRY(number_of<int>(given));
      if (seconds <= 0 || seconds > kLongestIdle) return usage_error(given, "out of range");
      request.proxy.idle_ms = seconds * 1000;
      break;
    }
    case kTranscript:
      request.proxy.transcript = given.value;
      break;
    case kCloseFds:
      request.close_others = true;
      break;
    case kSession:
      request.session = given.value;
      break;
    case kDetached:
      request.detached = true;
      break;
    case kAttach:
      request.attach = given.value;
      break;
    case kDetachKey:
      return take_key(given, request);
    default:
      break;
  }
  return {};
}

// A size that is still open: 0.
Result<void> size_from_env(const char* variable, unsigned short& size) {
  const char* text = ::getenv(variable);
  if (size != 0 || text == nullptr) return {};
  size = TRY_CTX(parse_number<unsigned short>(text), "%s", variable);
  return {};
}

Ending not_started(const Error& error) {
  complain("tty_proxy", error.message);
  const bool missing = error.code == ENOENT || error.code == ENOTDIR;
  return Ending{.status = missing ? kExitNotFound : kExitNotExecutable};
}

Result<Ending> use(const Request& request, UniqueFd connection, BorrowedFd signals) {
  const int status =
      TRY(use_session(std::move(connection), request.detach_key, signals, "tty_proxy"));
  return Ending{.status = status};
}

Result<Ending> attach(const Request& request, BorrowedFd signals) {
  UniqueFd connection = TRY(find_session(request.attach));
  return use(request, std::move(connection), signals);
}

Result<Ending> start_session(const Request& request, const Words& program, BorrowedFd signals,
                             const sigset_t& mask) {
  HoldRequest hold{.path = request.session,
                   .terminal = request.proxy,
                   .program = program,
                   .controlling = request.controlling,
                   .close_others = request.close_others,
                   .detached = request.detached,
                   .mask = mask};
  // The holder is going to be elsewhere.
  const std::string here = TRY(sys::getcwd());
  if (!hold.path.starts_with('/')) hold.path = here + "/" + hold.path;
  Held held = TRY(hold_session(hold));
  if (held.failure.has_value()) return not_started(*held.failure);
  return request.detached ? Result<Ending>(Ending{}) : use(request, std::move(held.user), signals);
}

Result<Ending> relay(const Request& request, const Words& program, BorrowedFd signals,
                     const sigset_t& mask) {
  ProxyEnds ends;
  Proxy proxy = TRY(Proxy::open(request.proxy, ends));
  const bool controlling = !request.proxy.pipes && request.controlling;
  Result<Child> child = spawn({.argv = program,
                               .in = ends.stdio(STDIN_FILENO),
                               .out = ends.stdio(STDOUT_FILENO),
                               .err = ends.stdio(STDERR_FILENO),
                               .session = controlling ? Session::NewWithTerminal : Session::New,
                               .close_others = request.close_others,
                               .mask = mask});
  if (!child.ok()) return not_started(child.error());
  ends = ProxyEnds{};
  const int status = TRY(proxy.run(child->pid, child->pidfd, signals));
  return Ending{.status = status};
}

Result<void> check(const Request& request, const Words& program) {
  const auto wrong = [](const char* why) { return make_error(Kind::InvalidSpec, "%s", why); };
  const bool session = !request.session.empty();
  const bool attach = !request.attach.empty();
  if (attach && (session || !program.empty())) return wrong("--attach is without PROGRAM");
  if (!attach && program.empty()) return wrong("PROGRAM is missing");
  if (session && (request.proxy.pipes || request.proxy.own_stderr))
    return wrong("a session has a terminal and no pipes");
  if (request.detached && !session) return wrong("--detached needs --session");
  if (request.names_key && !session && !attach)
    return wrong("--detach-key needs --session or --attach");
  return {};
}

// All signals wait until there is somebody to pass them to; ours is the terminal's restoration.
Result<Ending> run(const Parsed& parsed) {
  Request request;
  for (const Given& given : parsed.options) TRY(take(given, request));
  TRY(check(request, parsed.words));
  if (request.size_from_env) {
    TRY(size_from_env("COLUMNS", request.proxy.size.ws_col));
    TRY(size_from_env("LINES", request.proxy.size.ws_row));
  }
  if (request.term.has_value()) ::setenv("TERM", request.term->c_str(), 1);
  // A caller that ignores SIGCHLD would have the kernel reap for us, and the status lost.
  TRY(sys::set_disposition(SIGCHLD, SIG_DFL));
  sigset_t all;
  ::sigfillset(&all);
  const UniqueFd signals = TRY(sys::signalfd(all));
  const sigset_t before = TRY(sys::sigprocmask(SIG_SETMASK, all));
  Result<Ending> done = !request.attach.empty() ? attach(request, signals)
                        : !request.session.empty()
                            ? start_session(request, parsed.words, signals, before)
                            : relay(request, parsed.words, signals, before);
  TRY(sys::sigprocmask(SIG_SETMASK, before));
  return done;
}

}  // namespace

const Manual kTtyProxyManual = {
    .name = "tty_proxy",
    .synopsis = "[OPTIONS] [--] PROGRAM [ARG...]\n--attach PATH [--detach-key KEY]",
    .purpose =
        "Runs PROGRAM on a terminal of its own, or on pipes, and passes on bytes, the end\n"
        "of input, signals and window sizes. A connection that breaks is reported; one that ends\n"
        "or hangs up is not.\n"
        "\n"
        "With --session PROGRAM stays when its user presses the detach key, hangs up, or gets\n"
        "SIGHUP or SIGTERM. It has one user at a time, the last to attach; without one its output\n"
        "is dropped (--transcript keeps it). The session ends with PROGRAM, whose status its user\n"
        "gets; a session's end of input is not PROGRAM's. Only its owner may attach.",
    .options = kOptions,
    .exit_codes =
        "0     detached\n1     bad options\n125   a failure of our own\n"
        "126   PROGRAM cannot be executed\n127   PROGRAM was not found\n"
        "128+n PROGRAM was killed by signal n\nelse  PROGRAM's",
    .examples =
        "ctrtool tty_proxy -w 100 -h 30 stty size\n"
        "ctrtool tty_proxy -p /srv/root/dev/pts/ptmx login\n"
        "ctrtool tty_proxy --session /run/me.sock sh; ctrtool tty_proxy --attach /run/me.sock",
};

int run_tty_proxy(const Words& argv) { return run_applet(kTtyProxyManual, argv, run); }

}  // namespace ctr
