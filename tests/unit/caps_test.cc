// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/caps.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

#include "ctrtool/core/sys/cred.h"

namespace ctr {
namespace {

using ::testing::HasSubstr;

CapSet caps(std::initializer_list<int> list) {
  CapSet set;
  for (const int cap : list) set.add(cap);
  return set;
}

TEST(Caps, NamesAreInTheKernelsOrder) {
  EXPECT_EQ(cap_name(CAP_CHOWN), "CAP_CHOWN");
  EXPECT_EQ(cap_name(CAP_SYS_ADMIN), "CAP_SYS_ADMIN");
  EXPECT_EQ(cap_name(CAP_SETFCAP), "CAP_SETFCAP");
  EXPECT_EQ(cap_name(CAP_AUDIT_READ), "CAP_AUDIT_READ");
  EXPECT_EQ(cap_name(CAP_CHECKPOINT_RESTORE), "CAP_CHECKPOINT_RESTORE");
  EXPECT_EQ(cap_name(41), "CAP_41");
  EXPECT_EQ(known_cap_names().size(), 41U);
  for (int cap = 0; cap <= kLastNamedCap; ++cap) EXPECT_EQ(find_spec_cap(cap_name(cap)), cap);
}

TEST(Caps, TheSpecsSpellingIsStrictTheToolsIsNot) {
  EXPECT_EQ(find_spec_cap("CAP_NET_RAW"), CAP_NET_RAW);
  for (const char* name : {"cap_net_raw", "NET_RAW", "CAP_", "", "CAP_NET_RAW "}) {
    EXPECT_EQ(find_spec_cap(name), std::nullopt) << name;
  }
  for (const char* name : {"cap_net_raw", "NET_RAW", "net_raw", "Cap_Net_Raw"}) {
    EXPECT_EQ(find_cap(name), CAP_NET_RAW) << name;
  }
  EXPECT_EQ(find_cap(""), std::nullopt);
  EXPECT_EQ(find_cap("cap_"), std::nullopt);
}

TEST(Caps, ReadsTheToolsWords) {
  const CapSet current = caps({CAP_KILL, CAP_MKNOD});
  const CapSet all = CapSet::up_to(40);
  const std::vector<std::pair<const char*, CapSet>> cases{
      {"none", CapSet()},
      {"all", all},
      {"0x3000", caps({CAP_NET_ADMIN, CAP_NET_RAW})},
      {"0", CapSet()},
      {"net_raw", caps({CAP_NET_RAW})},
      {"net_raw,CAP_SYS_PTRACE", caps({CAP_NET_RAW, CAP_SYS_PTRACE})},
      {"+net_raw", current | caps({CAP_NET_RAW})},
      {"-mknod", caps({CAP_KILL})},
      {"-mknod-kill+chown", caps({CAP_CHOWN})},
      {"-mknod,+chown", caps({CAP_KILL, CAP_CHOWN})},
      {"all,-sys_admin", all - caps({CAP_SYS_ADMIN})},
      {"all-sys_admin-bpf", all - caps({CAP_SYS_ADMIN, CAP_BPF})},
      {"-all", CapSet()},
      {"kill,0x1", caps({CAP_KILL, CAP_CHOWN})},
      {"+0x1", current | caps({CAP_CHOWN})},
      {"0x1ffffffffff", all},
  };
  for (const auto& [text, set] : cases) {
    const Result<CapSet> parsed = parse_cap_set(text, current, 40);
    ASSERT_TRUE(parsed.ok()) << text << ": " << parsed.error().message;
    EXPECT_EQ(*parsed, set) << text << " is " << cap_names(*parsed);
  }
}

TEST(Caps, IgnoresNoWord) {
  for (const char* text :
       {"", ",", "kill,", ",kill", "+", "-", "kill++bpf", "+none", "none,kill", "nosuchcap",
        "0x20000000000", "12abc", "kill bpf", "-1x", "18446744073709551616"}) {
    const Result<CapSet> parsed = parse_cap_set(text, CapSet(), 40);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_EQ(parsed.error().kind, Kind::InvalidSpec);
  }
  const Result<CapSet> newer = parse_cap_set("checkpoint_restore", CapSet(), 39);
  ASSERT_FALSE(newer.ok());
  EXPECT_THAT(newer.error().message, HasSubstr("this kernel"));
}

TEST(Caps, SetsThatTheKernelWouldRefuse) {
  CapSets sets{.effective = caps({CAP_KILL, CAP_CHOWN}),
               .inheritable = caps({CAP_KILL}),
               .permitted = caps({CAP_KILL, CAP_BPF}),
               .ambient = caps({CAP_KILL, CAP_BPF})};
  const std::vector<CapProblem> problems = check_cap_sets(sets);
  ASSERT_EQ(problems.size(), 2U);
  EXPECT_EQ(problems[0].kind, CapKind::Effective);
  EXPECT_EQ(problems[0].cap, CAP_CHOWN);
  EXPECT_EQ(problems[0].message, "CAP_CHOWN is effective but not permitted");
  EXPECT_EQ(problems[1].kind, CapKind::Ambient);
  EXPECT_EQ(problems[1].cap, CAP_BPF);
  sets = {.bounding = caps({CAP_KILL}), .inheritable = caps({CAP_KILL})};
  EXPECT_TRUE(check_cap_sets(sets).empty());
}

TEST(Caps, PrintsSets) {
  EXPECT_EQ(cap_names(CapSet()), "none");
  EXPECT_EQ(cap_names(caps({CAP_KILL, CAP_CHOWN})), "CAP_CHOWN,CAP_KILL");
  EXPECT_EQ(CapSet::up_to(63).bits(), ~std::uint64_t{0});
  EXPECT_EQ(CapSet::up_to(0).bits(), 1U);
}

// --- in the kernel: each in a process of its own -------------------------------------------------

int status_of(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = -1;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

constexpr uid_t kUser = 12345;

class KernelCaps : public ::testing::Test {
 protected:
  void SetUp() override {
    const Result<sys::CapTriple> held = sys::capget();
    const CapSet needed = caps({CAP_SETPCAP, CAP_SETUID, CAP_KILL, CAP_CHOWN});
    if (!held || !(needed - CapSet(held->effective)).empty()) {
      GTEST_SKIP() << "needs " << cap_names(needed);
    }
  }
};

TEST(Caps, TheKernelsLastIsFoundWithoutProc) {
  const Result<int> last = kernel_last_cap();
  ASSERT_TRUE(last.ok());
  EXPECT_TRUE(sys::prctl_capbset_read(*last).ok());
  EXPECT_FALSE(sys::prctl_capbset_read(*last + 1).ok());
}

TEST_F(KernelCaps, AUserGetsExactlyTheFiveSets) {
  EXPECT_EQ(status_of([] {
              const int last = *kernel_last_cap();
              const CapSets wanted{.bounding = caps({CAP_KILL, CAP_CHOWN}),
                                   .effective = caps({CAP_KILL}),
                                   .inheritable = caps({CAP_KILL}),
                                   .permitted = caps({CAP_KILL, CAP_CHOWN}),
                                   .ambient = caps({CAP_KILL})};
              if (!drop_bounding(wanted.bounding, last)) return 1;
              if (!keep_caps() || !sys::setresuid(kUser, kUser, kUser)) return 2;
              if (!apply_caps(wanted)) return 3;
              return *current_cap_sets(last) == wanted ? 0 : 4;
            }),
            0);
}

TEST_F(KernelCaps, AbsentBoundingCapabilitiesStayAbsentWithoutPrivilege) {
  EXPECT_EQ(status_of([] {
              const int last = *kernel_last_cap();
              if (!drop_bounding(caps({CAP_KILL}), last)) return 1;
              if (!apply_caps({.bounding = {}, .permitted = caps({CAP_KILL})})) return 2;
              // No CAP_SETPCAP any more: nothing to drop is fine, and so is a name we lack.
              if (!drop_bounding(caps({CAP_KILL, CAP_BPF}), last)) return 3;
              const Result<void> refused = drop_bounding(CapSet(), last);
              if (refused || refused.error().code != EPERM) return 4;
              return refused.error().message.find("CAP_KILL") != std::string::npos ? 0 : 5;
            }),
            0);
}

TEST_F(KernelCaps, ACapabilityThatWeLackIsNamed) {
  EXPECT_EQ(status_of([] {
              const CapSet kill = caps({CAP_KILL});
              const CapSet both = caps({CAP_KILL, CAP_CHOWN});
              if (!apply_caps({.permitted = kill})) return 1;
              const Result<void> refused = apply_caps({.effective = both, .permitted = both});
              if (refused || refused.error().code != EPERM) return 2;
              const std::string& text = refused.error().message;
              return text.starts_with("we do not hold CAP_CHOWN:") ? 0 : 3;
            }),
            0);
}

TEST_F(KernelCaps, AnAmbientCapabilityIsNeverSkipped) {
  EXPECT_EQ(status_of([] {
              const Result<void> refused =
                  apply_caps({.permitted = caps({CAP_KILL}), .ambient = caps({CAP_KILL})});
              if (refused) return 1;
              return refused.error().message.starts_with("CAP_KILL:") ? 0 : 2;
            }),
            0);
}

TEST_F(KernelCaps, ApplyingClearsAmbientOnesFromBefore) {
  EXPECT_EQ(status_of([] {
              const CapSet kill = caps({CAP_KILL});
              if (!apply_caps({.inheritable = kill, .permitted = kill, .ambient = kill})) return 1;
              if (!apply_caps({.inheritable = kill, .permitted = kill})) return 2;
              return current_cap_sets(*kernel_last_cap())->ambient.empty() ? 0 : 3;
            }),
            0);
}

}  // namespace
}  // namespace ctr
