// SPDX-License-Identifier: Apache-2.0
#include "runtime/state/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/cli/ps_table.h"

namespace oci {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

ContainerState web() {
  ContainerState state;
  state.oci_version = "1.2.0";
  state.id = "web";
  state.bundle = "/srv/web";
  state.rootfs = "/srv/web/rootfs";
  state.created = "2026-01-02T03:04:05.678901Z";
  state.init = {.pid = 42, .start_time = 7, .boot_id = "b"};
  return state;
}

std::string report(const ContainerState& state, Status status) {
  json::Writer out;
  write_state(out, state, status);
  return std::move(out).take();
}

TEST(Report, HooksReadOneCompactLine) {
  ContainerState state = web();
  EXPECT_EQ(hook_state(state, "created", 1),
            R"({"ociVersion":"1.2.0","id":"web","status":"created","pid":1,"bundle":"/srv/web"})");
  state.annotations = {{"a/b", "c"}};
  EXPECT_THAT(hook_state(state, "created", 1), HasSubstr(R"("annotations":{"a/b":"c"})"));
}

TEST(Report, SeccompAgentsReadTheProcessState) {
  ContainerState state = web();
  EXPECT_EQ(seccomp_process_state(state, "running", 50, "a \"b\""),
            R"({"ociVersion":"1.2.0","fds":["seccompFd"],"pid":50,"metadata":"a \"b\"",)"
            R"("state":{"ociVersion":"1.2.0","id":"web","status":"running","pid":42,)"
            R"("bundle":"/srv/web"}})");
  state.init = {};  // still being created: the process that loads the filter is init
  EXPECT_THAT(seccomp_process_state(state, "created", 50, ""),
              AllOf(HasSubstr(R"("status":"created","pid":50)"), Not(HasSubstr("metadata"))));
}

TEST(Report, EnginesFindTheirKeys) {
  EXPECT_EQ(report(web(), Status::Running),
            R"({"ociVersion":"1.2.0","id":"web","pid":42,"status":"running","bundle":"/srv/web",)"
            R"("rootfs":"/srv/web/rootfs","created":"2026-01-02T03:04:05.678901Z",)"
            R"("owner":"root"})");
}

TEST(Report, AStoppedContainerHasNoPid) {
  EXPECT_THAT(report(web(), Status::Stopped), HasSubstr(R"("pid":0,"status":"stopped")"));
  EXPECT_THAT(report(web(), Status::Paused), HasSubstr(R"("pid":42,"status":"paused")"));
}

TEST(Report, SaysNothingInTheNamesOfAnEnginesOwnRecord) {
  ContainerState state = web();
  state.cgroup.scope = "x.scope";
  const std::string text = report(state, Status::Running);
  for (const char* key : {"started", "finished", "exitCode", "oomKilled", "seccompKilled", "error",
                          "initPid", "initStartTime", "checkpointedTime"})
    EXPECT_THAT(text, Not(HasSubstr(std::string("\"") + key + "\"")));
}

TEST(Report, OwnersHaveNamesWhereTheHostKnowsThem) {
  const std::string passwd = "root:x:0:0::/:/bin/sh\nbroken\n:x:7\nann:x:1000:1000::/:/bin/sh\n";
  EXPECT_EQ(owner_name(0, passwd), "root");
  EXPECT_EQ(owner_name(1000, passwd), "ann");
  EXPECT_EQ(owner_name(100, passwd), "#100");
  EXPECT_EQ(owner_name(7, passwd), "#7");
}

TEST(PsTable, KeepsTheHeaderAndTheContainersLines) {
  const std::string table =
      "UID          PID    PPID CMD\n"
      "root           1       0 init 42\n"
      "root          42       1 sleep 1\n"
      "root         420       1 sleep 2\n";
  EXPECT_EQ(*cli::filter_ps(table, {42}),
            "UID          PID    PPID CMD\nroot          42       1 sleep 1\n");
  EXPECT_EQ(*cli::filter_ps(table, {}), "UID          PID    PPID CMD\n");
}

TEST(PsTable, WithoutPidsNothingCanBeFiltered) {
  EXPECT_THAT(cli::filter_ps("CMD\ninit\n", {1}).error().message, HasSubstr("PID"));
  EXPECT_FALSE(cli::filter_ps("", {1}).ok());
}

}  // namespace
}  // namespace oci
