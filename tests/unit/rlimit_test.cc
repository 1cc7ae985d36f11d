// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/rlimit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "ctrtool/core/sys/cred.h"

namespace ctr {
namespace {

using ::testing::HasSubstr;

TEST(Rlimit, NamesOfTheSpecAndOfTheTools) {
  EXPECT_EQ(find_spec_rlimit("RLIMIT_NOFILE"), RLIMIT_NOFILE);
  EXPECT_EQ(find_spec_rlimit("rlimit_nofile"), std::nullopt);
  EXPECT_EQ(find_spec_rlimit("NOFILE"), std::nullopt);
  for (const char* name : {"nofile", "NOFILE", "n", "N", "RLIMIT_NOFILE"}) {
    EXPECT_EQ(find_rlimit(name), RLIMIT_NOFILE) << name;
  }
  EXPECT_EQ(find_rlimit(""), std::nullopt);
  EXPECT_EQ(find_rlimit("no"), std::nullopt);
  EXPECT_EQ(known_rlimit_names().size(), std::size_t{RLIM_NLIMITS});
  for (int resource = 0; resource < RLIM_NLIMITS; ++resource) {
    EXPECT_EQ(find_spec_rlimit(rlimit_name(resource)), resource);
  }
}

TEST(Rlimit, ReadsTheToolsWords) {
  const std::vector<std::pair<const char*, RlimitRequest>> cases{
      {"nofile=40", {RLIMIT_NOFILE, 40, 40}},
      {"n=40:50", {RLIMIT_NOFILE, 40, 50}},
      {"core=0:unlimited", {RLIMIT_CORE, 0, kUnlimited}},
      {"AS=UNLIMITED", {RLIMIT_AS, kUnlimited, kUnlimited}},
      {"stack=0x10:", {RLIMIT_STACK, 16, std::nullopt}},
      {"stack=:010", {RLIMIT_STACK, std::nullopt, 8}},
      {"core=:", {RLIMIT_CORE, std::nullopt, std::nullopt}},
  };
  for (const auto& [text, request] : cases) {
    const Result<RlimitRequest> parsed = parse_rlimit(text);
    ASSERT_TRUE(parsed.ok()) << text << ": " << parsed.error().message;
    EXPECT_EQ(*parsed, request) << text;
  }
}

TEST(Rlimit, RefusesBadWords) {
  for (const char* text : {"", "nofile", "=1", "nofile=", "files=1", "nofile=1k", "nofile=-1",
                           "nofile=1:2:3", "nofile= 1", "nofile=18446744073709551616"}) {
    const Result<RlimitRequest> parsed = parse_rlimit(text);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_EQ(parsed.error().kind, Kind::InvalidSpec);
  }
}

TEST(Rlimit, SoftStaysWithinHard) {
  EXPECT_TRUE(check_rlimit({RLIMIT_CORE, 5, 5}).ok());
  const Result<void> wrong = check_rlimit({RLIMIT_CORE, kUnlimited, 5});
  ASSERT_FALSE(wrong.ok());
  EXPECT_THAT(wrong.error().message, HasSubstr("RLIMIT_CORE"));
  EXPECT_THAT(wrong.error().message, HasSubstr("unlimited:5"));
}

// Limits cannot be raised again without privileges: each case has a process of its own.
int status_of(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = -1;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void lose_capabilities() { [[maybe_unused]] const Result<void> done = sys::capset({}); }

TEST(Rlimit, SetsBothSidesOrOne) {
  EXPECT_EQ(status_of([] {
              if (!apply_rlimit(0, RlimitSetting{RLIMIT_CORE, 5, 10})) return 1;
              if (*sys::prlimit(0, RLIMIT_CORE) != sys::Rlimit{5, 10}) return 2;
              if (!apply_rlimit(0, RlimitRequest{RLIMIT_CORE, 7, std::nullopt})) return 3;
              if (*sys::prlimit(0, RLIMIT_CORE) != sys::Rlimit{7, 10}) return 4;
              if (!apply_rlimit(0, RlimitRequest{RLIMIT_CORE, {}, {}})) return 5;
              return *sys::prlimit(0, RLIMIT_CORE) == sys::Rlimit{7, 10} ? 0 : 6;
            }),
            0);
}

TEST(Rlimit, WhatIsSoAlreadyNeedsNoPrivilege) {
  EXPECT_EQ(status_of([] {
              lose_capabilities();
              const sys::Rlimit now = *sys::prlimit(0, RLIMIT_NOFILE);
              return apply_rlimit(0, RlimitSetting{RLIMIT_NOFILE, now.soft, now.hard}) ? 0 : 1;
            }),
            0);
}

TEST(Rlimit, ARefusalNamesTheLimitAndTheReason) {
  EXPECT_EQ(status_of([] {
              if (!apply_rlimit(0, RlimitSetting{RLIMIT_NPROC, 50, 50})) return 1;
              lose_capabilities();
              const Result<void> raised = apply_rlimit(0, RlimitSetting{RLIMIT_NPROC, 60, 60});
              if (raised) return 2;
              const std::string& text = raised.error().message;
              if (raised.error().code != EPERM) return 3;
              if (text.find("RLIMIT_NPROC to 60:60") == std::string::npos) return 4;
              return text.find("above 50 needs CAP_SYS_RESOURCE") != std::string::npos ? 0 : 5;
            }),
            0);
}

}  // namespace
}  // namespace ctr
