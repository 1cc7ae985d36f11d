// SPDX-License-Identifier: Apache-2.0
// Options that no other test has a use for: each of them does what its help says.
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/console.h"
#include "tests/support/runtime.h"

namespace {

using namespace support;

void delete_by_force(const Bundle& bundle) {
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
}

void create_and_start(const Bundle& bundle) {
  ASSERT_STATUS(create_bundle(bundle), 0);
  ASSERT_STATUS(runtime({"start", bundle.id()}), 0);
}

Outcome exec(const Bundle& bundle, const std::vector<std::string>& options,
             const std::vector<std::string>& words) {
  std::vector<std::string> all{"exec"};
  all.insert(all.end(), options.begin(), options.end());
  all.push_back(bundle.id());
  all.insert(all.end(), words.begin(), words.end());
  return runtime(all);
}

Report exec_report(const Bundle& bundle, const std::vector<std::string>& options) {
  const Outcome outcome = exec(bundle, options, {"/bin/guest", "report"});
  EXPECT_STATUS(outcome, 0);
  return Report(outcome.out);
}

// "PPid:", "NSpid:" of /proc/PID/status.
std::string status_line(const std::string& pid, const std::string& name) {
  for (const std::string& line : lines_of(read_file("/proc/" + pid + "/status")))
    if (line.starts_with(name + ":\t")) return line.substr(name.size() + 2);
  return "(none)";
}

// --- create, run -----------------------------------------------------------------------------

std::string pid_of_pidfd(const ctr::UniqueFd& pidfd) {
  for (const std::string& line :
       lines_of(read_file("/proc/self/fdinfo/" + std::to_string(pidfd.raw()))))
    if (line.starts_with("Pid:\t")) return line.substr(5);
  return "(no pidfd)";
}

OCI_TEST(Options, PidfdSocketGetsThePidfdBeforeTheCommandReturns) {
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"});
  {
    ConsoleSocket socket("/tmp/pidfd");
    ASSERT_STATUS(create_bundle(bundle, {"--pidfd-socket", "/tmp/pidfd"}), 0);
    const ctr::UniqueFd pidfd = socket.receive();
    ASSERT_TRUE(pidfd.valid()) << socket.problem();
    EXPECT_EQ(pid_of_pidfd(pidfd), std::to_string(pid_of(bundle.id())));
    ::unlink("/tmp/pidfd");
    delete_by_force(bundle);
  }
  {
    ConsoleSocket socket("/tmp/pidfd");
    ASSERT_STATUS(run_bundle(bundle, {"--detach", "--pidfd-socket=/tmp/pidfd"}), 0);
    const ctr::UniqueFd pidfd = socket.receive();
    ASSERT_TRUE(pidfd.valid()) << socket.problem();
    EXPECT_EQ(pid_of_pidfd(pidfd), std::to_string(pid_of(bundle.id())));
    ::unlink("/tmp/pidfd");
  }
  ConsoleSocket socket("/tmp/pidfd");
  ASSERT_STATUS(exec(bundle, {"--detach", "--pidfd-socket", "/tmp/pidfd", "--pid-file", "/tmp/pid"},
                     {"/bin/sleep", "50"}),
                0);
  const ctr::UniqueFd pidfd = socket.receive();
  ASSERT_TRUE(pidfd.valid()) << socket.problem();
  EXPECT_EQ(pid_of_pidfd(pidfd), read_file("/tmp/pid"));
  delete_by_force(bundle);
  for (const char* path : {"/tmp/pidfd", "/tmp/pid"}) ::unlink(path);
}

OCI_TEST(Options, ASocketForPidfdsThatIsNotThereFailsCleanly) {
  Bundle bundle;
  const Outcome outcome = create_bundle(bundle, {"--pidfd-socket", "/tmp/nowhere"});
  EXPECT_STATUS(outcome, 1);
  EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
  EXPECT_TRUE(contains(outcome.err, "/tmp/nowhere")) << outcome.err;
}

OCI_TEST(Options, TheConfigurationMayHaveAnotherName) {
  Bundle bundle;
  bundle.args({"/bin/guest", "exit", "8"});
  const std::string other = bundle.path() + "/other.json";
  ASSERT_EQ(::rename((bundle.path() + "/config.json").c_str(), other.c_str()), 0);
  EXPECT_STATUS(run_bundle(bundle), 1);
  EXPECT_STATUS(run_bundle(bundle, {"--config", "other.json"}), 8);
  EXPECT_STATUS(run_bundle(bundle, {"-f", other}), 8);
  ASSERT_STATUS(create_bundle(bundle, {"-f", "other.json"}), 0);
  EXPECT_STATUS(runtime({"delete", bundle.id()}), 0);
}

// Who adopts what a program leaves behind when all share one pid namespace.
OCI_TEST(Options, NoSubreaperLeavesOrphansToOthers) {
  for (const bool adopts : {true, false}) {
    Bundle bundle;
    bundle.set("/linux/namespaces", R"([{"type":"mount"}])")
        .remove("/hostname")
        .set("/mounts", R"([{"destination":"/tmp","type":"tmpfs","source":"tmpfs"}])")
        .shell("(sleep 50 & echo $! > /orphan); read line");
    ::unlink(bundle.in_rootfs("/orphan").c_str());
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    Command command = runtime_command({"run", "--bundle", bundle.path()});
    if (!adopts) command.argv.emplace_back("--no-subreaper");
    command.argv.push_back(bundle.id());
    command.fds = {{ends[0], 0}};
    Running attached(command);
    const std::string file = bundle.in_rootfs("/orphan");
    ASSERT_TRUE(eventually([&] { return read_file(file).ends_with('\n'); }, 20000));
    const std::string orphan = lines_of(read_file(file)).front();
    const pid_t parent = adopts ? attached.pid() : ::getpid();
    EXPECT_TRUE(eventually([&] { return status_line(orphan, "PPid") == std::to_string(parent); }))
        << adopts << ": " << status_line(orphan, "PPid");
    ::close(ends[0]);
    ::close(ends[1]);
    EXPECT_STATUS(attached.wait(), 1);
  }
}

OCI_TEST(Options, NoPivotShowsTheSameRoot) {
  Bundle bundle;
  const Report pivoted = run_report(bundle);
  const Outcome outcome = run_bundle(bundle, {"--no-pivot"});
  ASSERT_STATUS(outcome, 0);
  const Report moved(outcome.out);
  EXPECT_EQ(moved["cwd"], pivoted["cwd"]);
  EXPECT_NE(moved.mount_at("/proc"), "");
  EXPECT_EQ(moved.mount_at("/tmp/outside"), "");
}

// --- exec ------------------------------------------------------------------------------------

OCI_TEST(Options, ExecAddsGroups) {
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"})
      .set("/process/user", R"({"uid":1000,"gid":1000,"additionalGids":[10]})");
  create_and_start(bundle);
  EXPECT_EQ(exec_report(bundle, {"-g", "20", "--additional-gids=30"})["groups"], "10 20 30");
  const Outcome name = exec(bundle, {"-g", "wheel"}, {"/bin/true"});
  EXPECT_STATUS(name, 255);
  EXPECT_TRUE(contains(name.err, "--additional-gids")) << name.err;
  delete_by_force(bundle);
}

OCI_TEST(Options, ExecSetsNoNewPrivilegesOnlyWhenAsked) {
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"}).set("/process/noNewPrivileges", "false");
  create_and_start(bundle);
  EXPECT_EQ(exec_report(bundle, {})["status.NoNewPrivs"], "0");
  EXPECT_EQ(exec_report(bundle, {"--no-new-privs"})["status.NoNewPrivs"], "1");
  delete_by_force(bundle);
}

// The program runs when the container does again.
OCI_TEST(Options, ExecIgnoresThatItIsPausedWhenAsked) {
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"});
  create_and_start(bundle);
  ASSERT_STATUS(runtime({"pause", bundle.id()}), 0);
  const Outcome refused = exec(bundle, {}, {"/bin/true"});
  EXPECT_STATUS(refused, 255);
  EXPECT_TRUE(contains(refused.err, "paused")) << refused.err;
  Running paused(
      runtime_command({"exec", "--ignore-paused", bundle.id(), "/bin/sh", "-c", "exit 5"}));
  // It is in the container's cgroup, which takes it along.
  const auto is_in = [&] {
    return json_size(runtime({"ps", "--format", "json", bundle.id()}).out, "") >= 2;
  };
  EXPECT_TRUE(eventually(is_in, 20000));
  EXPECT_STATUS(runtime({"resume", bundle.id()}), 0);
  EXPECT_STATUS(paused.wait(), 5);
  delete_by_force(bundle);
}

OCI_TEST(Options, ExecGivesNoTerminalWhenToldNo) {
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"});
  create_and_start(bundle);
  for (const char* no : {"--tty=false", "--tty=no", "-t=false"}) {
    const Outcome outcome = exec(bundle, {no}, {"/bin/sh", "-c", "tty; true"});
    EXPECT_STATUS(outcome, 0);
    EXPECT_TRUE(contains(outcome.out, "not a tty")) << no << ": " << outcome.out;
  }
  delete_by_force(bundle);
}

// The container's variables, then those given; HOME from the container's own file.
OCI_TEST(Options, ExecFindsTheHomeOfItsUser) {
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"});
  create_and_start(bundle);
  EXPECT_TRUE(exec_report(bundle, {"--user", "1000:1000"}).has("env", "HOME=/home/user"));
  EXPECT_TRUE(exec_report(bundle, {"--env", "HOME=/given"}).has("env", "HOME=/given"));
  const std::vector<std::string> all = exec_report(bundle, {"-e", "LAST=1"}).all("env");
  ASSERT_FALSE(all.empty());
  const auto last = std::find(all.begin(), all.end(), "LAST=1");
  const auto first = std::find(all.begin(), all.end(), "TERM=xterm");
  EXPECT_LT(first - all.begin(), last - all.begin());
  EXPECT_NE(last, all.end());
  delete_by_force(bundle);
}

// What the file does not have stays away, as with runc; but what confines is the container's.
OCI_TEST(Options, ExecTakesFromTheProcessFileOnlyWhatItHas) {
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"})
      .set("/process/rlimits", R"([{"type":"RLIMIT_NOFILE","soft":200,"hard":300}])");
  create_and_start(bundle);
  write_file("/tmp/process.json", R"({"args":["/bin/guest","report"],"cwd":"/tmp"})");
  const Report report = exec_report(bundle, {"--process", "/tmp/process.json"});
  for (const std::string& entry : report.all("env"))
    EXPECT_TRUE(entry.starts_with("HOME=")) << entry;
  EXPECT_EQ(report["cwd"], "/tmp");
  EXPECT_EQ(report["rlimit.NOFILE"], "200 300");
  EXPECT_EQ(report["status.CapBnd"], exec_report(bundle, {})["status.CapBnd"]);
  delete_by_force(bundle);
  ::unlink("/tmp/process.json");
}

OCI_TEST(Options, ExecHandsOnListeningSocketsToo) {
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"});
  create_and_start(bundle);
  const ctr::UniqueFd file(::open("/etc/passwd", O_RDONLY | O_CLOEXEC));
  Command command = runtime_command({});
  command.argv = {
      "/bin/sh",    "-c",   "LISTEN_PID=$$ exec \"$@\"", "sh",        runtime_path(), "--root",
      state_root(), "exec", "--preserve-fds=1",          bundle.id(), "/bin/guest",   "report"};
  command.fds = {{file.raw(), 3}, {file.raw(), 4}, {file.raw(), 5}};
  command.env = {{"PATH=/usr/bin:/bin", "LISTEN_FDS=1"}};
  const Outcome outcome = run(command);
  ASSERT_STATUS(outcome, 0);
  const Report report(outcome.out);
  std::vector<int> numbers;
  for (const std::string& fd : report.all("fd")) numbers.push_back(::atoi(fd.c_str()));
  EXPECT_EQ(*std::max_element(numbers.begin(), numbers.end()), 4) << outcome.out;
  EXPECT_TRUE(report.has("env", "LISTEN_FDS=1")) << outcome.out;
  EXPECT_FALSE(report.has("env", "LISTEN_PID=1") && report["pid"] == "1");
  delete_by_force(bundle);
}

// --- kill, ps --------------------------------------------------------------------------------

OCI_TEST(Options, BehindTheIdComeNoOptions) {
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"});
  create_and_start(bundle);
  const Outcome kill = runtime({"kill", bundle.id(), "--all"});
  EXPECT_STATUS(kill, 1);
  EXPECT_TRUE(contains(kill.err, "\"--all\"")) << kill.err;
  const Outcome ps = runtime({"ps", bundle.id(), "-e", "-o", "pid,comm"});
  ASSERT_STATUS(ps, 0);
  const std::vector<std::string> lines = lines_of(ps.out);
  ASSERT_EQ(lines.size(), 2U) << ps.out;
  EXPECT_TRUE(contains(lines[0], "PID") && contains(lines[0], "COMMAND")) << ps.out;
  EXPECT_TRUE(contains(lines[1], std::to_string(pid_of(bundle.id())))) << ps.out;
  EXPECT_TRUE(contains(lines[1], "guest")) << ps.out;
  const Outcome table = runtime({"ps", "--format=table", bundle.id(), "-e", "-o", "comm"});
  EXPECT_STATUS(table, 1);
  EXPECT_TRUE(contains(table.err, "PID")) << table.err;
  delete_by_force(bundle);
}

// --- global ----------------------------------------------------------------------------------

OCI_TEST(Options, DebugAndWarningsAreRecordsOfTheLogOnly) {
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"}).set("/unknownProperty", "1");
  EXPECT_STATUS(runtime({"--debug", "--log", "/tmp/log", "--log-format=json"},
                        {"create", "--bundle", bundle.path(), bundle.id()}),
                0);
  std::vector<std::string> records = lines_of(read_file("/tmp/log"));
  ASSERT_FALSE(records.empty());
  for (const std::string& record : records)
    EXPECT_EQ(json_get(record, "/level"), "debug") << record;
  ::unlink("/tmp/log");

  // What engines read is free of them, with and without a log.
  for (const std::vector<std::string>& global :
       {std::vector<std::string>{"--debug"},
        std::vector<std::string>{"--debug", "--log", "/tmp/log"}})
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{"state", bundle.id()},
          std::vector<std::string>{"ps", "--format", "json", bundle.id()},
          std::vector<std::string>{"features"}}) {
      const Outcome outcome = runtime(global, words);
      EXPECT_STATUS(outcome, 0);
      EXPECT_EQ(outcome.err, "") << words.front();
      EXPECT_TRUE(is_json(outcome.out)) << words.front();
    }
  ::unlink("/tmp/log");

  // Of the kernel's memory no kernel knows any more: accepted, and told at level warning.
  for (const char* level : {"error", "warning"}) {
    const Outcome update = runtime({"--log", "/tmp/log", "--log-level", level},
                                   {"update", "--kernel-memory", "1M", "--kernel-memory-tcp=1M",
                                    "--pids-limit", "50", bundle.id()});
    EXPECT_STATUS(update, 0);
    EXPECT_EQ(contains(read_file("/tmp/log"), "kernel memory"), std::string(level) == "warning")
        << read_file("/tmp/log");
    ::unlink("/tmp/log");
  }
  delete_by_force(bundle);
}

// podman reads the whole log as one JSON value.
OCI_TEST(Options, AFailureIsOneRecordAlsoAfterWarnings) {
  Bundle bundle;
  bundle.args({"/bin/missing"})
      .set("/unknownProperty", "1")
      .set("/process/capabilities/ambient", R"(["CAP_SYS_ADMIN","CAP_NONE"])");
  const Outcome outcome = runtime({"--log", "/tmp/log", "--log-format", "json"},
                                  {"create", "--bundle", bundle.path(), bundle.id()});
  EXPECT_STATUS(outcome, 1);
  EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
  const std::string log = read_file("/tmp/log");
  EXPECT_TRUE(is_json(log)) << log;
  EXPECT_EQ(lines_of(log).size(), 1U) << log;
  ::unlink("/tmp/log");
}

OCI_TEST(Options, UsageVersionAndHelpAreOnStandardOutput) {
  for (const char* word : {"--usage", "--help", "-h", "-?", "--version", "-v", "-V"}) {
    const Outcome outcome = run({.argv = {runtime_path(), word}});
    EXPECT_STATUS(outcome, 0);
    EXPECT_EQ(outcome.err, "") << word;
    EXPECT_NE(outcome.out, "") << word;
  }
  EXPECT_EQ(lines_of(run({.argv = {runtime_path(), "--usage"}}).out).size(), 1U);
}

// Engines ask which annotations a stranger's configuration should not have.
OCI_TEST(Options, FeaturesNameTheAnnotationsThatReachFar) {
  const std::string features = runtime({"features"}).out;
  const std::string unsafe = json_get(features, "/potentiallyUnsafeConfigAnnotations").value_or("");
  for (const char* name :
       {"run.oci.", "org.criu.", "org.systemd.property.", "org.ctrtool.", "bundle"})
    EXPECT_TRUE(contains(unsafe, "\"" + std::string(name) + "\"")) << name << " in " << unsafe;
  EXPECT_EQ(json_get(features, "/annotations/org.opencontainers.runc.checkpoint.enabled"), "true");
}

OCI_TEST(Options, RootlessAndCriuAreAccepted) {
  for (const char* value : {"true", "false", "auto"})
    EXPECT_STATUS(
        runtime({std::string("--rootless=") + value, "--criu", "/usr/sbin/criu"}, {"list"}), 0)
        << value;
}

// --- update ----------------------------------------------------------------------------------

struct Change {
  const char* option;
  const char* value;
  const char* controller;
  std::vector<std::string> files;  // v1's, v2's
  const char* reads;               // what they begin with afterwards
  const char* reads_on_v2 = nullptr;
};

OCI_TEST(Options, EveryLimitOfUpdateReachesItsFile) {
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"});
  create_and_start(bundle);
  const Change changes[] = {
      {"--cpu-share", "512", "cpu", {"cpu.shares", "cpu.weight"}, "512", "59"},
      {"--cpu-period", "50000", "cpu", {"cpu.cfs_period_us"}, "50000"},
      {"--cpu-quota", "20000", "cpu", {"cpu.cfs_quota_us", "cpu.max"}, "20000"},
      {"--cpu-burst", "10000", "cpu", {"cpu.cfs_burst_us", "cpu.max.burst"}, "10000"},
      {"--cpuset-cpus", "0", "cpuset", {"cpuset.cpus"}, "0"},
      {"--cpuset-mems", "0", "cpuset", {"cpuset.mems"}, "0"},
      {"--memory", "64M", "memory", {"memory.limit_in_bytes", "memory.max"}, "67108864"},
      {"--memory-reservation",
       "32M",
       "memory",
       {"memory.soft_limit_in_bytes", "memory.low"},
       "33554432"},
      {"--memory-swap",
       "128M",
       "memory",
       {"memory.memsw.limit_in_bytes", "memory.swap.max"},
       "134217728",
       "67108864"},
      {"--pids-limit", "77", "pids", {"pids.max"}, "77"},
      {"--cpu-idle", "1", "cpu", {"cpu.idle"}, "1"},
  };
  for (const Change& change : changes) {
    const std::string directory = cgroup_dir(change.controller, bundle.cgroup());
    const bool v1 = path_exists(directory + "/tasks");
    const std::string& file = v1 ? change.files.front() : change.files.back();
    if (directory.empty() || !path_exists(directory + "/" + file)) continue;  // not of this kernel
    EXPECT_STATUS(runtime({"update", change.option, change.value, bundle.id()}), 0)
        << change.option;
    const char* wanted = v1 || change.reads_on_v2 == nullptr ? change.reads : change.reads_on_v2;
    EXPECT_TRUE(read_file(directory + "/" + file).starts_with(wanted))
        << change.option << ": " << read_file(directory + "/" + file);
  }
  delete_by_force(bundle);
}

// What not every kernel has is in its file, or refused by its name.
OCI_TEST(Options, LimitsThatThisKernelLacksAreNamed) {
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"});
  create_and_start(bundle);
  const struct {
    const char* option;
    const char* value;
    const char* controller;
    std::vector<std::string> files;
    const char* name;
  } limits[] = {
      {"--blkio-weight",
       "500",
       "blkio",
       {"blkio.weight", "blkio.bfq.weight", "io.bfq.weight", "io.weight"},
       "weight"},
      {"--cpu-rt-period", "900000", "cpu", {"cpu.rt_period_us"}, "realtime"},
      {"--cpu-rt-runtime", "1000", "cpu", {"cpu.rt_runtime_us"}, "realtime"},
  };
  for (const auto& [option, value, controller, files, name] : limits) {
    const Outcome outcome = runtime({"update", option, value, bundle.id()});
    if (outcome.status == 0) {
      EXPECT_TRUE(contains(limit_of(bundle, controller, files), value)) << option;
      continue;
    }
    EXPECT_STATUS(outcome, 1);
    EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
    EXPECT_TRUE(contains(outcome.err, name)) << outcome.err;
  }
  delete_by_force(bundle);
}

OCI_TEST(Options, CheckBeforeUpdateRefusesALimitBelowWhatIsUsed) {
  NEED_CONTROLLER("memory");
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"});
  create_and_start(bundle);
  Command command = runtime_command({"update", "--resources", "-", bundle.id()});
  command.input = R"({"memory":{"limit":4096,"checkBeforeUpdate":true}})";
  const std::string before = limit_of(bundle, "memory", {"memory.limit_in_bytes", "memory.max"});
  const Outcome outcome = run(command);
  EXPECT_STATUS(outcome, 1);
  EXPECT_EQ(limit_of(bundle, "memory", {"memory.limit_in_bytes", "memory.max"}), before);
  delete_by_force(bundle);
}

OCI_TEST(Options, UpdateOfAPausedContainer) {
  NEED_CONTROLLER("pids");
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"});
  create_and_start(bundle);
  ASSERT_STATUS(runtime({"pause", bundle.id()}), 0);
  EXPECT_STATUS(runtime({"update", "--pids-limit", "12", bundle.id()}), 0);
  EXPECT_EQ(limit_of(bundle, "pids", {"pids.max"}), "12");
  delete_by_force(bundle);
}

// --- spec, list, delete ----------------------------------------------------------------------

OCI_TEST(Options, SpecWritesToAFileOfAnotherName) {
  TempDir dir;
  ASSERT_STATUS(runtime({"spec", "--bundle", dir.path(), "-f", "other.json", "--rootless"}), 0);
  EXPECT_FALSE(path_exists(dir / "config.json"));
  EXPECT_TRUE(contains(read_file(dir / "other.json"), "uidMappings"));
}

OCI_TEST(Options, DeleteRemovesWhatAKilledCreateLeft) {
  make_directories(state_root() + "/half");
  const Outcome outcome = runtime({"delete", "half"});
  EXPECT_STATUS(outcome, 1);
  EXPECT_TRUE(contains(outcome.err, "does not exist")) << outcome.err;
  EXPECT_FALSE(path_exists(state_root() + "/half"));
}

}  // namespace
