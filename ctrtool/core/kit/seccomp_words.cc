// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/seccomp_words.h"

#include <linux/seccomp.h>
#include <seccomp.h>

#include <algorithm>
#include <array>

namespace ctr {
namespace {

// The kernel caps an errno here (MAX_ERRNO); a tracer gets all 16 bits.
constexpr std::uint32_t kMaxErrno = 4095;
constexpr std::uint32_t kMaxTrace = 65535;

constexpr auto kActions = std::to_array<SeccompActionWord>({
    {"SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW, 0, false},
    {"SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO, kMaxErrno, true},
    {"SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD, 0, true},
    {"SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS, 0, true},
    {"SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD, 0, true},
    {"SCMP_ACT_LOG", SECCOMP_RET_LOG, 0, false},
    {"SCMP_ACT_NOTIFY", SECCOMP_RET_USER_NOTIF, 0, false},
    {"SCMP_ACT_TRACE", SECCOMP_RET_TRACE, kMaxTrace, false},
    {"SCMP_ACT_TRAP", SECCOMP_RET_TRAP, 0, true},
});

constexpr auto kOperators = std::to_array<SeccompOperatorWord>({
    {"SCMP_CMP_EQ", SCMP_CMP_EQ},
    {"SCMP_CMP_GE", SCMP_CMP_GE},
    {"SCMP_CMP_GT", SCMP_CMP_GT},
    {"SCMP_CMP_LE", SCMP_CMP_LE},
    {"SCMP_CMP_LT", SCMP_CMP_LT},
    {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
    {"SCMP_CMP_NE", SCMP_CMP_NE},
});

// The names of libseccomp 2.6; an older library does not resolve the last ones.
constexpr auto kArchs = std::to_array<SeccompArchWord>({
    {"SCMP_ARCH_AARCH64", "aarch64"},
    {"SCMP_ARCH_ARM", "arm"},
    {"SCMP_ARCH_LOONGARCH64", "loongarch64"},
    {"SCMP_ARCH_M68K", "m68k"},
    {"SCMP_ARCH_MIPS", "mips"},
    {"SCMP_ARCH_MIPS64", "mips64"},
    {"SCMP_ARCH_MIPS64N32", "mips64n32"},
    {"SCMP_ARCH_MIPSEL", "mipsel"},
    {"SCMP_ARCH_MIPSEL64", "mipsel64"},
    {"SCMP_ARCH_MIPSEL64N32", "mipsel64n32"},
    {"SCMP_ARCH_PARISC", "parisc"},
    {"SCMP_ARCH_PARISC64", "parisc64"},
    {"SCMP_ARCH_PPC", "ppc"},
    {"SCMP_ARCH_PPC64", "ppc64"},
    {"SCMP_ARCH_PPC64LE", "ppc64le"},
    {"SCMP_ARCH_RISCV64", "riscv64"},
    {"SCMP_ARCH_S390", "s390"},
    {"SCMP_ARCH_S390X", "s390x"},
    {"SCMP_ARCH_SH", "sh"},
    {"SCMP_ARCH_SHEB", "sheb"},
    {"SCMP_ARCH_X32", "x32"},
    {"SCMP_ARCH_X86", "x86"},
    {"SCMP_ARCH_X86_64", "x86_64"},
});

// TSYNC: the loader has one thread.
constexpr auto kFlags = std::to_array<SeccompFlagWord>({
    {"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
    {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
    {"SECCOMP_FILTER_FLAG_TSYNC", 0},
    {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV},
});

template <typename Word>
const Word* find(std::span<const Word> words, std::string_view name) {
  const auto found = std::ranges::find(words, name, &Word::name);
  return found != words.end() ? &*found : nullptr;
}

}  // namespace

std::span<const SeccompActionWord> seccomp_action_words() { return kActions; }
std::span<const SeccompOperatorWord> seccomp_operator_words() { return kOperators; }
std::span<const SeccompArchWord> seccomp_arch_words() { return kArchs; }
std::span<const SeccompFlagWord> seccomp_flag_words() { return kFlags; }

const SeccompActionWord* find_seccomp_action(std::string_view name) {
  return find(seccomp_action_words(), name);
}
const SeccompOperatorWord* find_seccomp_operator(std::string_view name) {
  return find(seccomp_operator_words(), name);
}
const SeccompArchWord* find_seccomp_arch(std::string_view name) {
  return find(seccomp_arch_words(), name);
}
const SeccompFlagWord* find_seccomp_flag(std::string_view name) {
  return find(seccomp_flag_words(), name);
}

}  // namespace ctr
