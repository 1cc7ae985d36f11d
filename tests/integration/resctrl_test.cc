// SPDX-License-Identifier: Apache-2.0
// RDT groups on an imitated resctrl: ordinary files, as few machines have the real ones.
#include "ctrtool/core/kit/resctrl.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "ctrtool/core/kit/resctrl_stats.h"
#include "ctrtool/core/sys/file.h"
#include "tests/support/files.h"
#include "tests/support/ns_test.h"
#include "tests/support/runtime.h"
#include "tests/support/tracer.h"

namespace {

using namespace support;

class Fake {
 public:
  Fake() {
    group("");
    group("/shared");
    write_file(dir_ / "shared/schemata", "L3:0=ff;1=ff\nMB:0=50;1=50\n");
    fd_ = ctr::sys::open(dir_.path(), O_PATH | O_DIRECTORY).value();
  }
  void group(const std::string& name) const {
    make_directories(dir_.path() + name + "/mon_groups");
    write_file(dir_.path() + name + "/tasks", "");
    write_file(dir_.path() + name + "/schemata", "");
  }
  // What the kernel does at once: a new directory has files.
  void complete() const {
    for (const auto& entry : std::filesystem::directory_iterator(dir_.path())) {
      const std::string name = "/" + entry.path().filename().string();
      if (!entry.is_directory() || name == "/mon_groups") continue;
      if (!path_exists(entry.path().string() + "/tasks")) group(name);
      for (const auto& monitor :
           std::filesystem::directory_iterator(entry.path().string() + "/mon_groups"))
        if (!path_exists(monitor.path().string() + "/tasks"))
          write_file(monitor.path().string() + "/tasks", "");
    }
  }
  // What the kernel does when a group's directory is removed.
  void empty(const std::string& name) const {
    for (const char* file : {"/tasks", "/schemata", "/mon_groups"})
      std::filesystem::remove(dir_.path() + name + file);
  }
  // This process's mountinfo, and a line more.
  std::string mountinfo() const {
    return read_file("/proc/self/mountinfo") + "9999 1 0:9999 / " + dir_.path() +
           " rw - resctrl resctrl rw\n";
  }
  std::string read(const std::string& name) const { return read_file(dir_ / name); }
  std::string path(const std::string& name) const { return dir_ / name; }
  ctr::BorrowedFd fd() const { return fd_; }

 private:
  TempDir dir_;
  ctr::UniqueFd fd_;
};

// Joins in a process that stops at each system call, so that what it makes is complete before it
// makes the next one.
bool joins_as_with_a_kernel(const Fake& fake, const ctr::RdtGroup& group, pid_t pid) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(2);
    ::raise(SIGSTOP);
    ::_exit(ctr::join_rdt_group(fake.fd(), group, pid).ok() ? 0 : 1);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) == child && WIFSTOPPED(status)) {
    fake.complete();
    ::ptrace(PTRACE_SYSCALL, child, nullptr, nullptr);
  }
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) < 2) << status;
  return status == 0;
}

NS_TEST(Resctrl, NewGroupsAreLimitedJoinedAndMonitored) {
  const Fake fake;
  const ctr::RdtGroup mine{.name = "mine",
                           .own = true,
                           .compared = {"L3:0=f"},
                           .written = {"MB:0=20"},
                           .monitor = "web"};
  ASSERT_TRUE(joins_as_with_a_kernel(fake, mine, 42));
  EXPECT_EQ(fake.read("mine/schemata"), "MB:0=20\n") << "the last one written";
  EXPECT_EQ(fake.read("mine/tasks"), "42");
  EXPECT_EQ(fake.read("mine/mon_groups/web/tasks"), "42");
  ASSERT_TRUE(joins_as_with_a_kernel(fake, {.name = "new", .compared = {"L3:0=3"}}, 43));
  EXPECT_EQ(fake.read("new/schemata"), "L3:0=3\n");
  EXPECT_EQ(fake.read("new/tasks"), "43");
  EXPECT_TRUE(joins_as_with_a_kernel(fake, {.name = "shared", .monitor = "web"}, 44));
  EXPECT_EQ(fake.read("shared/mon_groups/web/tasks"), "44");
  EXPECT_FALSE(joins_as_with_a_kernel(fake, {.name = "shared", .monitor = "web"}, 45));
  EXPECT_EQ(fake.read("shared/mon_groups/web/tasks"), "44") << "somebody else's";
}

NS_TEST(Resctrl, AGroupThatExistsIsJoinedIfItIsAsAsked) {
  const Fake fake;
  ASSERT_OK(ctr::join_rdt_group(fake.fd(), {.name = "shared"}, 42));
  EXPECT_EQ(fake.read("shared/tasks"), "42");
  ASSERT_OK(
      ctr::join_rdt_group(fake.fd(), {.name = "shared", .compared = {"L3:0=ff", "MB:1=50"}}, 43));
  const ctr::Result<void> other =
      ctr::join_rdt_group(fake.fd(), {.name = "shared", .compared = {"L3:0=f"}}, 44);
  EXPECT_FALSE(other.ok());
  EXPECT_TRUE(contains(other.error().message, "L3:0=f")) << other.error().message;
  EXPECT_EQ(fake.read("shared/tasks"), "43");
}

void fill_info(const Fake& fake) {
  make_directories(fake.path("info/L3"));
  make_directories(fake.path("info/MB"));
  write_file(fake.path("info/L3/cbm_mask"), "7ff\n");
  write_file(fake.path("info/L3/min_cbm_bits"), "1\n");
  write_file(fake.path("info/L3/num_closids"), "16\n");
  write_file(fake.path("info/MB/bandwidth_gran"), "10\n");
  write_file(fake.path("info/MB/num_closids"), "8\n");
  write_file(fake.path("schemata"), "    L3:0=7ff;1=7ff\n    MB:0=100;1=100\n");
}

void count(const Fake& fake, const std::string& directory, const std::string& occupied) {
  for (const char* domain : {"mon_L3_01", "mon_L3_00"}) {
    const std::string at = directory + "/mon_data/" + domain;
    make_directories(fake.path(at));
    write_file(fake.path(at + "/llc_occupancy"), occupied + "\n");
    write_file(fake.path(at + "/mbm_total_bytes"), std::string(domain) == "mon_L3_00" ? "5" : "6");
  }
}

NS_TEST(Resctrl, StatisticsAreOfTheGroupAndItsMonitor) {
  const Fake fake;
  fill_info(fake);
  count(fake, "shared", "10");
  count(fake, "shared/mon_groups/web", "20");
  const ctr::RdtStats stats = ctr::read_rdt_stats(fake.fd(), {.name = "shared"});
  EXPECT_EQ(stats.l3_info.at("cbm_mask"), "7ff");
  EXPECT_EQ(stats.mb_info.size(), 2U);
  EXPECT_EQ(stats.l3_schema_root, "L3:0=7ff;1=7ff");
  EXPECT_EQ(stats.l3_schema, "L3:0=ff;1=ff");
  EXPECT_EQ(stats.mb_schema, "MB:0=50;1=50");
  EXPECT_EQ(stats.schemata, (std::vector<std::string>{"L3:0=ff;1=ff", "MB:0=50;1=50"}));
  ASSERT_EQ(stats.domains.size(), 2U);
  EXPECT_EQ(stats.domains[0], (ctr::RdtStats::Domain{10, 5, std::nullopt}));
  EXPECT_EQ(stats.domains[1], (ctr::RdtStats::Domain{10, 6, std::nullopt}));
  const ctr::RdtStats own = ctr::read_rdt_stats(fake.fd(), {.name = "shared", .monitor = "web"});
  ASSERT_EQ(own.domains.size(), 2U);
  EXPECT_EQ(own.domains[0].llc_occupancy, 20U);
  const ctr::RdtStats root = ctr::read_rdt_stats(fake.fd(), {.name = "/"});
  EXPECT_EQ(root.l3_schema, root.l3_schema_root);
  EXPECT_TRUE(root.domains.empty());
  EXPECT_TRUE(ctr::read_rdt_stats(fake.fd(), {.name = "none"}).schemata.empty());
}

NS_TEST(Resctrl, TheRootIsAGroupAndSchemataAreWritten) {
  const Fake fake;
  ASSERT_OK(ctr::join_rdt_group(fake.fd(), {.name = "/", .written = {"L2:0=3"}}, 7));
  EXPECT_EQ(fake.read("tasks"), "7");
  EXPECT_EQ(fake.read("schemata"), "L2:0=3\n");
}

NS_TEST(Resctrl, AMissingGroupWithoutWordsIsAnError) {
  const Fake fake;
  EXPECT_FALSE(ctr::join_rdt_group(fake.fd(), {.name = "none"}, 7).ok());
  EXPECT_FALSE(path_exists(fake.path("none")));
}

// In an imitation a new directory has no `tasks`: so this fails half-way, in either place.
NS_TEST(Resctrl, WhatWasMadeGoesWhenJoiningFails) {
  const Fake fake;
  EXPECT_FALSE(ctr::join_rdt_group(fake.fd(), {.name = "mine", .own = true}, 7).ok());
  EXPECT_FALSE(path_exists(fake.path("mine")));
  EXPECT_FALSE(ctr::join_rdt_group(fake.fd(), {.name = "shared", .monitor = "web"}, 7).ok());
  EXPECT_FALSE(path_exists(fake.path("shared/mon_groups/web")));
  EXPECT_TRUE(path_exists(fake.path("shared")));
}

NS_TEST(Resctrl, AnOwnGroupMustBeNew) {
  const Fake fake;
  fake.group("/mine");
  EXPECT_FALSE(ctr::join_rdt_group(fake.fd(), {.name = "mine", .own = true}, 7).ok());
  EXPECT_TRUE(path_exists(fake.path("mine"))) << "not ours to remove";
  EXPECT_EQ(fake.read("mine/tasks"), "");
}

// --- the whole program -----------------------------------------------------------------------

// For it there is a resctrl file system.
Command where_there_is_resctrl(const Fake& fake, const std::vector<std::string>& words) {
  write_file("/tmp/mountinfo", fake.mountinfo());
  Command command = runtime_command(words);
  command.argv.insert(
      command.argv.begin(),
      {"/bin/sh", "-c", "mount --bind /tmp/mountinfo /proc/$$/mountinfo && exec \"$@\"", "sh"});
  command.timeout_ms = 120000;
  return command;
}

// And what it makes there is complete at its next call.
Outcome with_resctrl(const Fake& fake, const std::vector<std::string>& words) {
  const Command command = where_there_is_resctrl(fake, words);
  return trace(command, "/guest",
               [&](const Call&) {
                 fake.complete();
                 return Fault{};
               })
      .outcome;
}

OCI_TEST(IntelRdt, EventsTellOfTheGroup) {
  const Fake fake;
  fill_info(fake);
  count(fake, "shared", "10");
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"}).set("/linux/intelRdt", R"({"closID":"shared"})");
  ASSERT_STATUS(run(where_there_is_resctrl(fake, {"create", "-b", bundle.path(), bundle.id()})), 0);
  EXPECT_EQ(fake.read("shared/tasks"), std::to_string(pid_of(bundle.id())));
  const Outcome outcome = run(where_there_is_resctrl(fake, {"events", "--stats", bundle.id()}));
  ASSERT_STATUS(outcome, 0);
  const auto told = [&](const char* at) {
    return json_get(outcome.out, std::string("/data/intel_rdt/") + at).value_or("(absent)");
  };
  EXPECT_EQ(told("l3_cache_info"), R"({"cbm_mask":"7ff","min_cbm_bits":1,"num_closids":16})");
  EXPECT_EQ(told("l3_cache_schema_root"), "L3:0=7ff;1=7ff");
  EXPECT_EQ(told("l3_cache_schema"), "L3:0=ff;1=ff");
  EXPECT_EQ(told("mem_bw_info"), R"({"bandwidth_gran":10,"num_closids":8})");
  EXPECT_EQ(told("mem_bw_schema_root"), "MB:0=100;1=100");
  EXPECT_EQ(told("mem_bw_schema"), "MB:0=50;1=50");
  EXPECT_EQ(told("schemata/1"), "MB:0=50;1=50");
  EXPECT_EQ(told("mbm_stats/1"), R"({"mbm_total_bytes":6})");
  EXPECT_EQ(told("cmt_stats/0"), R"({"llc_occupancy":10})");
  const Outcome elsewhere = runtime({"events", "--stats", bundle.id()});
  EXPECT_STATUS(elsewhere, 0);
  EXPECT_FALSE(json_get(elsewhere.out, "/data/intel_rdt")) << "it is not mounted";
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
}

OCI_TEST(IntelRdt, TheContainersOwnGroupComesAndGoesWithIt) {
  if (const std::string why = why_no_tracing(); !why.empty()) GTEST_SKIP() << why;
  const Fake fake;
  Bundle bundle;
  const std::string& id = bundle.id();
  bundle.args({"/bin/guest", "hold"})
      .set("/linux/intelRdt",
           R"({"l3CacheSchema":"L3:0=f","schemata":["MB:0=20"],"enableMonitoring":true})");
  ASSERT_STATUS(with_resctrl(fake, {"create", "--bundle", bundle.path(), id}), 0);
  const std::string init = std::to_string(pid_of(id));
  EXPECT_EQ(fake.read(id + "/schemata"), "MB:0=20\n") << "the last one written";
  EXPECT_EQ(fake.read(id + "/tasks"), init);
  EXPECT_EQ(fake.read(id + "/mon_groups/" + id + "/tasks"), init);
  ASSERT_STATUS(runtime({"start", id}), 0);

  EXPECT_STATUS(with_resctrl(fake, {"exec", id, "/bin/guest", "exit", "0"}), 0);
  const std::string executed = fake.read(id + "/tasks");
  EXPECT_NE(executed, init);
  EXPECT_EQ(fake.read(id + "/mon_groups/" + id + "/tasks"), executed);

  EXPECT_STATUS(with_resctrl(fake, {"update", "--l3-cache-schema", "L3:0=30", id}), 0);
  EXPECT_EQ(fake.read(id + "/schemata"), "L3:0=30\n");
  EXPECT_STATUS(runtime({"update", "--l3-cache-schema", "L3:0=30", id}), 1) << "it is not mounted";

  fake.empty("/" + id + "/mon_groups/" + id);
  std::filesystem::remove(fake.path(id + "/tasks"));
  std::filesystem::remove(fake.path(id + "/schemata"));
  const Outcome busy = runtime({"delete", "--force", id});
  EXPECT_STATUS(busy, 1) << "mon_groups is still in it";
  std::filesystem::remove(fake.path(id + "/mon_groups"));
  EXPECT_STATUS(runtime({"delete", "--force", id}), 0);
  EXPECT_FALSE(path_exists(fake.path(id)));
}

OCI_TEST(IntelRdt, AGroupOfOthersIsJoinedAndStays) {
  if (const std::string why = why_no_tracing(); !why.empty()) GTEST_SKIP() << why;
  const Fake fake;
  Bundle bundle;
  bundle.set("/linux/intelRdt", R"({"closID":"shared","l3CacheSchema":"L3:0=ff"})");
  EXPECT_STATUS(with_resctrl(fake, {"run", "--bundle", bundle.path(), bundle.id()}), 0);
  EXPECT_NE(fake.read("shared/tasks"), "");
  bundle.set("/linux/intelRdt", R"({"closID":"shared","l3CacheSchema":"L3:0=1"})");
  const Outcome other = with_resctrl(fake, {"run", "--bundle", bundle.path(), bundle.id()});
  EXPECT_STATUS(other, 1);
  EXPECT_TRUE(contains(other.err, "/linux/intelRdt")) << other.err;
  EXPECT_TRUE(contains(other.err, "L3:0=1")) << other.err;
  bundle.set("/linux/intelRdt", R"({"closID":"missing"})");
  EXPECT_STATUS(with_resctrl(fake, {"run", "--bundle", bundle.path(), bundle.id()}), 1);
  EXPECT_TRUE(path_exists(fake.path("shared")));
  EXPECT_FALSE(path_exists(fake.path("missing")));
}

OCI_TEST(IntelRdt, AnOwnGroupThatIsThereIsRefusedAndStays) {
  if (const std::string why = why_no_tracing(); !why.empty()) GTEST_SKIP() << why;
  const Fake fake;
  Bundle bundle;
  fake.group("/" + bundle.id());
  bundle.set("/linux/intelRdt", "{}");
  const Outcome outcome = with_resctrl(fake, {"create", "--bundle", bundle.path(), bundle.id()});
  EXPECT_STATUS(outcome, 1);
  EXPECT_TRUE(contains(outcome.err, "/linux/intelRdt")) << outcome.err;
  EXPECT_TRUE(path_exists(fake.path(bundle.id())));
}

}  // namespace
