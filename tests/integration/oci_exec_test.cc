// SPDX-License-Identifier: Apache-2.0
// exec: another process in a running container, as confined as the first.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/console.h"
#include "tests/support/runtime.h"

namespace {

using namespace support;

// A container to exec into; gone when this goes.
class Running1 {
 public:
  explicit Running1(Bundle& bundle) : bundle_(bundle) {
    bundle.args({"/bin/guest", "hold", "100"});
    EXPECT_STATUS(create_bundle(bundle), 0);
    EXPECT_STATUS(runtime({"start", bundle.id()}), 0);
  }
  ~Running1() { EXPECT_STATUS(runtime({"delete", "--force", bundle_.id()}), 0); }
  Outcome exec(const std::vector<std::string>& options,
               const std::vector<std::string>& words) const {
    std::vector<std::string> all{"exec"};
    all.insert(all.end(), options.begin(), options.end());
    all.push_back(bundle_.id());
    all.insert(all.end(), words.begin(), words.end());
    return runtime(all);
  }
  Report report(const std::vector<std::string>& options = {}) const {
    const Outcome outcome = exec(options, {"/bin/guest", "report"});
    EXPECT_STATUS(outcome, 0);
    return Report(outcome.out);
  }

 private:
  const Bundle& bundle_;
};

std::string process_file(const Bundle& bundle, const std::string& pointer,
                         const std::string& value) {
  const std::string process = json_get(bundle.config(), "/process").value_or("{}");
  write_file("/tmp/process.json",
             json_set(json_set(process, "/args", R"(["/bin/guest","report"])"), pointer, value));
  return "/tmp/process.json";
}

OCI_TEST(Exec, GivesOutputAndStatus) {
  Bundle bundle;
  Running1 container(bundle);
  const Outcome outcome = container.exec({}, {"/bin/sh", "-c", "echo out; echo err >&2; exit 7"});
  EXPECT_EQ(outcome.status, 7);
  EXPECT_EQ(outcome.out, "out\n");
  EXPECT_EQ(outcome.err, "err\n");
  EXPECT_STATUS(container.exec({}, {"/bin/sh", "-c", "kill -9 $$"}), 137);
  EXPECT_STATUS(container.exec({}, {"/bin/guest", "signal", "15"}), 143);
}

OCI_TEST(Exec, OptionsBehindTheIdAreTheProgramsOwn) {
  Bundle bundle;
  Running1 container(bundle);
  const Outcome outcome = container.exec({}, {"/bin/guest", "report", "--tty", "-e", "X=1", "--"});
  EXPECT_STATUS(outcome, 0);
  EXPECT_EQ(Report(outcome.out).all("arg"),
            (std::vector<std::string>{"/bin/guest", "report", "--tty", "-e", "X=1", "--"}));
}

// What run gives to init, exec gives to the next one.
OCI_TEST(Exec, IsAsConfinedAsRun) {
  Bundle bundle;
  bundle.set("/process/user", R"({"uid":1000,"gid":1000,"additionalGids":[10]})")
      .set("/process/oomScoreAdj", "100")
      .set("/linux/seccomp", R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
        {"names":["getcpu"],"action":"SCMP_ACT_ERRNO"}]})");
  bundle.args({"/bin/guest", "report"});
  const Report init = run_report(bundle);
  Running1 container(bundle);
  const Report exec = container.report();
  for (const char* key : {"uid",
                          "gid",
                          "groups",
                          "status.CapInh",
                          "status.CapPrm",
                          "status.CapEff",
                          "status.CapBnd",
                          "status.CapAmb",
                          "status.NoNewPrivs",
                          "status.Seccomp",
                          "status.Umask",
                          "status.SigBlk",
                          "status.SigIgn",
                          "rlimit.NOFILE",
                          "oom",
                          "cwd",
                          "hostname",
                          "personality",
                          "sched",
                          "ioprio",
                          "uid_map",
                          "status.Cpus_allowed_list"})
    EXPECT_EQ(exec[key], init[key]) << key;
  EXPECT_EQ(exec.all("cgroup"), init.all("cgroup"));
  EXPECT_EQ(exec.all("env"), init.all("env"));
}

OCI_TEST(Exec, SharesTheNamespacesOfInit) {
  Bundle bundle;
  Running1 container(bundle);
  const std::string proc = "/proc/" + std::to_string(pid_of(bundle.id())) + "/ns/";
  const Report report = container.report();
  for (const char* name : {"cgroup", "ipc", "mnt", "net", "pid", "user", "uts"})
    EXPECT_EQ(report[std::string("ns.") + name], link_target(proc + name)) << name;
  EXPECT_NE(report["pid"], "1");
}

// Namespaces that config.json does not mention.
OCI_TEST(Exec, FollowsInitIntoNamespacesOfItsOwnMaking) {
  Bundle bundle;
  bundle.set("/linux/namespaces", R"([{"type":"pid"},{"type":"mount"}])");
  bundle.set("/mounts", R"([{"destination":"/proc","type":"proc","source":"proc"}])");
  bundle.remove("/hostname");
  for (const char* set : {"bounding", "effective", "permitted"})
    bundle.set(std::string("/process/capabilities/") + set, R"(["CAP_SYS_ADMIN"])");
  bundle.args({"/bin/busybox", "unshare", "-n", "-i", "-u", "/bin/guest", "hold", "100"});
  ASSERT_STATUS(create_bundle(bundle), 0);
  ASSERT_STATUS(runtime({"start", bundle.id()}), 0);
  const std::string proc = "/proc/" + std::to_string(pid_of(bundle.id()));
  // unshare has these words too, but they do not begin with the program.
  ASSERT_TRUE(eventually([&] { return read_file(proc + "/cmdline").starts_with("/bin/guest"); }));
  const Outcome outcome = runtime({"exec", bundle.id(), "/bin/guest", "report"});
  ASSERT_STATUS(outcome, 0);
  const Report report(outcome.out);
  for (const char* name : {"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"})
    EXPECT_EQ(report[std::string("ns.") + name], link_target(proc + "/ns/" + name)) << name;
  for (const char* name : {"ipc", "net", "uts"})
    EXPECT_NE(link_target(proc + "/ns/" + name), link_target(std::string("/proc/self/ns/") + name));
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
}

OCI_TEST(Exec, TakesWhatTheCommandLineSays) {
  Bundle bundle;
  Running1 container(bundle);
  const Report report = container.report(
      {"--cwd", "/tmp", "-e", "A=1,2", "--env", "B=", "--user", "1000:1001", "--no-new-privs"});
  EXPECT_EQ(report["cwd"], "/tmp");
  EXPECT_TRUE(report.has("env", "A=1,2"));
  EXPECT_TRUE(report.has("env", "B="));
  EXPECT_TRUE(report.has("env", "TERM=xterm")) << "the config's own come first";
  EXPECT_EQ(report["uid"], "1000 1000 1000");
  EXPECT_EQ(report["gid"], "1001 1001 1001");
}

OCI_TEST(Exec, AMissingDirectoryIsToldOnce) {
  Bundle bundle;
  Running1 container(bundle);
  const Outcome outcome = container.exec({"--cwd", "/nope"}, {"/bin/true"});
  EXPECT_NE(outcome.status, 0);
  const std::string what = "chdir to \"/nope\"";
  const std::size_t told = outcome.err.find(what);
  EXPECT_NE(told, std::string::npos) << outcome.err;
  EXPECT_EQ(outcome.err.find("chdir to", told + what.size()), std::string::npos) << outcome.err;
}

OCI_TEST(Exec, UserIsNumbersOnly) {
  Bundle bundle;
  append_file(bundle.in_rootfs("/etc/passwd"),
              "4294967296:x:0:0::/:/bin/sh\n1000x:x:0:0::/:/bin/sh\n");
  Running1 container(bundle);
  for (const char* bad :
       {"4294967295", "4294967296", "18446744073709551616", "-1", "1000x", ":", "1000:", "root"})
    EXPECT_NE(container.exec({"--user", bad}, {"/bin/true"}).status, 0) << bad;
}

OCI_TEST(Exec, ProcessFileIsTakenWhole) {
  Bundle bundle;
  Running1 container(bundle);
  const std::string file = process_file(bundle, "/user", R"({"uid":1000,"gid":1000,"umask":23})");
  const Report report = container.report({"--process", file});
  EXPECT_EQ(report["uid"], "1000 1000 1000");
  EXPECT_EQ(report["status.Umask"], "0027");
  process_file(bundle, "/capabilities", "{}");
  EXPECT_EQ(container.report({"-p", file})["status.CapEff"], "0000000000000000");
  process_file(bundle, "/rlimits", R"([{"type":"RLIMIT_NOFILE","soft":77,"hard":78}])");
  EXPECT_EQ(container.report({"--process=" + file})["rlimit.NOFILE"], "77 78");
  ::unlink(file.c_str());
}

OCI_TEST(Exec, MissingProgramIs255AndNoPidFile) {
  Bundle bundle;
  Running1 container(bundle);
  for (const char* missing : {"missing", "/bin/missing"}) {
    const Outcome outcome = container.exec({"--pid-file", "/tmp/pid"}, {missing});
    EXPECT_STATUS(outcome, 255);
    EXPECT_TRUE(contains(outcome.err, "executable file not found in $PATH") ||
                contains(outcome.err, "o such file or directory"))
        << outcome.err;
    EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
  }
  const Outcome directory = container.exec({"--pid-file", "/tmp/pid"}, {"/etc"});
  EXPECT_STATUS(directory, 255);
  EXPECT_TRUE(contains(directory.err, "ermission denied")) << directory.err;
  EXPECT_STATUS(container.exec({"--detach", "--pid-file", "/tmp/pid"}, {"/bin/missing"}), 255);
  EXPECT_FALSE(path_exists("/tmp/pid")) << "conmon takes it for a started program";
}

OCI_TEST(Exec, DetachedGivesThePidAndLetsGo) {
  Bundle bundle;
  Running1 container(bundle);
  const Snapshot before = take_snapshot();
  const Outcome outcome =
      container.exec({"--detach", "--pid-file", "/tmp/pid"}, {"/bin/sleep", "50"});
  EXPECT_STATUS(outcome, 0);
  const std::string pid = read_file("/tmp/pid");
  EXPECT_TRUE(contains(read_file("/proc/" + pid + "/cmdline"), "sleep"));
  EXPECT_TRUE(
      contains(read_file("/proc/" + pid + "/status"), "PPid:\t" + std::to_string(::getpid())))
      << "belongs to the caller";
  EXPECT_EQ(take_snapshot().processes.size(), before.processes.size() + 1);
  EXPECT_EQ(read_file("/proc/" + pid + "/cgroup"),
            read_file("/proc/" + std::to_string(pid_of(bundle.id())) + "/cgroup"));
  ::unlink("/tmp/pid");
}

OCI_TEST(Exec, WorksInACreatedContainer) {
  Bundle bundle;
  ASSERT_STATUS(create_bundle(bundle), 0);
  EXPECT_EQ(runtime({"exec", bundle.id(), "/bin/echo", "early"}).out, "early\n");
  EXPECT_STATUS(runtime({"delete", bundle.id()}), 0);
}

OCI_TEST(Exec, StoppedContainersAreRefused) {
  Bundle bundle;
  ASSERT_STATUS(create_bundle(bundle.args({"/bin/guest", "exit", "0"})), 0);
  ASSERT_STATUS(runtime({"start", bundle.id()}), 0);
  ASSERT_TRUE(reaches(bundle.id(), "stopped"));
  EXPECT_STATUS(runtime({"exec", bundle.id(), "/bin/true"}), 255);
  EXPECT_STATUS(runtime({"delete", bundle.id()}), 0);
  EXPECT_STATUS(runtime({"exec", bundle.id(), "/bin/true"}), 255);
}

OCI_TEST(Exec, AddsCapabilitiesOnlyWhenAsked) {
  Bundle bundle;
  Running1 container(bundle);
  EXPECT_EQ(container.report()["status.CapEff"], "0000000020000420");
  const Report report = container.report({"--cap", "CAP_SYS_PTRACE"});
  EXPECT_TRUE(contains(report["status.CapEff"], "80")) << report["status.CapEff"];
  EXPECT_EQ(report["status.CapInh"], "0000000000000000");
}

OCI_TEST(Exec, LeaksNoDescriptors) {
  Bundle bundle;
  Running1 container(bundle);
  const ctr::UniqueFd root(::open("/", O_PATH | O_CLOEXEC));
  Command command = runtime_command({"exec", bundle.id(), "/bin/guest", "fds"});
  command.fds = {{root.raw(), 3}, {root.raw(), 9}};
  EXPECT_EQ(lines_of(run(command).out).size(), 3U);
  command.argv.insert(command.argv.begin() + 4, {"--preserve-fds", "1"});
  const Outcome outcome = run(command);
  EXPECT_EQ(lines_of(outcome.out).size(), 4U) << outcome.out;
}

OCI_TEST(Exec, TerminalComesThroughTheConsoleSocket) {
  Bundle bundle;
  Running1 container(bundle);
  ConsoleSocket socket("/tmp/console");
  const std::string file = process_file(bundle, "/terminal", "true");
  write_file(file, json_set(read_file(file), "/consoleSize", R"({"height":30,"width":90})"));
  EXPECT_STATUS(container.exec({"--process", file, "--detach", "--console-socket", socket.path(),
                                "--pid-file", "/tmp/pid"},
                               {}),
                0);
  const ctr::UniqueFd master = socket.receive();
  ASSERT_TRUE(master.valid()) << socket.problem();
  EXPECT_EQ(socket.problem(), "");
  const std::string seen = read_until(master, "mount ");
  EXPECT_TRUE(contains(seen, "rows 30 cols 90")) << seen;
  EXPECT_TRUE(contains(seen, "tty.controlling yes"));
  for (const char* path : {"/tmp/console", "/tmp/pid", "/tmp/process.json"}) ::unlink(path);
}

OCI_TEST(Exec, AttachedTerminalIsProxied) {
  Bundle bundle;
  Running1 container(bundle);
  const Pty pty = open_pty(33, 77);
  Command command = runtime_command(
      {"exec", "--tty", bundle.id(), "/bin/sh", "-c", "stty size; tty; read x; echo got-$x"});
  command.fds = {{pty.slave.raw(), 0}, {pty.slave.raw(), 1}, {pty.slave.raw(), 2}};
  Running attached(command);
  const std::string first = read_until(pty.master, "/dev/pts/");
  EXPECT_TRUE(contains(first, "33 77")) << first;
  EXPECT_TRUE(type(pty.master, "keys\r"));
  EXPECT_TRUE(contains(read_until(pty.master, "got-keys"), "got-keys"));
  EXPECT_STATUS(attached.wait(), 0);
}

OCI_TEST(Exec, DetachedTerminalNeedsASocket) {
  Bundle bundle;
  Running1 container(bundle);
  EXPECT_STATUS(container.exec({"--tty", "--detach"}, {"/bin/true"}), 255);
}

// The line of /proc/self/cgroup about this v1 controller, or the v2 one.
std::string membership(const std::string& text, const std::string& controller) {
  for (const std::string& line : lines_of(text))
    if (contains(line, ":" + controller + ":") || contains(line, "," + controller + ":"))
      return line.substr(line.rfind(':') + 1);
  return "(no line for " + controller + ")";
}

OCI_TEST(Exec, RunsInACgroupBelowTheContainers) {
  Bundle bundle;
  const Running1 container(bundle);
  for (const Hierarchy& hierarchy : cgroup_hierarchies()) {
    const std::string dir = hierarchy.mount + bundle.cgroup();
    ASSERT_EQ(::mkdir((dir + "/below").c_str(), 0755), 0);
    // A new v1 cpuset has no CPU.
    for (const std::string file : {"/cpuset.cpus", "/cpuset.mems"})
      if (path_exists(dir + "/tasks") && path_exists(dir + file))
        write_file(dir + "/below" + file, read_file(dir + file));
  }
  const Outcome inside = container.exec({"--cgroup", "below"}, {"/bin/cat", "/proc/self/cgroup"});
  ASSERT_STATUS(inside, 0);
  for (const std::string& line : lines_of(inside.out))
    EXPECT_TRUE(line.ends_with("/below")) << line;
  const Outcome missing = container.exec({"--cgroup", "nowhere"}, {"/bin/true"});
  EXPECT_STATUS(missing, 255);
  EXPECT_TRUE(contains(missing.err, "nowhere")) << missing.err;
  EXPECT_STATUS(container.exec({"--cgroup", "../.."}, {"/bin/true"}), 255);
}

OCI_TEST(Exec, RunsInACgroupOfOneControllerOnly) {
  const std::string pids = cgroup_dir("pids", "/");
  if (!path_exists(pids + "/tasks")) GTEST_SKIP() << "no control group controller here: pids (v1)";
  Bundle bundle;
  const Running1 container(bundle);
  ASSERT_EQ(::mkdir((cgroup_dir("pids", bundle.cgroup()) + "/below").c_str(), 0755), 0);
  const Outcome inside =
      container.exec({"--cgroup", "pids:below"}, {"/bin/cat", "/proc/self/cgroup"});
  ASSERT_STATUS(inside, 0);
  EXPECT_TRUE(membership(inside.out, "pids").ends_with("/below")) << inside.out;
  EXPECT_FALSE(contains(membership(inside.out, "memory"), "below")) << inside.out;
  for (const std::vector<std::string>& wrong :
       {std::vector<std::string>{"--cgroup", "pids:below", "--cgroup", "below"},
        {"--cgroup", "nothing:below"},
        {"--cgroup", "pids:"},
        {"--cgroup", "pids:.."}}) {
    const Outcome outcome = container.exec(wrong, {"/bin/true"});
    EXPECT_STATUS(outcome, 255);
    EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
  }
}

}  // namespace
