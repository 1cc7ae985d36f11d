// SPDX-License-Identifier: Apache-2.0
#include "tests/support/ns_test.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/strf.h"

namespace support {

namespace {

using ctr::UniqueFd;
using testing::TestPartResult;

// One part of a result on the wire: three lines and the message's bytes.
std::string encode(int type, const std::string& file, int line, const std::string& message) {
  return ctr::strf("%d\n%s\n%d\n%zu\n", type, file.c_str(), line, message.size()) + message;
}

constexpr int kUnavailable = -1;

void send(int fd, const std::string& record) {
  std::string_view rest = record;
  while (!rest.empty()) {
    const ssize_t count = ::write(fd, rest.data(), rest.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    rest.remove_prefix(static_cast<std::size_t>(count));
  }
}

class PipeListener : public testing::EmptyTestEventListener {
 public:
  explicit PipeListener(int fd) : fd_(fd) {}
  void OnTestPartResult(const TestPartResult& part) override {
    if (part.type() == TestPartResult::kSuccess) return;
    send(fd_, encode(part.type(), part.file_name() == nullptr ? "?" : part.file_name(),
                     part.line_number(), part.message()));
  }

 private:
  int fd_;
};

int run_body(int fd, const std::function<void()>& body) {
  // What the caller of the tests has left open is none of the business of what they start.
  ::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
  auto& listeners = testing::UnitTest::GetInstance()->listeners();
  delete listeners.Release(listeners.default_result_printer());
  listeners.Append(new PipeListener(fd));
  body();
  ::fflush(nullptr);
  return 0;
}

std::string read_to_end(int fd) {
  std::string text;
  char buffer[16384];
  for (;;) {
    const ssize_t count = ::read(fd, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return text;
    text.append(buffer, static_cast<std::size_t>(count));
  }
}

std::string next_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  std::string line(text.substr(0, end));
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

void replay_skip(const std::string& message) { GTEST_SKIP() << "SKIP: " << message; }

void replay(int type, const std::string& file, int line, const std::string& message) {
  if (type == TestPartResult::kSkip)
    replay_skip(message);
  else if (type == kUnavailable)
    replay_skip("no namespaces here: " + message);
  else
    GTEST_MESSAGE_AT_(file.c_str(), line, message.c_str(),
                      type == TestPartResult::kFatalFailure ? TestPartResult::kFatalFailure
                                                            : TestPartResult::kNonFatalFailure);
}

void replay_all(std::string_view text) {
  while (!text.empty()) {
    const int type = ::atoi(next_line(text).c_str());
    const std::string file = next_line(text);
    const int line = ::atoi(next_line(text).c_str());
    const std::size_t size = std::min(
        static_cast<std::size_t>(::strtoul(next_line(text).c_str(), nullptr, 10)), text.size());
    const std::string message(text.substr(0, size));
    text.remove_prefix(size);
    replay(type, file, line, message);
  }
}

}  // namespace

void run_ns_test(const SandboxOptions& options, const std::function<void()>& body) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  ::fflush(nullptr);
  const int fd = writing.raw();
  const pid_t pid = start_in_sandbox(
      options, [fd](const std::string& why) { send(fd, encode(kUnavailable, "sandbox", 0, why)); },
      [fd, &body] { return run_body(fd, body); });
  ASSERT_GT(pid, 0);
  writing.reset();
  const std::string results = read_to_end(reading.raw());
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  replay_all(results);
  if (status != 0 && !(WIFEXITED(status) && WEXITSTATUS(status) == kNoSandbox))
    ADD_FAILURE() << "the test's process ended with status "
                  << (WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

}  // namespace support
