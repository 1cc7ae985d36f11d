// SPDX-License-Identifier: Apache-2.0
// env: changes the environment, then prints it or executes a program.
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "ctrtool/cmd/all.h"
#include "ctrtool/cmd/fd_spec.h"
#include "ctrtool/cmd/quoted_words.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/file.h"

namespace ctr {
namespace {

enum Key : int { kFile0 = kLongOnly };

constexpr OptionRow kOptions[] = {
    {'i', "ignore-environment", "", "start empty; so does a single \"-\""},
    {'u', "unset", "NAME", "remove NAME"},
    {'0', "null", "", "end what is printed with zero bytes"},
    {'C', "chdir", "DIR", "change the directory before PROGRAM"},
    {'f', "file", "PATH", "read lines NAME=VALUE"},
    {kFile0, "file0", "PATH", "the same, ended by zero bytes"},
    {'F', "fd", "SPEC", "read lines from the descriptor N, /VAR, :VAR or =PATH"},
    {'k', "keep", "NAME", "with -i: keep NAME"},
    {'S', "split-string", "TEXT", "split into words, with quotes, before the rest; options too"},
    {'v', "debug", "", "say on stderr what is done, without values"},
    {'a', "argv0", "TEXT", "argument 0 of PROGRAM"},
};

class Environment {
 public:
  Environment() {
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry)
      entries_.emplace_back(*entry);
  }

  void keep_only(const std::vector<std::string>& names) {
    std::erase_if(entries_, [&](const std::string& entry) {
      return std::ranges::find(names, entry.substr(0, entry.find('='))) == names.end();
    });
  }

  void unset(const std::string& name) {
    std::erase_if(entries_,
                  [&](const std::string& entry) { return entry.starts_with(name + "="); });
  }

  // In the place of the first of that name, if there is one.
  void set(const std::string& entry) {
    const std::string head = entry.substr(0, entry.find('=') + 1);
    const auto old = std::ranges::find_if(
        entries_, [&](const std::string& other) { return other.starts_with(head); });
    if (old == entries_.end()) {
      entries_.push_back(entry);
      return;
    }
    *old = entry;
    entries_.erase(
        std::remove_if(old + 1, entries_.end(),
                       [&](const std::string& other) { return other.starts_with(head); }),
        entries_.end());
  }

  std::string text(char end) const {
    std::string all;
    for (const std::string& entry : entries_) all += entry + end;
    return all;
  }

  // As the process's own: what comes next, a stage perhaps, reads it by getenv. It has to live as
  // long as the process, so nobody frees it. Not by setenv, which knows no order and no doubles.
  void install() const {
    auto block = std::make_unique<char*[]>(entries_.size() + 1);
    for (std::size_t i = 0; i < entries_.size(); ++i) block[i] = ::strdup(entries_[i].c_str());
    block[entries_.size()] = nullptr;
    environ = block.release();
  }

 private:
  std::vector<std::string> entries_;
};

void note(bool wanted, const std::string& text) {
  if (wanted) complain("env", text);
}

bool given(const Parsed& parsed, int key) {
  return std::ranges::any_of(parsed.options, [&](const Given& one) { return one.key == key; });
}

Result<void> check_name(const Given& option) {
  if (!option.value.empty() && option.value.find('=') == std::string::npos) return {};
  return usage_error(option, "not a variable's name");
}

Result<void> set_lines(Environment& env, std::string_view text, char end, const std::string& from) {
  std::size_t number = 0;
  for (std::string_view line : split(text, end)) {
    ++number;
    if (line.empty()) continue;
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos || equals == 0)
      return make_error(Kind::InvalidSpec, "%s: line %zu: not of the form NAME=VALUE", from.c_str(),
                        number);
    if (line.find('\0') != std::string_view::npos)
      return make_error(Kind::InvalidSpec, "%s: line %zu: a zero byte", from.c_str(), number);
    env.set(std::string(line));
  }
  return {};
}

Result<void> read_source(Environment& env, const Given& option) {
  const char end = option.key == kFile0 ? '\0' : '\n';
  const std::string spec = option.key == 'F' ? option.value : "=" + option.value;
  const FdArgument fd = TRY_CTX(take_fd(spec, O_RDONLY | O_NOCTTY), "%s", option.word.c_str());
  if (spec.starts_with(':')) env.unset(spec.substr(1));  // take_fd knows only our own
  const std::string text = TRY_CTX(sys::read_all(fd.fd()), "%s", option.word.c_str());
  return set_lines(env, text, end, quote(option.value));
}

Result<void> apply_options(const Parsed& parsed, bool empty, bool debug, Environment& env) {
  std::vector<std::string> kept;
  for (const Given& option : parsed.options) {
    if (option.key == 'u' || option.key == 'k') TRY(check_name(option));
    if (option.key == 'k') kept.push_back(option.value);
  }
  if (empty || given(parsed, 'i')) {
    note(debug, "start empty");
    env.keep_only(kept);
  }
  for (const Given& option : parsed.options) {
    if (option.key != 'u') continue;
    note(debug, "unset " + option.value);
    env.unset(option.value);
  }
  for (const Given& option : parsed.options) {
    if (option.key != 'f' && option.key != kFile0 && option.key != 'F') continue;
    note(debug, "read " + quote(option.value));
    TRY(read_source(env, option));
  }
  return {};
}

bool takes_value(const Given& option) {
  const auto row = std::ranges::find(kOptions, option.key, &OptionRow::key);
  return row != std::end(kOptions) && !row->argument.empty();
}

// The command line with the words of -S in it: they may begin with options of their own.
Result<Parsed> split_words(const Parsed& parsed) {
  Words words{kEnvManual.name};
  Words split;
  for (const Given& option : parsed.options) {
    if (option.key == 'S') {
      const Words more = TRY_CTX(split_quoted(option.value), "%s", option.word.c_str());
      split.insert(split.end(), more.begin(), more.end());
      continue;
    }
    words.push_back(option.word);
    if (takes_value(option)) words.push_back(option.value);
  }
  words.insert(words.end(), split.begin(), split.end());
  if (parsed.dashes) words.emplace_back("--");
  words.insert(words.end(), parsed.words.begin(), parsed.words.end());
  return parse_words(kEnvManual, words);
}

// The program's words, what stands before them applied.
Result<Words> assign(Words words, bool debug, Environment& env) {
  std::size_t at = 0;
  for (; at < words.size() && words[at] != "--"; ++at) {
    const std::size_t equals = words[at].find('=');
    if (equals == std::string::npos) break;
    if (equals == 0)
      return make_error(Kind::InvalidSpec, "%s has no name", quote(words[at]).c_str());
    note(debug, "set " + words[at].substr(0, equals));
    env.set(words[at]);
  }
  if (at < words.size() && words[at] == "--") ++at;
  return Words(words.begin() + static_cast<std::ptrdiff_t>(at), words.end());
}

Result<Ending> print_env(const Parsed& parsed, const Environment& env) {
  if (given(parsed, 'C')) return make_error(Kind::InvalidSpec, "-C needs a program");
  TRY(print(env.text(given(parsed, '0') ? '\0' : '\n')));
  return Ending{};
}

Result<Ending> change_env(const Parsed& parsed) {
  if (given(parsed, 'S')) {
    const Parsed whole = TRY(split_words(parsed));
    return change_env(whole);
  }
  Words words = parsed.words;
  const bool debug = given(parsed, 'v');
  const bool empty = !words.empty() && words[0] == "-";
  if (empty) words.erase(words.begin());
  Environment env;
  TRY(apply_options(parsed, empty, debug, env));
  Ending ending;
  ending.program = TRY(assign(std::move(words), debug, env));
  if (ending.program.empty()) return print_env(parsed, env);
  if (given(parsed, '0')) return make_error(Kind::InvalidSpec, "-0 goes with no program");
  for (const Given& option : parsed.options) {
    if (option.key == 'C') TRY(sys::chdir(option.value));
    if (option.key == 'a') ending.argv0 = option.value;
  }
  env.install();
  note(debug, "execute " + quote(ending.program[0]));
  return ending;
}

}  // namespace

const Manual kEnvManual = {
    .name = "env",
    .synopsis = "[-] [OPTION...] [NAME=VALUE...] [--] [PROGRAM [ARG...]]",
    .purpose =
        "Changes the environment and executes PROGRAM, found by the new PATH; without\n"
        "PROGRAM prints the environment. Steps: -i, -u, files, assignments, -C.",
    .options = kOptions,
    .exit_codes =
        "0    printed\n125  usage, or a failure of env itself\n126  PROGRAM is not "
        "executable\n127  PROGRAM is not found\nelse PROGRAM's",
    .examples = "ctrtool env -i PATH=/bin HOME=/ sh\nctrtool env -f settings :set_fds -- server",
    .order = Order::Stop,
    .usage_status = kExitSetup,
};

int run_env(const Words& argv) {
  Words words = argv;
  // Options may follow it.
  if (words.size() > 1 && words[1] == "-") words[1] = "-i";
  return run_applet(kEnvManual, words, change_env);
}

}  // namespace ctr
