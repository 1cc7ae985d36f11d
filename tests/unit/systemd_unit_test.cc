// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/systemd_unit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ctr {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string name_of(std::string_view path, std::string_view id = "c1",
                    SystemdInstance instance = SystemdInstance::System) {
  const Result<ScopeName> name = parse_scope_name(path, id, instance);
  return name.ok() ? name->slice + " " + name->unit : "error: " + name.error().message;
}

TEST(ScopeName, SlicePrefixAndName) {
  EXPECT_EQ(name_of("machine.slice:libpod:abc"), "machine.slice libpod-abc.scope");
  EXPECT_EQ(name_of("a-b.slice:p:n"), "a-b.slice p-n.scope");
  EXPECT_EQ(name_of("-.slice:p:n"), "-.slice p-n.scope");
  EXPECT_EQ(name_of(":p:n"), "system.slice p-n.scope");
  EXPECT_EQ(name_of("::n"), "system.slice n.scope");
  EXPECT_EQ(name_of(""), "system.slice ocictr-c1.scope");
  EXPECT_EQ(name_of("", "a+b"), "system.slice ocictr-a\\x2bb.scope");
  EXPECT_EQ(name_of("", "c1", SystemdInstance::User), "user.slice ocictr-c1.scope");
}

TEST(ScopeName, Refused) {
  for (const char* bad :
       {"/a/b", "a", "a:b", "a.slice:b:", "a.slice:b:c:d", "a:b:c", ".slice:b:c", "-a.slice:b:c",
        "a-.slice:b:c", "a--b.slice:b:c", "../a.slice:b:c", "a/b.slice:b:c", "a b.slice:b:c",
        "a@b.slice:b:c", "a.slice:b:-.slice", "a.slice:b:pod-.slice", "a:b:pod.slice"})
    EXPECT_THAT(name_of(bad), HasSubstr("error: ")) << bad;
  EXPECT_THAT(name_of("a.slice:b:" + std::string(300, 'n')), HasSubstr("too long"));
  // What would leave the slice is only a strange name.
  EXPECT_EQ(name_of("a.slice:b:../x"), "a.slice b-..\\x2fx.scope");
}

TEST(ScopeName, SlicesAreInsideEachOther) {
  EXPECT_EQ(slice_path("-.slice"), "");
  EXPECT_EQ(slice_path("a.slice"), "/a.slice");
  EXPECT_EQ(slice_path("a-b-c.slice"), "/a.slice/a-b.slice/a-b-c.slice");
}

TEST(ScopeName, ASliceIsAUnitOfItsOwn) {
  EXPECT_EQ(name_of("a.slice:ignored:pod-x.slice"), "a.slice pod-x.slice");
  EXPECT_EQ(name_of("::pod.slice"), " pod.slice");
  std::vector<std::string> names;
  for (const UnitProperty& property : scope_properties({"a.slice", "pod-x.slice"}, "of the test"))
    names.push_back(property.name);
  EXPECT_THAT(names,
              ElementsAre("Description", "Wants", "MemoryAccounting", "CPUAccounting",
                          "IOAccounting", "TasksAccounting", "DefaultDependencies", "CollectMode"));
}

TEST(ScopeName, IsFoundInThePathOfACgroup) {
  EXPECT_EQ(unit_path({"a.slice", "pod-x.slice"}), "/pod.slice/pod-x.slice");
  EXPECT_EQ(unit_path({"a-b.slice", "p-n.scope"}), "/a.slice/a-b.slice/p-n.scope");
  EXPECT_EQ(unit_cgroup("/a.slice/b.scope", "b.scope"), "/a.slice/b.scope");
  EXPECT_EQ(unit_cgroup("/a.slice/b.scope/c/d", "b.scope"), "/a.slice/b.scope");
  EXPECT_EQ(unit_cgroup("/b.scope2/b.scope/c", "b.scope"), "/b.scope2/b.scope");
  EXPECT_EQ(unit_cgroup("/elsewhere", "b.scope"), "/elsewhere");
}

std::vector<std::string> words(const std::vector<UnitProperty>& properties) {
  std::vector<std::string> out;
  for (const UnitProperty& property : properties)
    out.push_back(property.name + "=" + dbus_text(property.value));
  return out;
}

TEST(LimitProperties, OfV2) {
  CgroupResources limits;
  EXPECT_THAT(limit_properties(limits, CgroupVersion::V2), IsEmpty());
  limits.memory.limit = 1000;
  limits.memory.reservation = 500;
  limits.memory.swap = 1500;
  limits.cpu.shares = 1024;
  limits.cpu.quota = 50000;
  limits.cpu.period = 200000;
  limits.cpu.cpus = "0,9-10";
  limits.cpu.mems = "0";
  limits.pids_limit = 7;
  limits.blockIO.weight = 500;
  EXPECT_THAT(
      words(limit_properties(limits, CgroupVersion::V2)),
      ElementsAre("MemoryMax=uint64 1000", "MemoryLow=uint64 500", "MemorySwapMax=uint64 500",
                  "CPUWeight=uint64 " + std::to_string(cpu_weight_from_shares(1024)),
                  "CPUQuotaPeriodUSec=uint64 200000", "CPUQuotaPerSecUSec=uint64 250000",
                  "AllowedCPUs=[byte 1, 6]", "AllowedMemoryNodes=[byte 1]", "TasksMax=uint64 7",
                  "IOWeight=uint64 " + std::to_string(io_weight_from_blkio(500))));
}

TEST(LimitProperties, OfDevices) {
  CgroupResources limits;
  limits.blockIO.weightDevice = {{8, 0, 10, {}}, {8, 16, {}, {}}};
  limits.blockIO.throttleReadBpsDevice = {{8, 0, 1000}};
  limits.blockIO.throttleWriteBpsDevice = {{8, 0, 0}};
  limits.blockIO.throttleReadIOPSDevice = {{8, 0, 3}, {8, 16, 4}};
  limits.unified = {{"io.weight", "default 50\n8:1 70\n8:2 word"}};
  EXPECT_THAT(words(limit_properties(limits, CgroupVersion::V2)),
              ElementsAre("IODeviceWeight=[(\"/dev/block/8:0\", uint64 1), "
                          "(\"/dev/block/8:1\", 70)]",
                          "IOReadBandwidthMax=[(\"/dev/block/8:0\", uint64 1000)]",
                          "IOWriteBandwidthMax=[(\"/dev/block/8:0\", uint64 18446744073709551615)]",
                          "IOReadIOPSMax=[(\"/dev/block/8:0\", uint64 3), "
                          "(\"/dev/block/8:16\", 4)]",
                          "IOWeight=uint64 50"));
  EXPECT_THAT(
      words(limit_properties(limits, CgroupVersion::V1)),
      ElementsAre("BlockIODeviceWeight=[(\"/dev/block/8:0\", uint64 10)]",
                  "BlockIOReadBandwidth=[(\"/dev/block/8:0\", uint64 1000)]",
                  "BlockIOWriteBandwidth=[(\"/dev/block/8:0\", uint64 18446744073709551615)]"));
}

// Or systemd, which rewrites the files of v1, would open what is closed.
TEST(LimitProperties, OfDeviceRulesOnV1) {
  CgroupResources limits;
  limits.devices = {{{false, DeviceKind::All, {}, {}, kDeviceAll},
                     {true, DeviceKind::Char, {}, {}, kDeviceMknod},
                     {true, DeviceKind::Char, 1, 3, kDeviceAll},
                     {true, DeviceKind::Char, 136, {}, kDeviceRead | kDeviceWrite},
                     {true, DeviceKind::Block, {}, 7, kDeviceRead}}};
  EXPECT_THAT(words(limit_properties(limits, CgroupVersion::V2)), IsEmpty());
  EXPECT_THAT(words(limit_properties(limits, CgroupVersion::V1)),
              ElementsAre("DevicePolicy=\"strict\"",
                          "DeviceAllow=[(\"char-*\", \"m\"), (\"/dev/char/1:3\", \"rwm\"), "
                          "(\"char-136\", \"rw\")]"));
  limits.devices = {{{true, DeviceKind::All, {}, {}, kDeviceAll}}};
  EXPECT_THAT(words(limit_properties(limits, CgroupVersion::V1)), IsEmpty());
}

TEST(LimitProperties, IdleIsAWeightOfZero) {
  CgroupResources limits;
  limits.cpu.shares = 1024;
  limits.cpu.idle = 1;
  EXPECT_THAT(words(limit_properties(limits, CgroupVersion::V2)),
              ElementsAre("CPUWeight=uint64 0"));
  limits.cpu.idle = 0;
  EXPECT_THAT(words(limit_properties(limits, CgroupVersion::V2)),
              ElementsAre("CPUWeight=uint64 " + std::to_string(cpu_weight_from_shares(1024))));
  limits.cpu.shares.reset();
  EXPECT_THAT(words(limit_properties(limits, CgroupVersion::V2)),
              ElementsAre("CPUWeight=uint64 18446744073709551615"));
  limits.cpu.idle.reset();
  limits.unified = {{"cpu.idle", "1"}};
  EXPECT_THAT(words(limit_properties(limits, CgroupVersion::V2)),
              ElementsAre("CPUWeight=uint64 0"));
}

TEST(LimitProperties, OfV1) {
  CgroupResources limits;
  limits.memory.limit = 1000;
  limits.memory.swap = 1500;
  limits.cpu.shares = 1024;
  limits.cpu.cpus = "0";
  limits.blockIO.weight = 500;
  limits.unified["memory.high"] = "5";
  EXPECT_THAT(
      words(limit_properties(limits, CgroupVersion::V1)),
      ElementsAre("MemoryLimit=uint64 1000", "CPUShares=uint64 1024", "BlockIOWeight=uint64 500"));
}

TEST(LimitProperties, UnlimitedIsInfinityAndZeroIsNotSet) {
  constexpr const char* kInfinity = "uint64 18446744073709551615";
  CgroupResources limits;
  limits.memory.limit = -1;
  limits.memory.swap = -1;
  limits.cpu.quota = -1;
  limits.cpu.shares = 0;
  limits.pids_limit = -1;
  limits.blockIO.weight = 0;
  limits.unified = {{"memory.high", "max"}, {"pids.max", "no number"}, {"io.max", "8:0 rbps=1"}};
  EXPECT_THAT(
      words(limit_properties(limits, CgroupVersion::V2)),
      ElementsAre(std::string("MemoryMax=") + kInfinity, std::string("MemorySwapMax=") + kInfinity,
                  std::string("CPUQuotaPerSecUSec=") + kInfinity,
                  std::string("TasksMax=") + kInfinity, std::string("MemoryHigh=") + kInfinity));
}

// systemd counts in hundredths of a CPU, and none would be none at all.
TEST(LimitProperties, QuotaIsRoundedUpAndNeverOverflows) {
  CgroupResources limits;
  limits.cpu.quota = 1;
  EXPECT_THAT(words(limit_properties(limits, CgroupVersion::V2)),
              ElementsAre("CPUQuotaPerSecUSec=uint64 10000"));
  limits.cpu.quota = 9223372036854775807;
  limits.cpu.period = 1;
  EXPECT_THAT(
      words(limit_properties(limits, CgroupVersion::V2)),
      ElementsAre("CPUQuotaPeriodUSec=uint64 1", "CPUQuotaPerSecUSec=uint64 18446744073709551615"));
}

std::string property_of(std::string_view name, std::string_view text) {
  const Result<UnitProperty> property = parse_unit_property(name, text);
  return property.ok() ? property->name + "=" + dbus_text(property->value)
                       : "error: " + property.error().message;
}

TEST(UnitProperty, OfAnAnnotation) {
  EXPECT_EQ(property_of("TimeoutStopUSec", "uint64 10000000"), "TimeoutStopUSec=uint64 10000000");
  EXPECT_EQ(property_of("After", "['a.service', 'b.service']"),
            "After=[\"a.service\", \"b.service\"]");
  EXPECT_EQ(property_of("DefaultDependencies", "true"), "DefaultDependencies=true");
  EXPECT_EQ(property_of("KillSignal", "15"), "KillSignal=15");
}

TEST(UnitProperty, SecondsBecomeMicroseconds) {
  EXPECT_EQ(property_of("TimeoutStopSec", "5"), "TimeoutStopUSec=uint64 5000000");
  EXPECT_EQ(property_of("TimeoutStopSec", "uint64 5"), "TimeoutStopUSec=uint64 5000000");
  EXPECT_EQ(property_of("TimeoutStopSec", "0.25"), "TimeoutStopUSec=uint64 250000");
  for (const char* bad : {"'5'", "-1", "-0.5", "uint64 18446744073709551615", "1e300", "true"})
    EXPECT_THAT(property_of("TimeoutStopSec", bad), HasSubstr("not a number of seconds")) << bad;
}

TEST(UnitProperty, Refused) {
  for (const char* bad : {"", "ab", "A.B", "Kill Signal", "A1B", "PIDs", "Slice", "Caf\xc3\xa9"})
    EXPECT_THAT(property_of(bad, "true"), HasSubstr("error: ")) << bad;
  EXPECT_THAT(property_of("KillSignal", "TERM"), HasSubstr("error: "));
}

TEST(UnitProperty, TheLastWordCounts) {
  std::vector<UnitProperty> list{{"A", DbusValue::u32(1)}, {"B", DbusValue::u32(2)}};
  merge_properties(list, {{"A", DbusValue::u32(3)}, {"C", DbusValue::u32(4)}});
  EXPECT_THAT(words(list), ElementsAre("B=uint32 2", "A=uint32 3", "C=uint32 4"));
}

}  // namespace
}  // namespace ctr
