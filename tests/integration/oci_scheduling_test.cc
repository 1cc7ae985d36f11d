// SPDX-License-Identifier: Apache-2.0
// Where and when the program runs: scheduler, I/O priority, personality, memory policy, CPUs of exec.
#include <sched.h>
#include <sys/syscall.h>

#include "tests/support/runtime.h"

namespace {

using namespace support;

std::string output_of(Bundle& bundle, const std::string& script) {
  bundle.args({"/bin/sh", "-c", script});
  const Outcome outcome = run_bundle(bundle);
  EXPECT_STATUS(outcome, 0);
  return outcome.out;
}

OCI_TEST(Scheduling, PolicyAndNiceness) {
  Bundle bundle;
  bundle.set("/process/scheduler", R"({"policy":"SCHED_BATCH","nice":7})");
  // Field 19 is the niceness, field 41 the policy (proc(5)); 3 is SCHED_BATCH.
  EXPECT_EQ(output_of(bundle, "cut -d' ' -f19,41 /proc/self/stat"), "7 3\n");
}

OCI_TEST(Scheduling, PersonalityOf32Bits) {
  Bundle bundle;
  bundle.set("/linux/personality", R"({"domain":"LINUX32"})");
  EXPECT_EQ(output_of(bundle, "uname -m"), "i686\n");
}

OCI_TEST(Scheduling, IoPriorityAndMemoryPolicyAreAccepted) {
  Bundle bundle;
  bundle.set("/process/ioPriority", R"({"class":"IOPRIO_CLASS_IDLE","priority":0})")
      .set("/linux/memoryPolicy", R"({"mode":"MPOL_BIND","nodes":"0"})");
  EXPECT_EQ(output_of(bundle, "echo ran"), "ran\n");
}

OCI_TEST(Scheduling, MemoryPolicyOfANodeThatIsNotThereFails) {
  Bundle bundle;
  bundle.set("/linux/memoryPolicy", R"({"mode":"MPOL_BIND","nodes":"900"})");
  const Outcome outcome = create_bundle(bundle);
  EXPECT_STATUS(outcome, 1);
  EXPECT_TRUE(contains(outcome.err, "/linux/memoryPolicy")) << outcome.err;
}

}  // namespace
