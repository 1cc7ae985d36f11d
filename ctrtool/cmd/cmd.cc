// SPDX-License-Identifier: Apache-2.0
// cmd: takes the arguments of an applet from files, so that the process list does not show them.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <iterator>

#include "ctrtool/cmd/all.h"
#include "ctrtool/cmd/escapes.h"
#include "ctrtool/cmd/fd_spec.h"
#include "ctrtool/cmd/quoted_words.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/file.h"

namespace ctr {
namespace {

constexpr int kMaxDepth = 16;

constexpr OptionRow kOptions[] = {
    {'f', "file", "PATH", "read PATH; - is the standard input", "- without -f and -F"},
    {'F', "fd", "SPEC", "read the descriptor N, /VAR, :VAR or =PATH"},
    {'0', "null", "", "items end with zero bytes instead of newlines"},
    {'c', "comments", "", "skip blank lines, and those that begin with #"},
    {'e', "escapes", "", "decode \\n \\t \\r \\0 \\\\ \\xHH \\ooo"},
    {'q', "quotes", "", "several words a line, with quotes and backslashes"},
    {'E', "expand-env", "", "replace ${NAME}; an unset NAME is an error"},
    {'b', "before", "", "put the items before ARGs instead of after them"},
    {'x', "exec", "", "execute a program instead of an applet"},
    {'u', "unlink", "", "remove each -f file after reading"},
    {'m', "max-bytes", "N", "refuse more input than this", "4194304"},
    {'p', "check-perms", "", "refuse files of others, or readable by others"},
    {'n', "dry-run", "", "print the words, quoted, and exit"},
};

struct Settings {
  bool null = false;
  bool comments = false;
  bool escapes = false;
  bool quotes = false;
  bool expand = false;
  bool before = false;
  bool exec = false;
  bool unlink = false;
  bool check = false;
  bool dry_run = false;
  std::size_t max_bytes = 4U << 20;

  char end() const { return null ? '\0' : '\n'; }
};
constexpr SwitchRow<Settings> kSwitches[] = {{'0', &Settings::null},    {'c', &Settings::comments},
                                             {'e', &Settings::escapes}, {'q', &Settings::quotes},
                                             {'E', &Settings::expand},  {'b', &Settings::before},
                                             {'x', &Settings::exec},    {'u', &Settings::unlink},
                                             {'p', &Settings::check},   {'n', &Settings::dry_run}};

Result<Settings> read_settings(const Parsed& parsed) {
  Settings settings;
  for (const Given& given : parsed.options) {
    take_switch(given, kSwitches, settings);
    if (given.key == 'm') settings.max_bytes = TRY(number_of<std::size_t>(given));
  }
  return settings;
}

// --- one line → items ----------------------------------------------------------------------------

Result<std::string> expand_env(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    if (!text.substr(at).starts_with("${")) {
      out += text[at++];
      continue;
    }
    const std::size_t end = text.find('}', at);
    if (end == std::string_view::npos) return make_error(Kind::InvalidSpec, "\"${\" without \"}\"");
    const std::string name(text.substr(at + 2, end - at - 2));
    const char* value = std::getenv(name.c_str());
    if (value == nullptr)
      return make_error(Kind::InvalidSpec, "variable %s is not set", quote(name).c_str());
    out += value;
    at = end + 1;
  }
  return out;
}

bool is_comment(std::string_view line) {
  const std::string_view text = trim(line);
  return text.empty() || text[0] == '#';
}

Result<void> add_line(const Settings& settings, std::string_view line, Words& items) {
  if (settings.comments && is_comment(line)) return {};
  if (!settings.null && line.find('\0') != std::string_view::npos)
    return make_error(Kind::InvalidSpec, "a zero byte");
  Words words{std::string(line)};
  if (settings.quotes) words = TRY(split_quoted(line));
  for (std::string& word : words) {
    if (settings.expand) word = TRY(expand_env(word));
    if (settings.escapes) word = TRY(decode_escapes(word));
    // An argument ends where its first zero byte stands.
    if (word.find('\0') != std::string::npos)
      return make_error(Kind::InvalidSpec, "a zero byte in an argument");
    items.push_back(std::move(word));
  }
  return {};
}

Result<void> add_text(const Settings& settings, std::string_view text, const std::string& from,
                      Words& items) {
  // The last end mark makes no item of its own.
  if (text.ends_with(settings.end()))
    text.remove_suffix(1);
  else if (text.empty())
    return {};
  std::size_t number = 1;
  for (std::size_t at = 0; at <= text.size(); ++number) {
    const std::size_t end = std::min(text.find(settings.end(), at), text.size());
    TRY_CTX(add_line(settings, text.substr(at, end - at), items), "%s: line %zu", from.c_str(),
            number);
    at = end + 1;
  }
  return {};
}

// --- sources -------------------------------------------------------------------------------------

Result<void> check_perms(BorrowedFd fd) {
  constexpr mode_t kOthersRead = 04;
  const struct stat status = TRY(sys::fstat(fd));
  if (status.st_uid != 0 && status.st_uid != ::geteuid())
    return make_error(Kind::System, "it belongs to user %u", status.st_uid);
  if ((status.st_mode & kOthersRead) != 0) return make_error(Kind::System, "others may read it");
  return {};
}

// No copy of the words stays but the applet's own, which go with the exec of a program.
Result<void> read_source(const Settings& settings, const Given& source, Words& items) {
  const bool is_stdin = source.key == 'f' && source.value == "-";
  const std::string spec = is_stdin ? "0" : (source.key == 'f' ? "=" : "") + source.value;
  const std::string from = is_stdin ? "standard input" : quote(source.value);
  std::string text;
  {
    const FdArgument fd = TRY_CTX(take_fd(spec, O_RDONLY | O_NOCTTY), "%s", source.word.c_str());
    if (settings.check) TRY_CTX(check_perms(fd.fd()), "%s", from.c_str());
    text = TRY_CTX(sys::read_all(fd.fd(), settings.max_bytes), "%s", from.c_str());
    if (source.key == 'F' && fd.fd().raw() > STDERR_FILENO && !source.value.starts_with('='))
      ::close(fd.fd().raw());
  }
  const bool removed = settings.unlink && !settings.dry_run && source.key == 'f' && !is_stdin;
  if (removed) TRY(sys::unlinkat(kCwd, source.value, 0));
  const Result<void> added = add_text(settings, text, from, items);
  ::explicit_bzero(text.data(), text.size());
  return added;
}

Result<Words> read_items(const Settings& settings, const Parsed& parsed) {
  Words items;
  bool any = false;
  for (const Given& given : parsed.options) {
    if (given.key != 'f' && given.key != 'F') continue;
    any = true;
    TRY(read_source(settings, given, items));
  }
  if (!any) TRY(read_source(settings, {'f', "-", "-f"}, items));
  return items;
}

Result<Words> whole_vector(const Settings& settings, const Parsed& parsed) {
  Words items = TRY(read_items(settings, parsed));
  Words words = parsed.words;
  const auto at = settings.before && !words.empty() ? words.begin() + 1 : words.end();
  words.insert(at, std::move_iterator(items.begin()), std::move_iterator(items.end()));
  if (words.empty()) return make_error(Kind::InvalidSpec, "an applet is missing");
  return words;
}

// --- what is done with them ----------------------------------------------------------------------

// It would execute us again with all of the words to be seen.
Result<void> refuse_escape(const Words& words) {
  const Applet* escape = find_applet("escape");
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::string_view word = words[i];
    if (i > 0 && !word.starts_with(':')) continue;
    if (i > 0) word.remove_prefix(1);
    if (find_applet(word) == escape)
      return make_error(Kind::InvalidSpec, "escape is not for here: \"ctrtool escape cmd ...\"");
  }
  return {};
}

Result<Ending> print_words(const Words& words) {
  std::string text;
  for (const std::string& word : words) text += quote_word(word) + "\n";
  TRY(print(text));
  return Ending{};
}

// As the dispatcher does: by what follows the last '/'.
void take_base_name(std::string& word) { word.erase(0, word.rfind('/') + 1); }

Result<Ending> run_words(Words words) {
  if (!is_applet(words[0])) {
    complain(kCmdManual.name, "unknown applet " + quote(words[0]) + suggest_applet(words[0]));
    return Ending{.status = kExitNotFound};
  }
  words[0].insert(0, ":");
  return becomes(std::move(words));
}

Result<Ending> run_file(const Parsed& first) {
  Parsed parsed = first;
  for (int depth = 1; depth <= kMaxDepth; ++depth) {
    const Settings settings = TRY(read_settings(parsed));
    Words words = TRY(whole_vector(settings, parsed));
    if (settings.dry_run) return print_words(words);
    if (settings.exec) return becomes(std::move(words));
    take_base_name(words[0]);
    TRY(refuse_escape(words));
    if (words[0] != kCmdManual.name) return run_words(std::move(words));
    parsed = TRY(parse_words(kCmdManual, words));
    if (!parsed.help && !parsed.version) continue;
    TRY(print(help_text(kCmdManual)));
    return Ending{};
  }
  return make_error(Kind::System, "cmd in cmd, more than %d deep", kMaxDepth);
}

}  // namespace

const Manual kCmdManual = {
    .name = "cmd",
    .synopsis = "[OPTION...] [--] [APPLET [ARG...]]",
    .purpose =
        "Runs APPLET, in this process, with ARGs and then the lines of files as arguments;\n"
        "without APPLET the first line names it. The process list shows none of the lines.",
    .options = kOptions,
    .exit_codes =
        "1    usage, or a mistake in a file\n125  a file can't be read, too deep\n127  "
        "unknown applet\nelse the applet's",
    .examples =
        "printf '%s\\n' TOKEN=x sh -c 'echo $TOKEN' | ctrtool cmd env\n"
        "ctrtool cmd -c -q -f words -- mount_seq",
    .order = Order::Stop,
};

int run_cmd(const Words& argv) { return run_applet(kCmdManual, argv, run_file); }

}  // namespace ctr
