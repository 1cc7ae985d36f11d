// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/cgroup_resources.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "ctrtool/core/base/strf.h"

namespace ctr {
namespace {

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

template <typename T>
bool given(const std::optional<T>& value) {
  return value.value_or(0) != 0;
}

// --- checks --------------------------------------------------------------------------------------

using Problems = std::vector<LimitProblem>;

void check_memory(const MemoryLimits& memory, Problems& problems) {
  const std::pair<const char*, const std::optional<std::int64_t>*> sizes[] = {
      {"limit", &memory.limit},   {"reservation", &memory.reservation}, {"swap", &memory.swap},
      {"kernel", &memory.kernel}, {"kernelTCP", &memory.kernelTCP},
  };
  for (const auto& [name, size] : sizes)
    if (size->value_or(0) < -1)
      problems.push_back({strf("/memory/%s", name), strf("%lld: bytes, or -1 for unlimited",
                                                         static_cast<long long>(size->value()))});
  const std::int64_t limit = memory.limit.value_or(0);
  const std::int64_t swap = memory.swap.value_or(0);
  if (limit > 0 && swap > 0 && swap < limit)
    problems.push_back(
        {"/memory/swap", strf("%lld: memory and swap together, but less than the memory limit %lld",
                              static_cast<long long>(swap), static_cast<long long>(limit))});
  if (memory.swappiness.value_or(0) > 100)
    problems.push_back(
        {"/memory/swappiness",
         strf("%llu: 0 to 100", static_cast<unsigned long long>(*memory.swappiness))});
}

void check_cpu_list(const char* name, const std::string& list, Problems& problems) {
  const auto is_listed = [](char c) { return (c >= '0' && c <= '9') || c == ',' || c == '-'; };
  if (!std::all_of(list.begin(), list.end(), is_listed))
    problems.push_back({strf("/cpu/%s", name), quote(list) + ": not a list like 0-3,7"});
}

// The bounds are the kernel's (max_bw_quota_period_us, min_bw_quota_period_us).
void check_cpu(const CpuLimits& cpu, Problems& problems) {
  constexpr std::uint64_t kShortest = 1000;
  constexpr std::uint64_t kLongest = 1000000;
  const std::int64_t quota = cpu.quota.value_or(0);
  const std::uint64_t period = cpu.period.value_or(0);
  if (quota > 0 && static_cast<std::uint64_t>(quota) < kShortest)
    problems.push_back({"/cpu/quota", strf("%lld: at least 1000", static_cast<long long>(quota))});
  if (period != 0 && (period < kShortest || period > kLongest))
    problems.push_back(
        {"/cpu/period", strf("%llu: 1000 to 1000000", static_cast<unsigned long long>(period))});
  if (quota > 0 && cpu.burst.value_or(0) > static_cast<std::uint64_t>(quota))
    problems.push_back({"/cpu/burst", strf("%llu: larger than the quota %lld",
                                           static_cast<unsigned long long>(*cpu.burst),
                                           static_cast<long long>(quota))});
  if (cpu.idle.value_or(0) != 0 && *cpu.idle != 1)
    problems.push_back({"/cpu/idle", strf("%lld: 0 or 1", static_cast<long long>(*cpu.idle))});
  check_cpu_list("cpus", cpu.cpus, problems);
  check_cpu_list("mems", cpu.mems, problems);
}

void check_weight(const std::string& pointer, const std::optional<std::uint16_t>& weight,
                  Problems& problems) {
  if (given(weight) && (*weight < 10 || *weight > 1000))
    problems.push_back({pointer, strf("%u: 10 to 1000", static_cast<unsigned>(*weight))});
}

void check_block_io(const BlockIoLimits& io, Problems& problems) {
  check_weight("/blockIO/weight", io.weight, problems);
  check_weight("/blockIO/leafWeight", io.leafWeight, problems);
  for (std::size_t i = 0; i < io.weightDevice.size(); ++i) {
    check_weight(strf("/blockIO/weightDevice/%zu/weight", i), io.weightDevice[i].weight, problems);
    check_weight(strf("/blockIO/weightDevice/%zu/leafWeight", i), io.weightDevice[i].leafWeight,
                 problems);
  }
}

// "64KB": it becomes part of a file name.
bool is_page_size(std::string_view text) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::string_view unit = text.substr(digits);
  return digits > 0 && (unit == "KB" || unit == "MB" || unit == "GB");
}

bool is_word(std::string_view text) {
  return !text.empty() && !has_control(text) && text.find(' ') == std::string_view::npos;
}

void check_names(const CgroupResources& resources, Problems& problems) {
  for (std::size_t i = 0; i < resources.hugepageLimits.size(); ++i)
    if (!is_page_size(resources.hugepageLimits[i].pageSize))
      problems.push_back({strf("/hugepageLimits/%zu/pageSize", i),
                          quote(resources.hugepageLimits[i].pageSize) + ": not a size like 2MB"});
  for (std::size_t i = 0; i < resources.network.priorities.size(); ++i)
    if (!is_word(resources.network.priorities[i].name))
      problems.push_back({strf("/network/priorities/%zu/name", i),
                          quote(resources.network.priorities[i].name) + ": not an interface"});
  for (const auto& [device, limits] : resources.rdma)
    if (!is_word(device)) problems.push_back({"/rdma", quote(device) + ": not a device"});
}

// Files that move processes or act on them at once are no limits: with them a configuration could
// pull foreign processes into its cgroup, or stop its own before it is ready.
constexpr std::string_view kActions[] = {"cgroup.procs", "cgroup.threads",
                                         "cgroup.type",  "cgroup.freeze",
                                         "cgroup.kill",  "cgroup.subtree_control"};

const char* unified_problem(const std::string& file, const std::string& value) {
  if (file.find('/') != std::string::npos || has_control(file) || file.size() > 255)
    return "not the name of a file in the cgroup";
  const std::size_t dot = file.find('.');
  if (dot == 0 || dot == std::string::npos || dot + 1 == file.size())
    return "not of the form CONTROLLER.FILE";
  if (std::find(std::begin(kActions), std::end(kActions), file) != std::end(kActions))
    return "is an action, not a limit";
  return value.find('\0') != std::string::npos ? "the value has a NUL byte" : nullptr;
}

void check_unified(const CgroupResources& resources, Problems& problems) {
  for (const auto& [file, value] : resources.unified) {
    const char* problem = unified_problem(file, value);
    if (problem != nullptr) problems.push_back({"/unified", quote(file) + ": " + problem});
  }
}

void check_devices(const CgroupResources& resources, Problems& problems) {
  if (!resources.devices.has_value()) return;
  const Result<std::vector<bpf_insn>> program = device_program(*resources.devices);
  if (!program.ok()) problems.push_back({"/devices", program.error().message});
}

// --- writes --------------------------------------------------------------------------------------

class Writer {
 public:
  Writer(const CgroupLayout& layout, CgroupStage stage) : layout_(layout), stage_(stage) {}

  Result<void> memory(const MemoryLimits& memory);
  Result<void> cpu(const CpuLimits& cpu);
  Result<void> cpuset(const CpuLimits& cpu);
  Result<void> pids(const std::optional<std::int64_t>& limit);
  Result<void> block_io(const BlockIoLimits& io);
  Result<void> hugepages(const std::vector<HugepageLimit>& limits);
  Result<void> network(const NetworkLimits& network);
  Result<void> rdma(const std::map<std::string, RdmaLimits>& devices);
  Result<void> devices_v1(const std::vector<DeviceRule>& rules);
  Result<void> unified(const std::map<std::string, std::string>& files);

  std::vector<CgroupWrite> take() && { return std::move(writes_); }

 private:
  Result<void> memory_v1(const MemoryLimits& memory);
  Result<void> memory_v2(const MemoryLimits& memory);
  Result<void> swap_v2(const MemoryLimits& memory);
  Result<void> cpu_weight(const CpuLimits& cpu);
  Result<void> bandwidth_v1(const CpuLimits& cpu);
  Result<void> bandwidth_v2(const CpuLimits& cpu);
  Result<void> burst(const CpuLimits& cpu, const char* file);
  Result<void> realtime(const CpuLimits& cpu);
  Result<void> weights(const BlockIoLimits& io);
  Result<void> device_weight(const WeightDevice& device, std::size_t index);
  Result<void> throttles(const BlockIoLimits& io);

  bool is_v2(const char* controller) const {
    const CgroupHierarchy* hierarchy = layout_.find(controller);
    return hierarchy != nullptr && hierarchy->version == CgroupVersion::V2;
  }
  // The words differ between v1 and v2 where the controller has two names.
  const CgroupHierarchy* io_hierarchy() const {
    const CgroupHierarchy* v1 = layout_.find("blkio");
    return v1 != nullptr ? v1 : layout_.find("io");
  }
  Result<void> add(CgroupWrite write);
  static Error unsupported(const std::string& pointer, const char* why) {
    return make_error(Kind::Unsupported, "resources%s: %s", pointer.c_str(), why);
  }

  const CgroupLayout& layout_;
  CgroupStage stage_;
  std::vector<CgroupWrite> writes_;
};

CgroupWrite a_write(const char* controller, std::string file, std::string value,
                    std::string pointer, WriteFailure failure = WriteFailure::Fatal) {
  CgroupWrite write;
  write.controller = controller;
  write.file = std::move(file);
  write.value = std::move(value);
  write.pointer = std::move(pointer);
  write.failure = failure;
  return write;
}

std::string number(std::int64_t value) { return std::to_string(value); }
std::string number(std::uint64_t value) { return std::to_string(value); }
std::string or_max(std::int64_t value) { return value < 0 ? "max" : number(value); }

// The controller is looked up only when something is to be written: what nobody asks for may be
// missing.
Result<void> Writer::add(CgroupWrite write) {
  const CgroupHierarchy* hierarchy = layout_.find(write.controller);
  if (hierarchy == nullptr)
    return unsupported(
        write.pointer,
        strf("the %s cgroup controller is not mounted", write.controller.c_str()).c_str());
  write.hierarchy = static_cast<std::size_t>(hierarchy - layout_.hierarchies.data());
  writes_.push_back(std::move(write));
  return {};
}

Result<void> Writer::memory(const MemoryLimits& memory) {
  return is_v2("memory") ? memory_v2(memory) : memory_v1(memory);
}

// The kernel refuses a limit above the limit of memory and swap, so when both rise the second has
// to go first, and when both fall the first: `Later` finds out which.
Result<void> Writer::memory_v1(const MemoryLimits& memory) {
  constexpr const char* kSwapFile = "memory.memsw.limit_in_bytes";
  if (given(memory.kernel))
    TRY(add(a_write("memory", "memory.kmem.limit_in_bytes", number(*memory.kernel),
                    "/memory/kernel", WriteFailure::IgnoreUnsupported)));
  if (memory.useHierarchy.has_value())
    TRY(add(a_write("memory", "memory.use_hierarchy", *memory.useHierarchy ? "1" : "0",
                    "/memory/useHierarchy",
                    *memory.useHierarchy ? WriteFailure::IgnoreMissing : WriteFailure::Fatal)));
  // Unlimited memory with an old limit for memory and swap together would be refused.
  if (memory.limit == -1 && !given(memory.swap))
    TRY(add(a_write("memory", kSwapFile, "-1", "/memory/limit", WriteFailure::IgnoreMissing)));
  if (given(memory.limit))
    TRY(add(a_write("memory", "memory.limit_in_bytes", number(*memory.limit), "/memory/limit",
                    given(memory.swap) ? WriteFailure::Later : WriteFailure::Fatal)));
  // Without swap accounting there is no such file; only a real limit is then an error.
  if (given(memory.swap))
    TRY(add(a_write("memory", kSwapFile, number(*memory.swap), "/memory/swap",
                    memory.swap == -1 ? WriteFailure::IgnoreMissing : WriteFailure::Fatal)));
  if (given(memory.reservation))
    TRY(add(a_write("memory", "memory.soft_limit_in_bytes", number(*memory.reservation),
                    "/memory/reservation")));
  if (given(memory.kernelTCP))
    TRY(add(a_write("memory", "memory.kmem.tcp.limit_in_bytes", number(*memory.kernelTCP),
                    "/memory/kernelTCP", WriteFailure::IgnoreUnsupported)));
  if (memory.swappiness.has_value())
    TRY(add(
        a_write("memory", "memory.swappiness", number(*memory.swappiness), "/memory/swappiness")));
  // A fresh cgroup has the killer enabled, and newer kernels warn about any write to this file.
  if (memory.disableOOMKiller == true ||
      (memory.disableOOMKiller == false && stage_ == CgroupStage::Update))
    TRY(add(a_write("memory", "memory.oom_control", *memory.disableOOMKiller ? "1" : "0",
                    "/memory/disableOOMKiller")));
  return {};
}

// kernel and kernelTCP have no counterpart: v2 always counts kernel memory as memory.
Result<void> Writer::memory_v2(const MemoryLimits& memory) {
  if (memory.swappiness.has_value())
    return unsupported("/memory/swappiness", "cgroup v2 has no swappiness");
  if (memory.disableOOMKiller == true)
    return unsupported("/memory/disableOOMKiller", "cgroup v2 cannot disable the OOM killer");
  if (memory.useHierarchy == false)
    return unsupported("/memory/useHierarchy", "cgroup v2 is always hierarchical");
  TRY(swap_v2(memory));
  if (given(memory.limit))
    TRY(add(a_write("memory", "memory.max", or_max(*memory.limit), "/memory/limit")));
  if (given(memory.reservation))
    TRY(add(a_write("memory", "memory.low", or_max(*memory.reservation), "/memory/reservation")));
  return {};
}

// v1 limits memory and swap together, v2 swap alone.
Result<void> Writer::swap_v2(const MemoryLimits& memory) {
  std::int64_t swap = memory.swap.value_or(0);
  if (swap == 0 && memory.limit == -1) swap = -1;  // as v1 has to
  if (swap == 0) return {};
  if (swap > 0) {
    if (!given(memory.limit))
      return make_error(Kind::InvalidSpec,
                        "resources/memory/swap: on cgroup v2 it needs a memory limit");
    if (*memory.limit > 0) swap -= *memory.limit;
  }
  // A kernel without swap accounting has no such file, and no swap to give or to keep back.
  return add(a_write("memory", "memory.swap.max", or_max(swap),
                     given(memory.swap) ? "/memory/swap" : "/memory/limit",
                     swap <= 0 ? WriteFailure::IgnoreMissing : WriteFailure::Fatal));
}

Result<void> Writer::cpu(const CpuLimits& cpu) {
  TRY(cpu_weight(cpu));
  if (is_v2("cpu")) {
    TRY(bandwidth_v2(cpu));
    TRY(burst(cpu, "cpu.max.burst"));
  } else {
    TRY(bandwidth_v1(cpu));
    TRY(burst(cpu, "cpu.cfs_burst_us"));
  }
  return realtime(cpu);
}

// An idle cgroup has the least weight and refuses another one.
Result<void> Writer::cpu_weight(const CpuLimits& cpu) {
  if (cpu.idle.has_value())
    TRY(add(a_write("cpu", "cpu.idle", number(*cpu.idle), "/cpu/idle",
                    *cpu.idle == 0 ? WriteFailure::IgnoreMissing : WriteFailure::Fatal)));
  if (!given(cpu.shares) || cpu.idle == 1) return {};
  if (is_v2("cpu"))
    return add(
        a_write("cpu", "cpu.weight", number(cpu_weight_from_shares(*cpu.shares)), "/cpu/shares"));
  return add(a_write("cpu", "cpu.shares", number(*cpu.shares), "/cpu/shares"));
}

// Quota, period and burst must go together at every moment, also with the parent's: whatever is
// refused at first is written again when the others are new.
Result<void> Writer::bandwidth_v1(const CpuLimits& cpu) {
  const bool both = given(cpu.quota) && given(cpu.period);
  if (given(cpu.period))
    TRY(add(a_write("cpu", "cpu.cfs_period_us", number(*cpu.period), "/cpu/period",
                    both ? WriteFailure::Later : WriteFailure::Fatal)));
  if (given(cpu.quota))
    TRY(add(a_write("cpu", "cpu.cfs_quota_us", number(std::max<std::int64_t>(*cpu.quota, -1)),
                    "/cpu/quota",
                    cpu.burst.has_value() ? WriteFailure::Later : WriteFailure::Fatal)));
  return {};
}

// A quota alone keeps the period; a period alone has to repeat the quota.
Result<void> Writer::bandwidth_v2(const CpuLimits& cpu) {
  if (!given(cpu.quota) && !given(cpu.period)) return {};
  CgroupWrite write = a_write("cpu", "cpu.max", "", given(cpu.quota) ? "/cpu/quota" : "/cpu/period",
                              cpu.burst.has_value() ? WriteFailure::Later : WriteFailure::Fatal);
  if (given(cpu.quota)) {
    write.value = or_max(*cpu.quota);
    if (given(cpu.period)) write.value += " " + number(*cpu.period);
  } else if (stage_ == CgroupStage::Fresh) {
    write.value = "max " + number(*cpu.period);
  } else {
    write.value = number(*cpu.period);
    write.after_first_word = true;
  }
  return add(std::move(write));
}

// Linux 5.14.
Result<void> Writer::burst(const CpuLimits& cpu, const char* file) {
  if (!cpu.burst.has_value()) return {};
  return add(a_write("cpu", file, number(*cpu.burst), "/cpu/burst",
                     *cpu.burst == 0 ? WriteFailure::IgnoreMissing : WriteFailure::Fatal));
}

Result<void> Writer::realtime(const CpuLimits& cpu) {
  if (is_v2("cpu") && given(cpu.realtimePeriod))
    return unsupported("/cpu/realtimePeriod", "cgroup v2 has no realtime limits");
  if (is_v2("cpu") && given(cpu.realtimeRuntime))
    return unsupported("/cpu/realtimeRuntime", "cgroup v2 has no realtime limits");
  if (given(cpu.realtimePeriod))
    TRY(add(a_write("cpu", "cpu.rt_period_us", number(*cpu.realtimePeriod), "/cpu/realtimePeriod",
                    given(cpu.realtimeRuntime) ? WriteFailure::Later : WriteFailure::Fatal)));
  if (given(cpu.realtimeRuntime))
    TRY(add(
        a_write("cpu", "cpu.rt_runtime_us", number(*cpu.realtimeRuntime), "/cpu/realtimeRuntime")));
  return {};
}

// A v1 hierarchy mounted with "noprefix" has the short names.
Result<void> Writer::cpuset(const CpuLimits& cpu) {
  const std::pair<const char*, const std::string*> files[] = {{"cpus", &cpu.cpus},
                                                              {"mems", &cpu.mems}};
  for (const auto& [name, value] : files) {
    if (value->empty()) continue;
    CgroupWrite write = a_write("cpuset", strf("cpuset.%s", name), *value, strf("/cpu/%s", name));
    if (!is_v2("cpuset")) {
      write.other_file = name;
      write.other_value = *value;
    }
    TRY(add(std::move(write)));
  }
  return {};
}

Result<void> Writer::pids(const std::optional<std::int64_t>& limit) {
  if (!limit.has_value()) return {};
  return add(a_write("pids", "pids.max", or_max(*limit), "/pids/limit"));
}

Result<void> Writer::block_io(const BlockIoLimits& io) {
  TRY(weights(io));
  for (std::size_t i = 0; i < io.weightDevice.size(); ++i)
    TRY(device_weight(io.weightDevice[i], i));
  return throttles(io);
}

// Two schedulers have weights: BFQ, with the numbers of v1, and on v2 io.cost, with its own.
Result<void> Writer::weights(const BlockIoLimits& io) {
  const CgroupHierarchy* hierarchy = io_hierarchy();
  const bool v2 = hierarchy != nullptr && hierarchy->version == CgroupVersion::V2;
  if (v2 && given(io.leafWeight))
    return unsupported("/blockIO/leafWeight", "cgroup v2 has no leaf weights");
  if (given(io.weight)) {
    CgroupWrite write = a_write(v2 ? "io" : "blkio", v2 ? "io.bfq.weight" : "blkio.weight",
                                std::to_string(*io.weight), "/blockIO/weight");
    write.other_file = v2 ? "io.weight" : "blkio.bfq.weight";
    write.other_value = v2 ? number(io_weight_from_blkio(*io.weight)) : write.value;
    TRY(add(std::move(write)));
  }
  if (given(io.leafWeight))
    TRY(add(a_write("blkio", "blkio.leaf_weight", std::to_string(*io.leafWeight),
                    "/blockIO/leafWeight")));
  return {};
}

Result<void> Writer::device_weight(const WeightDevice& device, std::size_t index) {
  const CgroupHierarchy* hierarchy = io_hierarchy();
  const bool v2 = hierarchy != nullptr && hierarchy->version == CgroupVersion::V2;
  const std::string pointer = strf("/blockIO/weightDevice/%zu", index);
  const std::string numbers = strf("%u:%u ", device.major, device.minor);
  if (v2 && given(device.leafWeight))
    return unsupported(pointer + "/leafWeight", "cgroup v2 has no leaf weights");
  if (given(device.weight)) {
    CgroupWrite write = a_write(v2 ? "io" : "blkio", v2 ? "io.bfq.weight" : "blkio.weight_device",
                                numbers + std::to_string(*device.weight), pointer + "/weight");
    write.other_file = v2 ? "io.weight" : "blkio.bfq.weight_device";
    write.other_value = v2 ? numbers + number(io_weight_from_blkio(*device.weight)) : write.value;
    TRY(add(std::move(write)));
  }
  if (given(device.leafWeight))
    TRY(add(a_write("blkio", "blkio.leaf_weight_device",
                    numbers + std::to_string(*device.leafWeight), pointer + "/leafWeight")));
  return {};
}

Result<void> Writer::throttles(const BlockIoLimits& io) {
  struct Throttle {
    const char* name;
    const std::vector<ThrottleDevice>* devices;
    const char* v1_file;
    const char* v2_key;
  };
  const Throttle kinds[] = {
      {"throttleReadBpsDevice", &io.throttleReadBpsDevice, "read_bps_device", "rbps"},
      {"throttleWriteBpsDevice", &io.throttleWriteBpsDevice, "write_bps_device", "wbps"},
      {"throttleReadIOPSDevice", &io.throttleReadIOPSDevice, "read_iops_device", "riops"},
      {"throttleWriteIOPSDevice", &io.throttleWriteIOPSDevice, "write_iops_device", "wiops"},
  };
  const CgroupHierarchy* hierarchy = io_hierarchy();
  const bool v2 = hierarchy != nullptr && hierarchy->version == CgroupVersion::V2;
  for (const Throttle& kind : kinds) {
    for (std::size_t i = 0; i < kind.devices->size(); ++i) {
      const ThrottleDevice& device = (*kind.devices)[i];
      const std::string pointer = strf("/blockIO/%s/%zu", kind.name, i);
      const std::string numbers = strf("%u:%u ", device.major, device.minor);
      const std::string rate = number(device.rate);
      if (v2)
        TRY(add(a_write("io", "io.max",
                        numbers + kind.v2_key + "=" + (device.rate == 0 ? "max" : rate), pointer)));
      else
        TRY(add(
            a_write("blkio", strf("blkio.throttle.%s", kind.v1_file), numbers + rate, pointer)));
    }
  }
  return {};
}

// Both ways of accounting: by reservation (Linux 5.7) and by use.
Result<void> Writer::hugepages(const std::vector<HugepageLimit>& limits) {
  const char* suffix = is_v2("hugetlb") ? "max" : "limit_in_bytes";
  for (std::size_t i = 0; i < limits.size(); ++i) {
    const std::string pointer = strf("/hugepageLimits/%zu", i);
    const std::string prefix = "hugetlb." + limits[i].pageSize;
    const std::string value = number(limits[i].limit);
    TRY(add(a_write("hugetlb", prefix + "." + suffix, value, pointer)));
    TRY(add(a_write("hugetlb", prefix + ".rsvd." + suffix, value, pointer,
                    WriteFailure::IgnoreMissing)));
  }
  return {};
}

Result<void> Writer::network(const NetworkLimits& network) {
  if (layout_.kind == CgroupKind::V2 && (given(network.classID) || !network.priorities.empty()))
    return unsupported("/network", "cgroup v2 has no network classes");
  if (given(network.classID) || (network.classID == 0U && stage_ == CgroupStage::Update))
    TRY(add(a_write("net_cls", "net_cls.classid", std::to_string(*network.classID),
                    "/network/classID")));
  for (std::size_t i = 0; i < network.priorities.size(); ++i) {
    const InterfacePriority& interface = network.priorities[i];
    TRY(add(a_write("net_prio", "net_prio.ifpriomap",
                    interface.name + " " + std::to_string(interface.priority),
                    strf("/network/priorities/%zu", i))));
  }
  return {};
}

Result<void> Writer::rdma(const std::map<std::string, RdmaLimits>& devices) {
  for (const auto& [device, limits] : devices) {
    std::string value = device;
    if (limits.hcaHandles.has_value()) value += strf(" hca_handle=%u", *limits.hcaHandles);
    if (limits.hcaObjects.has_value()) value += strf(" hca_object=%u", *limits.hcaObjects);
    TRY(add(a_write("rdma", "rdma.max", std::move(value), "/rdma/" + device)));
  }
  return {};
}

// Rules for a cgroup in use are found by comparing with what it has (device_changes).
Result<void> Writer::devices_v1(const std::vector<DeviceRule>& rules) {
  const CgroupHierarchy* hierarchy = layout_.find("devices");
  if (hierarchy == nullptr || hierarchy->version == CgroupVersion::V2) return {};
  const DevicePolicy policy = TRY_CTX(device_policy(rules), "resources/devices");
  if (stage_ == CgroupStage::Update) return {};
  for (DeviceWrite& rule : device_writes(policy))
    TRY(add(a_write("devices", rule.allow ? "devices.allow" : "devices.deny", std::move(rule.text),
                    "/devices")));
  return {};
}

// The kernel takes one line at a time.
Result<void> Writer::unified(const std::map<std::string, std::string>& files) {
  for (const auto& [file, value] : files) {
    const std::string pointer = "/unified/" + file;
    const CgroupHierarchy* hierarchy = layout_.unified();
    if (hierarchy == nullptr) return unsupported(pointer, "this host has no cgroup v2");
    const std::string controller = file.substr(0, file.find('.'));
    const auto& known = hierarchy->controllers;
    if (controller != "cgroup" && std::find(known.begin(), known.end(), controller) == known.end())
      return unsupported(
          pointer, strf("cgroup v2 has no %s controller here", quote(controller).c_str()).c_str());
    std::vector<std::string_view> lines = split(value, '\n');
    if (lines.empty()) lines.emplace_back();
    for (const std::string_view line : lines) {
      if (line.empty() && lines.size() > 1) continue;
      CgroupWrite write = a_write(controller.c_str(), file, std::string(line), pointer);
      write.hierarchy = static_cast<std::size_t>(hierarchy - layout_.hierarchies.data());
      writes_.push_back(std::move(write));
    }
  }
  return {};
}

// Every controller there could be: what still asks for something here is a limit.
CgroupLayout full_v2_layout() {
  CgroupLayout layout;
  layout.kind = CgroupKind::V2;
  layout.hierarchies.push_back(
      {"unified",
       kCgroupRoot,
       {"cpu", "cpuset", "hugetlb", "io", "memory", "misc", "pids", "rdma"},
       CgroupVersion::V2,
       "/"});
  return layout;
}

}  // namespace

std::vector<LimitProblem> check_limits(const CgroupResources& resources) {
  Problems problems;
  check_memory(resources.memory, problems);
  check_cpu(resources.cpu, problems);
  check_block_io(resources.blockIO, problems);
  check_names(resources, problems);
  check_unified(resources, problems);
  check_devices(resources, problems);
  return problems;
}

bool has_limits(const CgroupResources& resources) {
  CgroupResources limits = resources;
  limits.devices.reset();
  if (!limits.unified.empty()) return true;
  const Result<std::vector<CgroupWrite>> writes =
      cgroup_writes(full_v2_layout(), limits, CgroupStage::Fresh);
  return !writes.ok() || !writes->empty();
}

// The order of the groups: what the kernel wants set before a process is in (kernel memory,
// realtime) and what must hold before the others may be used comes first; unified values come last
// and win.
Result<std::vector<CgroupWrite>> cgroup_writes(const CgroupLayout& layout,
                                               const CgroupResources& resources,
                                               CgroupStage stage) {
  const std::vector<LimitProblem> problems = check_limits(resources);
  if (!problems.empty())
    return make_error(Kind::InvalidSpec, "resources%s: %s", problems.front().pointer.c_str(),
                      problems.front().message.c_str());
  Writer writer(layout, stage);
  if (resources.devices.has_value()) TRY(writer.devices_v1(*resources.devices));
  TRY(writer.memory(resources.memory));
  TRY(writer.cpu(resources.cpu));
  TRY(writer.cpuset(resources.cpu));
  TRY(writer.pids(resources.pids_limit));
  TRY(writer.block_io(resources.blockIO));
  TRY(writer.hugepages(resources.hugepageLimits));
  TRY(writer.network(resources.network));
  TRY(writer.rdma(resources.rdma));
  TRY(writer.unified(resources.unified));
  return std::move(writer).take();
}

// A quadratic curve in the logarithm through (2, 1), (1024, 100) and (262144, 10000), which keeps
// the ratio of two usual values better than a straight line.
std::uint64_t cpu_weight_from_shares(std::uint64_t shares) {
  if (shares <= 2) return 1;
  if (shares >= 262144) return 10000;
  const double log = std::log2(static_cast<double>(shares));
  const double exponent = (log * log + 125 * log) / 612.0 - 7.0 / 34.0;
  return static_cast<std::uint64_t>(std::ceil(std::pow(10, exponent)));
}

std::uint64_t io_weight_from_blkio(std::uint64_t weight) {
  return 1 + (std::max<std::uint64_t>(weight, 10) - 10) * 9999 / 990;
}

}  // namespace ctr
