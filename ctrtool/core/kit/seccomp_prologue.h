// SPDX-License-Identifier: Apache-2.0
// The instructions in front of a compiled profile that answer ENOSYS for syscalls newer than it.
//
// Programs try a new syscall and fall back to an older one when they get ENOSYS; a profile from
// before that syscall would answer EPERM, or kill. The numbers above the last one that the profile
// names were unknown to its author. As in runc, which had the idea.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace ctr {

// Syscall numbers that are out of the row in which new ones are added: x32's own versions of some
// syscalls, and ARM's private ones.
struct NumberBlock {
  std::uint32_t first;
  std::uint32_t last;
  bool operator==(const NumberBlock&) const = default;
};

// What a profile knows of one architecture.
struct SyscallRange {
  std::uint32_t audit_arch;  // AUDIT_ARCH_* as in seccomp_data
  std::uint32_t last;        // the largest number named, apart from the block
  std::optional<NumberBlock> block{};
  // The low end of the numbers that are this architecture's: x32 shares AUDIT_ARCH_X86_64, and has
  // numbers of its own from bit 30 up.
  std::uint32_t first = 0;
  // s390 enters with number 0 when the kernel does not know the syscall.
  bool zero_is_unknown = false;
};

// `ranges`: those of one audit_arch by falling `first`. Falls through to the program after it.
std::vector<sock_filter> enosys_prologue(std::span<const SyscallRange> ranges);

}  // namespace ctr
