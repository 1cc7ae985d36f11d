// SPDX-License-Identifier: Apache-2.0
// The spec's words for actions, operators, architectures and flags of a seccomp profile. For the
// files of kit/seccomp only.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace ctr {

struct SeccompActionWord {
  std::string_view name;
  std::uint32_t value;     // SECCOMP_RET_*, without its data
  std::uint32_t max_data;  // the largest errnoRet; 0: the action takes none
  bool denies;             // the syscall is not carried out, nobody else is asked
};
struct SeccompOperatorWord {
  std::string_view name;
  int value;  // enum scmp_compare
};
struct SeccompArchWord {
  std::string_view name;
  const char* library_name;  // of seccomp_arch_resolve_name(3)
};
struct SeccompFlagWord {
  std::string_view name;
  unsigned value;  // SECCOMP_FILTER_FLAG_*; 0: accepted without effect
};

std::span<const SeccompActionWord> seccomp_action_words();
std::span<const SeccompOperatorWord> seccomp_operator_words();
std::span<const SeccompArchWord> seccomp_arch_words();
std::span<const SeccompFlagWord> seccomp_flag_words();

// Null when there is no such word.
const SeccompActionWord* find_seccomp_action(std::string_view name);
const SeccompOperatorWord* find_seccomp_operator(std::string_view name);
const SeccompArchWord* find_seccomp_arch(std::string_view name);
const SeccompFlagWord* find_seccomp_flag(std::string_view name);

}  // namespace ctr
