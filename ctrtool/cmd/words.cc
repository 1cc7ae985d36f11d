// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/cmd/words.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "ctrtool/cmd/build.h"
#include "ctrtool/cmd/fd_table.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/process.h"

namespace ctr {
namespace {

constexpr OptionRow kCommonRows[] = {
    {kLongOnly + 1000, "help", "", "print this help and exit"},
    {kLongOnly + 1001, "version", "", "print the version and exit"},
};
constexpr int kHelpKey = kCommonRows[0].key;
constexpr int kVersionKey = kCommonRows[1].key;

bool has_letter(const OptionRow& row) { return row.key < kLongOnly; }
bool is_optional(const OptionRow& row) { return row.argument.c_str()[0] == '['; }

Error unknown_option(const std::string& word) {
  return make_error(Kind::InvalidSpec, "unknown option %s", quote(word).c_str());
}

class Parser {
 public:
  Parser(const Manual& manual, const Words& argv) : manual_(manual), argv_(argv) {}

  Result<Parsed> parse() {
    while (at_ < argv_.size() && !parsed_.help && !parsed_.version) {
      const std::string& word = argv_[at_];
      if (word == "--") {
        parsed_.dashes = true;
        ++at_;
        break;
      }
      if (word.size() < 2 || word[0] != '-') {
        if (manual_.order == Order::Stop) break;
        take_bare(word);
        continue;
      }
      ++at_;
      if (word[1] == '-') {
        TRY(take_long(word));
      } else {
        TRY(take_letters(word));
      }
    }
    while (at_ < argv_.size()) take_bare(argv_[at_]);
    return std::move(parsed_);
  }

 private:
  void take_bare(const std::string& word) {
    ++at_;
    if (manual_.order == Order::InPlace && !parsed_.dashes)
      parsed_.options.push_back({kBareWord, word, word});
    else
      parsed_.words.push_back(word);
  }

  Result<void> take_long(const std::string& word) {
    const std::size_t equals = word.find('=');
    const std::string name = word.substr(2, equals == std::string::npos ? equals : equals - 2);
    const OptionRow* row = TRY(find_long(name));
    const std::string shown = strf("--%s", row->name.c_str());
    if (row->argument.empty() || is_optional(*row)) {
      if (row->argument.empty() && equals != std::string::npos)
        return make_error(Kind::InvalidSpec, "option %s takes no value", shown.c_str());
      take(*row, equals == std::string::npos ? "" : word.substr(equals + 1), shown);
      return {};
    }
    if (equals != std::string::npos) {
      take(*row, word.substr(equals + 1), shown);
      return {};
    }
    return take_next(*row, shown);
  }

  Result<const OptionRow*> find_long(const std::string& name) const {
    std::vector<const OptionRow*> near;
    std::vector<const OptionRow*> older;
    for (const std::span<const OptionRow> rows :
         {manual_.options, std::span<const OptionRow>(kCommonRows)}) {
      for (const OptionRow& row : rows) {
        if (row.name.empty()) continue;
        if (name == std::string_view(row.name)) return &row;
        if (name.empty() || !std::string_view(row.name).starts_with(name)) continue;
        near.push_back(&row);
        if (!is_newer(row)) older.push_back(&row);
      }
    }
    if (near.size() == 1) return near.front();
    if (older.size() == 1) return older.front();
    if (near.empty()) return unknown_option("--" + name);
    return make_error(Kind::InvalidSpec, "option %s could be --%s or --%s",
                      quote("--" + name).c_str(), near[0]->name.c_str(), near[1]->name.c_str());
  }

  bool is_newer(const OptionRow& row) const {
    return row.key == kHelpKey || row.key == kVersionKey ||
           std::ranges::find(manual_.newer, std::string_view(row.name)) != manual_.newer.end();
  }

  Result<void> take_letters(const std::string& word) {
    for (std::size_t i = 1; i < word.size(); ++i) {
      const OptionRow* row = find_letter(word[i]);
      const std::string shown = strf("-%c", word[i]);
      if (row == nullptr) return unknown_option(shown);
      if (row->argument.empty()) {
        take(*row, "", shown);
        continue;
      }
      if (i + 1 == word.size()) return take_next(*row, shown);
      take(*row, word.substr(i + 1), shown);
      return {};
    }
    return {};
  }

  const OptionRow* find_letter(char letter) const {
    for (const OptionRow& row : manual_.options)
      if (has_letter(row) && row.key == letter) return &row;
    return nullptr;
  }

  Result<void> take_next(const OptionRow& row, const std::string& shown) {
    if (at_ == argv_.size())
      return make_error(Kind::InvalidSpec, "option %s needs a value (%s)", shown.c_str(),
                        row.argument.c_str());
    take(row, argv_[at_++], shown);
    return {};
  }

  void take(const OptionRow& row, std::string value, const std::string& shown) {
    parsed_.help |= row.key == kHelpKey;
    parsed_.version |= row.key == kVersionKey;
    parsed_.options.push_back({row.key, std::move(value), shown});
  }

  const Manual& manual_;
  const Words& argv_;
  std::size_t at_ = 1;
  Parsed parsed_;
};

std::string bold(const std::string& text, const HelpStyle& style) {
  return style.bold ? "\033[1m" + text + "\033[0m" : text;
}

// Words of `text` in lines that start at `column` and end before `width`; the first line's start is
// there already.
std::string wrapped(std::string_view text, std::size_t column, std::size_t width) {
  std::string out;
  std::size_t at = column;
  for (const std::string_view word : split(text, ' ')) {
    if (at > column && at + 1 + word.size() > width) {
      out += "\n" + std::string(column, ' ');
      at = column;
    } else if (at > column) {
      out += ' ';
      ++at;
    }
    out += word;
    at += word.size();
  }
  return out + "\n";
}

std::string rows_text(std::span<const OptionRow> rows, const HelpStyle& style) {
  constexpr std::size_t kColumn = 30;
  std::string text;
  for (const OptionRow& row : rows) {
    const std::string head = option_head(row);
    const std::size_t end = 2 + head.size();
    text += "  " + bold(head, style);
    text += end < kColumn ? std::string(kColumn - end, ' ') : "\n" + std::string(kColumn, ' ');
    std::string help(row.help);
    if (!row.initial.empty()) help += strf(" (default: %s)", row.initial.c_str());
    text += wrapped(help, kColumn, style.width);
  }
  return text;
}

std::string indented(const char* lines) {
  std::string text;
  for (const std::string_view line : split(lines, '\n')) text += "  " + std::string(line) + "\n";
  return text;
}

// What a stage must not inherit from the applet before it.
int enter_stage(const Words& argv, const Applet& stage) {
  close_private_fds();
  Words words = argv;
  words[0].erase(0, 1);
  return stage.run(words);
}

int report_exec(std::string_view applet, const std::string& program, const Error& error) {
  complain(applet, strf("execute %s: %s", quote(program).c_str(), errno_text(error.code).c_str()));
  return error.code == ENOENT || error.code == ENOTDIR ? kExitNotFound : kExitNotExecutable;
}

int fail(const Manual& manual, const Error& error) {
  complain(manual.name, error.message);
  return error.kind == Kind::InvalidSpec ? manual.usage_status : manual.failure_status;
}

int answer(const Manual& manual, const std::string& text) {
  const Result<void> printed = print(text);
  if (printed.ok()) return kExitOk;
  complain(manual.name, printed.error().message);
  return kExitSetup;
}

}  // namespace

Result<Parsed> parse_words(const Manual& manual, const Words& argv) {
  Parsed parsed = TRY(Parser(manual, argv).parse());
  parsed.argv = argv;
  return parsed;
}

std::string option_head(const OptionRow& row) {
  std::string head;
  if (has_letter(row)) head += strf("-%c", row.key);
  if (has_letter(row) && !row.name.empty()) head += ", ";
  if (!row.name.empty()) head += strf("--%s", row.name.c_str());
  if (!row.argument.empty()) head += (is_optional(row) ? "" : " ") + std::string(row.argument);
  return head;
}

bool goes_with(std::span<const OptionRow> rows, int key, char item) {
  const auto row = std::ranges::find(rows, key, &OptionRow::key);
  return row != rows.end() && std::string_view(row->scope).find(item) != std::string_view::npos;
}

std::string help_text(const Manual& manual, const HelpStyle& style) {
  std::string text;
  for (const std::string_view line : split(manual.synopsis, '\n'))
    text += strf("%s ctrtool %s %s\n", text.empty() ? "Usage:" : "      ", manual.name,
                 std::string(line).c_str());
  text += strf("\n%s\n\n", manual.purpose) + bold("Options:", style) + "\n";
  text += rows_text(manual.options, style) + rows_text(kCommonRows, style);
  text += "\n" + bold("Exit codes:", style) + "\n" + indented(manual.exit_codes);
  text += "\n" + bold("Examples:", style) + "\n" + indented(manual.examples);
  return text;
}

int run_applet(const Manual& manual, const Words& argv,
               Result<Ending> (*body)(const Parsed& parsed)) {
  Ending ending;
  {
    const Result<Parsed> parsed = parse_words(manual, argv);
    if (!parsed.ok()) {
      complain(manual.name,
               parsed.error().message + strf("; see \"ctrtool help %s\"", manual.name));
      return manual.usage_status;
    }
    if (parsed->help) return answer(manual, help_text(manual));
    if (parsed->version) return answer(manual, build_text());
    Result<Ending> done = body(*parsed);
    if (!done.ok()) return fail(manual, done.error());
    ending = std::move(*done);
  }
  if (ending.program.empty()) return ending.status;
  return exec_or_stage(manual.name, ending.program, ending.argv0);
}

int exec_or_stage(std::string_view applet, const Words& argv,
                  const std::optional<std::string>& argv0) {
  const std::string& program = argv.at(0);
  if (program.starts_with(':')) {
    const Applet* stage = find_applet(program.substr(1));
    if (stage != nullptr) return enter_stage(argv, *stage);
    complain(applet,
             strf("unknown stage %s", quote(program).c_str()) + suggest_applet(program.substr(1)));
    return kExitNotFound;
  }
  Words words = argv;
  if (argv0.has_value()) words[0] = *argv0;
  std::vector<std::string> env;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry)
    env.emplace_back(*entry);
  return report_exec(applet, program, sys::execvpe(program, words, env));
}

void close_private_fds() {
  for (const int fd : open_fds()) {
    const int flags = ::fcntl(fd, F_GETFD);
    if (fd > STDERR_FILENO && flags >= 0 && (flags & FD_CLOEXEC) != 0) ::close(fd);
  }
}

void complain(std::string_view applet, std::string_view text) {
  std::string line = "ctrtool: ";
  if (!applet.empty()) line += std::string(applet) + ": ";
  line += std::string(text) + "\n";
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

Result<void> print(std::string_view text) {
  TRY_CTX(sys::write_all(BorrowedFd(STDOUT_FILENO), text), "standard output");
  return {};
}

Error usage_error(const Given& given, std::string_view what) {
  return make_error(Kind::InvalidSpec, "%s %s: %s", given.word.c_str(), quote(given.value).c_str(),
                    std::string(what).c_str());
}

}  // namespace ctr
