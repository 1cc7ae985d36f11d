// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

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

NS_TEST(Syslogd, NamesTheTrueSenderAndTakesNoDescriptors) {
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

NS_TEST(Syslogd, DividesAStreamIntoLines) {
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

NS_TEST(Syslogd, WantsASocketAndNoWords) {
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

}  // namespace
