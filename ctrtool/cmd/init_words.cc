// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/cmd/init_words.h"

#include <unistd.h>

#include "ctrtool/cmd/all.h"
#include "ctrtool/cmd/quoted_words.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/signals.h"

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
  kName,
  kOnDemand,
  kConfig,
  kControl,
};

constexpr OptionRow kOptions[] = {
    {'n', "program", "PATH", "a program; what follows is about it"},
    {'c', "arg", "TEXT", "one more argument of it", "", "n"},
    {'0', "stdin", "PATH", "its standard input", "inherited", "n"},
    {'1', "stdout", "PATH", "its standard output", "inherited", "n"},
    {'2', "stderr", "PATH", "its standard error", "inherited", "n"},
    {'C', "console", "PATH", "all three; a terminal becomes the controlling one", "", "n"},
    {kAppend, "append", "", "make -1 and -2 if missing, append to them", "", "n"},
    {'r', "respawn", "SECONDS", "start it again that long after its end", "never", "n"},
    {kBackoff, "backoff", "SECONDS", "wait longer and longer, up to this, if it keeps ending", "0",
     "n"},
    {'f', "fd", "FD", "pass this descriptor, as 3, 4...; needs -S before", "", "n"},
    {'p', "listen-env", "", "set LISTEN_PID and LISTEN_FDS for it", "", "n"},
    {kWorkdir, "workdir", "DIR", "its working directory", "/", "n"},
    {kUid, "uid", "UID", "its user", "ours", "n"},
    {kGid, "gid", "GID", "its group", "ours", "n"},
    {kSetEnv, "setenv", "NAME=VALUE", "one more variable for it", "", "n"},
    {kExitWith, "exit-with", "", "when it ends, shut down and end with its status", "", "n"},
    {kName, "name", "NAME", "how --control and messages call it", "the last part of PATH", "n"},
    {kOnDemand, "on-demand", "", "start it only when --control says so", "", "n"},
    {'S', "exact-fds", "", "programs get exactly 0 to 2 and their -f", "all that is open"},
    {'s', "signal", "SIGNAL", "a signal that is taken; what follows is about it"},
    {'a', "action", "ACTION", "what it does: a name or a number, see above", "none", "s"},
    {'i', "pre", "PATH", "a script, called with the signal's number", "", "s"},
    {'I', "post", "PATH", "a script for the end of a shutdown", "", "s"},
    {kConfig, "config", "FILE", "more words, quoted as for a shell, any number a line"},
    {kControl, "control", "PATH", "a FIFO to be made and obeyed, see above", "none"},
    {kGrace, "grace", "SECONDS", "how long each step of a shutdown may take", "2"},
    {kSubreaper, "subreaper", "", "where we are not pid 1, collect orphans all the same"},
    {kVerbose, "verbose", "", "say how programs end"},
};

constexpr const char* kActions[] = {"none", "reboot", "poweroff", "halt",
                                    "exit", "reload", "run",      "reexec"};

Result<InitAction> action_of(const Given& given) {
  for (std::size_t i = 0; i < std::size(kActions); ++i)
    if (given.value == kActions[i]) return static_cast<InitAction>(i);
  const unsigned number = TRY(number_of<unsigned>(given));
  if (number >= std::size(kActions)) return usage_error(given, "no action has this number");
  return static_cast<InitAction>(number);
}

constexpr SwitchRow<InitProgram> kProgramSwitches[] = {{kAppend, &InitProgram::append},
                                                       {'p', &InitProgram::listen},
                                                       {kExitWith, &InitProgram::decides},
                                                       {kOnDemand, &InitProgram::on_demand}};
constexpr TextRow<InitProgram, std::string> kProgramTexts[] = {{kWorkdir, &InitProgram::directory},
                                                               {kName, &InitProgram::name}};
constexpr SwitchRow<InitRequest> kSwitches[] = {{'S', &InitRequest::exact_fds},
                                                {kSubreaper, &InitRequest::subreaper},
                                                {kVerbose, &InitRequest::verbose}};

Result<void> take_of_program(const Given& given, bool exact_fds, InitProgram& program) {
  if (take_switch(given, kProgramSwitches, program)) return {};
  if (take_text(given, kProgramTexts, program)) return {};
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
    default:
      break;
  }
  return {};
}

// A number, 0x and 0 at its beginning mean what they do elsewhere, or a name.
Result<int> signal_of(const Given& given) {
  constexpr int kLast = 64;
  if (given.value.empty() || given.value[0] < '0' || given.value[0] > '9') {
    return TRY_CTX(parse_signal(given.value), "%s", given.word.c_str());
  }
  const int number = TRY(number_of<int>(given));
  if (number > kLast) return usage_error(given, "no signal has this number");
  return number;
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

  Result<InitRequest> read() {
    for (const Given& given : parsed_.options) TRY(take(given));
    for (const std::string& word : parsed_.words) TRY(take({kBareWord, word, word}));
    for (InitProgram& program : request_.programs) TRY(name(program));
    for (const auto& [number, signal] : request_.signals) TRY(check(number, signal));
    return std::move(request_);
  }

 private:
  // Any file may name further ones.
  Result<void> take_file(const Given& given) {
    if (depth_ == kDeepestFile) return usage_error(given, "files in files, too deep");
    Words words = TRY_CTX(words_of_file(given.value), "%s", given.word.c_str());
    words.insert(words.begin(), parsed_.argv.front());
    const Parsed more =
        TRY_CTX(parse_words(kMiniInitManual, words), "%s", quote(given.value).c_str());
    if (more.dashes || more.help || more.version)
      return usage_error(given, "only programs, signals and what is about them go there");
    ++depth_;
    for (const Given& one : more.options) TRY_CTX(take(one), "%s", quote(given.value).c_str());
    --depth_;
    return {};
  }

  Result<void> name(InitProgram& program) const {
    if (program.name.empty())
      program.name = program.argv.front().substr(program.argv.front().rfind('/') + 1);
    if (!program.on_demand || !request_.control.empty()) return {};
    return make_error(Kind::InvalidSpec, "%s: --on-demand needs --control",
                      quote(program.name).c_str());
  }

  Result<void> take(const Given& given) {
    constexpr unsigned kLongestGrace = 3600;
    if (take_switch(given, kSwitches, request_)) return {};
    switch (given.key) {
      case kConfig:
        return take_file(given);
      case kControl:
        request_.control = given.value;
        return {};
      case 'n':
        request_.programs.emplace_back().argv.push_back(given.value);
        return {};
      case 's':
        signal_ = TRY(signal_of(given));
        if (signal_ != 0) request_.signals[*signal_];
        return {};
      case kGrace:
        request_.grace = TRY(number_of<unsigned>(given));
        if (request_.grace > kLongestGrace) return usage_error(given, "too long");
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
    const bool boots = signal.action == InitAction::Reboot ||
                       signal.action == InitAction::PowerOff || signal.action == InitAction::Halt;
    if (signal.action == InitAction::Run && signal.pre.empty())
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
  int depth_ = 0;
  std::optional<int> signal_;
  InitRequest request_;
};

constexpr const char* kPurpose =
    "Pid 1 of a container: starts programs, in their order, collects orphans, and does for\n"
    "each signal what -a says. Actions, by name or number:\n"
    "  0 none      1 reboot   2 poweroff   3 halt   4 exit: end with 0\n"
    "  5 reload: become the pre script        6 run: run the pre script\n"
    "  7 reexec: shut down, then become the post script\n"
    "A shutdown runs the pre script, sends TERM, then KILL, and the post script before the\n"
    "end; each step lasts until nobody is left, at most --grace seconds.\n"
    "Lines written to the FIFO of --control: start NAME, stop NAME (TERM, KILL after\n"
    "--grace; no respawn), restart NAME, status (to standard error).";
constexpr const char* kCodes =
    "0    action exit, or reexec without a script\n1    usage, not pid 1\n"
    "else with --exit-with: that program's; a program that cannot be started counts as 127";

}  // namespace

Result<InitRequest> read_init_words(const Parsed& parsed, bool bare_words) {
  return Reader(parsed, bare_words).read();
}

const Manual kMiniInitManual = {
    .name = "mini-init",
    .synopsis = "[-S] [-n PROGRAM [-c ARG]... [OPTION...]]... [-s SIGNAL [OPTION...]]...",
    .purpose = kPurpose,
    .options = kOptions,
    .exit_codes = kCodes,
    .examples =
        "ctrtool launcher -w -mpt -- ctrtool init -s TERM -a exit -n /bin/sh -c -c -c 'kill -TERM "
        "1'",
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
    .examples = "ctrtool launcher -w -mpt -- ctrtool init2 -n /bin/echo hello --exit-with",
    .order = Order::InPlace,
    .failure_status = kExitUsage,
};

}  // namespace ctr
