// SPDX-License-Identifier: Apache-2.0
// Command lines from tables, and the one door to CLI11: no other file includes it.
//
// A command describes its words in a Syntax and calls parse_words(). Accepted: `--name value`,
// `--name=value`, one dash in front of long names (containerd's `-no-subreaper`), clusters of
// letters, repeated flags, `--flag=false`, `--` in front of operands. Values are never split.
// CLI11 sees only the options that occur, and is not built at all when their words leave it nothing
// to find out: engines say --root each time, and CLI11 with the locale that it makes costs more
// than all the rest of `state`.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/result.h"

namespace oci::cli {

using Words = std::vector<std::string>;

// Where the value goes. A flag has a bool; of a repeated option the last value counts, unless it
// has a vector.
using Target = std::variant<bool*, std::string*, std::optional<std::string>*, Words*>;

struct Option {
  const char* name;         // long, without dashes
  char letter;              // '\0': none
  const char* placeholder;  // of the value, as help shows it; "": a flag
  const char* help;
  Target target;
  const char* by_default = "";  // as help shows it; "": nothing worth saying
};

struct Operand {
  enum Need : bool { kOptional, kRequired };
  const char* name;
  Need need;
  std::string* target;
};

struct Syntax {
  // FirstOperand: what follows the first operand is never an option (the program of `exec`).
  enum OptionsEnd : bool { kLastWord, kFirstOperand };

  const char* command;  // "create"; "": the program itself
  const char* help;     // what the command does, in a sentence
  std::vector<Option> options;
  std::vector<Operand> operands;
  OptionsEnd options_end = kLastWord;
  const char* rest_name = "";  // as help shows it
  Words* rest = nullptr;       // all words after the operands; without it they are an error
  std::string (*more_help)() = nullptr;  // printed below the options
};

enum class Parsed : bool { kGo, kHelpShown };

// Kind::InvalidSpec with one line that names the word at fault. `--help` prints to stdout, whatever
// else the words say; the command then has nothing to do.
ctr::Result<Parsed> parse_words(const Syntax& syntax, const Words& words);

std::string usage_line(const Syntax& syntax);
std::string help_text(const Syntax& syntax);

// option_number<unsigned>("preserve-fds", text): the error names the option.
template <std::integral T>
ctr::Result<T> option_number(const char* name, std::string_view text) {
  return TRY_CTX(ctr::parse_number<T>(text), "option --%s", name);
}

// Writes to stdout; a full disk or a closed pipe is an error, as nobody got what he asked for.
ctr::Result<void> print(std::string_view text);

}  // namespace oci::cli
