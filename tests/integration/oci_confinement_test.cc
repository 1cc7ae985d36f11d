// SPDX-License-Identifier: Apache-2.0
// A runtime that waits for its program has given up what it does not need for that.
#include "tests/support/runtime.h"

namespace {

using namespace support;

// The value of a field of /proc/PID/status, or "".
std::string status_field(pid_t pid, const std::string& name) {
  for (const std::string& line : lines_of(read_file("/proc/" + std::to_string(pid) + "/status")))
    if (line.starts_with(name + ":\t")) return line.substr(name.size() + 2);
  return "";
}

bool gets_confined(const Running& runtime) {
  const bool filtered =
      eventually([&] { return status_field(runtime.pid(), "Seccomp") == "2"; }, 20000);
  return filtered && status_field(runtime.pid(), "NoNewPrivs") == "1";
}

#ifdef OCICTR_SANITIZED
#define NEED_CONFINEMENT() \
  GTEST_SKIP() << "not run under the sanitizers: they make calls that a confined runtime may not"
#else
#define NEED_CONFINEMENT()
#endif

OCI_TEST(SelfConfinement, OfRunExecAndWait) {
  NEED_CONFINEMENT();
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"});
  Running run(runtime_command({"run", "--bundle", bundle.path(), bundle.id()}));
  ASSERT_TRUE(reaches(bundle.id(), "running", 20000)) << run.err();
  EXPECT_TRUE(gets_confined(run));
  Running exec(runtime_command({"exec", bundle.id(), "/bin/guest", "hold"}));
  EXPECT_TRUE(gets_confined(exec)) << exec.err();
  Running wait(runtime_command({"wait", bundle.id()}));
  EXPECT_TRUE(gets_confined(wait)) << wait.err();

  // Confined or not they do what they are there for: tell how it ended, and remove it.
  EXPECT_STATUS(runtime({"kill", bundle.id(), "KILL"}), 0);
  EXPECT_STATUS(run.wait(), 137);
  EXPECT_STATUS(exec.wait(), 137);
  EXPECT_STATUS(wait.wait(), 137);
  EXPECT_NE(runtime({"state", bundle.id()}).status, 0);
}

// The hook is not confined with us.
OCI_TEST(SelfConfinement, NotWhereHooksFollow) {
  Bundle bundle;
  bundle.shell("exit 5");
  bundle.set("/hooks/poststop", R"([{"path":"/bin/sh","args":["sh","-c",
      "grep Seccomp: /proc/self/status >/tmp/hook"]}])");
  EXPECT_STATUS(run_bundle(bundle), 5);
  EXPECT_EQ(read_file("/tmp/hook"), "Seccomp:\t0\n");
}

}  // namespace
