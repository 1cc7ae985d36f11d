// SPDX-License-Identifier: Apache-2.0
#include "tests/support/applets.h"
#include "tests/support/files.h"
#include "tests/support/ns_test.h"

namespace {

using support::ctrtool;
using support::shell;

NS_TEST(PidfdCtl, Example1OpensItself) {
  EXPECT_EQ(ctrtool({"pidfd_ctl", "-n", "0", "-e", "P", "sh", "-c",
                     "set -- $(grep ^Pid: /proc/self/fdinfo/$P); test $2 = $$"})
                .status,
            0);
}

NS_TEST(PidfdCtl, ImproveStatusOfAChildIsPropagated) {
  EXPECT_EQ(ctrtool({"pidfd_ctl", "-c", "exit 3", "--wait"}).status, 3);
  EXPECT_EQ(ctrtool({"pidfd_ctl", "--arg", "-c", "--arg", "kill -9 $$", "--spawn-program", "sh",
                     "--wait"})
                .status,
            137);
  EXPECT_EQ(ctrtool({"pidfd_ctl", "--spawn-program", "/nonexistent", "true"}).status, 255);
}

NS_TEST(PidfdCtl, Example3FindsTheOwnerOfANamespace) {
  EXPECT_EQ(shell("exec 8</proc/self/ns/net; $C pidfd_ctl -2 8 -u -v U sh -c "
                  "'test $(readlink /proc/self/fd/$U) = $(readlink /proc/self/ns/user)'")
                .status,
            0);
  EXPECT_EQ(ctrtool({"pidfd_ctl", "-2", "=/proc/self/ns/net", "--type"}).out, "net\n");
}

NS_TEST_WITH(PidfdCtl, Example4PrintsTheOwningUser,
             support::SandboxOptions{.user_namespace = true}) {
  const support::Outcome outcome = ctrtool({"pidfd_ctl", "-2", "=/proc/self/ns/user", "-O"});
  EXPECT_EQ(outcome.out, "0\n");
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(ctrtool({"pidfd_ctl", "-2", "=/proc/self/ns/net", "-O"}).status, 255);
}

NS_TEST(PidfdCtl, Example5TellsMistakesApart) {
  EXPECT_EQ(ctrtool({"pidfd_ctl", "-2", "=/proc/self/ns/net", "-N", "true"}).status, 253);
  EXPECT_EQ(ctrtool({"pidfd_ctl", "-e", "B", "true"}).status, 255);
  EXPECT_EQ(ctrtool({"pidfd_ctl", "-n", "0"}).status, 254);
  EXPECT_EQ(ctrtool({"pidfd_ctl", "-n", "abc", "true"}).status, 254);
  EXPECT_EQ(ctrtool({"pidfd_ctl", "-n", "0", "/nonexistent"}).status, 127);
}

NS_TEST(PidfdCtl, Example6TakesAndExportsDescriptors) {
  const char* const take = "exec 8</dev/null; A=8 $C pidfd_ctl -1 :A ";
  EXPECT_EQ(shell(std::string(take) + "-e B sh -c 'echo ${A-none} $B'").out, "none 8\n");
  EXPECT_EQ(shell(std::string(take) + "sh -c 'test -e /proc/self/fd/8'").status, 1);
  // A descriptor that is close-on-exec already is no mistake.
  EXPECT_EQ(ctrtool({"pidfd_ctl", "-n", "0", "-e", "X", "-1", "/X", "true"}).status, 0);
}

NS_TEST(PidfdCtl, ImproveParentMustBeTheExpectedOne) {
  EXPECT_EQ(shell("$C pidfd_ctl --parent-pidfd $$ true; exit $?").status, 0);
  EXPECT_EQ(ctrtool({"pidfd_ctl", "--parent-pidfd", "1", "true"}).status, 255);
}

NS_TEST(PidfdCtl, ImproveOpensNamespacesOfAProcess) {
  EXPECT_EQ(ctrtool({"pidfd_ctl", "-n", "self", "--namespace", "n", "-v", "V", "sh", "-c",
                     "test $(readlink /proc/self/fd/$V) = $(readlink /proc/self/ns/net)"})
                .status,
            0);
}

NS_TEST(PidfdCtl, Example2AnotherProgramReapsTheChild) {
  const char* const reap =
      "import os; print(os.waitid(os.P_PIDFD, int(os.environ['P']), os.WEXITED).si_status)";
  EXPECT_EQ(ctrtool({"pidfd_ctl", "-c", "exit 3", "-e", "P", "/usr/bin/python3", "-c", reap}).out,
            "3\n");
}

NS_TEST(PidfdCtl, OptionsBorrowDescriptorsOfAnotherProcess) {
  const support::TempDir dir;
  ASSERT_TRUE(support::write_file(dir / "f", "text"));
  // Open before the fork: what the child opens by itself may come too late.
  EXPECT_EQ(
      shell("exec 7<" + (dir / "f") +
            "; sleep 1000 & exec 7<&-; $C pidfd_ctl -n $! -F 7 -E X sh -c 'cat <&$X'; kill $!")
          .out,
      "text");
  EXPECT_EQ(shell("$C pidfd_ctl -n self -F 99 true").status, 255);
}

NS_TEST(PidfdCtl, OptionsSwapAndPrintRegisters) {
  EXPECT_EQ(shell("exec 7</dev/null 8</dev/null; $C pidfd_ctl -1 7 -2 8 -x --print -y --print").out,
            "r1=8 r2=7 r3=-1\nr1=8 r2=-1 r3=7\n");
}

NS_TEST(PidfdCtl, OptionsFindParentsOfNamespaces) {
  EXPECT_EQ(
      shell("unshare -r sleep 1000 & while test \"$(readlink /proc/$!/ns/user)\" = \"$(readlink "
            "/proc/self/ns/user)\"; do :; done; $C pidfd_ctl -2 =/proc/$!/ns/user -p -v U sh -c "
            "'readlink /proc/self/fd/$U'; kill $!")
          .out,
      support::link_target("/proc/self/ns/user") + "\n");
  EXPECT_EQ(ctrtool({"pidfd_ctl", "-2", "=/proc/self/ns/net", "-p", "true"}).status, 255);
}

NS_TEST(PidfdCtl, OptionsCheckThatAPathIsThere) {
  EXPECT_EQ(ctrtool({"pidfd_ctl", "-f", "/tmp", "true"}).status, 0);
  EXPECT_EQ(ctrtool({"pidfd_ctl", "-f", "/tmp/none", "true"}).status, 255);
}

NS_TEST(PidfdCtl, OptionsIgnoreTheEndOfChildrenFromThereOn) {
  const auto ignored = [](std::vector<std::string> words) {
    words.insert(words.begin(), "pidfd_ctl");
    for (const char* word : {"grep", "SigIgn", "/proc/self/status"}) words.emplace_back(word);
    return ctrtool(words).out;
  };
  EXPECT_EQ(ignored({"-I"}), "SigIgn:\t0000000000010000\n");
  EXPECT_EQ(ignored({"-n", "0"}), "SigIgn:\t0000000000000000\n");
}

NS_TEST(PidfdCtl, ImproveSignalsAndStatus) {
  EXPECT_EQ(ctrtool({"pidfd_ctl", "-c", "exec sleep 1000", "--kill", "term", "--wait"}).status,
            143);
  EXPECT_EQ(ctrtool({"pidfd_ctl", "-n", "self", "--kill", "nosuch"}).status, 254);
  EXPECT_EQ(ctrtool({"pidfd_ctl", "-n", "99999999", "true"}).status, 255);
}

NS_TEST(PidfdCtl, ImproveNumbersAndKinds) {
  EXPECT_EQ(shell("$C pidfd_ctl -n $$ --pid --pid-env N sh -c 'echo $N'").status, 0);
  EXPECT_EQ(shell("test $($C pidfd_ctl -n $$ --pid) = $$ && echo same").out, "same\n");
  EXPECT_EQ(shell("$C pidfd_ctl -n 1 --pid-env N sh -c 'echo $N'").out, "1\n");
  EXPECT_EQ(ctrtool({"pidfd_ctl", "-n", "self", "--check-pidfd", "true"}).status, 0);
  EXPECT_EQ(ctrtool({"pidfd_ctl", "-1", "0", "--check-pidfd", "true"}).status, 255);
  EXPECT_EQ(ctrtool({"pidfd_ctl", "--self", "--namespace", "z", "true"}).status, 254);
  EXPECT_EQ(ctrtool({"pidfd_ctl", "--self", "--getfd", "x", "true"}).status, 254);
}

NS_TEST(PidfdCtl, ImproveUnsetRegistersAreRefusedAtOnce) {
  const support::Outcome refused = ctrtool({"pidfd_ctl", "-v", "X", "-c", "echo started", "true"});
  EXPECT_EQ(refused.status, 255);
  EXPECT_EQ(refused.out, "");
}

NS_TEST(PidfdCtl, ImproveOwnersAndThreads) {
  EXPECT_EQ(shell("$C pidfd_ctl -2 =/proc/self/ns/user --owner-env U sh -c 'echo $U'").out,
            shell("$C pidfd_ctl -2 =/proc/self/ns/user -O").out);
  for (const char* kind : {"mnt", "uts", "user", "pid", "cgroup"})
    EXPECT_EQ(ctrtool({"pidfd_ctl", "-2", std::string("=/proc/self/ns/") + kind, "--type"}).out,
              std::string(kind) + "\n");
  // The first thread of a process has its number; since Linux 6.9.
  const support::Outcome thread = shell("$C pidfd_ctl --thread $$ --check-pidfd --pid; echo $$");
  const bool old = support::contains(thread.err, "Invalid argument");
  const std::string number = support::lines_of(thread.out).back() + "\n";
  EXPECT_EQ(thread.out, old ? number : number + number) << thread.err;
}

}  // namespace
