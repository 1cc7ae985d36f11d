// SPDX-License-Identifier: Apache-2.0
// create, start, state, kill, delete: what they do, say and answer.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/runtime.h"

namespace {

using namespace support;

OCI_TEST(Lifecycle, CreateStartKillDelete) {
  Bundle bundle;
  bundle.args({"/bin/guest", "wait-term"});
  ASSERT_STATUS(create_bundle(bundle), 0);
  EXPECT_EQ(state_of(bundle.id(), "/status"), "created");
  const pid_t pid = pid_of(bundle.id());
  EXPECT_GT(pid, 1);
  EXPECT_EQ(::kill(pid, 0), 0);
  ASSERT_STATUS(runtime({"start", bundle.id()}), 0);
  EXPECT_EQ(state_of(bundle.id(), "/status"), "running");
  EXPECT_EQ(pid_of(bundle.id()), pid);
  ASSERT_STATUS(runtime({"kill", bundle.id(), "KILL"}), 0);
  EXPECT_TRUE(reaches(bundle.id(), "stopped"));
  EXPECT_EQ(state_of(bundle.id(), "/pid"), "0");
  ASSERT_STATUS(runtime({"delete", bundle.id()}), 0);
}

OCI_TEST(Lifecycle, RunGivesTheProgramsStatus) {
  Bundle bundle;
  for (const char* status : {"0", "3", "125"}) {
    bundle.args({"/bin/guest", "exit", status});
    EXPECT_STATUS(run_bundle(bundle), atoi(status));
  }
  bundle.args({"/bin/sh", "-c", "kill -9 $$"});
  bundle.shell("sh -c 'kill -9 $$'; exit $?");
  EXPECT_STATUS(run_bundle(bundle), 137);
}

}  // namespace
