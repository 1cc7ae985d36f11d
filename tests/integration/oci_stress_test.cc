// SPDX-License-Identifier: Apache-2.0
// Many at once, many in turn, and a machine in trouble. Short by default; OCICTR_TEST_LONG=1 takes
// the numbers of tests/CASES.md.
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <time.h>
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

double now_ms() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

// The number behind a name in a file of "name: number unit" lines; -1 if there is none.
long number_in(const std::string& path, const std::string& name) {
  for (const std::string& line : lines_of(read_file(path)))
    if (line.starts_with(name + ":")) return ::atol(line.c_str() + name.size() + 1);
  return -1;
}

// What the kernel cannot give back. Of the whole machine, where others are busy too, but not for
// ever.
long kernel_memory_kib() { return number_in("/proc/meminfo", "SUnreclaim"); }

// A leak of a namespace or a control group in each of ten thousand cycles takes more. Beside the
// few of the short form other tests may be running.
bool falls_back_to(long before_kib) {
  const long kOfOthers = static_cast<long>(either(512, 128)) << 10;
  return eventually([&] { return kernel_memory_kib() < before_kib + kOfOthers; },
                    either(60000, 1800000));
}

OCI_TEST(Soak, NothingGrows) {
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"});
  const auto cycle = [&] {
    ASSERT_STATUS(create_bundle(bundle), 0);
    ASSERT_STATUS(runtime({"start", bundle.id()}), 0);
    ASSERT_STATUS(runtime({"kill", bundle.id(), "KILL"}), 0);
    ASSERT_STATUS(runtime({"delete", bundle.id()}), 0);
  };
  const std::vector<std::string> before = usage();
  const long slab = kernel_memory_kib();
  const int rounds = either(15, 10000);
  const double begin = now_ms();
  for (int round = 0; round < rounds && !testing::Test::HasFatalFailure(); ++round) cycle();
  const double each = (now_ms() - begin) / rounds;
  EXPECT_EQ(usage(), before);
  EXPECT_TRUE(falls_back_to(slab))
      << slab << " KiB before, " << kernel_memory_kib() << " KiB after";
  ::printf("%d cycles, %.1f ms each; unreclaimable slab %ld KiB before, %ld KiB after\n", rounds,
           each, slab, kernel_memory_kib());
}

// Of all that we have run and waited for. It does not depend on who else is busy.
double processor_ms() {
  rusage usage{};
  EXPECT_EQ(::getrusage(RUSAGE_CHILDREN, &usage), 0);
  const auto ms = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
  };
  return ms(usage.ru_utime) + ms(usage.ru_stime);
}

// Containers of one bundle that wait for their start, all at once.
class Crowd {
 public:
  explicit Crowd(Bundle& bundle) : bundle_(bundle) { bundle.args({"/bin/guest", "hold"}); }
  ~Crowd() {
    for (const std::string& id : ids_) EXPECT_STATUS(runtime({"delete", "--force", id}), 0);
  }
  struct Cost {
    double ms;         // by the clock
    double processor;  // and of the processors, in ms
  };
  // Answers what one took.
  Cost grow_to(std::size_t size) {
    const auto more = static_cast<double>(size - ids_.size());
    const double begin = now_ms();
    const double used = processor_ms();
    while (ids_.size() < size && !testing::Test::HasFatalFailure()) add();
    return {(now_ms() - begin) / more, (processor_ms() - used) / more};
  }
  const std::string& last() const { return ids_.back(); }
  std::size_t size() const { return ids_.size(); }

 private:
  void add() {
    const std::string id = ctr::strf("%s-%zu", bundle_.id().c_str(), ids_.size());
    bundle_.set("/linux/cgroupsPath", json_string("/" + id));
    ASSERT_STATUS(runtime({"create", "--bundle", bundle_.path(), id}), 0);
    ids_.push_back(id);
  }

  Bundle& bundle_;
  std::vector<std::string> ids_;
};

// What one that waits keeps for itself; the program's file is shared by all.
long private_kib(const std::string& id) {
  const std::string smaps = ctr::strf("/proc/%d/smaps_rollup", pid_of(id));
  return number_in(smaps, "Private_Dirty") + number_in(smaps, "Private_Clean");
}

OCI_TEST(Soak, ManyContainersAtOnce) {
  const auto count = static_cast<std::size_t>(either(20, 1000));
  Bundle bundle;
  Crowd crowd(bundle);
  const Crowd::Cost first = crowd.grow_to(count / 10);
  ASSERT_EQ(crowd.size(), count / 10);
  const long early = private_kib(crowd.last());
  crowd.grow_to(count - count / 10);
  const Crowd::Cost last = crowd.grow_to(count);
  ASSERT_EQ(crowd.size(), count);
  const long late = private_kib(crowd.last());
  EXPECT_EQ(json_size(runtime({"list", "--format", "json"}).out, ""), static_cast<int>(count));
  ::printf(
      "%zu at once: create took %.1f ms among the first, %.1f ms among the last, of the "
      "processors %.1f ms and %.1f ms; each keeps %ld KiB, then %ld KiB\n",
      count, first.ms, last.ms, first.processor, last.processor, early, late);
  // Were it the square of their number, it would be tenfold.
  EXPECT_LT(last.processor, 3 * first.processor + 10) << "the last one costs more than the first";
  EXPECT_GT(early, 0);
  EXPECT_LE(late, early + early / 4) << "the last one keeps more than the first";
#ifndef OCICTR_SANITIZED
  EXPECT_LT(late, 1024);
#endif
}

// --- FLT-18: from far too little memory to enough ------------------------------------------------

OCI_TEST(Cgroup, AMemoryLimitOfAnySizeRunsOrIsTold) {
  NEED_CONTROLLER("memory");
  int smallest = 0;
  for (const int kib : {4, 16, 64, 128, 256, 512, 1024, 4096, 16384}) {
    SCOPED_TRACE(kib);
    Bundle bundle;
    bundle.set("/linux/resources/memory", ctr::strf(R"({"limit":%d})", kib * 1024));
    const Outcome outcome = run_bundle(bundle.args({"/bin/guest", "exit", "0"}));
    EXPECT_LT(outcome.status, 256) << "it hangs";
    // The program itself may be the one that is killed.
    if (outcome.status != 0 && outcome.status != 137) {
      EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
    }
    if (outcome.status == 0 && smallest == 0) smallest = kib;
  }
  ::printf("the smallest that runs: %d KiB\n", smallest);
  EXPECT_GT(smallest, 0);
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

// A file that takes all the room there is, and gives it back page by page.
class Ballast {
 public:
  explicit Ballast(const std::string& path)
      : fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)) {
    const std::string page(kPage, 'x');
    while (::write(fd_.raw(), page.data(), page.size()) == static_cast<ssize_t>(page.size()))
      size_ += kPage;
  }
  bool give_back_a_page() {
    size_ -= kPage;
    return size_ >= 0 && ::ftruncate(fd_.raw(), size_) == 0;
  }

 private:
  static constexpr off_t kPage = 4096;
  ctr::UniqueFd fd_;
  off_t size_ = 0;
};

OCI_TEST(StateRoot, WithFewPagesLeftFailsCleanly) {
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"});
  ASSERT_EQ(::mount("x", state_root().c_str(), "tmpfs", 0, "size=512k,mode=700"), 0);
  ASSERT_STATUS(create_bundle(bundle), 0);  // what is kept for all containers is there by now
  delete_by_force(bundle);
  {
    Ballast ballast("/run/state/ballast");
    const Snapshot before = take_snapshot();
    int failed = 0;
    for (bool done = false; !done && !testing::Test::HasFailure(); ++failed) {
      SCOPED_TRACE(ctr::strf("%d pages are left", failed));
      const Outcome outcome = create_bundle(bundle);
      expect_done_or_one_line(outcome);
      done = outcome.status == 0;
      if (done) delete_by_force(bundle);
      for (const std::string& line : left_behind(before)) ADD_FAILURE() << line;
      ASSERT_TRUE(done || ballast.give_back_a_page());
    }
    EXPECT_GT(failed, 1) << "it was never full";
  }
  ASSERT_EQ(::umount2(state_root().c_str(), MNT_DETACH), 0);
}

// What is there can be signalled and removed when not one byte is left.
OCI_TEST(StateRoot, FullIsNoHindranceToKillAndDelete) {
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"});
  ASSERT_EQ(::mount("x", state_root().c_str(), "tmpfs", 0, "size=512k,mode=700"), 0);
  ASSERT_STATUS(create_bundle(bundle), 0);
  {
    const Ballast ballast("/run/state/ballast");
    EXPECT_STATUS(runtime({"start", bundle.id()}), 0);
    EXPECT_STATUS(runtime({"kill", bundle.id(), "KILL"}), 0);
    EXPECT_TRUE(reaches(bundle.id(), "stopped"));
    EXPECT_STATUS(runtime({"delete", bundle.id()}), 0);
  }
  ASSERT_EQ(::umount2(state_root().c_str(), MNT_DETACH), 0);
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

// --- FLT-19 --------------------------------------------------------------------------------------

// RLIMIT_DATA holds for brk(2) and mmap(2) alike: from nothing to enough for everything. Where it
// is too little for main() to be reached, the kernel or the C library ends the program.
// Answers how often it was told.
int with_any_limit_of_data(const std::vector<std::string>& words) {
  bool reached = false;
  int told = 0;
  int kib = 256;
  for (bool done = false; !done && kib < 16384; kib += either(32, 4)) {
    SCOPED_TRACE(ctr::strf("%s with %d KiB", words.front().c_str(), kib));
    const Snapshot before = take_snapshot();
    Command command = runtime_command(words);
    command.argv.insert(command.argv.begin(),
                        {"/bin/sh", "-c", ctr::strf("ulimit -S -d %d; exec \"$@\"", kib), "sh"});
    const Outcome outcome = run(command);
    done = outcome.status == 0;
    reached = reached || contains(outcome.err, "ocictr:");
    if (!done && reached) {
      // Not by a signal. `exec` answers 255 where its program did not run.
      EXPECT_TRUE(outcome.status < 128 || outcome.status == 255) << outcome.status << outcome.err;
      EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
      ++told;
    }
    if (!done) {
      for (const std::string& line : left_behind(before)) ADD_FAILURE() << line;
    }
    if (testing::Test::HasFailure()) return told;
  }
  ::printf("%s: told %d times, done with %d KiB\n", words.front().c_str(), told, kib);
  return told;
}

OCI_TEST(OddCallers, AnyLimitOfDataIsEnoughOrTold) {
#ifdef OCICTR_SANITIZED
  GTEST_SKIP() << "not run under the sanitizers: they need memory of their own";
#endif
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"});
  EXPECT_GT(with_any_limit_of_data({"create", "--bundle", bundle.path(), bundle.id()}), 0);
  with_any_limit_of_data({"start", bundle.id()});
  EXPECT_EQ(state_of(bundle.id(), "/status"), "running");
  with_any_limit_of_data({"exec", bundle.id(), "/bin/guest", "exit", "0"});
  with_any_limit_of_data({"delete", "--force", bundle.id()});
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
