// SPDX-License-Identifier: Apache-2.0
// Real cgroups. Each test runs on every layout that can be made of this host's hierarchies: all of
// them, the v1 ones alone, the v2 one alone. Processes are those of the test's own pid namespace.
#include "ctrtool/core/kit/cgroup.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/cgroup_stats.h"
#include "ctrtool/core/sys/process.h"
#include "tests/support/bundle.h"
#include "tests/support/files.h"
#include "tests/support/ns_test.h"
#include "tests/support/oracle.h"

namespace {

using ctr::Cgroup;
using ctr::CgroupKind;
using ctr::CgroupLayout;
using ctr::CgroupRecord;
using ctr::CgroupResources;
using ctr::CgroupStage;
using ctr::CgroupVersion;
using ctr::DeviceKind;
using ctr::DeviceRule;
using ctr::strf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

std::string name_of(CgroupKind kind) {
  constexpr const char* kNames[] = {"none", "v1", "hybrid", "v2"};
  return kNames[static_cast<std::size_t>(kind)];
}

CgroupLayout only(const CgroupLayout& all, CgroupVersion version) {
  CgroupLayout layout{version == CgroupVersion::V1 ? CgroupKind::V1 : CgroupKind::V2, {}};
  for (const ctr::CgroupHierarchy& hierarchy : all.hierarchies)
    if (hierarchy.version == version) layout.hierarchies.push_back(hierarchy);
  return layout;
}

std::vector<CgroupLayout> layouts() {
  const ctr::Result<CgroupLayout> all = ctr::discover_cgroups();
  if (!all.ok() || all->kind == CgroupKind::None) return {};
  std::vector<CgroupLayout> list{*all};
  if (all->kind == CgroupKind::Hybrid) {
    list.push_back(only(*all, CgroupVersion::V1));
    list.push_back(only(*all, CgroupVersion::V2));
  }
  return list;
}

struct CleanUp {
  ~CleanUp() { support::clean_up_machine(); }
};

std::string new_path() {
  static int number = 0;
  return strf("/%s-%d", support::test_tag().c_str(), ++number);
}

std::vector<std::string> directories(const CgroupLayout& layout, const std::string& path) {
  std::vector<std::string> found;
  for (const ctr::CgroupHierarchy& hierarchy : layout.hierarchies)
    if (support::path_exists(hierarchy.mountpoint + path))
      found.push_back(hierarchy.mountpoint + path);
  return found;
}

// Every layout in turn, as root, with a path nobody has.
template <typename Body>
void on_each_layout(Body body) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: makes control groups";
  const CleanUp clean_up;
  const std::vector<CgroupLayout> all = layouts();
  if (all.empty()) GTEST_SKIP() << "no control group controller here: nothing is mounted";
  for (const CgroupLayout& layout : all) {
    SCOPED_TRACE("layout " + name_of(layout.kind));
    body(layout, new_path());
    if (testing::Test::HasFatalFailure()) return;
  }
}

Cgroup make(const CgroupLayout& layout, const std::string& path) {
  const auto record = Cgroup::survey(layout, path);
  EXPECT_TRUE(record.ok()) << record.error().message;
  auto cgroup = Cgroup::create(layout, *record);
  EXPECT_TRUE(cgroup.ok()) << cgroup.error().message;
  const auto v1 = cgroup->create_v1();
  EXPECT_TRUE(v1.ok()) << v1.error().message;
  return std::move(*cgroup);
}

// Waits until the child says so.
struct Flag {
  int ends[2] = {-1, -1};
  Flag() { EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0); }
  ~Flag() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  void raise() const { EXPECT_EQ(::write(ends[1], "x", 1), 1); }
  void await() const {
    pollfd readable{ends[0], POLLIN, 0};
    ASSERT_EQ(::poll(&readable, 1, 10000), 1) << "the child never came so far";
    char byte = 0;
    EXPECT_EQ(::read(ends[0], &byte, 1), 1);
  }
};

// A process that is born in the v2 directory, joins the others itself, and then runs `body`.
// Answers when it has joined.
template <typename Body>
pid_t start_in(const Cgroup& cgroup, Body body) {
  auto tasks = cgroup.open_tasks();
  EXPECT_TRUE(tasks.ok());
  const Flag joined;
  const std::uint64_t flags = cgroup.v2_dir().valid() ? CLONE_INTO_CGROUP : 0;
  auto child = ctr::sys::clone3(flags, cgroup.v2_dir());
  EXPECT_TRUE(child.ok()) << child.error().message;
  if (child->pid != 0) {
    joined.await();
    return child->pid;
  }
  for (const ctr::UniqueFd& file : *tasks)
    if (::write(file.raw(), "0", 1) != 1) ::_exit(99);
  joined.raise();
  body();
  ::_exit(0);
}

[[noreturn]] void sleep_forever() {
  while (true) ::pause();
}

bool ends_by(pid_t pid, int signal) {
  int status = 0;
  return ::waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == signal;
}

NS_TEST(Cgroup, LivesAndLeavesNothing) {
  on_each_layout([](const CgroupLayout& layout, const std::string& top) {
    const std::string path = top + "/parent/ct";
    const auto record = Cgroup::survey(layout, path);
    ASSERT_OK(record);
    EXPECT_THAT(record->existed, ElementsAre(Pair("", 0U)));
    auto cgroup = Cgroup::create(layout, *record);
    ASSERT_OK(cgroup);
    EXPECT_EQ(cgroup->v2_dir().valid(), layout.unified() != nullptr);
    ASSERT_OK(cgroup->create_v1());
    EXPECT_EQ(directories(layout, path).size(), layout.hierarchies.size());

    const pid_t pid = start_in(*cgroup, sleep_forever);
    const auto members = ctr::parse_proc_cgroup(support::read_file(strf("/proc/%d/cgroup", pid)));
    ASSERT_OK(members);
    for (const ctr::CgroupHierarchy& hierarchy : layout.hierarchies) {
      const bool v2 = hierarchy.version == CgroupVersion::V2;
      const auto member = std::find_if(members->begin(), members->end(), [&](const auto& m) {
        return v2 ? m.controllers.empty() : m.controllers == hierarchy.controllers;
      });
      ASSERT_NE(member, members->end());
      EXPECT_EQ(member->path, path) << hierarchy.name;
    }
    EXPECT_THAT(*cgroup->procs(), ElementsAre(pid));
    EXPECT_TRUE(*cgroup->populated());
    const ctr::CgroupStats stats = ctr::read_cgroup_stats(*cgroup);
    if (layout.find("pids") != nullptr) {
      EXPECT_EQ(stats.pids.current, 1U);
      EXPECT_EQ(stats.pids.limit, ctr::kUnlimited);
      EXPECT_GT(stats.memory.usage.limit, 0U);
    }
    EXPECT_EQ(stats.cpu.percpu.empty(), layout.find("cpuacct") == nullptr);

    ASSERT_OK(cgroup->kill_all(SIGKILL));
    EXPECT_TRUE(ends_by(pid, SIGKILL));
    ASSERT_OK(cgroup->remove());
    EXPECT_THAT(directories(layout, top), IsEmpty()) << "parents as well";
    ASSERT_OK(cgroup->remove());  // nothing there is fine
    EXPECT_THAT(*cgroup->procs(), IsEmpty());
  });
}

NS_TEST(Cgroup, SetsLimits) {
  on_each_layout([](const CgroupLayout& layout, const std::string& path) {
    if (layout.find("memory") == nullptr) return;
    Cgroup cgroup = make(layout, path);
    CgroupResources limits;
    limits.memory.limit = 64 << 20;
    limits.memory.swap = 64 << 20;
    limits.memory.reservation = 32 << 20;
    limits.pids_limit = 17;
    limits.cpu.shares = 512;
    limits.cpu.quota = 50000;
    limits.cpu.period = 100000;
    limits.cpu.cpus = "0";
    limits.devices = ctr::default_device_rules();
    ASSERT_OK(cgroup.apply(limits));
    const auto value = [&](const char* controller, const char* v1, const char* v2) {
      const ctr::CgroupHierarchy* hierarchy = layout.find(controller);
      const char* file = hierarchy->version == CgroupVersion::V1 ? v1 : v2;
      return support::read_file(hierarchy->mountpoint + path + "/" + file);
    };
    EXPECT_EQ(value("memory", "memory.limit_in_bytes", "memory.max"), "67108864\n");
    EXPECT_EQ(value("pids", "pids.max", "pids.max"), "17\n");
    EXPECT_EQ(value("cpuset", "cpuset.cpus", "cpuset.cpus"), "0\n");
    if (layout.find("cpu")->version == CgroupVersion::V1) {
      EXPECT_EQ(value("cpu", "cpu.shares", ""), "512\n");
      EXPECT_EQ(value("cpu", "cpu.cfs_quota_us", ""), "50000\n");
    } else {
      EXPECT_EQ(value("cpu", "", "cpu.max"), "50000 100000\n");
    }
    // Both directions of a pair that must fit together at every moment.
    for (const std::int64_t size : {128 << 20, 32 << 20}) {
      limits.memory.limit = size;
      limits.memory.swap = size;
      limits.devices.reset();
      ASSERT_OK(cgroup.apply(limits, CgroupStage::Update));
      EXPECT_EQ(value("memory", "memory.limit_in_bytes", "memory.max"),
                strf("%lld\n", static_cast<long long>(size)));
    }
    ASSERT_OK(cgroup.remove());
  });
}

NS_TEST(Cgroup, AFailedUpdateSetsTheOldValuesBack) {
  on_each_layout([](const CgroupLayout& layout, const std::string& path) {
    const ctr::CgroupHierarchy* memory = layout.find("memory");
    if (memory == nullptr || memory->version != CgroupVersion::V1) return;
    Cgroup cgroup = make(layout, path);
    CgroupResources limits;
    limits.memory.limit = 64 << 20;
    ASSERT_OK(cgroup.apply(limits));
    limits.memory.limit = 32 << 20;
    limits.cpu.cpus = "4000";
    const auto done = cgroup.apply(limits, CgroupStage::Update);
    ASSERT_FALSE(done.ok());
    EXPECT_THAT(done.error().message, HasSubstr("resources/cpu/cpus: write \"4000\""));
    EXPECT_EQ(support::read_file(memory->mountpoint + path + "/memory.limit_in_bytes"),
              "67108864\n");
    ASSERT_OK(cgroup.remove());
  });
}

NS_TEST(Cgroup, AnEmptyOneIsUsedAndKept) {
  on_each_layout([](const CgroupLayout& layout, const std::string& path) {
    for (const ctr::CgroupHierarchy& hierarchy : layout.hierarchies)
      ASSERT_EQ(::mkdir((hierarchy.mountpoint + path).c_str(), 0755), 0);
    Cgroup cgroup = make(layout, path);
    EXPECT_THAT(cgroup.record().existed, ElementsAre(Pair("", 1U)));
    const pid_t pid = start_in(cgroup, sleep_forever);
    ASSERT_OK(cgroup.kill_all(SIGKILL));
    EXPECT_TRUE(ends_by(pid, SIGKILL));
    ASSERT_OK(cgroup.remove());
    EXPECT_EQ(directories(layout, path).size(), layout.hierarchies.size());
  });
}

NS_TEST(Cgroup, OneInUseIsRefused) {
  on_each_layout([](const CgroupLayout& layout, const std::string& path) {
    Cgroup cgroup = make(layout, path);
    const pid_t pid = start_in(cgroup, sleep_forever);
    const auto again = Cgroup::survey(layout, path);
    ASSERT_FALSE(again.ok());
    EXPECT_EQ(again.error().kind, ctr::Kind::WrongState);
    EXPECT_THAT(again.error().message, HasSubstr("is not empty"));
    ASSERT_OK(cgroup.kill_all(SIGKILL));
    EXPECT_TRUE(ends_by(pid, SIGKILL));
    ASSERT_OK(cgroup.remove());
  });
}

NS_TEST(Cgroup, AFrozenOneAndOneBelowItAreRefused) {
  on_each_layout([](const CgroupLayout& layout, const std::string& path) {
    if (layout.find("freezer") == nullptr) return;
    Cgroup cgroup = make(layout, path);
    ASSERT_OK(cgroup.set_frozen(true));
    for (const std::string& place : {path, path + "/below"}) {
      const auto refused = Cgroup::survey(layout, place);
      ASSERT_FALSE(refused.ok()) << place;
      EXPECT_THAT(refused.error().message, HasSubstr("is frozen"));
    }
    ASSERT_OK(cgroup.set_frozen(false));
    EXPECT_TRUE(Cgroup::survey(layout, path).ok());
    ASSERT_OK(cgroup.remove());
  });
}

NS_TEST(Cgroup, SharedParentsGoWithTheLast) {
  on_each_layout([](const CgroupLayout& layout, const std::string& top) {
    const Cgroup first = make(layout, top + "/a");
    const Cgroup second = make(layout, top + "/b");
    ASSERT_OK(first.remove());
    EXPECT_EQ(directories(layout, top).size(), layout.hierarchies.size());
    ASSERT_OK(second.remove());
    EXPECT_THAT(directories(layout, top), IsEmpty());

    // But not a parent that no container made.
    for (const ctr::CgroupHierarchy& hierarchy : layout.hierarchies)
      ASSERT_EQ(::mkdir((hierarchy.mountpoint + top).c_str(), 0755), 0);
    ASSERT_OK(make(layout, top + "/c").remove());
    EXPECT_EQ(directories(layout, top).size(), layout.hierarchies.size());
  });
}

NS_TEST(Cgroup, TheSavedRecordFindsAllThatAKilledRuntimeLeft) {
  on_each_layout([](const CgroupLayout& layout, const std::string& top) {
    const std::string path = top + "/a/b";
    const auto record = Cgroup::survey(layout, path);
    ASSERT_OK(record);
    {
      auto cgroup = Cgroup::create(layout, *record);
      ASSERT_OK(cgroup);
      ASSERT_OK(cgroup->create_v1());
      start_in(*cgroup, sleep_forever);
    }
    const auto found = Cgroup::open(layout, *record);
    ASSERT_OK(found);
    ASSERT_OK(found->kill_all(SIGKILL));
    ASSERT_OK(found->remove());
    EXPECT_THAT(directories(layout, top), IsEmpty());
  });
}

NS_TEST(Cgroup, TheLoserOfARaceDestroysNothing) {
  on_each_layout([](const CgroupLayout& layout, const std::string& path) {
    const auto record = Cgroup::survey(layout, path);
    ASSERT_OK(record);
    const Cgroup winner = make(layout, path);
    auto loser = Cgroup::create(layout, *record);
    if (loser.ok()) {
      const auto made = loser->create_v1();
      ASSERT_FALSE(made.ok());
      EXPECT_EQ(made.error().kind, ctr::Kind::Exists);
      ASSERT_OK(loser->remove());
    } else {
      EXPECT_EQ(loser.error().kind, ctr::Kind::Exists);
    }
    EXPECT_EQ(directories(layout, path).size(), layout.hierarchies.size());
    ASSERT_OK(winner.remove());
  });
}

// Of two that saw the cgroup missing, the one that did not make it may be killed before it knows.
NS_TEST(Cgroup, OfTwoThatMeantToMakeItOnlyTheMakerEndsIt) {
  on_each_layout([](const CgroupLayout& layout, const std::string& path) {
    auto record = Cgroup::survey(layout, path);
    ASSERT_OK(record);
    CgroupRecord losers = *record;
    losers.owner = "loser 1 1";
    const auto self = ctr::sys::proc_stat(::getpid());
    ASSERT_TRUE(self.ok() && self->has_value());
    record->owner = strf("winner %d %ju", ::getpid(), std::uintmax_t{(*self)->start_time});
    auto winner = Cgroup::create(layout, *record);
    ASSERT_OK(winner);
    ASSERT_OK(winner->create_v1());
    EXPECT_THAT(Cgroup::survey(layout, path).error().message, HasSubstr("\"winner\""));
    const pid_t pid = start_in(*winner, sleep_forever);

    EXPECT_TRUE(ctr::cgroup_is_anothers(layout, path, losers.owner));
    EXPECT_FALSE(ctr::cgroup_is_anothers(layout, path, record->owner));
    const auto loser = Cgroup::open(layout, losers);
    ASSERT_OK(loser);
    EXPECT_THAT(*loser->procs(), IsEmpty());
    ASSERT_OK(loser->kill_all(SIGKILL));
    ASSERT_OK(loser->remove());
    EXPECT_EQ(::kill(pid, 0), 0);
    EXPECT_EQ(directories(layout, path).size(), layout.hierarchies.size());

    const auto again = Cgroup::open(layout, *record);
    ASSERT_OK(again);
    ASSERT_OK(again->kill_all(SIGKILL));
    EXPECT_TRUE(ends_by(pid, SIGKILL));
    ASSERT_OK(again->remove());
    EXPECT_THAT(directories(layout, path), IsEmpty());
  });
}

void make_directories(const CgroupLayout& layout, const std::string& path) {
  for (const ctr::CgroupHierarchy& hierarchy : layout.hierarchies)
    ASSERT_EQ(::mkdir((hierarchy.mountpoint + path).c_str(), 0755), 0);
}
void remove_directories(const CgroupLayout& layout, const std::string& path) {
  for (const std::string& dir : directories(layout, path)) EXPECT_EQ(::rmdir(dir.c_str()), 0);
}

std::string owner_of_this_process(const char* id) {
  const auto self = ctr::sys::proc_stat(::getpid());
  return strf("%s %d %ju", id, ::getpid(), std::uintmax_t{(*self)->start_time});
}

NS_TEST(Cgroup, OneThatWasThereIsMarkedWhileAContainerIsCreatedInIt) {
  on_each_layout([](const CgroupLayout& layout, const std::string& path) {
    make_directories(layout, path);
    const auto create = [&](const std::string& at, const std::string& owner) {
      auto record = Cgroup::survey(layout, at);
      EXPECT_TRUE(record.ok()) << record.error().message;
      record->owner = owner;
      auto cgroup = Cgroup::create(layout, *record);
      EXPECT_TRUE(cgroup.ok()) << cgroup.error().message;
      EXPECT_TRUE(cgroup->create_v1().ok());
      return std::move(*cgroup);
    };
    create(path, "killed 1 1");
    EXPECT_TRUE(ctr::cgroup_is_anothers(layout, path, "nobody 1 1"));
    const Cgroup next = create(path, owner_of_this_process("next"));
    EXPECT_TRUE(ctr::cgroup_is_anothers(layout, path, "killed 1 1"));
    EXPECT_THAT(Cgroup::survey(layout, path).error().message, HasSubstr("\"next\""));
    next.end_claim();
    EXPECT_FALSE(ctr::cgroup_is_anothers(layout, path, "nobody 1 1"));
    const Cgroup last = create(path, owner_of_this_process("last"));
    ASSERT_OK(last.remove());
    EXPECT_FALSE(ctr::cgroup_is_anothers(layout, path, "nobody 1 1"));
    EXPECT_EQ(directories(layout, path).size(), layout.hierarchies.size());

    const Cgroup below = create(path + "/below", "ended 1 1");
    below.end_claim();
    EXPECT_TRUE(ctr::cgroup_is_anothers(layout, path + "/below", "nobody 1 1"));
    remove_directories(layout, path + "/below");
    remove_directories(layout, path);
  });
}

// Tries, says whether it has got the cgroup, and stays at work.
[[noreturn]] void try_to_claim(const CgroupLayout& layout, CgroupRecord record, const Flag& go,
                               const Flag& won, const Flag& lost) {
  record.owner = owner_of_this_process("one");
  go.await();
  auto cgroup = Cgroup::create(layout, record);
  const bool claimed = cgroup.ok() && cgroup->create_v1().ok();
  (claimed ? won : lost).raise();
  sleep_forever();
}

NS_TEST(Cgroup, OfManyThatSawItEmptyOneGetsIt) {
  on_each_layout([](const CgroupLayout& layout, const std::string& path) {
    constexpr int kCreators = 5;
    make_directories(layout, path);
    for (int round = 0; round < 10; ++round) {  // from the second on there is a mark to be replaced
      const auto record = Cgroup::survey(layout, path);
      ASSERT_OK(record);
      const Flag go;
      const Flag won;
      const Flag lost;
      std::vector<pid_t> creators;
      for (int i = 0; i < kCreators; ++i) {
        creators.push_back(::fork());
        if (creators.back() == 0) try_to_claim(layout, *record, go, won, lost);
      }
      for (int i = 0; i < kCreators; ++i) go.raise();
      won.await();
      for (int i = 1; i < kCreators; ++i) lost.await();
      for (const pid_t pid : creators) {
        ASSERT_EQ(::kill(pid, SIGKILL), 0);
        EXPECT_TRUE(ends_by(pid, SIGKILL));
      }
    }
    remove_directories(layout, path);
  });
}

// The kernel shares real time out from above, and a new cgroup has none.
NS_TEST(Cgroup, RealTimeIsGivenToTheParentsThatWereMadeForIt) {
  on_each_layout([](const CgroupLayout& layout, const std::string& top) {
    const ctr::CgroupHierarchy* cpu = layout.find("cpu");
    if (cpu == nullptr || cpu->version != CgroupVersion::V1) return;
    if (!support::path_exists(cpu->mountpoint + "/cpu.rt_runtime_us")) return;
    Cgroup first = make(layout, top + "/a/first");
    Cgroup second = make(layout, top + "/a/second");
    CgroupResources limits;
    limits.cpu.realtimePeriod = 1000000;
    limits.cpu.realtimeRuntime = 2000;
    ASSERT_OK(first.apply(limits));
    ASSERT_OK(second.apply(limits));
    const auto runtime_of = [&](const std::string& path) {
      return support::read_file(cpu->mountpoint + path + "/cpu.rt_runtime_us");
    };
    EXPECT_EQ(runtime_of(top + "/a/second"), "2000\n");
    EXPECT_EQ(runtime_of(top + "/a"), "4000\n");
    EXPECT_EQ(runtime_of(top), "4000\n");
    limits.cpu.realtimeRuntime = 3000;
    ASSERT_OK(second.apply(limits, CgroupStage::Update));
    EXPECT_EQ(runtime_of(top + "/a"), "5000\n");
    ASSERT_OK(first.remove());
    ASSERT_OK(second.remove());
    EXPECT_THAT(directories(layout, top), IsEmpty());
  });
}

NS_TEST(Cgroup, FreezesAndThaws) {
  on_each_layout([](const CgroupLayout& layout, const std::string& path) {
    if (layout.find("freezer") == nullptr) return;
    Cgroup cgroup = make(layout, path);
    int counter[2];
    ASSERT_EQ(::pipe2(counter, O_CLOEXEC | O_NONBLOCK), 0);
    const pid_t pid = start_in(cgroup, [&] {
      while (true) {
        if (::write(counter[1], "x", 1) < 0) continue;
        ::usleep(100);
      }
    });
    EXPECT_FALSE(*cgroup.frozen());
    ASSERT_OK(cgroup.set_frozen(true));
    EXPECT_TRUE(*cgroup.frozen());
    char drain[65536];
    while (::read(counter[0], drain, sizeof drain) > 0) {
    }
    ::usleep(20000);
    EXPECT_LT(::read(counter[0], drain, sizeof drain), 0) << "a frozen process still ran";
    ASSERT_OK(cgroup.set_frozen(false));
    EXPECT_FALSE(*cgroup.frozen());
    ::usleep(20000);
    EXPECT_GT(::read(counter[0], drain, sizeof drain), 0);
    ASSERT_OK(cgroup.kill_all(SIGKILL));
    EXPECT_TRUE(ends_by(pid, SIGKILL));
    ASSERT_OK(cgroup.remove());
    ::close(counter[0]);
    ::close(counter[1]);
  });
}

NS_TEST(Cgroup, KillsWhatIsFrozen) {
  on_each_layout([](const CgroupLayout& layout, const std::string& path) {
    if (layout.find("freezer") == nullptr) return;
    Cgroup cgroup = make(layout, path);
    const pid_t pid = start_in(cgroup, sleep_forever);
    ASSERT_OK(cgroup.set_frozen(true));
    ASSERT_OK(cgroup.kill_all(SIGKILL));
    EXPECT_TRUE(ends_by(pid, SIGKILL));
    ASSERT_OK(cgroup.remove());
  });
}

// It forks faster than one can read the list, in three levels of cgroups where it can make them.
NS_TEST(Cgroup, KillsAForkingTree) {
  on_each_layout([](const CgroupLayout& layout, const std::string& path) {
    Cgroup cgroup = make(layout, path);
    CgroupResources limits;
    limits.pids_limit = 40;
    if (layout.find("pids") != nullptr) ASSERT_OK(cgroup.apply(limits));
    std::vector<std::string> below;
    for (const ctr::CgroupHierarchy& hierarchy : layout.hierarchies)
      if (hierarchy.name == "unified" || hierarchy.name == "freezer")
        below.push_back(hierarchy.mountpoint + path);
    const Flag settled;
    const pid_t pid = start_in(cgroup, [&] {
      for (std::string dir : below) {
        for (const char* level : {"/one", "/two", "/three"}) {
          dir += level;
          ::mkdir(dir.c_str(), 0755);
        }
        support::write_file(dir + "/cgroup.procs", "0");
      }
      settled.raise();
      // Bounded here because not every layout has a pids controller.
      for (int i = 0; i < 20000; ++i) {
        const pid_t child = ::fork();
        if (child == 0 && i % 7 != 0) ::_exit(0);
        while (::waitpid(-1, nullptr, WNOHANG) > 0) {
        }
        ::usleep(200);
      }
      sleep_forever();
    });
    settled.await();
    ::usleep(5000);
    ASSERT_OK(cgroup.kill_all(SIGKILL));
    EXPECT_TRUE(ends_by(pid, SIGKILL));
    ASSERT_OK(cgroup.remove());
    EXPECT_THAT(directories(layout, path), IsEmpty());
  });
}

// A runtime may sit in the cgroup whose processes it signals.
NS_TEST(Cgroup, SignalsTheOthersAndNotItself) {
  on_each_layout([](const CgroupLayout& layout, const std::string& path) {
    Cgroup cgroup = make(layout, path);
    const pid_t runtime = ::fork();
    if (runtime == 0) {
      if (!cgroup.attach(::getpid()).ok()) ::_exit(1);
      const pid_t first = start_in(cgroup, sleep_forever);
      if (!cgroup.kill_all(SIGTERM).ok() || !ends_by(first, SIGTERM)) ::_exit(2);
      const pid_t second = start_in(cgroup, sleep_forever);
      if (!cgroup.kill_all(SIGKILL).ok() || !ends_by(second, SIGKILL)) ::_exit(3);
      ::_exit(0);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(runtime, &status, 0), runtime);
    EXPECT_EQ(status, 0);
    ASSERT_OK(cgroup.remove());
    EXPECT_FALSE(cgroup.kill_all(0).ok());
    EXPECT_FALSE(cgroup.attach(0).ok());
    EXPECT_FALSE(cgroup.attach(-1).ok());
  });
}

// --- devices -------------------------------------------------------------------------------------

struct Nodes {
  std::string null = "/dev/cgroup-test-null";
  std::string full = "/dev/cgroup-test-full";
  Nodes() {
    EXPECT_EQ(::mknod(null.c_str(), S_IFCHR | 0666, ::makedev(1, 3)), 0);
    EXPECT_EQ(::mknod(full.c_str(), S_IFCHR | 0666, ::makedev(1, 7)), 0);
  }
  ~Nodes() {
    ::unlink(null.c_str());
    ::unlink(full.c_str());
  }
};

bool can_open(const std::string& path, int flags) {
  const ctr::UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC));
  return fd.valid();
}

// What a process in the cgroup may do with both: "null:rw-" and so on.
std::string access_in(const Cgroup& cgroup, const Nodes& nodes) {
  int ends[2];
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const pid_t pid = start_in(cgroup, [&] {
    std::string text;
    for (const std::string& node : {nodes.null, nodes.full}) {
      text += can_open(node, O_RDONLY) ? "r" : "-";
      text += can_open(node, O_WRONLY) ? "w" : "-";
      text += can_open(node, O_RDWR) ? "+" : "-";
      const std::string made = node + "-made";
      const dev_t device = ::makedev(1, node == nodes.null ? 3 : 7);
      text += ::mknod(made.c_str(), S_IFCHR | 0600, device) == 0 ? "m " : "- ";
      ::unlink(made.c_str());
    }
    EXPECT_GT(::write(ends[1], text.data(), text.size()), 0);
  });
  int status = 0;
  ::waitpid(pid, &status, 0);
  char buffer[64];
  const ssize_t length = ::read(ends[0], buffer, sizeof buffer);
  ::close(ends[0]);
  ::close(ends[1]);
  return {buffer, static_cast<std::size_t>(std::max<ssize_t>(length, 0))};
}

constexpr DeviceRule kDenyAll{false};
constexpr DeviceRule kNullRead{true, DeviceKind::Char, 1, 3, ctr::kDeviceRead};
constexpr DeviceRule kNullAll{true, DeviceKind::Char, 1, 3, ctr::kDeviceAll};

CgroupResources device_rules(std::vector<DeviceRule> rules) {
  CgroupResources resources;
  resources.devices = std::move(rules);
  return resources;
}

NS_TEST(CgroupDevices, AreEnforcedAndUpdated) {
  on_each_layout([](const CgroupLayout& layout, const std::string& path) {
    const Nodes nodes;
    Cgroup cgroup = make(layout, path);
    ASSERT_OK(cgroup.apply(device_rules({})));
    EXPECT_EQ(access_in(cgroup, nodes), "---- ---- ") << "no rules: nothing is allowed";
    ASSERT_OK(cgroup.apply(device_rules({kDenyAll, kNullRead}), CgroupStage::Update));
    EXPECT_EQ(access_in(cgroup, nodes), "r--- ---- ");
    ASSERT_OK(cgroup.apply(device_rules({kDenyAll, kNullAll}), CgroupStage::Update));
    EXPECT_EQ(access_in(cgroup, nodes), "rw+m ---- ");
    ASSERT_OK(cgroup.apply(device_rules({{true}}), CgroupStage::Update));
    EXPECT_EQ(access_in(cgroup, nodes), "rw+m rw+m ");
    ASSERT_OK(cgroup.remove());
  });
}

NS_TEST(CgroupDevices, AnUpdateOpensAndClosesNothingForAMoment) {
  on_each_layout([](const CgroupLayout& layout, const std::string& path) {
    const Nodes nodes;
    Cgroup cgroup = make(layout, path);
    ASSERT_OK(cgroup.apply(device_rules({kDenyAll, kNullAll})));
    const pid_t pid = start_in(cgroup, [&] {
      const int parent = ::getppid();
      for (int i = 0; parent == ::getppid(); ++i) {
        if (!can_open(nodes.null, O_RDWR)) ::_exit(1);
        if (can_open(nodes.full, O_RDONLY)) ::_exit(2);
      }
    });
    const std::size_t open = support::list_directory("/proc/self/fd").size();
    for (int i = 0; i < 1000; ++i) {
      std::vector<DeviceRule> rules = {kDenyAll, kNullAll};
      if (i % 2 == 0) rules.push_back({true, DeviceKind::Block, 8, {}, ctr::kDeviceRead});
      ASSERT_OK(cgroup.apply(device_rules(rules), CgroupStage::Update));
    }
    EXPECT_EQ(support::list_directory("/proc/self/fd").size(), open);
    ASSERT_OK(cgroup.kill_all(SIGKILL));
    EXPECT_TRUE(ends_by(pid, SIGKILL)) << "it saw a window";
    ASSERT_OK(cgroup.remove());
  });
}

NS_TEST(CgroupDevices, ALeftOverChildIsNamed) {
  on_each_layout([](const CgroupLayout& layout, const std::string& path) {
    const ctr::CgroupHierarchy* devices = layout.find("devices");
    if (devices->version != CgroupVersion::V1) return;
    const std::string child = devices->mountpoint + path + "/left";
    ASSERT_EQ(::mkdir((devices->mountpoint + path).c_str(), 0755), 0);
    ASSERT_EQ(::mkdir(child.c_str(), 0755), 0);
    Cgroup cgroup = make(layout, path);
    const auto done = cgroup.apply(device_rules({kDenyAll}));
    ASSERT_FALSE(done.ok());
    EXPECT_THAT(done.error().message, HasSubstr("child cgroup, \"" + child + "\""));
    ASSERT_OK(cgroup.remove());
    ASSERT_EQ(::rmdir(child.c_str()), 0);
    ASSERT_EQ(::rmdir((devices->mountpoint + path).c_str()), 0);
  });
}

// --- v2 only -------------------------------------------------------------------------------------

NS_TEST(Cgroup, DelegatesWhatTheKernelLists) {
  on_each_layout([](const CgroupLayout& layout, const std::string& path) {
    Cgroup cgroup = make(layout, path);
    ASSERT_OK(cgroup.delegate(1234));
    // Where any of it is v1, nothing may be given away.
    const bool v2 = layout.kind == ctr::CgroupKind::V2;
    for (const ctr::CgroupHierarchy& hierarchy : layout.hierarchies) {
      struct stat st {};
      const std::string dir = hierarchy.mountpoint + path;
      ASSERT_EQ(::stat(dir.c_str(), &st), 0);
      EXPECT_EQ(st.st_uid, v2 ? 1234U : 0U) << dir;
      ASSERT_EQ(::stat((dir + "/cgroup.procs").c_str(), &st), 0);
      EXPECT_EQ(st.st_uid, v2 ? 1234U : 0U) << dir;
      if (!v2) continue;
      ASSERT_EQ(::stat((dir + "/cgroup.max.depth").c_str(), &st), 0);
      EXPECT_EQ(st.st_uid, 0U) << "a limit is not the container's";
    }
    ASSERT_OK(cgroup.remove());
  });
}

NS_TEST(Cgroup, EnablesAControllerOnTheV2SideWhenALimitWantsIt) {
  const ctr::UniqueFd alone = support::lock_controllers();
  on_each_layout([](const CgroupLayout& layout, const std::string& path) {
    const ctr::CgroupHierarchy* hugetlb = layout.find("hugetlb");
    if (hugetlb == nullptr || hugetlb->version != CgroupVersion::V2) return;
    const std::string control = hugetlb->mountpoint + "/cgroup.subtree_control";
    const bool was_on = support::contains(support::read_file(control), "hugetlb");
    Cgroup cgroup = make(layout, path);
    CgroupResources limits;
    limits.hugepageLimits = {{"2MB", 4 << 20}};
    const auto done = cgroup.apply(limits);
    const std::string value = support::read_file(hugetlb->mountpoint + path + "/hugetlb.2MB.max");
    const auto removed = cgroup.remove();
    if (!was_on) support::write_file(control, "-hugetlb");
    ASSERT_OK(done);
    EXPECT_EQ(value, "4194304\n");
    ASSERT_OK(removed);
  });
}

// What systemd does as a container's init: itself in one child, controllers for the others.
NS_TEST(Cgroup, ADividedOneIsEnteredWhereItsProcessIs) {
  const ctr::UniqueFd alone = support::lock_controllers();
  on_each_layout([](const CgroupLayout& layout, const std::string& path) {
    const ctr::CgroupHierarchy* hugetlb = layout.find("hugetlb");
    if (hugetlb == nullptr || hugetlb->version != CgroupVersion::V2) return;
    const std::string control = hugetlb->mountpoint + "/cgroup.subtree_control";
    const bool was_on = support::contains(support::read_file(control), "hugetlb");
    const std::string dir = hugetlb->mountpoint + path;
    Cgroup cgroup = make(layout, path);
    ASSERT_TRUE(support::write_file(control, "+hugetlb"));
    const pid_t init = start_in(cgroup, sleep_forever);
    ASSERT_EQ(::mkdir((dir + "/init").c_str(), 0755), 0);
    ASSERT_TRUE(support::write_file(dir + "/init/cgroup.procs", std::to_string(init)));
    ASSERT_TRUE(support::write_file(dir + "/cgroup.subtree_control", "+hugetlb"));
    EXPECT_FALSE(ctr::sys::clone3(CLONE_INTO_CGROUP, cgroup.v2_dir()).ok());

    auto again = Cgroup::open(layout, cgroup.record());
    ASSERT_OK(again);
    const auto member = ctr::sys::pidfd_open(init);
    ASSERT_OK(member);
    ASSERT_OK(again->follow(*member));
    const pid_t second = start_in(*again, sleep_forever);
    EXPECT_THAT(support::read_file(strf("/proc/%d/cgroup", second)),
                HasSubstr("0::" + path + "/init\n"));
    EXPECT_THAT(*cgroup.procs(), ElementsAre(init, second));
    ASSERT_OK(cgroup.kill_all(SIGKILL));
    EXPECT_TRUE(ends_by(init, SIGKILL));
    EXPECT_TRUE(ends_by(second, SIGKILL));
    ASSERT_OK(cgroup.remove());
    if (!was_on) support::write_file(control, "-hugetlb");
  });
}

NS_TEST(Cgroup, AUserWithoutRightsGetsAnAnswerToTell) {
  on_each_layout([](const CgroupLayout& layout, const std::string& path) {
    const auto record = Cgroup::survey(layout, path);
    ASSERT_OK(record);
    const pid_t pid = ::fork();
    if (pid == 0) {
      if (::setresgid(65534, 65534, 65534) != 0 || ::setresuid(65534, 65534, 65534) != 0)
        ::_exit(1);
      auto cgroup = Cgroup::create(layout, *record);
      ctr::Result<void> made = cgroup.ok() ? cgroup->create_v1() : cgroup.error();
      ::_exit(!made.ok() && made.error().kind == ctr::Kind::Unsupported ? 0 : 2);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 0);
    EXPECT_THAT(directories(layout, path), IsEmpty());
  });
}

TEST(Cgroup, NoCgroupDoesNothingButRefusesLimits) {
  Cgroup none;
  ASSERT_OK(none.create_v1());
  ASSERT_OK(none.apply({}));
  ASSERT_OK(none.kill_all(SIGKILL));
  ASSERT_OK(none.remove());
  EXPECT_THAT(*none.procs(), IsEmpty());
  EXPECT_FALSE(*none.frozen());
  CgroupResources limits;
  limits.pids_limit = 1;
  EXPECT_FALSE(none.apply(limits).ok());
  EXPECT_FALSE(none.apply(device_rules({})).ok());
}

}  // namespace
