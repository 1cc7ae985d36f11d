// SPDX-License-Identifier: Apache-2.0
// launcher's words become sound plans, in the order that its document says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ctrtool/cmd/exports.h"
#include "ctrtool/cmd/join_spec.h"
#include "ctrtool/cmd/launcher_words.h"
#include "ctrtool/core/plan/skeleton.h"
#include "ctrtool/core/plan/validate.h"

namespace ctr {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

Result<LauncherRequest> request_of(Words words) {
  words.insert(words.begin(), "launcher");
  const Parsed parsed = TRY(parse_words(kLauncherManual, words));
  const CapSets all{.bounding = CapSet::up_to(kLastNamedCap),
                    .effective = CapSet::up_to(kLastNamedCap),
                    .permitted = CapSet::up_to(kLastNamedCap)};
  LauncherRequest request = TRY(read_launcher_words(parsed, all, kLastNamedCap));
  TRY(check_launcher(request, false));
  return request;
}

std::string plan_of(const Words& words) {
  const Result<LauncherRequest> request = request_of(words);
  if (!request.ok()) return "refused: " + request.error().message;
  const ContainerPlan plan = plan_launcher(*request, {"PATH=/bin"});
  EXPECT_THAT(validate(plan), IsEmpty()) << describe_text(plan);
  return describe_text(plan);
}

void expect_order(const std::string& plan, const std::vector<std::string>& texts) {
  std::size_t at = 0;
  for (const std::string& text : texts) {
    const std::size_t found = plan.find(text, at);
    EXPECT_NE(found, std::string::npos) << text << " is missing or early in\n" << plan;
    if (found != std::string::npos) at = found;
  }
}

TEST(LauncherPlan, RunsTheScriptBetweenMapsAndRoot) {
  const std::string plan =
      plan_of({"-Umpu", "-H", "box", "--uid-map=0.1000.1", "-D", "--clear-caps-before-exec=0", "-t",
               "-r", "/r", "-x", "s", "-I", "kill", "-a", "inherit", "-b", "kill", "--", "p"});
  expect_order(plan, {"clone with new namespaces: user mount pid uts",
                      "no new privileges",
                      "new session",
                      "hostname \"box\"",
                      "rslave",
                      "user namespace is made",
                      "map uids 0.1000.1",
                      "run \"s\"",
                      "hooks are done",
                      "root \"/r\"",
                      "mount proc",
                      "pivot_root",
                      "inheritable",
                      "bounding",
                      "user 0:0",
                      "ambient",
                      "not dumpable",
                      "find the program",
                      "ready",
                      "wait for the start",
                      "execute"});
}

TEST(LauncherPlan, JoinsAUserNamespaceBeforeItMakesTheRest) {
  const std::string plan = plan_of({"-np", "--nsenter2=U@7", "--", "p"});
  expect_order(plan, {"clone with new namespaces: none", "join \"U@7\"", "unshare: network pid",
                      "go on as a child", "user namespace is made"});
}

TEST(LauncherPlan, WaitsAtAPipeWithoutFork) {
  const std::string plan = plan_of({"-F", "-x", "s", "-S", "5", "--", "p"});
  expect_order(plan, {"ready", "wait for a byte", "user 5:0", "execute"});
  EXPECT_EQ(plan.find("run \"s\""), std::string::npos);
}

TEST(LauncherPlan, DirectModeHasNoParent) {
  const std::string plan = plan_of({"-f", "i", "-n", "--old-nsenter=u@7", "--fork", "--", "p"});
  expect_order(plan, {"unshare: network", "join \"u@7\"", "fork", "execute"});
  EXPECT_EQ(plan.find("clone"), std::string::npos);
}

TEST(LauncherPlan, ADeathSignalIsSetByTheLastStage) {
  const Result<LauncherRequest> request = request_of({"--pdeathsig", "KILL", "--", "p", "x"});
  ASSERT_TRUE(request.ok());
  const Words program{":ppid_check", "-d", "KILL", "--", "p", "x"};
  EXPECT_EQ(plan_launcher(*request, {}).program.argv, program);
  EXPECT_THAT(plan_of({"--pdeathsig", "x", "--", "p"}), HasSubstr("--pdeathsig"));
  EXPECT_THAT(plan_of({"--pdeathsig", "KILL", "--fork", "--", "p"}), HasSubstr("refused"));
}

TEST(LauncherPlan, RefusesWhatDoesNotGoTogether) {
  EXPECT_THAT(plan_of({"-H", "x", "--", "p"}), HasSubstr("-H needs -u"));
  EXPECT_THAT(plan_of({"-E", "-H", "x", "--", "p"}), HasSubstr("hostname"));
  EXPECT_THAT(plan_of({"-U", "-D", "--", "p"}), HasSubstr("--clear-caps-before-exec"));
  EXPECT_THAT(plan_of({}), HasSubstr("program is missing"));
  EXPECT_THAT(plan_of({"-S", "4294967295", "--", "p"}), HasSubstr("refused"));
  EXPECT_THAT(plan_of({"--old-nsenter=p@7", "-f", "i", "--", "p"}), HasSubstr("pid namespace"));
}

TEST(JoinSpec, NamesThePlaceOfAMistake) {
  EXPECT_THAT(parse_join_spec("nQ=/x").error().message, HasSubstr("character 2"));
  EXPECT_THAT(parse_join_spec("n").error().message, HasSubstr("missing"));
  EXPECT_THAT(parse_join_spec("n@x").error().message, HasSubstr("n@x"));
  const Result<JoinRequest> directory = parse_join_spec("un//proc/1");
  ASSERT_TRUE(directory.ok());
  EXPECT_EQ(directory->path, "/proc/1");
  EXPECT_EQ(directory->types, CLONE_NEWUTS | CLONE_NEWNET);
  EXPECT_EQ(parse_join_spec("a%/proc/1")->path, "/proc/1");
  EXPECT_TRUE(parse_join_spec("a%/proc/1")->all);
}

TEST(Exports, FixedNumbers) {
  EXPECT_EQ(parse_fixed_fd("7")->number, 7);
  EXPECT_TRUE(parse_fixed_fd("7!")->replace);
  EXPECT_FALSE(parse_fixed_fd("2").ok());
  EXPECT_FALSE(parse_fixed_fd("x!").ok());
}

TEST(Skeleton, IsATreeFromTheTmpfsOn) {
  Skeleton skeleton{.at = "/r"};
  skeleton.merged_usr = true;
  skeleton.root.fill(RootEntry::LinkReadonly);
  skeleton.devices.fill(DeviceEntry::LinkToHost);
  std::string text;
  for (const Op& op : skeleton_ops(skeleton)) text += describe(op) + "\n";
  expect_order(text,
               {"new tmpfs root on \"/r\"", "directory \"/proc\", mode 0700",
                "directory \"/tmp\", mode 1777", "mount devpts", "link \"/bin\" to \"usr/bin\"",
                "link \"/opt\" to \"_fsroot_ro/opt\"", "link \"/usr\" to \"_fsroot_ro/usr\"",
                "link \"/dev/net/tun\" to \"../_host/net/tun\"", "link \"/dev/fd\""});
}

}  // namespace
}  // namespace ctr
