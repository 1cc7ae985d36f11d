// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/seccomp_prologue.h"

#include <linux/seccomp.h>

#include <cerrno>
#include <cstddef>

namespace ctr {
namespace {

using Program = std::vector<sock_filter>;

constexpr std::uint16_t kLoad = BPF_LD | BPF_W | BPF_ABS;
constexpr std::uint16_t kReturn = BPF_RET | BPF_K;
constexpr std::uint16_t kIfEqual = BPF_JMP | BPF_JEQ | BPF_K;
constexpr std::uint16_t kIfAbove = BPF_JMP | BPF_JGT | BPF_K;
constexpr std::uint16_t kIfAtLeast = BPF_JMP | BPF_JGE | BPF_K;
constexpr std::uint16_t kGo = BPF_JMP | BPF_JA;

sock_filter load(std::size_t offset) { return {kLoad, 0, 0, static_cast<std::uint32_t>(offset)}; }

// Skips the next instruction unless the condition holds.
sock_filter unless_skip(std::uint16_t condition, std::uint32_t value) {
  return {condition, 0, 1, value};
}

const sock_filter kEnosys{kReturn, 0, 0, SECCOMP_RET_ERRNO | ENOSYS};
// To the end of the prologue; the distance is filled in when it is known.
const sock_filter kToProgram{kGo, 0, 0, 0};

// The number is loaded and at least range.first. Every path ends in one of the two above.
Program number_checks(const SyscallRange& range) {
  Program code;
  if (range.zero_is_unknown) code.insert(code.end(), {unless_skip(kIfEqual, 0), kEnosys});
  if (range.block) {
    code.insert(code.end(), {unless_skip(kIfAbove, range.block->last), kEnosys});
    code.insert(code.end(), {unless_skip(kIfAtLeast, range.block->first), kToProgram});
  }
  code.insert(code.end(), {unless_skip(kIfAbove, range.last), kEnosys, kToProgram});
  return code;
}

// All ranges of one architecture, the highest first.
Program arch_checks(std::span<const SyscallRange> ranges) {
  Program code{load(offsetof(seccomp_data, nr))};
  for (const SyscallRange& range : ranges) {
    const Program checks = number_checks(range);
    if (range.first > 0) {
      code.push_back({kIfAtLeast, 0, static_cast<std::uint8_t>(checks.size()), range.first});
    }
    code.insert(code.end(), checks.begin(), checks.end());
  }
  // Numbers below every range: none when the lowest starts at 0.
  if (ranges.back().first > 0) code.push_back(kToProgram);
  return code;
}

void link(Program& code) {
  for (std::size_t i = 0; i < code.size(); ++i) {
    if (code[i].code == kGo) code[i].k = static_cast<std::uint32_t>(code.size() - i - 1);
  }
}

}  // namespace

std::vector<sock_filter> enosys_prologue(std::span<const SyscallRange> ranges) {
  Program code;
  while (!ranges.empty()) {
    const std::uint32_t arch = ranges.front().audit_arch;
    std::size_t count = 1;
    while (count < ranges.size() && ranges[count].audit_arch == arch) ++count;
    const Program checks = arch_checks(ranges.first(count));
    if (code.empty()) code.push_back(load(offsetof(seccomp_data, arch)));
    code.push_back({kIfEqual, 0, static_cast<std::uint8_t>(checks.size()), arch});
    code.insert(code.end(), checks.begin(), checks.end());
    ranges = ranges.subspan(count);
  }
  link(code);
  return code;
}

}  // namespace ctr
