// SPDX-License-Identifier: Apache-2.0
// Limits of a cgroup, and the file writes that set them. Member names are those of linux.resources
// in config.json. Absent means: leave as it is. For shares, quota, periods, weights and memory
// limits 0 means the same, because that is how engines write "not set".
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ctrtool/core/base/result.h"
#include "ctrtool/core/kit/cgroup_devices.h"
#include "ctrtool/core/kit/cgroup_layout.h"

namespace ctr {

// Bytes; -1 is unlimited.
struct MemoryLimits {
  std::optional<std::int64_t> limit;
  std::optional<std::int64_t> reservation;
  std::optional<std::int64_t> swap;  // memory and swap together
  std::optional<std::int64_t> kernel;
  std::optional<std::int64_t> kernelTCP;
  std::optional<std::uint64_t> swappiness;
  std::optional<bool> disableOOMKiller;
  std::optional<bool> useHierarchy;
  bool checkBeforeUpdate = false;  // refuse a limit below the present use

  bool operator==(const MemoryLimits&) const = default;
};

// Microseconds, but for shares and idle.
struct CpuLimits {
  std::optional<std::uint64_t> shares;
  std::optional<std::int64_t> quota;  // negative: unlimited
  std::optional<std::uint64_t> period;
  std::optional<std::uint64_t> burst;
  std::optional<std::int64_t> realtimeRuntime;
  std::optional<std::uint64_t> realtimePeriod;
  std::optional<std::int64_t> idle;
  std::string cpus;  // "0-3,7"
  std::string mems;

  bool operator==(const CpuLimits&) const = default;
};

struct WeightDevice {
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  std::optional<std::uint16_t> weight;
  std::optional<std::uint16_t> leafWeight;

  bool operator==(const WeightDevice&) const = default;
};

struct ThrottleDevice {
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  std::uint64_t rate = 0;  // 0: no limit

  bool operator==(const ThrottleDevice&) const = default;
};

struct BlockIoLimits {
  std::optional<std::uint16_t> weight;  // 10 to 1000
  std::optional<std::uint16_t> leafWeight;
  std::vector<WeightDevice> weightDevice;
  std::vector<ThrottleDevice> throttleReadBpsDevice;
  std::vector<ThrottleDevice> throttleWriteBpsDevice;
  std::vector<ThrottleDevice> throttleReadIOPSDevice;
  std::vector<ThrottleDevice> throttleWriteIOPSDevice;

  bool operator==(const BlockIoLimits&) const = default;
};

struct HugepageLimit {
  std::string pageSize;  // "2MB"
  std::uint64_t limit = 0;

  bool operator==(const HugepageLimit&) const = default;
};

struct InterfacePriority {
  std::string name;
  std::uint32_t priority = 0;

  bool operator==(const InterfacePriority&) const = default;
};

struct NetworkLimits {
  std::optional<std::uint32_t> classID;
  std::vector<InterfacePriority> priorities;

  bool operator==(const NetworkLimits&) const = default;
};

struct RdmaLimits {
  std::optional<std::uint32_t> hcaHandles;
  std::optional<std::uint32_t> hcaObjects;

  bool operator==(const RdmaLimits&) const = default;
};

struct CgroupResources {
  // The whole list, defaults included; an empty list denies everything. Absent: no rules are set.
  std::optional<std::vector<DeviceRule>> devices;
  // Go without the rules when we are not permitted to set them (rootless: no device can be made or
  // opened there that the user could not use anyway).
  bool devices_if_permitted = false;
  MemoryLimits memory;
  CpuLimits cpu;
  std::optional<std::int64_t> pids_limit;  // negative: no limit; 0 is a limit
  BlockIoLimits blockIO;
  std::vector<HugepageLimit> hugepageLimits;
  NetworkLimits network;
  std::map<std::string, RdmaLimits> rdma;      // by device
  std::map<std::string, std::string> unified;  // by file of the v2 hierarchy

  bool operator==(const CgroupResources&) const = default;
};

// What is wrong with the values themselves, whatever the host. The pointer is below
// /linux/resources.
struct LimitProblem {
  std::string pointer;
  std::string message;

  bool operator==(const LimitProblem&) const = default;
};
std::vector<LimitProblem> check_limits(const CgroupResources& resources);

// True when anything but the device rules is asked for: then a host or a user without cgroups
// cannot run this container.
bool has_limits(const CgroupResources& resources);

enum class CgroupStage : std::uint8_t {
  Fresh,   // nobody is in the cgroup yet and nothing has been set
  Update,  // a container runs in it
};

// What to do when a write fails.
enum class WriteFailure : std::uint8_t {
  Fatal,
  IgnoreMissing,      // no such file: this kernel has no such thing, and it was not needed
  IgnoreUnsupported,  // the same, and also EOPNOTSUPP: what newer kernels dropped
  Later,              // EINVAL: once more after the other writes to this controller, whose old
                      // values did not go with the new one
};

struct CgroupWrite {
  std::size_t hierarchy = 0;  // index into CgroupLayout::hierarchies
  std::string controller;     // "memory"
  std::string file;           // "memory.max"
  std::string value;
  std::string pointer;  // where it comes from, below /linux/resources: "/memory/limit"
  WriteFailure failure = WriteFailure::Fatal;
  // When `file` does not exist, these instead.
  std::string other_file{};
  std::string other_value{};
  // Keep the file's first word and put `value` after it: a period alone for cpu.max.
  bool after_first_word = false;

  bool operator==(const CgroupWrite&) const = default;
};

// All writes, in order. v2 device rules are not among them: see attach_device_rules().
// Errors: InvalidSpec (the first of check_limits()) and Unsupported (a controller that is not
// mounted, a limit this layout does not have), each with its pointer.
Result<std::vector<CgroupWrite>> cgroup_writes(const CgroupLayout& layout,
                                               const CgroupResources& resources, CgroupStage stage);

// cpu.shares 2..262144 (1024 is usual) as cpu.weight 1..10000 (100 is usual).
std::uint64_t cpu_weight_from_shares(std::uint64_t shares);
// blkio.weight 10..1000 as io.weight 1..10000.
std::uint64_t io_weight_from_blkio(std::uint64_t weight);

}  // namespace ctr
