// SPDX-License-Identifier: Apache-2.0
// Paths, limits and device rules from a configuration, and the kernel's lists: no crash, no message
// of two lines, and no path or file name that leads out of the cgroup.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ctrtool/core/base/result.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/cgroup_devices.h"
#include "ctrtool/core/kit/cgroup_layout.h"
#include "ctrtool/core/kit/cgroup_resources.h"
#include "ctrtool/core/kit/cgroup_stats.h"
#include "tests/fuzz/fuzz.h"

namespace {

using fuzz::accepted;

void path(std::string_view text) {
  const ctr::Result<std::string> clean = ctr::normalize_cgroup_path(text);
  if (!accepted(clean)) return;
  CTR_ASSERT(*ctr::normalize_cgroup_path(*clean) == *clean);
  CTR_ASSERT(ctr::cgroup_contains("/", *clean) && ctr::cgroup_contains(*clean, *clean));
  CTR_ASSERT(!ctr::cgroup_contains(*clean, ctr::strf("%s0", clean->c_str())));
  for (const std::string_view component : ctr::split(*clean, '/')) CTR_ASSERT(component != "..");
}

// Five bytes a rule.
std::vector<ctr::DeviceRule> rules(std::string_view bytes) {
  const auto number = [](char c) {
    return c == 0 ? std::nullopt
                  : std::optional<std::uint32_t>(static_cast<unsigned char>(c) * 0x01010101U);
  };
  std::vector<ctr::DeviceRule> list;
  for (; bytes.size() >= 5; bytes.remove_prefix(5))
    list.push_back({(bytes[0] & 1) != 0,
                    static_cast<ctr::DeviceKind>(static_cast<unsigned char>(bytes[1]) % 3),
                    number(bytes[2]), number(bytes[3]),
                    static_cast<std::uint8_t>(bytes[4] & ctr::kDeviceAll)});
  return list;
}

void devices(std::string_view bytes) {
  const std::vector<ctr::DeviceRule> list = rules(bytes);
  const ctr::Result<std::vector<bpf_insn>> program = ctr::device_program(list);
  if (accepted(program)) CTR_ASSERT(program->size() <= 4096);
  const ctr::Result<ctr::DevicePolicy> policy = ctr::device_policy(list);
  if (!accepted(policy)) return;
  // What has just been written needs no change.
  std::string listed;
  for (const ctr::DeviceWrite& write : ctr::device_writes(*policy))
    if (write.allow && write.text != "a") listed.append(write.text).append(1, '\n');
  const ctr::Result<std::vector<ctr::DeviceWrite>> changes = ctr::device_changes(listed, *policy);
  CTR_ASSERT(changes.ok() && (policy->allow || changes->empty()));
}

void lists(std::string_view text) {
  static_cast<void>(accepted(ctr::parse_proc_cgroup(text)));
  static_cast<void>(accepted(ctr::device_changes(text, ctr::DevicePolicy{})));
  static_cast<void>(accepted(ctr::parse_device_access(text)));
  static_cast<void>(ctr::parse_cpu_list(text));
  static_cast<void>(ctr::parse_blkio(text));
  static_cast<void>(ctr::parse_io_stat(text, "rbytes", "wbytes"));
  static_cast<void>(ctr::parse_pressure(text));
}

void limits(std::string_view text) {
  const std::string word(text);
  ctr::CgroupResources resources;
  resources.unified[word] = word;
  resources.cpu.cpus = word;
  resources.rdma[word] = {1, 1};
  resources.hugepageLimits.push_back({word, 1});
  for (const ctr::LimitProblem& problem : ctr::check_limits(resources))
    CTR_ASSERT(problem.message.find('\n') == std::string::npos);
  const ctr::CgroupLayout layout{
      ctr::CgroupKind::V2,
      {{"unified", "/cg", {"cpu", "memory", "hugetlb"}, ctr::CgroupVersion::V2, "/"}}};
  resources = {};
  resources.unified[word] = std::string("1");
  const auto writes = ctr::cgroup_writes(layout, resources, ctr::CgroupStage::Fresh);
  if (!accepted(writes)) return;
  for (const ctr::CgroupWrite& write : *writes)
    CTR_ASSERT(write.file.find('/') == std::string::npos && write.file != "cgroup.procs");
}

constexpr void (*kTargets[])(std::string_view) = {path, devices, lists, limits};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return fuzz::run_one(kTargets, data, size);
}
