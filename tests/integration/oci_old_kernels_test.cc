// SPDX-License-Identifier: Apache-2.0
// FLT-36: kernels that lack system calls, as those answer it (ENOSYS). README promises Linux 5.12:
// whatever is newer may be absent. Of what that one has, a call that is absent (a filter around us)
// is done without, or told in one line.
#include <sys/syscall.h>

#include "ctrtool/core/base/strf.h"
#include "tests/support/paths.h"
#include "tests/support/runtime.h"
#include "tests/support/tracer.h"

namespace {

using namespace support;

// They are numbered in the order in which they came, the same on all architectures since Linux 5.1.
constexpr unsigned long kLastOf5_12 = SYS_mount_setattr;
constexpr unsigned long kFirstOf5_1 = SYS_pidfd_send_signal;
constexpr unsigned long kLastEver = 1000;

// How the program is run: what tests/support/guest.cc is to take away.
using Lack = std::vector<std::string>;

Lack calls(unsigned long first, unsigned long last) {
  return {"without", std::to_string(first), std::to_string(last)};
}

Outcome without(const Lack& lack, const std::vector<std::string>& words) {
  Command command = runtime_command(words);
  command.argv.insert(command.argv.begin(), lack.begin(), lack.end());
  command.argv.insert(command.argv.begin(), guest_path());
  return run(command);
}

// The life of a container. Answers the first command that could not be done; none: all of them.
std::string live(const Lack& lack, const Bundle& bundle) {
  const std::vector<std::string> kCommands[] = {
      {"create", "--bundle", bundle.path(), bundle.id()},
      {"state", bundle.id()},
      {"start", bundle.id()},
      {"exec", bundle.id(), "/bin/guest", "exit", "0"},
      {"update", "--pids-limit", "50", bundle.id()},
      {"pause", bundle.id()},
      {"resume", bundle.id()},
      {"kill", bundle.id(), "KILL"},
      {"delete", "--force", bundle.id()},
      {"run", "--detach", "--bundle", bundle.path(), bundle.id()},
      {"delete", "--force", bundle.id()},
  };
  std::string failed;
  for (const std::vector<std::string>& words : kCommands) {
    const Outcome outcome = without(lack, words);
    EXPECT_LT(outcome.status, 256) << words.front() << " hangs";
    if (outcome.status == 0) continue;
    EXPECT_EQ(lines_of(outcome.err).size(), 1U) << words.front() << ": " << outcome.err;
    failed = words.front() + ": " + outcome.err;
    break;
  }
  // On a kernel that has everything.
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
  return failed;
}

OCI_TEST(OldKernels, EverythingAfter5_12MayBeAbsent) {
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"});
  EXPECT_EQ(live(calls(kLastOf5_12 + 1, kLastEver), bundle), "");
  // And the container is the same.
  bundle.args({"/bin/guest", "report"});
  const Report now = run_report(bundle);
  const Outcome old =
      without(calls(kLastOf5_12 + 1, kLastEver), {"run", "--bundle", bundle.path(), bundle.id()});
  ASSERT_STATUS(old, 0);
  const Report then(old.out);
  for (const char* key : {"status.CapEff", "status.CapBnd", "status.CapInh", "status.NoNewPrivs",
                          "fd", "env", "cwd", "uid", "rlimit.NOFILE", "oom"})
    EXPECT_EQ(then.all(key), now.all(key)) << key;
  EXPECT_EQ(then.all("mount").size(), now.all("mount").size());
}

OCI_TEST(OldKernels, EachCallSince5_1IsDoneWithoutOrTold) {
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"});
  const Snapshot before = take_snapshot();
  std::string needed;
  // Two later ones stand for all: those are absent together above.
  for (unsigned long call = kFirstOf5_1; call <= kLastOf5_12 + 2; ++call) {
    SCOPED_TRACE(name_of_call(call));
    const std::string failed = live(calls(call, call), bundle);
    if (!failed.empty()) needed += " " + name_of_call(call);
    if (call > kLastOf5_12) {
      EXPECT_EQ(failed, "");
    }
    for (const std::string& line : left_behind(before)) ADD_FAILURE() << line;
    if (testing::Test::HasFailure()) return;
  }
  ::printf("not done without:%s\n", needed.empty() ? " none" : needed.c_str());
}

// The first call that is missing is named.
OCI_TEST(OldKernels, AnOlderOneIsTold) {
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"});
  for (const auto& [first, named] : {std::pair{SYS_mount_setattr, SYS_mount_setattr},
                                     {SYS_close_range, SYS_close_range},
                                     {SYS_open_tree, SYS_close_range}}) {
    const std::string failed = live(calls(static_cast<unsigned long>(first), kLastEver), bundle);
    EXPECT_TRUE(contains(failed, name_of_call(static_cast<unsigned long>(named)))) << failed;
    EXPECT_TRUE(contains(failed, "Function not implemented")) << failed;
  }
}

// What calls that are old enough have learned since, as far as the program asks for it. statx
// ignores what it does not know, which no filter can show: tests/guest does.
struct Newer {
  const char* name;
  long call;
  unsigned argument;
  unsigned mask;
  unsigned value;
  int error;
};
constexpr unsigned kAll = ~0U;
constexpr Newer kNewer[] = {
    {"MFD_EXEC (6.3)", SYS_memfd_create, 1, 0x10, 0x10, EINVAL},
    {"PIDFD_GET_INFO (6.13)", SYS_ioctl, 1, 0xffff, 0xff0b, ENOTTY},
    {"the pidns option of proc (6.17)", SYS_fsconfig, 1, kAll, 5, EINVAL},  // FSCONFIG_SET_FD
};

// The container joins another's pid namespace: nothing asks for more.
OCI_TEST(OldKernels, NoFlagSince5_12IsNeeded) {
  Bundle other;
  ASSERT_STATUS(create_bundle(other.args({"/bin/guest", "hold"})), 0);
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"});
  bundle.set("/linux/namespaces/0/path",
             json_string(ctr::strf("/proc/%d/ns/pid", pid_of(other.id()))));
  for (const Newer& one : kNewer) {
    SCOPED_TRACE(one.name);
    const Lack lack = {"unknown",
                       std::to_string(one.call),
                       std::to_string(one.argument),
                       std::to_string(one.mask),
                       std::to_string(one.value),
                       std::to_string(one.error)};
    EXPECT_EQ(live(lack, bundle), "");
    bundle.args({"/bin/guest", "report"});
    const Outcome outcome = without(lack, {"run", "--bundle", bundle.path(), bundle.id()});
    ASSERT_STATUS(outcome, 0);
    EXPECT_NE(Report(outcome.out).mount_at("/proc"), "");
    bundle.args({"/bin/guest", "hold"});
  }
  EXPECT_STATUS(runtime({"delete", "--force", other.id()}), 0);
}

}  // namespace
