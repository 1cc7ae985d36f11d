// SPDX-License-Identifier: Apache-2.0
// The v2 program and the v1 writes are judged by what they decide: the program by running it here,
// the writes by the kernel's rules for exceptions; both against the sentence in the header.
#include "ctrtool/core/kit/cgroup_devices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/support/ns_test.h"

namespace ctr {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr auto kChar = DeviceKind::Char;
constexpr auto kBlock = DeviceKind::Block;
constexpr DeviceRule kDenyAll{};
constexpr DeviceRule kAllowAll{true};

struct Request {
  DeviceKind kind;
  std::uint32_t major;
  std::uint32_t minor;
  std::uint8_t access;
};

bool speaks_of(const DeviceRule& rule, const Request& r) {
  return (rule.kind == DeviceKind::All || rule.kind == r.kind) &&
         rule.major.value_or(r.major) == r.major && rule.minor.value_or(r.minor) == r.minor;
}

// "For each of read, write and mknod the last rule that speaks of it decides."
bool by_the_sentence(const std::vector<DeviceRule>& rules, const Request& request) {
  for (const std::uint8_t bit : {kDeviceMknod, kDeviceRead, kDeviceWrite}) {
    if ((request.access & bit) == 0) continue;
    bool allowed = false;
    for (const DeviceRule& rule : rules)
      if (speaks_of(rule, request) && (rule.access & bit) != 0) allowed = rule.allow;
    if (!allowed) return false;
  }
  return true;
}

// The few instructions that device_program() uses, as the kernel runs them.
int run_program(const std::vector<bpf_insn>& program, const Request& request) {
  const std::uint32_t type = request.kind == kBlock ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR;
  const std::uint32_t context[] = {std::uint32_t{request.access} << 16 | type, request.major,
                                   request.minor};
  std::uint64_t registers[11] = {};
  for (std::size_t at = 0, steps = 0; at < program.size() && steps < 10000; ++at, ++steps) {
    const bpf_insn& insn = program[at];
    std::uint64_t& to = registers[insn.dst_reg];
    const auto value = static_cast<std::uint32_t>(insn.imm);
    const auto low = static_cast<std::uint32_t>(to);
    switch (insn.code) {
      case BPF_LDX | BPF_MEM | BPF_W:
        to = context[insn.off / 4];
        break;
      case BPF_ALU | BPF_MOV | BPF_X:
        to = static_cast<std::uint32_t>(registers[insn.src_reg]);
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        to = low & value;
        break;
      case BPF_ALU | BPF_RSH | BPF_K:
        to = low >> value;
        break;
      case BPF_ALU64 | BPF_MOV | BPF_K:
        to = value;
        break;
      case BPF_JMP32 | BPF_JNE | BPF_K:
        if (low != value) at += static_cast<std::size_t>(insn.off);
        break;
      case BPF_JMP32 | BPF_JEQ | BPF_K:
        if (low == value) at += static_cast<std::size_t>(insn.off);
        break;
      case BPF_JMP | BPF_EXIT:
        return static_cast<int>(registers[0]);
      default:
        ADD_FAILURE() << "unknown instruction " << int{insn.code};
        return -1;
    }
  }
  ADD_FAILURE() << "ran off the end";
  return -1;
}

bool decides(const std::vector<DeviceRule>& rules, const Request& request) {
  const auto program = device_program(rules);
  EXPECT_TRUE(program.ok());
  return run_program(*program, request) == 1;
}

// security/device_cgroup.c: with a default of deny one exception must cover the whole request; with
// a default of allow any exception that touches it refuses.
bool by_v1(const DevicePolicy& policy, const Request& request) {
  for (const DeviceRule& exception : policy.exceptions) {
    if (!speaks_of(exception, request)) continue;
    if (policy.allow && (exception.access & request.access) != 0) return false;
    if (!policy.allow && (request.access & ~exception.access) == 0) return true;
  }
  return policy.allow;
}

TEST(DeviceRules, NothingIsAllowedWithoutARule) {
  EXPECT_FALSE(decides({}, {kChar, 1, 3, kDeviceRead}));
  EXPECT_FALSE(decides({kDenyAll}, {kBlock, 8, 0, kDeviceMknod}));
  EXPECT_TRUE(decides({kAllowAll}, {kBlock, 8, 0, kDeviceAll}));
}

TEST(DeviceRules, TheLastRuleDecidesEachAccess) {
  const std::vector<DeviceRule> rules = {
      kDenyAll,
      {true, kChar, 1, {}, kDeviceRead},
      {true, kChar, 1, 3, kDeviceWrite},
      {false, kChar, {}, 5, kDeviceRead},
  };
  EXPECT_TRUE(decides(rules, {kChar, 1, 3, kDeviceRead | kDeviceWrite})) << "one rule each";
  EXPECT_FALSE(decides(rules, {kChar, 1, 4, kDeviceRead | kDeviceWrite}));
  EXPECT_TRUE(decides(rules, {kChar, 1, 4, kDeviceRead}));
  EXPECT_FALSE(decides(rules, {kChar, 1, 5, kDeviceRead}));
  EXPECT_FALSE(decides(rules, {kBlock, 1, 3, kDeviceRead}));
}

TEST(DeviceRules, NumbersAreUnsigned) {
  const std::vector<DeviceRule> rules = {{true, kChar, 0xffffffffU, 0x80000000U, kDeviceAll}};
  EXPECT_TRUE(decides(rules, {kChar, 0xffffffffU, 0x80000000U, kDeviceRead}));
  EXPECT_FALSE(decides(rules, {kChar, 0xffffffffU, 0, kDeviceRead}));
}

TEST(DeviceRules, ProgramAndPolicyAgreeWithTheSentence) {
  std::mt19937 random(4711);
  const auto pick = [&](std::uint32_t below) {
    return static_cast<std::uint32_t>(random()) % below;
  };
  const auto number = [&]() -> std::optional<std::uint32_t> {
    const std::uint32_t n = pick(4);
    return n == 3 ? std::nullopt : std::optional(n);
  };
  int expressible = 0;
  for (int round = 0; round < 3000; ++round) {
    std::vector<DeviceRule> rules;
    for (std::uint32_t i = 0, count = pick(7); i < count; ++i)
      rules.push_back({pick(2) == 0, static_cast<DeviceKind>(pick(3)), number(), number(),
                       static_cast<std::uint8_t>(pick(8))});
    const auto program = device_program(rules);
    ASSERT_OK(program);
    const auto policy = device_policy(rules);
    expressible += policy.ok() ? 1 : 0;
    for (std::uint8_t access = 1; access < 8; ++access) {
      const Request request{pick(2) == 0 ? kChar : kBlock, pick(3), pick(3), access};
      const bool wanted = by_the_sentence(rules, request);
      ASSERT_EQ(run_program(*program, request) == 1, wanted) << "round " << round;
      if (!policy.ok()) continue;
      const bool single = (access & (access - 1)) == 0;
      const bool on_v1 = by_v1(*policy, request);
      ASSERT_TRUE(on_v1 == wanted || (!single && !on_v1)) << "v1 may refuse more, never less";
    }
  }
  EXPECT_GT(expressible, 300);
}

TEST(DeviceRules, DefaultsAreTheHarmlessOnes) {
  std::vector<DeviceRule> rules = default_device_rules();
  rules.insert(rules.begin(), kDenyAll);
  EXPECT_TRUE(decides(rules, {kChar, 1, 3, kDeviceRead | kDeviceWrite}));
  EXPECT_TRUE(decides(rules, {kChar, 136, 77, kDeviceRead | kDeviceWrite}));
  EXPECT_TRUE(decides(rules, {kBlock, 8, 0, kDeviceMknod}));
  EXPECT_FALSE(decides(rules, {kBlock, 8, 0, kDeviceRead}));
  EXPECT_FALSE(decides(rules, {kChar, 1, 1, kDeviceRead})) << "/dev/mem";
  EXPECT_FALSE(decides(rules, {kChar, 1, 11, kDeviceRead})) << "/dev/kmsg";
  EXPECT_FALSE(decides(rules, {kChar, 10, 200, kDeviceRead})) << "/dev/net/tun";
}

std::vector<std::string> lines(const std::vector<DeviceWrite>& writes) {
  std::vector<std::string> out;
  for (const DeviceWrite& write : writes) out.push_back((write.allow ? "+" : "-") + write.text);
  return out;
}

TEST(DeviceWrites, DefaultFirstThenExceptions) {
  const auto policy = device_policy({kDenyAll,
                                     {true, kChar, 1, 3, kDeviceRead},
                                     {true, DeviceKind::All, 10, {}, kDeviceMknod},
                                     {true, kChar, 1, 3, kDeviceWrite}});
  ASSERT_OK(policy);
  EXPECT_THAT(lines(device_writes(*policy)),
              ElementsAre("-a", "+c 1:3 rw", "+c 10:* m", "+b 10:* m"));
  EXPECT_THAT(lines(device_writes(*device_policy({kAllowAll}))), ElementsAre("+a"));
}

TEST(DeviceWrites, AHoleInAnExceptionCannotBeSaidOnV1) {
  const auto policy = device_policy(
      {kDenyAll, {true, kChar, 1, {}, kDeviceAll}, {false, kChar, 1, 3, kDeviceWrite}});
  ASSERT_FALSE(policy.ok());
  EXPECT_EQ(policy.error().kind, Kind::Unsupported);
  EXPECT_THAT(policy.error().message, HasSubstr("/2: device rule \"deny c 1:3 w\""));
}

TEST(DeviceWrites, PartialRuleForAllIsNotTheFilesA) {
  // Writing "a *:* r" to devices.allow would allow everything.
  const auto policy = device_policy({{true, DeviceKind::All, {}, {}, kDeviceRead}});
  ASSERT_OK(policy);
  EXPECT_THAT(lines(device_writes(*policy)), ElementsAre("-a", "+c *:* r", "+b *:* r"));
}

TEST(DeviceChanges, OnlyTheDifferenceGrantsFirst) {
  const auto policy =
      device_policy({kDenyAll, {true, kChar, 1, 3, kDeviceAll}, {true, kChar, 1, 5, kDeviceRead}});
  const auto changes = device_changes("c 1:3 rwm\nc 1:5 rw\nb *:* m\n", *policy);
  ASSERT_OK(changes);
  EXPECT_THAT(lines(*changes), ElementsAre("-c 1:5 w", "-b *:* m"));
  EXPECT_THAT(lines(*device_changes("c 1:5 r\n", *policy)), ElementsAre("+c 1:3 rwm"));
  EXPECT_THAT(lines(*device_changes("c 1:3 rwm\nc 1:5 r\n", *policy)), ElementsAre());
  EXPECT_THAT(lines(*device_changes("a *:* rwm\n", *policy)),
              ElementsAre("-a", "+c 1:3 rwm", "+c 1:5 r"));
  EXPECT_FALSE(device_changes("nonsense\n", *policy).ok());
}

TEST(DeviceRules, TooManyAreRefused) {
  std::vector<DeviceRule> rules;
  for (std::uint32_t i = 0; i < 10000; ++i) rules.push_back({true, kChar, i % 512, i, kDeviceRead});
  const auto program = device_program(rules);
  ASSERT_FALSE(program.ok());
  EXPECT_EQ(program.error().kind, Kind::InvalidSpec);
  EXPECT_FALSE(device_policy(rules).ok());
  rules.push_back(kDenyAll);
  EXPECT_TRUE(device_program(rules).ok()) << "what the last rule overrides takes no room";
}

TEST(DeviceAccess, OnlyItsThreeLetters) {
  EXPECT_EQ(*parse_device_access("mrw"), kDeviceAll);
  EXPECT_EQ(*parse_device_access(""), 0);
  EXPECT_EQ(format_device_access(*parse_device_access("wr")), "rw");
  for (const char* bad : {"rwx", "R", "r w", "rw\n"}) EXPECT_FALSE(parse_device_access(bad).ok());
}

}  // namespace
}  // namespace ctr
