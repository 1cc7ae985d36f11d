// SPDX-License-Identifier: Apache-2.0
// The manual pages say what --help says: the same options, in the same order, the same defaults.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ctrtool/core/base/strf.h"
#include "runtime/cli/commands.h"
#include "tests/support/files.h"
#include "tests/support/paths.h"

namespace oci::cli {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

std::string page_text(const std::string& name) {
  return support::read_file(support::source_dir() + "/runtime/man/" + name);
}

std::string replace_all(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

std::string without_fonts(std::string text) {
  for (const char* font : {"\\fB", "\\fI", "\\fR"}) text = replace_all(std::move(text), font, "");
  return replace_all(std::move(text), "\\-", "-");
}

// "-b, --bundle DIR" of every option, from the section OPTIONS.
std::vector<std::string> options_of_page(const std::string& page) {
  std::vector<std::string> options;
  bool in_section = false;
  bool is_head = false;
  for (const std::string& line : support::lines_of(page)) {
    if (line.starts_with(".SH ")) in_section = line == ".SH OPTIONS";
    if (in_section && is_head) options.push_back(without_fonts(line));
    is_head = line == ".TP";
  }
  return options;
}

std::vector<std::string> options_of_help(const std::string& help) {
  std::vector<std::string> options;
  for (const std::string& line : support::lines_of(help)) {
    const std::string_view text = ctr::trim(line);
    if (!line.starts_with("  ") || !text.starts_with('-')) continue;
    options.emplace_back(text.substr(0, text.find("  ")));
  }
  return options;
}

std::vector<std::string> defaults_of_help(const std::string& help) {
  constexpr std::string_view kMark = "(default: ";
  std::vector<std::string> defaults;
  for (std::size_t at = 0; (at = help.find(kMark, at)) != std::string::npos;) {
    at += kMark.size();
    defaults.push_back(help.substr(at, help.find(')', at) - at));
  }
  return defaults;
}

void expect_same(const std::string& page_name, const std::string& help) {
  SCOPED_TRACE(page_name);
  const std::string page = page_text(page_name);
  ASSERT_NE(page, "");
  EXPECT_THAT(options_of_page(page), ElementsAreArray(options_of_help(help)));
  for (const std::string& value : defaults_of_help(help))
    EXPECT_THAT(without_fonts(page), HasSubstr("Default: " + value));
  for (const char* section : {".SH NAME", ".SH SYNOPSIS", ".SH EXIT STATUS", ".SH EXAMPLE"})
    EXPECT_THAT(page, HasSubstr(section));
}

TEST(Man, EveryCommandHasAPageLikeItsHelp) {
  const GlobalOptions options;
  const ctr::Log log;
  for (const Command& command : commands()) {
    testing::internal::CaptureStdout();
    const ctr::Result<int> status = command.run({options, log}, {"--help"});
    const std::string help = testing::internal::GetCapturedStdout();
    // The status of checkpoint's help says whether this machine can make any.
    if (std::string_view(command.name) != "checkpoint") {
      ASSERT_TRUE(status.ok()) << command.name;
      EXPECT_EQ(*status, 0);
    }
    expect_same(man_page(command), help);
  }
}

TEST(Man, TheProgramsPageHasTheGlobalOptionsAndAllCommands) {
  expect_same("ocictr.8", global_help());
  const std::string page = without_fonts(page_text("ocictr.8"));
  for (const Command& command : commands())
    EXPECT_THAT(page, HasSubstr("\n" + std::string(command.name) + "\n"));
}

}  // namespace
}  // namespace oci::cli
