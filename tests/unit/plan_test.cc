// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/plan/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "ctrtool/core/plan/skeleton.h"
#include "ctrtool/core/plan/validate.h"

namespace ctr {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

ContainerPlan sound_plan() {
  ContainerPlan plan;
  plan.program.argv = {"true"};
  plan.add(Phase::Namespaces, Actor::Parent, Clone{0});
  plan.add(Phase::Pivot, Actor::Child, PivotRoot{});
  plan.add(Phase::Process, Actor::Both, Meet{Point::Ready});
  plan.add(Phase::Start, Actor::Child, WaitForStart{});
  plan.add(Phase::Start, Actor::Child, Execute{});
  return plan;
}

TEST(PlanValidate, AcceptsASoundPlan) { EXPECT_THAT(validate(sound_plan()), IsEmpty()); }

TEST(PlanValidate, FindsEachBreach) {
  ContainerPlan early = sound_plan();
  early.steps.insert(early.steps.begin(), {Phase::Tree, Actor::Child, MaskPath{"/x"}, ""});
  EXPECT_THAT(validate(early), Contains(HasSubstr("before the clone")));

  ContainerPlan twice = sound_plan();
  twice.steps.insert(twice.steps.begin(), {Phase::Namespaces, Actor::Parent, Clone{0}, ""});
  EXPECT_THAT(validate(twice), Contains(HasSubstr("exactly once")));

  ContainerPlan backwards = sound_plan();
  backwards.steps.insert(backwards.steps.begin() + 3,
                         {Phase::Process, Actor::Both, Meet{Point::IdsMapped}, ""});
  EXPECT_THAT(validate(backwards), Contains("point #2 after point #7"));

  ContainerPlan alone = sound_plan();
  alone.steps[2].actor = Actor::Child;
  EXPECT_THAT(validate(alone), Contains("only one half passes point #7"));

  ContainerPlan late = sound_plan();
  late.steps.insert(late.steps.begin() + 2, {Phase::Tree, Actor::Child, MaskPath{"/x"}, ""});
  EXPECT_THAT(validate(late), Contains(HasSubstr("after the pivot")));

  ContainerPlan slots = sound_plan();
  slots.steps.insert(slots.steps.begin() + 1,
                     {Phase::Tree, Actor::Child, OpenSource{.slot = 4, .from = "/x"}, ""});
  EXPECT_THAT(validate(slots), Contains("source 4 is never attached"));

  ContainerPlan nodes = sound_plan();
  nodes.steps.insert(nodes.steps.begin() + 1,
                     {{Phase::Tree, Actor::Child, OpenNodes{.slot = 4, .count = 2}, ""},
                      {Phase::Tree, Actor::Child,
                       MakeDevice{.at = "/x", .type = S_IFCHR, .by_bind = true, .slot = 7}, ""}});
  EXPECT_THAT(validate(nodes),
              UnorderedElementsAre("nodes are taken from source 4, which is not open",
                                   "node 7 is bound but not open", "source 5 is never attached",
                                   "source 6 is never attached"));

  ContainerPlan endless = sound_plan();
  endless.steps.pop_back();
  EXPECT_THAT(validate(endless), Contains(HasSubstr("ends by executing")));
}

TEST(PlanDescribe, SaysWhatIsDoneInOneLine) {
  BindMount bind{.at = "/srv", .from = "/da\nta", .recursive = true};
  bind.attrs.set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID;
  bind.attrs.propagation = MS_SLAVE | MS_REC;
  EXPECT_EQ(describe(bind), "bind \"/da\\nta\" on \"/srv\", recursive, rslave ro nosuid");
  EXPECT_EQ(op_name(bind), "bind_mount");
}

TEST(PlanDescribe, ErrorsDoNotListAllThatIsSet) {
  const CapSets sets{.effective = CapSet::of(5), .permitted = CapSet::of(5)};
  const SetCapabilities set{sets};
  EXPECT_EQ(describe(set),
            "capabilities: effective CAP_KILL, permitted CAP_KILL, inheritable none, ambient none");
  EXPECT_EQ(brief(set), "capabilities");
  const DropBounding drop{CapSet::of(5)};
  EXPECT_EQ(describe(drop), "bounding capabilities CAP_KILL");
  EXPECT_EQ(brief(drop), "bounding capabilities");
  const BindMount bind{.at = "/srv", .from = "/data", .recursive = true};
  EXPECT_EQ(brief(bind), describe(bind));
}

TEST(PlanDescribe, JsonIsOneObjectWithTheSteps) {
  ContainerPlan plan = sound_plan();
  plan.id = "x";
  plan.steps[1].source = "/root/path";
  const std::string json = describe_json(plan);
  EXPECT_THAT(json, HasSubstr(R"("op":"pivot_root","text":"pivot_root","source":"/root/path")"));
  EXPECT_THAT(json, HasSubstr(R"("argv":["true"])"));
}

TEST(Skeleton, HasTheDefaultDevicesOfTheSpecification) {
  std::vector<std::string> paths;
  for (const MakeDevice& device : default_devices(false)) paths.push_back(device.at);
  EXPECT_THAT(paths, testing::ElementsAre("/dev/null", "/dev/zero", "/dev/full", "/dev/random",
                                          "/dev/urandom", "/dev/tty"));
  for (const MakeDevice& device : default_devices(true)) EXPECT_TRUE(device.by_bind);
  EXPECT_EQ(default_links().back().target, "pts/ptmx");
}

}  // namespace
}  // namespace ctr
