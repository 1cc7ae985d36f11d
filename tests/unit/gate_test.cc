// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/exec/gate.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>

#include "ctrtool/core/sys/process.h"

namespace ctr {
namespace {

// Forks an "init" that waits at the gate, then does as told.
class Gate : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/gate.XXXXXX";
    dir_ = ::mkdtemp(name);
    path_ = dir_ / "gate";
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  void start_init(const std::function<int(BorrowedFd)>& after_fork) {
    Result<UniqueFd> listener = make_gate(path_);
    ASSERT_TRUE(listener.ok()) << listener.error().message;
    pid_ = ::fork();
    ASSERT_GE(pid_, 0);
    if (pid_ == 0) ::_exit(after_fork(*listener));
    Result<UniqueFd> pidfd = sys::pidfd_open(pid_);
    ASSERT_TRUE(pidfd.ok());
    init_ = std::move(pidfd).value();
  }
  int status_of_init() const { return sys::exit_code(**sys::waitpid(pid_, 0)); }

  static int say_starting_and(int status, BorrowedFd listener, const Error* error) {
    Result<Channel> channel = wait_at_gate(listener);
    if (!channel.ok() || !channel->send(MessageType::Starting).ok()) return 99;
    if (error != nullptr && !channel->send(MessageType::Failed, encode_error(*error)).ok())
      return 98;
    return status;
  }

  std::filesystem::path dir_;
  std::string path_;
  pid_t pid_ = 0;
  UniqueFd init_;
};

TEST_F(Gate, StartsOnceAndOnlyOnRequest) {
  start_init([](BorrowedFd listener) { return say_starting_and(7, listener, nullptr); });
  // Looking starts nothing.
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(*gate_waits(path_));
  EXPECT_FALSE(*sys::wait_pidfd(init_, 50));
  const Result<void> released = release_gate(path_, init_);
  EXPECT_TRUE(released.ok()) << released.error().message;
  EXPECT_EQ(status_of_init(), 7);
  EXPECT_FALSE(std::filesystem::exists(path_));
  EXPECT_FALSE(*gate_waits(path_));
}

TEST_F(Gate, TellsWhyTheProgramDoesNotRun) {
  const Error why{Kind::NotFound, 2, "exec \"x\": no such file or directory"};
  start_init([&](BorrowedFd listener) { return say_starting_and(127, listener, &why); });
  const Result<void> released = release_gate(path_, init_);
  ASSERT_FALSE(released.ok());
  EXPECT_EQ(released.error(), why);
  EXPECT_EQ(status_of_init(), 127);
}

TEST_F(Gate, NoticesAnInitThatDiesInstead) {
  start_init([](BorrowedFd listener) {
    static_cast<void>(wait_at_gate(listener));
    return 1;
  });
  const Result<void> released = release_gate(path_, init_);
  ASSERT_FALSE(released.ok());
  EXPECT_EQ(released.error().kind, Kind::ChildDied);
  status_of_init();
}

TEST_F(Gate, WaitsForNobody) {
  start_init([](BorrowedFd) { return 0; });
  status_of_init();
  EXPECT_FALSE(*gate_waits(path_));
  EXPECT_FALSE(release_gate(path_, init_).ok());
}

}  // namespace
}  // namespace ctr
