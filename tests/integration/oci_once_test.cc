// SPDX-License-Identifier: Apache-2.0
// Odd callers and crowded hosts; what happens once, whoever else does the same at that moment; and
// what is left when a process that stands between the runtime and the container dies. Numbers:
// tests/CASES.md.
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <memory>

#include "ctrtool/core/base/strf.h"
#include "tests/support/console.h"
#include "tests/support/runtime.h"
#include "tests/support/tracer.h"

namespace {

using namespace support;

// --- BAD-48 --------------------------------------------------------------------------------------

OCI_TEST(OddCallers, TheirMaskAndPriorityAndNoArguments) {
  Bundle bundle;
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::sigprocmask(SIG_BLOCK, &all, &before);
  const Outcome blocked = run_bundle(bundle);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  ASSERT_STATUS(blocked, 0);
  EXPECT_EQ(Report(blocked.out)["status.SigBlk"], "0000000000000000");

  Command nice = runtime_command({"run", "--bundle", bundle.path(), bundle.id()});
  nice.argv.insert(nice.argv.begin(), {"nice", "-n", "19"});
  const Outcome low = run(nice);
  ASSERT_STATUS(low, 0);
  EXPECT_EQ(Report(low.out)["sched"], "0 priority 0 nice 19");

  const pid_t pid = ::fork();
  if (pid == 0) {
    char* none[] = {nullptr};
    ::close(1);
    ::close(2);
    ::execve(runtime_path().c_str(), none, none);
    ::_exit(99);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) != 99) << status;
}

// --- FLT-31 --------------------------------------------------------------------------------------

OCI_TEST(Mounts, TwoThousandOfTheHost) {
  Bundle bundle;
  bundle.args({"/bin/guest", "exit", "0"});
  ASSERT_STATUS(run_bundle(bundle), 0);
  constexpr int kMounts = 2000;
  TempDir places;
  for (int i = 0; i < kMounts; ++i) {
    const std::string at = places / std::to_string(i);
    make_directories(at);
    ASSERT_EQ(::mount(at.c_str(), at.c_str(), nullptr, MS_BIND, nullptr), 0);
  }
  const Outcome among_many = run_bundle(bundle);
  EXPECT_STATUS(among_many, 0);
  EXPECT_LT(among_many.cpu_ms, 1000);
  for (int i = 0; i < kMounts; ++i)
    EXPECT_EQ(::umount2((places / std::to_string(i)).c_str(), MNT_DETACH), 0);
}

// Many control groups of others beside the container's, in one hierarchy.
class ControlGroups {
 public:
  ControlGroups(const std::string& parent, int count) : parent_(place() + parent) {
    EXPECT_EQ(::mkdir(parent_.c_str(), 0755), 0) << parent_;
    for (; made_ < count && ::mkdir(path(made_).c_str(), 0755) == 0; ++made_) {
    }
    EXPECT_EQ(made_, count);
  }
  ControlGroups(const ControlGroups&) = delete;
  ControlGroups& operator=(const ControlGroups&) = delete;
  ~ControlGroups() {
    while (made_ > 0) EXPECT_EQ(::rmdir(path(--made_).c_str()), 0);
    EXPECT_EQ(::rmdir(parent_.c_str()), 0);
  }

 private:
  std::string path(int number) const { return ctr::strf("%s/%d", parent_.c_str(), number); }
  static std::string place() {
    for (const Hierarchy& hierarchy : cgroup_hierarchies())
      if (hierarchy.controllers.empty()) return hierarchy.mount;
    return cgroup_dir("pids", "");
  }

  std::string parent_;
  int made_ = 0;
};

struct Cost {
  double cpu_ms;
  std::size_t calls;
};

Cost cost_of_run(const Bundle& bundle) {
  Cost cost{1e9, 0};
  for (int i = 0; i < 3; ++i) {  // the least: others use the machine as well
    const Outcome outcome = run_bundle(bundle);
    EXPECT_STATUS(outcome, 0);
    cost.cpu_ms = std::min(cost.cpu_ms, outcome.cpu_ms);
  }
  const Command command = runtime_command({"run", "--bundle", bundle.path(), bundle.id()});
  const Traced traced = trace(command, "/bin/guest", [](const Call&) { return Fault{}; });
  EXPECT_STATUS(traced.outcome, 0);
  cost.calls = traced.calls.size();
  return cost;
}

OCI_TEST(Crowd, FourThousandMountsAndTwoThousandControlGroups) {
  if (const std::string why = why_no_tracing(); !why.empty()) GTEST_SKIP() << why;
  const std::string parent = "/" + test_tag() + "-crowd";
  Bundle bundle;
  bundle.args({"/bin/guest", "exit", "0"})
      .set("/linux/cgroupsPath", json_string(parent + bundle.cgroup()));
  const Cost alone = cost_of_run(bundle);
  constexpr int kMounts = 4000;
  TempDir places;
  for (int i = 0; i < kMounts; ++i) {
    const std::string at = places / std::to_string(i);
    make_directories(at);
    ASSERT_EQ(::mount(at.c_str(), at.c_str(), nullptr, MS_BIND, nullptr), 0);
  }
  {
    const ControlGroups others(parent, 2000);
    const Cost crowded = cost_of_run(bundle);
    // Of calls only those that read /proc/self/mountinfo further; of time the kernel's copy of it
    // all.
    EXPECT_LT(crowded.calls, alone.calls + 60);
    EXPECT_LT(crowded.cpu_ms, alone.cpu_ms + 200);
  }
  for (int i = 0; i < kMounts; ++i)
    EXPECT_EQ(::umount2((places / std::to_string(i)).c_str(), MNT_DETACH), 0);
}

// --- FLT-33 --------------------------------------------------------------------------------------

OCI_TEST(Terminal, AFloodOfNewSizesLosesNothing) {
  Bundle bundle;
  bundle.set("/process/terminal", "true")
      .shell("stty -opost; i=0; while [ $i -lt 3000 ]; do echo =$i=; i=$((i+1)); done; echo ended");
  const Pty pty = open_pty(24, 80);
  Command command = runtime_command({"run", "--bundle", bundle.path(), bundle.id()});
  command.fds = {{pty.slave.raw(), 0}, {pty.slave.raw(), 1}, {pty.slave.raw(), 2}};
  Running attached(command);
  std::string seen;
  for (int i = 0; i < 300 && !contains(seen, "ended"); ++i) {
    attached.kill(SIGWINCH);
    seen += read_until(pty.master, "ended", 5);
  }
  seen += contains(seen, "ended") ? "" : read_until(pty.master, "ended", 20000);
  EXPECT_STATUS(attached.wait(), 0);
  std::string wanted;
  for (int i = 0; i < 3000; ++i) wanted += ctr::strf("=%d=\n", i);
  EXPECT_TRUE(contains(seen, wanted)) << seen.size() << " of " << wanted.size() << " bytes";
}

// --- FLT-34 --------------------------------------------------------------------------------------

// At any moment: either there is a container, or nothing of it.
OCI_TEST(Killed, BySignalsDuringCreate) {
  unsigned seed = 11;
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"});
  const Snapshot before = take_snapshot();
  int ended = 0;
  for (int round = 0; round < 20; ++round) {
    const int signal = round % 3 == 0 ? SIGTERM : round % 3 == 1 ? SIGINT : SIGHUP;
    Outcome outcome;
    {
      Running creator(runtime_command({"create", "--bundle", bundle.path(), bundle.id()}));
      ::usleep(static_cast<useconds_t>(::rand_r(&seed)) % 10000);
      creator.kill(signal);
      outcome = creator.wait();
    }
    EXPECT_TRUE(outcome.status == 0 || outcome.status == 128 + signal) << outcome.status;
    if (outcome.status == 0) {
      EXPECT_EQ(state_of(bundle.id(), "/status"), "created");
      EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
    } else {
      ++ended;
      EXPECT_LE(lines_of(outcome.err).size(), 1U) << outcome.err;
    }
    for (const std::string& line : left_behind(before)) ADD_FAILURE() << line;
  }
  EXPECT_GT(ended, 0);
}

void expect_killed_while_a_hook_runs(const char* command) {
  for (const char* stage : {"prestart", "createRuntime"}) {
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
      SCOPED_TRACE(ctr::strf("%s, %s, signal %d", command, stage, signal));
      Bundle bundle;
      bundle.args({"/bin/guest", "hold"})
          .set("/hooks",
               ctr::strf(R"({"%s":[{"path":"/bin/sh","args":["sh","-c",)"
                         R"("touch /tmp/runs; sleep 1000"]}],)"
                         R"("poststop":[{"path":"/bin/touch","args":["touch","/tmp/stopped"]}]})",
                         stage));
      ::unlink("/tmp/runs");
      ::unlink("/tmp/stopped");
      const Snapshot before = take_snapshot();
      {
        Running creator(runtime_command({command, "--bundle", bundle.path(), bundle.id()}));
        ASSERT_TRUE(eventually([] { return path_exists("/tmp/runs"); }));
        creator.kill(signal);
        const Outcome outcome = creator.wait();
        EXPECT_STATUS(outcome, 128 + signal);
        EXPECT_TRUE(contains(outcome.err, "interrupted by a signal")) << outcome.err;
        EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
      }
      EXPECT_TRUE(path_exists("/tmp/stopped"));
      for (const std::string& line : left_behind(before)) ADD_FAILURE() << line;
    }
  }
}

OCI_TEST(Killed, BySignalsWhileAHookRuns) { expect_killed_while_a_hook_runs("create"); }
OCI_TEST(Killed, BySignalsWhileAHookOfARunRuns) { expect_killed_while_a_hook_runs("run"); }

// As nohup(1) and shells in the background have it.
OCI_TEST(Killed, NotBySignalsThatTheCallerIgnores) {
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"})
      .set("/hooks", R"({"createRuntime":[{"path":"/bin/sh","args":["sh","-c",)"
                     R"("touch /tmp/runs; while ! [ -e /tmp/go ]; do sleep 0.02; done"]}]})");
  Command command = runtime_command({"create", "--bundle", bundle.path(), bundle.id()});
  command.argv.insert(command.argv.begin(),
                      {"/bin/sh", "-c", "trap '' HUP INT; exec \"$@\"", "sh"});
  Running creator(command);
  ASSERT_TRUE(eventually([] { return path_exists("/tmp/runs"); }));
  creator.kill(SIGHUP);
  creator.kill(SIGINT);
  sleep_ms(50);
  write_file("/tmp/go", "");
  EXPECT_STATUS(creator.wait(), 0);
  EXPECT_EQ(state_of(bundle.id(), "/status"), "created");
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
}

// --- FLT-06 --------------------------------------------------------------------------------------

// Different bundles and cgroups under one ID: the losers take nothing of the winner's away.
OCI_TEST(Races, TheWinnerOfDifferentCreatesLives) {
  for (int round = 0; round < 6; ++round) {
    SCOPED_TRACE(round);
    Bundle one;
    Bundle other;
    const std::string id = one.id();
    one.args({"/bin/guest", "hold"});
    other.args({"/bin/guest", "hold"});
    if (round % 2 == 0) other.set("/linux/cgroupsPath", json_string(one.cgroup()));
    std::vector<std::unique_ptr<Running>> all;
    for (int i = 0; i < 6; ++i) {
      const Bundle& bundle = i % 2 == 0 ? one : other;
      all.push_back(
          std::make_unique<Running>(runtime_command({"create", "--bundle", bundle.path(), id})));
    }
    int winners = 0;
    for (const auto& creator : all) {
      const Outcome outcome = creator->wait();
      winners += outcome.status == 0 ? 1 : 0;
      if (outcome.status == 0) continue;
      EXPECT_STATUS(outcome, 1);
      EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
      EXPECT_TRUE(contains(outcome.err, "exist")) << outcome.err;
    }
    EXPECT_EQ(winners, 1);
    EXPECT_STATUS(runtime({"start", id}), 0);
    EXPECT_STATUS(runtime({"exec", id, "/bin/true"}), 0);
    EXPECT_STATUS(runtime({"delete", "--force", id}), 0);
  }
}

// --- FLT-07 --------------------------------------------------------------------------------------

class CountedHooks {
 public:
  explicit CountedHooks(Bundle& bundle) {
    bundle.bind(log_.path(), log_.path(), "bind").args({"/bin/guest", "hold"});
    for (const char* stage : {"startContainer", "poststart", "poststop"}) {
      const std::string script = std::string("echo ") + stage + " >>" + log_.path() + "/ran";
      bundle.set(std::string("/hooks/") + stage + "/-",
                 R"({"path":"/bin/sh","args":["sh","-c",)" + json_string(script) + "]}");
    }
  }
  std::string ran() const { return read_file(log_ / "ran"); }
  void forget() const { write_file(log_ / "ran", ""); }

 private:
  TempDir log_;
};

OCI_TEST(Races, HooksRunOnceForTwoWhoStartAndTwoWhoDelete) {
  Bundle bundle;
  const CountedHooks hooks(bundle);
  for (int round = 0; round < 12; ++round) {
    SCOPED_TRACE(round);
    hooks.forget();
    ASSERT_STATUS(create_bundle(bundle), 0);
    {
      Running one(runtime_command({"start", bundle.id()}));
      Running two(runtime_command({"start", bundle.id()}));
      EXPECT_EQ(one.wait().status + two.wait().status, 1);
    }
    EXPECT_EQ(hooks.ran(), "startContainer\npoststart\n");
    {
      Running one(runtime_command({"delete", "--force", bundle.id()}));
      Running two(runtime_command({"delete", "--force", bundle.id()}));
      EXPECT_STATUS(one.wait(), 0);
      EXPECT_STATUS(two.wait(), 0);
    }
    EXPECT_EQ(hooks.ran(), "startContainer\npoststart\npoststop\n");
  }
}

// --- FLT-05 --------------------------------------------------------------------------------------

// In a user namespace that is joined the process that joins is not the one that goes on. Either may
// be killed at any moment.
OCI_TEST(KillSweep, HelpersInAJoinedUserNamespace) {
  if (const std::string why = why_no_faults(); !why.empty()) GTEST_SKIP() << why;
  Bundle holder;
  holder.map_ids(100000, 65536).args({"/bin/guest", "hold"});
  ASSERT_STATUS(run_bundle(holder, {"--detach"}), 0);
  Bundle bundle;
  bundle.map_ids(100000, 65536).remove("/linux/uidMappings").remove("/linux/gidMappings");
  const int last = json_size(bundle.config(), "/linux/namespaces") - 1;
  bundle
      .set("/linux/namespaces/" + std::to_string(last) + "/path",
           json_string(ctr::strf("/proc/%d/ns/user", pid_of(holder.id()))))
      .args({"/bin/guest", "hold"});
  const Snapshot before = take_snapshot();
  const auto create = [&](const std::function<Fault(const Call&)>& at) {
    return trace(runtime_command({"create", "--bundle", bundle.path(), bundle.id()}), "/bin/guest",
                 at);
  };
  std::vector<Call> calls = create([](const Call&) { return Fault{}; }).calls;
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
  std::erase_if(calls, [](const Call& call) { return call.process == 0; });
  ASSERT_GT(calls.size(), 50U);
  EXPECT_GE(calls.back().process, 2U) << "nobody was between";
  const bool all = ::getenv("OCICTR_TEST_LONG") != nullptr;
  const std::size_t step = all ? 1 : calls.size() / 24;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const Call& point = calls[i];
    if (i % step != 0 && point.call != SYS_sendmsg) continue;  // where others wait for a word
    SCOPED_TRACE(ctr::strf("process %u, call %u (%s)", point.process, point.index,
                           name_of_call(point.call).c_str()));
    const Traced traced = create([&](const Call& call) {
      const bool here = call.process == point.process && call.index == point.index;
      return here ? Fault{.kind = Fault::kKillCaller} : Fault{};
    });
    EXPECT_LT(traced.outcome.status, 256) << "it hangs";
    if (traced.outcome.status != 0) {
      EXPECT_EQ(lines_of(traced.outcome.err).size(), 1U) << traced.outcome.err;
      EXPECT_STATUS(runtime({"state", bundle.id()}), 1);
    }
    EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
    for (const std::string& line : left_behind(before)) ADD_FAILURE() << line;
    if (testing::Test::HasFailure()) break;
  }
  EXPECT_STATUS(runtime({"delete", "--force", holder.id()}), 0);
}

}  // namespace
