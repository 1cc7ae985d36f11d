// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/cmd/words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <utility>

#include "ctrtool/cmd/fd_spec.h"
#include "ctrtool/core/base/strf.h"

namespace ctr {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr OptionRow kRows[] = {
    {'a', "all", "", "everything"},
    {'b', "bundle", "DIR", "a directory", "."},
    {kLongOnly, "bunch", "N", "many"},
};

Manual manual(Order order) {
  return {.name = "x",
          .synopsis = "S",
          .purpose = "P.",
          .options = kRows,
          .exit_codes = "0  ok",
          .examples = "none",
          .order = order};
}

std::string read(const Words& words, Order order = Order::Stop) {
  Words argv{"x"};
  argv.insert(argv.end(), words.begin(), words.end());
  const Result<Parsed> parsed = parse_words(manual(order), argv);
  if (!parsed.ok()) return parsed.error().message;
  std::string text;
  for (const Given& given : parsed->options)
    text += (given.key == kBareWord ? "@" : given.word) + "=" + given.value + " ";
  text += "|";
  for (const std::string& word : parsed->words) text += " " + word;
  return text;
}

TEST(Words, KeepsTheOrderAndReadsClustersAndValues) {
  EXPECT_EQ(read({"-ab", "d", "-be", "--all", "--bundle=f", "--bundle", "g", "p", "-a"}),
            "-a= -b=d -b=e --all= --bundle=f --bundle=g | p -a");
}

TEST(Words, BareWordsAsTheOrderSays) {
  EXPECT_EQ(read({"p", "-a", "--", "-b"}, Order::Permute), "-a= | p -b");
  EXPECT_EQ(read({"p", "-a", "--", "-b"}, Order::InPlace), "@=p -a= | -b");
}

TEST(Words, AnAbbreviationMeansTheOptionThatWasThereBefore) {
  constexpr std::string_view kNewer[] = {"bunch"};
  Manual with_newer = manual(Order::Stop);
  with_newer.newer = kNewer;
  const auto first = [&](const std::string& word) {
    const Result<Parsed> parsed = parse_words(with_newer, {"x", word, "y"});
    return parsed.ok() ? parsed->options.at(0).word : parsed.error().message;
  };
  EXPECT_EQ(first("--bu"), "--bundle");
  EXPECT_EQ(first("--bunc"), "--bunch");
  EXPECT_EQ(first("--bunch"), "--bunch");
}

TEST(Words, LongOptionsByUniqueBeginning) {
  EXPECT_EQ(read({"--al", "--bundl", "x"}), "--all= --bundle=x |");
  EXPECT_THAT(read({"--bun", "x"}), HasSubstr("could be --bundle or --bunch"));
}

TEST(Words, MistakesNameTheOption) {
  EXPECT_EQ(read({"-az"}), "unknown option \"-z\"");
  EXPECT_EQ(read({"--nope"}), "unknown option \"--nope\"");
  EXPECT_EQ(read({"--all=1"}), "option --all takes no value");
  EXPECT_EQ(read({"-b"}), "option -b needs a value (DIR)");
}

TEST(Words, Common12HelpEndsTheReading) {
  const Result<Parsed> parsed =
      parse_words(manual(Order::Permute), {"x", "-a", "--help", "--nope"});
  ASSERT_TRUE(parsed.ok());
  EXPECT_TRUE(parsed->help);
  EXPECT_THAT(help_text(manual(Order::Stop)), HasSubstr("-b, --bundle DIR"));
  EXPECT_THAT(help_text(manual(Order::Stop)), HasSubstr("(default: .)"));
}

struct Settings {
  bool all = false;
  std::string bundle{};
};
constexpr SwitchRow<Settings> kSwitches[] = {{'a', &Settings::all}};
constexpr TextRow<Settings, std::string> kTexts[] = {{'b', &Settings::bundle}};

TEST(Words, TablesOfSwitchesAndTexts) {
  Settings settings;
  EXPECT_TRUE(take_switch({'a', "", "-a"}, kSwitches, settings));
  EXPECT_TRUE(settings.all);
  EXPECT_FALSE(take_switch({'b', "x", "-b"}, kSwitches, settings));
  EXPECT_TRUE(take_text({'b', "x", "-b"}, kTexts, settings));
  EXPECT_EQ(settings.bundle, "x");
  EXPECT_FALSE(take_text({'a', "", "-a"}, kTexts, settings));
}

TEST(Dispatch, AliasesAndSuggestions) {
  EXPECT_EQ(find_applet("_ctrtool_escaped"), find_applet("escape"));
  EXPECT_EQ(find_applet("SET_FDS"), nullptr);
  EXPECT_EQ(find_applet(""), nullptr);
  EXPECT_EQ(suggest_applet("set_fd"), ", did you mean set_fds?");
  EXPECT_EQ(suggest_applet("quite_other"), "");
}

TEST(Dispatch, EveryAppletExplainsItself) {
  for (const Applet& applet : applets()) {
    ASSERT_NE(applet.help, nullptr);
    if (applet.manual == nullptr) continue;
    EXPECT_STREQ(applet.manual->name, applet.name);
    EXPECT_THAT(help_text(*applet.manual), HasSubstr("Exit codes:"));
  }
}

// The parts are views: of a temporary nothing would be left.
template <typename Text>
concept CanBeSplit = requires(Text&& text) {
  split(std::forward<Text>(text), ',');
};
static_assert(CanBeSplit<std::string&> && CanBeSplit<const std::string&>);
static_assert(CanBeSplit<std::string_view> && CanBeSplit<const char*>);
static_assert(!CanBeSplit<std::string>);

TEST(FdSpec, Chaining2NumbersAndVariables) {
  ::setenv("FD_SPEC_TEST", "2", 1);
  EXPECT_EQ(*take_fd_number("7"), 7);
  EXPECT_EQ(*take_fd_number("/FD_SPEC_TEST"), 2);
  EXPECT_EQ(*take_fd_number(":FD_SPEC_TEST"), 2);
  const Result<int> again = take_fd_number(":FD_SPEC_TEST");
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().message, "variable FD_SPEC_TEST is not set");
  for (const char* bad : {"", "3x", "-1", "/", ":", "/A=B", " 3"})
    EXPECT_FALSE(take_fd_number(bad).ok()) << bad;
}

TEST(FdSpec, Chaining2TheDescriptorMustBeOpen) {
  EXPECT_FALSE(take_fd("999999").ok());
  const Result<FdArgument> opened = take_fd("=/dev/null");
  ASSERT_TRUE(opened.ok());
  EXPECT_TRUE(opened->fd().valid());
  EXPECT_EQ(take_fd("=/nonexistent").error().kind, Kind::System);
}

}  // namespace
}  // namespace ctr
