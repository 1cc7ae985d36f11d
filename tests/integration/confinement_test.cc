// SPDX-License-Identifier: Apache-2.0
// What a process that only waits can still do, asked of the kernel.
#include "ctrtool/core/kit/confinement.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "tests/support/files.h"
#include "tests/support/ns_test.h"

namespace {

using namespace support;

bool has_landlock() { return ::syscall(SYS_landlock_create_ruleset, nullptr, 0, 1) > 0; }

// The errno of a call in a child that is confined; 0 when it succeeds.
template <typename Call>
int errno_when_confined(const std::vector<std::string>& directories, Call call) {
  const pid_t child = ::fork();
  if (child == 0) {
    const bool confined = ctr::confine_to_waiting(directories).ok();
    errno = 0;
    const int error = call() < 0 ? errno : 0;
    // Before _exit(2) the address sanitizer would make a call that is not allowed any more.
    ::syscall(SYS_exit_group, confined ? error : 255);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << status;
  return WEXITSTATUS(status);
}

int run_program() { return ::execl("/bin/true", "true", nullptr); }

NS_TEST(Confinement, OpensNothingAndStartsNothing) {
  write_file("/tmp/file", "text");
  EXPECT_EQ(errno_when_confined({}, run_program), EPERM);
  EXPECT_EQ(errno_when_confined({}, [] { return static_cast<int>(::syscall(SYS_clone, 17, 0)); }),
            EPERM);
  EXPECT_EQ(errno_when_confined({}, [] { return ::unshare(CLONE_NEWNS); }), EPERM);
  EXPECT_EQ(errno_when_confined({}, [] { return ::umount2("/tmp", MNT_DETACH); }), EPERM);
  EXPECT_EQ(errno_when_confined({}, [] { return ::socket(AF_INET, SOCK_DGRAM, 0); }), EPERM);
  EXPECT_EQ(errno_when_confined({}, [] { return ::socket(AF_UNIX, SOCK_DGRAM, 0); }), 0);
  if (!has_landlock()) GTEST_SKIP() << "this kernel has no Landlock";
  EXPECT_EQ(errno_when_confined({}, [] { return ::open("/tmp/file", O_RDONLY); }), EACCES);
  EXPECT_EQ(errno_when_confined({}, [] { return ::unlink("/tmp/file"); }), EACCES);
}

NS_TEST(Confinement, KeepsHouseInItsDirectoriesOnly) {
  if (!has_landlock()) GTEST_SKIP() << "this kernel has no Landlock";
  make_directories("/tmp/ours/container");
  make_directories("/tmp/theirs");
  write_file("/tmp/ours/container/state", "text");
  write_file("/tmp/theirs/file", "text");
  const std::vector<std::string> ours{"/tmp/ours"};
  EXPECT_EQ(errno_when_confined(ours, [] { return ::open("/tmp/theirs/file", O_RDONLY); }), EACCES);
  EXPECT_EQ(errno_when_confined(ours, [] { return ::unlink("/tmp/theirs/file"); }), EACCES);
  EXPECT_EQ(errno_when_confined(ours, [] { return ::open("/proc/self/stat", O_RDONLY); }), 0);
  EXPECT_EQ(errno_when_confined(ours, [] { return ::mkdir("/tmp/ours/directory", 0700); }), EPERM);
  EXPECT_EQ(
      errno_when_confined(ours, [] { return ::open("/tmp/ours/new", O_WRONLY | O_CREAT, 0600); }),
      0);
  EXPECT_EQ(errno_when_confined(ours, [] { return ::unlink("/tmp/ours/container/state"); }), 0);
  EXPECT_EQ(errno_when_confined(ours, [] { return ::rmdir("/tmp/ours/container"); }), 0);
  EXPECT_EQ(errno_when_confined(ours, run_program), EPERM);
}

}  // namespace
