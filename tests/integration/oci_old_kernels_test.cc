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

struct Absent {
  unsigned long first;
  unsigned long last;
};

Outcome without(const Absent& absent, const std::vector<std::string>& words) {
  Command command = runtime_command(words);
  command.argv.insert(command.argv.begin(), {guest_path(), "without", std::to_string(absent.first),
                                             std::to_string(absent.last)});
  return run(command);
}

// The life of a container. Answers the first command that could not be done; none: all of them.
std::string live(const Absent& absent, const Bundle& bundle) {
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
    const Outcome outcome = without(absent, words);
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
  EXPECT_EQ(live({kLastOf5_12 + 1, kLastEver}, bundle), "");
  // And the container is the same.
  bundle.args({"/bin/guest", "report"});
  const Report now = run_report(bundle);
  const Outcome old =
      without({kLastOf5_12 + 1, kLastEver}, {"run", "--bundle", bundle.path(), bundle.id()});
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
    const std::string failed = live({call, call}, bundle);
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
    const std::string failed = live({static_cast<unsigned long>(first), kLastEver}, bundle);
    EXPECT_TRUE(contains(failed, name_of_call(static_cast<unsigned long>(named)))) << failed;
    EXPECT_TRUE(contains(failed, "Function not implemented")) << failed;
  }
}

}  // namespace
