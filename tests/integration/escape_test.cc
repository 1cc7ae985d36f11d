// SPDX-License-Identifier: Apache-2.0
// The test program itself is the executable to protect: started with ESCAPE_STAGE in its
// environment it plays the runtime instead of running tests.
#include "ctrtool/core/kit/escape.h"

#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "ctrtool/core/base/strf.h"
#include "tests/support/files.h"
#include "tests/support/ns_test.h"

namespace {

using ctr::strf;

void play_runtime(char** argv, const std::string& stage) {
  const ctr::Result<void> done =
      stage == "copy" ? ctr::escape_to_memfd(argv) : ctr::protect_self(argv);
  if (!done.ok()) {
    ::dprintf(STDOUT_FILENO, "failed: %s\n", done.error().message.c_str());
    ::_exit(9);
  }
  ::dprintf(STDOUT_FILENO, "%s|%s|%s\n", argv[0], argv[1],
            support::link_target("/proc/self/exe").c_str());
  char byte = 0;
  while (::read(STDIN_FILENO, &byte, 1) > 0) {
  }
  ::_exit(0);
}

// Before main(), where gtest would read the arguments.
[[gnu::constructor]] void stage(int, char** argv, char**) {
  const char* const wanted = ::getenv("ESCAPE_STAGE");
  if (wanted != nullptr) play_runtime(argv, wanted);
}

// A running "runtime"; ends when `stop` is called.
struct Runtime {
  pid_t pid = -1;
  int in = -1;
  std::string line;  // what it said when it was through

  void stop() {
    ::close(in);
    int status = -1;
    ::waitpid(pid, &status, 0);
    EXPECT_EQ(status, 0);
  }
};

std::string first_line(int fd) {
  std::string line;
  char c = 0;
  while (::read(fd, &c, 1) == 1 && c != '\n') line += c;
  return line;
}

Runtime start(const char* stage, uid_t uid, const std::string& program = "/proc/self/exe") {
  int in[2];
  int out[2];
  EXPECT_EQ(::pipe2(in, O_CLOEXEC), 0);
  EXPECT_EQ(::pipe2(out, O_CLOEXEC), 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(in[0], STDIN_FILENO);
    ::dup2(out[1], STDOUT_FILENO);
    ::setenv("ESCAPE_STAGE", stage, 1);
    if (uid != 0 && (::setgroups(0, nullptr) != 0 || ::setuid(uid) != 0)) ::_exit(8);
    ::execl(program.c_str(), "any name", "an argument", nullptr);
    ::_exit(7);
  }
  ::close(in[0]);
  ::close(out[1]);
  Runtime runtime{pid, in[1], first_line(out[0])};
  ::close(out[0]);
  return runtime;
}

// As CVE-2019-5736: hold the file, wait until nobody executes it, open it again for writing.
void expect_unwritable(Runtime& runtime) {
  const std::string exe = strf("/proc/%d/exe", runtime.pid);
  EXPECT_LT(::open(exe.c_str(), O_WRONLY | O_CLOEXEC), 0);
  EXPECT_LT(::open(exe.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC), 0);
  const int held = ::open(exe.c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_GE(held, 0);
  EXPECT_LT(::mount("none", exe.c_str(), nullptr, MS_REMOUNT | MS_BIND, nullptr), 0);
  runtime.stop();
  const int again = ::open(strf("/proc/self/fd/%d", held).c_str(), O_WRONLY | O_CLOEXEC);
  if (again >= 0) {
    EXPECT_LT(::write(again, "x", 1), 0) << "wrote to the executable";
    EXPECT_NE(::ftruncate(again, 0), 0);
    ::close(again);
  }
  ::close(held);
}

constexpr const char* kMemfd = "/memfd:ctrtool (deleted)";

NS_TEST(Escape, RootGetsAReadOnlyMountOfTheSameFile) {
  // By its path: the mount that we were started from is not one of the sandbox's.
  Runtime runtime = start("protect", 0, support::link_target("/proc/self/exe"));
  ASSERT_TRUE(runtime.line.starts_with("any name|an argument|/")) << runtime.line;
  EXPECT_FALSE(support::contains(runtime.line, "memfd"));
  expect_unwritable(runtime);
}

NS_TEST(Escape, WithoutMountingThereIsASealedCopy) {
  Runtime runtime = start("protect", 1000);
  EXPECT_EQ(runtime.line, std::string("any name|an argument|") + kMemfd);
  expect_unwritable(runtime);
}

NS_TEST(Escape, TheCommandAlwaysCopies) {
  Runtime runtime = start("copy", 0);
  EXPECT_EQ(runtime.line, std::string("any name|an argument|") + kMemfd);
  struct stat status {};
  ASSERT_EQ(::stat(strf("/proc/%d/exe", runtime.pid).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0555U);
  expect_unwritable(runtime);
}

NS_TEST(Escape, ProtectedOnceIsProtectedForEver) {
  Runtime copied = start("copy", 0);
  const std::string exe = strf("/proc/%d/exe", copied.pid);
  Runtime again = start("protect", 0, exe);
  EXPECT_EQ(again.line, std::string("any name|an argument|") + kMemfd);
  again.stop();
  copied.stop();
}

NS_TEST(Escape, AReadOnlyFileSystemNeedsNoSecondStart) {
  ASSERT_EQ(::mount("none", "/run", "tmpfs", 0, nullptr), 0);
  ASSERT_TRUE(support::copy_file("/proc/self/exe", "/run/program", 0755));
  ASSERT_EQ(::mount("none", "/run", nullptr, MS_REMOUNT | MS_RDONLY, nullptr), 0);
  const ctr::UniqueFd file(::open("/run/program", O_RDONLY | O_CLOEXEC));
  EXPECT_TRUE(ctr::is_protected(file));
  Runtime runtime = start("protect", 1000, "/run/program");  // not the copy that it could make
  EXPECT_EQ(runtime.line, "any name|an argument|/run/program");
  expect_unwritable(runtime);
}

NS_TEST(Escape, AnOrdinaryFileIsNotProtected) {
  const ctr::UniqueFd file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  EXPECT_FALSE(ctr::is_protected(file));
}

}  // namespace
