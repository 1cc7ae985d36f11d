// SPDX-License-Identifier: Apache-2.0
// What is true of a container however a program came into it, and whatever the runtime had to do
// without: rights, mounts, limits, descriptors, signals. Numbers: tests/CASES.md.
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "ctrtool/core/base/strf.h"
#include "tests/support/console.h"
#include "tests/support/runtime.h"
#include "tests/support/tracer.h"

namespace {

using namespace support;

// --- SEC-22 --------------------------------------------------------------------------------------

// Init says what it is, and stays.
void start_reporting(Bundle& bundle, const TempDir& shared) {
  bundle.bind(shared.path(), "/srv", "bind");
  bundle.shell("/bin/guest report >/srv/report; exec /bin/guest hold");
  ASSERT_STATUS(run_bundle(bundle, {"--detach"}), 0);
  ASSERT_TRUE(eventually([&] { return contains(read_file(shared / "report"), "\nmount "); }));
}

OCI_TEST(Exec, HasTheMountsLimitsAndFiltersOfInit) {
  for (const bool mapped : {false, true}) {
    for (const char* privileges : {"true", "false"}) {
      SCOPED_TRACE(std::string(mapped ? "in a user namespace, " : "in ours, ") + privileges);
      Bundle bundle;
      TempDir shared;
      ASSERT_EQ(::chmod(shared.path().c_str(), 0777), 0);
      if (mapped) bundle.map_ids(100000, 65536);
      bundle.set("/process/noNewPrivileges", privileges)
          .set("/process/user", R"({"uid":1000,"gid":1000,"additionalGids":[7,9],"umask":7})")
          .set("/process/rlimits", R"([{"type":"RLIMIT_NOFILE","soft":500,"hard":600},
               {"type":"RLIMIT_CORE","soft":0,"hard":0},
               {"type":"RLIMIT_STACK","soft":4194304,"hard":8388608},
               {"type":"RLIMIT_MEMLOCK","soft":8192,"hard":16384}])")
          .set("/process/oomScoreAdj", "77")
          .set("/process/scheduler", R"({"policy":"SCHED_BATCH","nice":3})")
          .set("/process/ioPriority", R"({"class":"IOPRIO_CLASS_BE","priority":6})")
          .set("/linux/personality", R"({"domain":"LINUX32"})")
          .set("/linux/seccomp", R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
               {"names":["getcpu"],"action":"SCMP_ACT_ERRNO"}]})");
      start_reporting(bundle, shared);
      const Report init(read_file(shared / "report"));
      const Outcome outcome = runtime({"exec", bundle.id(), "/bin/guest", "report"});
      ASSERT_STATUS(outcome, 0);
      const Report exec(outcome.out);
      for (const char* key : {"mount",
                              "cgroup",
                              "rlimit.AS",
                              "rlimit.CORE",
                              "rlimit.CPU",
                              "rlimit.DATA",
                              "rlimit.FSIZE",
                              "rlimit.MEMLOCK",
                              "rlimit.NOFILE",
                              "rlimit.NPROC",
                              "rlimit.STACK",
                              "rlimit.NICE",
                              "rlimit.SIGPENDING",
                              "status.Seccomp",
                              "status.Seccomp_filters",
                              "status.NoNewPrivs",
                              "status.CapInh",
                              "status.CapPrm",
                              "status.CapEff",
                              "status.CapBnd",
                              "status.CapAmb",
                              "status.Umask",
                              "uid",
                              "gid",
                              "groups",
                              "oom",
                              "sched",
                              "ioprio",
                              "personality",
                              "dumpable",
                              "uid_map",
                              "gid_map",
                              "ns.cgroup",
                              "ns.ipc",
                              "ns.mnt",
                              "ns.net",
                              "ns.pid",
                              "ns.time",
                              "ns.user",
                              "ns.uts"})
        EXPECT_EQ(exec.all(key), init.all(key)) << key;
      EXPECT_EQ(init["status.Seccomp_filters"], "1");
      EXPECT_EQ(init["rlimit.MEMLOCK"], "8192 16384");
      EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
    }
  }
}

// --- SEC-03, SEC-36 ------------------------------------------------------------------------------

OCI_TEST(Exec, HasTheDescriptorsThatAreAskedFor) {
  Bundle bundle;
  ASSERT_STATUS(run_bundle(bundle.args({"/bin/guest", "hold"}), {"--detach"}), 0);
  const ctr::UniqueFd root(::open("/", O_PATH | O_CLOEXEC));
  const ctr::UniqueFd epoll(static_cast<int>(::syscall(SYS_epoll_create1, O_CLOEXEC)));
  const auto seen = [&](const char* preserved, const std::vector<std::string>& env) {
    Command command =
        runtime_command({"exec", "--preserve-fds", preserved, bundle.id(), "/bin/guest", "fds"});
    std::vector<std::string> all{"PATH=/bin:/usr/bin"};
    all.insert(all.end(), env.begin(), env.end());
    command.env = all;
    for (const int number : {3, 4, 5, 6, 7, 100, 1023})
      command.fds.emplace_back(number % 2 == 0 ? root.raw() : epoll.raw(), number);
    const Outcome outcome = run(command);
    EXPECT_STATUS(outcome, 0);
    std::string numbers;
    for (const std::string& line : Report(outcome.out).all("fd"))
      numbers += line.substr(0, line.find(' ')) + " ";
    return numbers;
  };
  EXPECT_EQ(seen("0", {}), "0 1 2 ");
  EXPECT_EQ(seen("1", {}), "0 1 2 3 ");
  EXPECT_EQ(seen("3", {}), "0 1 2 3 4 5 ");
  EXPECT_EQ(seen("0", {"LISTEN_FDS=2"}), "0 1 2 3 4 ");
  EXPECT_EQ(seen("1", {"LISTEN_FDS=2"}), "0 1 2 3 4 5 ");
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
}

// Variables that mean something to one of our programs mean nothing to a container's, and those of
// the caller are not there.
OCI_TEST(Process, VariablesWithAMeaningForUsHaveNone) {
  const std::vector<std::string> names = {
      "CTRTOOL_OVERRIDE_ARGV0_LOOKUP", "CTRTOOL_ESCAPED", "OCICTR_ROOT",   "_OCI_INIT",
      "_LIBCONTAINER_INITPIPE",        "LISTEN_PID",      "NOTIFY_SOCKET", "XDG_RUNTIME_DIR",
      "RUN_OCI_SECCOMP_RECEIVER"};
  std::vector<std::string> given{"PATH=/bin"};
  std::vector<std::string> callers{"PATH=/bin:/usr/bin"};
  for (const std::string& name : names) {
    given.push_back(name + "=of-the-config");
    if (name.starts_with("_") || name.starts_with("CTRTOOL_E") || name.starts_with("OCICTR_"))
      callers.push_back(name + "=of-the-caller");
  }
  Bundle bundle;
  bundle.set("/process/env", json_strings(given));
  Command command = runtime_command({"run", "--bundle", bundle.path(), bundle.id()});
  command.env = callers;
  const Outcome outcome = run(command);
  ASSERT_STATUS(outcome, 0);
  EXPECT_FALSE(contains(outcome.out, "of-the-caller")) << outcome.out;
  const Report report(outcome.out);
  for (const std::string& entry : given) EXPECT_TRUE(report.has("env", entry)) << entry;
  EXPECT_EQ(report.all("env").size(), given.size() + 1) << "and HOME";
}

// --- SEC-19 --------------------------------------------------------------------------------------

// What can be done there, in a file system below another: "w" written, "x" executed, "d" a device
// opened.
constexpr const char* kTry =
    "for at in /vol /vol/sub; do r=; (: >$at/new) && r=${r}w && rm $at/new; $at/program && r=${r}x;"
    " (: <$at/null) && r=${r}d; echo $at $r; done 2>/dev/null; true";

OCI_TEST(Mounts, FlagsHoldForWhatIsDone) {
  TempDir volume;
  const auto fill = [](const std::string& at) {
    ASSERT_EQ(::mount("none", at.c_str(), "tmpfs", 0, "mode=777"), 0);
    write_file(at + "/program", "#!/bin/sh\nexit 0\n", 0755);
    ASSERT_EQ(::mknod((at + "/null").c_str(), S_IFCHR | 0666, makedev(1, 3)), 0);
    ASSERT_EQ(::chmod((at + "/null").c_str(), 0666), 0);
  };
  fill(volume.path());
  make_directories(volume / "sub");
  ASSERT_EQ(::chmod((volume / "sub").c_str(), 0777), 0);
  fill(volume / "sub");
  const struct {
    const char* options;
    const char* seen;
  } cases[] = {
      {"rbind", "/vol wxd\n/vol/sub wxd\n"},
      {"rbind,ro", "/vol xd\n/vol/sub wxd\n"},
      {"rbind,rro", "/vol xd\n/vol/sub xd\n"},
      {"rbind,noexec", "/vol wd\n/vol/sub wxd\n"},
      {"rbind,rnoexec", "/vol wd\n/vol/sub wd\n"},
      {"rbind,nodev", "/vol wx\n/vol/sub wxd\n"},
      {"rbind,rnodev", "/vol wx\n/vol/sub wx\n"},
      {"rbind,rro,rnosuid,rnodev,rnoexec", "/vol\n/vol/sub\n"},
      {"bind,ro", "/vol xd\n/vol/sub\n"},
      {"bind,noexec,nodev", "/vol w\n/vol/sub w\n"},
  };
  for (const bool mapped : {false, true}) {
    for (const auto& one : cases) {
      SCOPED_TRACE(std::string(mapped ? "mapped " : "") + one.options);
      Bundle bundle;
      if (mapped) bundle.map_ids(100000, 65536);
      bundle.bind(volume.path(), "/vol", one.options);
      const Outcome outcome = run_bundle(bundle.shell(kTry));
      std::string seen;
      for (std::string line : lines_of(outcome.out)) {
        while (line.ends_with(' ')) line.pop_back();
        seen += line + "\n";
      }
      EXPECT_EQ(seen, one.seen) << outcome.err;
    }
  }
  EXPECT_EQ(::umount2(volume.path().c_str(), MNT_DETACH), 0);
}

// --- SEC-32 --------------------------------------------------------------------------------------

// The caller's terminal is no more than an open file: the program cannot type there, and no key
// pressed there ends it.
OCI_TEST(Terminal, TheCallersIsNotTheProgramsToTypeInto) {
  const Pty pty = open_pty(24, 80);
  Bundle bundle;
  const auto on_terminal = [&](const std::vector<std::string>& words) {
    Command command = runtime_command(words);
    command.fds = {{pty.slave.raw(), 0}, {pty.slave.raw(), 1}, {pty.slave.raw(), 2}};
    EXPECT_LT(run(command).status, 256);
    return read_until(pty.master, "", 300);
  };
  const std::vector<std::string> run_it = {"run", "--bundle", bundle.path(), bundle.id()};
  bundle.args({"/bin/guest", "type", "reboot\n"});
  EXPECT_TRUE(contains(on_terminal(run_it), "type: "));
  bundle.args({"/bin/guest", "report"});
  EXPECT_TRUE(contains(on_terminal(run_it), "tty.controlling no"));
  ASSERT_STATUS(run_bundle(bundle.args({"/bin/guest", "hold"}), {"--detach"}), 0);
  EXPECT_TRUE(contains(on_terminal({"exec", bundle.id(), "/bin/guest", "type", "x"}), "type: "));
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
  int waiting = 0;
  ASSERT_EQ(::ioctl(pty.slave.raw(), FIONREAD, &waiting), 0);
  EXPECT_EQ(waiting, 0);
}

// --- SEC-31 --------------------------------------------------------------------------------------

OCI_TEST(BadInput, LongerThanAnyMessage) {
  const std::string path = "/" + std::string(70000, 'n');
  const std::vector<std::pair<const char*, std::string>> cases = {
      {"/linux/namespaces/-", R"({"type":"time","path":")" + path + "\"}"},
      {"/linux/seccomp", R"({"defaultAction":"SCMP_ACT_ALLOW","listenerPath":")" + path +
                             R"(","syscalls":[{"names":["getcpu"],"action":"SCMP_ACT_NOTIFY"}]})"},
      {"/process/cwd", json_string(path)},
      {"/root/path", json_string(path)},
      {"/linux/cgroupsPath", json_string(path)},
      {"/hooks/createRuntime/-", R"({"path":")" + path + "\"}"},
      {"/process/args", "[" + json_string(path) + "]"},
  };
  for (const auto& [pointer, value] : cases) {
    SCOPED_TRACE(pointer);
    const Snapshot before = take_snapshot();
    {
      Bundle bundle;
      bundle.set(pointer, value);
      const Outcome outcome = create_bundle(bundle);
      EXPECT_STATUS(outcome, 1);
      EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err.substr(0, 300);
      EXPECT_LT(outcome.err.size(), 100000U);
    }
    for (const std::string& line : left_behind(before)) ADD_FAILURE() << line;
  }
}

// --- FLT-25 --------------------------------------------------------------------------------------

OCI_TEST(Kill, DeliversEverySignal) {
  Bundle bundle;
  bundle.args({"/bin/guest", "wait-term"});
  Running attached(runtime_command({"run", "--bundle", bundle.path(), bundle.id()}));
  ASSERT_TRUE(eventually([&] { return contains(attached.out(), "ready"); }));
  for (int signal = 1; signal <= SIGRTMAX; ++signal) {
    const bool library_s = signal > 31 && signal < SIGRTMIN;
    if (signal == SIGKILL || signal == SIGSTOP || signal == SIGTERM || library_s) continue;
    EXPECT_STATUS(runtime({"kill", bundle.id(), std::to_string(signal)}), 0);
    const std::string line = ctr::strf("got %d\n", signal);
    EXPECT_TRUE(eventually([&] { return contains(attached.out(), line); })) << signal;
    EXPECT_EQ(state_of(bundle.id(), "/status"), "running");
  }
  EXPECT_STATUS(runtime({"kill", bundle.id(), "TERM"}), 0);
  EXPECT_STATUS(attached.wait(), 0);
}

// A signal that init does not handle does not end it (pid_namespaces(7)), and nobody says it did.
OCI_TEST(Kill, OfWhatIgnoresItTellsNoLies) {
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"});
  ASSERT_STATUS(run_bundle(bundle, {"--detach"}), 0);
  for (const char* signal : {"TERM", "INT", "USR1", "SEGV"}) {
    EXPECT_STATUS(runtime({"kill", bundle.id(), signal}), 0);
    EXPECT_EQ(state_of(bundle.id(), "/status"), "running") << signal;
  }
  EXPECT_STATUS(runtime({"delete", bundle.id()}), 1);
  EXPECT_STATUS(runtime({"kill", bundle.id(), "KILL"}), 0);
  EXPECT_TRUE(reaches(bundle.id(), "stopped"));
  EXPECT_STATUS(runtime({"delete", bundle.id()}), 0);
}

// --- FLT-35 --------------------------------------------------------------------------------------

struct HostileImage {
  const char* name;
  void (*prepare)(Bundle& bundle, const std::string& host);
  const char* must_not_show;
};

void replace_by_link(const Bundle& bundle, const std::string& at, const std::string& target) {
  remove_tree(bundle.in_rootfs(at));
  EXPECT_EQ(::symlink(target.c_str(), bundle.in_rootfs(at).c_str()), 0);
}

constexpr HostileImage kHostile[] = {
    {"a false null device",
     [](Bundle& bundle, const std::string&) {
       write_file(bundle.in_rootfs("/key"), "secret");
       replace_by_link(bundle, "/dev/null", "/proc/self/environ");
       bundle.set("/mounts", R"([{"destination":"/proc","type":"proc","source":"proc"}])")
           .set("/linux/maskedPaths", R"(["/key"])")
           .shell("cat /key");
     },
     "secret"},
    {"/dev is the host's",
     [](Bundle& bundle, const std::string& host) {
       replace_by_link(bundle, "/dev", host);
       bundle.set("/mounts", R"([{"destination":"/proc","type":"proc","source":"proc"}])")
           .args({"/bin/guest", "exit", "0"});
     },
     "secret"},
    {"a destination is the host's",
     [](Bundle& bundle, const std::string& host) {
       replace_by_link(bundle, "/mnt", host);
       bundle.set("/mounts/-", R"({"destination":"/mnt/made","type":"tmpfs","source":"x"})")
           .args({"/bin/guest", "exit", "0"});
     },
     "secret"},
    {"/proc is elsewhere",
     [](Bundle& bundle, const std::string&) {
       make_directories(bundle.in_rootfs("/elsewhere"));
       replace_by_link(bundle, "/proc", "/elsewhere");
       bundle.shell("echo secret");
     },
     "secret"},
    {"a working directory by a descriptor",
     [](Bundle& bundle, const std::string&) {
       bundle.set("/process/cwd", "\"/proc/self/fd/5/../..\"").shell("ls -a . ..");
     },
     "config.json"},
    {"read-only with /proc of its own",
     [](Bundle& bundle, const std::string&) {
       for (int fd = 0; fd < 32; ++fd)
         make_directories(bundle.in_rootfs(ctr::strf("/proc/self/fd/%d", fd)));
       bundle.set("/mounts", "[]")
           .set("/root/readonly", "true")
           .set("/linux/maskedPaths", "[]")
           .set("/linux/readonlyPaths", R"(["/etc"])")
           .shell("for d in / /etc; do : 2>/dev/null >$d/new && echo wrote; done; true");
     },
     "wrote"},
};

OCI_TEST(DeniedCalls, AreNoReasonToLookLessClosely) {
  if (const std::string why = why_no_faults(); !why.empty()) GTEST_SKIP() << why;
  TempDir host;
  make_sentinel(host.path());
  const std::string before = fingerprint(host.path());
  for (const unsigned long call : {SYS_openat2, SYS_open_tree, SYS_move_mount, SYS_fsopen,
                                   SYS_mount_setattr, SYS_close_range, SYS_statx, SYS_clone3}) {
    for (const HostileImage& image : kHostile) {
      SCOPED_TRACE(name_of_call(call) + ": " + image.name);
      Bundle bundle;
      image.prepare(bundle, host.path());
      const Traced traced =
          trace(runtime_command({"run", "--bundle", bundle.path(), bundle.id()}), "/bin/busybox",
                [&](const Call& made) {
                  return made.call == call ? Fault{.kind = Fault::kFail, .error = ENOSYS} : Fault{};
                });
      EXPECT_LT(traced.outcome.status, 256) << "it hangs";
      EXPECT_FALSE(contains(traced.outcome.out, image.must_not_show)) << traced.outcome.out;
      EXPECT_EQ(fingerprint(host.path()), before);
      EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
    }
  }
}

}  // namespace
