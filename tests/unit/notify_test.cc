// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/notify.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/process.h"
#include "ctrtool/core/sys/socket.h"
#include "tests/support/files.h"

namespace {

using ctr::UniqueFd;
using oci::cli::NotifyRelay;
namespace sys = ctr::sys;

TEST(NotifyLines, OfProcessesAndDescriptorsStayBehind) {
  EXPECT_EQ(oci::cli::forwardable_lines("STATUS=up\nMAINPID=7\nREADY=1\n"), "STATUS=up\nREADY=1");
  EXPECT_EQ(oci::cli::forwardable_lines("BARRIER=1"), "");
  EXPECT_EQ(oci::cli::forwardable_lines("FDSTORE=1\nFDNAME=x\nNOTIFYACCESS=all"), "");
  EXPECT_EQ(oci::cli::forwardable_lines(""), "");
  EXPECT_EQ(oci::cli::forwardable_lines("MAINPIDS=1"), "MAINPIDS=1");
}

TEST(NotifyLines, ReadyIsAWholeLine) {
  EXPECT_TRUE(oci::cli::says_ready("STATUS=x\nREADY=1"));
  EXPECT_FALSE(oci::cli::says_ready("STATUS=READY=1"));
  EXPECT_FALSE(oci::cli::says_ready("READY=10"));
}

class Notify : public testing::Test {
 protected:
  void SetUp() override {
    const UniqueFd state(::open(dir_.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    ASSERT_TRUE(oci::cli::make_notify_directory(state).ok());
    ctr::Result<UniqueFd> manager = sys::bind_unix(dir_ / "manager", SOCK_DGRAM | SOCK_NONBLOCK);
    ASSERT_TRUE(manager.ok());
    manager_ = std::move(*manager);
  }

  ctr::Result<std::optional<NotifyRelay>> open(const std::string& manager) {
    return NotifyRelay::open(dir_.path(), manager, ctr::Log());
  }

  NotifyRelay relay() {
    ctr::Result<std::optional<NotifyRelay>> relay = open(dir_ / "manager");
    if (!relay.ok()) ADD_FAILURE() << relay.error().message;
    return std::move(relay.value().value());
  }

  UniqueFd program() {
    ctr::Result<UniqueFd> fd = sys::connect_unix(dir_ / "notify/notify.sock", SOCK_DGRAM);
    return fd.ok() ? std::move(*fd) : UniqueFd();
  }

  std::string heard() {  // "" when there is nothing
    const ctr::Result<sys::Message> message = sys::receive_message(manager_, 8192);
    return message.ok() ? message->data : "";
  }

  support::TempDir dir_;
  UniqueFd manager_;
};

TEST_F(Notify, PassesWholeDatagramsOn) {
  NotifyRelay notify = relay();
  ASSERT_TRUE(sys::send_message(program(), "STATUS=a", {}).ok());
  ASSERT_TRUE(sys::send_message(program(), "MAINPID=3", {}).ok());
  ASSERT_TRUE(sys::send_message(program(), "READY=1\nSTATUS=b", {}).ok());
  notify.step();
  EXPECT_TRUE(notify.ready());
  EXPECT_EQ(heard(), "STATUS=a");
  EXPECT_EQ(heard(), "READY=1\nSTATUS=b");
  EXPECT_EQ(heard(), "");
}

TEST_F(Notify, EverybodyInTheContainerMayTalk) {
  const NotifyRelay notify = relay();
  struct stat status {};
  ASSERT_EQ(::stat((dir_ / "notify/notify.sock").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0777U);
  ASSERT_EQ(::stat((dir_ / "notify").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0755U);
}

TEST_F(Notify, HostileDatagramsAreDroppedAndTheirDescriptorsClosed) {
  NotifyRelay notify = relay();
  const std::size_t before = support::list_directory("/proc/self/fd").size();
  {
    const UniqueFd hostile = program();
    ASSERT_TRUE(sys::send_message(hostile, std::string(100000, 'x'), {}).ok());
    ASSERT_TRUE(sys::send_message(hostile, "", {}).ok());
    ASSERT_TRUE(sys::send_message(hostile, "X=1", std::vector<ctr::BorrowedFd>(200, hostile)).ok());
  }
  notify.step();
  EXPECT_EQ(heard(), "X=1");
  EXPECT_EQ(heard(), "");
  EXPECT_EQ(support::list_directory("/proc/self/fd").size(), before);
}

TEST_F(Notify, WaitsForAManagerThatIsBusyWithoutBlocking) {
  NotifyRelay notify = relay();
  int sent = 0;
  for (int i = 0; i < 1000; ++i) {  // until the manager's queue is full and we hold one
    if (notify.wanted().events == POLLOUT) break;
    ASSERT_TRUE(sys::send_message(program(), ctr::strf("N=%d", i), {}).ok());
    ++sent;
    notify.step();
  }
  ASSERT_EQ(notify.wanted().events, POLLOUT);
  for (int i = 0; i < sent; ++i) {
    EXPECT_EQ(heard(), ctr::strf("N=%d", i));
    notify.step();
  }
}

// A child that lives until its pipe closes.
struct Container {
  sys::Pipe pipe = sys::pipe().value();
  sys::Cloned process = sys::clone3(0, ctr::kNoFd).value();
  Container() {
    if (process.pid != 0) return;
    pipe.write.reset();
    char byte = 0;
    ::_exit(::read(pipe.read.raw(), &byte, 1) == 0 ? 0 : 1);
  }
  ~Container() {
    pipe.write.reset();
    ::waitpid(process.pid, nullptr, 0);
  }
};

TEST_F(Notify, TellsTheManagerWhoRunsOnAndWaitsForItToRead) {
  NotifyRelay notify = relay();
  const Container container;
  ASSERT_TRUE(sys::send_message(program(), "READY=1", {}).ok());
  const pid_t manager = ::fork();
  if (manager == 0) {
    ::usleep(200000);
    const bool right = heard() == "READY=1" && heard() == "MAINPID=4711";
    const ctr::Result<sys::Message> barrier = sys::receive_message(manager_, 100);
    ::_exit(right && barrier.ok() && barrier->data == "BARRIER=1" && barrier->fds.size() == 1 ? 0
                                                                                              : 1);
  }
  const ctr::Result<bool> ready = notify.wait_until_ready(container.process.pidfd, 4711);
  ASSERT_TRUE(ready.ok()) << ready.error().message;
  EXPECT_TRUE(*ready);
  int status = -1;
  EXPECT_TRUE(::waitpid(manager, &status, 0) == manager);
  EXPECT_EQ(status, 0);
}

TEST_F(Notify, AContainerThatEndsIsNeverReady) {
  NotifyRelay notify = relay();
  Container container;
  container.pipe.write.reset();
  const ctr::Result<bool> ready = notify.wait_until_ready(container.process.pidfd, 1);
  ASSERT_TRUE(ready.ok());
  EXPECT_FALSE(*ready);
}

TEST_F(Notify, OtherAddressesAreRefused) {
  const ctr::Result<std::optional<NotifyRelay>> relay = open("vsock:2:1");
  ASSERT_FALSE(relay.ok());
  EXPECT_EQ(relay.error().kind, ctr::Kind::Unsupported);
}

TEST_F(Notify, NobodyIsToldWhereNobodyListens) {
  const ctr::Result<std::optional<NotifyRelay>> relay = open(dir_ / "nobody");
  ASSERT_TRUE(relay.ok());
  EXPECT_FALSE(relay->has_value());
}

}  // namespace
