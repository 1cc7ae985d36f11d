// SPDX-License-Identifier: Apache-2.0
// Rules by number, made into BPF: for each architecture a balanced tree of comparisons, whose
// leaves are ranges of numbers with one answer. Knows nothing of names and of libseccomp; see
// seccomp_direct.h for where the numbers come from.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace ctr {

struct SeccompCondition {
  enum Op : std::uint8_t { Equal, NotEqual, Less, LessEqual, Greater, GreaterEqual };
  enum Width : bool { Low32, All64 };  // what of the argument is looked at
  unsigned index;
  Op op;
  Width width;
  std::uint64_t mask;  // of the argument, before the comparison
  std::uint64_t value;
};

struct SeccompNumberRule {
  std::uint32_t number;
  std::uint32_t action;                        // SECCOMP_RET_*, with its data
  std::vector<SeccompCondition> conditions{};  // all must hold; none: always
};

// Numbers that are not this architecture's at all: [first, last].
struct SeccompForeignNumbers {
  std::uint32_t first;
  std::uint32_t last;
};

struct SeccompArchRules {
  std::uint32_t audit_arch;
  std::vector<SeccompNumberRule> rules{};
  std::optional<SeccompForeignNumbers> foreign{};
};

// A rule without conditions decides its number alone, the first one if there are several. Nothing:
// rules of different actions may hold for one call, and it is not ours to say which one wins.
// What is no rule's gets `default_action`; foreign architectures and numbers get KILL_THREAD.
std::optional<std::vector<sock_filter>> seccomp_tree(std::vector<SeccompArchRules> architectures,
                                                     std::uint32_t default_action);

}  // namespace ctr
