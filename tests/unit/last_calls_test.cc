// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/exec/last_calls.h"

#include <gtest/gtest.h>

#include "ctrtool/core/kit/seccomp.h"
#include "tests/unit/podman_profile.h"

namespace ctr {
namespace {

std::vector<sock_filter> compiled(const std::string& default_action, const SeccompRule& rule) {
  const auto program = compile_seccomp({.default_action = default_action, .rules = {rule}});
  EXPECT_TRUE(program.ok());
  return program.ok() ? *program : std::vector<sock_filter>();
}

bool passes_without(const std::string& call, const std::string& action = "SCMP_ACT_ERRNO") {
  return lets_us_finish(compiled("SCMP_ACT_ALLOW", {.names = {call}, .action = action}));
}

TEST(LastCalls, PassAFilterThatDeniesOthers) {
  EXPECT_TRUE(passes_without("swapon"));
  EXPECT_TRUE(passes_without("prctl", "SCMP_ACT_LOG"));
  const SeccompRule older{.names = {"clone3"}, .action = "SCMP_ACT_ERRNO", .errno_ret = 38};
  EXPECT_TRUE(lets_us_finish(compiled("SCMP_ACT_ALLOW", older))) << "clone takes its place";
}

#if defined(__x86_64__)
TEST(LastCalls, PassPodmansFilter) {
  const auto program = compile_seccomp(test::podman_profile());
  ASSERT_TRUE(program.ok());
  EXPECT_TRUE(lets_us_finish(*program));
}
#endif

TEST(LastCalls, EachIsMissed) {
  for (const char* call :
       {"capset", "clone", "clone3", "prctl", "setsid", "sendmsg", "recvmsg", "accept4", "execve",
        "exit_group", "close", "rt_sigaction", "prlimit64", "ioctl", "mmap"})
    EXPECT_FALSE(passes_without(call)) << call;
  EXPECT_FALSE(passes_without("setsid", "SCMP_ACT_KILL"));
  EXPECT_FALSE(
      lets_us_finish(compiled("SCMP_ACT_ERRNO", {.names = {"read"}, .action = "SCMP_ACT_ALLOW"})));
  EXPECT_FALSE(lets_us_finish({})) << "no filter has no verdict";
}

// As engines' profiles do for clone.
TEST(LastCalls, ArgumentsAreOurs) {
  constexpr std::uint64_t kNewNamespaces = 0x7e020000;
  const SeccompRule none_new{
      .names = {"clone"},
      .action = "SCMP_ACT_ERRNO",
      .args = {
          {.index = 0, .value = 0x10000000, .value_two = 0x10000000, .op = "SCMP_CMP_MASKED_EQ"}}};
  EXPECT_TRUE(lets_us_finish(compiled("SCMP_ACT_ALLOW", none_new)));
  const SeccompRule none_else{
      .names = {"clone"},
      .action = "SCMP_ACT_ERRNO",
      .args = {{.index = 0, .value = kNewNamespaces, .value_two = 0, .op = "SCMP_CMP_MASKED_EQ"}}};
  EXPECT_FALSE(lets_us_finish(compiled("SCMP_ACT_ALLOW", none_else)));
}

}  // namespace
}  // namespace ctr
