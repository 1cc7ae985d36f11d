// SPDX-License-Identifier: Apache-2.0
// help: what the tables of the applets say, as text and as manual pages.
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "ctrtool/cmd/all.h"
#include "ctrtool/cmd/build.h"
#include "ctrtool/cmd/help_topics.h"
#include "ctrtool/core/base/log.h"
#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/tty.h"

namespace ctr {
namespace {

enum Long : int { kColor = kLongOnly };

constexpr OptionRow kOptions[] = {
    {'l', "list", "", "the applets' names, sorted, one a line"},
    {'a', "all", "", "the full text of every applet"},
    {'o', "options", "", "the options, one a line: short, long, argument, items, by tabs"},
    {'e', "examples", "", "the examples only"},
    {'x', "exit-codes", "", "the exit codes only"},
    {'m', "man", "", "a manual page, in roff"},
    {'c', "compact", "", "the synopsis only"},
    {'j', "json", "", "applets, their options and exit codes, as JSON"},
    {'v', "version-of-build", "", "version, kind of linking, architecture, commit; as --version"},
    {kColor, "color", "", "headings and options in bold"},
};

std::string synopsis_of(const Manual& manual) {
  const std::string text = help_text(manual);
  return text.substr(0, text.find("\n\n") + 1);
}

std::string options_of(const Manual& manual) {
  std::string text;
  for (const OptionRow& row : manual.options)
    text += strf("%s\t%s\t%s\t%s\n", row.key < kLongOnly ? strf("-%c", row.key).c_str() : "",
                 row.name.empty() ? "" : strf("--%s", row.name.c_str()).c_str(),
                 row.argument.c_str(), row.scope.c_str());
  return text;
}

std::string text_or_null(std::string_view text) { return text.empty() ? "null" : json_quote(text); }

std::string option_json(const OptionRow& row) {
  const std::string letter =
      row.key < kLongOnly ? json_quote(strf("-%c", row.key)) : std::string("null");
  return "{\"short\":" + letter + ",\"long\":" + text_or_null(row.name) +
         ",\"argument\":" + text_or_null(row.argument) + ",\"help\":" + json_quote(row.help) +
         ",\"default\":" + text_or_null(row.initial) + ",\"scope\":" + text_or_null(row.scope) +
         "}";
}

std::string applet_json(const Applet& applet) {
  std::string text =
      "{\"name\":" + json_quote(applet.name) + ",\"help\":" + json_quote(applet.help);
  if (applet.manual == nullptr) return text + "}\n";
  text += ",\"exit_codes\":" + json_quote(applet.manual->exit_codes) + ",\"options\":[";
  const char* separator = "";
  for (const OptionRow& row : applet.manual->options) {
    text += separator + option_json(row);
    separator = ",\n";
  }
  text += "],\"environment\":[";
  separator = "";
  for (const Variable& variable : variables()) {
    if (applet.name != std::string_view(variable.applet)) continue;
    text += strf("%s{\"name\":%s,\"help\":%s}", separator, json_quote(variable.name).c_str(),
                 json_quote(variable.help).c_str());
    separator = ",\n";
  }
  return text + "]}\n";
}

// A leading dot or quote would be a request; a dash shall stay a dash.
std::string roff(std::string_view text) {
  std::string out;
  bool at_start = true;
  for (const char c : text) {
    if (at_start && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
    at_start = c == '\n';
  }
  return out;
}

std::string man_options(const Manual& manual) {
  std::string text;
  for (const OptionRow& row : manual.options) {
    text += strf(".TP\n\\fB%s\\fR\n", roff(option_head(row)).c_str());
    text += roff(row.help);
    if (!row.initial.empty()) text += strf(" (default: %s)", roff(row.initial).c_str());
    text += "\n";
  }
  text += ".TP\n\\fB\\-\\-help\\fR\nprint a summary and exit\n";
  return text + ".TP\n\\fB\\-\\-version\\fR\nprint the version and exit\n";
}

std::string man_page(const Applet& applet) {
  const Manual& manual = *applet.manual;
  std::string text = ".\\\" SPDX-License-Identifier: Apache-2.0\n";
  text += strf(".TH CTRTOOL\\-%s 1 \"\" \"ocictr\" \"User Commands\"\n", roff(manual.name).c_str());
  text += strf(".SH NAME\nctrtool\\-%s \\- %s\n.SH SYNOPSIS\n.nf\n", roff(manual.name).c_str(),
               roff(applet.help).c_str());
  for (const std::string_view line : split(manual.synopsis, '\n'))
    text += strf("\\fBctrtool %s\\fR %s\n", roff(manual.name).c_str(), roff(line).c_str());
  text += ".fi\n.SH DESCRIPTION\n.nf\n" + roff(manual.purpose) + "\n.fi\n";
  text += ".SH OPTIONS\n" + man_options(manual);
  text += ".SH EXIT STATUS\n.nf\n" + roff(manual.exit_codes) + "\n.fi\n";
  text += ".SH EXAMPLES\n.nf\n" + roff(manual.examples) + "\n.fi\n";
  return text + ".SH SEE ALSO\n\\fBctrtool\\fR(1), \\fBocictr\\fR(8)\n";
}

std::string overview() {
  std::string text = "Usage: ctrtool APPLET [ARG...]\n\nApplets:\n";
  for (const Applet& applet : applets()) text += strf("  %-14s  %s\n", applet.name, applet.help);
  text += "\nTopics of \"ctrtool help TOPIC\":";
  for (const HelpTopic& topic : help_topics()) text += " " + topic.name;
  return text + "\n\"ctrtool APPLET --help\" explains one applet.\n";
}

std::string man_overview() {
  std::string text = ".\\\" SPDX-License-Identifier: Apache-2.0\n";
  text += ".TH CTRTOOL 1 \"\" \"ocictr\" \"User Commands\"\n";
  text += ".SH NAME\nctrtool \\- small tools that containers are made of\n";
  text += ".SH SYNOPSIS\n\\fBctrtool\\fR \\fIAPPLET\\fR [\\fIARG\\fR...]\n.SH APPLETS\n";
  for (const Applet& applet : applets())
    text += strf(".TP\n\\fB%s\\fR\n%s\n", roff(applet.name).c_str(), roff(applet.help).c_str());
  for (const HelpTopic& topic : help_topics())
    text += strf(".SH %s\n.nf\n%s.fi\n", roff(topic.name).c_str(), roff(topic.text).c_str());
  return text + ".SH SEE ALSO\n\\fBocictr\\fR(8)\n";
}

std::string list() {
  std::vector<std::string> names;
  for (const Applet& applet : applets()) {
    names.emplace_back(applet.name);
    for (const std::string_view alias : split(applet.aliases, ' ')) names.emplace_back(alias);
  }
  std::ranges::sort(names);
  return join(names, "\n") + "\n";
}

std::string part_of(const Applet& applet, int part, const HelpStyle& style) {
  if (part == 'j') return applet_json(applet);
  if (applet.manual == nullptr) return strf("ctrtool %s: %s\n", applet.name, applet.help);
  const Manual& manual = *applet.manual;
  if (part == 'o') return options_of(manual);
  if (part == 'e') return std::string(manual.examples) + "\n";
  if (part == 'x') return std::string(manual.exit_codes) + "\n";
  if (part == 'm') return man_page(applet);
  if (part == 'c') return synopsis_of(manual);
  return help_text(manual, style);
}

Result<std::string> text_about(const std::string& name, int part, const HelpStyle& style) {
  for (const HelpTopic& topic : help_topics())
    if (name == topic.name) return topic.text;
  const Applet* applet = find_applet(name);
  if (applet == nullptr)
    return make_error(Kind::InvalidSpec, "there is no applet or topic %s%s", quote(name).c_str(),
                      suggest_applet(name).c_str());
  const std::string note =
      name == applet->name ? "" : strf("%s is the same as %s.\n\n", name.c_str(), applet->name);
  return (part == 0 ? note : "") + part_of(*applet, part, style);
}

std::string about_all(int part, const HelpStyle& style) {
  std::string text;
  const std::string separator = part == 'j' ? "," : "\n";
  for (const Applet& applet : applets())
    text += (text.empty() ? "" : separator) + part_of(applet, part, style);
  return part == 'j' ? "[" + text + "]\n" : text;
}

// 80 columns, unless it is a terminal that has others.
std::size_t text_width() {
  constexpr std::size_t kUsual = 80;
  constexpr std::size_t kLeast = 50;  // the texts of options start at the thirtieth
  const BorrowedFd out(STDOUT_FILENO);
  if (!sys::isatty(out)) return kUsual;
  const char* columns = std::getenv("COLUMNS");
  const Result<std::size_t> number = parse_number<std::size_t>(columns == nullptr ? "" : columns);
  if (number.ok()) return std::max(*number, kLeast);
  const Result<winsize> size = sys::get_window_size(out);
  return size.ok() && size->ws_col != 0 ? std::max<std::size_t>(size->ws_col, kLeast) : kUsual;
}

Result<Ending> show_help(const Parsed& parsed) {
  int part = 0;
  bool all = false;
  HelpStyle style{.width = text_width()};
  for (const Given& given : parsed.options) {
    if (given.key == 'a')
      all = true;
    else if (given.key == kColor)
      style.bold = true;
    else
      part = given.key;
  }
  std::string text;
  if (part == 'l') {
    text = list();
  } else if (part == 'v') {
    text = build_text();
  } else if (all || (part != 0 && part != 'm' && parsed.words.empty())) {
    text = about_all(part, style);
  } else if (parsed.words.empty()) {
    text = part == 'm' ? man_overview() : overview();
  }
  for (const std::string& name : parsed.words) {
    const Result<std::string> about = text_about(name, part, style);
    if (!about.ok()) {
      complain("help", about.error().message);
      (void)sys::write_all(BorrowedFd(STDERR_FILENO), overview());
      return Ending{.status = kExitUsage};
    }
    text += *about;
  }
  TRY(print(text));
  return Ending{};
}

}  // namespace

const Manual kHelpManual = {
    .name = "help",
    .synopsis = "[OPTION...] [APPLET|TOPIC...]",
    .purpose =
        "Prints what an applet does, from the table that also reads its options: 80 columns\n"
        "wide, on a terminal as wide as that is.",
    .options = kOptions,
    .exit_codes = "0    printed\n1    unknown name or option\n125  could not write",
    .examples = "ctrtool help set_fds\nctrtool help -o mount_seq",
    .order = Order::Permute,
};

int run_help(const Words& argv) { return run_applet(kHelpManual, argv, show_help); }

}  // namespace ctr
