// SPDX-License-Identifier: Apache-2.0
// Profiles compiled by ourselves. For the kit/seccomp files only.
//
// libseccomp takes 20 ms for what podman and Docker write, a list of some hundred names; most of it
// is for merging conditions of rules that overlap, which hardly any profile has. Here such a list
// takes a hundredth of that, to a program half as long, with the same verdicts (a unit test
// compares them). Names and numbers are libseccomp's, and what is not said here is left to it.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "ctrtool/core/kit/seccomp.h"

namespace ctr {

// What libseccomp says of the profile's names on one architecture.
struct SeccompNumbers {
  std::uint32_t arch;  // its SCMP_ARCH_*
  // One for each name of each rule, in their order; below zero: no such call.
  std::vector<int> of_names{};
};

// Nothing: an architecture with other rules than those of x86, ARM and RISC-V, a mask of no bits,
// or rules with different actions that may hold for one call.
std::optional<std::vector<sock_filter>> compile_directly(const SeccompProfile& profile,
                                                         std::span<const SeccompNumbers> numbers,
                                                         std::uint32_t default_action);

// The two ways of compile_seccomp(). Nothing from the first one: to be done by the other.
Result<std::optional<std::vector<sock_filter>>> compile_seccomp_directly(
    const SeccompProfile& profile);
Result<std::vector<sock_filter>> compile_seccomp_by_library(const SeccompProfile& profile);

// SECCOMP_RET_* with its data, for an action that check_seccomp() has found right.
std::uint32_t seccomp_action_value(std::string_view action, std::optional<std::uint32_t> data);

}  // namespace ctr
