// SPDX-License-Identifier: Apache-2.0
// Malformed and extreme input, form by form: an answer in one line that says where, in time, and
// nothing left behind. Numbers: tests/CASES.md.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "ctrtool/core/base/strf.h"
#include "tests/support/console.h"
#include "tests/support/runtime.h"

namespace {

using namespace support;

long now_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void expect_refused(const Outcome& outcome, const std::string& word) {
  EXPECT_STATUS(outcome, 1);
  EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
  EXPECT_TRUE(contains(outcome.err, word)) << outcome.err;
}

// One configuration after the other, each refused with this word and nothing left of it.
struct Bad {
  const char* pointer;
  std::string value;
  const char* word;
};
void expect_each_refused(const std::vector<Bad>& cases) {
  for (const Bad& one : cases) {
    SCOPED_TRACE(std::string(one.pointer) + " = " + one.value.substr(0, 100));
    const Snapshot before = take_snapshot();
    {
      Bundle bundle;
      bundle.set(one.pointer, one.value);
      expect_refused(create_bundle(bundle), one.word);
    }
    for (const std::string& line : left_behind(before)) ADD_FAILURE() << line;
  }
}

// --- BAD-14, BAD-15 ------------------------------------------------------------------------------

// No shell takes what the kernel does not.
OCI_TEST(Start, TextWithoutAnInterpreterIsNoProgram) {
  Bundle bundle;
  write_file(bundle.in_rootfs("/bin/text"), "echo interpreted\n", 0755);
  write_file(bundle.in_rootfs("/bin/empty"), "", 0755);
  for (const char* program : {"/bin/text", "/bin/empty"}) {
    const Outcome outcome = run_bundle(bundle.args({program}));
    EXPECT_EQ(outcome.out, "");
    EXPECT_NE(outcome.status, 0);
    EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
    EXPECT_TRUE(contains(outcome.err, "Exec format error")) << outcome.err;
    EXPECT_TRUE(contains(outcome.err, program)) << outcome.err;
  }
}

OCI_TEST(Process, AWorkingDirectoryIsADirectory) {
  Bundle bundle;
  bundle.set("/process/cwd", "\"/etc/passwd\"");
  expect_refused(create_bundle(bundle), "/etc/passwd");
  bundle.set("/process/cwd", "\"/../..\"");
  EXPECT_EQ(run_report(bundle)["cwd"], "/");
}

// --- BAD-19 --------------------------------------------------------------------------------------

OCI_TEST(Limits, OfNoDescriptorsAtAll) {
  Bundle bundle;
  bundle.args({"/bin/guest", "exit", "3"});
  for (const char* limits : {R"([{"type":"RLIMIT_NOFILE","soft":0,"hard":0}])",
                             R"([{"type":"RLIMIT_NOFILE","soft":0,"hard":100}])",
                             R"([{"type":"RLIMIT_NPROC","soft":0,"hard":0}])",
                             R"([{"type":"RLIMIT_FSIZE","soft":0,"hard":0}])"}) {
    bundle.set("/process/rlimits", limits);
    EXPECT_STATUS(run_bundle(bundle), 3);
  }
}

// --- BAD-20 --------------------------------------------------------------------------------------

OCI_TEST(Join, PathsThatAreNoNamespaces) {
  ASSERT_EQ(::mkfifo("/tmp/fifo", 0600), 0);
  for (const char* path :
       {"/tmp/fifo", "/tmp", "/dev/zero", "relative/path", "/proc/self/ns", "/proc/self/exe", ""}) {
    for (const char* type : {"network", "pid", "user", "mount"}) {
      SCOPED_TRACE(std::string(type) + " " + path);
      const std::string joined =
          ctr::strf(R"([{"type":"mount"},{"type":"%s","path":"%s"}])", type, path);
      const std::string alone = ctr::strf(R"([{"type":"mount","path":"%s"}])", path);
      Bundle bundle;
      bundle.remove("/hostname")
          .set("/linux/namespaces", std::string(type) == "mount" ? alone : joined);
      const long begin = now_ms();
      const Outcome outcome = create_bundle(bundle);
      EXPECT_LT(now_ms() - begin, 5000);
      if (*path == 0 && outcome.status == 0) {  // none: a new one
        EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
        continue;
      }
      EXPECT_STATUS(outcome, 1);
      EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
    }
  }
  ::unlink("/tmp/fifo");
}

// --- BAD-24 --------------------------------------------------------------------------------------

OCI_TEST(Rootfs, ItsPathMayBeWrittenInManyWays) {
  Bundle bundle;
  bundle.args({"/bin/guest", "exit", "4"});
  const std::string name = bundle.path().substr(bundle.path().rfind('/') + 1);
  for (const std::string& path :
       {std::string("rootfs/"), std::string("./rootfs/."), std::string("rootfs//"),
        "../" + name + "/rootfs", bundle.rootfs(), bundle.rootfs() + "/",
        "/.." + bundle.rootfs()}) {
    bundle.set("/root/path", json_string(path));
    EXPECT_STATUS(run_bundle(bundle), 4) << path;
  }
  ASSERT_EQ(::symlink("rootfs", (bundle.path() + "/link").c_str()), 0);
  for (const char* path : {"link", "link/"})
    EXPECT_STATUS(run_bundle(bundle.set("/root/path", json_string(path))), 4) << path;
  bundle.set("/root/path", R"("root\nfs")");
  expect_refused(create_bundle(bundle), "root");
}

// --- BAD-25, BAD-26, BAD-27 ----------------------------------------------------------------------

std::string with_mounts(const Bundle& bundle, const std::string& one) {
  const std::string mounts = json_get(bundle.config(), "/mounts").value_or("[]");
  return mounts.substr(0, mounts.rfind(']')) + "," + one + "]";
}

// The index of the last mount is in the message.
OCI_TEST(Mounts, ThoseThatFailAreNamed) {
  TempDir data;
  write_file(data / "file", "");
  make_directories(data / "dir");
  const std::string file = json_string(data / "file");
  const std::string dir = json_string(data / "dir");
  const std::vector<std::string> cases = {
      R"({"destination":"/etc/passwd/below","type":"tmpfs"})",
      R"({"destination":"/loop/below","type":"tmpfs"})",
      R"({"destination":"/etc","type":"bind","options":["bind"],"source":)" + file + "}",
      R"({"destination":"/etc/passwd","type":"bind","options":["bind"],"source":)" + dir + "}",
      R"({"destination":"/x","type":"bind","options":["bind"]})",
      R"({"destination":"/x","type":"tmpfs","options":["no-such-option"]})",
      R"({"destination":"/x","type":"tmpfs","options":["size=much"]})",
      R"({"destination":"/x\ny","type":"no-such","options":[]})",
  };
  for (const std::string& one : cases) {
    SCOPED_TRACE(one);
    const Snapshot before = take_snapshot();
    {
      Bundle bundle;
      ASSERT_EQ(::symlink("loop", bundle.in_rootfs("/loop").c_str()), 0);
      const int last = json_size(json_get(bundle.config(), "/mounts").value_or("[]"), "");
      bundle.set("/mounts", with_mounts(bundle, one));
      expect_refused(create_bundle(bundle), ctr::strf("/mounts/%d", last));
    }
    for (const std::string& line : left_behind(before)) ADD_FAILURE() << line;
  }
}

OCI_TEST(Mounts, OddOnesThatRunAreAsTheySay) {
  Bundle bundle;
  bundle.set("/mounts", with_mounts(bundle, R"({"destination":"/x","type":"tmpfs",
      "options":["mode=700,size=1m","nosuid","suid","private","rslave"]})"));
  const Outcome outcome = run_bundle(bundle);
  expect_ran_or_one_line(outcome);
  if (outcome.status == 0) {
    const MountLine line = parse_mount_line(Report(outcome.out).mount_at("/x"));
    EXPECT_TRUE(has_option(line.super_options, "mode=700"));
    EXPECT_TRUE(has_option(line.super_options, "size=1024k"));
    EXPECT_FALSE(has_option(line.options, "nosuid")) << "the last one counts";
  }
  std::string many = R"({"destination":"/x","type":"tmpfs","options":["ro")";
  for (int i = 0; i < 2000; ++i) many += i % 2 == 0 ? ",\"rw\"" : ",\"ro\"";
  Bundle long_one;
  long_one.set("/mounts", with_mounts(long_one, many + "]}"));
  EXPECT_TRUE(has_option(parse_mount_line(run_report(long_one).mount_at("/x")).options, "ro"));
}

// runtime-spec: whatever else is there is an error.
OCI_TEST(Rootfs, ADeviceIsNotPutInAnothersPlace) {
  for (const char* maker : {"mkdir", "file", "link"}) {
    SCOPED_TRACE(maker);
    Bundle bundle;
    TempDir outside;
    write_file(outside / "file", "kept");
    const std::string at = bundle.in_rootfs("/srv/device");
    make_directories(bundle.in_rootfs("/srv"));
    if (std::string(maker) == "mkdir") make_directories(at);
    if (std::string(maker) == "file") write_file(at, "text");
    if (std::string(maker) == "link") {
      ASSERT_EQ(::symlink((outside / "file").c_str(), at.c_str()), 0);
    }
    bundle.set("/linux/devices",
               R"([{"path":"/srv/device","type":"c","major":1,"minor":5,"fileMode":438}])");
    const Outcome outcome = run_bundle(bundle.shell("stat -c %t:%T /srv/device"));
    expect_ran_or_one_line(outcome);
    if (outcome.status == 0) {
      EXPECT_EQ(outcome.out, "1:5\n");
    } else {
      EXPECT_TRUE(contains(outcome.err, "/srv/device")) << outcome.err;
    }
    EXPECT_EQ(read_file(outside / "file"), "kept");
  }
}

// --- BAD-29, BAD-30 ------------------------------------------------------------------------------

OCI_TEST(Cgroup, LimitsThatCannotBeLeaveNothing) {
  expect_each_refused({
      {"/linux/resources", R"({"memory":{"limit":-5}})", "/memory/limit"},
      {"/linux/resources", R"({"memory":{"limit":67108864,"swap":1048576}})", "/memory/swap"},
      {"/linux/resources", R"({"cpu":{"quota":1}})", "/cpu/quota"},
      {"/linux/resources", R"({"cpu":{"period":1}})", "/cpu/period"},
      {"/linux/resources", R"({"cpu":{"cpus":"0-99999"}})", "cpus"},
      {"/linux/resources", R"({"cpu":{"mems":"77"}})", "mems"},
      {"/linux/resources", R"({"cpu":{"cpus":"x"}})", "cpus"},
      {"/linux/resources", R"({"hugepageLimits":[{"pageSize":"3KB","limit":1}]})", "3KB"},
      {"/linux/resources", R"({"unified":{"memory/max":"1"}})", "/unified"},
      {"/linux/resources", R"({"unified":{"no.such_file":"1"}})", "no.such_file"},
      {"/linux/resources", R"({"unified":{"cgroup.procs":"1"}})", "cgroup.procs"},
      {"/linux/resources", R"({"blockIO":{"throttleReadBpsDevice":[
          {"major":4000,"minor":77,"rate":1}]}})",
       "4000:77"},
      {"/linux/cgroupsPath", json_string("/x/" + std::string(300, 'y')), "cgroupsPath"},
      {"/linux/cgroupsPath", R"("/a\nb")", "cgroupsPath"},
  });
}

// With the other driver it would be a slice, a prefix and a name; with this one it is a name.
OCI_TEST(Cgroup, APathForSystemdIsAName) {
  Bundle bundle;
  const std::string path = test_tag() + "-a:b:c";
  bundle.set("/linux/cgroupsPath", json_string(path)).args({"/bin/guest", "report"});
  const Outcome outcome = run_bundle(bundle);
  expect_ran_or_one_line(outcome);
  if (outcome.status == 0) {
    EXPECT_TRUE(contains(Report(outcome.out)["cgroup"], "/" + path) ||
                contains(outcome.out, "/" + path))
        << outcome.out;
  }
}

// --- BAD-32 --------------------------------------------------------------------------------------

// A filter that leaves nothing to be done ends the program, or is told; nobody waits for ever.
OCI_TEST(Seccomp, AFilterOfNothingEndsInTime) {
  for (const char* action :
       {"SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_TRAP",
#ifndef OCICTR_SANITIZED  // they wait for ever when even exit_group fails
        "SCMP_ACT_ERRNO"
#endif
       }) {
    for (const char* privileges : {"true", "false"}) {
      SCOPED_TRACE(std::string(action) + " " + privileges);
      const Snapshot before = take_snapshot();
      {
        Bundle bundle;
        bundle.args({"/bin/guest", "exit", "0"})
            .set("/process/noNewPrivileges", privileges)
            .set("/linux/seccomp", ctr::strf(R"({"defaultAction":"%s"})", action));
        long begin = now_ms();
        const Outcome outcome = run_bundle(bundle);
        EXPECT_LT(now_ms() - begin, 5000);
        EXPECT_NE(outcome.status, 0);
        EXPECT_LE(lines_of(outcome.err).size(), 1U) << outcome.err;

        const Outcome created = create_bundle(bundle);
        begin = now_ms();
        if (created.status == 0) {
          const Outcome started = runtime({"start", bundle.id()});
          EXPECT_LT(started.status, 256);
          EXPECT_LT(now_ms() - begin, 5000);
          EXPECT_TRUE(reaches(bundle.id(), "stopped"));
        }
        EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
      }
      for (const std::string& line : left_behind(before)) ADD_FAILURE() << line;
    }
  }
}

// What the profile denies the program, the runtime has done before, or does without.
OCI_TEST(Seccomp, DeniesTheProgramWhatTheRuntimeNeeds) {
  for (const char* privileges : {"true", "false"}) {
    for (const char* call : {"close_range", "openat2", "clone3", "capset", "prctl", "sendmsg",
                             "recvmsg", "fcntl", "setresuid", "poll", "close", "statx", "fchdir"}) {
      SCOPED_TRACE(std::string(call) + " " + privileges);
      Bundle bundle;
      bundle.args({"/bin/guest", "exit", "5"})
          .set("/process/noNewPrivileges", privileges)
          .set("/linux/seccomp", ctr::strf(R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
                         {"names":["%s"],"action":"SCMP_ACT_ERRNO","errnoRet":1}]})",
                                           call));
      EXPECT_STATUS(run_bundle(bundle), 5);
    }
  }
}

// --- BAD-35, BAD-36 ------------------------------------------------------------------------------

OCI_TEST(Masks, FiveThousand) {
  Bundle bundle;
  std::string paths = "[";
  for (int i = 0; i < 5000; ++i) paths += (i == 0 ? "\"" : ",\"") + ctr::strf("/not/there/%d\"", i);
  bundle.set("/linux/maskedPaths", paths + "]").set("/linux/readonlyPaths", paths + "]");
  EXPECT_STATUS(run_bundle(bundle.args({"/bin/guest", "exit", "6"})), 6);
}

OCI_TEST(Hooks, OneThousandAndOneThatIsNoProgram) {
  Bundle bundle;
  std::string hooks = "[";
  for (int i = 0; i < 1000; ++i)
    hooks += std::string(i == 0 ? "" : ",") + R"({"path":"/bin/true"})";
  bundle.set("/hooks/createRuntime", hooks + "]").args({"/bin/guest", "exit", "7"});
  Command command = runtime_command({"run", "--bundle", bundle.path(), bundle.id()});
  command.timeout_ms = 60000;
  EXPECT_STATUS(run(command), 7);
  Bundle other;
  write_file("/tmp/hook", "text", 0644);
  expect_refused(create_bundle(other.set("/hooks/createRuntime/-", R"({"path":"/tmp/hook"})")),
                 "/tmp/hook");
  expect_refused(create_bundle(other.set("/hooks/createRuntime/0/path", "\"/tmp\"")), "/tmp");
  ::unlink("/tmp/hook");
}

// --- BAD-38, FLT-28 ------------------------------------------------------------------------------

OCI_TEST(Terminal, SizesThatNoTerminalHas) {
  for (const char* size : {R"({"height":1048576,"width":80})", R"({"height":-1,"width":80})",
                           R"({"height":1.5,"width":80})", R"({"width":"80","height":24})"}) {
    SCOPED_TRACE(size);
    Bundle bundle;
    bundle.set("/process/terminal", "true").set("/process/consoleSize", size);
    ConsoleSocket console("/tmp/console");
    expect_refused(create_bundle(bundle, {"--console-socket", console.path()}), "consoleSize");
  }
}

void bind_unix_socket(int fd, const char* path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  ::snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
}

// Somebody's old socket, one that is not a stream, one that hangs up at once.
OCI_TEST(Terminal, SocketsThatNobodyAnswersFailAtOnce) {
  Bundle bundle;
  bundle.set("/process/terminal", "true");
  const auto expect_quick_refusal = [&](const char* what) {
    const long begin = now_ms();
    const Outcome outcome = create_bundle(bundle, {"--console-socket", "/tmp/console"});
    EXPECT_LT(now_ms() - begin, 5000) << what;
    EXPECT_STATUS(outcome, 1);
    EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
    ::unlink("/tmp/console");
  };
  {
    const ctr::UniqueFd gone(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    bind_unix_socket(gone.raw(), "/tmp/console");
  }
  expect_quick_refusal("nobody listens any more");
  const ctr::UniqueFd datagrams(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  bind_unix_socket(datagrams.raw(), "/tmp/console");
  expect_quick_refusal("datagrams");

  const ctr::UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  bind_unix_socket(listener.raw(), "/tmp/console");
  ASSERT_EQ(::listen(listener.raw(), 1), 0);
  Running creator(runtime_command(
      {"create", "--console-socket", "/tmp/console", "--bundle", bundle.path(), bundle.id()}));
  { const ctr::UniqueFd caller(::accept4(listener.raw(), nullptr, nullptr, SOCK_CLOEXEC)); }
  const Outcome outcome = creator.wait();
  expect_ran_or_one_line(outcome);
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
  ::unlink("/tmp/console");
}

// --- BAD-39, BAD-40 ------------------------------------------------------------------------------

OCI_TEST(Lifecycle, AnIdMayBeginWithADashBehindTwo) {
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"});
  EXPECT_STATUS(runtime({"create", "--bundle", bundle.path(), "-x"}), 1);
  const std::string id = "-x" + bundle.id();
  ASSERT_STATUS(runtime({"create", "--bundle", bundle.path(), "--", id}), 0);
  EXPECT_STATUS(runtime({"start", "--", id}), 0);
  EXPECT_STATUS(runtime({"exec", "--", id, "/bin/true"}), 0);
  EXPECT_STATUS(runtime({"delete", "--force", "--", id}), 0);
}

OCI_TEST(Usage, PlacesThatCannotBe) {
  Bundle bundle;
  write_file("/tmp/file", "");
  const auto with_root = [&](const std::string& root, const std::vector<std::string>& words) {
    Command command = runtime_command(words);
    command.argv[2] = root;
    return run(command);
  };
  const std::vector<std::string> create = {"create", "--bundle", bundle.path(), bundle.id()};
  for (const char* root : {"/tmp/file", "/tmp/file/below", "/proc/nowhere", ""}) {
    SCOPED_TRACE(root);
    const Outcome outcome = with_root(root, create);
    EXPECT_STATUS(outcome, 1);
    EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
    EXPECT_NE(with_root(root, {"state", bundle.id()}).status, 0);
  }
  // A relative one is taken from where the caller is.
  Command relative = runtime_command(create);
  relative.argv[2] = "relative/root";
  relative.cwd = "/tmp";
  ASSERT_STATUS(run(relative), 0);
  EXPECT_STATUS(with_root("/tmp/relative/root", {"delete", "--force", bundle.id()}), 0);
  remove_tree("/tmp/relative");

  const std::vector<std::vector<std::string>> wrong = {
      {"create", "--pid-file", "/nowhere/pid", "--bundle", bundle.path(), bundle.id()},
      {"create", "--pid-file", "/tmp", "--bundle", bundle.path(), bundle.id()},
      {"create", "--preserve-fds", "1000000000", "--bundle", bundle.path(), bundle.id()},
      {"create", "--bundle", bundle.path(), bundle.id(), "more"},
      {"create", "--bundle", "/tmp/file", bundle.id()},
      {"kill", "-9", bundle.id()},
  };
  for (const std::vector<std::string>& words : wrong) {
    const Snapshot before = take_snapshot();
    const Outcome outcome = runtime(words);
    EXPECT_STATUS(outcome, 1);
    EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
    for (const std::string& line : left_behind(before)) ADD_FAILURE() << line;
  }
  EXPECT_STATUS(runtime({"--log", "/nowhere/log"}, create), 1);
  ::unlink("/tmp/file");
}

// --- BAD-41 --------------------------------------------------------------------------------------

// exec has its process from a file: it is checked as that of a configuration is.
OCI_TEST(Exec, ProcessFilesAreCheckedAsConfigurations) {
  Bundle bundle;
  ASSERT_STATUS(run_bundle(bundle.args({"/bin/guest", "hold"}), {"--detach"}), 0);
  const std::string file = "/tmp/process.json";
  const auto expect_complaint = [&](const std::string& word) {
    const long begin = now_ms();
    const Outcome outcome = runtime({"exec", "--process", file, bundle.id()});
    EXPECT_LT(now_ms() - begin, 5000);
    EXPECT_STATUS(outcome, 255);
    EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
    EXPECT_TRUE(contains(outcome.err, word)) << outcome.err;
  };
  const std::string good = R"({"cwd":"/","args":["/bin/guest","exit","0"]})";
  ASSERT_TRUE(write_file(file, good));
  ASSERT_STATUS(runtime({"exec", "--process", file, bundle.id()}), 0);
  const std::vector<Bad> cases = {
      {"/args", "[]", "/args"},
      {"/args", "[null]", "/args/0"},
      {"/args", R"(["a\u0000b"])", "byte"},
      {"/cwd", R"("relative")", "/cwd"},
      {"/env", R"(["NAME"])", "/env/0"},
      {"/user", R"({"uid":4294967295})", "/user/uid"},
      {"/user", R"({"uid":"0"})", "/user/uid"},
      {"/user", R"({"gid":-1})", "/user/gid"},
      {"/rlimits", R"([{"type":"RLIMIT_CORE","soft":2,"hard":1}])", "/rlimits/0"},
      {"/rlimits", R"([{"type":"RLIMIT_NOPE","soft":1,"hard":1}])", "/rlimits/0"},
      {"/capabilities", R"({"effective":["CAP_KILL"]})", "/capabilities"},
      {"/oomScoreAdj", "5000", "/oomScoreAdj"},
      {"/scheduler", R"({"policy":"SCHED_NOPE"})", "/scheduler/policy"},
      {"/noNewPrivileges", "1", "/noNewPrivileges"},
  };
  for (const Bad& one : cases) {
    SCOPED_TRACE(std::string(one.pointer) + " = " + one.value);
    ASSERT_TRUE(write_file(file, json_set(good, one.pointer, one.value)));
    expect_complaint(one.word);
  }
  for (const std::string& text : {std::string(), std::string("null"), good + "}", "[" + good + "]",
                                  std::string(100000, '[')}) {
    ASSERT_TRUE(write_file(file, text));
    expect_complaint(file);
  }
  ::unlink(file.c_str());
  expect_complaint(file);
  ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
  expect_complaint(file);
  ::unlink(file.c_str());
  ASSERT_EQ(::symlink("/dev/zero", file.c_str()), 0);
  expect_complaint(file);
  ::unlink(file.c_str());
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
}

// --- SEC-43 --------------------------------------------------------------------------------------

// In the container's mount namespace the caller's descriptors are of another, from which the kernel
// binds nothing: as with the peers it is an error, and not the file that has that name meanwhile.
OCI_TEST(Mounts, ASourceThatIsADescriptorOfTheCallerIsRefused) {
  TempDir data;
  make_directories(data / "dir");
  const ctr::UniqueFd dir(::open((data / "dir").c_str(), O_PATH | O_CLOEXEC));
  ASSERT_EQ(::rename((data / "dir").c_str(), (data / "moved").c_str()), 0);
  make_directories(data / "dir");
  const std::string source = ctr::strf("/proc/%d/fd/%d", ::getpid(), dir.raw());
  Bundle bundle;
  expect_refused(create_bundle(bundle.bind(source, "/dir", "rbind,ro")), source);
}

// --- BAD-43 --------------------------------------------------------------------------------------

// One that cannot be read is named, and the others are listed all the same.
OCI_TEST(Damaged, ListGoesOnAndForcedDeleteClears) {
  Bundle well;
  ASSERT_STATUS(create_bundle(well), 0);
  const std::string dir = state_root() + "/hurt";
  const std::string file = dir + "/state.json";
  const std::string good = read_file(state_root() + "/" + well.id() + "/state.json");
  const std::string newer = json_set(good, "/format", "99");
  for (const std::string& what :
       {std::string("fifo"), std::string("directory"), std::string("link"), std::string("huge"),
        std::string("{\"id\":"), std::string("null"), newer, good.substr(0, good.size() / 2)}) {
    SCOPED_TRACE(what.substr(0, 40));
    ASSERT_EQ(::mkdir(dir.c_str(), 0700), 0);
    if (what == "fifo") {
      ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
    } else if (what == "directory") {
      ASSERT_EQ(::mkdir(file.c_str(), 0700), 0);
    } else if (what == "link") {
      ASSERT_EQ(::symlink("/dev/zero", file.c_str()), 0);
    } else if (what == "huge") {
      write_file(file, "");
      ASSERT_EQ(::truncate(file.c_str(), off_t{1} << 30), 0);
    } else {
      write_file(file, what);
    }
    const Outcome listed = runtime({"list"});
    EXPECT_TRUE(contains(listed.out, well.id())) << listed.err;
    EXPECT_TRUE(contains(listed.out + listed.err, "hurt")) << listed.out << listed.err;
    EXPECT_STATUS(runtime({"state", "hurt"}), 1);
    EXPECT_STATUS(runtime({"delete", "hurt"}), 1);
    EXPECT_STATUS(runtime({"delete", "--force", "hurt"}), 0);
    EXPECT_FALSE(path_exists(dir));
  }
  EXPECT_EQ(state_of(well.id(), "/status"), "created");
  EXPECT_STATUS(runtime({"delete", "--force", well.id()}), 0);
}

// --- FLT-14, FLT-17, FLT-24, FLT-26 --------------------------------------------------------------

// Of three hooks each is the one that fails: what comes before it ran, what comes after did not,
// and the poststop hooks did.
OCI_TEST(Hooks, TheFirstTheMiddleAndTheLastMayFail) {
  for (const char* stage :
       {"prestart", "createRuntime", "createContainer", "startContainer", "poststart"}) {
    for (int failing = 0; failing < 3; ++failing) {
      SCOPED_TRACE(ctr::strf("%s %d", stage, failing));
      const Snapshot before = take_snapshot();
      {
        Bundle bundle;
        TempDir log;
        bundle.bind(log.path(), log.path(), "bind").args({"/bin/guest", "hold"});
        const auto add = [&](const char* at, int number) {
          const std::string script = ctr::strf("echo %d >>%s/ran; exit %d", number,
                                               log.path().c_str(), number == failing ? 3 : 0);
          bundle.set(std::string("/hooks/") + at + "/-",
                     R"({"path":"/bin/sh","args":["sh","-c",)" + json_string(script) + "]}");
        };
        for (int number = 0; number < 3; ++number) add(stage, number);
        add("poststop", 9);
        const Outcome created = create_bundle(bundle);
        const Outcome last = created.status == 0 ? runtime({"start", bundle.id()}) : created;
        EXPECT_STATUS(last, 1);
        EXPECT_EQ(lines_of(last.err).size(), 1U) << last.err;
        EXPECT_TRUE(contains(last.err, stage)) << last.err;
        std::string ran;
        for (int number = 0; number <= failing; ++number) ran += std::to_string(number) + "\n";
        EXPECT_EQ(read_file(log / "ran"), ran + "9\n");
        EXPECT_STATUS(runtime({"state", bundle.id()}), 1);
      }
      for (const std::string& line : left_behind(before)) ADD_FAILURE() << line;
    }
  }
}

OCI_TEST(Cgroup, AFewProcessesAreEnoughOrTold) {
  NEED_CONTROLLER("pids");
  for (const char* limit : {"1", "2", "3"}) {
    SCOPED_TRACE(limit);
    Bundle bundle;
    bundle.set("/linux/resources/pids", ctr::strf(R"({"limit":%s})", limit))
        .args({"/bin/guest", "exit", "8"});
    EXPECT_STATUS(run_bundle(bundle), 8);
    bundle.args({"/bin/guest", "hold"});
    ASSERT_STATUS(run_bundle(bundle, {"--detach"}), 0);
    const Outcome more = runtime({"exec", bundle.id(), "/bin/guest", "exit", "0"});
    EXPECT_LT(more.status, 256) << "it hangs";
    if (more.status != 0) {
      EXPECT_EQ(lines_of(more.err).size(), 1U) << more.err;
    }
    EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
  }
}

OCI_TEST(Lifecycle, EachCommandInEachWrongState) {
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"});
  ASSERT_STATUS(create_bundle(bundle), 0);
  expect_refused(create_bundle(bundle), "exist");
  expect_refused(runtime({"resume", bundle.id()}), bundle.id());
  ASSERT_STATUS(runtime({"start", bundle.id()}), 0);
  expect_refused(runtime({"start", bundle.id()}), bundle.id());
  expect_refused(runtime({"resume", bundle.id()}), bundle.id());
  expect_refused(create_bundle(bundle), "exist");
  ASSERT_STATUS(runtime({"kill", bundle.id(), "KILL"}), 0);
  ASSERT_TRUE(reaches(bundle.id(), "stopped"));
  expect_refused(runtime({"start", bundle.id()}), bundle.id());
  expect_refused(runtime({"pause", bundle.id()}), bundle.id());
  expect_refused(runtime({"kill", bundle.id(), "KILL"}), "not running");
  const Outcome inside = runtime({"exec", bundle.id(), "/bin/true"});
  EXPECT_NE(inside.status, 0);
  EXPECT_TRUE(contains(inside.err, "not running")) << inside.err;
  EXPECT_STATUS(runtime({"delete", bundle.id()}), 0);
  expect_refused(runtime({"delete", bundle.id()}), "does not exist");
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
}

// Without a pid namespace of its own the others outlive init: deleting it ends them, forced or not.
OCI_TEST(Cgroup, LeftoverProcessesDoNotOutliveTheContainer) {
  for (const bool force : {false, true}) {
    Bundle bundle;
    bundle.shell("for i in 1 2 3 4 5; do sleep 100 & done; exit 0")
        .set("/linux/namespaces",
             R"([{"type":"network"},{"type":"ipc"},{"type":"uts"},{"type":"mount"}])");
    const Snapshot before = take_snapshot();
    ASSERT_STATUS(run_bundle(bundle, {"--detach"}), 0);
    ASSERT_TRUE(reaches(bundle.id(), "stopped"));
    std::vector<std::string> words{"delete"};
    if (force) words.emplace_back("--force");
    words.push_back(bundle.id());
    EXPECT_STATUS(runtime(words), 0);
    for (const std::string& line : left_behind(before)) ADD_FAILURE() << line;
  }
}

// --- FLT-29, FLT-37 ------------------------------------------------------------------------------

OCI_TEST(Start, TellsThatTheEnvironmentIsTooLarge) {
  Bundle bundle;
  std::string env = "[\"PATH=/bin\"";
  for (int i = 0; i < 30; ++i) env += ctr::strf(",\"V%d=", i) + std::string(100000, 'x') + "\"";
  Command command = runtime_command({"run", "--bundle", bundle.path(), bundle.id()});
  // Of what a stack may have the arguments get a quarter.
  bundle.set("/process/env", env + "]")
      .set("/process/rlimits", R"([{"type":"RLIMIT_STACK","soft":8388608,"hard":8388608}])")
      .args({"/bin/guest", "exit", "0"});
  const Outcome outcome = run(command);
  EXPECT_NE(outcome.status, 0);
  EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err.substr(0, 500);
  EXPECT_TRUE(contains(outcome.err, "Argument list too long")) << outcome.err.substr(0, 500);
}

// An upgrade between two commands; another file is the runtime by then, or none for a while.
OCI_TEST(Lifecycle, TheRuntimeMayBeReplacedAfterCreate) {
  TempDir dir;
  const std::string old = dir / "ocictr";
  ASSERT_TRUE(copy_file(runtime_path(), old, 0755));
  Bundle bundle;
  Command create = runtime_command({"create", "--bundle", bundle.path(), bundle.id()});
  create.argv[0] = old;
  ASSERT_STATUS(run(create), 0);
  ASSERT_EQ(::unlink(old.c_str()), 0);
  bundle.args({"/bin/guest", "exit", "0"});
  EXPECT_EQ(state_of(bundle.id(), "/status"), "created");
  EXPECT_STATUS(runtime({"start", bundle.id()}), 0);
  EXPECT_TRUE(reaches(bundle.id(), "stopped"));
  EXPECT_STATUS(runtime({"delete", bundle.id()}), 0);
}

// --- SEC-18, SEC-29, SEC-38, SEC-39, SEC-44 ------------------------------------------------------

OCI_TEST(Propagation, OfEachKindBelowSharedMounts) {
  ASSERT_EQ(::mount("", "/", nullptr, MS_REC | MS_SHARED, nullptr), 0);
  const std::string before = read_file("/proc/self/mountinfo");
  for (const char* kind : {"", "shared", "slave", "private", "unbindable", "rshared", "rslave",
                           "rprivate", "runbindable"}) {
    SCOPED_TRACE(kind);
    Bundle bundle;
    TempDir data;
    bundle.bind(data.path(), "/data", "rbind,rshared");
    if (*kind != 0) bundle.set("/linux/rootfsPropagation", json_string(kind));
    for (const char* set : {"bounding", "effective", "permitted"})
      bundle.set(std::string("/process/capabilities/") + set, R"(["CAP_SYS_ADMIN"])");
    const Outcome outcome =
        run_bundle(bundle.shell("mkdir -p /inside; mount -t tmpfs none /inside && echo mounted"));
    EXPECT_EQ(outcome.out, "mounted\n") << outcome.err;
    EXPECT_EQ(read_file("/proc/self/mountinfo"), before);
  }
  ASSERT_EQ(::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
}

OCI_TEST(Sysctl, OnlyOfNamespacesThatAreNotTheCallers) {
  const auto settings = [] {
    return read_file("/proc/sys/net/ipv4/ip_forward") + read_file("/proc/sys/kernel/core_pattern") +
           read_file("/proc/sys/kernel/shm_rmid_forced") + read_file("/proc/sys/kernel/hostname");
  };
  const std::string before = settings();
  constexpr const char* kOwn = R"({"type":"mount"},{"type":"pid"},{"type":"uts"})";
  const struct {
    const char* more;  // namespaces
    const char* sysctl;
  } cases[] = {
      {R"(,{"type":"ipc"},{"type":"network","path":"/proc/self/ns/net"})",
       R"({"net.ipv4.ip_forward":"1"})"},
      {R"(,{"type":"ipc"})", R"({"net.ipv4.ip_forward":"1"})"},
      {R"(,{"type":"network"})", R"({"kernel.shm_rmid_forced":"1"})"},
      {R"(,{"type":"network"},{"type":"ipc","path":"/proc/self/ns/ipc"})",
       R"({"kernel.shm_rmid_forced":"1"})"},
      {R"(,{"type":"network"},{"type":"ipc"})",
       R"({"kernel.shm_rmid_forced+kernel.core_pattern":"1"})"},
      {R"(,{"type":"network"},{"type":"ipc"})", R"({"net.ipv4.ip_forward ":"1"})"},
      {R"(,{"type":"network"},{"type":"ipc"})", R"({"kernel/core_pattern":"|/x"})"},
      {R"(,{"type":"network"},{"type":"ipc"})", R"({"fs.mqueue.../../kernel.core_pattern":"|/x"})"},
  };
  for (const auto& one : cases) {
    SCOPED_TRACE(std::string(one.more) + one.sysctl);
    Bundle bundle;
    bundle.set("/linux/namespaces", "[" + std::string(kOwn) + one.more + "]")
        .set("/linux/sysctl", one.sysctl);
    const Outcome outcome = create_bundle(bundle);
    EXPECT_STATUS(outcome, 1);
    EXPECT_TRUE(contains(outcome.err, "sysctl")) << outcome.err;
    EXPECT_EQ(settings(), before);
    EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
  }
  Bundle named;
  named.set("/hostname", "\"changed\"")
      .set("/linux/namespaces",
           R"([{"type":"mount"},{"type":"pid"},{"type":"uts","path":"/proc/self/ns/uts"}])");
  expect_refused(create_bundle(named), "/hostname");
  EXPECT_STATUS(run_bundle(named.set("/hostname", "\"sandbox\"")), 0) << "it has that name";
  char name[65] = "";
  ::gethostname(name, sizeof name);
  EXPECT_STREQ(name, "sandbox");
}

// Nothing of ours can be reached by its name alone, which a shared network namespace would share.
OCI_TEST(StateRoot, NoSocketIsAbstractOrOpenToOthers) {
  const auto abstract = [] {
    std::vector<std::string> found;
    for (const std::string& line : lines_of(read_file("/proc/net/unix")))
      if (contains(line, " @")) found.push_back(line.substr(line.find(" @")));
    return found;
  };
  const std::vector<std::string> before = abstract();
  for (const mode_t mask : {mode_t{0}, mode_t{077}}) {
    Bundle bundle;
    bundle.set("/linux/namespaces",
               R"([{"type":"mount"},{"type":"pid"},{"type":"ipc"},{"type":"uts"}])");
    ::umask(mask);
    ASSERT_STATUS(create_bundle(bundle), 0);
    ::umask(022);
    EXPECT_EQ(abstract(), before);
    const std::string dir = state_root() + "/" + bundle.id();
    struct stat st {};
    for (const std::string& path : {state_root(), dir}) {
      ASSERT_EQ(::stat(path.c_str(), &st), 0);
      EXPECT_EQ(st.st_mode & 077, 0U) << path;
    }
    for (const std::string& name : list_directory(dir)) {
      ASSERT_EQ(::lstat((dir + "/" + name).c_str(), &st), 0);
      EXPECT_EQ(st.st_uid, 0U) << name;
      EXPECT_EQ(st.st_mode & 022 & (S_ISSOCK(st.st_mode) ? 0U : 077U), 0U) << name;
    }
    EXPECT_STATUS(runtime({"delete", bundle.id()}), 0);
  }
}

// What an image calls its files is a word in our line, never a line of its own.
OCI_TEST(BadInput, NamesInTheLogCannotForgeALine) {
  const std::string forged = "x\n{\"level\":\"error\",\"msg\":\"forged\"}\x1b[2J\r\xe2\x80\xae";
  Bundle bundle;
  bundle.bind("/nowhere/" + forged, "/y", "bind");
  for (const char* format : {"json", "text"}) {
    SCOPED_TRACE(format);
    ::unlink("/tmp/log");
    EXPECT_STATUS(runtime({"--log", "/tmp/log", "--log-format", format},
                          {"create", "--bundle", bundle.path(), bundle.id()}),
                  1);
    const std::vector<std::string> lines = lines_of(read_file("/tmp/log"));
    ASSERT_EQ(lines.size(), 1U) << read_file("/tmp/log");
    EXPECT_FALSE(contains(lines[0], "\x1b"));
    if (std::string(format) == "json") {
      EXPECT_TRUE(is_json(lines[0])) << lines[0];
      EXPECT_NE(json_get(lines[0], "/msg").value_or(""), "forged");
    }
  }
  ::unlink("/tmp/log");
}

}  // namespace
