// SPDX-License-Identifier: Apache-2.0
// NOTIFY_SOCKET: the test plays the service manager.
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "tests/support/runtime.h"

namespace {

using namespace support;

// The runtime as one that listens at `address` starts it, or once did.
Command told_of(const char* address, const std::vector<std::string>& words) {
  Command command = runtime_command(words);
  command.argv.insert(command.argv.begin(),
                      {"/usr/bin/env", std::string("NOTIFY_SOCKET=") + address});
  return command;
}

class Manager {
 public:
  Manager() : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::strcpy(at.sun_path, kPath);
    EXPECT_EQ(::bind(fd_.raw(), reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
  }
  // Descriptors that come along are closed at once: so ends a barrier.
  std::string hear(int timeout_ms = 10000) {
    pollfd ready{fd_.raw(), POLLIN, 0};
    if (::poll(&ready, 1, timeout_ms) <= 0) return "";
    char text[4096];
    const ssize_t got = ::recv(fd_.raw(), text, sizeof text, 0);
    return got > 0 ? std::string(text, static_cast<std::size_t>(got)) : "";
  }
  static Command told(const std::vector<std::string>& words) { return told_of(kPath, words); }

 private:
  static constexpr const char* kPath = "/tmp/manager.sock";
  ctr::UniqueFd fd_;
};

OCI_TEST(Notify, RunDetachedReturnsWhenTheProgramIsReady) {
  Bundle bundle;
  Manager manager;
  bundle.args({"/bin/guest", "notify", "STATUS=soon\nMAINPID=1", "READY=1", "hold"});
  Running runtime_run(Manager::told({"run", "--detach", "--bundle", bundle.path(), bundle.id()}));
  EXPECT_EQ(manager.hear(), "STATUS=soon");
  EXPECT_EQ(manager.hear(), "READY=1");
  EXPECT_EQ(manager.hear(), "MAINPID=" + std::to_string(pid_of(bundle.id())));
  EXPECT_EQ(manager.hear(), "BARRIER=1");
  EXPECT_STATUS(runtime_run.wait(), 0);
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
}

OCI_TEST(Notify, StartDoesToo) {
  Bundle bundle;
  Manager manager;
  bundle.args({"/bin/guest", "notify", "READY=1", "hold"});
  ASSERT_STATUS(run(Manager::told({"create", "--bundle", bundle.path(), bundle.id()})), 0);
  Running start(Manager::told({"start", bundle.id()}));
  EXPECT_EQ(manager.hear(), "READY=1");
  EXPECT_EQ(manager.hear(), "MAINPID=" + std::to_string(pid_of(bundle.id())));
  EXPECT_EQ(manager.hear(), "BARRIER=1");
  EXPECT_STATUS(start.wait(), 0);
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
}

OCI_TEST(Notify, AnAttachedRunPassesMessagesOnAndEndsWithTheProgram) {
  Bundle bundle;
  Manager manager;
  bundle.args({"/bin/guest", "notify", "READY=1", "STOPPING=1"});
  EXPECT_STATUS(run(Manager::told({"run", "--bundle", bundle.path(), bundle.id()})), 0);
  EXPECT_EQ(manager.hear(), "READY=1");
  EXPECT_EQ(manager.hear(), "STOPPING=1");
}

OCI_TEST(Notify, AProgramThatEndsUnreadyHoldsNobody) {
  Bundle bundle;
  const Manager manager;
  bundle.args({"/bin/guest", "exit", "0"});
  EXPECT_STATUS(run(Manager::told({"run", "--detach", "--bundle", bundle.path(), bundle.id()})), 0);
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
}

OCI_TEST(Notify, WaitingCanBeEnded) {
  Bundle bundle;
  Manager manager;
  bundle.args({"/bin/guest", "notify", "STATUS=never ready", "hold"});
  Running runtime_run(Manager::told({"run", "--detach", "--bundle", bundle.path(), bundle.id()}));
  EXPECT_EQ(manager.hear(), "STATUS=never ready");
  runtime_run.kill(SIGTERM);
  EXPECT_STATUS(runtime_run.wait(), 128 + SIGTERM);
  EXPECT_TRUE(reaches(bundle.id(), "running"));
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
}

// As it is after the manager has gone, or with the variable of somebody else.
OCI_TEST(Notify, AManagerThatDoesNotListenKeepsNobodyFromStarting) {
  for (const char* const address : {"/tmp/nobody.sock", "@nobody", "/etc/passwd"}) {
    Bundle bundle;
    bundle.args({"/bin/guest", "exit", "7"});
    EXPECT_STATUS(run(told_of(address, {"--log", "/tmp/log", "--log-level", "warning", "run",
                                        "--bundle", bundle.path(), bundle.id()})),
                  7);
    const std::string log = read_file("/tmp/log");
    EXPECT_EQ(lines_of(log).size(), 1U) << log;
    EXPECT_NE(log.find("NOTIFY_SOCKET"), std::string::npos) << log;
    ::unlink("/tmp/log");

    bundle.args({"/bin/guest", "hold"});
    EXPECT_STATUS(run(told_of(address, {"create", "--bundle", bundle.path(), bundle.id()})), 0);
    EXPECT_STATUS(run(told_of(address, {"start", bundle.id()})), 0);
    EXPECT_TRUE(reaches(bundle.id(), "running"));
    EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
  }
}

OCI_TEST(Notify, TheSocketIsReachableByAMappedUserAndTheDirectoryIsReadOnly) {
  Bundle bundle;
  Manager manager;
  bundle.map_ids(100000, 65536);
  bundle.set("/process/user", R"({"uid":1000,"gid":1000})");
  bundle.shell("/bin/guest notify READY=1 && ! touch /run/notify/x");
  EXPECT_STATUS(run(Manager::told({"run", "--bundle", bundle.path(), bundle.id()})), 0);
  EXPECT_EQ(manager.hear(), "READY=1");
}

}  // namespace
