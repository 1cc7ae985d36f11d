// SPDX-License-Identifier: Apache-2.0
// Many at once, many in turn, and a machine in trouble. Short by default; OCICTR_TEST_LONG=1 takes
// the numbers of tests/CASES.md.
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include <memory>

#include "ctrtool/core/base/strf.h"
#include "tests/support/runtime.h"

namespace {

using namespace support;

int either(int quick, int long_) { return ::getenv("OCICTR_TEST_LONG") != nullptr ? long_ : quick; }

void expect_done_or_one_line(const Outcome& outcome) {
  EXPECT_LT(outcome.status, 256) << "it hangs";
  EXPECT_TRUE(outcome.status < 128 || outcome.status == 255 || outcome.status == 137)
      << outcome.status;
  EXPECT_LE(lines_of(outcome.err).size(), 1U) << outcome.err;
}

void delete_by_force(const Bundle& bundle) {
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
}

// --- FLT-07: pairs of commands ------------------------------------------------------------------

struct Pair {
  std::vector<std::string> one;
  std::vector<std::string> other;
  bool started;  // the container runs already
};

std::vector<std::string> of(const Bundle& bundle, std::vector<std::string> words) {
  for (std::string& word : words)
    if (word == "ID") word = bundle.id();
  return words;
}

void at_once(const Pair& pair) {
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"});
  for (int round = 0; round < either(1, 300); ++round) {
    ASSERT_STATUS(pair.started ? run_bundle(bundle, {"--detach"}) : create_bundle(bundle), 0);
    Running one(runtime_command(of(bundle, pair.one)));
    Running other(runtime_command(of(bundle, pair.other)));
    for (Running* command : {&one, &other}) expect_done_or_one_line(command->wait());
    delete_by_force(bundle);
    if (testing::Test::HasFailure()) return;
  }
}

OCI_TEST(Races, EveryPairOfCommandsComesToAnEnd) {
  const std::vector<std::string> start = {"start", "ID"};
  const std::vector<std::string> kill = {"kill", "ID", "KILL"};
  const std::vector<std::string> remove = {"delete", "ID"};
  const std::vector<std::string> force = {"delete", "--force", "ID"};
  const std::vector<std::string> exec = {"exec", "ID", "/bin/guest", "exit", "0"};
  const std::vector<std::string> state = {"state", "ID"};
  const std::vector<std::string> list = {"list"};
  const std::vector<std::string> pause = {"pause", "ID"};
  const std::vector<std::string> resume = {"resume", "ID"};
  const std::vector<Pair> kPairs = {
      {start, start, false}, {start, kill, false},   {start, remove, false}, {start, force, false},
      {start, exec, false},  {start, pause, false},  {kill, remove, true},   {kill, force, true},
      {force, force, true},  {exec, force, true},    {exec, kill, true},     {exec, exec, true},
      {state, force, true},  {list, force, true},    {pause, kill, true},    {pause, force, true},
      {pause, resume, true}, {resume, force, false},
  };
  for (const Pair& pair : kPairs) {
    SCOPED_TRACE(pair.one.front() + " beside " + pair.other.front());
    at_once(pair);
  }
}

OCI_TEST(Races, ListNeverFailsWhileContainersComeAndGo) {
  Bundle bundle;
  bundle.args({"/bin/guest", "exit", "0"});
  for (int round = 0; round < either(5, 300); ++round) {
    Running life(runtime_command({"run", "--bundle", bundle.path(), bundle.id()}));
    while (!life.ended_within(0)) EXPECT_STATUS(runtime({"list", "--format", "json"}), 0);
    EXPECT_STATUS(life.wait(), 0);
  }
}

// --- FLT-32 --------------------------------------------------------------------------------------

OCI_TEST(Races, ManyExecsEndWhenTheContainerDoes) {
  for (int round = 0; round < either(2, 50); ++round) {
    Bundle bundle;
    bundle.args({"/bin/guest", "hold"});
    ASSERT_STATUS(run_bundle(bundle, {"--detach"}), 0);
    std::vector<std::unique_ptr<Running>> all;
    for (int i = 0; i < either(8, 100); ++i)
      all.push_back(std::make_unique<Running>(
          runtime_command({"exec", bundle.id(), "/bin/guest", "exit", "0"})));
    EXPECT_STATUS(runtime({"kill", bundle.id(), "KILL"}), 0);
    for (const auto& one : all) expect_done_or_one_line(one->wait());
    delete_by_force(bundle);
  }
}

// --- FLT-30, FLT-39 ------------------------------------------------------------------------------

std::size_t count_of(const char* directory) { return list_directory(directory).size(); }

std::vector<std::string> usage() {
  const Snapshot now = take_snapshot();
  return {ctr::strf("%zu fds", now.fds.size()), ctr::strf("%zu mounts", now.mounts.size()),
          ctr::strf("%zu cgroups", now.cgroups.size()),
          ctr::strf("%zu state entries", count_of(state_root().c_str()))};
}

OCI_TEST(Soak, NothingGrows) {
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"});
  const std::vector<std::string> before = usage();
  for (int round = 0; round < either(15, 10000); ++round) {
    ASSERT_STATUS(create_bundle(bundle), 0);
    ASSERT_STATUS(runtime({"start", bundle.id()}), 0);
    ASSERT_STATUS(runtime({"kill", bundle.id(), "KILL"}), 0);
    ASSERT_STATUS(runtime({"delete", bundle.id()}), 0);
  }
  EXPECT_EQ(usage(), before);
}

OCI_TEST(Soak, ManyContainersAtOnce) {
  const int count = either(10, 1000);
  std::vector<std::unique_ptr<Bundle>> bundles;
  for (int i = 0; i < count; ++i) {
    bundles.push_back(std::make_unique<Bundle>());
    bundles.back()->args({"/bin/guest", "hold"});
    ASSERT_STATUS(create_bundle(*bundles.back()), 0) << i;
  }
  EXPECT_EQ(json_size(runtime({"list", "--format", "json"}).out, ""), count);
  for (const auto& bundle : bundles) delete_by_force(*bundle);
}

// --- FLT-08, FLT-09, BAD-46: places that cannot be written ---------------------------------------

OCI_TEST(StateRoot, FullAtAnySizeFailsCleanly) {
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"});
  int worked = 0;
  for (const int inodes : {1, 2, 3, 4, 5, 6, 10}) {
    const std::string options = ctr::strf("size=64k,nr_inodes=%d,mode=700", inodes);
    ASSERT_EQ(::mount("x", state_root().c_str(), "tmpfs", 0, options.c_str()), 0);
    const Snapshot before = take_snapshot();
    const Outcome outcome = create_bundle(bundle);
    expect_done_or_one_line(outcome);
    if (outcome.status == 0) {
      ++worked;
      delete_by_force(bundle);
    }
    for (const std::string& line : left_behind(before)) ADD_FAILURE() << inodes << ": " << line;
    ASSERT_EQ(::umount2(state_root().c_str(), MNT_DETACH), 0);
  }
  EXPECT_GT(worked, 0);
}

OCI_TEST(StateRoot, ReadOnlyIsToldAndSignalsStillArrive) {
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"});
  const std::string root = state_root();
  ASSERT_EQ(::mount("x", root.c_str(), "tmpfs", 0, "mode=700"), 0);
  ASSERT_STATUS(run_bundle(bundle, {"--detach"}), 0);
  ASSERT_EQ(::mount("", root.c_str(), "", MS_REMOUNT | MS_RDONLY, ""), 0);
  Bundle other;
  const Outcome refused = create_bundle(other);
  EXPECT_STATUS(refused, 1);
  EXPECT_EQ(lines_of(refused.err).size(), 1U) << refused.err;
  EXPECT_EQ(state_of(bundle.id(), "/status"), "running");
  EXPECT_STATUS(runtime({"kill", bundle.id(), "KILL"}), 0);
  EXPECT_TRUE(reaches(bundle.id(), "stopped"));
  EXPECT_STATUS(runtime({"delete", bundle.id()}), 1);
  ASSERT_EQ(::mount("", root.c_str(), "", MS_REMOUNT, ""), 0);
  EXPECT_STATUS(runtime({"delete", bundle.id()}), 0);
  ASSERT_EQ(::umount2(root.c_str(), MNT_DETACH), 0);
}

OCI_TEST(OddCallers, FilesThatMayNotGrowFailCleanly) {
  Bundle bundle;
  bundle.args({"/bin/guest", "exit", "0"});
  for (const char* limit : {"0", "1"}) {
    Command command = runtime_command({"run", "--bundle", bundle.path(), bundle.id()});
    command.argv.insert(
        command.argv.begin(),
        {"/bin/sh", "-c", std::string("ulimit -S -f ") + limit + "; exec \"$@\"", "sh"});
    const Outcome outcome = run(command);
    EXPECT_TRUE(outcome.status == 0 || outcome.status == 1) << outcome.status << outcome.err;
    delete_by_force(bundle);
  }
}

// --- FLT-12, FLT-29 ------------------------------------------------------------------------------

OCI_TEST(Cgroup, RemovedBySomebodyElseIsNoHindrance) {
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"});
  ASSERT_STATUS(run_bundle(bundle, {"--detach"}), 0);
  ASSERT_STATUS(runtime({"kill", bundle.id(), "KILL"}), 0);
  ASSERT_TRUE(reaches(bundle.id(), "stopped"));
  reap_children();
  for (const Hierarchy& hierarchy : cgroup_hierarchies())
    ::rmdir((hierarchy.mount + bundle.cgroup()).c_str());
  EXPECT_STATUS(runtime({"state", bundle.id()}), 0);
  EXPECT_STATUS(runtime({"delete", bundle.id()}), 0);
}

OCI_TEST(Start, TellsThatArgumentsAreTooLong) {
  Bundle bundle;
  bundle.args({"/bin/guest", std::string(128U << 10, 'a')});
  const Outcome outcome = run_bundle(bundle);
  EXPECT_NE(outcome.status, 0);
  EXPECT_EQ(lines_of(outcome.err).size(), 1U);
  EXPECT_TRUE(contains(outcome.err, "Argument list too long")) << outcome.err;
}

}  // namespace
