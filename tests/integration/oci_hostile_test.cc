// SPDX-License-Identifier: Apache-2.0
// Hostile root file systems: whatever lies where the runtime looks, nothing of the host is touched
// or shown, and a container that runs is what its configuration says. Numbers: tests/CASES.md.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <optional>

#include "ctrtool/core/base/strf.h"
#include "tests/support/console.h"
#include "tests/support/paths.h"
#include "tests/support/runtime.h"
#include "tests/support/tracer.h"

namespace {

using namespace support;

void put_link(const Bundle& bundle, const std::string& at, const std::string& target) {
  remove_tree(bundle.in_rootfs(at));
  EXPECT_EQ(::symlink(target.c_str(), bundle.in_rootfs(at).c_str()), 0);
}

// SEC-02: at the moment of chdir no descriptor of the host is left for /proc/self/fd to name.
OCI_TEST(HostilePaths, WorkingDirectoriesNeverLeadToTheHost) {
  Bundle bundle;
  bundle.shell("ls -a . ..");
  std::vector<std::string> paths = {"/proc/1/cwd", "/proc/self/root/..", "/proc/self/cwd/.."};
  for (int fd = 0; fd < 12; ++fd)
    paths.push_back(ctr::strf("/proc/self/fd/%d%s", fd, fd % 2 == 0 ? "/../.." : ""));
  for (const std::string& path : paths) {
    bundle.set("/process/cwd", json_string(path));
    const Outcome outcome = run_bundle(bundle);
    expect_ran_or_one_line(outcome);
    EXPECT_FALSE(contains(outcome.out, "config.json")) << path << "\n" << outcome.out;
    EXPECT_FALSE(contains(outcome.out, "state")) << path << "\n" << outcome.out;
  }
}

OCI_TEST(HostilePaths, ProgramsAreNotReachedThroughDescriptors) {
  Bundle bundle;
  for (int fd = 3; fd < 12; ++fd) {
    bundle.args({ctr::strf("/proc/self/fd/%d/bin/sh", fd), "-c", "cat /../config.json"});
    const Outcome outcome = run_bundle(bundle);
    EXPECT_NE(outcome.status, 0) << fd << outcome.out;
  }
}

// SEC-07: what is to be written in /proc is written there, or nothing runs.
OCI_TEST(HostileProc, MountsOverPartsOfItChangeNothingElse) {
  const std::string pattern = read_file("/proc/sys/kernel/core_pattern");
  for (const char* at : {"/proc/self/attr", "/proc/sys/net", "/proc/1", "/proc/self", "/proc"}) {
    Bundle bundle;
    bundle.set("/mounts/-", ctr::strf(R"({"destination":"%s","type":"tmpfs","source":"x"})", at))
        .set("/linux/sysctl", R"({"net.ipv4.ip_forward":"1"})")
        .set("/process/oomScoreAdj", "500")
        .shell("cat /proc/sys/net/ipv4/ip_forward /proc/self/oom_score_adj");
    const Outcome outcome = run_bundle(bundle);
    EXPECT_LT(outcome.status, 256) << at << " hangs";
    if (outcome.status == 0) {
      EXPECT_EQ(outcome.out, "1\n500\n") << at;
    }
  }
  EXPECT_EQ(read_file("/proc/sys/kernel/core_pattern"), pattern);
}

// SEC-12: /dev/console is resolved inside the root.
OCI_TEST(HostileDev, ConsoleThroughALinkMakesNothingOnTheHost) {
  Host host;
  for (const char* read_only : {"false", "true"}) {
    Bundle bundle;
    put_link(bundle, "/dev/console", host.path() + "/made");
    bundle
        .set("/mounts", R"([{"destination":"/proc","type":"proc","source":"proc"},
        {"destination":"/dev/pts","type":"devpts","source":"devpts","options":["newinstance"]}])")
        .set("/root/readonly", read_only)
        .set("/process/terminal", "true")
        .shell("true");
    ConsoleSocket console("/tmp/console");
    const Outcome made = create_bundle(bundle, {"--console-socket", "/tmp/console"});
    expect_ran_or_one_line(made);
    EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
  }
}

// SEC-14: what makes a mount read-only is a descriptor, not a path that the image may fill.
OCI_TEST(HostileProc, ReadOnlyDoesNotDependOnTheImagesProc) {
  Bundle bundle;
  for (int fd = 0; fd < 40; ++fd)
    make_directories(bundle.in_rootfs(ctr::strf("/proc/self/fd/%d", fd)));
  TempDir data;
  bundle.set("/mounts", "[]").bind(data.path(), "/data", "bind,ro");
  bundle.set("/root/readonly", "true")
      .set("/linux/maskedPaths", "[]")
      .set("/linux/readonlyPaths", R"(["/tmp"])")
      .shell("for d in / /data /tmp; do touch $d/new 2>/dev/null && echo wrote $d; done; true");
  const Outcome outcome = run_bundle(bundle);
  expect_ran_or_one_line(outcome);
  EXPECT_EQ(outcome.out, "");
  EXPECT_TRUE(list_directory(data.path()).empty());
}

// SEC-16: the only file that is read in the root.
OCI_TEST(HostileFiles, PasswordFileMayBeAnything) {
  Host host;
  const char* const kMakers[] = {"mkfifo $F",       "ln -s /proc/1/root/etc/passwd $F",
                                 "mkdir $F",        "truncate -s 10G $F",
                                 "ln -s passwd $F", "mknod $F c 1 5"};
  for (const char* maker : kMakers) {
    Bundle bundle;
    remove_tree(bundle.in_rootfs("/etc/passwd"));
    const std::string line =
        "F=" + bundle.in_rootfs("/etc/passwd") + "; export F; " + std::string(maker);
    ASSERT_STATUS(run({.argv = {"/bin/sh", "-c", line}}), 0);
    bundle.args({"/bin/guest", "exit", "0"}).set("/process/env", R"(["PATH=/bin"])");
    expect_ran_or_one_line(run_bundle(bundle));
  }
  Bundle bundle;
  put_link(bundle, "/etc/passwd", host.path() + "/fifo");
  expect_ran_or_one_line(run_bundle(bundle.args({"/bin/guest", "exit", "0"})));
}

// SEC-15
OCI_TEST(Checkpoint, IsRefusedInOneLine) {
  for (const char* verb : {"checkpoint", "restore"}) {
    const Outcome outcome = runtime({verb, "nobody"});
    EXPECT_STATUS(outcome, 1);
    EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
  }
}

// FLT-35: a call that is not there or denied, each for itself, in both halves: another way is taken
// or the command fails, and what protects the host is never left out.
void deny(unsigned long call, int error) {
  Host host;
  Bundle bundle;
  put_link(bundle, "/dev", host.path());
  put_link(bundle, "/volume", host.path());
  bundle.set("/mounts", R"([{"destination":"/proc","type":"proc","source":"proc"},
      {"destination":"/volume/new","type":"tmpfs","source":"x"}])");
  bundle.args({"/bin/guest", "exit", "0"});
  const Command command = runtime_command({"run", "--bundle", bundle.path(), bundle.id()});
  const Traced traced = trace(command, "/bin/guest", [&](const Call& made) {
    return made.call == call ? Fault{.kind = Fault::kFail, .error = error} : Fault{};
  });
  expect_ran_or_one_line(traced.outcome);
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
}

OCI_TEST(DeniedCalls, AreDoneWithoutOrFailCleanly) {
  if (const std::string why = why_no_faults(); !why.empty()) GTEST_SKIP() << why;
  for (const unsigned long call :
       {SYS_openat2, SYS_clone3, SYS_close_range, SYS_pidfd_open, SYS_mount_setattr, SYS_fsopen,
        SYS_open_tree, SYS_move_mount, SYS_statx, SYS_keyctl, SYS_memfd_create}) {
    for (const int error : {ENOSYS, EPERM}) {
      SCOPED_TRACE(name_of_call(call) + ctr::strf(" answers %d", error));
      deny(call, error);
    }
  }
}

// --- SEC-04: an attacker who may trace looks at whoever joins ------------------------------------

// What a process holds between its joining and its program: its word to the runtime, its own
// streams, the handle of the container's init and the container's own list of tasks. Files of the
// container are not told.
bool may_be_seen(const std::string& target) {
  for (const char* harmless : {"socket:", "pipe:", "anon_inode:", "pidfd:", "/memfd:", "/dev/null"})
    if (target.starts_with(harmless)) return true;
  // The terminal that is its own, and we have another under that name.
  return target.ends_with("/tasks") || target.starts_with("/dev/pts/");
}

void give_capabilities(Bundle& bundle) {
  for (const char* set : {"bounding", "effective", "permitted"})
    bundle.set(std::string("/process/capabilities/") + set, R"(["CAP_SYS_PTRACE","CAP_KILL"])");
}

// In the way that takes CAP_SYS_ADMIN.
void load_filter(Bundle& bundle, const char* filter) {
  bundle.set("/process/noNewPrivileges", "false").set("/linux/seccomp", filter);
}

// A container whose program may trace, and looks at whoever appears beside it.
class Spy {
 public:
  explicit Spy(const char* filter = nullptr) {
    write_file(secret_, "secret");
    if (filter != nullptr) load_filter(bundle_, filter);
    give_capabilities(bundle_);
    bundle_.args({"/bin/guest", "spy", secret_});
    running_.emplace(runtime_command({"run", "--bundle", bundle_.path(), bundle_.id()}));
    EXPECT_TRUE(eventually([&] { return contains(running_->out(), "ready"); }, 20000))
        << running_->err();
    EXPECT_EQ(::setenv("ONLY_ON_THE_HOST", "secret", 1), 0);
  }
  const std::string& id() const { return bundle_.id(); }

  // How many are seen depends on who runs when: does so again until there is one.
  template <typename Join>
  void until_seen(Join join) {
    for (int i = 0; i < 2000 && !contains(running_->out(), "seen"); ++i) join();
  }

  // To whom nothing of the host may have been shown; how many of the `joined` were seen is told.
  void expect_nothing_seen(int joined) {
    EXPECT_STATUS(runtime({"kill", id(), "TERM"}), 0);
    const Outcome outcome = running_->wait();
    ASSERT_STATUS(outcome, 0);
    const Report spied(outcome.out);
    ::printf(
        "%d joined: %s seen on their way in %s looks, %s of them stopped, %s with their program\n",
        joined, spied["spied.joining"].c_str(), spied["spied.looks"].c_str(),
        spied["spied.held"].c_str(), spied["spied.programs"].c_str());
    EXPECT_NE(spied["spied.joining"], "0") << "nobody was seen: this proves nothing";
    EXPECT_EQ(spied["spied.root"], "0");
    EXPECT_EQ(spied["spied.cwd"], "0");
    EXPECT_EQ(spied["spied.strong"], "0") << "it has capabilities that the container has not";
    EXPECT_EQ(spied["spied.environ"], "0");
    EXPECT_NE(spied["spied.exes"], "0") << "nobody's binary was opened: this proves nothing";
    EXPECT_EQ(spied["spied.writable"], "0") << "our binary could be overwritten";
    EXPECT_TRUE(read_file(runtime_path()) == binary_) << "our binary was overwritten";
    for (const std::string& target : spied.all("spied.fd"))
      EXPECT_TRUE(may_be_seen(target)) << target;
  }

 private:
  const std::string binary_ = read_file(runtime_path());
  const std::string secret_ = "/tmp/only-on-the-host";
  Bundle bundle_;
  std::optional<Running> running_;
};

// Like most that engines make: it lets the runtime's last calls pass.
constexpr const char* kUsualFilter =
    R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["swapon","clone3"],
        "action":"SCMP_ACT_ERRNO","errnoRet":38}]})";
constexpr const char* kPolicy =
    R"({"policy":"SCHED_BATCH","nice":3,"flags":["SCHED_FLAG_RESET_ON_FORK"]})";

int joins_of_each() { return ::getenv("OCICTR_TEST_LONG") != nullptr ? 500 : 10; }

// So often, with a terminal and without.
void exec_into(const std::string& id, const std::vector<std::string>& program) {
  for (int i = 0; i < joins_of_each(); ++i) {
    std::vector<std::string> words{"exec", id};
    words.insert(words.end(), program.begin(), program.end());
    ASSERT_STATUS(runtime(words), 7);
    const ConsoleSocket console(ctr::strf("/tmp/console-%d", i));
    words.insert(words.begin() + 1, {"--detach", "--tty", "--console-socket", console.path()});
    ASSERT_STATUS(runtime(words), 0);
  }
}

OCI_TEST(HostileJoin, NothingOfTheHostIsInSight) {
  Spy spy;
  exec_into(spy.id(), {"/bin/guest", "exit", "7"});
  TempDir dir;
  const std::string process = dir / "process.json";
  write_file(process, R"({"user":{"uid":0,"gid":0},"cwd":"/","env":["PATH=/bin"],"scheduler":)" +
                          std::string(kPolicy) + R"(,"args":["/bin/guest","exit","7"]})");
  for (int i = 0; i < joins_of_each(); ++i)
    ASSERT_STATUS(runtime({"exec", "--process", process, spy.id()}), 7);
  spy.until_seen([&] { runtime({"exec", spy.id(), "/bin/guest", "exit", "7"}); });
  spy.expect_nothing_seen(3 * joins_of_each());
}

OCI_TEST(HostileJoin, NorWithAFilter) {
  Spy spy(kUsualFilter);
  exec_into(spy.id(), {"/bin/guest", "exit", "7"});
  ASSERT_STATUS(runtime({"exec", "--user", "1000:10", spy.id(), "/bin/guest", "exit", "7"}), 7);
  spy.until_seen([&] { runtime({"exec", spy.id(), "/bin/guest", "exit", "7"}); });
  spy.expect_nothing_seen(2 * joins_of_each());
}

// The same of containers that join the other's pid namespace by its path: plain, with a terminal,
// a policy, a filter.
OCI_TEST(HostileJoin, NorOfAContainerThatJoinsThePidNamespace) {
  Spy spy;
  Bundle bundle;
  give_capabilities(bundle);
  bundle.args({"/bin/guest", "exit", "7"});
  bundle.set("/linux/namespaces/0/path",
             json_string(ctr::strf("/proc/%d/ns/pid", pid_of(spy.id()))));
  for (int i = 0; i < joins_of_each(); ++i) ASSERT_STATUS(run_bundle(bundle), 7);
  bundle.set("/process/terminal", "true");
  for (int i = 0; i < joins_of_each(); ++i) {
    const ConsoleSocket console(ctr::strf("/tmp/console-%d", i));
    ASSERT_STATUS(create_bundle(bundle, {"--console-socket", console.path()}), 0);
    ASSERT_STATUS(runtime({"start", bundle.id()}), 0);
    ASSERT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
  }
  bundle.set("/process/terminal", "false").set("/process/scheduler", kPolicy);
  for (int i = 0; i < joins_of_each(); ++i) ASSERT_STATUS(run_bundle(bundle), 7);
  load_filter(bundle, kUsualFilter);
  for (int i = 0; i < joins_of_each(); ++i) ASSERT_STATUS(run_bundle(bundle), 7);
  bundle.set("/process/user/uid", "1000");
  ASSERT_STATUS(run_bundle(bundle), 7);
  bundle.set("/process/user/uid", "0");
  spy.until_seen([&] { run_bundle(bundle); });
  spy.expect_nothing_seen(4 * joins_of_each());
}

// --- SEC-09, SEC-43: what a mount needs is exchanged while it is made ----------------------------

// Exchanges two files all the time, beside the runtime.
class Swapper {
 public:
  Swapper(const std::string& one, const std::string& other)
      : running_({.argv = {guest_path(), "swap", one, other}}) {
    EXPECT_TRUE(eventually([&] { return contains(running_.out(), "ready"); }, 20000));
  }
  // How many times.
  std::string stop() {
    running_.kill(SIGTERM);
    const Outcome outcome = running_.wait();
    EXPECT_STATUS(outcome, 0);
    return Report(outcome.out)["swaps"];
  }

 private:
  Running running_;
};

// So many of what the long form does.
int race_rounds(int all) { return ::getenv("OCICTR_TEST_LONG") != nullptr ? all : 10; }

// A volume that the attacker has too: its "a" is now a directory, now a link to where we would do
// harm. Below it a mount point and a file are made, new ones each time, and mounted on.
class SharedVolume {
 public:
  explicit SharedVolume(const std::string& target) {
    make_directories(volume_ / "a");
    EXPECT_EQ(::symlink(target.c_str(), (volume_ / "b").c_str()), 0);
    write_file("/tmp/file", "text");
    bundle_.args({"/bin/guest", "exit", "0"});
    swapper_.emplace(volume_ / "a", volume_ / "b");
  }
  // Answers how many ran. `before`: what is to start the runtime.
  int run(int rounds, const std::vector<std::string>& before) {
    int ran = 0;
    for (int round = 0; round < rounds; ++round) {
      bundle_.set("/mounts", mounts(ctr::strf("/vol/a/%d", round)));
      Command command = runtime_command({"run", "--bundle", bundle_.path(), bundle_.id()});
      command.argv.insert(command.argv.begin(), before.begin(), before.end());
      const Outcome outcome = support::run(command);
      expect_ran_or_one_line(outcome);
      ran += outcome.status == 0 ? 1 : 0;
    }
    return ran;
  }
  void remove_by_force() { EXPECT_STATUS(runtime({"delete", "--force", bundle_.id()}), 0); }
  std::string swaps() { return swapper_->stop(); }

 private:
  std::string mounts(const std::string& name) const {
    return R"([{"type":"bind","options":["rbind","rw"],"destination":"/vol","source":")" +
           volume_.path() + R"("},{"type":"tmpfs","source":"x","destination":")" + name +
           R"(/x"},{"type":"bind","options":["bind","ro"],"source":"/tmp/file","destination":")" +
           name + R"(-file"}])";
  }

  TempDir volume_;
  Bundle bundle_;
  std::optional<Swapper> swapper_;
};

OCI_TEST(HostileRaces, ADestinationExchangedForALink) {
  const Host host;
  const std::size_t before = list_directory("/").size();
  const int rounds = race_rounds(20000) / 4;
  for (const std::string& target : {host.path(), "../../../.." + host.path(), std::string("/"),
                                    std::string("/proc/self/root")}) {
    SharedVolume volume(target);
    const int ran = volume.run(rounds, {});
    ::printf("%d rounds: %d ran, the others were refused; %s exchanges for a link to %s\n", rounds,
             ran, volume.swaps().c_str(), target.c_str());
  }
  EXPECT_EQ(list_directory("/").size(), before) << "something was made in the host's root";
}

// Without openat2(2) nothing is resolved in another way, not even the directory of what failed.
OCI_TEST(HostileRaces, NothingIsDoneWithoutTheCallThatResolvesInARoot) {
  const Host host;
  SharedVolume volume(host.path());
  const std::string call = std::to_string(SYS_openat2);
  for (int round = 0; round < race_rounds(500); ++round) {
    EXPECT_EQ(volume.run(1, {guest_path(), "without", call, call}), 0);
    volume.remove_by_force();
  }
}

OCI_TEST(HostileRaces, ASourceExchangedForAnother) {
  TempDir volume;
  make_directories(volume / "one");
  make_directories(volume / "two");
  write_file(volume / "one/who", "1");
  write_file(volume / "two/who", "2");
  ASSERT_EQ(::symlink("two", (volume / "link").c_str()), 0);
  Bundle bundle;
  bundle.bind(volume / "one", "/data", "bind,ro").shell("cat /data/who");
  // One of the two directories, whole: never what the link is beside, never none.
  Swapper swapper(volume / "one", volume / "link");
  const int rounds = race_rounds(500);
  int first = 0;
  for (int round = 0; round < rounds; ++round) {
    const Outcome outcome = run_bundle(bundle);
    EXPECT_STATUS(outcome, 0);
    EXPECT_TRUE(outcome.out == "1" || outcome.out == "2") << outcome.out;
    first += outcome.out == "1" ? 1 : 0;
  }
  ::printf("%d rounds: %d saw the first directory, %d the second; %s exchanges\n", rounds, first,
           rounds - first, swapper.stop().c_str());
}

}  // namespace
