// SPDX-License-Identifier: Apache-2.0
#include "runtime/state/store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctrtool/core/exec/gate.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/process.h"
#include "runtime/state/status.h"
#include "tests/support/files.h"

namespace oci {
namespace {

using ctr::Kind;
using ctr::Result;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

ContainerState state_of(const std::string& id) {
  ContainerState state;
  state.id = id;
  return state;
}

class Store : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(root_.make().ok()); }

  ContainerDir make(const std::string& id) { return root_.create(id).value(); }
  // A container whose record is this text.
  ContainerDir damaged(const std::string& text) {
    ContainerDir dir = make("hurt");
    support::write_file(dir.path() + "/state.json", text);
    return dir;
  }
  static Status status_of(const ContainerDir& dir, const ContainerState& state) {
    const Result<Status> status = container_status(dir, state);
    EXPECT_TRUE(status.ok()) << status.error().message;
    return status.value();
  }

  support::TempDir tmp_;
  StateRoot root_{tmp_ / "a/root"};
};

TEST_F(Store, DirectoriesAreOursAlone) {
  const ContainerDir dir = make("web");
  ASSERT_TRUE(dir.save_new(state_of("web")).ok());
  struct stat st {};
  ASSERT_EQ(::stat(root_.path().c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 01700U);
  ASSERT_EQ(::stat(dir.path().c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0700U);
  ASSERT_EQ(::stat((dir.path() + "/state.json").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0600U);
  EXPECT_TRUE(root_.make().ok()) << "again";
}

TEST_F(Store, ANameIsTakenOnce) {
  make("web");
  const Result<ContainerDir> second = root_.create("web");
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().kind, Kind::Exists);
  EXPECT_THAT(second.error().message, HasSubstr("container with given ID already exists"));
}

TEST_F(Store, NamesThatWouldLeaveTheRootAreRefused) {
  EXPECT_THAT(root_.create("../x").error().message, HasSubstr("invalid container ID"));
  EXPECT_FALSE(root_.open("..").ok());
  EXPECT_FALSE(root_.open("").ok());
}

TEST_F(Store, RecordsAreReplacedWhole) {
  const ContainerDir dir = make("web");
  ContainerState state = state_of("web");
  ASSERT_TRUE(dir.save_new(state).ok());
  EXPECT_FALSE(dir.save_new(state).ok()) << "the first record is written once";
  state.bundle = std::string(100000, 'b');
  ASSERT_TRUE(dir.save(state).ok());
  const Result<ContainerState> read = dir.load();
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(*read, state);
  EXPECT_THAT(support::list_directory(dir.path()), ElementsAre("state.json"));
}

TEST_F(Store, ConfigIsASnapshot) {
  const ContainerDir dir = make("web");
  ASSERT_TRUE(dir.save_config("{}").ok());
  EXPECT_FALSE(dir.save_config("[]").ok());
  EXPECT_EQ(dir.load_config().value(), "{}");
}

TEST_F(Store, UnknownAndHalfMadeContainersDoNotExist) {
  make("half");
  for (const char* id : {"half", "never"}) {
    const Result<ContainerState> state = root_.open(id)->load();
    ASSERT_FALSE(state.ok());
    EXPECT_EQ(state.error().kind, Kind::NotFound);
    EXPECT_THAT(state.error().message, HasSubstr("does not exist"));
  }
}

TEST_F(Store, DamagedRecordsAreNamed) {
  const ContainerDir dir = damaged("");
  const std::string file = dir.path() + "/state.json";
  for (const char* text : {"", "{", "[]", "{\"format\":1}", "{\"format\":1,\"id\":\"other\"}"}) {
    support::write_file(file, text);
    const Result<ContainerState> state = dir.load();
    ASSERT_FALSE(state.ok()) << text;
    EXPECT_NE(state.error().kind, Kind::NotFound);
    EXPECT_THAT(state.error().message, HasSubstr(file));
  }
}

TEST_F(Store, WhatIsNoFileNeitherBlocksNorIsFollowed) {
  const ContainerDir dir = make("hurt");
  const std::string file = dir.path() + "/state.json";
  ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
  EXPECT_THAT(dir.load().error().message, HasSubstr(file));
  ASSERT_EQ(::unlink(file.c_str()), 0);
  const std::string target = tmp_ / "target";
  support::write_file(target, encode_state(state_of("hurt")));
  ASSERT_EQ(::symlink(target.c_str(), file.c_str()), 0);
  EXPECT_THAT(dir.load().error().message, HasSubstr(file));
  ASSERT_EQ(::unlink(file.c_str()), 0);
  ASSERT_EQ(::mkdir(file.c_str(), 0700), 0);
  EXPECT_THAT(dir.load().error().message, HasSubstr(file));
  EXPECT_TRUE(dir.remove().ok());
}

TEST_F(Store, AHugeRecordIsNotRead) {
  const ContainerDir dir = damaged("");
  ASSERT_EQ(::truncate((dir.path() + "/state.json").c_str(), off_t{1} << 30), 0);
  EXPECT_THAT(dir.load().error().message, HasSubstr("File too large"));
}

TEST_F(Store, RemoveTakesEverything) {
  const ContainerDir dir = make("web");
  ASSERT_TRUE(dir.save_new(state_of("web")).ok());
  ASSERT_EQ(::mkdir((dir.path() + "/notify").c_str(), 0700), 0);
  support::write_file(dir.path() + "/notify/x", "x");
  ASSERT_TRUE(dir.remove().ok());
  EXPECT_FALSE(support::path_exists(dir.path()));
  EXPECT_TRUE(dir.remove().ok()) << "again";
  EXPECT_TRUE(root_.create("web").ok()) << "the name is free";
}

TEST_F(Store, ListsContainersOnly) {
  make("b");
  make("a");
  ASSERT_EQ(::mkdir((root_.path() + "/.cache").c_str(), 0700), 0);
  support::write_file(root_.path() + "/file", "");
  ASSERT_EQ(::mkdir((root_.path() + "/no id").c_str(), 0700), 0);
  EXPECT_THAT(root_.list().value(), ElementsAre("a", "b"));
  EXPECT_EQ(StateRoot(tmp_ / "nothing").list().error().kind, Kind::NotFound);
}

TEST_F(Store, TheLockExcludesAndKnowsAboutRemoval) {
  const ContainerDir dir = make("web");
  {
    const ctr::UniqueFd lock = dir.lock().value();
    const ctr::UniqueFd other = ctr::sys::open(dir.path(), O_RDONLY | O_DIRECTORY).value();
    EXPECT_EQ(ctr::sys::flock(other, LOCK_EX | LOCK_NB).error().code, EWOULDBLOCK);
  }
  EXPECT_TRUE(dir.lock().ok()) << "let go with the descriptor";
  ASSERT_TRUE(dir.remove().ok());
  EXPECT_EQ(dir.lock().error().kind, Kind::NotFound);
}

// --- status --------------------------------------------------------------------------------------

TEST_F(Store, WithoutAProcessItIsBeingCreated) {
  const ContainerDir dir = make("web");
  EXPECT_EQ(status_of(dir, state_of("web")), Status::Creating);
}

TEST_F(Store, AProcessIsKnownByPidStartTimeAndBoot) {
  const ContainerDir dir = make("web");
  ContainerState state = state_of("web");
  state.init = identify(::getpid()).value();
  EXPECT_EQ(status_of(dir, state), Status::Running);
  EXPECT_TRUE(open_process(state.init).value().has_value());

  ContainerState reused = state;
  ++reused.init.start_time;
  EXPECT_EQ(status_of(dir, reused), Status::Stopped);
  EXPECT_FALSE(open_process(reused.init).value().has_value());

  ContainerState rebooted = state;
  rebooted.init.boot_id.front() = rebooted.init.boot_id.front() == '0' ? '1' : '0';
  EXPECT_EQ(status_of(dir, rebooted), Status::Stopped);
  EXPECT_FALSE(open_process(rebooted.init).value().has_value());
}

TEST_F(Store, AZombieHasStopped) {
  const ContainerDir dir = make("web");
  ctr::sys::Cloned child = ctr::sys::clone3(0, ctr::kNoFd).value();
  if (child.pid == 0) {
    ::pause();
    ::_exit(0);
  }
  ContainerState state = state_of("web");
  state.init = identify(child.pid).value();
  EXPECT_EQ(status_of(dir, state), Status::Running);
  ASSERT_TRUE(ctr::sys::pidfd_send_signal(child.pidfd, SIGKILL).ok());
  ASSERT_TRUE(ctr::sys::wait_pidfd(child.pidfd, -1).value());
  EXPECT_EQ(status_of(dir, state), Status::Stopped) << "not reaped yet";
  ASSERT_TRUE(ctr::sys::waitpid(child.pid, 0).ok());
  EXPECT_EQ(status_of(dir, state), Status::Stopped);
  EXPECT_EQ(identify(child.pid).error().kind, Kind::ChildDied);
}

TEST_F(Store, CreatedWhileInitListensAtTheGate) {
  const ContainerDir dir = make("web");
  ContainerState state = state_of("web");
  ctr::sys::Cloned init = ctr::sys::clone3(0, ctr::kNoFd).value();
  if (init.pid == 0) {
    ::pause();
    ::_exit(0);
  }
  state.init = identify(init.pid).value();
  {
    const ctr::UniqueFd gate = ctr::make_gate(dir.gate_path()).value();
    EXPECT_EQ(status_of(dir, state), Status::Created);
  }
  // The file alone is what a starter leaves that was killed at the wrong moment.
  EXPECT_EQ(status_of(dir, state), Status::Running);
  ASSERT_TRUE(ctr::sys::pidfd_send_signal(init.pidfd, SIGKILL).ok());
  ASSERT_TRUE(ctr::sys::waitpid(init.pid, 0).ok());
  state.init = {};
  EXPECT_EQ(status_of(dir, state), Status::Creating);
}

// Init listens with what it inherited when it was forked: another program is past the gate.
TEST_F(Store, AProgramThatWasExecutedDoesNotWait) {
  const ContainerDir dir = make("web");
  ContainerState state = state_of("web");
  state.init = identify(::getpid()).value();
  const ctr::UniqueFd gate = ctr::make_gate(dir.gate_path()).value();
  EXPECT_EQ(status_of(dir, state), Status::Running);
}

TEST_F(Store, FrozenIsPaused) {
  const ContainerDir dir = make("web");
  ContainerState state = state_of("web");
  state.init = identify(::getpid()).value();
  state.cgroup.freezer = tmp_ / "freezer.state";
  support::write_file(state.cgroup.freezer, "FROZEN\n");
  EXPECT_EQ(status_of(dir, state), Status::Paused);
  support::write_file(state.cgroup.freezer, "THAWED\n");
  EXPECT_EQ(status_of(dir, state), Status::Running);
  ::unlink(state.cgroup.freezer.c_str());
  EXPECT_EQ(status_of(dir, state), Status::Running) << "moved to another cgroup, but alive";
}

}  // namespace
}  // namespace oci
