// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/seccomp.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>
#include <random>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/seccomp_cache.h"
#include "ctrtool/core/kit/seccomp_direct.h"
#include "ctrtool/core/kit/seccomp_prologue.h"
#include "ctrtool/core/kit/seccomp_verdict.h"
#include "ctrtool/core/sys/cred.h"
#include "ctrtool/core/sys/file.h"
#include "tests/unit/podman_profile.h"

namespace ctr {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;

constexpr std::uint32_t kAllow = SECCOMP_RET_ALLOW;
constexpr std::uint32_t kEnosys = SECCOMP_RET_ERRNO | ENOSYS;
constexpr std::uint32_t kEperm = SECCOMP_RET_ERRNO | EPERM;
constexpr std::uint32_t kKill = SECCOMP_RET_KILL_THREAD;
constexpr std::uint32_t kFallThrough = SECCOMP_RET_LOG;  // what the tests put after a prologue
constexpr std::uint32_t kX32 = 0x40000000;

#if defined(__x86_64__)
constexpr std::uint32_t kNative = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kNative = AUDIT_ARCH_AARCH64;
#endif

seccomp_data call(std::uint32_t number, std::vector<std::uint64_t> args = {},
                  std::uint32_t arch = kNative) {
  seccomp_data data{};
  data.nr = static_cast<int>(number);
  data.arch = arch;
  std::copy(args.begin(), args.end(), data.args);
  return data;
}

std::vector<sock_filter> compiled(const SeccompProfile& profile) {
  Result<std::vector<sock_filter>> program = compile_seccomp(profile);
  EXPECT_TRUE(program.ok()) << (program.ok() ? "" : program.error().message);
  return program.ok() ? *program : std::vector<sock_filter>();
}

SeccompProfile allow_list(std::vector<std::string> names) {
  return {.default_action = "SCMP_ACT_ERRNO",
          .rules = {{.names = std::move(names), .action = "SCMP_ACT_ALLOW"}}};
}

// --- the prologue, apart from libseccomp ---------------------------------------------------------

std::vector<sock_filter> with_end(std::vector<sock_filter> program) {
  program.push_back({BPF_RET | BPF_K, 0, 0, kFallThrough});
  return program;
}

TEST(SeccompPrologue, AnswersEnosysAboveTheLastKnown) {
  const std::vector<SyscallRange> ranges{{.audit_arch = AUDIT_ARCH_I386, .last = 100},
                                         {.audit_arch = AUDIT_ARCH_X86_64, .last = 300}};
  const std::vector<sock_filter> program = with_end(enosys_prologue(ranges));
  EXPECT_EQ(seccomp_verdict(program, call(100, {}, AUDIT_ARCH_I386)), kFallThrough);
  EXPECT_EQ(seccomp_verdict(program, call(101, {}, AUDIT_ARCH_I386)), kEnosys);
  EXPECT_EQ(seccomp_verdict(program, call(101, {}, AUDIT_ARCH_X86_64)), kFallThrough);
  EXPECT_EQ(seccomp_verdict(program, call(301, {}, AUDIT_ARCH_X86_64)), kEnosys);
  EXPECT_EQ(seccomp_verdict(program, call(~0U, {}, AUDIT_ARCH_X86_64)), kEnosys);
  EXPECT_EQ(seccomp_verdict(program, call(500, {}, AUDIT_ARCH_ARM)), kFallThrough);
}

TEST(SeccompPrologue, KeepsX32ApartFromX86_64) {
  const std::vector<SyscallRange> ranges{{.audit_arch = AUDIT_ARCH_X86_64,
                                          .last = kX32 + 400,
                                          .block = NumberBlock{kX32 + 512, kX32 + 520},
                                          .first = kX32},
                                         {.audit_arch = AUDIT_ARCH_X86_64, .last = 300}};
  const std::vector<sock_filter> program = with_end(enosys_prologue(ranges));
  EXPECT_EQ(seccomp_verdict(program, call(300)), kFallThrough);
  EXPECT_EQ(seccomp_verdict(program, call(301)), kEnosys);
  EXPECT_EQ(seccomp_verdict(program, call(kX32 - 1)), kEnosys);
  EXPECT_EQ(seccomp_verdict(program, call(kX32)), kFallThrough);
  EXPECT_EQ(seccomp_verdict(program, call(kX32 + 400)), kFallThrough);
  EXPECT_EQ(seccomp_verdict(program, call(kX32 + 401)), kEnosys);
  EXPECT_EQ(seccomp_verdict(program, call(kX32 + 511)), kEnosys);
  EXPECT_EQ(seccomp_verdict(program, call(kX32 + 512)), kFallThrough);
  EXPECT_EQ(seccomp_verdict(program, call(kX32 + 520)), kFallThrough);
  EXPECT_EQ(seccomp_verdict(program, call(kX32 + 521)), kEnosys);
}

TEST(SeccompPrologue, LeavesNumbersOfAnAbsentAbiToTheProgram) {
  // Only x32 is known: x86_64 shares its AUDIT_ARCH and must not be touched.
  const std::vector<SyscallRange> x32{
      {.audit_arch = AUDIT_ARCH_X86_64, .last = kX32 + 400, .first = kX32}};
  const std::vector<sock_filter> program = with_end(enosys_prologue(x32));
  EXPECT_EQ(seccomp_verdict(program, call(9999)), kFallThrough);
  EXPECT_EQ(seccomp_verdict(program, call(kX32 + 401)), kEnosys);
}

TEST(SeccompPrologue, TakesNumberZeroOnS390AsUnknown) {
  const std::vector<SyscallRange> ranges{
      {.audit_arch = AUDIT_ARCH_S390X, .last = 100, .zero_is_unknown = true}};
  const std::vector<sock_filter> program = with_end(enosys_prologue(ranges));
  EXPECT_EQ(seccomp_verdict(program, call(0, {}, AUDIT_ARCH_S390X)), kEnosys);
  EXPECT_EQ(seccomp_verdict(program, call(1, {}, AUDIT_ARCH_S390X)), kFallThrough);
  EXPECT_TRUE(enosys_prologue({}).empty());
}

// --- whole programs ------------------------------------------------------------------------------

// More than libseccomp's tree is used for.
const std::vector<std::string> kManyNames{
    "read",     "write",   "openat",  "close",      "fstat",     "mmap",   "mprotect", "munmap",
    "brk",      "ioctl",   "pread64", "pwrite64",   "readv",     "writev", "pipe2",    "dup",
    "dup3",     "getpid",  "gettid",  "socket",     "connect",   "bind",   "listen",   "uname",
    "fcntl",    "flock",   "fsync",   "ftruncate",  "getcwd",    "chdir",  "fchdir",   "fchmod",
    "fchown",   "umask",   "getuid",  "getgid",     "setuid",    "setgid", "geteuid",  "getegid",
    "setpgid",  "getppid", "setsid",  "getgroups",  "setgroups", "capget", "capset",   "statfs",
    "fstatfs",  "sync",    "exit",    "exit_group", "futex",     "execve", "wait4",    "kill",
    "nanosleep"};

TEST(Seccomp, AllowsExactlyWhatTheListNames) {
  for (const char* more : {"", "SCMP_ARCH_X86", "SCMP_ARCH_X32"}) {
    SeccompProfile profile = allow_list(kManyNames);
#if defined(__x86_64__)
    if (*more != '\0') profile.architectures = {"SCMP_ARCH_X86_64", more};
#endif
    const std::vector<sock_filter> program = compiled(profile);
    unsigned allowed = 0;
    for (std::uint32_t number = 0; number < 600; ++number) {
      const std::optional<std::uint32_t> got = seccomp_verdict(program, call(number));
      ASSERT_TRUE(got == kAllow || got == kEperm || got == kEnosys) << number;
      allowed += got == kAllow ? 1 : 0;
    }
    EXPECT_EQ(allowed, kManyNames.size()) << more;
    EXPECT_EQ(seccomp_verdict(program, call(SYS_openat)), kAllow);
    EXPECT_EQ(seccomp_verdict(program, call(SYS_mount)), kEperm);
    EXPECT_EQ(seccomp_verdict(program, call(1000)), kEnosys);
  }
}

#if defined(__x86_64__)
TEST(Seccomp, CoversTheOtherArchitecturesOfX86) {
  SeccompProfile profile = allow_list(kManyNames);
  constexpr std::uint32_t kRead386 = 3;
  constexpr std::uint32_t kMount386 = 21;
  const std::vector<sock_filter> only_native = compiled(profile);
  EXPECT_EQ(seccomp_verdict(only_native, call(kRead386, {}, AUDIT_ARCH_I386)), kKill);
  EXPECT_EQ(seccomp_verdict(only_native, call(kX32 + SYS_read)), kKill);

  profile.architectures = {"SCMP_ARCH_X86", "SCMP_ARCH_X32"};
  const std::vector<sock_filter> all = compiled(profile);
  EXPECT_EQ(seccomp_verdict(all, call(SYS_read)), kAllow);
  EXPECT_EQ(seccomp_verdict(all, call(kRead386, {}, AUDIT_ARCH_I386)), kAllow);
  EXPECT_EQ(seccomp_verdict(all, call(kMount386, {}, AUDIT_ARCH_I386)), kEperm);
  EXPECT_EQ(seccomp_verdict(all, call(1000, {}, AUDIT_ARCH_I386)), kEnosys);
  EXPECT_EQ(seccomp_verdict(all, call(kX32 + SYS_read)), kAllow);
  EXPECT_EQ(seccomp_verdict(all, call(kX32 + SYS_mount)), kEperm);
  EXPECT_EQ(seccomp_verdict(all, call(kX32 + 460)), kEnosys) << "between x32's two rows of numbers";
  EXPECT_EQ(seccomp_verdict(all, call(kX32 + 520)), kAllow)
      << "execve has a number of its own there";
  EXPECT_EQ(seccomp_verdict(all, call(kX32 + 600)), kEnosys);
  EXPECT_EQ(seccomp_verdict(all, call(SYS_read, {}, AUDIT_ARCH_ARM)), kKill);
}
#endif

TEST(Seccomp, ComparesArgumentsIn64Bits) {
  constexpr std::uint64_t kValue = 0x100000005;
  struct Case {
    const char* op;
    std::vector<std::uint64_t> matches;
    std::vector<std::uint64_t> others;
  };
  const std::vector<Case> cases{
      {"SCMP_CMP_EQ", {kValue}, {5, kValue - 1, kValue + 1, 0x200000005}},
      {"SCMP_CMP_NE", {5, kValue - 1, kValue + 1, 0x200000005}, {kValue}},
      {"SCMP_CMP_LT", {0, 5, kValue - 1}, {kValue, kValue + 1, 0x200000000}},
      {"SCMP_CMP_LE", {0, 5, kValue - 1, kValue}, {kValue + 1, 0x200000000}},
      {"SCMP_CMP_GT", {kValue + 1, 0x200000000, ~std::uint64_t{0}}, {0, 5, kValue}},
      {"SCMP_CMP_GE", {kValue, kValue + 1, 0x200000000}, {0, 5, kValue - 1}},
  };
  for (const Case& test : cases) {
    SeccompProfile profile = allow_list({"read"});
    profile.rules.push_back({.names = {"ioctl"},
                             .action = "SCMP_ACT_ALLOW",
                             .args = {{.index = 1, .value = kValue, .op = test.op}}});
    const std::vector<sock_filter> program = compiled(profile);
    for (const std::uint64_t value : test.matches) {
      EXPECT_EQ(seccomp_verdict(program, call(SYS_ioctl, {9, value})), kAllow)
          << test.op << ' ' << value;
    }
    for (const std::uint64_t value : test.others) {
      EXPECT_EQ(seccomp_verdict(program, call(SYS_ioctl, {9, value})), kEperm)
          << test.op << ' ' << value;
    }
  }
}

TEST(Seccomp, MaskedEqualTakesTheMaskFirst) {
  SeccompProfile profile = allow_list({"read"});
  profile.rules.push_back(
      {.names = {"ioctl"},
       .action = "SCMP_ACT_ALLOW",
       .args = {{.index = 0, .value = 0xff00, .value_two = 0x1200, .op = "SCMP_CMP_MASKED_EQ"}}});
  const std::vector<sock_filter> program = compiled(profile);
  EXPECT_EQ(seccomp_verdict(program, call(SYS_ioctl, {0x1234})), kAllow);
  EXPECT_EQ(seccomp_verdict(program, call(SYS_ioctl, {0xf00001200})), kAllow);
  EXPECT_EQ(seccomp_verdict(program, call(SYS_ioctl, {0x1334})), kEperm);
}

TEST(Seccomp, ConditionsOnOneArgumentAreAlternativesOnSeveralAllMustHold) {
  SeccompProfile profile = allow_list({"read"});
  profile.rules.push_back({.names = {"socket"},
                           .action = "SCMP_ACT_ALLOW",
                           .args = {{.index = 0, .value = 1, .op = "SCMP_CMP_EQ"},
                                    {.index = 0, .value = 2, .op = "SCMP_CMP_EQ"}}});
  profile.rules.push_back({.names = {"ioctl"},
                           .action = "SCMP_ACT_ALLOW",
                           .args = {{.index = 0, .value = 1, .op = "SCMP_CMP_EQ"},
                                    {.index = 5, .value = 2, .op = "SCMP_CMP_EQ"}}});
  const std::vector<sock_filter> program = compiled(profile);
  EXPECT_EQ(seccomp_verdict(program, call(SYS_socket, {1})), kAllow);
  EXPECT_EQ(seccomp_verdict(program, call(SYS_socket, {2})), kAllow);
  EXPECT_EQ(seccomp_verdict(program, call(SYS_socket, {3})), kEperm);
  EXPECT_EQ(seccomp_verdict(program, call(SYS_ioctl, {1, 0, 0, 0, 0, 2})), kAllow);
  EXPECT_EQ(seccomp_verdict(program, call(SYS_ioctl, {1, 0, 0, 0, 0, 3})), kEperm);
  EXPECT_EQ(seccomp_verdict(program, call(SYS_ioctl, {0, 0, 0, 0, 0, 2})), kEperm);
}

TEST(Seccomp, EveryActionBecomesItsVerdict) {
  const std::vector<std::pair<std::string, std::uint32_t>> actions{
      {"SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD},
      {"SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD},
      {"SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS},
      {"SCMP_ACT_TRAP", SECCOMP_RET_TRAP},
      {"SCMP_ACT_ERRNO", kEperm},
      {"SCMP_ACT_TRACE", SECCOMP_RET_TRACE | EPERM},
      {"SCMP_ACT_LOG", SECCOMP_RET_LOG},
      {"SCMP_ACT_NOTIFY", SECCOMP_RET_USER_NOTIF}};
  for (const auto& [name, value] : actions) {
    const SeccompProfile profile{.default_action = "SCMP_ACT_ALLOW",
                                 .listener_path = "/run/agent.sock",
                                 .rules = {{.names = {"mount"}, .action = name}}};
    const std::vector<sock_filter> program = compiled(profile);
    EXPECT_EQ(seccomp_verdict(program, call(SYS_mount)), value) << name;
    EXPECT_EQ(seccomp_verdict(program, call(SYS_read)), kAllow) << name;
    EXPECT_EQ(seccomp_verdict(program, call(1000)), kAllow) << name;
  }
}

TEST(Seccomp, NewerSyscallsGetEnosysOnlyWhereTheDefaultDenies) {
  const std::vector<std::pair<std::string, std::uint32_t>> defaults{
      {"SCMP_ACT_ERRNO", kEnosys},        {"SCMP_ACT_KILL", kEnosys},
      {"SCMP_ACT_KILL_PROCESS", kEnosys}, {"SCMP_ACT_TRAP", kEnosys},
      {"SCMP_ACT_LOG", SECCOMP_RET_LOG},  {"SCMP_ACT_TRACE", SECCOMP_RET_TRACE | EPERM}};
  for (const auto& [name, value] : defaults) {
    SeccompProfile profile = allow_list({"read", "close_range"});
    profile.default_action = name;
    const std::vector<sock_filter> program = compiled(profile);
    EXPECT_EQ(seccomp_verdict(program, call(SYS_close_range)), kAllow) << name;
    EXPECT_EQ(seccomp_verdict(program, call(SYS_close_range + 1)), value) << name;
  }
}

TEST(Seccomp, ARuleThatRepeatsTheDefaultIsSkippedButItsNamesAreKnown) {
  SeccompProfile profile = allow_list({"read"});
  profile.default_errno_ret = EACCES;
  profile.rules.push_back({.names = {"openat2"}, .action = "SCMP_ACT_ERRNO", .errno_ret = EACCES});
  profile.rules.push_back({.names = {"mount"}, .action = "SCMP_ACT_ERRNO", .errno_ret = EIO});
  const std::vector<sock_filter> program = compiled(profile);
  EXPECT_EQ(seccomp_verdict(program, call(SYS_openat2)), SECCOMP_RET_ERRNO | EACCES);
  EXPECT_EQ(seccomp_verdict(program, call(SYS_openat2 - 1)), SECCOMP_RET_ERRNO | EACCES);
  EXPECT_EQ(seccomp_verdict(program, call(SYS_openat2 + 10)), kEnosys);
  EXPECT_EQ(seccomp_verdict(program, call(SYS_mount)), SECCOMP_RET_ERRNO | EIO);
}

TEST(Seccomp, AProfileWithoutRulesIsItsDefaultAction) {
  const std::vector<sock_filter> allow = compiled({.default_action = "SCMP_ACT_ALLOW"});
  EXPECT_EQ(seccomp_verdict(allow, call(SYS_read)), kAllow);
  const std::vector<sock_filter> kill = compiled({.default_action = "SCMP_ACT_KILL_PROCESS"});
  EXPECT_EQ(seccomp_verdict(kill, call(SYS_read)), SECCOMP_RET_KILL_PROCESS);
  EXPECT_EQ(seccomp_verdict(kill, call(1000)), SECCOMP_RET_KILL_PROCESS)
      << "nothing known, nothing new";
}

TEST(Seccomp, UnknownSyscallNamesAreSkippedAndNoted) {
  const SeccompProfile profile = allow_list({"read", "no_such_call", "socketcall"});
  EXPECT_EQ(seccomp_verdict(compiled(profile), call(SYS_read)), kAllow);
  EXPECT_THAT(check_seccomp(profile), IsEmpty());
  const std::vector<SeccompProblem> notes = seccomp_notes(profile);
  ASSERT_EQ(notes.size(), 1U);  // another architecture has socketcall
  EXPECT_EQ(notes[0].pointer, "/syscalls/0/names/1");
}

// --- what is refused -----------------------------------------------------------------------------

TEST(Seccomp, ReportsEveryWrongFieldWithItsPointer) {
  struct Case {
    std::function<void(SeccompProfile&)> spoil;
    std::string pointer;
  };
  const std::vector<Case> cases{
      {[](auto& p) { p.default_action = ""; }, "/defaultAction"},
      {[](auto& p) { p.default_action = "SCMP_ACT_MAYBE"; }, "/defaultAction"},
      {[](auto& p) { p.default_action = "scmp_act_allow"; }, "/defaultAction"},
      {[](auto& p) { p.default_errno_ret = 4096; }, "/defaultErrnoRet"},
      {[](auto& p) {
         p.architectures = {"SCMP_ARCH_X86", "x86"};
       },
       "/architectures/1"},
      {[](auto& p) {
         p.flags = {"SECCOMP_FILTER_FLAG_LOG", ""};
       },
       "/flags/1"},
      {[](auto& p) { p.flags = {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"}; }, "/flags/0"},
      {[](auto& p) { p.listener_metadata = "x"; }, "/listenerMetadata"},
      {[](auto& p) { p.rules[1].action = "SCMP_ACT_NOTIFY"; }, "/listenerPath"},
      {[](auto& p) { p.rules[1].action = ""; }, "/syscalls/1/action"},
      {[](auto& p) { p.rules[1].names.clear(); }, "/syscalls/1/names"},
      {[](auto& p) { p.rules[1].names[0] = ""; }, "/syscalls/1/names/0"},
      {[](auto& p) { p.rules[0].errno_ret = 1; }, "/syscalls/0/errnoRet"},
      {[](auto& p) { p.rules[1].errno_ret = 100000; }, "/syscalls/1/errnoRet"},
      {[](auto& p) { p.rules[1].args[0].index = 6; }, "/syscalls/1/args/0/index"},
      {[](auto& p) { p.rules[1].args[0].op = "SCMP_CMP_IN"; }, "/syscalls/1/args/0/op"},
  };
  for (const Case& test : cases) {
    SeccompProfile profile = allow_list({"read"});
    profile.rules.push_back({.names = {"ioctl"},
                             .action = "SCMP_ACT_ERRNO",
                             .args = {{.index = 0, .value = 1, .op = "SCMP_CMP_EQ"}}});
    ASSERT_THAT(check_seccomp(profile), IsEmpty());
    test.spoil(profile);
    const std::vector<SeccompProblem> problems = check_seccomp(profile);
    ASSERT_EQ(problems.size(), 1U) << test.pointer;
    EXPECT_EQ(problems[0].pointer, test.pointer);
    const Result<std::vector<sock_filter>> program = compile_seccomp(profile);
    ASSERT_FALSE(program.ok()) << test.pointer;
    EXPECT_EQ(program.error().kind, Kind::InvalidSpec);
    EXPECT_THAT(program.error().message, HasSubstr(test.pointer));
  }
}

TEST(Seccomp, NotifyCannotBeTheDefault) {
  const SeccompProfile profile{.default_action = "SCMP_ACT_NOTIFY", .listener_path = "/run/a"};
  ASSERT_EQ(check_seccomp(profile).size(), 1U);
  EXPECT_EQ(check_seccomp(profile)[0].pointer, "/defaultAction");
}

SeccompRule condition_on(std::uint32_t index, std::uint64_t value, const char* op) {
  return {.names = {"ioctl"},
          .action = "SCMP_ACT_ALLOW",
          .args = {{.index = index, .value = value, .op = op}}};
}

TEST(Seccomp, ProgramsAreBounded) {
  SeccompProfile profile = allow_list({"read"});
  for (std::uint64_t i = 0; i < 1050; ++i) {
    profile.rules.push_back(condition_on(1, i << 32 | i, "SCMP_CMP_EQ"));
  }
  const Result<std::vector<sock_filter>> program = compile_seccomp(profile);
  ASSERT_FALSE(program.ok());
  EXPECT_THAT(program.error().message, HasSubstr("4096"));

  for (std::uint64_t i = 0; i < 4000; ++i) {
    profile.rules.push_back(condition_on(2, i, "SCMP_CMP_EQ"));
  }
  ASSERT_EQ(check_seccomp(profile).size(), 1U);  // found before libseccomp works on it
}

TEST(Seccomp, CombinedInequalitiesAreBounded) {
  SeccompProfile profile = allow_list({"read"});
  for (std::uint64_t i = 0; i < 100; ++i) {
    SeccompRule rule = condition_on(0, i, "SCMP_CMP_GT");
    rule.args.push_back({.index = 1, .value = i, .op = "SCMP_CMP_LT"});
    profile.rules.push_back(rule);
  }
  ASSERT_EQ(check_seccomp(profile).size(), 1U);
  EXPECT_THAT(check_seccomp(profile)[0].message, HasSubstr("ioctl"));
}

TEST(Seccomp, ContradictingRulesNameTheSyscall) {
  SeccompProfile profile = allow_list({"read"});
  profile.rules.push_back(condition_on(0, 1, "SCMP_CMP_EQ"));
  profile.rules.push_back(condition_on(0, 1, "SCMP_CMP_EQ"));
  EXPECT_TRUE(compile_seccomp(profile).ok()) << "the same again is no contradiction";
  profile.rules.back().action = "SCMP_ACT_LOG";
  const Result<std::vector<sock_filter>> program = compile_seccomp(profile);
  ASSERT_FALSE(program.ok());
  EXPECT_THAT(program.error().message, HasSubstr("/syscalls/2: \"ioctl\""));
}

TEST(Seccomp, ArchitecturesBeyondTheLibraryAreUnsupported) {
  SeccompProfile profile = allow_list({"read"});
  profile.architectures = {"SCMP_ARCH_M68K"};
  const Result<std::vector<sock_filter>> unknown = compile_seccomp(profile);
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().kind, Kind::Unsupported);
  profile.architectures = {"SCMP_ARCH_S390X"};  // big-endian
  const Result<std::vector<sock_filter>> foreign = compile_seccomp(profile);
  ASSERT_FALSE(foreign.ok());
  EXPECT_EQ(foreign.error().kind, Kind::Unsupported);
}

// --- compiled by ourselves, and by libseccomp ---------------------------------------------------

// Calls around everything that the profile mentions.
class Calls {
 public:
  explicit Calls(const SeccompProfile& profile) {
    for (const SeccompRule& rule : profile.rules)
      for (const SeccompArg& arg : rule.args)
        for (const std::uint64_t value : {arg.value, arg.value_two}) add_around(value);
  }

  // Arguments that some of the conditions take, and some do not. The same ones in each run.
  std::vector<std::uint64_t> arguments() {
    std::vector<std::uint64_t> args;
    for (int i = 0; i < 6; ++i) args.push_back(values_[random_() % values_.size()]);
    return args;
  }
  std::vector<std::uint32_t> numbers() const {
    std::vector<std::uint32_t> all{kX32 - 1, ~0U, ~0U - 1, ~0U >> 1, kX32 << 1};
    for (std::uint32_t i = 0; i < 600; ++i) all.insert(all.end(), {i, kX32 + i});
    return all;
  }

 private:
  void add_around(std::uint64_t value) {
    for (const std::uint64_t one : {value - 1, value, value + 1, value ^ kHigh, value << 8})
      values_.push_back(one);
  }

  static constexpr std::uint64_t kHigh = 1ULL << 32;
  std::vector<std::uint64_t> values_{0, 1, 2, 5, ~std::uint64_t{0}, kHigh};
  std::mt19937 random_;
};

std::optional<std::vector<sock_filter>> direct(const SeccompProfile& profile) {
  Result<std::optional<std::vector<sock_filter>>> program = compile_seccomp_directly(profile);
  EXPECT_TRUE(program.ok()) << (program.ok() ? "" : program.error().message);
  return program.ok() ? *program : std::nullopt;
}

// `rounds` calls of each number. Answers whether we compile this profile ourselves.
bool verdicts_are_the_same(const SeccompProfile& profile, int rounds) {
  const std::optional<std::vector<sock_filter>> ours = direct(profile);
  if (!ours) return false;
  const Result<std::vector<sock_filter>> library = compile_seccomp_by_library(profile);
  EXPECT_TRUE(library.ok()) << (library.ok() ? "" : library.error().message);
  if (!library.ok()) return true;
  Calls calls(profile);
  for (const std::uint32_t arch : std::initializer_list<std::uint32_t>{
           AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64, AUDIT_ARCH_ARM}) {
    for (const std::uint32_t number : calls.numbers()) {
      for (int round = 0; round < rounds; ++round) {
        const seccomp_data data = call(number, calls.arguments(), arch);
        const std::optional<std::uint32_t> got = seccomp_verdict(*ours, data);
        const std::optional<std::uint32_t> wanted = seccomp_verdict(*library, data);
        if (got.has_value() && got == wanted) continue;
        ADD_FAILURE() << strf("arch %x, number %x, args %llx %llx %llx: %x instead of %x", arch,
                              number, data.args[0], data.args[1], data.args[2], got.value_or(0),
                              wanted.value_or(0));
        return true;
      }
    }
  }
  return true;
}

TEST(SeccompDirect, PodmansProfileHasTheVerdictsOfTheLibrary) {
  const SeccompProfile profile = test::podman_profile();
  EXPECT_TRUE(verdicts_are_the_same(profile, 20));
  EXPECT_LT(direct(profile)->size(), compile_seccomp_by_library(profile)->size());
}

TEST(SeccompDirect, SmallProfilesHaveTheVerdictsOfTheLibrary) {
  EXPECT_TRUE(verdicts_are_the_same(allow_list(kManyNames), 1));
  EXPECT_TRUE(verdicts_are_the_same({.default_action = "SCMP_ACT_ERRNO"}, 1));
  SeccompProfile deny{.default_action = "SCMP_ACT_ALLOW",
                      .rules = {{.names = {"mount", "umount2"}, .action = "SCMP_ACT_KILL_PROCESS"},
                                {.names = {"read"}, .action = "SCMP_ACT_ERRNO", .errno_ret = 9},
                                {.names = {"read"}, .action = "SCMP_ACT_LOG"}}};
  EXPECT_TRUE(verdicts_are_the_same(deny, 1)) << "of two rules without conditions the first counts";
  deny.rules.push_back(condition_on(0, 5, "SCMP_CMP_EQ"));
  deny.rules.back().action = "SCMP_ACT_LOG";
  deny.rules.push_back({.names = {"ioctl"}, .action = "SCMP_ACT_KILL"});
  EXPECT_TRUE(verdicts_are_the_same(deny, 10)) << "and before it, of one with conditions";
}

#if defined(__x86_64__)
TEST(SeccompDirect, CallsBehindSocketcallAndIpcAreFoundThere) {
  SeccompProfile profile = allow_list(
      {"socket",  "bind",    "connect",    "listen",     "accept",     "getsockname", "getpeername",
       "send",    "recv",    "sendto",     "recvfrom",   "socketpair", "shutdown",    "setsockopt",
       "sendmsg", "recvmsg", "accept4",    "getsockopt", "recvmmsg",   "sendmmsg",    "semop",
       "semget",  "semctl",  "semtimedop", "msgsnd",     "msgrcv",     "msgget",      "msgctl",
       "shmat",   "shmdt",   "shmget",     "shmctl"});
  profile.architectures = {"SCMP_ARCH_X86"};
  EXPECT_TRUE(verdicts_are_the_same(profile, 10));
  // Not alone: libseccomp 2.5.4 goes wrong where the only rules of x86 are for calls without a
  // number of their own, and compares the architecture as if it were the number.
  SeccompProfile one = allow_list({"read", "write"});
  one.architectures = {"SCMP_ARCH_X86"};
  one.rules.push_back(condition_on(1, 2, "SCMP_CMP_EQ"));
  for (const std::string& name : profile.rules[0].names) {
    one.rules[1].names = {name};
    EXPECT_TRUE(verdicts_are_the_same(one, 2)) << name;
  }
}
#endif

SeccompProfile random_profile(std::mt19937& random) {
  const auto one_of = [&](std::vector<const char*> words) {
    return words[random() % words.size()];
  };
  const auto value = [&] {
    const std::uint64_t values[]{0, 1, 5, 0xff00, 1ULL << 32, (5ULL << 32) + 5, ~std::uint64_t{0}};
    return values[random() % std::size(values)];
  };
  SeccompProfile profile{.default_action =
                             one_of({"SCMP_ACT_ERRNO", "SCMP_ACT_ALLOW", "SCMP_ACT_KILL_PROCESS"})};
#if defined(__x86_64__)
  for (const char* arch : {"SCMP_ARCH_X86", "SCMP_ARCH_X32"})
    if (random() % 2 == 0) profile.architectures.push_back(arch);
#endif
  for (std::size_t i = random() % 6; i > 0; --i) {
    SeccompRule rule{.names = {one_of({"read", "ioctl", "socket", "semget", "clone", "sendmsg"})},
                     .action = one_of({"SCMP_ACT_ALLOW", "SCMP_ACT_ALLOW", "SCMP_ACT_LOG"})};
    for (std::size_t j = random() % 3; j > 0; --j) {
      SeccompArg arg{.index = static_cast<std::uint32_t>(random() % 3), .value = value(), .op = ""};
      arg.value_two = value() & arg.value;
      arg.op = one_of({"SCMP_CMP_EQ", "SCMP_CMP_EQ", "SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE",
                       "SCMP_CMP_GT", "SCMP_CMP_GE", "SCMP_CMP_MASKED_EQ"});
      rule.args.push_back(std::move(arg));
    }
    profile.rules.push_back(std::move(rule));
  }
  return profile;
}

TEST(SeccompDirect, OddProfilesHaveTheVerdictsOfTheLibrary) {
  std::mt19937 random;
  int compared = 0;
  for (int i = 0; i < 150 && !HasFailure(); ++i)
    compared += verdicts_are_the_same(random_profile(random), 1) ? 1 : 0;
  EXPECT_GT(compared, 50);
}

TEST(SeccompDirect, WhatOverlapsIsLeftToTheLibrary) {
  SeccompProfile profile = allow_list({"read"});
  profile.rules.push_back(condition_on(0, 5, "SCMP_CMP_GE"));
  profile.rules.push_back(condition_on(0, 9, "SCMP_CMP_GE"));
  EXPECT_TRUE(direct(profile).has_value()) << "both allow";
  profile.rules.back().action = "SCMP_ACT_LOG";
  EXPECT_FALSE(direct(profile).has_value()) << "which one is it for 10?";
  profile.rules[1] = condition_on(0, 5, "SCMP_CMP_EQ");
  EXPECT_TRUE(direct(profile).has_value()) << "no value is both";
  profile.rules.back() = {.names = {"ioctl"},
                          .action = "SCMP_ACT_LOG",
                          .args = {{.index = 0, .value = 0, .op = "SCMP_CMP_MASKED_EQ"}}};
  EXPECT_FALSE(direct(profile).has_value()) << "a mask of no bits";
}

// --- flags and lists -----------------------------------------------------------------------------

TEST(Seccomp, FlagsForTheLoad) {
  SeccompProfile profile = allow_list({"read"});
  EXPECT_EQ(*seccomp_load_flags(profile), 0U);
  profile.flags = {"SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG"};
  EXPECT_EQ(*seccomp_load_flags(profile), unsigned{SECCOMP_FILTER_FLAG_LOG});
  profile.rules.push_back({.names = {"mount"}, .action = "SCMP_ACT_NOTIFY"});
  EXPECT_EQ(*seccomp_load_flags(profile),
            unsigned{SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_NEW_LISTENER});
  EXPECT_TRUE(seccomp_notifies(profile, "mount"));
  EXPECT_FALSE(seccomp_notifies(profile, "read"));
  profile.flags = {"SECCOMP_FILTER_FLAG_NEW_LISTENER"};
  EXPECT_FALSE(seccomp_load_flags(profile).ok()) << "not the profile's to set";
}

TEST(Seccomp, ListsForFeatures) {
  EXPECT_EQ(seccomp_actions().size(), 9U);
  EXPECT_EQ(seccomp_operators().size(), 7U);
  EXPECT_THAT(seccomp_architectures(),
              IsSupersetOf({"SCMP_ARCH_AARCH64", "SCMP_ARCH_X32", "SCMP_ARCH_X86_64"}));
  EXPECT_THAT(seccomp_known_flags(), Contains("SECCOMP_FILTER_FLAG_TSYNC"));
  EXPECT_TRUE(std::ranges::is_sorted(seccomp_architectures()));
}

// --- in the kernel -------------------------------------------------------------------------------

TEST(Seccomp, TheKernelTakesTheProgram) {
  SeccompProfile profile = allow_list(kManyNames);
  // The sanitizers ask for the signal stack before _exit.
  profile.rules.push_back({.names = {"sigaltstack"}, .action = "SCMP_ACT_ALLOW"});
  profile.rules.push_back({.names = {"getpriority"}, .action = "SCMP_ACT_ERRNO", .errno_ret = 77});
  const std::vector<sock_filter> program = compiled(profile);
  const pid_t child = ::fork();
  if (child == 0) {
    if (!sys::prctl_set_no_new_privs() || !sys::seccomp_set_mode_filter(program, 0)) ::_exit(1);
    if (::syscall(SYS_getpriority, 0, 0) != -1 || errno != 77) ::_exit(2);
    if (::syscall(SYS_getpgid, 0) != -1 || errno != EPERM) ::_exit(3);
    if (::syscall(1000) != -1 || errno != ENOSYS) ::_exit(4);
    if (::syscall(SYS_getppid) <= 0) ::_exit(5);
    ::_exit(0);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << status;
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

// --- the cache -----------------------------------------------------------------------------------

class SeccompCache : public ::testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/seccomp_cache_test.XXXXXX";
    ASSERT_NE(::mkdtemp(path), nullptr);
    path_ = path;
    auto dir = sys::open(path_, O_RDONLY | O_DIRECTORY);
    ASSERT_TRUE(dir.ok());
    dir_ = std::move(*dir);
    name_ = seccomp_cache_name(profile_);
  }
  void TearDown() override { std::filesystem::remove_all(path_); }

  std::vector<sock_filter> cached() {
    auto program = compile_cached(dir_, profile_);
    EXPECT_TRUE(program.ok());
    return program.ok() ? *program : std::vector<sock_filter>();
  }
  std::string bytes() { return *sys::read_file_at(dir_, name_); }
  void set_bytes(const std::string& bytes) {
    ASSERT_TRUE(sys::replace_file_at(dir_, name_, bytes, 0600).ok());
  }
  ino_t inode() { return sys::fstatat(dir_, name_, 0)->st_ino; }

  // Rules that overlap: none of those that are compiled without libseccomp, and not kept.
  static SeccompProfile overlapping(std::vector<std::string> names) {
    SeccompProfile profile = allow_list(std::move(names));
    for (const char* action : {"SCMP_ACT_ALLOW", "SCMP_ACT_LOG"}) {
      const auto argument = static_cast<std::uint32_t>(profile.rules.size() % 2);
      profile.rules.push_back({.names = {"prctl"},
                               .action = action,
                               .args = {{.index = argument, .value = 5, .op = "SCMP_CMP_GE"}}});
    }
    return profile;
  }

  SeccompProfile profile_ = overlapping(kManyNames);
  std::string path_;
  UniqueFd dir_;
  std::string name_;
};

bool same(const std::vector<sock_filter>& a, const std::vector<sock_filter>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof a[0]) == 0);
}

TEST_F(SeccompCache, KeepsTheProgramUnderTheHashOfTheProfile) {
  const std::vector<sock_filter> first = cached();
  const ino_t file = inode();
  EXPECT_EQ(sys::fstatat(dir_, name_, 0)->st_mode, mode_t{S_IFREG | 0600});
  EXPECT_TRUE(same(first, compiled(profile_)));
  EXPECT_TRUE(same(first, cached()));
  EXPECT_EQ(inode(), file) << "the second time it was read, not written";
  EXPECT_EQ(sys::list_dir(dir_)->size(), 1U) << "no temporary file is left";
}

TEST_F(SeccompCache, DoesNotKeepWhatNeedsNoLibrary) {
  profile_ = allow_list(kManyNames);
  EXPECT_TRUE(same(cached(), compiled(profile_)));
  EXPECT_TRUE(sys::list_dir(dir_)->empty());
}

TEST_F(SeccompCache, ListenerAndFlagsShareTheProgramOfOtherContainers) {
  profile_.listener_path = "/run/container-7/agent.sock";
  profile_.flags = {"SECCOMP_FILTER_FLAG_LOG"};
  EXPECT_EQ(seccomp_cache_name(profile_), name_);
  profile_.rules[0].names.push_back("mount");
  EXPECT_NE(seccomp_cache_name(profile_), name_);
}

TEST_F(SeccompCache, DamagedFilesAreReplaced) {
  const std::vector<sock_filter> good = cached();
  const std::string whole = bytes();
  std::string flipped = whole;
  flipped.back() = static_cast<char>(flipped.back() ^ 1);
  std::string key_flipped = whole;
  key_flipped[40] = static_cast<char>(key_flipped[40] ^ 1);
  for (const std::string& damaged :
       {std::string(), whole.substr(0, 12), whole.substr(0, whole.size() - 8), flipped, key_flipped,
        whole + "12345678"}) {
    set_bytes(damaged);
    EXPECT_TRUE(same(cached(), good)) << damaged.size();
    EXPECT_EQ(bytes(), whole) << damaged.size();
  }
}

TEST_F(SeccompCache, ACollisionIsHarmless) {
  const std::vector<sock_filter> good = cached();
  SeccompProfile other = overlapping({"read"});
  ASSERT_TRUE(compile_cached(dir_, other).ok());
  ASSERT_TRUE(sys::renameat2(dir_, seccomp_cache_name(other), dir_, name_, 0).ok());
  EXPECT_TRUE(same(cached(), good));
}

TEST_F(SeccompCache, FilesThatOthersCanWriteAreNotBelieved) {
  const std::vector<sock_filter> good = cached();
  const ino_t file = inode();
  ASSERT_TRUE(sys::fchmodat(dir_, name_, 0620).ok());
  EXPECT_TRUE(same(cached(), good));
  EXPECT_NE(inode(), file);

  ASSERT_TRUE(sys::renameat2(dir_, name_, dir_, "elsewhere", 0).ok());
  ASSERT_TRUE(sys::symlinkat("elsewhere", dir_, name_).ok());
  EXPECT_TRUE(same(cached(), good));
  EXPECT_TRUE(S_ISREG(sys::fstatat(dir_, name_, AT_SYMLINK_NOFOLLOW)->st_mode));
}

TEST_F(SeccompCache, DoesNotGrowForEver) {
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(sys::replace_file_at(dir_, strf("%016x", i), "old", 0600).ok());
  }
  ASSERT_TRUE(sys::replace_file_at(dir_, "README", "not ours", 0600).ok());
  cached();
  EXPECT_EQ(sys::list_dir(dir_)->size(), 2U);
}

TEST_F(SeccompCache, WorksWithoutADirectory) {
  EXPECT_TRUE(compile_cached(kNoFd, profile_).ok());
  std::filesystem::remove_all(path_);
  EXPECT_TRUE(compile_cached(dir_, profile_).ok()) << "nowhere to store is no failure";
}

}  // namespace
}  // namespace ctr
