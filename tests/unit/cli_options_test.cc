// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/cli/options.h"
#include "runtime/cli/path.h"

namespace oci::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Values {
  std::string bundle = ".";
  std::optional<std::string> socket;
  Words env;
  bool tty = false;
  bool detach = false;
  std::string id;
  std::string signal = "TERM";
  Words rest;
};

Syntax syntax_for(Values& values) {
  return {
      .command = "demo",
      .help = "Shows what the tables can do.",
      .options = {{"bundle", 'b', "DIR", "the bundle", &values.bundle, "."},
                  {"console-socket", '\0', "SOCK", "a socket", &values.socket},
                  {"env", 'e', "K=V", "a variable", &values.env},
                  {"tty", 't', "", "a terminal", &values.tty},
                  {"detach", 'd', "", "in the background", &values.detach}},
      .operands = {{"ID", Operand::kRequired, &values.id},
                   {"SIGNAL", Operand::kOptional, &values.signal}},
  };
}

ctr::Result<Values> parse(const Words& words, Syntax::OptionsEnd end = Syntax::kLastWord) {
  Values values;
  Syntax syntax = syntax_for(values);
  syntax.options_end = end;
  if (end == Syntax::kFirstOperand) {
    syntax.operands.pop_back();
    syntax.rest = &values.rest;
  }
  TRY(parse_words(syntax, words));
  return values;
}

std::string complaint(const Words& words) {
  const ctr::Result<Values> values = parse(words);
  return values.ok() ? "accepted" : values.error().message;
}

TEST(CliOptions, WithoutOptionsOnlyOperands) {
  const ctr::Result<Values> values = parse({"web", "KILL"});
  ASSERT_TRUE(values.ok());
  EXPECT_EQ(values->id, "web");
  EXPECT_EQ(values->signal, "KILL");
  EXPECT_EQ(values->bundle, ".");
}

TEST(CliOptions, EveryShapeOfAValue) {
  for (const Words& words :
       {Words{"--bundle", "/b", "web"}, Words{"--bundle=/b", "web"}, Words{"-bundle", "/b", "web"},
        Words{"-bundle=/b", "web"}, Words{"-b", "/b", "web"}, Words{"-b/b", "web"},
        Words{"-b=/b", "web"}, Words{"-tb", "/b", "web"}, Words{"web", "--bundle", "/b"},
        Words{"--bundle", "/a", "--bundle", "/b", "web"}}) {
    const ctr::Result<Values> values = parse(words);
    ASSERT_TRUE(values.ok()) << ctr::join(words, " ") << ": " << values.error().message;
    EXPECT_EQ(values->bundle, "/b") << ctr::join(words, " ");
    EXPECT_EQ(values->id, "web");
  }
}

TEST(CliOptions, ValuesAreTakenAsTheyAre) {
  // Empty, starting with a dash, looking like an option, with commas and brackets.
  const ctr::Result<Values> values = parse({"--bundle=", "--console-socket", "--tty", "-e", "A=1,2",
                                            "--env=[x,y]", "-e", "-", "--env", "", "web"});
  ASSERT_TRUE(values.ok()) << values.error().message;
  EXPECT_EQ(values->bundle, "");
  EXPECT_EQ(values->socket, "--tty");
  EXPECT_FALSE(values->tty);
  EXPECT_THAT(values->env, ElementsAre("A=1,2", "[x,y]", "-", ""));
  EXPECT_EQ(values->id, "web");
}

TEST(CliOptions, FlagsMayBeRepeatedAndSwitchedOff) {
  const ctr::Result<Values> values = parse({"--tty", "-t", "--tty", "-d", "--detach=false", "web"});
  ASSERT_TRUE(values.ok());
  EXPECT_TRUE(values->tty);
  EXPECT_FALSE(values->detach);
  EXPECT_FALSE(parse({"--tty", "-dt=no", "web"})->tty);
  EXPECT_THAT(complaint({"-t=perhaps", "web"}), HasSubstr("\"perhaps\""));
  EXPECT_THAT(complaint({"--tty=perhaps", "web"}), HasSubstr("\"perhaps\""));
}

TEST(CliOptions, AfterTheMarkAllAreOperands) {
  const ctr::Result<Values> values = parse({"--tty", "--", "-web", "--detach"});
  ASSERT_TRUE(values.ok());
  EXPECT_EQ(values->id, "-web");
  EXPECT_EQ(values->signal, "--detach");
  EXPECT_FALSE(values->detach);
}

TEST(CliOptions, TheRestBelongsToTheProgram) {
  const ctr::Result<Values> values =
      parse({"-t", "web", "sh", "-c", "--tty", "--env=", "--"}, Syntax::kFirstOperand);
  ASSERT_TRUE(values.ok()) << values.error().message;
  EXPECT_EQ(values->id, "web");
  EXPECT_THAT(values->rest, ElementsAre("sh", "-c", "--tty", "--env=", "--"));
  EXPECT_THAT(values->env, IsEmpty());
}

TEST(CliOptions, ComplaintsNameTheWord) {
  EXPECT_THAT(complaint({"--no-such", "web"}), HasSubstr("unknown option --no-such"));
  EXPECT_THAT(complaint({"--no-such=3", "web"}), HasSubstr("unknown option --no-such"));
  EXPECT_THAT(complaint({"-x", "web"}), HasSubstr("unknown option -x"));
  EXPECT_THAT(complaint({"-9", "web"}), HasSubstr("unknown option -9"));
  EXPECT_THAT(complaint({"--b", "web"}), HasSubstr("unknown option --b"));
  // podman looks for these words in the answer to `restore --lsm-mount-context`.
  EXPECT_THAT(complaint({"--console-socket"}), HasSubstr("--console-socket requires an argument"));
  EXPECT_THAT(complaint({"--tty"}), HasSubstr("ID is missing"));
  EXPECT_THAT(complaint({"a", "b", "c"}), HasSubstr("unexpected argument \"c\""));
  EXPECT_THAT(complaint({"a", "b", "c"}), HasSubstr("(see \"ocictr demo --help\")"));
}

TEST(CliOptions, AFailedParseLeavesNothingHalfRead) {
  EXPECT_THAT(complaint({"--bundle", "/b", "--no-such"}), HasSubstr("--no-such"));
  EXPECT_EQ(complaint({"web"}), "accepted");
}

TEST(CliOptions, HelpWinsOverMistakes) {
  std::string text;
  for (const char* word : {"-h", "-?", "--help"}) {
    testing::internal::CaptureStdout();
    Values values;
    const ctr::Result<Parsed> parsed = parse_words(syntax_for(values), {"--no-such", word});
    text = testing::internal::GetCapturedStdout();
    ASSERT_TRUE(parsed.ok()) << word;
    EXPECT_EQ(*parsed, Parsed::kHelpShown);
    EXPECT_THAT(text, HasSubstr("Usage: ocictr demo [OPTIONS] ID [SIGNAL]\n"));
  }
  EXPECT_THAT(text, HasSubstr("  -b, --bundle DIR"));
  EXPECT_THAT(text, HasSubstr("(default: .)"));
  EXPECT_THAT(text, HasSubstr("  -h, --help"));
}

TEST(CliOptions, NumbersAreWholeAndInRange) {
  EXPECT_EQ(*option_number<unsigned>("preserve-fds", "3"), 3U);
  for (const char* bad : {"", "-1", "1000000000000", "3x", " 3", "0x3"}) {
    const ctr::Result<unsigned> number = option_number<unsigned>("preserve-fds", bad);
    ASSERT_FALSE(number.ok()) << bad;
    EXPECT_THAT(number.error().message, HasSubstr("--preserve-fds"));
  }
}

TEST(CliPath, BecomesAbsoluteAndKeepsDotDot) {
  EXPECT_EQ(absolute_path_in("/w", "b"), "/w/b");
  EXPECT_EQ(absolute_path_in("/w", "."), "/w");
  EXPECT_EQ(absolute_path_in("/w", "/x//y/./z/"), "/x/y/z");
  EXPECT_EQ(absolute_path_in("/w", "../b"), "/w/../b");
  EXPECT_EQ(absolute_path_in("/w", "///"), "/");
  EXPECT_FALSE(absolute_path("").ok());
}

}  // namespace
}  // namespace oci::cli
