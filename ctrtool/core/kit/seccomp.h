// SPDX-License-Identifier: Apache-2.0
// Seccomp profiles: checked, and compiled into the kernel's BPF. The only user of libseccomp.
//
// The words are those of the spec (config-linux.md, "Seccomp"). Rules as in runc, so that a profile
// written for it means the same:
//   - a rule whose action is the default action says nothing and is skipped;
//   - a syscall name that libseccomp does not know is skipped;
//   - several conditions on one argument are alternatives, on several arguments all must hold;
//   - no flag is set that the profile does not name (crun adds LOG and SPEC_ALLOW);
//   - a syscall newer than all that the profile names gets ENOSYS instead of a default action that
//     denies (see seccomp_prologue.h).
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ctrtool/core/base/result.h"

namespace ctr {

struct SeccompArg {
  std::uint32_t index;  // 0 to 5
  std::uint64_t value;  // SCMP_CMP_MASKED_EQ: the mask
  std::uint64_t value_two = 0;
  std::string op;  // SCMP_CMP_*
  bool operator==(const SeccompArg&) const = default;
};

struct SeccompRule {
  std::vector<std::string> names;
  std::string action;  // SCMP_ACT_*
  std::optional<std::uint32_t> errno_ret{};
  std::vector<SeccompArg> args{};
  bool operator==(const SeccompRule&) const = default;
};

struct SeccompProfile {
  std::string default_action;
  std::optional<std::uint32_t> default_errno_ret{};
  std::vector<std::string> architectures{};  // SCMP_ARCH_*; the native one is implied
  std::vector<std::string> flags{};          // SECCOMP_FILTER_FLAG_*
  std::string listener_path{};
  std::string listener_metadata{};
  std::vector<SeccompRule> rules{};
  bool operator==(const SeccompProfile&) const = default;
};

// `pointer` is a JSON pointer relative to the profile, in the spec's spelling:
// "/syscalls/3/args/0/index".
struct SeccompProblem {
  std::string pointer;
  std::string message;
};
// Everything that makes the profile wrong on any kernel.
std::vector<SeccompProblem> check_seccomp(const SeccompProfile& profile);
// What is skipped silently later: names of syscalls that libseccomp does not know.
std::vector<SeccompProblem> seccomp_notes(const SeccompProfile& profile);

// The program, complete. A profile that check_seccomp() finds wrong gets its first problem as
// error.
Result<std::vector<sock_filter>> compile_seccomp(const SeccompProfile& profile);

// The flags for seccomp(2): those of the profile, and NEW_LISTENER when a rule notifies. A flag
// that this kernel lacks is Unsupported. TSYNC is accepted and means nothing: there is one thread.
Result<unsigned> seccomp_load_flags(const SeccompProfile& profile);

// Whether any rule (or, with a name, any rule for that syscall) has the action SCMP_ACT_NOTIFY.
// What the loader itself calls between loading and execve must not notify: nobody would answer.
bool seccomp_notifies(const SeccompProfile& profile);
bool seccomp_notifies(const SeccompProfile& profile, std::string_view syscall);

// For `features`, sorted.
std::vector<std::string_view> seccomp_actions();
std::vector<std::string_view> seccomp_operators();
std::vector<std::string_view> seccomp_architectures();  // that this libseccomp can compile for
std::vector<std::string_view> seccomp_known_flags();
std::vector<std::string_view> seccomp_supported_flags();  // by this kernel
std::string seccomp_library_version();                    // "2.5.4"

}  // namespace ctr
