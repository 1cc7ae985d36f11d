// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/cgroup_stats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/files.h"
#include "tests/support/ns_test.h"

namespace ctr {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

// A cgroup made of ordinary files.
struct FakeCgroup {
  support::TempDir root;
  Cgroup cgroup;

  FakeCgroup(CgroupVersion version, const std::vector<std::string>& controllers) {
    const CgroupLayout layout{version == CgroupVersion::V1 ? CgroupKind::V1 : CgroupKind::V2,
                              {{"all", root.path(), controllers, version, "/"}}};
    support::make_directories(root / "ct");
    auto opened = Cgroup::open(layout, {"/ct", {}});
    EXPECT_TRUE(opened.ok());
    cgroup = std::move(*opened);
  }
  void put(const std::string& file, const std::string& text) const {
    EXPECT_TRUE(support::write_file(root / "ct/" + file, text));
  }
};

TEST(CgroupStats, V2) {
  const FakeCgroup fake(CgroupVersion::V2, {"cpu", "cpuset", "io", "memory", "pids"});
  fake.put("cpu.stat",
           "usage_usec 30\nuser_usec 20\nsystem_usec 10\nnr_periods 4\n"
           "nr_throttled 2\nthrottled_usec 7\n");
  fake.put("cpu.pressure",
           "some avg10=1.50 avg60=0.25 avg300=0.00 total=99\n"
           "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
  fake.put("memory.current", "1000\n");
  fake.put("memory.max", "5000\n");
  fake.put("memory.swap.current", "100\n");
  fake.put("memory.swap.max", "2000\n");
  fake.put("memory.events", "low 0\nhigh 0\nmax 3\noom 1\noom_kill 1\n");
  fake.put("memory.stat", "anon 400\nfile 600\n");
  fake.put("pids.current", "3\n");
  fake.put("pids.max", "max\n");
  fake.put("cpuset.cpus.effective", "0-2,5\n");
  fake.put("io.stat", "8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n");
  const CgroupStats stats = read_cgroup_stats(fake.cgroup);
  EXPECT_EQ(stats.cpu.total, 30000U);
  EXPECT_EQ(stats.cpu.kernel, 10000U);
  EXPECT_EQ(stats.cpu.throttled_time, 7000U);
  ASSERT_TRUE(stats.cpu.pressure.has_value());
  EXPECT_EQ(stats.cpu.pressure->some, (PressureLine{1.5, 0.25, 0, 99}));
  EXPECT_EQ(stats.memory.usage, (MemoryUse{5000, 1000, 0, 3}));
  EXPECT_EQ(stats.memory.swap, (MemoryUse{7000, 1100, 0, 0})) << "memory and swap together";
  EXPECT_EQ(stats.memory.cache, 600U);
  EXPECT_EQ(stats.memory.oom_kills, 1U);
  EXPECT_THAT(stats.memory.raw, ElementsAre(Pair("anon", 400U), Pair("file", 600U)));
  EXPECT_FALSE(stats.memory.pressure.has_value());
  EXPECT_EQ(stats.pids.limit, kUnlimited);
  EXPECT_THAT(stats.cpuset.cpus, ElementsAre(0U, 1U, 2U, 5U));
  EXPECT_THAT(stats.blkio.serviced,
              ElementsAre(BlockIoEntry{8, 0, "Read", 1}, BlockIoEntry{8, 0, "Write", 2}));
}

TEST(CgroupStats, V1) {
  const FakeCgroup fake(CgroupVersion::V1, {"cpu", "cpuacct", "cpuset", "blkio", "memory", "pids"});
  fake.put("cpuacct.usage", "300\n");
  fake.put("cpuacct.usage_percpu", "100 200 \n");
  fake.put("cpu.stat", "nr_periods 1\nnr_throttled 0\nthrottled_time 5\n");
  fake.put("memory.usage_in_bytes", "1000\n");
  fake.put("memory.memsw.usage_in_bytes", "1100\n");
  fake.put("memory.stat", "cache 12\nrss 34\n");
  fake.put("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
  fake.put("cpuset.mem_exclusive", "1\n");
  fake.put("cpuset.sched_relax_domain_level", "-1\n");
  fake.put("blkio.bfq.io_serviced_recursive", "Total 0\n");
  fake.put("blkio.throttle.io_serviced_recursive", "8:16 Read 5\n8:16 Total 5\nTotal 5\n");
  const CgroupStats stats = read_cgroup_stats(fake.cgroup);
  EXPECT_EQ(stats.cpu.total, 300U);
  EXPECT_THAT(stats.cpu.percpu, ElementsAre(100U, 200U));
  EXPECT_EQ(stats.memory.swap.usage, 1100U);
  EXPECT_EQ(stats.memory.cache, 12U);
  EXPECT_EQ(stats.memory.oom_kills, 2U);
  EXPECT_THAT(stats.cpuset.flags,
              ElementsAre(Pair("mem_exclusive", 1), Pair("sched_relax_domain_level", -1)));
  EXPECT_THAT(stats.blkio.serviced,
              ElementsAre(BlockIoEntry{8, 16, "Read", 5}, BlockIoEntry{8, 16, "Total", 5}));
  EXPECT_THAT(stats.hugetlb, IsEmpty());
}

TEST(CgroupStats, NoCgroupNoNumbers) {
  const CgroupStats stats = read_cgroup_stats(Cgroup());
  EXPECT_EQ(stats.cpu.total, 0U);
  EXPECT_THAT(stats.memory.raw, IsEmpty());
}

TEST(CgroupStats, ListsThatAreNone) {
  for (const char* text : {"", "x", "1-", "-1", "0-99999999", "3,,4"})
    EXPECT_THAT(parse_cpu_list(text), IsEmpty()) << text;
  EXPECT_THAT(parse_blkio("8 Read 1\n8:x Read 1\n8:0 Read Write 1\nTotal 3\n"), IsEmpty());
  EXPECT_FALSE(parse_pressure("").has_value());
}

// What a creation and a removal do to directories needs no kernel.
TEST(Cgroup, PathsBelowAnyMountPoint) {
  const support::TempDir root;
  const CgroupLayout layout{CgroupKind::V2, {{"unified", root.path(), {}, CgroupVersion::V2, "/"}}};
  support::make_directories(root / "there");
  const auto record = Cgroup::survey(layout, "there/a/b/");
  ASSERT_OK(record);
  EXPECT_EQ(record->path, "/there/a/b");
  EXPECT_THAT(record->existed, ElementsAre(Pair("", 1U)));
  auto cgroup = Cgroup::create(layout, *record);
  ASSERT_OK(cgroup);
  EXPECT_TRUE(support::path_exists(root / "there/a/b"));
  ASSERT_OK(cgroup->remove());
  EXPECT_FALSE(support::path_exists(root / "there/a"));
  EXPECT_TRUE(support::path_exists(root / "there"));
  EXPECT_FALSE(Cgroup::survey(layout, "/there/../../x").ok());
  EXPECT_FALSE(Cgroup::open(layout, {"/../x", {}}).ok()) << "not even from a saved record";
}

}  // namespace
}  // namespace ctr
