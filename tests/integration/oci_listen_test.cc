// SPDX-License-Identifier: Apache-2.0
// org.ctrtool.listen: the program finds sockets open, in the container's network namespace.
#include <fcntl.h>
#include <gmock/gmock.h>

#include "ctrtool/core/base/strf.h"
#include "tests/support/runtime.h"

namespace {

using namespace support;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;

Bundle& listening(Bundle& bundle, const std::string& words) {
  return bundle.set("/annotations", "{\"org.ctrtool.listen\":\"" + words + "\"}");
}

// With the host's own programs in it, python among them.
Bundle& with_host_programs(Bundle& bundle) {
  for (const char* directory : {"/usr", "/lib", "/lib64", "/etc"})
    if (path_exists(directory)) bundle.bind(directory, directory, "rbind,ro");
  return bundle;
}

OCI_TEST(Listen, ProgramFindsItsSockets) {
  Bundle bundle;
  listening(bundle, "http=tcp:*:80,backlog=7 admin=unix:/run/admin,mode=600 udp:127.0.0.1:53")
      .shell(
          "echo $LISTEN_PID $LISTEN_FDS $LISTEN_FDNAMES; for i in 3 4 5; do readlink "
          "/proc/self/fd/$i; "
          "done; ls -l /proc/$$/fd | grep -v pipe: | grep -c ' -> '; stat -c %a /run/admin; cat "
          "/proc/net/tcp6 /proc/net/udp; "
          "readlink /proc/self/ns/net");
  make_directories(bundle.in_rootfs("/run"));
  const Outcome outcome = run_bundle(bundle);
  ASSERT_STATUS(outcome, 0);
  EXPECT_THAT(outcome.out,
              ContainsRegex("^1 3 http:admin:unknown\nsocket:.*\nsocket:.*\nsocket:.*\n6\n600\n"));
  EXPECT_THAT(outcome.out, HasSubstr(":0050 00000000000000000000000000000000:0000 0A"));
  EXPECT_THAT(outcome.out, HasSubstr("0100007F:0035"));
  EXPECT_EQ(outcome.out.find(link_target("/proc/self/ns/net")), std::string::npos);
}

OCI_TEST(Listen, SocketsComeBehindThoseHandedOn) {
  Bundle bundle;
  listening(bundle, "mine=tcp:127.0.0.1:80")
      .shell(
          "echo $LISTEN_FDS $LISTEN_FDNAMES; readlink /proc/self/fd/3; readlink /proc/self/fd/4");
  Command command =
      runtime_command({"--log", "/tmp/log", "run", "--bundle", bundle.path(), bundle.id()});
  const ctr::UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  command.fds = {{null.raw(), 3}};
  command.env = {{"PATH=/usr/bin:/bin", "LISTEN_FDS=1", "LISTEN_FDNAMES=given"}};
  const Outcome outcome = run(command);
  ASSERT_STATUS(outcome, 0);
  EXPECT_THAT(outcome.out, ContainsRegex("^2 given:mine\n/dev/null\nsocket:"));
}

// Between create and start the socket is there already, and the queue holds who comes early.
OCI_TEST(Listen, ServerAnswersWhoCameBeforeItRan) {
  Bundle bundle;
  with_host_programs(listening(bundle, "http=tcp:127.0.0.1:80"));
  ASSERT_TRUE(write_file(bundle.in_rootfs("/server.py"), R"(
import os, socket
assert os.environ['LISTEN_FDNAMES'] == 'http' and int(os.environ['LISTEN_PID']) == os.getpid()
listener = socket.socket(fileno=3)
connection, peer = listener.accept()
connection.sendall(b'served ' + connection.recv(100))
)"));
  bundle.args({"/usr/bin/python3", "/server.py"});
  ASSERT_STATUS(create_bundle(bundle), 0);
  const std::string netns = ctr::strf("--net=/proc/%d/ns/net", pid_of(bundle.id()));
  Running client({.argv = {"nsenter", netns, "/usr/bin/python3", "-c",
                           "import socket\n"
                           "s = socket.create_connection(('127.0.0.1', 80))\n"
                           "s.sendall(b'early')\n"
                           "print('sent', flush=True)\n"
                           "print(s.recv(100).decode())\n"},
                  .timeout_ms = 60000});
  EXPECT_TRUE(eventually([&] { return client.out() == "sent\n"; }, 60000)) << client.err();
  EXPECT_STATUS(runtime({"start", bundle.id()}), 0);
  EXPECT_EQ(client.wait(60000).out, "sent\nserved early\n");
  EXPECT_TRUE(reaches(bundle.id(), "stopped", 60000));
  EXPECT_STATUS(runtime({"delete", bundle.id()}), 0);
}

OCI_TEST(Listen, MistakesHaveTheirPointer) {
  Bundle bundle;
  for (const char* words : {"tcp:80", "nosuch:1", "tcp:*:80,nosuch", "a:b=tcp:*:80"}) {
    const Outcome outcome = run_bundle(listening(bundle, words));
    EXPECT_STATUS(outcome, 1);
    EXPECT_THAT(outcome.err, HasSubstr("/annotations/org.ctrtool.listen"));
    EXPECT_THAT(outcome.err, HasSubstr(words));
  }
  // What only the kernel knows is told too, and leaves nothing behind.
  const Outcome taken = run_bundle(listening(bundle, "tcp:10.9.9.9:80"));
  EXPECT_STATUS(taken, 1);
  EXPECT_THAT(taken.err, HasSubstr("10.9.9.9:80"));
}

}  // namespace
