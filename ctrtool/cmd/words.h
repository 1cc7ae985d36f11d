// SPDX-License-Identifier: Apache-2.0
// Words of a command line, read by an applet's table; the same table makes the help. And the ways
// an applet ends: an exit status, a program, a stage.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ctrtool/applets.h"
#include "ctrtool/core/base/inline_text.h"
#include "ctrtool/core/base/result.h"

namespace ctr {

// Exit statuses. What comes from a program, or counts differently in old scripts, is in the
// applet's manual.
enum ExitStatus : int {
  kExitOk = 0,
  kExitUsage = 1,
  kExitTolerated = 2,
  kExitFailed = 3,
  kExitSetup = 125,  // before the program
  kExitNotExecutable = 126,
  kExitNotFound = 127,
  kExitDispatch = 255,
};

// The key of an option is its letter; without one it is a number from here on.
inline constexpr int kLongOnly = 256;
// The key of a bare word under Order::InPlace.
inline constexpr int kBareWord = -1;

struct OptionRow {
  int key;
  InlineText<24> name;      // long, without the dashes; empty: none
  InlineText<40> argument;  // how the help calls its value; empty: it takes none; "[N]": it may be
                            // left out, and comes after '=' only
  InlineText<264> help;
  InlineText<96> initial{};  // the default; empty: none
  InlineText<16> scope{};    // letters of the items that it may follow, where there are items
};
// Whether this option may follow an item of this letter.
bool goes_with(std::span<const OptionRow> rows, int key, char item);

enum class Order : std::uint8_t {
  Stop,     // the first bare word ends the options: it is the program's name
  Permute,  // bare words may stand between options
  InPlace,  // the same, and each is reported at its place
};

struct Manual {
  const char* name;
  const char* synopsis;  // after "ctrtool NAME "; several are separated by newlines
  const char* purpose;   // whole sentences, lines of at most 80 columns
  std::span<const OptionRow> options;
  const char* exit_codes;  // lines of "code  meaning"
  const char* examples;    // one a line
  Order order = Order::Stop;
  int usage_status = kExitUsage;
  int failure_status = kExitSetup;
  // Long options that came after scripts had begun to abbreviate the others: an abbreviation that
  // fits one of these and one of those means that one. --help and --version are among them.
  std::span<const std::string_view> newer{};
};

struct Given {
  int key;
  std::string value;
  std::string word;  // as it was written, for messages: "-f" or "--fds"
};

struct Parsed {
  std::vector<Given> options;  // in the order of the command line
  Words words;                 // what is not an option; all that follows "--"
  bool dashes = false;         // there was a "--"
  bool help = false;
  bool version = false;
  Words argv;  // all of it, the applet's name first: for those that start again
};

// Letters in clusters, values attached or in the next word, long options by any unique beginning
// and with '=', "--". Errors are Kind::InvalidSpec. After --help nothing more is looked at.
Result<Parsed> parse_words(const Manual& manual, const Words& argv);

struct HelpStyle {
  std::size_t width = 80;
  bool bold = false;
};
std::string help_text(const Manual& manual, const HelpStyle& style = {});
// "-b, --bundle DIR"
std::string option_head(const OptionRow& row);

// What an applet does last.
struct Ending {
  int status = kExitOk;
  Words program{};  // not empty: become this program, or this stage
  std::optional<std::string> argv0{};
};
inline Ending becomes(Words program) { return {.program = std::move(program)}; }

// The frame of an applet: reads its words, answers --help and --version, reports the error (Kind::
// InvalidSpec: the usage status; else the failure status), and becomes the program when everything
// that the body owned is gone.
int run_applet(const Manual& manual, const Words& argv,
               Result<Ending> (*body)(const Parsed& parsed));

// Becomes the program with our environment, or enters the stage ":APPLET" in this process. Answers
// the exit status: 126 or 127 and a message, or the stage's.
int exec_or_stage(std::string_view applet, const Words& argv,
                  const std::optional<std::string>& argv0 = std::nullopt);
// Closes all that an exec would have closed.
void close_private_fds();

// For an applet that is going to enter a container: returns at once in a sealed copy of ctrtool,
// else starts this applet again from one, with the words of the command line that are its own (not
// those of the stages before it). Words that are not on the command line, because they came from a
// file, are not shown that way: an error.
Result<void> escape_applet(const Words& argv);

// "ctrtool: APPLET: text", one line on stderr, in one piece.
void complain(std::string_view applet, std::string_view text);
// To stdout; ENOSPC and the like are errors.
Result<void> print(std::string_view text);

// An option's value; the error names the option.
template <std::integral T>
Result<T> number_of(const Given& given, int base = 0);

Error usage_error(const Given& given, std::string_view what);

// Options that only turn something on, or only keep their text, and the member that each sets.
template <typename Request>
struct SwitchRow {
  int key;
  bool Request::*member;
};
template <typename Request, typename Text>  // std::string, or an optional one
struct TextRow {
  int key;
  Text Request::*member;
};
// Whether it was one of them.
template <typename Request, std::size_t N>
bool take_switch(const Given& given, const SwitchRow<Request> (&rows)[N], Request& request);
template <typename Request, typename Text, std::size_t N>
bool take_text(const Given& given, const TextRow<Request, Text> (&rows)[N], Request& request);

}  // namespace ctr

#include "ctrtool/core/base/parse.h"

namespace ctr {

template <std::integral T>
Result<T> number_of(const Given& given, int base) {
  Result<T> number = parse_number<T>(given.value, base);
  if (number.ok()) return number;
  return with_context(std::move(number).error(), given.word);
}

template <typename Request, std::size_t N>
bool take_switch(const Given& given, const SwitchRow<Request> (&rows)[N], Request& request) {
  for (const SwitchRow<Request>& row : rows) {
    if (row.key != given.key) continue;
    request.*row.member = true;
    return true;
  }
  return false;
}

template <typename Request, typename Text, std::size_t N>
bool take_text(const Given& given, const TextRow<Request, Text> (&rows)[N], Request& request) {
  for (const TextRow<Request, Text>& row : rows) {
    if (row.key != given.key) continue;
    request.*row.member = given.value;
    return true;
  }
  return false;
}

}  // namespace ctr
