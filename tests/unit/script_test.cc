// SPDX-License-Identifier: Apache-2.0
#include "hooks/script.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctrtool/core/base/strf.h"
#include "hooks/program.h"
#include "tests/support/files.h"

namespace {

using ctr::BorrowedFd;
using ctr::UniqueFd;
using hooks::Script;
using hooks::ScriptTarget;
using support::read_file;

class Scripts : public testing::Test {
 protected:
  void SetUp() override {
    target_.pid = ::getpid();
    target_.proc = proc_;
    target_.env = {"PATH=" + std::string("/usr/bin:/bin"), "SAID=" + (dir_ / "said")};
  }

  int shell(const std::string& text) {
    const ctr::Result<int> status =
        hooks::run_script({.form = Script::Form::ShellText, .text = text}, target_);
    return status.ok() ? *status : -1;
  }
  std::string said() { return read_file(dir_ / "said"); }

  support::TempDir dir_;
  UniqueFd proc_{::open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  ScriptTarget target_;
};

TEST_F(Scripts, ShellTextGetsThreeWords) {
  EXPECT_EQ(shell("echo $0 $# $1 $2 $3 >$SAID"), 0);
  EXPECT_EQ(said(), ctr::strf("- 3 %d %d -1\n", ::getpid(), proc_.raw()));
}

TEST_F(Scripts, TheProcessDirectoryIsOpenThere) {
  EXPECT_EQ(shell("readlink /proc/self/fd/$2/ns/net >$SAID"), 0);
  EXPECT_EQ(said(), support::link_target("/proc/self/ns/net") + "\n");
}

TEST_F(Scripts, AFileIsCalledWithTheWords) {
  const std::string path = dir_ / "script";
  ASSERT_TRUE(support::write_file(path, "#!/bin/sh\necho $# $1 $3 >$SAID\nexit 5\n", 0755));
  const ctr::Result<int> status = hooks::run_script({.text = path}, target_);
  ASSERT_TRUE(status.ok()) << status.error().message;
  EXPECT_EQ(*status, 5);
  EXPECT_EQ(said(), ctr::strf("3 %d -1\n", ::getpid()));
}

TEST_F(Scripts, NamesAreLookedUpAndWhatIsMissingSaysSo) {
  const ctr::Result<int> found = hooks::run_script({.text = "true"}, target_);
  ASSERT_TRUE(found.ok()) << found.error().message;
  EXPECT_EQ(*found, 0);
  const ctr::Result<int> missing = hooks::run_script({.text = "no-such-program"}, target_);
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().message, "script: exec \"no-such-program\": No such file or directory");
}

TEST_F(Scripts, ASignalIs127) { EXPECT_EQ(shell("kill -9 $$"), 127); }

TEST_F(Scripts, HasOurSessionAndOnlyTheDescriptorsItIsGiven) {
  const UniqueFd given(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const UniqueFd kept(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  target_.inherit = {given};
  EXPECT_EQ(shell(ctr::strf("[ -e /proc/self/fd/%d ] && [ ! -e /proc/self/fd/%d ] || exit 1\n"
                            "set -- $(cat /proc/$$/stat); [ $6 = %d ]",
                            given.raw(), kept.raw(), ::getsid(0))),
            0);
}

TEST_F(Scripts, AnotherInterpreterReadsTheText) {
  const ctr::Result<int> status = hooks::run_script(
      {.form = Script::Form::ShellText, .text = "exit 9", .interpreter = "bash"}, target_);
  ASSERT_TRUE(status.ok());
  EXPECT_EQ(*status, 9);
}

TEST_F(Scripts, WithoutForkThereAreFiveWords) {
  const UniqueFd go(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  const pid_t pid = ::fork();
  if (pid == 0) {
    (void)hooks::become_script(
        {.form = Script::Form::ShellText, .text = "echo $# $4 $5 >$SAID; : >&$5"}, target_,
        ctr::kNoFd, go);
    ::_exit(1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(said(), ctr::strf("5 -1 %d\n", go.raw()));
}

}  // namespace
