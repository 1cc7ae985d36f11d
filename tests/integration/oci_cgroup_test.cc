// SPDX-License-Identifier: Apache-2.0
// Control groups by the cgroupfs driver: made, limited, joined in time, removed.
#include <signal.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <memory>

#include "tests/support/runtime.h"

namespace {

using namespace support;

OCI_TEST(Cgroup, InitIsInsideBeforeCreateReturns) {
  Bundle bundle;
  ASSERT_STATUS(create_bundle(bundle), 0);
  const pid_t pid = pid_of(bundle.id());
  for (const std::string& line : lines_of(read_file("/proc/" + std::to_string(pid) + "/cgroup")))
    EXPECT_TRUE(contains(line, bundle.cgroup())) << line;
  EXPECT_STATUS(runtime({"delete", bundle.id()}), 0);
}

OCI_TEST(Cgroup, MemoryLimits) {
  NEED_CONTROLLER("memory");
  Bundle bundle;
  bundle.set("/linux/resources/memory", R"({"limit":33554432,"reservation":16777216})");
  ASSERT_STATUS(create_bundle(bundle), 0);
  EXPECT_EQ(limit_of(bundle, "memory", {"memory.limit_in_bytes", "memory.max"}), "33554432");
  EXPECT_EQ(limit_of(bundle, "memory", {"memory.soft_limit_in_bytes", "memory.low"}), "16777216");
  EXPECT_STATUS(runtime({"delete", bundle.id()}), 0);
}

OCI_TEST(Cgroup, MemoryLimitKills) {
  NEED_CONTROLLER("memory");
  Bundle bundle;
  bundle.set("/linux/resources/memory", R"({"limit":16777216})")
      .args({"/bin/guest", "alloc", "64"});
  EXPECT_STATUS(run_bundle(bundle), 137);
  bundle.args({"/bin/guest", "alloc", "4"});
  EXPECT_STATUS(run_bundle(bundle), 0);
}

// v1 itself refuses it, v2 would kill. A ramfs is memory that nobody can take away.
OCI_TEST(Cgroup, IsNotLimitedBelowItsUseIfSoAsked) {
  NEED_CONTROLLER("memory");
  Bundle bundle;
  bundle.set("/mounts/-", R"({"type":"ramfs","source":"ramfs","destination":"/ram"})")
      .set("/linux/resources/memory", R"({"limit":67108864})")
      .shell(
          "dd if=/dev/zero of=/ram/file bs=1M count=20 2>/ram/said && touch /ram/done; "
          "exec /bin/guest hold");
  ASSERT_STATUS(run_bundle(bundle, {"--detach"}), 0);
  const std::string done = "/proc/" + std::to_string(pid_of(bundle.id())) + "/root/ram/done";
  ASSERT_TRUE(eventually([&] { return path_exists(done); }, 60000));
  Command update = runtime_command({"update", "--resources", "-", bundle.id()});
  update.input = R"({"memory":{"limit":8388608,"checkBeforeUpdate":true}})";
  const Outcome refused = run(update);
  EXPECT_STATUS(refused, 1);
  EXPECT_TRUE(contains(refused.err, "resources/memory/limit")) << refused.err;
  EXPECT_EQ(limit_of(bundle, "memory", {"memory.limit_in_bytes", "memory.max"}), "67108864");
  EXPECT_EQ(state_of(bundle.id(), "/status"), "running");
  update.input = R"({"memory":{"limit":33554432,"checkBeforeUpdate":true}})";
  EXPECT_STATUS(run(update), 0);
  EXPECT_EQ(limit_of(bundle, "memory", {"memory.limit_in_bytes", "memory.max"}), "33554432");
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
}

OCI_TEST(Cgroup, PidsLimit) {
  NEED_CONTROLLER("pids");
  Bundle bundle;
  bundle.set("/linux/resources/pids", R"({"limit":6})").args({"/bin/guest", "fork", "20"});
  const Outcome outcome = run_bundle(bundle);
  EXPECT_EQ(outcome.out, "fork 5 Resource temporarily unavailable\n") << outcome.err;
  const auto written = [&](const char* version, const char* limit) {
    bundle.set("/ociVersion", json_string(version)).set("/linux/resources/pids/limit", limit);
    EXPECT_STATUS(create_bundle(bundle.args({"/bin/guest", "exit", "0"})), 0);
    const std::string max = limit_of(bundle, "pids", {"pids.max"});
    EXPECT_STATUS(runtime({"delete", bundle.id()}), 0);
    return max;
  };
  EXPECT_EQ(written("1.0.2", "-1"), "max");
  EXPECT_EQ(written("1.0.2-dev", "0"), "max") << "as engines mean it that write this version";
  EXPECT_EQ(written("1.3.0", "0"), "0");
}

OCI_TEST(Cgroup, Cpu) {
  NEED_CONTROLLER("cpu");
  Bundle bundle;
  bundle.set("/linux/resources/cpu", R"({"shares":512,"quota":20000,"period":50000})");
  ASSERT_STATUS(create_bundle(bundle), 0);
  if (path_exists(cgroup_dir("cpu", bundle.cgroup()) + "/cpu.max")) {
    EXPECT_EQ(limit_of(bundle, "cpu", {"cpu.max"}), "20000 50000");
  } else {
    EXPECT_EQ(limit_of(bundle, "cpu", {"cpu.shares"}), "512");
    EXPECT_EQ(limit_of(bundle, "cpu", {"cpu.cfs_quota_us"}), "20000");
    EXPECT_EQ(limit_of(bundle, "cpu", {"cpu.cfs_period_us"}), "50000");
  }
  EXPECT_STATUS(runtime({"delete", bundle.id()}), 0);
}

OCI_TEST(Cgroup, Cpuset) {
  NEED_CONTROLLER("cpuset");
  Bundle bundle;
  bundle.set("/linux/resources/cpu", R"({"cpus":"0","mems":"0"})");
  EXPECT_EQ(run_report(bundle)["status.Cpus_allowed_list"], "0");
}

OCI_TEST(Cgroup, FailingLimitLeavesNothing) {
  NEED_CONTROLLER("cpuset");
  Bundle bundle;
  bundle.set("/linux/resources/cpu", R"({"cpus":"4000"})");
  const Outcome outcome = create_bundle(bundle);
  EXPECT_STATUS(outcome, 1);
  EXPECT_TRUE(contains(outcome.err, "cpus")) << outcome.err;
}

OCI_TEST(Cgroup, ParentsMadeForItAreRemoved) {
  Bundle bundle;
  bundle.set("/linux/cgroupsPath", json_string("/" + test_tag() + "-parent/child/" + bundle.id()));
  EXPECT_STATUS(run_bundle(bundle.args({"/bin/guest", "exit", "0"})), 0);
}

OCI_TEST(Cgroup, ParentsOfOthersStay) {
  const std::string parent = "/" + test_tag() + "-parent";
  for (const Hierarchy& hierarchy : cgroup_hierarchies())
    ASSERT_EQ(::mkdir((hierarchy.mount + parent).c_str(), 0755), 0);
  Bundle bundle;
  bundle.set("/linux/cgroupsPath", json_string(parent + "/" + bundle.id()));
  EXPECT_STATUS(run_bundle(bundle.args({"/bin/guest", "exit", "0"})), 0);
  for (const Hierarchy& hierarchy : cgroup_hierarchies())
    EXPECT_EQ(::rmdir((hierarchy.mount + parent).c_str()), 0) << hierarchy.mount;
}

OCI_TEST(Cgroup, PathIsOptionalAndMayBeRelative) {
  Bundle bundle;
  bundle.remove("/linux/cgroupsPath").args({"/bin/guest", "report"});
  bool found = false;
  for (const std::string& line : run_report(bundle).all("cgroup"))
    found |= contains(line, bundle.id());
  EXPECT_TRUE(found) << "the id names it";
  bundle.set("/linux/cgroupsPath", json_string(test_tag() + "-relative"));
  found = false;
  for (const std::string& line : run_report(bundle).all("cgroup"))
    found |= contains(line, "-relative");
  EXPECT_TRUE(found);
}

OCI_TEST(Cgroup, PathMayNotClimb) {
  for (const char* bad : {"/../../../../../tmp/x", "a/../../b", ".."}) {
    Bundle bundle;
    bundle.set("/linux/cgroupsPath", json_string(bad));
    EXPECT_STATUS(create_bundle(bundle), 1);
  }
}

OCI_TEST(Cgroup, ManagerDisabledMakesNone) {
  Bundle bundle;
  bundle.remove("/linux/resources").args({"/bin/guest", "hold"});
  const Snapshot before = take_snapshot();
  ASSERT_STATUS(
      runtime({"--cgroup-manager", "disabled"}, {"create", "-b", bundle.path(), bundle.id()}), 0);
  EXPECT_EQ(take_snapshot().cgroups, before.cgroups);
  ASSERT_STATUS(runtime({"--cgroup-manager", "disabled"}, {"start", bundle.id()}), 0);
  EXPECT_STATUS(runtime({"--cgroup-manager", "disabled"}, {"delete", "--force", bundle.id()}), 0);
}

OCI_TEST(Cgroup, LeftoverProcessesAreKilledOnDelete) {
  Bundle bundle;
  bundle.shell("sleep 100 & sleep 100 & exit 0")
      .set("/linux/namespaces",
           R"([{"type":"network"},{"type":"ipc"},{"type":"uts"},{"type":"mount"}])");
  ASSERT_STATUS(create_bundle(bundle), 0);
  ASSERT_STATUS(runtime({"start", bundle.id()}), 0);
  ASSERT_TRUE(reaches(bundle.id(), "stopped"));
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
}

// Two creations of one cgroup, and the one that lost was killed between its first record and its
// mkdir: what is left of it has the winner's path.
OCI_TEST(Cgroup, DeletingTheKilledLoserOfARaceSparesTheWinner) {
  Bundle winner;
  winner.args({"/bin/guest", "hold"})
      .set("/linux/namespaces",
           R"([{"type":"network"},{"type":"ipc"},{"type":"uts"},{"type":"mount"}])");
  ASSERT_STATUS(create_bundle(winner), 0);
  ASSERT_STATUS(runtime({"start", winner.id()}), 0);
  const std::string loser = winner.id() + "-loser";
  const std::string from = state_root() + "/" + winner.id();
  const std::string to = state_root() + "/" + loser;
  std::string state = read_file(from + "/state.json");
  EXPECT_TRUE(contains(json_get(state, "/cgroup/owner").value_or(""), winner.id())) << state;
  state = json_set(state, "/id", json_string(loser));
  state = json_set(state, "/init/pid", "0");
  state = json_set(state, "/cgroup/owner", json_string(loser + " 1 1"));
  ASSERT_EQ(::mkdir(to.c_str(), 0700), 0);
  ASSERT_TRUE(write_file(to + "/state.json", state));
  ASSERT_TRUE(write_file(to + "/config.json", read_file(from + "/config.json")));
  ASSERT_EQ(state_of(loser, "/status"), "creating");
  EXPECT_STATUS(runtime({"delete", "--force", loser}), 0);
  EXPECT_FALSE(path_exists(to));
  EXPECT_EQ(state_of(winner.id(), "/status"), "running");
  EXPECT_STATUS(runtime({"exec", winner.id(), "/bin/true"}), 0);
  EXPECT_STATUS(runtime({"delete", "--force", winner.id()}), 0);
}

// Everywhere, once nobody is in there any more.
void remove_by_hand(const std::string& path) {
  for (const Hierarchy& hierarchy : cgroup_hierarchies()) {
    const std::string dir = hierarchy.mount + path;
    EXPECT_TRUE(eventually([&] { return ::rmdir(dir.c_str()) == 0 || errno == ENOENT; })) << dir;
  }
}

enum class Meanwhile { kMadeAnew, kMadeAnewAndTheRecordIsDamaged, kTakenAsItIs };

// Two containers with one path: the first has ended, but was not deleted yet, when the second
// comes.
void expect_second_is_spared(bool own_pids, Meanwhile what,
                             const std::vector<std::vector<std::string>>& commands) {
  Bundle first;
  Bundle second;
  for (Bundle* bundle : {&first, &second}) {
    bundle->args({"/bin/guest", "hold"}).set("/linux/cgroupsPath", json_string(first.cgroup()));
    if (!own_pids)
      bundle->set("/linux/namespaces",
                  R"([{"type":"network"},{"type":"ipc"},{"type":"uts"},{"type":"mount"}])");
  }
  ASSERT_STATUS(run_bundle(first, {"--detach"}), 0);
  ASSERT_EQ(::kill(pid_of(first.id()), SIGKILL), 0);
  ASSERT_TRUE(reaches(first.id(), "stopped"));
  if (what != Meanwhile::kTakenAsItIs) remove_by_hand(first.cgroup());
  if (what == Meanwhile::kMadeAnewAndTheRecordIsDamaged)
    write_file(state_root() + "/" + first.id() + "/state.json", "");
  ASSERT_STATUS(run_bundle(second, {"--detach"}), 0);
  for (std::vector<std::string> words : commands) {
    words.push_back(first.id());
    EXPECT_STATUS(runtime(words), 0);
    EXPECT_EQ(state_of(second.id(), "/status"), "running") << words.front();
  }
  EXPECT_STATUS(runtime({"state", first.id()}), 1);
  for (const Hierarchy& hierarchy : cgroup_hierarchies())
    EXPECT_EQ(pids_in(hierarchy.mount + first.cgroup()), std::vector<int>{pid_of(second.id())})
        << hierarchy.mount;
  EXPECT_STATUS(runtime({"exec", second.id(), "/bin/true"}), 0);
  EXPECT_STATUS(runtime({"delete", "--force", second.id()}), 0);
  if (what == Meanwhile::kTakenAsItIs) remove_by_hand(first.cgroup());  // it was there before it
}

OCI_TEST(Cgroup, OneMadeAnewUnderThePathIsNotTouched) {
  for (const bool own_pids : {true, false}) {
    SCOPED_TRACE(own_pids);
    expect_second_is_spared(own_pids, Meanwhile::kMadeAnew, {{"kill", "--all"}, {"delete"}});
    expect_second_is_spared(own_pids, Meanwhile::kMadeAnew, {{"delete", "--force"}});
    expect_second_is_spared(own_pids, Meanwhile::kMadeAnewAndTheRecordIsDamaged,
                            {{"delete", "--force"}});
  }
}

// One whose cgroup has outlived it in vain: the next has found it empty.
OCI_TEST(Cgroup, OneGivenToAnotherContainerIsNotTouched) {
  expect_second_is_spared(true, Meanwhile::kTakenAsItIs, {{"kill", "--all"}, {"delete"}});
  expect_second_is_spared(true, Meanwhile::kTakenAsItIs, {{"delete", "--force"}});
}

OCI_TEST(Cgroup, OfTwoCreationsInOneThatWasThereOneWins) {
  const std::string path = "/" + test_tag() + "-there";
  for (const Hierarchy& hierarchy : cgroup_hierarchies())
    ASSERT_EQ(::mkdir((hierarchy.mount + path).c_str(), 0755), 0);
  Bundle one;
  Bundle other;
  for (int round = 0; round < 3; ++round) {
    std::vector<std::unique_ptr<Running>> both;
    for (Bundle* bundle : {&one, &other}) {
      bundle->set("/linux/cgroupsPath", json_string(path));
      both.push_back(std::make_unique<Running>(
          runtime_command({"create", "--bundle", bundle->path(), bundle->id()})));
    }
    const Outcome first = both[0]->wait();
    const Outcome second = both[1]->wait();
    EXPECT_EQ(first.status + second.status, 1) << first.err << second.err;
    const Bundle& winner = first.status == 0 ? one : other;
    EXPECT_EQ(state_of(winner.id(), "/status"), "created");
    for (const Bundle* bundle : {&one, &other})
      EXPECT_STATUS(runtime({"delete", "--force", bundle->id()}), 0);
  }
  for (const Hierarchy& hierarchy : cgroup_hierarchies()) {
    const std::string dir = hierarchy.mount + path;
    EXPECT_LT(::getxattr(dir.c_str(), "user.ocictr.owner", nullptr, 0), 0) << dir;
    EXPECT_EQ(::rmdir(dir.c_str()), 0) << dir;
  }
}

// Whoever leaves last removes the cgroup above both, confined as a runtime is that waits.
OCI_TEST(Cgroup, ParentsMadeByAnotherGoWithTheLastOne) {
  const std::string parent = "/" + test_tag() + "-both";
  Bundle one;
  Bundle other;
  std::vector<std::unique_ptr<Running>> both;
  for (Bundle* bundle : {&one, &other}) {
    bundle->set("/linux/cgroupsPath", json_string(parent + "/" + bundle->id()));
    bundle->args({"/bin/guest", "hold"});
    both.push_back(std::make_unique<Running>(
        runtime_command({"run", "--bundle", bundle->path(), bundle->id()})));
    ASSERT_TRUE(reaches(bundle->id(), "running", 20000)) << both.back()->err();
  }
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_STATUS(runtime({"kill", (i == 0 ? one : other).id(), "KILL"}), 0);
    EXPECT_STATUS(both[i]->wait(), 137);
  }
  for (const Hierarchy& hierarchy : cgroup_hierarchies())
    EXPECT_FALSE(path_exists(hierarchy.mount + parent)) << hierarchy.mount;
}

OCI_TEST(Cgroup, OneThatIsInUseOrFrozenIsRefused) {
  Bundle first;
  first.args({"/bin/guest", "hold"});
  ASSERT_STATUS(create_bundle(first), 0);
  Bundle second;
  second.set("/linux/cgroupsPath", json_string(first.cgroup()));
  Outcome refused = create_bundle(second);
  EXPECT_STATUS(refused, 1);
  EXPECT_TRUE(contains(refused.err, "is not empty")) << refused.err;
  EXPECT_TRUE(contains(refused.err, "/linux/cgroupsPath")) << refused.err;
  ASSERT_STATUS(runtime({"pause", first.id()}), 0);
  second.set("/linux/cgroupsPath", json_string(first.cgroup() + "/below"));
  refused = create_bundle(second);
  EXPECT_STATUS(refused, 1);
  EXPECT_TRUE(contains(refused.err, "is frozen")) << refused.err;
  EXPECT_STATUS(runtime({"delete", "--force", first.id()}), 0);
}

OCI_TEST(Cgroup, SubgroupsOfTheContainerAreRemoved) {
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"});
  ASSERT_STATUS(create_bundle(bundle), 0);
  ASSERT_STATUS(runtime({"start", bundle.id()}), 0);
  for (const Hierarchy& hierarchy : cgroup_hierarchies())
    ::mkdir((hierarchy.mount + bundle.cgroup() + "/inner").c_str(), 0755);
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
}

}  // namespace
