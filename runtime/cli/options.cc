// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/options.h"

#include <cstring>
#include <istream>
#include <ostream>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/file.h"

#ifdef __GLIBCXX__
// CLI11 includes <iostream> for streams that we never use. That header would construct eight of
// them at the start of every process: a third of what `state` may cost. Declarations are enough.
#define _GLIBCXX_IOSTREAM 1  // NOLINT: the guard of libstdc++'s header
namespace std {
extern istream cin;
extern ostream cout;
extern ostream cerr;
extern ostream clog;
}  // namespace std
#endif
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

namespace oci::cli {
namespace {

using ctr::Error;
using ctr::Kind;
using ctr::make_error;
using ctr::quote;
using ctr::Result;

bool takes_value(const Option& option) { return option.placeholder[0] != '\0'; }

const Option* find_name(const Syntax& syntax, std::string_view name) {
  for (const Option& option : syntax.options)
    if (name == option.name) return &option;
  return nullptr;
}

const Option* find_letter(const Syntax& syntax, char letter) {
  for (const Option& option : syntax.options)
    if (option.letter != '\0' && option.letter == letter) return &option;
  return nullptr;
}

struct Read {
  const Option* option;
  Words values;
};

// The command line, sorted into what CLI11 gets and what it does not need to see.
struct Sorted {
  Words options;           // canonical: "--name", "--flag=value", "-x", or unknown words
  std::vector<Read> used;  // each option once, with all its values
  bool is_plain = true;    // `used` is all that there is to find out
  Words operands;
};

// Rewrites what engines write and CLI11 does not take or takes differently: one dash in front of a
// long name; "--name=" with an empty value (CLI11 would eat the next word); "-n=value", also of a
// flag; "-?", which is crun's for help.
class Sorter {
 public:
  Sorter(const Syntax& syntax, const Words& words) : syntax_(syntax), words_(words) {}

  Sorted sort() && {
    for (; at_ < words_.size(); ++at_) {
      const std::string& word = words_[at_];
      const bool marker = word == "--";
      if (word.size() >= 2 && word.front() == '-' && !marker) {
        option_word(word);
        continue;
      }
      if (!marker) out_.operands.push_back(word);
      if (marker || syntax_.options_end == Syntax::kFirstOperand) {
        out_.operands.insert(out_.operands.end(), next(at_ + 1), words_.end());
        break;
      }
    }
    return std::move(out_);
  }

 private:
  Words::const_iterator next(std::size_t index) const {
    return words_.begin() + static_cast<Words::difference_type>(index);
  }

  void option_word(const std::string& word) {
    const std::string_view body = std::string_view(word).substr(word[1] == '-' ? 2 : 1);
    const std::size_t equals = body.find('=');
    const Option* option = find_name(syntax_, body.substr(0, equals));
    if (option == nullptr) {
      if (word[1] == '-')
        unknown(word);
      else
        letters(word);
      return;
    }
    if (!takes_value(*option)) {
      flag(*option, equals == std::string_view::npos ? "" : std::string(body.substr(equals)));
    } else if (equals != std::string_view::npos) {
      value(*option, std::string(body.substr(equals + 1)));
    } else {
      value_from_next_word(*option);
    }
  }

  void letters(const std::string& word) {
    if (word == "-?") return unknown("--help");
    for (std::size_t i = 1; i < word.size(); ++i) {
      const Option* option = find_letter(syntax_, word[i]);
      if (option == nullptr) return unknown(i == 1 ? word : std::string{'-', word[i]});
      if (takes_value(*option)) {
        const std::size_t from = i + 1 + (word.compare(i + 1, 1, "=") == 0 ? 1 : 0);
        if (i + 1 < word.size())
          value(*option, word.substr(from));
        else
          value_from_next_word(*option);
        return;
      }
      const bool valued = word.compare(i + 1, 1, "=") == 0;
      flag(*option, valued ? word.substr(i + 1) : "");
      if (valued) return;
    }
  }

  // `given`: empty, or "=" and what is behind it.
  void flag(const Option& option, const std::string& given) {
    out_.options.push_back(std::string("--") + option.name + given);
    use(option, given.empty() ? "true" : given.substr(1));
  }

  void value(const Option& option, std::string text) {
    out_.options.push_back(std::string("--") + option.name);
    out_.options.push_back(text);
    if (text.starts_with('-')) out_.is_plain = false;
    use(option, std::move(text));
  }

  void value_from_next_word(const Option& option) {
    if (at_ + 1 < words_.size()) return value(option, words_[++at_]);
    unknown(std::string("--") + option.name);
    use(option, {});
  }

  // CLI11 knows what to say of it.
  void unknown(std::string word) {
    out_.options.push_back(std::move(word));
    out_.is_plain = false;
  }

  void use(const Option& option, std::string text) {
    const auto same = [&](const Read& read) { return read.option == &option; };
    const auto found = std::find_if(out_.used.begin(), out_.used.end(), same);
    Words& values =
        found != out_.used.end() ? found->values : out_.used.emplace_back(Read{&option, {}}).values;
    values.push_back(std::move(text));
  }

  const Syntax& syntax_;
  const Words& words_;
  std::size_t at_ = 0;
  Sorted out_;
};

Error usage_error(const Syntax& syntax, const std::string& what) {
  const char* space = syntax.command[0] != '\0' ? " " : "";
  return make_error(Kind::InvalidSpec, "%s (see \"ocictr%s%s --help\")", what.c_str(), space,
                    syntax.command);
}

Result<bool> parse_flag(const Option& option, std::string_view text) {
  for (const char* word : {"true", "1", "yes", "on"})
    if (text == word) return true;
  for (const char* word : {"false", "0", "no", "off"})
    if (text == word) return false;
  return make_error(Kind::InvalidSpec, "option --%s: %s is neither true nor false", option.name,
                    quote(text).c_str());
}

Result<void> store(const Option& option, const Words& values) {
  if (bool* const* flag = std::get_if<bool*>(&option.target)) {
    **flag = TRY(parse_flag(option, values.back()));
  } else if (std::string* const* text = std::get_if<std::string*>(&option.target)) {
    **text = values.back();
  } else if (auto* const* maybe = std::get_if<std::optional<std::string>*>(&option.target)) {
    **maybe = values.back();
  } else {
    *std::get<Words*>(option.target) = values;
  }
  return {};
}

// All that CLI11 does, and the only place where its exceptions are caught. Answers the values by
// option, or whether help was asked for.
struct Cli11Answer {
  bool help = false;
  std::vector<Read> read;
  std::optional<std::string> complaint;
};

// "--name: 1 required missing": the option that has no value. Any other complaint is passed on.
std::string complaint_text(const CLI::ParseError& error) {
  const std::string_view text = error.what();
  if (error.get_name() == "ArgumentMismatch")
    return "option " + std::string(text.substr(0, text.find(':'))) + " requires an argument";
  return ctr::escape(text);
}

Cli11Answer run_cli11(const Sorted& sorted) {
  Cli11Answer answer;
  answer.read.reserve(sorted.used.size());
  CLI::App app;
  app.allow_extras();
  for (const Read& used : sorted.used) {
    const Option* const option = used.option;
    const auto keep = [&answer, option](const CLI::results_t& values) {
      answer.read.push_back({option, values});
      return true;
    };
    app.add_option(std::string("--") + option->name, keep)
        ->expected(takes_value(*option) ? 1 : 0)
        ->type_size(1)
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  }
  try {
    app.parse(Words(sorted.options.rbegin(), sorted.options.rend()));
    const Words unknown = app.remaining();
    if (!unknown.empty()) {
      const std::string& word = unknown.front();
      answer.complaint = "unknown option " + ctr::escape(word.substr(0, word.find('=')));
    }
  } catch (const CLI::CallForHelp&) {
    answer.help = true;
  } catch (const CLI::ParseError& error) {
    answer.complaint = complaint_text(error);
  }
  return answer;
}

Result<void> store_all(const Syntax& syntax, const std::vector<Read>& all) {
  for (const Read& read : all) {
    const Result<void> stored = store(*read.option, read.values);
    if (!stored.ok()) return usage_error(syntax, stored.error().message);
  }
  return {};
}

Result<Parsed> take_options(const Syntax& syntax, const Sorted& sorted) {
  if (sorted.is_plain) {
    TRY(store_all(syntax, sorted.used));
    return Parsed::kGo;
  }
  const Cli11Answer answer = run_cli11(sorted);
  if (answer.help) {
    TRY(print(help_text(syntax)));
    return Parsed::kHelpShown;
  }
  TRY(store_all(syntax, answer.read));
  // Last: even of a wrong command line the log's name is worth knowing.
  if (answer.complaint.has_value()) return usage_error(syntax, *answer.complaint);
  return Parsed::kGo;
}

Result<void> take_operands(const Syntax& syntax, Words operands) {
  std::size_t used = 0;
  for (const Operand& operand : syntax.operands) {
    if (used < operands.size())
      *operand.target = std::move(operands[used++]);
    else if (operand.need == Operand::kRequired)
      return usage_error(syntax, std::string(operand.name) + " is missing");
  }
  operands.erase(operands.begin(), operands.begin() + static_cast<Words::difference_type>(used));
  if (syntax.rest != nullptr)
    *syntax.rest = std::move(operands);
  else if (!operands.empty())
    return usage_error(syntax, "unexpected argument " + quote(operands.front()));
  return {};
}

std::string option_help(const Option& option) {
  std::string left = option.letter != '\0' ? std::string{' ', ' ', '-', option.letter, ',', ' '}
                                           : std::string(6, ' ');
  left = left + "--" + option.name;
  if (takes_value(option)) left = left + " " + option.placeholder;
  constexpr std::size_t kColumn = 36;
  left = left.size() + 2 > kColumn ? left + "\n" + std::string(kColumn, ' ')
                                   : left + std::string(kColumn - left.size(), ' ');
  left += option.help;
  if (option.by_default[0] != '\0') left = left + " (default: " + option.by_default + ")";
  return left + "\n";
}

}  // namespace

Result<Parsed> parse_words(const Syntax& syntax, const Words& words) {
  Sorted sorted = Sorter(syntax, words).sort();
  const Parsed parsed = TRY(take_options(syntax, sorted));
  if (parsed == Parsed::kGo) TRY(take_operands(syntax, std::move(sorted.operands)));
  return parsed;
}

std::string usage_line(const Syntax& syntax) {
  std::string line = "Usage: ocictr";
  if (syntax.command[0] != '\0') line = line + " " + syntax.command;
  line += " [OPTIONS]";
  for (const Operand& operand : syntax.operands) {
    const bool required = operand.need == Operand::kRequired;
    line = line + (required ? " " : " [") + operand.name + (required ? "" : "]");
  }
  if (syntax.rest_name[0] != '\0') line = line + " " + syntax.rest_name;
  return line + "\n";
}

std::string help_text(const Syntax& syntax) {
  std::string text = usage_line(syntax) + "\n" + syntax.help + "\n\nOptions:\n";
  for (const Option& option : syntax.options) text += option_help(option);
  bool help = false;
  text += option_help({"help", 'h', "", "show this help and exit", &help});
  if (syntax.more_help != nullptr) text += "\n" + syntax.more_help();
  return text;
}

Result<void> print(std::string_view text) {
  TRY_CTX(ctr::sys::write_all(ctr::BorrowedFd(STDOUT_FILENO), text), "standard output");
  return {};
}

}  // namespace oci::cli
