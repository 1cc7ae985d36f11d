// SPDX-License-Identifier: Apache-2.0
// update, events and wait: what changes, tells and outlives a running container.
#include <signal.h>
#include <sys/syscall.h>

#include "tests/support/runtime.h"

namespace {

using namespace support;

std::string memory_of(const Bundle& bundle) {
  return limit_of(bundle, "memory", {"memory.limit_in_bytes", "memory.max"});
}
std::string pids_of(const Bundle& bundle) { return limit_of(bundle, "pids", {"pids.max"}); }

void start_waiting(Bundle& bundle) {
  bundle.args({"/bin/guest", "wait-term"});
  ASSERT_STATUS(create_bundle(bundle), 0);
  ASSERT_STATUS(runtime({"start", bundle.id()}), 0);
}

void end(const Bundle& bundle) { EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0); }

OCI_TEST(Update, OptionsChangeWhatTheyNameAndNothingElse) {
  NEED_CONTROLLER("memory");
  NEED_CONTROLLER("pids");
  Bundle bundle;
  bundle.set("/linux/resources/pids", R"({"limit":40})");
  start_waiting(bundle);
  EXPECT_STATUS(runtime({"update", "--memory", "64M", bundle.id()}), 0);
  EXPECT_EQ(memory_of(bundle), "67108864");
  EXPECT_EQ(pids_of(bundle), "40");
  EXPECT_STATUS(runtime({"update", "--pids-limit=0", "--memory", "32m", bundle.id()}), 0);
  EXPECT_EQ(pids_of(bundle), "max");
  EXPECT_EQ(memory_of(bundle), "33554432");
  EXPECT_STATUS(runtime({"update", "--cpu-quota", "20000", bundle.id()}), 0);
  EXPECT_STATUS(runtime({"update", "--cpu-period", "50000", bundle.id()}), 0);
  EXPECT_EQ(limit_of(bundle, "cpu", {"cpu.cfs_quota_us", "cpu.max"}).substr(0, 5), "20000");
  end(bundle);
}

OCI_TEST(Update, AcceptsAResourcesObjectFromFileAndStdin) {
  NEED_CONTROLLER("memory");
  Bundle bundle;
  ASSERT_STATUS(create_bundle(bundle), 0);  // not started: allowed
  write_file("/tmp/resources.json", R"({"memory":{"limit":50331648},"pids":{"limit":9}})");
  EXPECT_STATUS(
      runtime({"update", "--resources", "/tmp/resources.json", "--memory", "1", bundle.id()}), 0);
  EXPECT_EQ(memory_of(bundle), "50331648") << "the other options are ignored";
  EXPECT_EQ(pids_of(bundle), "9");
  Command by_stdin = runtime_command({"update", "--resources=-", bundle.id()});
  by_stdin.input = R"({"memory":{"limit":0,"kernel":0},"cpu":{"shares":0},"pids":{"limit":11}})";
  EXPECT_STATUS(run(by_stdin), 0);
  EXPECT_EQ(memory_of(bundle), "50331648") << "0 is not set";
  EXPECT_EQ(pids_of(bundle), "11");
  end(bundle);
}

OCI_TEST(Update, DeviceRulesChangeOnlyWhenGiven) {
  Bundle bundle;
  bundle.shell("while :; do sleep 1; done");
  ASSERT_STATUS(create_bundle(bundle), 0);
  ASSERT_STATUS(runtime({"start", bundle.id()}), 0);
  const std::vector<std::string> read_loop = {
      "exec",
      "--cap",
      "CAP_MKNOD",
      bundle.id(),
      "/bin/sh",
      "-c",
      "mknod /dev/loop7 b 7 7; dd if=/dev/loop7 of=/dev/null count=1 2>&1; rm -f /dev/loop7"};
  EXPECT_TRUE(contains(runtime(read_loop).out, "Operation not permitted"));
  Command allow = runtime_command({"update", "--resources", "-", bundle.id()});
  allow.input = R"({"devices":[{"allow":false,"access":"rwm"},
                               {"allow":true,"type":"b","major":7,"minor":7,"access":"rwm"}]})";
  EXPECT_STATUS(run(allow), 0);
  Command other = allow;
  other.input = R"({"pids":{"limit":99}})";
  EXPECT_STATUS(run(other), 0);
  const Outcome loop = runtime(read_loop);
  EXPECT_FALSE(contains(loop.out, "Operation not permitted")) << loop.out << loop.err;
  EXPECT_STATUS(runtime({"exec", bundle.id(), "/bin/sh", "-c", "echo still > /dev/null"}), 0);
  end(bundle);
}

OCI_TEST(Update, RefusesWhatItCannotDo) {
  Bundle bundle;
  start_waiting(bundle);
  const struct {
    std::vector<std::string> words;
    const char* says;
  } cases[] = {
      {{"update", bundle.id()}, "no limit is named"},
      {{"update", "--memory", "many", bundle.id()}, "option --memory"},
      {{"update", "--memory", "-2", bundle.id()}, "option --memory"},
      {{"update", "--memory", "9999999999T", bundle.id()}, "option --memory"},
      {{"update", "--pids-limit", "1x", bundle.id()}, "option --pids-limit"},
      {{"update", "--cpuset-cpus", "4000", bundle.id()}, "cpus"},
      {{"update", "--resources", "/nowhere", bundle.id()}, "/nowhere"},
      {{"update", "--pids-limit", "5", "nobody"}, "does not exist"},
  };
  for (const auto& [words, says] : cases) {
    const Outcome outcome = runtime(words);
    EXPECT_STATUS(outcome, 1);
    EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
    EXPECT_TRUE(contains(outcome.err, says)) << outcome.err;
  }
  Command wrong = runtime_command({"update", "--resources", "-", bundle.id()});
  wrong.input = R"({"memory":{"limit":"1"}})";
  const Outcome outcome = run(wrong);
  EXPECT_STATUS(outcome, 1);
  EXPECT_TRUE(contains(outcome.err, "/memory/limit")) << outcome.err;
  end(bundle);
}

// A value that the kernel refuses leaves the others as they were.
OCI_TEST(Update, AFailureSetsBackWhatItHadChanged) {
  NEED_CONTROLLER("memory");
  NEED_CONTROLLER("cpuset");
  Bundle bundle;
  bundle.set("/linux/resources/memory", R"({"limit":67108864})");
  start_waiting(bundle);
  const std::string pids = pids_of(bundle);
  EXPECT_STATUS(runtime({"update", "--memory", "48M", "--pids-limit", "7", "--cpuset-cpus", "4000",
                         bundle.id()}),
                1);
  EXPECT_EQ(memory_of(bundle), "67108864");
  EXPECT_EQ(pids_of(bundle), pids);
  end(bundle);
}

OCI_TEST(Update, NotForTheStopped) {
  Bundle bundle;
  start_waiting(bundle);
  ASSERT_STATUS(runtime({"kill", bundle.id(), "KILL"}), 0);
  ASSERT_TRUE(reaches(bundle.id(), "stopped"));
  const Outcome outcome = runtime({"update", "--pids-limit", "5", bundle.id()});
  EXPECT_STATUS(outcome, 1);
  EXPECT_TRUE(contains(outcome.err, "not running")) << outcome.err;
  end(bundle);
}

OCI_TEST(Events, StatsOnceInTheShapeOfRunc) {
  NEED_CONTROLLER("memory");
  Bundle bundle;
  bundle.set("/linux/resources/memory", R"({"limit":67108864})");
  start_waiting(bundle);
  const Outcome outcome = runtime({"events", "--stats", bundle.id()});
  ASSERT_STATUS(outcome, 0);
  EXPECT_EQ(lines_of(outcome.out).size(), 1U);
  EXPECT_EQ(json_get(outcome.out, "/type"), "stats");
  EXPECT_EQ(json_get(outcome.out, "/id"), bundle.id());
  EXPECT_EQ(json_get(outcome.out, "/data/memory/usage/limit"), "67108864");
  EXPECT_NE(json_get(outcome.out, "/data/memory/usage/usage").value_or("0"), "0");
  EXPECT_NE(json_get(outcome.out, "/data/cpu/usage/total").value_or("0"), "0");
  EXPECT_EQ(json_get(outcome.out, "/data/pids/current"), "1");
  for (const char* key : {"cpu/usage/kernel", "cpu/usage/user", "cpu/throttling/periods",
                          "cpu/throttling/throttledPeriods", "cpu/throttling/throttledTime",
                          "cpuset", "memory/cache", "memory/usage/max", "memory/usage/failcnt",
                          "memory/swap/limit", "memory/kernel/usage", "memory/kernelTCP/failcnt",
                          "memory/raw", "pids/limit", "blkio", "hugetlb", "network_interfaces"})
    EXPECT_TRUE(json_get(outcome.out, std::string("/data/") + key)) << key;
  EXPECT_EQ(json_get(outcome.out, "/data/pids/limit"), "18446744073709551615") << "unlimited";
  end(bundle);
}

OCI_TEST(Events, FollowsUntilTheEndAndTellsOfKills) {
  NEED_CONTROLLER("memory");
  Bundle bundle;
  bundle.set("/linux/resources/memory", R"({"limit":16777216})")
      .shell("while ! [ -e /tmp/go ]; do sleep 0.1; done; /bin/guest alloc 64; sleep 0.5");
  ASSERT_STATUS(create_bundle(bundle), 0);
  ASSERT_STATUS(runtime({"start", bundle.id()}), 0);
  Running events(runtime_command({"events", "--interval", "100ms", bundle.id()}));
  ASSERT_TRUE(eventually([&] { return lines_of(events.out()).size() >= 2; }));
  ASSERT_STATUS(runtime({"exec", bundle.id(), "/bin/touch", "/tmp/go"}), 0);
  const Outcome outcome = events.wait();
  EXPECT_STATUS(outcome, 0);
  int kills = 0;
  for (const std::string& line : lines_of(outcome.out))
    kills += json_get(line, "/type") == "oom" ? 1 : 0;
  EXPECT_EQ(kills, 1) << outcome.out;
  const Outcome late = runtime({"events", "--stats", bundle.id()});
  EXPECT_STATUS(late, 1);
  EXPECT_TRUE(contains(late.err, "container with id " + bundle.id() + " is not running"))
      << late.err;
  end(bundle);
}

OCI_TEST(Events, RefusesIntervalsThatAreNone) {
  for (const char* interval : {"", "5", "s", "-1s", "0s", "1.2.3s", "1s2", "5 s"}) {
    const Outcome outcome = runtime({"events", "--interval", interval, "nobody"});
    EXPECT_STATUS(outcome, 1);
    EXPECT_TRUE(contains(outcome.err, "--interval")) << outcome.err;
  }
}

// A `wait` that comes when its container has ended and is reaped cannot know how it ended.
bool has_begun_to_wait(const Running& wait) {
  const std::string call = "/proc/" + std::to_string(wait.pid()) + "/syscall";
  return eventually(
      [&] {
        const std::string number = read_file(call);
        return number.starts_with(std::to_string(SYS_ppoll) + " ")
#ifdef SYS_poll
               || number.starts_with(std::to_string(SYS_poll) + " ")
#endif
            ;
      },
      20000);
}

OCI_TEST(Wait, AnswersTheStatusOfSomebodyElsesChild) {
  Bundle bundle;
  bundle.shell("while ! [ -e /tmp/go ]; do sleep 0.1; done; exit 42");
  ASSERT_STATUS(create_bundle(bundle), 0);
  Running waiting(runtime_command({"wait", bundle.id()}));
  ASSERT_TRUE(has_begun_to_wait(waiting));
  ASSERT_STATUS(runtime({"start", bundle.id()}), 0);
  ASSERT_STATUS(runtime({"exec", bundle.id(), "/bin/touch", "/tmp/go"}), 0);
  const Outcome outcome = waiting.wait();
  EXPECT_STATUS(outcome, 42);
  EXPECT_EQ(outcome.out, "42\n");
  end(bundle);
}

OCI_TEST(Wait, AnswersForAKilledOne) {
  Bundle bundle;
  start_waiting(bundle);
  Running waiting(runtime_command({"wait", bundle.id()}));
  ASSERT_TRUE(has_begun_to_wait(waiting));
  ASSERT_STATUS(runtime({"kill", bundle.id(), "KILL"}), 0);
  const Outcome outcome = waiting.wait();
  EXPECT_EQ(outcome.out, "137\n") << outcome.err;
  end(bundle);
}

OCI_TEST(Wait, KnowsTheStatusThatRunHasKept) {
  Bundle bundle;
  bundle.args({"/bin/guest", "exit", "7"});
  EXPECT_STATUS(run_bundle(bundle, {"--keep"}), 7);
  const Outcome outcome = runtime({"wait", bundle.id()});
  EXPECT_STATUS(outcome, 7);
  EXPECT_EQ(outcome.out, "7\n");
  end(bundle);
}

}  // namespace
