// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/cgroup_resources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ctrtool/core/base/strf.h"
#include "tests/support/ns_test.h"

namespace ctr {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;
using testing::UnorderedElementsAre;

CgroupLayout v1_layout() {
  CgroupLayout layout{CgroupKind::V1, {}};
  for (const char* name : {"cpu", "cpuset", "memory", "devices", "freezer", "blkio", "pids",
                           "hugetlb", "net_cls", "net_prio", "rdma"})
    layout.hierarchies.push_back(
        {name, std::string("/cg/") + name, {name}, CgroupVersion::V1, "/"});
  return layout;
}

CgroupLayout v2_layout() {
  return {CgroupKind::V2,
          {{"unified",
            "/cg",
            {"cpu", "cpuset", "io", "memory", "pids", "hugetlb", "rdma"},
            CgroupVersion::V2,
            "/"}}};
}

CgroupLayout hybrid_layout() {
  return {CgroupKind::Hybrid,
          {{"memory", "/cg/memory", {"memory"}, CgroupVersion::V1, "/"},
           {"unified", "/cg/unified", {"hugetlb"}, CgroupVersion::V2, "/"}}};
}

// "memory.max=4096 max" lines; what happens on failure behind it.
std::vector<std::string> plan(const CgroupLayout& layout, const CgroupResources& resources,
                              CgroupStage stage = CgroupStage::Fresh) {
  const auto writes = cgroup_writes(layout, resources, stage);
  if (!writes.ok()) return {"error: " + writes.error().message};
  constexpr const char* kNotes[] = {"", " [if there]", " [if supported]", " [later]"};
  std::vector<std::string> lines;
  for (const CgroupWrite& write : *writes) {
    std::string line = write.file + (write.after_first_word ? "=_ " : "=") + write.value;
    if (!write.other_file.empty()) line += " or " + write.other_file + "=" + write.other_value;
    lines.push_back(line + kNotes[static_cast<std::size_t>(write.failure)]);
  }
  return lines;
}

TEST(CgroupWrites, NothingAskedNothingWritten) {
  for (const CgroupLayout& layout : {v1_layout(), v2_layout(), CgroupLayout{}})
    EXPECT_THAT(plan(layout, {}), IsEmpty());
  // What engines write for "not set".
  CgroupResources zeros;
  zeros.memory = {0, 0, 0, {}, {}, {}, false, {}, true};
  zeros.cpu = {0, 0, 0, {}, 0, 0, {}, "", ""};
  zeros.blockIO.weight = 0;
  zeros.network.classID = 0;
  for (const CgroupLayout& layout : {v1_layout(), v2_layout(), CgroupLayout{}})
    EXPECT_THAT(plan(layout, zeros), IsEmpty());
  EXPECT_FALSE(has_limits(zeros));
}

TEST(CgroupWrites, MemoryAndSwapTogetherOnV1) {
  CgroupResources r;
  r.memory.limit = 1000;
  r.memory.swap = 3000;
  r.memory.reservation = 500;
  r.memory.swappiness = 0;
  r.memory.disableOOMKiller = true;
  EXPECT_THAT(
      plan(v1_layout(), r),
      ElementsAre("memory.limit_in_bytes=1000 [later]", "memory.memsw.limit_in_bytes=3000",
                  "memory.soft_limit_in_bytes=500", "memory.swappiness=0", "memory.oom_control=1"));
}

TEST(CgroupWrites, WhatOnlyV1Has) {
  CgroupResources r;
  r.memory.kernel = 100;
  r.memory.kernelTCP = 200;
  r.memory.useHierarchy = true;
  r.blockIO.leafWeight = 300;
  r.blockIO.weightDevice = {{8, 0, {}, 400}};
  EXPECT_THAT(plan(v1_layout(), r),
              UnorderedElementsAre(StartsWith("memory.kmem.limit_in_bytes=100"),
                                   StartsWith("memory.kmem.tcp.limit_in_bytes=200"),
                                   StartsWith("memory.use_hierarchy=1"), "blkio.leaf_weight=300",
                                   "blkio.leaf_weight_device=8:0 400"));
  r.memory.useHierarchy = false;
  EXPECT_THAT(plan(v1_layout(), r), Contains("memory.use_hierarchy=0"));
}

TEST(CgroupWrites, EachThrottleHasItsFile) {
  CgroupResources r;
  r.blockIO.throttleReadBpsDevice = {{8, 0, 1}};
  r.blockIO.throttleWriteBpsDevice = {{8, 1, 2}};
  r.blockIO.throttleReadIOPSDevice = {{8, 2, 3}};
  r.blockIO.throttleWriteIOPSDevice = {{8, 3, 4}};
  EXPECT_THAT(plan(v1_layout(), r), UnorderedElementsAre("blkio.throttle.read_bps_device=8:0 1",
                                                         "blkio.throttle.write_bps_device=8:1 2",
                                                         "blkio.throttle.read_iops_device=8:2 3",
                                                         "blkio.throttle.write_iops_device=8:3 4"));
  EXPECT_THAT(plan(v2_layout(), r),
              UnorderedElementsAre("io.max=8:0 rbps=1", "io.max=8:1 wbps=2", "io.max=8:2 riops=3",
                                   "io.max=8:3 wiops=4"));
}

TEST(CgroupWrites, SwapAloneOnV2) {
  CgroupResources r;
  r.memory = {1000, 500, 3000, 7, 7, {}, false, true, false};
  EXPECT_THAT(plan(v2_layout(), r),
              ElementsAre("memory.swap.max=2000", "memory.max=1000", "memory.low=500"));
  r.memory = {1000, {}, 1000, {}, {}, {}, {}, {}, false};
  EXPECT_THAT(plan(v2_layout(), r), ElementsAre("memory.swap.max=0 [if there]", "memory.max=1000"));
  r.memory = {1000, {}, -1, {}, {}, {}, {}, {}, false};
  EXPECT_THAT(plan(v2_layout(), r),
              ElementsAre("memory.swap.max=max [if there]", "memory.max=1000"));
  r.memory = {{}, {}, 1000, {}, {}, {}, {}, {}, false};
  EXPECT_THAT(plan(v2_layout(), r), ElementsAre(HasSubstr("it needs a memory limit")));
}

TEST(CgroupWrites, UnlimitedMemoryMeansUnlimitedSwap) {
  CgroupResources r;
  r.memory.limit = -1;
  EXPECT_THAT(plan(v1_layout(), r),
              ElementsAre("memory.memsw.limit_in_bytes=-1 [if there]", "memory.limit_in_bytes=-1"));
  EXPECT_THAT(plan(v2_layout(), r),
              ElementsAre("memory.swap.max=max [if there]", "memory.max=max"));
}

TEST(CgroupWrites, WhatV2DoesNotHaveIsSaid) {
  const auto refuse = [](auto change) {
    CgroupResources r;
    change(r);
    return plan(v2_layout(), r);
  };
  EXPECT_THAT(refuse([](CgroupResources& r) { r.memory.swappiness = 60; }),
              ElementsAre(StartsWith("error: resources/memory/swappiness:")));
  EXPECT_THAT(refuse([](CgroupResources& r) { r.memory.disableOOMKiller = true; }),
              ElementsAre(StartsWith("error: resources/memory/disableOOMKiller:")));
  EXPECT_THAT(refuse([](CgroupResources& r) { r.memory.useHierarchy = false; }),
              ElementsAre(StartsWith("error: resources/memory/useHierarchy:")));
  EXPECT_THAT(refuse([](CgroupResources& r) { r.cpu.realtimeRuntime = 1; }),
              ElementsAre(StartsWith("error: resources/cpu/realtimeRuntime:")));
  EXPECT_THAT(refuse([](CgroupResources& r) { r.blockIO.leafWeight = 100; }),
              ElementsAre(StartsWith("error: resources/blockIO/leafWeight:")));
  EXPECT_THAT(refuse([](CgroupResources& r) { r.network.classID = 1; }),
              ElementsAre(StartsWith("error: resources/network:")));
}

TEST(CgroupWrites, Cpu) {
  CgroupResources r;
  r.cpu = {1024, 50000, 100000, 20000, 950000, 1000000, 0, "0-1", "0"};
  EXPECT_THAT(
      plan(v1_layout(), r),
      ElementsAre("cpu.idle=0 [if there]", "cpu.shares=1024", "cpu.cfs_period_us=100000 [later]",
                  "cpu.cfs_quota_us=50000 [later]", "cpu.cfs_burst_us=20000",
                  "cpu.rt_period_us=1000000 [later]", "cpu.rt_runtime_us=950000",
                  "cpuset.cpus=0-1 or cpus=0-1", "cpuset.mems=0 or mems=0"));
  r.cpu.realtimeRuntime.reset();
  r.cpu.realtimePeriod.reset();
  EXPECT_THAT(plan(v2_layout(), r),
              ElementsAre("cpu.idle=0 [if there]", "cpu.weight=100", "cpu.max=50000 100000 [later]",
                          "cpu.max.burst=20000", "cpuset.cpus=0-1", "cpuset.mems=0"));
}

TEST(CgroupWrites, AnIdleCgroupTakesNoWeight) {
  CgroupResources r;
  r.cpu.idle = 1;
  r.cpu.shares = 512;
  EXPECT_THAT(plan(v1_layout(), r), ElementsAre("cpu.idle=1"));
  EXPECT_THAT(plan(v2_layout(), r), ElementsAre("cpu.idle=1"));
}

TEST(CgroupWrites, QuotaOrPeriodAloneKeepsTheOther) {
  CgroupResources quota;
  quota.cpu.quota = 50000;
  EXPECT_THAT(plan(v2_layout(), quota), ElementsAre("cpu.max=50000"));
  quota.cpu.quota = -1;
  EXPECT_THAT(plan(v2_layout(), quota), ElementsAre("cpu.max=max"));
  EXPECT_THAT(plan(v1_layout(), quota), ElementsAre("cpu.cfs_quota_us=-1"));
  CgroupResources period;
  period.cpu.period = 50000;
  EXPECT_THAT(plan(v2_layout(), period), ElementsAre("cpu.max=max 50000"));
  EXPECT_THAT(plan(v2_layout(), period, CgroupStage::Update), ElementsAre("cpu.max=_ 50000"));
}

TEST(CgroupWrites, PidsZeroIsALimit) {
  CgroupResources r;
  r.pids_limit = 0;
  EXPECT_THAT(plan(v1_layout(), r), ElementsAre("pids.max=0"));
  r.pids_limit = -1;
  EXPECT_THAT(plan(v2_layout(), r), ElementsAre("pids.max=max"));
}

TEST(CgroupWrites, BlockIo) {
  CgroupResources r;
  r.blockIO.weight = 500;
  r.blockIO.weightDevice = {{8, 0, 10, {}}};
  r.blockIO.throttleReadBpsDevice = {{8, 0, 600}};
  r.blockIO.throttleWriteIOPSDevice = {{8, 16, 300}, {8, 32, 0}};
  EXPECT_THAT(plan(v1_layout(), r),
              ElementsAre("blkio.weight=500 or blkio.bfq.weight=500",
                          "blkio.weight_device=8:0 10 or blkio.bfq.weight_device=8:0 10",
                          "blkio.throttle.read_bps_device=8:0 600",
                          "blkio.throttle.write_iops_device=8:16 300",
                          "blkio.throttle.write_iops_device=8:32 0"));
  EXPECT_THAT(
      plan(v2_layout(), r),
      ElementsAre("io.bfq.weight=500 or io.weight=4950", "io.bfq.weight=8:0 10 or io.weight=8:0 1",
                  "io.max=8:0 rbps=600", "io.max=8:16 wiops=300", "io.max=8:32 wiops=max"));
}

TEST(CgroupWrites, HugepagesNetworkRdma) {
  CgroupResources r;
  r.hugepageLimits = {{"2MB", 4194304}};
  r.network.classID = 1048577;
  r.network.priorities = {{"eth0", 5}};
  r.rdma["mlx5_1"] = {3, 10000};
  EXPECT_THAT(
      plan(v1_layout(), r),
      ElementsAre("hugetlb.2MB.limit_in_bytes=4194304",
                  "hugetlb.2MB.rsvd.limit_in_bytes=4194304 [if there]", "net_cls.classid=1048577",
                  "net_prio.ifpriomap=eth0 5", "rdma.max=mlx5_1 hca_handle=3 hca_object=10000"));
  r.network = {};
  r.rdma.clear();
  EXPECT_THAT(plan(hybrid_layout(), r),
              ElementsAre("hugetlb.2MB.max=4194304", "hugetlb.2MB.rsvd.max=4194304 [if there]"))
      << "a controller on the v2 side of a hybrid host";
}

TEST(CgroupWrites, UnifiedIsLastAndVerbatimLineByLine) {
  CgroupResources r;
  r.memory.limit = 1000;
  r.unified = {{"io.max", "8:0 rbps=1\n8:16 wiops=2\n"}, {"memory.high", "max"}};
  EXPECT_THAT(plan(v2_layout(), r), ElementsAre("memory.max=1000", "io.max=8:0 rbps=1",
                                                "io.max=8:16 wiops=2", "memory.high=max"));
  EXPECT_THAT(plan(v1_layout(), r),
              ElementsAre("error: resources/unified/io.max: this host has no cgroup v2"));
  r.unified = {{"misc.max", "1"}};
  EXPECT_THAT(plan(v2_layout(), r), ElementsAre(HasSubstr("no \"misc\" controller")));
}

TEST(CgroupWrites, UnifiedNamesOnlyLimits) {
  for (const char* file : {"../memory.max", "a/b", "", "memory", ".max", "memory.", "cgroup.procs",
                           "cgroup.threads", "cgroup.freeze", "cgroup.kill", "memory.max\n"}) {
    CgroupResources r;
    r.unified = {{file, "1"}};
    EXPECT_EQ(check_limits(r).size(), 1U) << file;
    EXPECT_THAT(plan(v2_layout(), r), ElementsAre(StartsWith("error: resources/unified:")));
  }
}

TEST(CgroupWrites, AMissingControllerMattersWhenALimitNeedsIt) {
  CgroupResources r;
  r.pids_limit = 10;
  EXPECT_THAT(
      plan(hybrid_layout(), r),
      ElementsAre("error: resources/pids/limit: the pids cgroup controller is not mounted"));
  r.pids_limit.reset();
  r.memory.limit = 1000;
  EXPECT_THAT(plan(hybrid_layout(), r), ElementsAre("memory.limit_in_bytes=1000"));
  const auto refused = cgroup_writes(CgroupLayout{}, r, CgroupStage::Fresh);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().kind, Kind::Unsupported);
}

TEST(CgroupWrites, DevicesComeFirstOnV1AndNotAsFilesOnV2) {
  CgroupResources r;
  r.devices = {{false}, {true, DeviceKind::Char, 1, 3, kDeviceAll}};
  EXPECT_THAT(plan(v1_layout(), r), ElementsAre("devices.deny=a", "devices.allow=c 1:3 rwm"));
  EXPECT_THAT(plan(v1_layout(), r, CgroupStage::Update), IsEmpty()) << "by difference instead";
  EXPECT_THAT(plan(v2_layout(), r), IsEmpty());
  EXPECT_FALSE(has_limits(r));
}

TEST(CgroupChecks, ValuesThatCannotBe) {
  const auto problem = [](auto change) {
    CgroupResources r;
    change(r);
    const auto problems = check_limits(r);
    return problems.size() == 1 ? problems[0].pointer : strf("%zu problems", problems.size());
  };
  EXPECT_EQ(problem([](auto& r) { r.memory.limit = -5; }), "/memory/limit");
  EXPECT_EQ(problem([](auto& r) { r.memory.limit = 2000, r.memory.swap = 1000; }), "/memory/swap");
  EXPECT_EQ(problem([](auto& r) { r.memory.swappiness = 101; }), "/memory/swappiness");
  EXPECT_EQ(problem([](auto& r) { r.cpu.quota = 1; }), "/cpu/quota");
  EXPECT_EQ(problem([](auto& r) { r.cpu.period = 1; }), "/cpu/period");
  EXPECT_EQ(problem([](auto& r) { r.cpu.period = 1000001; }), "/cpu/period");
  EXPECT_EQ(problem([](auto& r) { r.cpu.quota = 5000, r.cpu.burst = 5001; }), "/cpu/burst");
  EXPECT_EQ(problem([](auto& r) { r.cpu.idle = 2; }), "/cpu/idle");
  EXPECT_EQ(problem([](auto& r) { r.cpu.cpus = "0\n1"; }), "/cpu/cpus");
  EXPECT_EQ(problem([](auto& r) { r.cpu.mems = "all"; }), "/cpu/mems");
  EXPECT_EQ(problem([](auto& r) { r.blockIO.weight = 9; }), "/blockIO/weight");
  EXPECT_EQ(problem([](auto& r) {
              r.blockIO.weightDevice = {{8, 0, 100, 1001}};
            }),
            "/blockIO/weightDevice/0/leafWeight");
  for (const char* size : {"3", "MB", "2mb", "../x", "2MBx", ""})
    EXPECT_EQ(problem([&](auto& r) {
                r.hugepageLimits = {{size, 1}};
              }),
              "/hugepageLimits/0/pageSize");
  EXPECT_EQ(problem([](auto& r) {
              r.network.priorities = {{"eth 0", 1}};
            }),
            "/network/priorities/0/name");
  EXPECT_EQ(problem([](auto& r) { r.rdma["a\nb"] = {1, 1}; }), "/rdma");
}

TEST(CgroupConversions, SharesKeepTheirThreeAnchors) {
  EXPECT_EQ(cpu_weight_from_shares(0), 1U);
  EXPECT_EQ(cpu_weight_from_shares(2), 1U);
  EXPECT_EQ(cpu_weight_from_shares(1024), 100U);
  EXPECT_EQ(cpu_weight_from_shares(512), 59U);
  EXPECT_EQ(cpu_weight_from_shares(262144), 10000U);
  EXPECT_EQ(cpu_weight_from_shares(~0ULL), 10000U);
  for (std::uint64_t shares = 3; shares < 262144; shares *= 2)
    EXPECT_LE(cpu_weight_from_shares(shares), cpu_weight_from_shares(shares * 2));
}

TEST(CgroupConversions, IoWeight) {
  EXPECT_EQ(io_weight_from_blkio(10), 1U);
  EXPECT_EQ(io_weight_from_blkio(1000), 10000U);
}

}  // namespace
}  // namespace ctr
