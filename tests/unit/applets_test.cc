// SPDX-License-Identifier: Apache-2.0
// The table of applets: what its manuals promise, the parser takes.
#include "ctrtool/applets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "ctrtool/cmd/words.h"
#include "ctrtool/core/base/strf.h"

namespace ctr {
namespace {

using testing::HasSubstr;
using testing::Not;

template <typename Check>
void for_each_row(Check check) {
  for (const Applet& applet : applets()) {
    if (applet.manual == nullptr) continue;
    for (const OptionRow& row : applet.manual->options) check(*applet.manual, row);
  }
}

TEST(Applets, EveryOptionHasALongNameAndIsParsed) {
  for_each_row([](const Manual& manual, const OptionRow& row) {
    ASSERT_FALSE(row.name.empty()) << manual.name << " has an option without a long name";
    const bool optional = row.argument.c_str()[0] == '[';
    Words words{manual.name, std::string("--") + row.name.c_str()};
    if (optional)
      words.back() += "=1";
    else if (!row.argument.empty())
      words.emplace_back("x");
    words.emplace_back("--help");
    const Result<Parsed> parsed = parse_words(manual, words);
    ASSERT_TRUE(parsed.ok()) << manual.name << ": " << parsed.error().message;
    EXPECT_TRUE(parsed->help) << manual.name << " --" << row.name.c_str();
    EXPECT_EQ(parsed->options.front().key, row.key) << manual.name << " --" << row.name.c_str();
  });
}

TEST(Applets, NoNameStandsForTwoThings) {
  for (const Applet& applet : applets()) {
    if (applet.manual == nullptr) continue;
    std::set<int> keys;
    std::set<std::string> names{"help", "version"};
    for (const OptionRow& row : applet.manual->options) {
      EXPECT_TRUE(keys.insert(row.key).second) << applet.name << " --" << row.name.c_str();
      EXPECT_TRUE(names.insert(row.name.c_str()).second)
          << applet.name << " --" << row.name.c_str();
    }
  }
  std::set<std::string> names;
  for (const Applet& applet : applets()) {
    EXPECT_TRUE(names.insert(applet.name).second) << applet.name;
    for (const std::string_view alias : split(applet.aliases, ' '))
      EXPECT_TRUE(alias.empty() || names.insert(std::string(alias)).second) << alias;
  }
}

TEST(Applets, ManualsAreWhole) {
  for (const Applet& applet : applets()) {
    if (applet.manual == nullptr) continue;
    const std::string help = help_text(*applet.manual);
    EXPECT_THAT(help, HasSubstr(strf("Usage: ctrtool %s ", applet.manual->name)));
    for (const char* part : {"\nOptions:\n", "\nExit codes:\n", "\nExamples:\n"})
      EXPECT_THAT(help, HasSubstr(part)) << applet.name;
    for (const std::string_view line : split(applet.manual->purpose, '\n'))
      EXPECT_LE(line.size(), 90U) << applet.name << ": " << line;
  }
}

TEST(Applets, OptionalValuesComeAfterAnEqualsSignOnly) {
  const Applet* launcher = find_applet("container-launcher");
  ASSERT_NE(launcher, nullptr);
  const Words words{"launcher", "--clear-caps-before-exec", "0"};
  const Result<Parsed> parsed = parse_words(*launcher->manual, words);
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed->options.front().value, "");
  EXPECT_EQ(parsed->words, Words{"0"});
}

}  // namespace
}  // namespace ctr
