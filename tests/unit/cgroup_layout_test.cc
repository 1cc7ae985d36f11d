// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/cgroup_layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/files.h"
#include "tests/support/ns_test.h"

namespace ctr {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr CgroupVersion kV1 = CgroupVersion::V1;
constexpr CgroupVersion kV2 = CgroupVersion::V2;

constexpr char kSystemdHybrid[] =
    "12:net_cls,net_prio:/\n"
    "5:cpu,cpuacct:/user.slice\n"
    "4:memory:/user.slice\n"
    "1:name=systemd:/user.slice/a:b\n"
    "0::/user.slice/session-1.scope\n";

TEST(CgroupLayout, V2AloneIsTheMountPointItself) {
  const auto layout = compose_cgroup_layout("/sys/fs/cgroup", {{"", kV2}}, "0::/init.scope\n",
                                            "cpu io memory pids\n");
  ASSERT_OK(layout);
  EXPECT_EQ(layout->kind, CgroupKind::V2);
  ASSERT_EQ(layout->hierarchies.size(), 1U);
  const CgroupHierarchy& unified = layout->hierarchies[0];
  EXPECT_EQ(unified.mountpoint, "/sys/fs/cgroup");
  EXPECT_EQ(unified.name, "unified");
  EXPECT_EQ(unified.own_path, "/init.scope");
  EXPECT_THAT(unified.controllers, ElementsAre("cpu", "io", "memory", "pids"));
  EXPECT_EQ(layout->find("memory"), &unified);
  EXPECT_EQ(layout->find("devices"), &unified) << "part of the v2 core";
  EXPECT_EQ(layout->find("hugetlb"), nullptr);
}

TEST(CgroupLayout, HybridPairsDirectoriesWithHierarchiesWhateverTheOrderOfNames) {
  const auto layout = compose_cgroup_layout(
      "/cg",
      {{"systemd", kV1}, {"cpuacct,cpu", kV1}, {"memory", kV1}, {"unified", kV2}, {"odd", kV1}},
      kSystemdHybrid, "hugetlb\n");
  ASSERT_OK(layout);
  EXPECT_EQ(layout->kind, CgroupKind::Hybrid);
  ASSERT_NE(layout->find("cpu"), nullptr);
  EXPECT_EQ(layout->find("cpu")->mountpoint, "/cg/cpuacct,cpu");
  EXPECT_EQ(layout->find("cpu"), layout->find("cpuacct"));
  EXPECT_EQ(layout->find("name=systemd")->own_path, "/user.slice/a:b");
  EXPECT_EQ(layout->find("net_cls"), nullptr) << "known to the kernel, mounted nowhere";
  EXPECT_EQ(layout->find("hugetlb"), layout->unified()) << "a controller on the v2 side";
  EXPECT_EQ(layout->find("devices"), layout->unified());
  EXPECT_EQ(layout->hierarchies.size(), 4U);
}

TEST(CgroupLayout, V1WithoutV2) {
  const auto layout = compose_cgroup_layout("/cg", {{"devices", kV1}, {"memory", kV1}},
                                            "2:memory:/\n1:devices:/x\n0::/\n", "");
  ASSERT_OK(layout);
  EXPECT_EQ(layout->kind, CgroupKind::V1);
  EXPECT_EQ(layout->unified(), nullptr);
  EXPECT_EQ(layout->find("devices")->version, kV1);
  EXPECT_EQ(layout->find("freezer"), nullptr);
}

TEST(CgroupLayout, NothingMounted) {
  const auto layout = compose_cgroup_layout("/cg", {}, "0::/\n", "");
  ASSERT_OK(layout);
  EXPECT_EQ(layout->kind, CgroupKind::None);
  const support::TempDir dir;
  ASSERT_OK(discover_cgroups(dir / "missing"));
  EXPECT_EQ(*discover_cgroups(dir / "missing"), CgroupLayout{});
  support::make_directories(dir / "memory");
  EXPECT_EQ(*discover_cgroups(dir.path()), CgroupLayout{}) << "a directory is not a hierarchy";
}

TEST(CgroupLayout, RefusesWhatIsNoMembership) {
  EXPECT_FALSE(parse_proc_cgroup("4:memory\n").ok());
  EXPECT_FALSE(parse_proc_cgroup("4\n").ok());
  EXPECT_FALSE(parse_proc_cgroup("0::\n").ok());
  const auto members = parse_proc_cgroup("7:cpu,cpuacct:/a:b\n0::/\n");
  ASSERT_OK(members);
  EXPECT_THAT((*members)[0].controllers, ElementsAre("cpu", "cpuacct"));
  EXPECT_EQ((*members)[0].path, "/a:b");
  EXPECT_TRUE((*members)[1].controllers.empty());
}

TEST(CgroupPath, HasOneShape) {
  EXPECT_EQ(*normalize_cgroup_path("/a/b"), "/a/b");
  EXPECT_EQ(*normalize_cgroup_path("a//b/"), "/a/b");
  EXPECT_EQ(*normalize_cgroup_path("/./a/."), "/a");
  EXPECT_EQ(*normalize_cgroup_path("user.slice:crio:x..y"), "/user.slice:crio:x..y");
}

TEST(CgroupPath, RefusesWhatLeadsElsewhere) {
  for (const char* path :
       {"..", "/../x", "/a/../../x", "a/..", "", "/", "//", ".", "/a\nb", "/a\tb", "/\x7f"})
    EXPECT_FALSE(normalize_cgroup_path(path).ok()) << path;
  EXPECT_FALSE(normalize_cgroup_path(std::string("/a\0b", 4)).ok());
  EXPECT_TRUE(normalize_cgroup_path(std::string(255, 'x')).ok());
  const auto longer = normalize_cgroup_path("/a/" + std::string(256, 'x'));
  ASSERT_FALSE(longer.ok());
  EXPECT_EQ(longer.error().kind, Kind::InvalidSpec);
  std::string deep;
  for (int i = 0; i < 2000; ++i) deep += "/xy";
  EXPECT_FALSE(normalize_cgroup_path(deep).ok());
  EXPECT_THAT(normalize_cgroup_path("/a\nb").error().message, HasSubstr("\\n")) << "one line";
}

TEST(CgroupPath, MembershipIsByComponent) {
  EXPECT_TRUE(cgroup_contains("/ct1", "/ct1"));
  EXPECT_TRUE(cgroup_contains("/ct1", "/ct1/sub"));
  EXPECT_TRUE(cgroup_contains("/", "/ct1"));
  EXPECT_FALSE(cgroup_contains("/ct1", "/ct10"));
  EXPECT_FALSE(cgroup_contains("/ct1", "/"));
  EXPECT_FALSE(cgroup_contains("/ct1/sub", "/ct1"));
}

}  // namespace
}  // namespace ctr
