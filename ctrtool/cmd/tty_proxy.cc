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
#include "ctrtool/cmd/words.h"
#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"
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
  kCloseFds
};

constexpr OptionRow kOptions[] = {
    {'w', "columns", "NUMBER", "width of the terminal", "that of standard input"},
    {'h', "rows", "NUMBER", "height of the terminal", "that of standard input"},
    {'t', "env-size", nullptr, "what -w and -h leave open is in COLUMNS and LINES"},
    {'p', "ptmx", "PATH", "the pty multiplexer to open", "/dev/ptmx"},
    {'T', "pipes", nullptr, "pipes instead of a terminal"},
    {'e', "stderr-pipe", nullptr, "a pipe of its own for standard error", "with standard output"},
    {kKeepStdin, "keep-stdin", nullptr, "with --pipes: the end of input is not passed on"},
    {kNoControllingTty, "no-controlling-tty", nullptr, "a terminal, but not the session's"},
    {kTerm, "term", "TEXT", "TERM in the program's environment", "unchanged"},
    {kOwner, "owner", "UID[:GID]", "owner of the terminal", "the caller"},
    {kMode, "mode", "OCTAL", "permissions of the terminal", "the kernel's"},
    {kIdle, "idle-timeout", "SECONDS", "hang up after so long without a byte", "never"},
    {kTranscript, "transcript", "FILE", "append all that the program writes to it"},
    {kCloseFds, "close-fds", nullptr, "the program inherits nothing but 0, 1 and 2"},
};

struct Request {
  ProxyRequest proxy{.name = "tty_proxy"};
  bool controlling = true;
  bool size_from_env = false;
  bool close_others = false;
  std::optional<std::string> term{};
};

Result<void> take_owner(const Given& given, Request& request) {
  const std::vector<std::string_view> parts = split(given.value, ':');
  if (parts.empty() || parts.size() > 2) return usage_error(given, "not UID[:GID]");
  request.proxy.uid = TRY_CTX(parse_id(parts[0]), "%s", given.word.c_str());
  if (parts.size() == 2) request.proxy.gid = TRY_CTX(parse_id(parts[1]), "%s", given.word.c_str());
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
  if (!child.ok()) {
    complain("tty_proxy", child.error().message);
    const int code = child.error().code;
    const bool missing = code == ENOENT || code == ENOTDIR;
    return Ending{.status = missing ? kExitNotFound : kExitNotExecutable};
  }
  ends = ProxyEnds{};
  const int status = TRY(proxy.run(child->pid, child->pidfd, signals));
  return Ending{.status = status};
}

// All signals wait until there is somebody to pass them to; ours is the terminal's restoration.
Result<Ending> run(const Parsed& parsed) {
  Request request;
  for (const Given& given : parsed.options) TRY(take(given, request));
  if (parsed.words.empty()) return make_error(Kind::InvalidSpec, "PROGRAM is missing");
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
