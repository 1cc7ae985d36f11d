// SPDX-License-Identifier: Apache-2.0
// Hooks are real shell scripts here; time limits are seconds, as in config.json.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <string>

#include "ctrtool/core/base/strf.h"
#include "hooks/runner.h"
#include "tests/support/files.h"
#include "tests/support/process.h"

namespace {

using ctr::Hook;
using ctr::HookStage;
using support::read_file;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class Hooks : public testing::Test {
 protected:
  Hook script(const std::string& name, const std::string& text) {
    const std::string path = dir_ / name;
    EXPECT_TRUE(support::write_file(path, "#!/bin/sh\n" + text + "\n", 0755));
    return Hook{.path = path, .args = {}, .env = {}, .timeout_s = {}};
  }

  hooks::Runner runner() {
    return hooks::Runner({.state =
                              [this](std::string_view status, pid_t pid) {
                                return ctr::strf("%s %d%s", std::string(status).c_str(), pid,
                                                 padding_.c_str());
                              },
                          .bundle = dir_.path(),
                          .container_env = {"INSIDE=yes"}});
  }

  // "" when the hooks succeed.
  std::string run(const std::vector<Hook>& hooks, HookStage stage = HookStage::CreateRuntime) {
    const ctr::Result<void> done = runner().run(stage, hooks, 42, ctr::kNoFd);
    return done.ok() ? "" : done.error().message;
  }

  std::string said() { return read_file(dir_ / "said"); }

  support::TempDir dir_;
  std::string padding_;
};

class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

TEST_F(Hooks, RunInOrderInTheBundleWithTheStateOnStdin) {
  EXPECT_EQ(run({script("a", "echo \"a $(cat) $PWD\" >>said"), script("b", "echo b >>said")}), "");
  EXPECT_EQ(said(), "a created 42 " + dir_.path() + "\nb\n");
}

TEST_F(Hooks, EachStageShowsItsStatus) {
  const Hook hook = script("a", "cat >>said; echo >>said");
  for (const hooks::Stage& stage : hooks::kStages) {
    if (stage.where == hooks::Where::Inside) continue;
    EXPECT_EQ(run({hook}, stage.stage), "");
  }
  EXPECT_EQ(said(), "created 42\ncreated 42\ncreated 42\nrunning 42\nstopped 42\n");
}

TEST_F(Hooks, ArgumentsAreTakenAsTheyAre) {
  Hook hook = script("a", "tr '\\0' ' ' </proc/$$/cmdline >said");
  hook.args = {"ignored by #!", "two words", ""};
  EXPECT_EQ(run({hook}), "");
  EXPECT_EQ(said(), "/bin/sh " + hook.path + " two words  ");
}

TEST_F(Hooks, AnAbsentEnvironmentIsOursAnEmptyOneIsEmpty) {
  ::setenv("HOOKS_TEST", "ours", 1);
  Hook hook = script("a", "echo \"[$HOOKS_TEST]\" >>said");
  EXPECT_EQ(run({hook}), "");
  hook.env.emplace();
  EXPECT_EQ(run({hook}), "");
  hook.env = {"HOOKS_TEST=theirs"};
  EXPECT_EQ(run({hook}), "");
  ::unsetenv("HOOKS_TEST");
  EXPECT_EQ(said(), "[ours]\n[]\n[theirs]\n");
}

TEST_F(Hooks, InsideTheContainerItIsTheContainersAndTheDirectoryStays) {
  const std::string to = dir_ / "said";
  const Hook hook = script("a", "echo \"$INSIDE $PWD\" >" + to);
  EXPECT_EQ(run({hook}, HookStage::StartContainer), "");
  char here[4096];
  EXPECT_EQ(said(), ctr::strf("yes %s\n", ::getcwd(here, sizeof here)));
}

TEST_F(Hooks, GetNothingElseOfOurs) {
  const int leaked = ::open("/", O_RDONLY);  // NOLINT: inheritable on purpose
  ::signal(SIGHUP, SIG_IGN);
  sigset_t blocked;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGUSR1);
  ::sigprocmask(SIG_BLOCK, &blocked, nullptr);
  EXPECT_EQ(run({script("a",
                        "ls -v /proc/self/fd >said\n"
                        "grep -E 'Sig(Blk|Ign)' /proc/self/status >>said\n"
                        "set -- $(cat /proc/$$/stat); [ $$ = $6 ] && echo session >>said")}),
            "");
  ::sigprocmask(SIG_UNBLOCK, &blocked, nullptr);
  ::signal(SIGHUP, SIG_DFL);
  ::close(leaked);
  // 3: the directory that ls reads.
  EXPECT_EQ(said(), "0\n1\n2\n3\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\nsession\n");
}

TEST_F(Hooks, AFailureStopsTheRestAndShowsWhatItPrinted) {
  const Hook bad = script("bad", "echo out; printf 'two\\nlines\\033[1m' >&2; exit 3");
  EXPECT_EQ(run({script("a", "true"), bad, script("c", "echo c >said")}),
            "createRuntime hook #1 \"" + bad.path +
                "\": exit status 3, stdout: out, stderr: two\\nlines\\x1b[1m");
  EXPECT_EQ(said(), "");
}

TEST_F(Hooks, ASignalIsAFailure) {
  EXPECT_THAT(run({script("a", "kill -9 $$")}), HasSubstr("killed by signal 9, stdout: "));
}

TEST_F(Hooks, AllOfPoststopRunAndFailuresAreWarnings) {
  const std::vector<std::string> warnings = runner().run_all(
      HookStage::Poststop,
      {script("a", "exit 1"), Hook{.path = "/nowhere/b", .args = {}, .env = {}, .timeout_s = {}},
       script("c", "echo c >said")},
      0);
  ASSERT_EQ(warnings.size(), 2U);
  EXPECT_THAT(warnings[0], HasSubstr("poststop hook #0"));
  EXPECT_THAT(warnings[1], HasSubstr("poststop hook #1 \"/nowhere/b\""));
  EXPECT_EQ(said(), "c\n");
}

TEST_F(Hooks, AVanishedBundleDoesNotStopThem) {
  const Hook hook = script("a", "pwd >" + (dir_ / "said"));
  hooks::Runner gone({.state = [](std::string_view, pid_t) { return std::string("{}"); },
                      .bundle = dir_ / "gone"});
  EXPECT_TRUE(gone.run(HookStage::Poststop, {hook}, 0, ctr::kNoFd).ok());
  EXPECT_EQ(said(), "/\n");
}

TEST_F(Hooks, WhatCannotBeExecutedSaysWhy) {
  EXPECT_THAT(run({Hook{.path = "/nowhere/h", .args = {}, .env = {}, .timeout_s = {}}}),
              HasSubstr("hook #0 \"/nowhere/h\": exec \"/nowhere/h\": No such file or directory"));
  Hook hook = script("a", "true");
  ASSERT_EQ(::chmod(hook.path.c_str(), 0644), 0);
  EXPECT_THAT(run({hook}), HasSubstr(": Permission denied"));
  ASSERT_TRUE(support::write_file(hook.path, "no interpreter", 0755));
  ASSERT_EQ(::chmod(hook.path.c_str(), 0755), 0);
  EXPECT_THAT(run({hook}), HasSubstr(": Exec format error"));
}

// What it is called is longer than a pipe is wide.
TEST_F(Hooks, AnEndlessPathIsNoReasonToWait) {
  const std::string path = "/" + std::string(100000, 'y');
  const std::string said = run({Hook{.path = path, .args = {}, .env = {}, .timeout_s = 20}});
  EXPECT_NE(said, "");
  EXPECT_EQ(said.find("timeout"), std::string::npos);
}

TEST_F(Hooks, ARelativePathOrATimeoutOfNothingIsRefused) {
  const ctr::Result<void> relative =
      runner().run(HookStage::Prestart,
                   {{.path = "bin/true", .args = {}, .env = {}, .timeout_s = {}}}, 1, ctr::kNoFd);
  ASSERT_FALSE(relative.ok());
  EXPECT_EQ(relative.error().kind, ctr::Kind::HookFailed);
  EXPECT_THAT(relative.error().message, HasSubstr("bin/true"));
  Hook hook = script("a", "true");
  hook.timeout_s = 0;
  EXPECT_THAT(run({hook}), HasSubstr("timeout must be greater than zero"));
}

TEST_F(Hooks, AStateThatNobodyReadsDoesNotBlock) {
  padding_.assign(1U << 20, '.');
  const Stopwatch watch;
  EXPECT_EQ(
      run({script("a", "true"), script("b", "exec <&-; sleep 0.2"), script("c", "wc -c >said")}),
      "");
  EXPECT_LT(watch.seconds(), 5);
  EXPECT_EQ(said(), ctr::strf("%zu\n", padding_.size() + std::string("created 42").size()));
}

TEST_F(Hooks, AnOutputFloodIsReadAndBounded) {
  const std::string error =
      run({script("a", "echo first; head -c 10485760 /dev/zero | tr '\\0' x; echo last; exit 1")});
  EXPECT_THAT(error, HasSubstr("stdout: first\\nxxx"));
  EXPECT_THAT(error, HasSubstr("xlast, stderr: "));
  EXPECT_THAT(error, HasSubstr("bytes left out"));
  EXPECT_LT(error.size(), 12000U);
}

TEST_F(Hooks, ADaemonThatKeepsStdoutDoesNotHoldUs) {
  const Stopwatch watch;
  EXPECT_EQ(run({script("a", "sleep 20 & echo $! >said; exit 0")}), "");
  EXPECT_LT(watch.seconds(), 5);
  const int daemon = std::atoi(said().c_str());
  EXPECT_EQ(::kill(daemon, SIGKILL), 0) << "it succeeded: what it started may live";
}

bool is_gone(const std::string& pid) {  // or a zombie of whoever adopts here
  const std::string stat = read_file("/proc/" + pid + "/stat");
  return stat.empty() || support::contains(stat, ") Z ");
}

TEST_F(Hooks, ATimeoutKillsTheWholeGroup) {
  Hook hook = script("a",
                     "trap '' TERM\n(trap '' TERM; exec sleep 20) & echo -n $! >child\n"
                     "echo waiting; sleep 20");
  hook.timeout_s = 1;
  const Stopwatch watch;
  const std::string error = run({hook});
  EXPECT_GE(watch.seconds(), 1);
  EXPECT_LT(watch.seconds(), 1.5);
  EXPECT_THAT(error, HasSubstr("hook ran past specified timeout of 1.0s, stdout: waiting, "));
  const std::string child = read_file(dir_ / "child");
  ASSERT_NE(child, "");
  EXPECT_TRUE(support::eventually([&] { return is_gone(child); }));
}

TEST_F(Hooks, ATimeoutEndsAFloodToo) {
  Hook hook = script("a", "exec yes");
  hook.timeout_s = 1;
  const Stopwatch watch;
  EXPECT_THAT(run({hook}), HasSubstr("specified timeout of 1.0s"));
  EXPECT_LT(watch.seconds(), 1.5);
}

// In a process of its own, which adopts nobody. Whoever runs the tests may have to (the sandbox's
// command is a subreaper), and finds among its children what hooks, of other tests too, left
// behind.
TEST_F(Hooks, LeaveNoDescriptorAndNoChild) {
  const auto count = [] { return support::list_directory("/proc/self/fd").size(); };
  const Hook bad = script("a", "exit 1");
  Hook slow = script("slow", "sleep 20");
  slow.timeout_s = 1;
  const auto what_is_left = [&]() -> std::string {
    const std::size_t before = count();
    run({bad});
    run({slow});
    run({Hook{.path = "/nowhere", .args = {}, .env = {}, .timeout_s = {}}});
    if (count() != before) return ctr::strf("%zu descriptors, not %zu\n", count(), before);
    if (::waitpid(-1, nullptr, WNOHANG) != -1 || errno != ECHILD) return "a child\n";
    return "nothing\n";
  };
  EXPECT_EXIT(
      {
        std::fputs(what_is_left().c_str(), stderr);
        ::_exit(0);
      },
      testing::ExitedWithCode(0), testing::MatchesRegex("nothing\n"));
}

}  // namespace
