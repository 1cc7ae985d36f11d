// SPDX-License-Identifier: Apache-2.0
// debug_shell, by the numbered examples and rules of its document.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/socket.h"
#include "tests/support/applets.h"
#include "tests/support/files.h"
#include "tests/support/ns_test.h"

namespace {

using ctr::UniqueFd;
using support::eventually;
using support::Outcome;
using support::Running;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

constexpr int kPatience = 60000;
const std::string kPath = "/tmp/shell.sock";

UniqueFd listening() {
  auto made = ctr::sys::listen_unix(kPath, SOCK_STREAM, 8);
  return made.ok() ? std::move(*made) : UniqueFd();
}

UniqueFd connected(int type = SOCK_STREAM) {
  UniqueFd socket;
  eventually(
      [&] {
        auto made = ctr::sys::connect_unix(kPath, type);
        if (made.ok()) socket = std::move(*made);
        return made.ok();
      },
      kPatience);
  return socket;
}

std::string rest_of(const UniqueFd& socket) {
  const auto text = ctr::sys::read_all(socket);
  return text.ok() ? *text : "error: " + text.error().message;
}

std::string answer() { return rest_of(connected()); }

std::vector<std::string> words(std::vector<std::string> more) {
  more.insert(more.begin(), "debug_shell");
  return support::ctrtool_words(std::move(more));
}

NS_TEST(NativeDebugShell, Example1AnswersAndEnds) {
  const UniqueFd listener = listening();
  const Running server(
      {.argv = words({"-c", "sh", "-c", "-c", "-c", "echo hi"}), .fds = {{listener.raw(), 0}}});
  EXPECT_EQ(answer(), "hi\n");
  EXPECT_EQ(answer(), "hi\n");
}

NS_TEST(NativeDebugShell, Example2WhatWillNotDo) {
  auto bound = ctr::sys::bind_unix(kPath, SOCK_STREAM);
  ASSERT_OK(bound);
  const auto status = [](int fd, std::vector<std::string> more) {
    return support::run({.argv = words(std::move(more)), .fds = {{fd, 0}}}).status;
  };
  EXPECT_EQ(status(bound->raw(), {"-c", "cat"}), 1);
  const UniqueFd inet(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(status(inet.raw(), {"-l", "-c", "cat"}), 1);
  EXPECT_EQ(status(inet.raw(), {"-l", "-E", "-u", "-c", "cat"}), 1);
  EXPECT_EQ(status(bound->raw(), {"-l"}), 1);
  EXPECT_EQ(status(bound->raw(), {"-l", "-c", "cat", "-f", "77"}), 1);
  EXPECT_EQ(status(bound->raw(), {"-l", "-c", "cat", "--max", "0"}), 1);
  EXPECT_EQ(status(bound->raw(), {"-l", "-c", "cat", "--with-program"}), 1);
  EXPECT_EQ(status(bound->raw(), {"-l", "-c", "cat", "--stderr", "odd"}), 1);
  EXPECT_EQ(status(bound->raw(), {"-c", "cat", "--nonsense"}), 255);
}

NS_TEST(NativeDebugShell, Example3ListensByItself) {
  auto bound = ctr::sys::bind_unix(kPath, SOCK_STREAM);
  ASSERT_OK(bound);
  const Running server({.argv = words({"-l", "-f", "5", "-c", "cat"}), .fds = {{bound->raw(), 5}}});
  const UniqueFd client = connected();
  ASSERT_OK(ctr::sys::write_all(client, "echo"));
  ::shutdown(client.raw(), SHUT_WR);
  EXPECT_EQ(rest_of(client), "echo");
}

NS_TEST(NativeDebugShell, Example4BecomesTheProgram) {
  const UniqueFd listener = listening();
  const Running program({.argv = words({"-c", "sh", "-c", "-c", "-c",
                                        "cut -d' ' -f4,6 /proc/$PPID/stat; cut -d' ' -f6 "
                                        "/proc/$(cut -d' ' -f4 /proc/$PPID/stat)/stat",
                                        "--", "sleep", "600"}),
                         .fds = {{listener.raw(), 0}}});
  ASSERT_TRUE(eventually(
      [&] {
        return support::read_file("/proc/" + std::to_string(program.pid()) + "/comm") == "sleep\n";
      },
      kPatience));
  const std::vector<std::string> lines = support::lines_of(answer());
  ASSERT_EQ(lines.size(), 2U);
  const std::string parent = lines[0].substr(0, lines[0].find(' '));
  const std::string session = lines[0].substr(lines[0].find(' ') + 1);
  EXPECT_EQ(parent, std::to_string(program.pid()));
  EXPECT_NE(session, lines[1]);
}

NS_TEST(NativeDebugShell, Example5WorkersAreIndependentAndReaped) {
  const UniqueFd listener = listening();
  const Running server({.argv = words({"-c", "sh", "-c", "-c", "-c", "echo $$; read x; echo $x"}),
                        .fds = {{listener.raw(), 0}}});
  const UniqueFd one = connected();
  const UniqueFd two = connected();
  ASSERT_OK(ctr::sys::write_all(two, "second\n"));
  const std::string second = rest_of(two);
  ASSERT_OK(ctr::sys::write_all(one, "first\n"));
  const std::string first = rest_of(one);
  EXPECT_THAT(second, MatchesRegex("[0-9]+\nsecond\n"));
  EXPECT_THAT(first, MatchesRegex("[0-9]+\nfirst\n"));
  EXPECT_NE(first.substr(0, first.find('\n')), second.substr(0, second.find('\n')));
  const std::string children = "/proc/" + std::to_string(server.pid()) + "/task/" +
                               std::to_string(server.pid()) + "/children";
  EXPECT_TRUE(eventually([&] { return support::read_file(children).empty(); }, kPatience));
}

NS_TEST(NativeDebugShell, ImproveAProgramThatCannotRunTakesTheServerAlong) {
  const UniqueFd listener = listening();
  const auto start = [&](const char* program) {
    return support::run(
        {.argv = words({"-c", "cat", "--", program}), .fds = {{listener.raw(), 0}}});
  };
  EXPECT_EQ(start("/no/such").status, 127);
  EXPECT_EQ(start("/etc/passwd").status, 126);
  EXPECT_EQ(support::shell("pgrep -x ctrtool | wc -l").out, "0\n");
}

NS_TEST(NativeDebugShell, ImproveServesAsLongAsTheProgram) {
  const Outcome done = support::shell(
      "$C debug_shell --bind /tmp/other.sock --with-program -c sleep -c 600 -- sh -c 'exit 3'; "
      "S=$?; "
      "i=0; while pgrep -x ctrtool >/dev/null && test $i -lt 300; do i=$((i+1)); sleep 0.1; done; "
      "pgrep -x ctrtool; exit $S");
  EXPECT_EQ(done.status, 3) << done.err;
  EXPECT_EQ(done.out, "");
}

NS_TEST(NativeDebugShell, ImproveBindsASocketItself) {
  const Running server(
      {.argv = words({"--bind", kPath, "--mode", "0620", "-c", "echo", "-c", "ok"})});
  EXPECT_EQ(answer(), "ok\n");
  struct stat st {};
  ASSERT_EQ(::stat(kPath.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0620U);
}

NS_TEST(NativeDebugShell, ImproveWhereErrorsGo) {
  for (const auto& [word, seen] :
       {std::pair{"connection", "err\n"}, {"inherit", ""}, {"null", ""}}) {
    ::unlink(kPath.c_str());
    Running server({.argv = words({"--bind", kPath, "--stderr", word, "-c", "sh", "-c", "-c", "-c",
                                   "echo err >&2"})});
    EXPECT_EQ(answer(), seen) << word;
    EXPECT_EQ(server.err(), std::string(word) == "inherit" ? "err\n" : "") << word;
  }
}

NS_TEST(NativeDebugShell, ImproveATerminalForEach) {
  const Running server({.argv = words({"--bind", kPath, "--pty", "-c", "sh", "-c", "-c", "-c",
                                       "test -t 0 && tty"})});
  EXPECT_THAT(answer(), MatchesRegex("/dev/pts/[0-9]+\r\n"));
}

NS_TEST(NativeDebugShell, ImprovePeersAreKnownAndChecked) {
  const Running all({.argv = words({"--bind", kPath, "-c", "sh", "-c", "-c", "-c",
                                    "echo $REMOTE_PID $REMOTE_UID $REMOTE_GID"})});
  EXPECT_EQ(answer(), std::to_string(::getpid()) + " 0 0\n");
  ::unlink(kPath.c_str());
  const Running others(
      {.argv = words({"--bind", kPath, "--allow-uid", "1000,1001", "-c", "echo", "-c", "no"})});
  EXPECT_EQ(answer(), "");
  ::unlink(kPath.c_str());
  const Running us({.argv = words({"--bind", kPath, "--allow-uid", "0", "--allow-gid", "0,5", "-c",
                                   "echo", "-c", "yes"})});
  EXPECT_EQ(answer(), "yes\n");
}

NS_TEST(NativeDebugShell, AnyFamilyKnowsTheAddress) {
  const UniqueFd inet(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  ASSERT_EQ(::bind(inet.raw(), reinterpret_cast<sockaddr*>(&at), size), 0);
  ASSERT_EQ(::listen(inet.raw(), 4), 0);
  ASSERT_EQ(::getsockname(inet.raw(), reinterpret_cast<sockaddr*>(&at), &size), 0);
  const Running server(
      {.argv = words({"-E", "-c", "sh", "-c", "-c", "-c", "echo $REMOTE_ADDR $REMOTE_PORT"}),
       .fds = {{inet.raw(), 0}}});
  const UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::connect(client.raw(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
  EXPECT_THAT(rest_of(client), MatchesRegex("127.0.0.1 [0-9]+\n"));
}

NS_TEST(NativeDebugShell, ImproveLimitsOfNumberAndTime) {
  const Running server({.argv = words({"--bind", kPath, "--max", "1", "--time", "1", "-c", "sh",
                                       "-c", "-c", "-c", "echo in; exec sleep 600"})});
  const UniqueFd one = connected();
  const UniqueFd two = connected();
  // Each is ended in its turn; none would end by itself.
  EXPECT_EQ(rest_of(one), "in\n");
  EXPECT_EQ(rest_of(two), "in\n");
}

NS_TEST(NativeDebugShell, ImproveOtherDescriptorsAreClosed) {
  const UniqueFd extra(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const Running server(
      {.argv = words({"--bind", kPath, "-c", "sh", "-c", "-c", "-c", "echo /proc/$$/fd/*"}),
       .fds = {{extra.raw(), 9}}});
  EXPECT_THAT(answer(), testing::Not(HasSubstr("/9")));
}

NS_TEST(NativeDebugShell, ImproveOtherTypesOfSockets) {
  auto packets = ctr::sys::listen_unix(kPath, SOCK_SEQPACKET, 4);
  ASSERT_OK(packets);
  {
    const Running server(
        {.argv = words({"-c", "echo", "-c", "packet"}), .fds = {{packets->raw(), 0}}});
    EXPECT_EQ(rest_of(connected(SOCK_SEQPACKET)), "packet\n");
  }
  ::unlink(kPath.c_str());
  auto datagrams = ctr::sys::bind_unix(kPath, SOCK_DGRAM);
  ASSERT_OK(datagrams);
  const Running server(
      {.argv = words({"-c", "dd", "-c", "of=/tmp/got", "-c", "count=1", "-c", "status=none"}),
       .fds = {{datagrams->raw(), 0}}});
  const UniqueFd client = connected(SOCK_DGRAM);
  ASSERT_OK(ctr::sys::write_all(client, "datagram"));
  EXPECT_TRUE(eventually(
      [] {
        return support::path_exists("/tmp/got") && support::read_file("/tmp/got") == "datagram";
      },
      kPatience));
}

}  // namespace
