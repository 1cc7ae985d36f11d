// SPDX-License-Identifier: Apache-2.0
// Seccomp profiles from anybody: no crash, no message of two lines, no endless compilation, and a
// profile that passes the check makes a program that always comes to a verdict.
#include <linux/audit.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "ctrtool/core/base/result.h"
#include "ctrtool/core/kit/seccomp.h"
#include "ctrtool/core/kit/seccomp_verdict.h"
#include "ctrtool/core/kit/seccomp_words.h"

namespace {

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_(data), left_(size) {}

  bool empty() const { return left_ == 0; }
  unsigned byte() {
    if (left_ == 0) return 0;
    --left_;
    return *data_++;
  }
  std::uint64_t number() {
    std::uint64_t value = 0;
    for (int i = 0; i < 8; ++i) value = value << 8 | byte();
    return value;
  }
  // Mostly one of the words; now and then none of them.
  template <typename Words>
  std::string word_of(const Words& words) {
    const std::size_t pick = byte() % (words.size() + 1);
    return pick < words.size() ? std::string(words[pick].name) : "SCMP_NONE";
  }

 private:
  const std::uint8_t* data_;
  std::size_t left_;
};

constexpr std::array kNames = {"read", "write",  "ioctl",        "socket",  "clone", "mount",
                               "",     "openat", "no_such_call", "set_tls", "recv",  "exit"};

std::optional<std::uint32_t> maybe_errno(Input& in) {
  if (in.byte() % 2 == 0) return std::nullopt;
  return in.byte() << 5;
}

ctr::SeccompRule rule_from(Input& in) {
  ctr::SeccompRule rule;
  rule.action = in.word_of(ctr::seccomp_action_words());
  rule.errno_ret = maybe_errno(in);
  for (unsigned i = in.byte() % 4; i > 0; --i) rule.names.push_back(kNames[in.byte() % 12]);
  for (unsigned i = in.byte() % 8; i > 0; --i) {
    ctr::SeccompArg arg;
    arg.index = in.byte() % 7;
    arg.value = in.number();
    arg.value_two = in.number();
    arg.op = in.word_of(ctr::seccomp_operator_words());
    rule.args.push_back(std::move(arg));
  }
  return rule;
}

ctr::SeccompProfile profile_from(Input& in) {
  ctr::SeccompProfile profile{.default_action = in.word_of(ctr::seccomp_action_words())};
  profile.default_errno_ret = maybe_errno(in);
  for (unsigned i = in.byte() % 4; i > 0; --i) {
    profile.architectures.push_back(in.word_of(ctr::seccomp_arch_words()));
  }
  if (in.byte() % 2 == 0) profile.listener_path = "/run/agent";
  while (!in.empty() && profile.rules.size() < 64) profile.rules.push_back(rule_from(in));
  return profile;
}

void check_verdicts(const std::vector<sock_filter>& program) {
  constexpr std::uint32_t kArchs[] = {AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64};
  for (const std::uint32_t arch : kArchs) {
    for (const int number : {-1, 0, 16, 56, 600, 0x40000000, 0x40000210}) {
      const seccomp_data data{.nr = number, .arch = arch, .instruction_pointer = 0, .args = {}};
      CTR_ASSERT(ctr::seccomp_verdict(program, data).has_value());
    }
  }
}

}  // namespace

// libseccomp 2.5.4 loses some rules that contradict each other.
extern "C" const char* __lsan_default_suppressions() { return "leak:libseccomp"; }  // NOLINT

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input in(data, size);
  const ctr::SeccompProfile profile = profile_from(in);
  for (const ctr::SeccompProblem& problem : ctr::check_seccomp(profile)) {
    CTR_ASSERT(problem.message.find('\n') == std::string::npos);
  }
  const ctr::Result<std::vector<sock_filter>> program = ctr::compile_seccomp(profile);
  if (program.ok()) check_verdicts(*program);
  return 0;
}
