// SPDX-License-Identifier: Apache-2.0
// Runs a seccomp program as the kernel would: the verdict for one system call. Only what seccomp(2)
// allows; anything else, a jump out of the program or a missing return, is no verdict.
#pragma once

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace ctr {

#if defined(__x86_64__)
inline constexpr std::uint32_t kNativeAuditArch = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
inline constexpr std::uint32_t kNativeAuditArch = AUDIT_ARCH_AARCH64;
#else
inline constexpr std::uint32_t kNativeAuditArch = 0;
#endif

std::optional<std::uint32_t> seccomp_verdict(const std::vector<sock_filter>& program,
                                             const seccomp_data& data);

}  // namespace ctr
