// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "ctrtool/core/base/strf.h"
#include "runtime/translate/internal.h"

namespace oci {
namespace {

constexpr const char* kDelegate = "run.oci.delegate-cgroup";

ctr::DeviceRule translate_rule(const DeviceRule& rule) {
  ctr::DeviceRule out;
  out.allow = rule.allow;
  out.kind = rule.type == DeviceRuleType::Char    ? ctr::DeviceKind::Char
             : rule.type == DeviceRuleType::Block ? ctr::DeviceKind::Block
                                                  : ctr::DeviceKind::All;
  out.major = rule.major;
  out.minor = rule.minor;
  const ctr::Result<std::uint8_t> access = ctr::parse_device_access(rule.access);
  // No access named means all of it, as engines write `{"allow": false}`; the parser checked
  // letters.
  out.access = access.ok() && *access != 0 ? *access : ctr::kDeviceAll;
  return out;
}

ctr::MemoryLimits translate_memory(const Memory& memory) {
  ctr::MemoryLimits out;
  out.limit = memory.limit;
  out.reservation = memory.reservation;
  out.swap = memory.swap;
  out.kernel = memory.kernel;
  out.kernelTCP = memory.kernelTCP;
  out.swappiness = memory.swappiness;
  out.disableOOMKiller = memory.disableOOMKiller;
  out.useHierarchy = memory.useHierarchy;
  out.checkBeforeUpdate = memory.checkBeforeUpdate.value_or(false);
  return out;
}

ctr::CpuLimits translate_cpu(const Cpu& cpu) {
  ctr::CpuLimits out;
  out.shares = cpu.shares;
  out.quota = cpu.quota;
  out.period = cpu.period;
  out.burst = cpu.burst;
  out.realtimeRuntime = cpu.realtimeRuntime;
  out.realtimePeriod = cpu.realtimePeriod;
  out.idle = cpu.idle;
  out.cpus = cpu.cpus;
  out.mems = cpu.mems;
  return out;
}

std::vector<ctr::ThrottleDevice> translate_throttles(const std::vector<ThrottleDevice>& list) {
  std::vector<ctr::ThrottleDevice> out;
  for (const ThrottleDevice& one : list) out.push_back({one.major, one.minor, one.rate});
  return out;
}

ctr::BlockIoLimits translate_block_io(const BlockIo& io) {
  ctr::BlockIoLimits out;
  out.weight = io.weight;
  out.leafWeight = io.leafWeight;
  for (const WeightDevice& one : io.weightDevice)
    out.weightDevice.push_back({one.major, one.minor, one.weight, one.leafWeight});
  out.throttleReadBpsDevice = translate_throttles(io.throttleReadBpsDevice);
  out.throttleWriteBpsDevice = translate_throttles(io.throttleWriteBpsDevice);
  out.throttleReadIOPSDevice = translate_throttles(io.throttleReadIOPSDevice);
  out.throttleWriteIOPSDevice = translate_throttles(io.throttleWriteIOPSDevice);
  return out;
}

ctr::NetworkLimits translate_network(const Network& network) {
  ctr::NetworkLimits out;
  out.classID = network.classID;
  for (const InterfacePriority& one : network.priorities)
    out.priorities.push_back({one.name, one.priority});
  return out;
}

void translate_limits(const Resources& from, ctr::CgroupResources& out) {
  if (from.memory.has_value()) out.memory = translate_memory(*from.memory);
  if (from.cpu.has_value()) out.cpu = translate_cpu(*from.cpu);
  if (from.pids.has_value()) out.pids_limit = from.pids->limit;
  if (from.blockIO.has_value()) out.blockIO = translate_block_io(*from.blockIO);
  for (const HugepageLimit& one : from.hugepageLimits)
    out.hugepageLimits.push_back({one.pageSize, one.limit});
  if (from.network.has_value()) out.network = translate_network(*from.network);
  for (const auto& [device, limits] : from.rdma)
    out.rdma[device] = {limits.hcaHandles, limits.hcaObjects};
  out.unified = from.unified;
}

// The host's ID of the program's user, as far as the configuration says it.
std::optional<std::uint32_t> host_uid(const Work& work) {
  const std::uint32_t uid = work.spec.process.has_value() ? work.spec.process->user.uid : 0;
  return work.in_user_namespace() ? host_id(work.spec.linux_.uidMappings, uid) : uid;
}

bool mounts_cgroups_writable(const Spec& spec) {
  for (const Mount& mount : spec.mounts)
    if (mount.type == "cgroup" || mount.type == "cgroup2")
      return std::find(mount.options.begin(), mount.options.end(), "ro") == mount.options.end();
  return false;
}

// Who is not root may give nothing away.
void add_delegated_cgroup(Work& work, const std::string& name) {
  const Pointer at = annotation_at(kDelegate);
  if (!work.options.cgroup.has_value()) {
    work.problems.unsupported(at, "there is no cgroup to divide");
    return;
  }
  const ctr::Result<std::string> path = ctr::normalize_cgroup_path(name);
  if (!path.ok() || *path != "/" + name || name.find('/') != std::string::npos) {
    work.problems.error(at, ctr::quote(name) + " is not the name of a cgroup");
    return;
  }
  const std::uint32_t uid =
      work.facts.privileged() ? host_uid(work).value_or(work.facts.euid) : work.facts.euid;
  work.parent(ctr::Phase::Cgroup, ctr::DelegateCgroup{uid, name}, at);
}

}  // namespace

// crun's annotation: the program is in one more cgroup, its own, below the one with the limits.
std::string delegated_cgroup(const Work& work) { return work.annotation(kDelegate); }

bool divides_cgroup(const Spec& spec) { return !annotation_of(spec, kDelegate).empty(); }

// The specification's "Cgroup ownership": with a cgroup namespace of its own and a writable cgroup
// file system, the container's user gets the cgroup. Only on v2; the executor sees to that.
void add_delegation(Work& work) {
  if (const std::string below = delegated_cgroup(work); !below.empty()) {
    add_delegated_cgroup(work, below);
    return;
  }
  if (!work.options.cgroup.has_value()) return;
  if (!work.new_namespace(NamespaceType::Cgroup) || !mounts_cgroups_writable(work.spec)) return;
  const std::optional<std::uint32_t> uid = host_uid(work);
  if (!uid.has_value() || *uid == work.facts.euid || !work.facts.privileged()) return;
  work.parent(ctr::Phase::Cgroup, ctr::DelegateCgroup{*uid}, Pointer("/linux/cgroupsPath"));
}

// Absent or empty rules deny what is not on the default list: they never mean "allow all"
// (runc GHSA-g54h-m393-cpwq).
ctr::CgroupResources translate_resources(const std::optional<Resources>& resources,
                                         const ctr::HostFacts& facts) {
  ctr::CgroupResources out;
  std::vector<ctr::DeviceRule> rules;
  if (resources.has_value()) {
    for (const DeviceRule& rule : resources->devices) rules.push_back(translate_rule(rule));
    translate_limits(*resources, out);
  }
  for (const ctr::DeviceRule& rule : ctr::default_device_rules()) rules.push_back(rule);
  out.devices = std::move(rules);
  out.devices_if_permitted = !facts.privileged();
  return out;
}

ctr::CgroupResources translate_update(const Resources& resources, const ctr::HostFacts& facts) {
  ctr::CgroupResources out = translate_resources(resources, facts);
  if (resources.devices.empty()) out.devices.reset();
  return out;
}

}  // namespace oci
