// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "runtime/cli/commands.h"
#include "runtime/cli/global.h"
#include "tests/support/files.h"

namespace oci::cli {
namespace {

// None of these commands starts the program again.
char* const kNoArguments[] = {nullptr};

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

std::string complaint(const Words& words) {
  const GlobalWords global = parse_global(words);
  return global.valid.ok() ? "accepted" : global.valid.error().message;
}

TEST(CliGlobal, OptionsEndAtTheCommand) {
  const GlobalWords global = parse_global({"--root", "/r", "--log=/l", "--log-format", "json",
                                           "--systemd-cgroup", "kill", "--all", "--root", "x"});
  ASSERT_TRUE(global.valid.ok()) << global.valid.error().message;
  EXPECT_EQ(global.options.root, "/r");
  EXPECT_EQ(global.options.log, "/l");
  EXPECT_EQ(global.options.log_format, ctr::LogFormat::Json);
  EXPECT_EQ(global.options.driver, CgroupDriver::Systemd);
  EXPECT_THAT(global.command, ElementsAre("kill", "--all", "--root", "x"));
}

TEST(CliGlobal, TheMorePreciseCgroupWordWins) {
  // What podman --cgroups=disabled makes of conmon's words.
  const GlobalWords global =
      parse_global({"--systemd-cgroup", "--cgroup-manager", "disabled", "state"});
  ASSERT_TRUE(global.valid.ok());
  EXPECT_EQ(global.options.driver, CgroupDriver::Disabled);
}

TEST(CliGlobal, RootIsAbsoluteAndNotTheRoot) {
  EXPECT_EQ(parse_global({"--root", "/a//b/"}).options.root, "/a/b");
  EXPECT_THAT(parse_global({"--root", "r"}).options.root.value(), EndsWith("/r"));
  EXPECT_THAT(complaint({"--root", "//."}), HasSubstr("--root"));
  EXPECT_THAT(complaint({"--root="}), HasSubstr("--root"));
}

TEST(CliGlobal, LogDestinationsWithAColonArePaths) {
  EXPECT_EQ(parse_global({"--log", "/a:b"}).options.log, "/a:b");
  EXPECT_EQ(parse_global({"--log", "file:/a"}).options.log, "/a");
  EXPECT_EQ(parse_global({"--log", "syslogd:x"}).options.log, "syslogd:x");
}

TEST(CliGlobal, LogsGoToDaemonsByTheirPrefix) {
  const GlobalOptions syslog = parse_global({"--log", "syslog:a:b"}).options;
  EXPECT_EQ(syslog.log, "a:b");
  EXPECT_EQ(syslog.log_format, ctr::LogFormat::Syslog);
  const GlobalOptions journal =
      parse_global({"--log-format", "json", "--log", "journald:pod"}).options;
  EXPECT_EQ(journal.log, "pod");
  EXPECT_EQ(journal.log_format, ctr::LogFormat::Journal);
  EXPECT_THAT(complaint({"--log", "journald:"}), HasSubstr("--log: \"journald:\" needs an ID"));
}

TEST(CliGlobal, RefusesUnknownWords) {
  EXPECT_THAT(complaint({"--log-format", "xml"}), HasSubstr("\"xml\" is none of text, json"));
  EXPECT_THAT(complaint({"--log-level", "loud"}), HasSubstr("--log-level"));
  EXPECT_THAT(complaint({"--cgroup-manager", "v3"}), HasSubstr("--cgroup-manager"));
  EXPECT_THAT(complaint({"--rootless", "perhaps"}), HasSubstr("--rootless"));
  EXPECT_EQ(complaint({"--rootless=true", "--criu", "/c", "state"}), "accepted");
}

TEST(CliGlobal, DefaultRootOfRealRootIgnoresTheEnvironment) {
  EXPECT_EQ(default_root({.euid = 0,
                          .initial_user_namespace = true,
                          .host_uid = 0,
                          .xdg_runtime_dir = "/run/user/0",
                          .run_user_writable = true}),
            "/run/ocictr");
}

TEST(CliGlobal, DefaultRootOfOthers) {
  RootFacts facts{.euid = 1000,
                  .initial_user_namespace = true,
                  .host_uid = 1000,
                  .xdg_runtime_dir = "/xdg/",
                  .run_user_writable = true};
  EXPECT_EQ(default_root(facts), "/xdg/ocictr");
  facts.xdg_runtime_dir.clear();
  EXPECT_EQ(default_root(facts), "/run/user/1000/ocictr");
  // "root" of a rootless engine's user namespace.
  facts.euid = 0;
  facts.initial_user_namespace = false;
  EXPECT_EQ(default_root(facts), "/run/user/1000/ocictr");
  facts.run_user_writable = false;
  EXPECT_EQ(default_root(facts), "/run/ocictr");
}

TEST(CliGlobal, FailureTextIsOneLine) {
  const ctr::Error error = ctr::make_error(ctr::Kind::System, "hook: exit 1: two\nlines\x1b[m\n");
  EXPECT_EQ(failure_text("create", error), "create: hook: exit 1: two lines [m");
  EXPECT_EQ(failure_text("", error), "hook: exit 1: two lines [m");
}

TEST(CliGlobal, LogFileIsMadeEvenWhenNothingIsSaid) {
  const support::TempDir dir;
  GlobalOptions options;
  options.log = dir / "log";
  ASSERT_TRUE(open_log(options).ok());
  EXPECT_TRUE(support::path_exists(options.log));
  EXPECT_EQ(support::read_file(options.log), "");
  options.log = dir / "missing/log";
  EXPECT_THAT(open_log(options).error().message, HasSubstr("--log"));
}

TEST(CliGlobal, OneFailureIsOneRecordAndOneLine) {
  const support::TempDir dir;
  const std::string log = dir / "log";
  testing::internal::CaptureStderr();
  EXPECT_EQ(run_ocictr({"--log", log, "--log-format", "json", "help", "no\"such"}, kNoArguments),
            1);
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "ocictr: help: unknown command \"no\\\"such\"\n");
  EXPECT_THAT(support::read_file(log),
              MatchesRegex(R"(\{"msg":"help: unknown command .*","level":"error",)"
                           R"("time":"[0-9T:.-]+Z"\}.)"));
}

TEST(CliGlobal, MistakesBesideTheLogAreLoggedToo) {
  const support::TempDir dir;
  const std::string log = dir / "log";
  testing::internal::CaptureStderr();
  EXPECT_EQ(run_ocictr({"--no-such", "--log-format=json", "--log", log, "state"}, kNoArguments), 1);
  EXPECT_THAT(support::read_file(log), HasSubstr("unknown option --no-such"));
  EXPECT_EQ(run_ocictr({"--log-format=json", "--log", log, "--root=/", "state"}, kNoArguments), 1);
  EXPECT_THAT(support::read_file(log), HasSubstr("option --root"));
  testing::internal::GetCapturedStderr();
}

TEST(CliGlobal, UnknownCommandFails) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(run_ocictr({"fly"}, kNoArguments), 1);
  EXPECT_EQ(run_ocictr({}, kNoArguments), 1);
  EXPECT_EQ(run_ocictr({"--fly"}, kNoArguments), 1);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("unknown command \"fly\""));
}

TEST(CliGlobal, VersionHasTheWordOnce) {
  testing::internal::CaptureStdout();
  EXPECT_EQ(run_ocictr({"--version"}, kNoArguments), 0);
  const std::string text = testing::internal::GetCapturedStdout();
  EXPECT_TRUE(text.starts_with("ocictr version "));
  EXPECT_EQ(text.find("version", sizeof "ocictr version"), std::string::npos);
  EXPECT_THAT(text, HasSubstr("\ncommit: "));
  EXPECT_THAT(text, HasSubstr("\nspec: 1.3.0\n"));
}

TEST(CliGlobal, TheTableIsSortedAndComplete) {
  const auto less = [](const Command& a, const Command& b) {
    return std::string_view(a.name) < b.name;
  };
  EXPECT_TRUE(std::is_sorted(commands().begin(), commands().end(), less));
  for (const Command& command : commands()) {
    EXPECT_EQ(find_command(command.name), &command);
    EXPECT_THAT(commands_help(), HasSubstr(command.help));
  }
  EXPECT_EQ(find_command(""), nullptr);
}

}  // namespace
}  // namespace oci::cli
