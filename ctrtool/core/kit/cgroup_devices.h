// SPDX-License-Identifier: Apache-2.0
// Which devices a container may use. A list of rules; for each of read, write and mknod the last
// rule that speaks of it decides, and what no rule speaks of is denied. On v1 the rules become
// writes to devices.allow and devices.deny, on v2 a program for the kernel.
#pragma once

#include <linux/bpf.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"

namespace ctr {

enum class DeviceKind : std::uint8_t { All, Char, Block };

// Bits of DeviceRule::access; the kernel's BPF_DEVCG_ACC_*.
inline constexpr std::uint8_t kDeviceMknod = 1;
inline constexpr std::uint8_t kDeviceRead = 2;
inline constexpr std::uint8_t kDeviceWrite = 4;
inline constexpr std::uint8_t kDeviceAll = kDeviceMknod | kDeviceRead | kDeviceWrite;

struct DeviceRule {
  bool allow = false;
  DeviceKind kind = DeviceKind::All;
  std::optional<std::uint32_t> major{};  // absent: any
  std::optional<std::uint32_t> minor{};
  std::uint8_t access = kDeviceAll;

  bool operator==(const DeviceRule&) const = default;
};

// "rwm", in any order; nothing else.
Result<std::uint8_t> parse_device_access(std::string_view text);
std::string format_device_access(std::uint8_t access);

// What every container may use, to be put after the rules of the configuration: mknod of anything
// (making a node is not using it), null, zero, full, random, urandom, tty, console, ptmx and pts.
// Not tun: who wants it says so.
std::vector<DeviceRule> default_device_rules();

// The rules without order: a default, and exceptions of the opposite kind that do not overlap in
// effect. Some lists of rules cannot be said so ("allow all of this major, but not that minor, in
// a default of deny"): Unsupported, because v1 has no other words.
struct DevicePolicy {
  bool allow = false;
  std::vector<DeviceRule> exceptions;  // kind is Char or Block; each device once

  bool operator==(const DevicePolicy&) const = default;
};
Result<DevicePolicy> device_policy(const std::vector<DeviceRule>& rules);

// One write to devices.allow or devices.deny.
struct DeviceWrite {
  bool allow = false;
  std::string text;  // "c 1:3 rwm", "a"

  bool operator==(const DeviceWrite&) const = default;
};
// For a cgroup in whatever state: first the default, then the exceptions.
std::vector<DeviceWrite> device_writes(const DevicePolicy& policy);
// For a cgroup in use: from what devices.list says now, only the differences, grants first, so that
// nothing allowed both before and after is denied in between.
Result<std::vector<DeviceWrite>> device_changes(std::string_view devices_list,
                                                const DevicePolicy& policy);

// The program for BPF_PROG_TYPE_CGROUP_DEVICE, at most 4096 instructions.
Result<std::vector<bpf_insn>> device_program(const std::vector<DeviceRule>& rules);

// Makes these the rules of a v2 cgroup. A program that an earlier call has left there is replaced
// in one step (Linux 5.6); programs of others (systemd) stay, and all must agree.
Result<void> attach_device_rules(BorrowedFd cgroup, const std::vector<DeviceRule>& rules);

}  // namespace ctr
