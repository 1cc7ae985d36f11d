// SPDX-License-Identifier: Apache-2.0
// What a cgroup has used, in one shape for v1 and v2. Files that a kernel does not have leave their
// numbers at zero; a controller that is not at work leaves its part empty.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ctrtool/core/kit/cgroup.h"

namespace ctr {

inline constexpr std::uint64_t kUnlimited = ~std::uint64_t{0};

// One line of a *.pressure file: shares of time in percent, and microseconds in all.
struct PressureLine {
  double avg10 = 0;
  double avg60 = 0;
  double avg300 = 0;
  std::uint64_t total = 0;

  bool operator==(const PressureLine&) const = default;
};
struct Pressure {
  PressureLine some;
  PressureLine full;

  bool operator==(const Pressure&) const = default;
};
std::optional<Pressure> parse_pressure(std::string_view text);

// Nanoseconds.
struct CpuStats {
  std::uint64_t total = 0;
  std::uint64_t user = 0;
  std::uint64_t kernel = 0;
  std::vector<std::uint64_t> percpu;  // v1 only
  std::vector<std::uint64_t> percpu_user;
  std::vector<std::uint64_t> percpu_kernel;
  std::uint64_t periods = 0;
  std::uint64_t throttled_periods = 0;
  std::uint64_t throttled_time = 0;
  std::optional<Pressure> pressure;
};

// Bytes.
struct MemoryUse {
  std::uint64_t limit = 0;
  std::uint64_t usage = 0;
  std::uint64_t max = 0;
  std::uint64_t failcnt = 0;

  bool operator==(const MemoryUse&) const = default;
};
struct MemoryStats {
  std::uint64_t cache = 0;
  MemoryUse usage;
  MemoryUse swap;  // memory and swap together
  MemoryUse kernel;
  MemoryUse kernel_tcp;
  std::uint64_t oom_kills = 0;
  std::map<std::string, std::uint64_t> raw;  // memory.stat
  std::optional<Pressure> pressure;
};

struct PidsStats {
  std::uint64_t current = 0;
  std::uint64_t limit = 0;
};

struct CpusetStats {
  std::vector<unsigned> cpus;
  std::vector<unsigned> mems;
  std::map<std::string, std::int64_t> flags;  // v1: "cpu_exclusive", "memory_pressure"...
};

struct BlockIoEntry {
  std::uint64_t major = 0;
  std::uint64_t minor = 0;
  std::string op;  // "Read", "Write"; empty where the kernel does not tell them apart
  std::uint64_t value = 0;

  bool operator==(const BlockIoEntry&) const = default;
};
struct BlockIoStats {
  std::vector<BlockIoEntry> service_bytes;
  std::vector<BlockIoEntry> serviced;
  std::vector<BlockIoEntry> queued;
  std::vector<BlockIoEntry> service_time;
  std::vector<BlockIoEntry> wait_time;
  std::vector<BlockIoEntry> merged;
  std::vector<BlockIoEntry> time;
  std::vector<BlockIoEntry> sectors;
  std::optional<Pressure> pressure;
};
// "8:0 Read 42"; lines of another form ("Total 42") are passed over.
std::vector<BlockIoEntry> parse_blkio(std::string_view text);
// "8:0 rbytes=42 wbytes=1 ...": the values of the two keys, as Read and Write.
std::vector<BlockIoEntry> parse_io_stat(std::string_view text, std::string_view read_key,
                                        std::string_view write_key);

struct HugetlbStats {
  std::uint64_t usage = 0;
  std::uint64_t max = 0;
  std::uint64_t failcnt = 0;
};

struct CgroupStats {
  CpuStats cpu;
  CpusetStats cpuset;
  MemoryStats memory;
  PidsStats pids;
  BlockIoStats blkio;
  std::map<std::string, HugetlbStats> hugetlb;  // by page size: "2MB"
};

CgroupStats read_cgroup_stats(const Cgroup& cgroup);

// "0-2,7" → 0 1 2 7. Empty for what is no list.
std::vector<unsigned> parse_cpu_list(std::string_view text);

}  // namespace ctr
