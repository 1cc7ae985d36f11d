// SPDX-License-Identifier: Apache-2.0
// Bad input and bad moments: one line of error, nothing left, and delete --force always works.
#include <linux/sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "ctrtool/core/base/strf.h"
#include "tests/support/runtime.h"
#include "tests/support/tracer.h"

namespace {

using namespace support;

// SIGKILL at a random moment; whatever is left, one forced delete removes it.
void kill_at_random_moments(const std::string& verb, int rounds) {
  unsigned seed = 20;
  for (int round = 0; round < rounds; ++round) {
    Bundle bundle;
    bundle.args({"/bin/guest", "hold"});
    const Snapshot before = take_snapshot();
    {
      Running victim(runtime_command({verb, "--bundle", bundle.path(), bundle.id()}));
      ::usleep(static_cast<useconds_t>(::rand_r(&seed)) % 30000);
      victim.kill(SIGKILL);
      EXPECT_TRUE(victim.ended_within(5000));
    }
    const Outcome removed = runtime({"delete", "--force", bundle.id()});
    EXPECT_STATUS(removed, 0);
    for (const std::string& line : left_behind(before))
      ADD_FAILURE() << "round " << round << ": " << line;
    if (testing::Test::HasFailure()) return;
  }
}

int rounds() { return ::getenv("OCICTR_TEST_LONG") != nullptr ? 300 : 30; }

OCI_TEST(Killed, DuringCreate) { kill_at_random_moments("create", rounds()); }
OCI_TEST(Killed, DuringRun) { kill_at_random_moments("run", rounds()); }

OCI_TEST(Killed, DuringStart) {
  unsigned seed = 7;
  for (int round = 0; round < rounds() / 2; ++round) {
    Bundle bundle;
    bundle.args({"/bin/guest", "hold"});
    const Snapshot before = take_snapshot();
    ASSERT_STATUS(create_bundle(bundle), 0);
    {
      Running victim(runtime_command({"start", bundle.id()}));
      ::usleep(static_cast<useconds_t>(::rand_r(&seed)) % 5000);
      victim.kill(SIGKILL);
      EXPECT_TRUE(victim.ended_within(5000));
    }
    const std::string status = state_of(bundle.id(), "/status");
    EXPECT_TRUE(status == "created" || status == "running" || status == "stopped") << status;
    if (status == "created") {
      EXPECT_STATUS(runtime({"start", bundle.id()}), 0);
    }
    EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
    for (const std::string& line : left_behind(before))
      ADD_FAILURE() << "round " << round << ": " << line;
    if (testing::Test::HasFailure()) return;
  }
}

OCI_TEST(Killed, DuringDelete) {
  unsigned seed = 9;
  for (int round = 0; round < rounds() / 2; ++round) {
    Bundle bundle;
    bundle.args({"/bin/guest", "hold"});
    const Snapshot before = take_snapshot();
    ASSERT_STATUS(run_bundle(bundle, {"--detach"}), 0);
    {
      Running victim(runtime_command({"delete", "--force", bundle.id()}));
      ::usleep(static_cast<useconds_t>(::rand_r(&seed)) % 8000);
      victim.kill(SIGKILL);
      EXPECT_TRUE(victim.ended_within(5000));
    }
    EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
    for (const std::string& line : left_behind(before))
      ADD_FAILURE() << "round " << round << ": " << line;
    if (testing::Test::HasFailure()) return;
  }
}

OCI_TEST(Races, ExactlyOneOfManyCreatesWins) {
  for (int round = 0; round < 5; ++round) {
    Bundle bundle;
    std::vector<std::unique_ptr<Running>> all;
    for (int i = 0; i < 6; ++i)
      all.push_back(std::make_unique<Running>(
          runtime_command({"create", "--bundle", bundle.path(), bundle.id()})));
    int winners = 0;
    for (const auto& one : all) winners += one->wait().status == 0 ? 1 : 0;
    EXPECT_EQ(winners, 1);
    EXPECT_EQ(state_of(bundle.id(), "/status"), "created") << "the winner lives";
    EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
  }
}

struct BadConfig {
  const char* pointer;
  const char* value;  // nullptr: removed
};

// Refused before anything is made, and the place is named.
void expect_bad(const BadConfig& bad) {
  Bundle bundle;
  if (bad.value == nullptr)
    bundle.remove(bad.pointer);
  else
    bundle.set(bad.pointer, bad.value);
  const Outcome outcome = create_bundle(bundle);
  EXPECT_STATUS(outcome, 1);
  EXPECT_EQ(lines_of(outcome.err).size(), 1U) << bad.pointer << ": " << outcome.err;
  const std::string pointer = bad.pointer;
  const std::string place = pointer.substr(0, pointer.rfind("/-"));
  EXPECT_TRUE(contains(outcome.err, place)) << place << " is not in: " << outcome.err;
}

OCI_TEST(BadInput, IsToldWithItsPointer) {
  const BadConfig kCases[] = {
      {"/ociVersion", "\"banana\""},
      {"/ociVersion", "\"9.9.9\""},
      {"/ociVersion", nullptr},
      {"/process/args", "[]"},
      {"/process/args", "[1]"},
      {"/process/args", "[null]"},
      {"/process/cwd", "\"relative\""},
      {"/process/cwd", nullptr},
      {"/process/user/uid", "-1"},
      {"/process/user/uid", "4294967295"},
      {"/process/user/uid", "4294967296"},
      {"/process/user/uid", "1.5"},
      {"/process/user/uid", "\"0\""},
      {"/process/user/umask", "99999"},
      {"/process/env", "[\"NOEQUALS\"]"},
      {"/process/env", "[null]"},
      {"/process/rlimits/-", R"({"type":"RLIMIT_NOPE","soft":1,"hard":1})"},
      {"/process/rlimits/-", R"({"type":"RLIMIT_CORE","soft":2,"hard":1})"},
      {"/process/noNewPrivileges", "\"yes\""},
      {"/process/oomScoreAdj", "2000"},
      {"/root/path", "5"},
      {"/hostname", "5"},
      {"/mounts/-", R"({"destination":"/x","type":"tmpfs","options":["nosuid",null]})"},
      {"/mounts/-", R"({"type":"tmpfs","source":"x"})"},
      {"/linux/maskedPaths", "[null]"},
      {"/linux/resources/memory", R"({"limit":"1m"})"},
      {"/linux/resources/pids", R"({"limit":"x"})"},
      {"/linux/sysctl", R"({"net.ipv4.ip_forward":1})"},
      {"/linux/rootfsPropagation", "\"sideways\""},
  };
  for (const BadConfig& one : kCases) expect_bad(one);
}

OCI_TEST(BadInput, BrokenJsonIsOneLine) {
  Bundle bundle;
  for (const std::string& text :
       {std::string(), std::string("null"), std::string("[]"), std::string("{"),
        bundle.config() + "}{", "\xef\xbb\xbf" + bundle.config(), "/* x */" + bundle.config(),
        std::string(100000, '['), std::string(R"({"hostname":"a\u0000b"})"),
        std::string(R"({"root":{"path":"a"},"root":{"path":"b"}})")}) {
    bundle.write_config(text);
    const Outcome outcome = create_bundle(bundle);
    EXPECT_STATUS(outcome, 1);
    EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
  }
}

OCI_TEST(BadInput, ConfigMustBeARegularFile) {
  Bundle bundle;
  const std::string file = bundle.path() + "/config.json";
  ::unlink(file.c_str());
  EXPECT_STATUS(create_bundle(bundle), 1);
  ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
  EXPECT_STATUS(create_bundle(bundle), 1);
  ::unlink(file.c_str());
  ASSERT_EQ(::mkdir(file.c_str(), 0700), 0);
  EXPECT_STATUS(create_bundle(bundle), 1);
  ::rmdir(file.c_str());
}

OCI_TEST(BadInput, MistakesAreOneLineEvenWithNewlinesInThem) {
  Bundle bundle;
  bundle.bind("/no\nwhere\x1b[31m", "/x", "bind");
  const Outcome outcome = create_bundle(bundle);
  EXPECT_STATUS(outcome, 1);
  EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
  EXPECT_FALSE(contains(outcome.err, "\x1b"));
}

OCI_TEST(BadInput, UnknownKeysAreIgnored) {
  Bundle bundle;
  bundle.set("/unknown", "{\"a\":[1]}")
      .set("/process/unknown", "1")
      .args({"/bin/guest", "exit", "0"});
  EXPECT_STATUS(run_bundle(bundle), 0);
}

// Whatever state the caller is in, the program gets defaults.
OCI_TEST(OddCallers, DoNotMatter) {
  Bundle bundle;
  bundle.args({"/bin/guest", "exit", "0"});
  for (const char* prelude : {"umask 777", "trap '' CHLD", "trap '' PIPE TERM HUP", "ulimit -c 0",
                              "cd /tmp; mkdir gone; cd gone; rmdir ../gone", "unset PATH HOME"}) {
    Command command = runtime_command({"run", "--bundle", bundle.path(), bundle.id()});
    command.argv.insert(command.argv.begin(),
                        {"/bin/sh", "-c", std::string(prelude) + "; exec \"$@\"", "sh"});
    EXPECT_STATUS(run(command), 0) << prelude;
  }
}

OCI_TEST(OddCallers, FewDescriptorsFailCleanly) {
  Bundle bundle;
  bundle.args({"/bin/guest", "exit", "0"}).remove("/process/rlimits");
  int worked = 0;
  for (int limit = 3; limit <= 40; limit += 3) {
    Command command = runtime_command({"run", "--bundle", bundle.path(), bundle.id()});
    command.argv.insert(
        command.argv.begin(),
        {"/bin/sh", "-c", "ulimit -S -n " + std::to_string(limit) + "; exec \"$@\"", "sh"});
    const Outcome outcome = run(command);
    EXPECT_TRUE(outcome.status == 0 || outcome.status == 1 || outcome.status == 127)
        << outcome.status << outcome.err;
    worked += outcome.status == 0 ? 1 : 0;
    EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
  }
  EXPECT_GT(worked, 0);
}

// Nobody knows the process then but its control group.
OCI_TEST(Damaged, ForcedDeleteEndsTheProcessesOfADamagedRecord) {
  for (const char* text : {"", "{", "[]", "{\"id\":5}"}) {
    Bundle bundle;
    bundle.args({"/bin/guest", "hold"});
    const Snapshot before = take_snapshot();
    ASSERT_STATUS(run_bundle(bundle, {"--detach"}), 0);
    write_file(state_root() + "/" + bundle.id() + "/state.json", text);
    for (const char* verb : {"state", "delete"}) {
      const Outcome outcome = runtime({verb, bundle.id()});
      EXPECT_STATUS(outcome, 1);
      EXPECT_TRUE(contains(outcome.err, "state.json")) << outcome.err;
    }
    EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
    for (const std::string& line : left_behind(before)) ADD_FAILURE() << line;
  }
}

OCI_TEST(Damaged, WithoutItsConfigurationOnlyTheDirectoryGoes) {
  Bundle bundle;
  ASSERT_STATUS(create_bundle(bundle), 0);
  const pid_t init = pid_of(bundle.id());
  const std::string dir = state_root() + "/" + bundle.id();
  write_file(dir + "/state.json", "");
  write_file(dir + "/config.json", "");
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
  EXPECT_FALSE(path_exists(dir));
  ::kill(init, SIGKILL);
  clean_up_machine();
}

// A path that a traced process is about to open; "" if it can't be read.
std::string opened_path(const Call& call) {
  char text[256] = "";
  iovec to{text, sizeof text - 1};
  iovec from{reinterpret_cast<void*>(call.arguments[1]), 64};  // ours are short
  return ::process_vm_readv(call.pid, &to, 1, &from, 1, 0) < 0 ? "" : text;
}

// `delete` of a container whose init was just killed, and goes when it is looked at for the
// `turn`th time: open(2) of /proc/PID/stat says ESRCH then. False: it was not looked at so often.
bool goes_at_look(unsigned turn) {
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"});
  EXPECT_STATUS(create_bundle(bundle), 0);
  EXPECT_STATUS(runtime({"start", bundle.id()}), 0);
  const std::string stat = ctr::strf("/proc/%d/stat", pid_of(bundle.id()));
  EXPECT_STATUS(runtime({"kill", bundle.id(), "KILL"}), 0);
  unsigned looks = 0;
  const auto let_it_go = [&](const Call& call) {
    const bool now = call.call == SYS_openat && opened_path(call) == stat && looks++ == turn;
    return now ? Fault{.kind = Fault::kFail, .error = ESRCH} : Fault{};
  };
  EXPECT_STATUS(trace(runtime_command({"delete", bundle.id()}), "/none", let_it_go).outcome, 0);
  return looks > turn;
}

OCI_TEST(Deleting, TheProcessMayGoWheneverItIsLookedAt) {
  if (const std::string why = why_no_faults(); !why.empty()) GTEST_SKIP() << why;
  unsigned turn = 0;
  while (!testing::Test::HasFailure() && goes_at_look(turn)) ++turn;
  EXPECT_GT(turn, 0U);
}

// A process with this number, which waits to be killed; -1 if it is taken.
pid_t fork_as(pid_t number) {
  clone_args args{};
  args.exit_signal = SIGCHLD;
  args.set_tid = reinterpret_cast<std::uintptr_t>(&number);
  args.set_tid_size = 1;
  const auto pid = static_cast<pid_t>(::syscall(SYS_clone3, &args, sizeof args));
  if (pid != 0) return pid;
  for (;;) ::pause();
}

// When the process was started, in clock ticks: what tells two of one number apart.
std::string start_of(pid_t pid) {
  const std::string stat = read_file(ctr::strf("/proc/%d/stat", pid));
  const auto fields =
      ctr::split(std::string_view(stat).substr(std::min(stat.rfind(')'), stat.size())), ' ');
  return fields.size() > 20 ? std::string(fields[20]) : "";
}

// FLT-20
OCI_TEST(Killed, NobodyWhoHasThePidOfInitNow) {
  const int all = ::getenv("OCICTR_TEST_LONG") != nullptr ? 10000 : 10;
  for (int round = 0; round < all && !testing::Test::HasFailure(); ++round) {
    Bundle bundle;
    ASSERT_STATUS(create_bundle(bundle), 0);
    const pid_t init = pid_of(bundle.id());
    ASSERT_GT(init, 1);
    const std::string start = start_of(init);
    ::kill(init, SIGKILL);
    pid_t victim = -1;
    ASSERT_TRUE(eventually(
        [&] {
          ::waitpid(init, nullptr, WNOHANG);  // it has become ours, or pid 1's
          return (victim = fork_as(init)) == init;
        },
        20000))
        << std::strerror(errno);
    // Numbers come round in no clock tick but here.
    while (start_of(victim) == start) {
      ::kill(victim, SIGKILL);
      ::waitpid(victim, nullptr, 0);
      ASSERT_EQ(victim = fork_as(init), init);
    }
    EXPECT_STATUS(runtime({"kill", bundle.id(), "KILL"}), 1);
    EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
    EXPECT_EQ(::waitpid(victim, nullptr, WNOHANG), 0) << "it was killed";
    ::kill(victim, SIGKILL);
    ::waitpid(victim, nullptr, 0);
  }
}

OCI_TEST(StateRoot, IsPrivate) {
  Bundle bundle;
  ::umask(0);
  ASSERT_STATUS(create_bundle(bundle), 0);
  ::umask(022);
  struct stat info {};
  ASSERT_EQ(::stat((state_root() + "/" + bundle.id()).c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 022, 0U);
  EXPECT_EQ(info.st_mode & 04, 0U) << "its content is nobody else's";
  EXPECT_STATUS(runtime({"delete", bundle.id()}), 0);
}

}  // namespace
