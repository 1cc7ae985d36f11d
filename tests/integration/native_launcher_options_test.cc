// SPDX-License-Identifier: Apache-2.0
// launcher's options that its numbered examples do not use, each seen to do what it says.
#include <gmock/gmock.h>

#include "tests/support/applets.h"
#include "tests/support/files.h"
#include "tests/support/ns_test.h"

namespace {

using support::Outcome;
using support::shell;
using ::testing::HasSubstr;

NS_TEST(NativeLauncherOptions, AttributesOfTheProgram) {
  EXPECT_EQ(shell("$C launcher -w -Q 12345 -- cat /proc/self/timerslack_ns").out, "12345\n");
  EXPECT_EQ(shell("$C launcher -w -v 1 -- sed -n 's/THP_enabled:.//p' /proc/self/status").out,
            "0\n");
  EXPECT_EQ(shell("$C launcher -w -D -- grep NoNewPrivs /proc/self/status").out,
            "NoNewPrivs:\t1\n");
  // SECBIT_NOROOT: root's program starts with what is ambient or inheritable only.
  const Outcome noroot =
      shell("$C launcher -w -B 1 -- sed -n 's/CapEff:.0*/x/p' /proc/self/status");
  EXPECT_EQ(noroot.out, "x\n") << noroot.err;
  EXPECT_EQ(shell("umask 027; $C launcher -w -N -g -- sh -c umask").out, "0027\n");
  EXPECT_EQ(shell("$C launcher -w -S 5 -G 6 --groups=7,8 -- sh -c 'id -u; id -G'").out,
            "5\n6 7 8\n");
}

NS_TEST(NativeLauncherOptions, Sessions) {
  const std::string compare = "-- sh -c 'test $(ps -o sid= -p $$) -eq $$ && echo own'";
  EXPECT_EQ(shell("$C launcher -w " + compare).out, "own\n");
  EXPECT_EQ(shell("$C launcher -w --unsafe-no-setsid " + compare).out, "");
}

NS_TEST(NativeLauncherOptions, ProgramsByFileAndDescriptor) {
  EXPECT_EQ(shell("$C launcher -w --exec-file /bin/busybox -- busybox echo a").out, "a\n");
  EXPECT_EQ(shell("$C launcher -w --exec-file /no/such -- x").status, 127);
  EXPECT_EQ(shell("exec 8</bin/busybox; $C launcher -w --exec-fd 8 -- busybox echo b").out, "b\n");
  EXPECT_EQ(shell("$C launcher -w --exec-file-host /bin/busybox -m -- busybox echo c").out, "c\n");
  EXPECT_EQ(shell("$C launcher -w --chdir /etc -- pwd").out, "/etc\n");
}

NS_TEST(NativeLauncherOptions, PropagationIsSlaveUnlessAsked) {
  const std::string shown = "-- sh -c 'grep -c shared: /proc/self/mountinfo'";
  EXPECT_EQ(shell("mount --make-rshared /; $C launcher -w -m " + shown).out, "0\n");
  EXPECT_NE(shell("mount --make-rshared /; $C launcher -w -m -R unch " + shown).out, "0\n");
  EXPECT_EQ(shell("mount --make-rshared /; $C launcher -w -m -R p " + shown).out, "0\n");
}

NS_TEST(NativeLauncherOptions, JoinsAfterTheChangeOfRoot) {
  const Outcome late = shell(
      "$C launcher -u -H other -P /tmp/pid -- sleep 30; P=$(cat /tmp/pid); $C launcher --escape -w "
      "--nsenter-post=u//proc/$P -- hostname; kill $P");
  EXPECT_EQ(late.out, "other\n") << late.err;
}

NS_TEST(NativeLauncherOptions, ForwardsSignals) {
  const Outcome passed = shell(
      "$C launcher -w --forward-signals -- sh -c 'trap \"exit 9\" USR1; echo >/tmp/up; while :; do "
      "sleep 0.1; done' & for i in 1 2 3 4 5 6 7 8 9; do test -e /tmp/up && break; sleep 0.1; "
      "done; "
      "kill -USR1 $!; wait $!");
  EXPECT_EQ(passed.status, 9) << passed.err;
}

NS_TEST(NativeLauncherOptions, SeccompProgramOfADescriptor) {
  // One instruction, RET ALLOW; then one that answers EPERM to everything would not even start.
  const Outcome allowed = shell(
      "printf '\\006\\000\\000\\000\\000\\000\\377\\177' >/tmp/bpf; $C launcher -w -D "
      "--seccomp-fd 8 -- grep -w Seccomp: /proc/self/status 8</tmp/bpf");
  EXPECT_EQ(allowed.out, "Seccomp:\t2\n") << allowed.err;
  EXPECT_EQ(shell("echo x >/tmp/bad; $C launcher -w --seccomp-fd 8 -- true 8</tmp/bad").status, 1);
}

NS_TEST(NativeLauncherOptions, OwnerOfTheUserNamespace) {
  const Outcome owner = shell(
      "$C launcher --escape -w -U -O 1000 --uid-map=0.1000.1 --gid-map=0.1000.1 "
      "--disable-setgroups -g -d -x '$C pidfd_ctl -2 =/proc/$1/ns/user -O' -- true");
  EXPECT_EQ(owner.status, 127);  // $C is not exported
  const Outcome exported = shell(
      "export C; $C launcher --escape -w -U -O 1000 --uid-map=0.1000.1 --gid-map=0.1000.1 "
      "--disable-setgroups -g -d -x '$C pidfd_ctl -2 =/proc/$1/ns/user -O' -- true");
  EXPECT_EQ(exported.out, "1000\n") << exported.err;
}

NS_TEST(NativeLauncherOptions, RelayEndsOfAScriptWithoutFork) {
  const Outcome relayed = shell(
      "$C launcher -F --alloc-pipe -d -x 'echo >&$5; cat "
      "</proc/self/fd/$CTRTOOL_CONTAINER_LAUNCHER_CHILD_STDOUT_FD' -- echo hello; sleep 0.3");
  EXPECT_THAT(relayed.out, HasSubstr("hello")) << relayed.err;
}

// --- the others
// ------------------------------------------------------------------------------------

NS_TEST(NativeMulticall, Example3InitByItsLink) {
  const Outcome init = shell("cd /tmp; ln -s $C init; ./init");
  EXPECT_EQ(init.status, 1);
  EXPECT_THAT(init.err, HasSubstr("must be PID 1"));
  // A name that means nothing is the runtime's, unless the variable says otherwise.
  EXPECT_EQ(shell("cd /tmp; ln -s $C foo; ./foo init").status, 1);
  EXPECT_THAT(shell("cd /tmp; CTRTOOL_OVERRIDE_ARGV0_LOOKUP=1 ./foo init").err,
              HasSubstr("must be PID 1"));
  EXPECT_EQ(shell("$C escape escape init").status, 255);
}

NS_TEST(NativeResetCgroup, ImproveOptionalEntriesNewOnesAndOthers) {
  const std::string tree =
      "cd /tmp; rm -rf t; mkdir -p t/cpu/g t/memory; : >t/cpu/g/cgroup.procs; "
      ": >t/cpu/g/cgroup.threads; ";
  EXPECT_EQ(shell(tree + "$C reset_cgroup -b t -c cpu,?rdma -p g -- echo ok").out, "ok\n");
  EXPECT_EQ(shell(tree + "$C reset_cgroup -b t -c nosuch,cpu -p g -k -- echo ok; echo $?; cat "
                         "t/cpu/g/cgroup.procs")
                .out,
            "2\n0");
  EXPECT_EQ(
      shell(tree + "$C reset_cgroup -b t -c cpu -p g -P 77 -- true; cat t/cpu/g/cgroup.procs").out,
      "77");
  EXPECT_EQ(
      shell(tree + "$C reset_cgroup -b t -c cpu -p g --threads -- true; cat t/cpu/g/cgroup.threads")
          .out,
      "0");
  EXPECT_EQ(
      shell(tree + "$C reset_cgroup -b t -c memory -p new -n -- true; test -d t/memory/new").status,
      0);
  EXPECT_EQ(shell(tree + "$C reset_cgroup -b t -c cpu -p g -P x -- true").status, 1);
}

NS_TEST(NativeSetFds, OthersMayStay) {
  const std::string open = "exec 8</dev/null 9</dev/null; ";
  EXPECT_EQ(shell(open + "$C set_fds -f 8 --keep-others -- sh -c 'test -e /proc/self/fd/9 && echo "
                         "kept'")
                .out,
            "kept\n");
  EXPECT_EQ(shell(open + "$C set_fds -f 8 --cloexec-others -- sh -c 'test -e /proc/self/fd/9 || "
                         "echo gone'")
                .out,
            "gone\n");
  EXPECT_EQ(shell("$C set_fds -m 1:1 -f 3x -- true").status, 1);
}

}  // namespace
