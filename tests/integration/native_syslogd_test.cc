// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "ctrtool/cmd/unix_scm.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/socket.h"
#include "tests/support/applets.h"
#include "tests/support/files.h"
#include "tests/support/ns_test.h"

namespace {

using ctr::UniqueFd;
using support::eventually;

bool is_open_socket(const std::string& path) { return support::path_exists(path); }

NS_TEST(Syslogd, Example5NamesTheTrueSenderAndTakesNoDescriptors) {
  const support::Running collector(
      {.argv = support::ctrtool_words({"syslogd", "--bind", "/run/log", "--decoded"})});
  ASSERT_TRUE(eventually([] { return is_open_socket("/run/log"); }));
  const ctr::Result<UniqueFd> log = ctr::sys::connect_unix("/run/log", SOCK_DGRAM);
  ASSERT_OK(log);
  ASSERT_OK(ctr::sys::send_message(*log, "<191>Jan  2 03:04:05 tag: hello\n", {}));
  const std::string fds = "/proc/" + std::to_string(collector.pid()) + "/fd";
  ASSERT_TRUE(eventually([&] { return support::contains(collector.out(), "hello"); }));
  const std::size_t before = support::list_directory(fds).size();
  const ctr::Result<UniqueFd> file = ctr::sys::open("/proc/self/status", O_RDONLY);
  ASSERT_OK(ctr::sys::send_message(*log, "with a file", {file->borrow(), file->borrow()}));
  ASSERT_TRUE(eventually([&] { return support::contains(collector.out(), "with a file"); }));
  const std::string who = std::to_string(::getpid()) + ",0,0 ";
  EXPECT_TRUE(support::contains(collector.out(), who + "local7.debug tag: hello\n"))
      << collector.out();
  EXPECT_EQ(support::list_directory(fds).size(), before);
}

NS_TEST(Syslogd, Example6DividesAStreamIntoLines) {
  ctr::Result<ctr::sys::SocketPair> pair = ctr::sys::socketpair(SOCK_STREAM);
  ASSERT_OK(pair);
  support::Running collector(
      {.argv = support::ctrtool_words({"syslogd"}), .fds = {{pair->second.raw(), 0}}});
  pair->second.reset();
  ASSERT_OK(ctr::sys::write_all(pair->first, "<13>one\n<14>two"));
  pair->first.reset();
  const support::Outcome outcome = collector.wait();
  EXPECT_EQ(outcome.status, 0);
  const std::vector<std::string> lines = support::lines_of(outcome.out);
  ASSERT_EQ(lines.size(), 2U) << outcome.out;
  EXPECT_TRUE(lines[0].ends_with(" 13 one"));
  EXPECT_TRUE(lines[1].ends_with(" 14 two"));
}

// A collector on /run/log with these words, and a socket connected to it.
struct Collected {
  explicit Collected(std::vector<std::string> more) : collector({.argv = words(std::move(more))}) {
    eventually([] { return is_open_socket("/run/log"); }, kPatience);
    ctr::Result<UniqueFd> made = ctr::sys::connect_unix("/run/log", SOCK_DGRAM);
    if (made.ok()) log = std::move(*made);
  }
  static std::vector<std::string> words(std::vector<std::string> more) {
    more.insert(more.begin(), {"syslogd", "--bind", "/run/log"});
    return support::ctrtool_words(std::move(more));
  }
  void send(const std::string& text) const { (void)ctr::sys::send_message(log, text, {}); }
  // What stdout has when `text` has come.
  std::string until(const std::string& text) const {
    eventually([&] { return support::contains(collector.out(), text); }, kPatience);
    return collector.out();
  }

  static constexpr int kPatience = 60000;
  support::Running collector;
  UniqueFd log;
};

bool file_has(const std::string& path, const std::string& text) {
  return support::path_exists(path) && support::contains(support::read_file(path), text);
}

NS_TEST(Syslogd, Examples1To4WhatBecomesOfAMessage) {
  const Collected run({});
  const std::string who = " " + std::to_string(::getpid()) + ",0,0 ";
  run.send("<13>Jan  2 03:04:05 tag: hello");
  run.send("plain");
  run.send(
      std::string("<6>x\\y\0\1\1"
                  "5\x1b[0m\xc3\xa9",
                  16));
  run.send("<191>last");
  const std::string out = run.until("last");
  EXPECT_TRUE(support::contains(out, who + "13 tag: hello\n")) << out;
  EXPECT_TRUE(support::contains(out, who + "6 plain\n")) << out;
  EXPECT_TRUE(support::contains(out, who + "6 x\\\\y\\0\\1\\0015\\33[0m\\303\\251\n")) << out;
  EXPECT_TRUE(support::contains(out, who + "191 last\n")) << out;
}

NS_TEST(Syslogd, ImproveRfc5424AndStructuredOutput) {
  const Collected run({"--json"});
  run.send("<165>1 2003-10-11T22:14:15.003Z host app 42 ID47 [x@1 a=\"b\"] text");
  const std::string out = run.until("text");
  for (const char* part : {"\"host\"", "\"app\"", "\"ID47\"", "2003-10-11T22:14:15.003Z"})
    EXPECT_TRUE(support::contains(out, part)) << part << out;
}

NS_TEST(Syslogd, ImproveNamesByRangeOfUsersAndByControlGroup) {
  {
    const Collected run({"--name", "web=100000-165535", "--name", "us=0-0"});
    run.send("<14>one");
    EXPECT_TRUE(support::contains(run.until("one"), ",0,0 us 14 one\n")) << run.collector.out();
  }
  ::unlink("/run/log");
  const Collected run({"--cgroup"});
  run.send("<14>two");
  const std::string own = support::read_file("/proc/self/cgroup");
  const std::string last = own.substr(own.rfind('/') + 1, own.size() - own.rfind('/') - 2);
  EXPECT_TRUE(
      support::contains(run.until("two"), ",0,0 " + (last.empty() ? "-" : last) + " 14 two\n"))
      << run.collector.out();
}

NS_TEST(Syslogd, ImproveRotatesBySizeAndReopensOnHangup) {
  const Collected run({"--output", "/run/out", "--max-size", "100"});
  for (int i = 0; i < 4; ++i)
    run.send("<14>message number " + std::to_string(i) + std::string(60, '.'));
  EXPECT_TRUE(eventually([] { return file_has("/run/out", "number 3"); }, Collected::kPatience));
  EXPECT_TRUE(file_has("/run/out.1", "message number"));
  EXPECT_FALSE(file_has("/run/out", "number 0"));
  ASSERT_EQ(::rename("/run/out", "/run/moved"), 0);
  run.collector.kill(SIGHUP);
  EXPECT_TRUE(eventually([] { return support::path_exists("/run/out"); }, Collected::kPatience));
  run.send("<14>after");
  EXPECT_TRUE(eventually([] { return file_has("/run/out", "after"); }, Collected::kPatience));
}

NS_TEST(Syslogd, ImproveAFileForEachContainer) {
  ASSERT_EQ(::mkdir("/run/logs", 0700), 0);
  const Collected run({"--directory", "/run/logs", "--name", "../us=0-0"});
  run.send("<14>mine");
  EXPECT_TRUE(
      eventually([] { return file_has("/run/logs/_._us.log", "mine"); }, Collected::kPatience))
      << support::shell("ls /run/logs").out;
}

NS_TEST(Syslogd, ImproveFiltersByLevelAndLimitsLength) {
  const Collected run({"--level", "warning", "--max-message", "20"});
  run.send("<14>dropped");
  run.send("<12>" + std::string(100, 'a'));
  run.send("<11>last");
  const std::string out = run.until("last");
  EXPECT_FALSE(support::contains(out, "dropped")) << out;
  EXPECT_TRUE(support::contains(out, "12 " + std::string(16, 'a') + "\n")) << out;
}

NS_TEST(Syslogd, Example6WantsASocketAndNoWords) {
  EXPECT_EQ(support::ctrtool({"syslogd"}).status, 1);
  EXPECT_EQ(support::ctrtool({"syslogd", "x"}).status, 1);
  EXPECT_EQ(support::ctrtool({"syslogd", "--level", "loud"}).status, 1);
}

NS_TEST(UnixScm, ReceivesInOrderAndClosesTheRest) {
  const ctr::Result<ctr::sys::SocketPair> pair = ctr::sys::socketpair(SOCK_SEQPACKET);
  ASSERT_OK(pair);
  const ctr::Result<ctr::sys::Pipe> pipe = ctr::sys::pipe();
  const std::size_t before = support::list_directory("/proc/self/fd").size();
  ASSERT_OK(ctr::sys::set_passcred(pair->second, true));  // before anything is sent
  ASSERT_OK(ctr::sys::send_message(pair->first, "x", {}));
  ASSERT_OK(ctr::send_fds(pair->first, {pipe->read, pipe->write, pipe->read}));
  const ctr::Result<ctr::ReceivedFds> got = ctr::receive_fds(
      pair->second, {.skip = ctr::Skip::MessagesWithoutFds, .pid = ::getpid(), .timeout_ms = 2000});
  ASSERT_OK(got);
  EXPECT_EQ(got->fds.size(), 1U);
  EXPECT_EQ(support::list_directory("/proc/self/fd").size(), before + 1);
}

NS_TEST(UnixScm, SaysWhyNothingCame) {
  ctr::Result<ctr::sys::SocketPair> pair = ctr::sys::socketpair(SOCK_STREAM);
  ASSERT_OK(pair);
  const auto code = [&](ctr::BorrowedFd fd, int timeout_ms) {
    const auto got = ctr::receive_fds(fd, {.timeout_ms = timeout_ms});
    return got.ok() ? 0 : got.error().code;
  };
  EXPECT_EQ(code(pair->second, 10), ETIMEDOUT);
  ASSERT_OK(ctr::sys::write_all(pair->first, "bytes"));
  EXPECT_EQ(code(pair->second, -1), ENODATA);
  pair->first.reset();
  EXPECT_EQ(code(pair->second, -1), ENODATA);
  const ctr::Result<ctr::sys::Pipe> pipe = ctr::sys::pipe();
  EXPECT_EQ(code(pipe->read, -1), ENOTSOCK);
}

NS_TEST(Syslogd, Example4LongMessagesAreWhole) {
  const Collected run({});
  run.send(std::string(1100, 'a'));
  run.send(std::string(600, '\xff'));
  run.send("last");
  const std::string out = run.until("last");
  EXPECT_TRUE(support::contains(out, " 6 " + std::string(1100, 'a') + "\n"));
  std::string escaped;
  for (int i = 0; i < 600; ++i) escaped += "\\377";
  EXPECT_TRUE(support::contains(out, " 6 " + escaped + "\n"));
}

NS_TEST(Syslogd, ImproveASocketOfItsOwnForStreams) {
  const support::Running collector(
      {.argv = support::ctrtool_words({"syslogd", "--bind", "/run/log", "--type", "stream",
                                       "--mode", "640", "--owner", "5:6"})});
  ASSERT_TRUE(eventually([] { return is_open_socket("/run/log"); }, Collected::kPatience));
  EXPECT_TRUE(
      eventually([] { return support::shell("stat -c '%a %u %g' /run/log").out == "640 5 6\n"; },
                 Collected::kPatience));
  const ctr::Result<UniqueFd> first = ctr::sys::connect_unix("/run/log", SOCK_STREAM);
  const ctr::Result<UniqueFd> second = ctr::sys::connect_unix("/run/log", SOCK_STREAM);
  ASSERT_OK(first);
  ASSERT_OK(second);
  ASSERT_OK(ctr::sys::write_all(*first, "<13>half "));
  ASSERT_OK(ctr::sys::write_all(*second, "<14>other\n"));
  ASSERT_TRUE(eventually([&] { return support::contains(collector.out(), " 14 other\n"); },
                         Collected::kPatience));
  ASSERT_OK(ctr::sys::write_all(*first, "and half\n"));
  EXPECT_TRUE(eventually([&] { return support::contains(collector.out(), " 13 half and half\n"); },
                         Collected::kPatience))
      << collector.out();
}

NS_TEST(Syslogd, ImproveLimitsTheRateOfAUser) {
  const Collected run({"--rate", "2", "--level", "info"});
  // However slow the machine, some of these share a second.
  for (int i = 0; i < 300; ++i) run.send("<14>flood");
  EXPECT_TRUE(eventually(
      [&] {
        run.send("<14>probe");
        return support::contains(run.collector.out(), "probe");
      },
      Collected::kPatience));
  const std::vector<std::string> lines = support::lines_of(run.collector.out());
  EXPECT_GE(lines.size(), 2U);
  EXPECT_LT(lines.size(), 250U);
}

NS_TEST(Syslogd, ImproveTimesOfSenderAndPlace) {
  ::setenv("TZ", "XYZ-3", 1);
  const Collected run({"--local-time", "--sender-time"});
  run.send("<13>Jan  2 03:04:05 tag: hello");
  const std::string out = run.until("hello");
  EXPECT_TRUE(support::contains(out, "+03:00 ")) << out;
  EXPECT_TRUE(support::contains(out, "Jan  2 03:04:05")) << out;
}

NS_TEST(Syslogd, ImproveTellsOfOutputThatFails) {
  const Collected run({"--output", "/dev/full"});
  run.send("<13>lost");
  EXPECT_TRUE(
      eventually([&] { return support::contains(run.collector.err(), "No space left on device"); },
                 Collected::kPatience))
      << run.collector.err();
}

}  // namespace
