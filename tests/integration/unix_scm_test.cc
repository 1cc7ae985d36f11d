// SPDX-License-Identifier: Apache-2.0
// Descriptors over unix sockets, against peers that keep to the rules and peers that don't.
#include "ctrtool/cmd/unix_scm.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/socket.h"
#include "tests/support/files.h"
#include "tests/support/ns_test.h"

namespace ctr {
namespace {

using ::testing::HasSubstr;

std::size_t open_descriptors() { return support::list_directory("/proc/self/fd").size(); }

UniqueFd null_device() { return UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

void send_to(BorrowedFd socket, std::string_view data, std::size_t count) {
  std::vector<UniqueFd> files;
  std::vector<BorrowedFd> fds;
  for (std::size_t i = 0; i < count; ++i) fds.push_back(files.emplace_back(null_device()));
  ASSERT_OK(sys::send_message(socket, data, fds));
}

class UnixScm : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    Result<sys::SocketPair> made = sys::socketpair(GetParam());
    ASSERT_OK(made);
    pair_ = std::move(*made);
    // The kernel notes who sends only where somebody wants to know.
    ASSERT_OK(sys::set_passcred(pair_.second, true));
  }
  int error_of(const ReceiveFds& request) {
    const Result<ReceivedFds> got = receive_fds(pair_.second, request);
    return got.ok() ? 0 : got.error().code;
  }
  sys::SocketPair pair_;
};
INSTANTIATE_TEST_SUITE_P(Types, UnixScm, testing::Values(SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM));

TEST_P(UnixScm, Test1TheDescriptorIsTheFile) {
  const support::TempDir dir;
  ASSERT_TRUE(support::write_file(dir / "f", "text"));
  const UniqueFd file(::open((dir / "f").c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_OK(sys::send_message(pair_.first, "x", {file.borrow()}));
  Result<ReceivedFds> got = receive_fds(pair_.second, {});
  ASSERT_OK(got);
  ASSERT_EQ(got->fds.size(), 1U);
  EXPECT_EQ(*sys::read_all(got->fds[0]), "text");
  EXPECT_NE(::fcntl(got->fds[0].raw(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_EQ(got->sender.pid, ::getpid());
}

TEST_P(UnixScm, Test2WhatComesBeyondIsClosed) {
  send_to(pair_.first, "x", 3);
  const std::size_t before = open_descriptors();
  const Result<ReceivedFds> got = receive_fds(pair_.second, {});
  ASSERT_OK(got);
  EXPECT_EQ(open_descriptors(), before + 1);
}

TEST_P(UnixScm, Test3ClosedPeer) {
  pair_.first.reset();
  // A datagram socket without a peer has nothing that could end.
  const int expected = GetParam() == SOCK_DGRAM ? ETIMEDOUT : ENODATA;
  EXPECT_EQ(error_of({.timeout_ms = 1}), expected);
}

TEST_P(UnixScm, Test4BytesOnly) {
  send_to(pair_.first, "x", 0);
  EXPECT_EQ(error_of({}), ENODATA);
}

TEST_P(UnixScm, ImproveSkipsMessagesWithoutDescriptors) {
  send_to(pair_.first, "x", 0);
  send_to(pair_.first, "y", 1);
  EXPECT_EQ(error_of({.skip = Skip::MessagesWithoutFds, .timeout_ms = 20000}), 0);
}

TEST_P(UnixScm, ImproveManyInOrder) {
  send_to(pair_.first, "x", 2);
  send_to(pair_.first, "y", 1);
  const Result<ReceivedFds> got = receive_fds(pair_.second, {.count = 3, .timeout_ms = 20000});
  ASSERT_OK(got);
  EXPECT_EQ(got->fds.size(), 3U);
}

TEST_P(UnixScm, ImproveChecksTheSender) {
  send_to(pair_.first, "x", 1);
  EXPECT_EQ(error_of({.uid = ::getuid() + 1}), EPERM);
  send_to(pair_.first, "x", 1);
  EXPECT_EQ(error_of({.pid = ::getpid() + 1}), EPERM);
  send_to(pair_.first, "x", 1);
  EXPECT_EQ(error_of({.uid = ::getuid(), .pid = ::getpid()}), 0);
}

TEST_P(UnixScm, ImproveWaitsNotForEver) { EXPECT_EQ(error_of({.timeout_ms = 1}), ETIMEDOUT); }

TEST_P(UnixScm, ImproveNoSignalWhenThePeerIsGone) {
  pair_.second.reset();
  const UniqueFd file = null_device();
  const Result<void> sent = send_fds(pair_.first, {file.borrow()});
  ASSERT_FALSE(sent.ok());
  const int expected = GetParam() == SOCK_DGRAM ? ECONNREFUSED : EPIPE;
  EXPECT_EQ(sent.error().code, expected);
}

TEST(UnixScmErrors, Test5APipeIsNoSocket) {
  const Result<sys::Pipe> pipe = sys::pipe();
  ASSERT_OK(pipe);
  const auto got = receive_fds(pipe.value().read, {.timeout_ms = 1});
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.error().code, ENOTSOCK);
  const auto closed = receive_fds(BorrowedFd(-1), {});
  ASSERT_FALSE(closed.ok());
  EXPECT_EQ(closed.error().code, EBADF);
}

}  // namespace
}  // namespace ctr
