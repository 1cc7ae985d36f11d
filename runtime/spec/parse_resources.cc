// SPDX-License-Identifier: Apache-2.0
// The "linux.resources" section, which is also what `update --resources` reads.
#include <array>
#include <cstdint>

#include "ctrtool/core/base/strf.h"
#include "runtime/spec/check.h"
#include "runtime/spec/schema.h"

namespace oci {
namespace {

// Absent means any, and so does -1: Docker writes it for '*'.
void read_rule_number(Reader& in, json::Value value, std::optional<std::uint32_t>& out) {
  if (value.as_int64() == -1) return;
  read(in, value, out);
}

// "" is what a program writes that has no omitempty: all, as when absent.
void read_rule_type(Reader& in, json::Value value, DeviceRuleType& out) {
  if (value.as_string() != "") read(in, value, out);
}

constexpr std::array kDeviceRule = {
    field<&DeviceRule::allow>("allow", Need::Required),
    field_by<&DeviceRule::type, read_rule_type>("type"),
    field_by<&DeviceRule::major, read_rule_number>("major"),
    field_by<&DeviceRule::minor, read_rule_number>("minor"),
    field<&DeviceRule::access>("access"),
};

constexpr std::array kMemory = {
    field<&Memory::limit>("limit"),
    field<&Memory::reservation>("reservation"),
    field<&Memory::swap>("swap"),
    field<&Memory::kernel>("kernel"),
    field<&Memory::kernelTCP>("kernelTCP"),
    field<&Memory::swappiness>("swappiness"),
    field<&Memory::disableOOMKiller>("disableOOMKiller"),
    field<&Memory::useHierarchy>("useHierarchy"),
    field<&Memory::checkBeforeUpdate>("checkBeforeUpdate"),
};

constexpr std::array kCpu = {
    field<&Cpu::shares>("shares"),
    field<&Cpu::quota>("quota"),
    field<&Cpu::burst>("burst"),
    field<&Cpu::period>("period"),
    field<&Cpu::realtimeRuntime>("realtimeRuntime"),
    field<&Cpu::realtimePeriod>("realtimePeriod"),
    field<&Cpu::cpus>("cpus"),
    field<&Cpu::mems>("mems"),
    field<&Cpu::idle>("idle"),
};

constexpr std::array kPids = {field<&Pids::limit>("limit")};

constexpr std::array kWeightDevice = {
    field<&WeightDevice::major>("major", Need::Required),
    field<&WeightDevice::minor>("minor", Need::Required),
    field<&WeightDevice::weight>("weight"),
    field<&WeightDevice::leafWeight>("leafWeight"),
};

constexpr std::array kThrottleDevice = {
    field<&ThrottleDevice::major>("major", Need::Required),
    field<&ThrottleDevice::minor>("minor", Need::Required),
    field<&ThrottleDevice::rate>("rate", Need::Required),
};

constexpr std::array kBlockIo = {
    field<&BlockIo::weight>("weight"),
    field<&BlockIo::leafWeight>("leafWeight"),
    field<&BlockIo::weightDevice>("weightDevice"),
    field<&BlockIo::throttleReadBpsDevice>("throttleReadBpsDevice"),
    field<&BlockIo::throttleWriteBpsDevice>("throttleWriteBpsDevice"),
    field<&BlockIo::throttleReadIOPSDevice>("throttleReadIOPSDevice"),
    field<&BlockIo::throttleWriteIOPSDevice>("throttleWriteIOPSDevice"),
};

constexpr std::array kHugepageLimit = {
    field<&HugepageLimit::pageSize>("pageSize", Need::Required),
    field<&HugepageLimit::limit>("limit", Need::Required),
};

constexpr std::array kInterfacePriority = {
    field<&InterfacePriority::name>("name", Need::Required),
    field<&InterfacePriority::priority>("priority", Need::Required),
};

constexpr std::array kNetwork = {
    field<&Network::classID>("classID"),
    field<&Network::priorities>("priorities"),
};

constexpr std::array kRdma = {
    field<&Rdma::hcaHandles>("hcaHandles"),
    field<&Rdma::hcaObjects>("hcaObjects"),
};

constexpr std::array kResources = {
    field<&Resources::devices>("devices"), field<&Resources::memory>("memory"),
    field<&Resources::cpu>("cpu"),         field<&Resources::pids>("pids"),
    field<&Resources::blockIO>("blockIO"), field<&Resources::hugepageLimits>("hugepageLimits"),
    field<&Resources::network>("network"), field<&Resources::rdma>("rdma"),
    field<&Resources::unified>("unified"),
};

void check_device_number(std::optional<std::uint32_t> number, std::uint32_t max, const Pointer& at,
                         const char* key, Problems& problems) {
  if (number) check_between(*number, 0, max, at, key, problems);
}

template <typename Item>
void check_device_numbers(const Item& item, const Pointer& at, Problems& problems) {
  check_device_number(item.major, kMaxMajor, at, "major", problems);
  check_device_number(item.minor, kMaxMinor, at, "minor", problems);
}

void check_device_rules(const std::vector<DeviceRule>& rules, const Pointer& at,
                        Problems& problems) {
  for (std::size_t i = 0; i < rules.size(); ++i) {
    check_device_numbers(rules[i], at.at(i), problems);
    if (rules[i].access.find_first_not_of("rwm") != std::string::npos) {
      problems.error(at.at(i).at("access"), "must be made of r, w and m");
    }
  }
}

void check_limit(std::optional<std::int64_t> limit, const Pointer& at, const char* key,
                 Problems& problems) {
  if (limit && *limit < -1) problems.error(at.at(key), "must be -1 (unlimited) or not negative");
}

void check_memory(const Memory& memory, const Pointer& at, Problems& problems) {
  check_limit(memory.limit, at, "limit", problems);
  check_limit(memory.reservation, at, "reservation", problems);
  check_limit(memory.swap, at, "swap", problems);
  check_limit(memory.kernel, at, "kernel", problems);
  check_limit(memory.kernelTCP, at, "kernelTCP", problems);
  if (memory.swappiness && *memory.swappiness > 100) {
    problems.error(at.at("swappiness"), "must be at most 100");
  }
}

void check_cpu(const Cpu& cpu, const Pointer& at, Problems& problems) {
  const std::int64_t quota = cpu.quota.value_or(0);
  if (cpu.burst && quota > 0 && *cpu.burst > static_cast<std::uint64_t>(quota)) {
    problems.error(at.at("burst"), "is above the quota");
  }
  check_one_line(cpu.cpus, at, "cpus", problems);
  check_one_line(cpu.mems, at, "mems", problems);
}

void check_throttles(const std::vector<ThrottleDevice>& devices, const Pointer& at,
                     Problems& problems) {
  for (std::size_t i = 0; i < devices.size(); ++i) {
    check_device_numbers(devices[i], at.at(i), problems);
  }
}

void check_block_io(const BlockIo& io, const Pointer& at, Problems& problems) {
  for (std::size_t i = 0; i < io.weightDevice.size(); ++i) {
    const WeightDevice& device = io.weightDevice[i];
    const Pointer entry = at.at("weightDevice").at(i);
    check_device_numbers(device, entry, problems);
    if (!device.weight && !device.leafWeight) {
      problems.error(entry, "needs a weight or a leafWeight");
    }
  }
  check_throttles(io.throttleReadBpsDevice, at.at("throttleReadBpsDevice"), problems);
  check_throttles(io.throttleWriteBpsDevice, at.at("throttleWriteBpsDevice"), problems);
  check_throttles(io.throttleReadIOPSDevice, at.at("throttleReadIOPSDevice"), problems);
  check_throttles(io.throttleWriteIOPSDevice, at.at("throttleWriteIOPSDevice"), problems);
}

// The JSON schema's ^[1-9][0-9]*[KMG]B$.
bool is_page_size(std::string_view text) {
  if (text.size() < 3 || text.front() < '1' || text.front() > '9' || text.back() != 'B')
    return false;
  const char unit = text[text.size() - 2];
  text.remove_suffix(2);
  return (unit == 'K' || unit == 'M' || unit == 'G') &&
         text.find_first_not_of("0123456789") == std::string_view::npos;
}

void check_hugepages(const std::vector<HugepageLimit>& limits, const Pointer& at,
                     Problems& problems) {
  for (std::size_t i = 0; i < limits.size(); ++i) {
    if (!is_page_size(limits[i].pageSize)) {
      problems.error(at.at(i).at("pageSize"), "must be a size such as 64KB, 2MB or 1GB");
    }
  }
}

void check_network(const Network& network, const Pointer& at, Problems& problems) {
  for (std::size_t i = 0; i < network.priorities.size(); ++i) {
    // Written to net_prio.ifpriomap as "NAME PRIORITY".
    const std::string& name = network.priorities[i].name;
    if (name.empty() || name.find(' ') != std::string::npos || has_control_character(name)) {
      problems.error(at.at("priorities").at(i).at("name"), "is not the name of an interface");
    }
  }
}

void check_rdma(const std::map<std::string, Rdma>& rdma, const Pointer& at, Problems& problems) {
  for (const auto& [device, limits] : rdma) {
    if (device.empty() || device.find(' ') != std::string::npos || has_control_character(device)) {
      problems.error(at.at(device), "is not the name of a device");
    } else if (!limits.hcaHandles && !limits.hcaObjects) {
      problems.error(at.at(device), "needs hcaHandles or hcaObjects");
    }
  }
}

// Each key is a file of the container's own cgroup: nothing that leads elsewhere.
void check_unified(const StringMap& unified, const Pointer& at, Problems& problems) {
  for (const auto& [file, value] : unified) {
    const bool special = file.empty() || file == "." || file == "..";
    if (special || file.find('/') != std::string::npos || has_control_character(file)) {
      problems.error(at.at(file), "is not the name of a cgroup file");
    }
  }
}

}  // namespace

Fields<DeviceRule> fields_of(const DeviceRule&) { return kDeviceRule; }
Fields<Memory> fields_of(const Memory&) { return kMemory; }
Fields<Cpu> fields_of(const Cpu&) { return kCpu; }
Fields<Pids> fields_of(const Pids&) { return kPids; }
Fields<WeightDevice> fields_of(const WeightDevice&) { return kWeightDevice; }
Fields<ThrottleDevice> fields_of(const ThrottleDevice&) { return kThrottleDevice; }
Fields<BlockIo> fields_of(const BlockIo&) { return kBlockIo; }
Fields<HugepageLimit> fields_of(const HugepageLimit&) { return kHugepageLimit; }
Fields<InterfacePriority> fields_of(const InterfacePriority&) { return kInterfacePriority; }
Fields<Network> fields_of(const Network&) { return kNetwork; }
Fields<Rdma> fields_of(const Rdma&) { return kRdma; }
Fields<Resources> fields_of(const Resources&) { return kResources; }

void check(const Resources& resources, const Pointer& at, Problems& problems) {
  check_device_rules(resources.devices, at.at("devices"), problems);
  if (resources.memory) check_memory(*resources.memory, at.at("memory"), problems);
  if (resources.cpu) check_cpu(*resources.cpu, at.at("cpu"), problems);
  if (resources.pids) check_limit(resources.pids->limit, at.at("pids"), "limit", problems);
  if (resources.blockIO) check_block_io(*resources.blockIO, at.at("blockIO"), problems);
  check_hugepages(resources.hugepageLimits, at.at("hugepageLimits"), problems);
  if (resources.network) check_network(*resources.network, at.at("network"), problems);
  check_rdma(resources.rdma, at.at("rdma"), problems);
  check_unified(resources.unified, at.at("unified"), problems);
}

}  // namespace oci
