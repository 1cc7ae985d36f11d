// SPDX-License-Identifier: Apache-2.0
// create, start, run, kill, delete: what they do, say and answer.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/runtime.h"

namespace {

using namespace support;

// One line on stderr that has all of `parts`, exit status 1.
void expect_refused(const Outcome& outcome, const std::vector<std::string>& parts) {
  EXPECT_STATUS(outcome, 1);
  EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
  for (const std::string& part : parts) EXPECT_TRUE(contains(outcome.err, part)) << outcome.err;
}

void create_and_start(const Bundle& bundle) {
  ASSERT_STATUS(create_bundle(bundle), 0);
  ASSERT_STATUS(runtime({"start", bundle.id()}), 0);
}

void delete_by_force(const Bundle& bundle) {
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
}

pid_t parent_of(pid_t pid) {
  const std::string stat = read_file("/proc/" + std::to_string(pid) + "/stat");
  return ::atoi(stat.substr(std::min(stat.size(), stat.rfind(')') + 4)).c_str());
}

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

// config.md, "Process": required only when start is called. runtime.md, "Start": then it is an
// error.
OCI_TEST(Lifecycle, WithoutAProcessStartIsTheError) {
  Bundle bundle;
  bundle.remove("/process");
  ASSERT_STATUS(create_bundle(bundle), 0);
  EXPECT_EQ(state_of(bundle.id(), "/status"), "created");
  expect_refused(runtime({"start", bundle.id()}), {"/process", "required"});
  EXPECT_EQ(state_of(bundle.id(), "/status"), "created");
  const Outcome inside = runtime({"exec", bundle.id(), "/bin/sh", "-c", "echo in $(hostname)"});
  EXPECT_STATUS(inside, 0);
  EXPECT_TRUE(contains(inside.out, "in ")) << inside.out;
  delete_by_force(bundle);
  expect_refused(run_bundle(bundle), {"/process", "required"});
}

OCI_TEST(Lifecycle, ARegularExpressionMeansManyContainers) {
  Bundle bundle;
  bundle.args({"/bin/guest", "wait-term"}).remove("/linux/cgroupsPath");
  const std::vector<std::string> ids = {"web-1", "web-2", "db"};
  for (const std::string& id : ids) {
    bundle.set("/linux/cgroupsPath", json_string("/" + test_tag() + "-" + id));
    ASSERT_STATUS(runtime({"create", "--bundle", bundle.path(), id}), 0);
    ASSERT_STATUS(runtime({"start", id}), 0);
  }
  EXPECT_STATUS(runtime({"kill", "--regex", "^web-[0-9]$", "KILL"}), 0);
  EXPECT_TRUE(reaches("web-1", "stopped"));
  EXPECT_TRUE(reaches("web-2", "stopped"));
  EXPECT_EQ(state_of("db", "/status"), "running");
  expect_refused(runtime({"kill", "--regex", "(", "KILL"}), {"--regex"});
  EXPECT_STATUS(runtime({"kill", "--regex", "nobody", "KILL"}), 0);
  // One that may not be deleted does not keep the others.
  expect_refused(runtime({"delete", "--regex", "."}), {"db", "running"});
  EXPECT_EQ(runtime({"list", "--quiet"}).out, "db\n");
  EXPECT_STATUS(runtime({"delete", "--force", "--regex", "."}), 0);
}

OCI_TEST(Lifecycle, RunGivesTheProgramsStatus) {
  Bundle bundle;
  for (const char* status : {"0", "3", "125", "255"}) {
    bundle.args({"/bin/guest", "exit", status});
    EXPECT_STATUS(run_bundle(bundle), ::atoi(status));
  }
}

// Init is pid 1 of its namespace: only a signal from outside kills it.
OCI_TEST(Lifecycle, RunAnswers137ForAKilledProgram) {
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"});
  Running attached(runtime_command({"run", "--bundle", bundle.path(), bundle.id()}));
  ASSERT_TRUE(eventually([&] { return contains(attached.out(), "ready"); }));
  EXPECT_STATUS(runtime({"kill", bundle.id(), "9"}), 0);
  EXPECT_STATUS(attached.wait(), 137);
}

OCI_TEST(Lifecycle, CreatedProcessBelongsToTheCaller) {
  Bundle bundle;
  const Snapshot before = take_snapshot();
  ASSERT_STATUS(create_bundle(bundle), 0);
  EXPECT_EQ(parent_of(pid_of(bundle.id())), ::getpid());
  EXPECT_EQ(take_snapshot().processes.size(), before.processes.size() + 1)
      << "a helper stayed behind";
  delete_by_force(bundle);
}

OCI_TEST(Lifecycle, OutputPipesEndWithTheProgram) {
  Bundle bundle;
  bundle.args({"/bin/guest", "exit", "0"});
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  Command command = runtime_command({"create", "--bundle", bundle.path(), bundle.id()});
  command.fds = {{ends[1], 1}, {ends[1], 2}};
  ASSERT_STATUS(run(command), 0);
  ::close(ends[1]);
  ASSERT_STATUS(runtime({"start", bundle.id()}), 0);
  char byte;
  EXPECT_EQ(::read(ends[0], &byte, 1), 0) << "somebody still holds the pipe";
  ::close(ends[0]);
  delete_by_force(bundle);
}

OCI_TEST(Lifecycle, RunDetachedReturnsWhileTheProgramRuns) {
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"});
  ASSERT_STATUS(run_bundle(bundle, {"--detach", "--pid-file", "/tmp/pid"}), 0);
  EXPECT_EQ(state_of(bundle.id(), "/status"), "running");
  EXPECT_EQ(read_file("/tmp/pid"), std::to_string(pid_of(bundle.id())));
  delete_by_force(bundle);
  ::unlink("/tmp/pid");
}

OCI_TEST(Lifecycle, RunKeepLeavesTheState) {
  Bundle bundle;
  bundle.args({"/bin/guest", "exit", "4"});
  EXPECT_STATUS(run_bundle(bundle, {"--keep"}), 4);
  EXPECT_EQ(state_of(bundle.id(), "/status"), "stopped");
  EXPECT_STATUS(runtime({"delete", bundle.id()}), 0);
}

OCI_TEST(Lifecycle, AttachedRunForwardsSignals) {
  Bundle bundle;
  bundle.args({"/bin/guest", "wait-term"});
  Running attached(runtime_command({"run", "--bundle", bundle.path(), bundle.id()}));
  ASSERT_TRUE(eventually([&] { return contains(attached.out(), "ready"); }));
  attached.kill(SIGHUP);
  EXPECT_TRUE(eventually([&] { return contains(attached.out(), "got 1\n"); }));
  attached.kill(SIGTERM);
  EXPECT_STATUS(attached.wait(), 0);
}

OCI_TEST(Lifecycle, StdinReachesTheProgram) {
  Bundle bundle;
  bundle.args({"/bin/cat"});
  Command command = runtime_command({"run", "--bundle", bundle.path(), bundle.id()});
  command.input = "through\nand through\n";
  const Outcome outcome = run(command);
  EXPECT_STATUS(outcome, 0);
  EXPECT_EQ(outcome.out, command.input);
}

OCI_TEST(Lifecycle, SecondCreateOfAnIdIsRefused) {
  Bundle bundle;
  ASSERT_STATUS(create_bundle(bundle), 0);
  expect_refused(create_bundle(bundle), {"exist"});
  EXPECT_EQ(state_of(bundle.id(), "/status"), "created");
  delete_by_force(bundle);
}

OCI_TEST(Lifecycle, BadIdsAreRefused) {
  Bundle bundle;
  for (const char* id : {"", ".", "..", "a/b", "../a", "a b", "a\nb", "a\tb"})
    EXPECT_STATUS(runtime({"create", "--bundle", bundle.path(), id}), 1);
  EXPECT_STATUS(runtime({"create", "--bundle", bundle.path()}), 1);
}

OCI_TEST(Lifecycle, UnknownIdsSayTheyDoNotExist) {
  for (const char* verb : {"state", "start", "delete", "pause", "resume", "ps"})
    expect_refused(runtime({verb, "nobody"}), {"does not exist"});
  expect_refused(runtime({"kill", "nobody", "9"}), {"does not exist"});
  const Outcome forced = runtime({"delete", "--force", "nobody"});
  EXPECT_STATUS(forced, 0);
  EXPECT_EQ(forced.out + forced.err, "");
}

OCI_TEST(Lifecycle, StartIsOnlyForCreatedContainers) {
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"});
  create_and_start(bundle);
  expect_refused(runtime({"start", bundle.id()}), {bundle.id()});
  ASSERT_STATUS(runtime({"kill", bundle.id(), "KILL"}), 0);
  ASSERT_TRUE(reaches(bundle.id(), "stopped"));
  expect_refused(runtime({"start", bundle.id()}), {bundle.id()});
  EXPECT_STATUS(runtime({"delete", bundle.id()}), 0);
}

OCI_TEST(Lifecycle, OneOfTwoStartsWins) {
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"});
  ASSERT_STATUS(create_bundle(bundle), 0);
  Running one(runtime_command({"start", bundle.id()}));
  Running two(runtime_command({"start", bundle.id()}));
  EXPECT_EQ(one.wait().status + two.wait().status, 1);
  EXPECT_EQ(state_of(bundle.id(), "/status"), "running");
  delete_by_force(bundle);
}

OCI_TEST(Lifecycle, StartOfADeadInitFailsAndDoesNotHang) {
  Bundle bundle;
  ASSERT_STATUS(create_bundle(bundle), 0);
  ::kill(pid_of(bundle.id()), SIGKILL);
  ASSERT_TRUE(reaches(bundle.id(), "stopped"));
  EXPECT_STATUS(runtime({"start", bundle.id()}), 1);
  EXPECT_STATUS(runtime({"delete", bundle.id()}), 0);
}

OCI_TEST(Lifecycle, DeleteRefusesARunningContainer) {
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"});
  create_and_start(bundle);
  expect_refused(runtime({"delete", bundle.id()}), {bundle.id()});
  EXPECT_EQ(state_of(bundle.id(), "/status"), "running");
  delete_by_force(bundle);
}

OCI_TEST(Lifecycle, DeleteTakesACreatedContainer) {
  Bundle bundle;
  ASSERT_STATUS(create_bundle(bundle), 0);
  EXPECT_STATUS(runtime({"delete", bundle.id()}), 0);
}

// The caller owns the bundle and may change it or take it away.
OCI_TEST(Lifecycle, LaterChangesOfTheBundleDoNotMatter) {
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"}).set("/annotations", R"({"org.test.key":"first"})");
  create_and_start(bundle);
  bundle.set("/annotations", R"({"org.test.key":"second"})");
  EXPECT_EQ(state_of(bundle.id(), "/annotations/org.test.key"), "first");
  ::unlink((bundle.path() + "/config.json").c_str());
  EXPECT_STATUS(runtime({"exec", bundle.id(), "/bin/true"}), 0);
  EXPECT_STATUS(runtime({"kill", bundle.id(), "KILL"}), 0);
  ASSERT_TRUE(reaches(bundle.id(), "stopped"));
  EXPECT_STATUS(runtime({"delete", bundle.id()}), 0);
}

OCI_TEST(Lifecycle, BundleIsTheWorkingDirectoryByDefault) {
  Bundle bundle;
  bundle.args({"/bin/guest", "exit", "6"});
  Command command = runtime_command({"run", bundle.id()});
  command.cwd = bundle.path();
  EXPECT_STATUS(run(command), 6);
}

OCI_TEST(Lifecycle, RelativePathsAreTheCallers) {
  Bundle bundle;
  TempDir work;
  Command command = runtime_command(
      {"create", "--bundle", "../" + bundle.path().substr(5), "--pid-file", "pid", bundle.id()});
  command.cwd = work.path();
  ASSERT_STATUS(run(command), 0);
  EXPECT_EQ(read_file(work / "pid"), std::to_string(pid_of(bundle.id())));
  EXPECT_EQ(state_of(bundle.id(), "/bundle"), bundle.path());
  delete_by_force(bundle);
}

OCI_TEST(PidFile, ReplacesAnEmptyFileMadeBefore) {
  Bundle bundle;
  TempDir work;
  write_file(work / "pid", "");
  ASSERT_STATUS(create_bundle(bundle, {"--pid-file", work / "pid"}), 0);
  EXPECT_EQ(read_file(work / "pid"), std::to_string(pid_of(bundle.id())));
  EXPECT_EQ(list_directory(work.path()).size(), 1U) << "a temporary file stayed";
  delete_by_force(bundle);
}

OCI_TEST(PidFile, IsNotWrittenWhenCreateFails) {
  Bundle bundle;
  bundle.args({"/bin/missing"});
  EXPECT_STATUS(create_bundle(bundle, {"--pid-file", "/tmp/pid"}), 1);
  EXPECT_EQ(read_file("/tmp/pid"), "");
}

OCI_TEST(Kill, TellsAStoppedContainerInTheWordsOfEngines) {
  Bundle bundle;
  bundle.args({"/bin/guest", "exit", "0"});
  create_and_start(bundle);
  ASSERT_TRUE(reaches(bundle.id(), "stopped"));
  expect_refused(runtime({"kill", bundle.id(), "9"}), {"container not running", "no such process"});
  EXPECT_STATUS(runtime({"kill", "--all", bundle.id(), "9"}), 0);
  EXPECT_STATUS(runtime({"kill", "-a", bundle.id(), "KILL"}), 0);
  EXPECT_STATUS(runtime({"delete", bundle.id()}), 0);
}

OCI_TEST(Kill, KnowsSignalsByNumberAndName) {
  Bundle bundle;
  bundle.args({"/bin/guest", "wait-term"});
  Running attached(runtime_command({"run", "--bundle", bundle.path(), bundle.id()}));
  ASSERT_TRUE(eventually([&] { return contains(attached.out(), "ready"); }));
  struct Case {
    const char* name;
    const char* seen;
  };
  for (const Case& one :
       {Case{"1", "got 1\n"}, Case{"USR1", "got 10\n"}, Case{"SIGUSR2", "got 12\n"},
        Case{"sigint", "got 2\n"}, Case{"RTMIN+3", "got 37\n"}}) {
    EXPECT_STATUS(runtime({"kill", bundle.id(), one.name}), 0);
    EXPECT_TRUE(eventually([&] { return contains(attached.out(), one.seen); })) << one.name;
  }
  EXPECT_STATUS(runtime({"kill", bundle.id(), "0"}), 0);
  for (const char* bad : {"SIGNOPE", "-1", "9x", "65", "999999999999"})
    EXPECT_STATUS(runtime({"kill", bundle.id(), bad}), 1);
  EXPECT_STATUS(runtime({"kill", bundle.id()}), 0);
  EXPECT_STATUS(attached.wait(), 0) << "TERM is the default";
}

// A container in the caller's pid namespace: its other processes don't die with init.
OCI_TEST(Kill, DeleteMayFollowAtOnce) {
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"});
  for (int round = 0; round < 20; ++round) {
    create_and_start(bundle);
    EXPECT_STATUS(runtime({"kill", bundle.id(), "KILL"}), 0);
    ASSERT_STATUS(runtime({"delete", bundle.id()}), 0);
  }
}

OCI_TEST(Kill, SharedPidNamespaceIsKilledByControlGroup) {
  Bundle bundle;
  bundle.shell("sleep 100 & sleep 100 & echo ready; wait")
      .set("/linux/namespaces",
           R"([{"type":"network"},{"type":"ipc"},{"type":"uts"},{"type":"mount"}])");
  create_and_start(bundle);
  const Snapshot running = take_snapshot();
  EXPECT_STATUS(runtime({"kill", bundle.id(), "KILL"}), 0);
  EXPECT_TRUE(reaches(bundle.id(), "stopped"));
  EXPECT_STATUS(runtime({"delete", bundle.id()}), 0);
}

OCI_TEST(Kill, AllReachesEveryProcess) {
  Bundle bundle;
  bundle.shell(
      "trap 'echo init' USR1; (trap 'echo child; exit' USR1; echo up; while :; do sleep 0.1; "
      "done) & while :; do sleep 0.1; done");
  Running attached(runtime_command({"run", "--bundle", bundle.path(), bundle.id()}));
  ASSERT_TRUE(eventually([&] { return contains(attached.out(), "up"); }));
  // A shell may forget a signal that comes while it forks.
  EXPECT_TRUE(eventually([&] {
    EXPECT_STATUS(runtime({"kill", "--all", bundle.id(), "USR1"}), 0);
    return contains(attached.out(), "init") && contains(attached.out(), "child");
  }));
  EXPECT_STATUS(runtime({"kill", bundle.id(), "KILL"}), 0);
  EXPECT_STATUS(attached.wait(), 137);
}

OCI_TEST(NotFound, IsToldByCreate) {
  Bundle bundle;
  for (const char* missing : {"missing", "/bin/missing"}) {
    bundle.args({missing});
    const Outcome outcome = create_bundle(bundle);
    EXPECT_STATUS(outcome, 1);
    EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
    EXPECT_TRUE(contains(outcome.err, "executable file not found in $PATH") ||
                contains(outcome.err, "no such file or directory") ||
                contains(outcome.err, "No such file or directory"))
        << outcome.err;
    EXPECT_FALSE(contains(outcome.err, "ermission denied")) << outcome.err;
  }
}

OCI_TEST(NotFound, FilesThatAreNotProgramsArePermissionDenied) {
  Bundle bundle;
  write_file(bundle.in_rootfs("/bin/data"), "text", 0644);
  for (const char* word : {"/bin/data", "/bin", "/etc"}) {
    bundle.args({word});
    const Outcome outcome = create_bundle(bundle);
    EXPECT_STATUS(outcome, 1);
    EXPECT_TRUE(contains(outcome.err, "ermission denied")) << outcome.err;
    EXPECT_FALSE(contains(outcome.err, "o such file")) << outcome.err;
  }
}

// Only execve itself finds out: after the gate, and `start` must still tell.
OCI_TEST(Start, ReportsAFailedExecve) {
  Bundle bundle;
  write_file(bundle.in_rootfs("/bin/noformat"),
             "\x7f"
             "ELFnonsense",
             0755);
  write_file(bundle.in_rootfs("/bin/nointerpreter"), "#!/bin/missing\n", 0755);
  for (const char* program : {"/bin/noformat", "/bin/nointerpreter"}) {
    bundle.args({program});
    const Outcome created = create_bundle(bundle);
    if (created.status != 0) continue;  // even better: told before the gate
    const Outcome started = runtime({"start", bundle.id()});
    EXPECT_STATUS(started, 1);
    EXPECT_TRUE(contains(started.err, program)) << started.err;
    EXPECT_TRUE(reaches(bundle.id(), "stopped"));
    EXPECT_STATUS(runtime({"delete", bundle.id()}), 0);
  }
}

OCI_TEST(Pause, FreezesAndThaws) {
  Bundle bundle;
  bundle.shell("echo ready; while :; do echo tick; sleep 0.02; done");
  Running attached(runtime_command({"run", "--bundle", bundle.path(), bundle.id()}));
  ASSERT_TRUE(eventually([&] { return contains(attached.out(), "tick"); }));
  ASSERT_STATUS(runtime({"pause", bundle.id()}), 0);
  EXPECT_EQ(state_of(bundle.id(), "/status"), "paused");
  const std::size_t size = attached.out().size();
  sleep_ms(150);
  EXPECT_EQ(attached.out().size(), size) << "it still runs";
  EXPECT_STATUS(runtime({"exec", bundle.id(), "/bin/true"}), 255);
  EXPECT_STATUS(runtime({"delete", bundle.id()}), 1);
  ASSERT_STATUS(runtime({"resume", bundle.id()}), 0);
  EXPECT_EQ(state_of(bundle.id(), "/status"), "running");
  EXPECT_TRUE(eventually([&] { return attached.out().size() > size; }));
  EXPECT_STATUS(runtime({"kill", bundle.id(), "KILL"}), 0);
  EXPECT_STATUS(attached.wait(), 137);
}

// The kernel shows a frozen process in more than one way.
OCI_TEST(Pause, IsToldWhateverInitWasDoing) {
  for (const char* program : {"exec sleep 1000", "while :; do :; done", "mkfifo /f; exec cat /f",
                              "trap : USR1; while :; do sleep 1000 & wait; done"}) {
    for (const int before : {0, SIGSTOP}) {
      Bundle bundle;
      bundle.set("/root/readonly", "false").shell(program);
      create_and_start(bundle);
      const pid_t init = pid_of(bundle.id());
      sleep_ms(50);
      ASSERT_TRUE(before == 0 || ::kill(init, before) == 0);
      for (int again = 0; again < 3; ++again) {
        ASSERT_STATUS(runtime({"pause", bundle.id()}), 0);
        EXPECT_EQ(state_of(bundle.id(), "/status"), "paused") << program << " " << before;
        ASSERT_STATUS(runtime({"resume", bundle.id()}), 0);
        EXPECT_EQ(state_of(bundle.id(), "/status"), "running") << program << " " << before;
      }
      delete_by_force(bundle);
    }
  }
}

OCI_TEST(Pause, KillEndsAPausedContainer) {
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"});
  create_and_start(bundle);
  ASSERT_STATUS(runtime({"pause", bundle.id()}), 0);
  EXPECT_STATUS(runtime({"kill", bundle.id(), "KILL"}), 0);
  EXPECT_TRUE(reaches(bundle.id(), "stopped"));
  EXPECT_STATUS(runtime({"delete", bundle.id()}), 0);
}

OCI_TEST(Pause, ForcedDeleteEndsAPausedContainer) {
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"});
  create_and_start(bundle);
  ASSERT_STATUS(runtime({"pause", bundle.id()}), 0);
  delete_by_force(bundle);
}

// It would wait for a process that cannot answer, and hold the lock that `resume` needs.
OCI_TEST(Pause, PausedContainersCannotBeStarted) {
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"});
  ASSERT_STATUS(create_bundle(bundle), 0);
  ASSERT_STATUS(runtime({"pause", bundle.id()}), 0);
  EXPECT_EQ(state_of(bundle.id(), "/status"), "paused");
  const Outcome refused = runtime({"start", bundle.id()});
  EXPECT_STATUS(refused, 1);
  EXPECT_TRUE(contains(refused.err, "paused")) << refused.err;
  ASSERT_STATUS(runtime({"resume", bundle.id()}), 0);
  EXPECT_EQ(state_of(bundle.id(), "/status"), "created");
  EXPECT_STATUS(runtime({"start", bundle.id()}), 0);
  delete_by_force(bundle);
}

OCI_TEST(Pause, StoppedContainersCannotBePaused) {
  Bundle bundle;
  bundle.args({"/bin/guest", "exit", "0"});
  create_and_start(bundle);
  ASSERT_TRUE(reaches(bundle.id(), "stopped"));
  EXPECT_STATUS(runtime({"pause", bundle.id()}), 1);
  EXPECT_STATUS(runtime({"resume", bundle.id()}), 1);
  EXPECT_STATUS(runtime({"delete", bundle.id()}), 0);
}

}  // namespace
