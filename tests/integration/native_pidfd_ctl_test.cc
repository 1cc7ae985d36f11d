// SPDX-License-Identifier: Apache-2.0
#include "tests/support/applets.h"
#include "tests/support/ns_test.h"

namespace {

using support::ctrtool;
using support::shell;

NS_TEST(PidfdCtl, OpensItself) {
  EXPECT_EQ(ctrtool({"pidfd_ctl", "-n", "0", "-e", "P", "sh", "-c",
                     "set -- $(grep ^Pid: /proc/self/fdinfo/$P); test $2 = $$"})
                .status,
            0);
}

NS_TEST(PidfdCtl, StatusOfAChildIsPropagated) {
  EXPECT_EQ(ctrtool({"pidfd_ctl", "-c", "exit 3", "--wait"}).status, 3);
  EXPECT_EQ(ctrtool({"pidfd_ctl", "--arg", "-c", "--arg", "kill -9 $$", "--spawn-program", "sh",
                     "--wait"})
                .status,
            137);
  EXPECT_EQ(ctrtool({"pidfd_ctl", "--spawn-program", "/nonexistent", "true"}).status, 255);
}

NS_TEST(PidfdCtl, FindsTheOwnerOfANamespace) {
  EXPECT_EQ(shell("exec 8</proc/self/ns/net; $C pidfd_ctl -2 8 -u -v U sh -c "
                  "'test $(readlink /proc/self/fd/$U) = $(readlink /proc/self/ns/user)'")
                .status,
            0);
  EXPECT_EQ(ctrtool({"pidfd_ctl", "-2", "=/proc/self/ns/net", "--type"}).out, "net\n");
}

NS_TEST_WITH(PidfdCtl, PrintsTheOwningUser, support::SandboxOptions{.user_namespace = true}) {
  const support::Outcome outcome = ctrtool({"pidfd_ctl", "-2", "=/proc/self/ns/user", "-O"});
  EXPECT_EQ(outcome.out, "0\n");
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(ctrtool({"pidfd_ctl", "-2", "=/proc/self/ns/net", "-O"}).status, 255);
}

NS_TEST(PidfdCtl, TellsMistakesApart) {
  EXPECT_EQ(ctrtool({"pidfd_ctl", "-2", "=/proc/self/ns/net", "-N", "true"}).status, 253);
  EXPECT_EQ(ctrtool({"pidfd_ctl", "-e", "B", "true"}).status, 255);
  EXPECT_EQ(ctrtool({"pidfd_ctl", "-n", "0"}).status, 254);
  EXPECT_EQ(ctrtool({"pidfd_ctl", "-n", "abc", "true"}).status, 254);
  EXPECT_EQ(ctrtool({"pidfd_ctl", "-n", "0", "/nonexistent"}).status, 127);
}

NS_TEST(PidfdCtl, TakesAndExportsDescriptors) {
  const char* const take = "exec 8</dev/null; A=8 $C pidfd_ctl -1 :A ";
  EXPECT_EQ(shell(std::string(take) + "-e B sh -c 'echo ${A-none} $B'").out, "none 8\n");
  EXPECT_EQ(shell(std::string(take) + "sh -c 'test -e /proc/self/fd/8'").status, 1);
  // A descriptor that is close-on-exec already is no mistake.
  EXPECT_EQ(ctrtool({"pidfd_ctl", "-n", "0", "-e", "X", "-1", "/X", "true"}).status, 0);
}

NS_TEST(PidfdCtl, ParentMustBeTheExpectedOne) {
  EXPECT_EQ(shell("$C pidfd_ctl --parent-pidfd $$ true; exit $?").status, 0);
  EXPECT_EQ(ctrtool({"pidfd_ctl", "--parent-pidfd", "1", "true"}).status, 255);
}

NS_TEST(PidfdCtl, OpensNamespacesOfAProcess) {
  EXPECT_EQ(ctrtool({"pidfd_ctl", "-n", "self", "--namespace", "n", "-v", "V", "sh", "-c",
                     "test $(readlink /proc/self/fd/$V) = $(readlink /proc/self/ns/net)"})
                .status,
            0);
}

}  // namespace
