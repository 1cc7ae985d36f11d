// SPDX-License-Identifier: Apache-2.0
// nsenter, by the numbered examples and rules of its document.
#include <gmock/gmock.h>

#include "tests/support/applets.h"
#include "tests/support/ns_test.h"

namespace {

using support::Outcome;
using support::shell;
using ::testing::HasSubstr;

// $P is a container's pid, here and in its parent's numbering.
Outcome beside_container(const std::string& text) {
  return shell(
      "$C launcher --escape -UmnpuiC -t -H inside --uid-map=0.0.100 --gid-map=0.0.100 -P /tmp/pid "
      "-- sleep 30 || exit 99; export C P=$(cat /tmp/pid); (" +
      text + "); S=$?; kill -9 $P 2>/dev/null; exit $S");
}

NS_TEST(NativeNsenter, Example1NetworkByFile) {
  const Outcome links = beside_container(
      "touch /tmp/a; mount --bind /proc/$P/ns/net /tmp/a; $C nsenter -j n=/tmp/a readlink "
      "/proc/self/ns/net; readlink /proc/$P/ns/net");
  const auto lines = links.out.size() / 2;
  EXPECT_EQ(links.out.substr(0, lines), links.out.substr(lines)) << links.err;
  EXPECT_THAT(links.out, HasSubstr("net:["));
}

NS_TEST(NativeNsenter, Example2UserAndNetworkOfAProcess) {
  const Outcome done = beside_container(
      "$C nsenter -j Un@$P sh -c 'readlink /proc/self/ns/net; id -u' >/tmp/o; "
      "readlink /proc/$P/ns/net; cat /tmp/o");
  const std::string net = done.out.substr(0, done.out.find('\n') + 1);
  EXPECT_EQ(done.out, net + net + "0\n") << done.err;
}

NS_TEST(NativeNsenter, Example4PidAsTheNamespaceHasIt) {
  const Outcome pid = beside_container("$C nsenter -j Up@$P -- sh -c 'echo $$; exit 7'");
  EXPECT_EQ(pid.status, 7) << pid.err;
  EXPECT_LT(pid.out.size(), 4U) << pid.out;
  EXPECT_EQ(beside_container("$C nsenter -j Up@$P -- sh -c 'kill -9 $$'").status, 137);
}

NS_TEST(NativeNsenter, Example5MistakesAreToldApart) {
  const auto outcome = [](const std::string& spec) {
    return shell("$C nsenter -j " + spec + " true");
  };
  EXPECT_EQ(outcome("Q=/x").status, 1);
  EXPECT_EQ(outcome("n").status, 1);
  EXPECT_EQ(outcome("n:abc").status, 1);
  EXPECT_EQ(outcome("n=/etc/hostname").status, 125);
  EXPECT_THAT(outcome("n=/etc/passwd").err, HasSubstr("not a namespace"));
  EXPECT_THAT(outcome("n=/proc/self/ns/uts").err, HasSubstr("it is a uts namespace"));
  const Outcome unset = outcome("n-NO_SUCH");
  EXPECT_EQ(unset.status, 1);
  EXPECT_THAT(unset.err, HasSubstr("NO_SUCH is not set"));
  EXPECT_THAT(outcome("n:77").err, HasSubstr("77 is closed"));
  EXPECT_EQ(outcome("n:77").status, 125);
  EXPECT_THAT(outcome("n@4000000").err, HasSubstr("gone"));
  EXPECT_EQ(shell("$C nsenter true").status, 1);
  EXPECT_EQ(shell("$C nsenter -j n=/proc/self/ns/net -- /no/such").status, 127);
}

NS_TEST(NativeNsenter, Example6RunsFromASealedCopy) {
  const Outcome exe = beside_container(
      "$C nsenter -j Um@$P --fork -e -- true; $C nsenter -j p@$P -- sh -c 'sleep 1' & sleep 0.5; "
      "readlink /proc/$!/exe; wait");
  EXPECT_THAT(exe.out, HasSubstr("/memfd:ctrtool (deleted)")) << exe.err;
}

NS_TEST(NativeNsenter, AllOfATargetAndItsPlaces) {
  const Outcome all = beside_container(
      "$C nsenter -t $P -a -r target -w target -- sh -c 'hostname; pwd; tr \"\\0\" \" \" "
      "</proc/1/cmdline'");
  EXPECT_THAT(all.out, HasSubstr("inside\n")) << all.err;
  EXPECT_THAT(all.out, HasSubstr("sleep 30")) << all.err;
}

NS_TEST(NativeNsenter, IdentityAndCapabilities) {
  EXPECT_EQ(beside_container("$C nsenter -j U@$P -S 5 -G 6 -- sh -c 'id -u; id -g; id -G'").out,
            "5\n6\n6\n");
  const Outcome caps =
      beside_container("$C nsenter -j U@$P -N -- sed -n s/CapEff:.0*/x/p /proc/self/status");
  EXPECT_EQ(caps.out, "x\n") << caps.err;
  EXPECT_EQ(beside_container("A=1 CTRTOOL_X_FD_0=5 $C nsenter -E -j n@$P -- sh -c 'echo $A "
                             "${CTRTOOL_X_FD_0-gone}'")
                .out,
            "1 gone\n");
}

NS_TEST(NativeNsenter, HostProgramAndStages) {
  EXPECT_EQ(beside_container("$C nsenter -x /bin/busybox -j m@$P -- busybox echo ok").out, "ok\n");
  EXPECT_EQ(beside_container("$C nsenter -j n@$P :env -i A=1").out, "A=1\n");
  EXPECT_EQ(beside_container("exec 8</proc/$P/ns/uts; V=8 $C env A=2 :nsenter -j u::V -- sh -c "
                             "'hostname; echo $A ${V-gone}'")
                .out,
            "inside\n2 gone\n");
}

NS_TEST(NativeNsenter, NestsInOneStepAndKnowsThePid) {
  const Outcome nested = beside_container(
      "$C nsenter -t $P -a --new mp --pid-file /tmp/inner -- sh -c 'echo $$; sleep 20' & "
      "for i in 1 2 3 4 5 6 7 8 9; do test -s /tmp/inner && break; sleep 0.1; done; sleep 0.3; "
      "I=$(cat /tmp/inner); grep NSpid /proc/$I/status | tr '\\t' ' ' | sed \"s/$I/I/\"; kill -9 "
      "$I; wait $!; echo $?");
  EXPECT_THAT(nested.out, testing::MatchesRegex("1\nNSpid: I [0-9]+ 1\n137\n")) << nested.err;
  const Outcome user = beside_container(
      "$C nsenter -t $P -a --new U --uid-map 0.5.1 --gid-map 0.5.1 --report-pid 1 -- sh -c 'id -u; "
      "cat /proc/self/uid_map'");
  EXPECT_THAT(user.out, testing::MatchesRegex("[0-9]+\n0\n +0 +5 +1\n")) << user.err;
}

}  // namespace
