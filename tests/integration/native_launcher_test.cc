// SPDX-License-Identifier: Apache-2.0
// launcher, by the numbered examples and rules of its document; each name says which one.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "tests/support/applets.h"
#include "tests/support/files.h"
#include "tests/support/ns_test.h"

namespace {

using support::Outcome;
using support::path_exists;
using support::read_file;
using support::shell;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

// As an ordinary user without any capability.
const std::string kAsUser =
    "setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps=-all --bounding-set=-all ";

Outcome in_scratch(const std::string& text) {
  support::make_directories("/tmp/w");
  return shell("cd /tmp/w; " + text);
}

NS_TEST(NativeLauncher, Example1StatusOfTheProgram) {
  EXPECT_EQ(shell("$C launcher -w -- sh -c 'exit 7'").status, 7);
  EXPECT_EQ(shell("$C launcher -w -- sh -c 'kill -9 $$'").status, 137);
  EXPECT_EQ(shell("$C launcher -w -- /no/such").status, 127);
  // IMPROVE: a failed exec is reported to a launcher that does not wait, too.
  EXPECT_EQ(shell("$C launcher -- /no/such").status, 127);
  EXPECT_EQ(shell("$C launcher -w -- /etc/passwd").status, 126);
  EXPECT_EQ(shell("$C launcher -- sh -c 'sleep 1; exit 7'").status, 0);
}

NS_TEST(NativeLauncher, Example2HookWordsAndSocket) {
  const Outcome told = shell(
      "$C launcher -w -X1 -d -x 'echo $0 $# $1 $2 $3' -- sh -c 'echo $CONTAINER_LAUNCHER_UNIX_FD'");
  EXPECT_THAT(told.out, MatchesRegex("- 3 [0-9]+ [0-9]+ [0-9]+\n[0-9]+\n")) << told.err;
  const Outcome refused = shell("$C launcher -w -d -x 'exit 5' -- echo ran");
  EXPECT_EQ(refused.status, 5);
  EXPECT_EQ(refused.out, "");
  EXPECT_EQ(shell("$C launcher -w -x /no/such -- echo ran").status, 127);
  EXPECT_EQ(shell("$C launcher -w -d -x 'kill -9 $$' -- echo ran").status, 127);
}

NS_TEST(NativeLauncher, HookPairTalksInTheProgramsNetwork) {
  const Outcome talked = shell(
      "$C launcher -w -n -X1 -d -x 'echo hello >&$3' -- sh -c 'head -n1 "
      "<&$CONTAINER_LAUNCHER_UNIX_FD'");
  EXPECT_EQ(talked.out, "hello\n") << talked.err;
}

NS_TEST(NativeLauncher, Example3Rootless) {
  const std::string words =
      "-w -Umpu -t -H box --uid-map=0.1000.1 --gid-map=0.1000.1 --disable-setgroups ";
  const std::string program = "-- sh -c 'id -u; hostname; echo $$'";
  const Outcome done = shell(kAsUser + "$C launcher --escape " + words + "-g " + program);
  EXPECT_EQ(done.out, "0\nbox\n1\n") << done.err;
  EXPECT_EQ(shell(kAsUser + "$C launcher " + words + "-g " + program).status, 1);
  const Outcome groups = shell(kAsUser + "$C launcher --escape " + words + program);
  EXPECT_EQ(groups.status, 1);
  EXPECT_THAT(groups.err, HasSubstr("setgroups"));
}

NS_TEST(NativeLauncher, Example4Capabilities) {
  const Outcome caps = shell(
      "$C launcher --escape -w -Ump -t --uid-map=0.0.1:1000.1000.2 --gid-map=0.0.1:1000.1000.2 "
      "-S1000 -G1000 -I0x400 -a inherit -b 0x400 -- sed -n 's/^Cap...:.0*//p' /proc/self/status");
  EXPECT_EQ(caps.out, "400\n400\n400\n400\n400\n") << caps.err;
  // IMPROVE: the root is changed and proc mounted before the identity.
  EXPECT_EQ(shell("$C launcher -w -S1000 -t -mp -- id -u").out, "1000\n");
  const Outcome named =
      shell("$C launcher -w -S1000 -I net_raw,kill -a net_raw -- grep CapAmb /proc/self/status");
  EXPECT_EQ(named.out, "CapAmb:\t0000000000002000\n") << named.err;
  EXPECT_EQ(shell("$C launcher -w -S1000 -q -a net_raw -- true").status, 1);
}

NS_TEST(NativeLauncher, Example5FullRoot) {
  const Outcome done = in_scratch(
      "export C; mkdir root image home; cp /bin/busybox image/ && mkdir image/bin && for a in sh "
      "ls echo "
      "readlink touch; do ln -s /_fsroot_ro/busybox image/bin/$a; done; "
      "$C launcher --escape -w -UmpnCiu -t -r root --uid-map=0.0.1000 --gid-map=0.0.1000 "
      "-d -x 'nsenter --mount=/proc/self/fd/$2/ns/mnt $C mount_seq -c /tmp/w -m root -t tmpfs "
      "-m root/_fsroot_ro -E -s image -O bvosd -r -D root/proc -l root/bin -s _fsroot_ro/bin' "
      "-- /bin/sh -c 'echo $$; readlink /proc/self/cwd; touch /_fsroot_ro/x; ls /'");
  EXPECT_THAT(done.out, HasSubstr("1\n/\n")) << done.err;
  EXPECT_THAT(done.out, HasSubstr("_fsroot_ro\nbin\nproc\n"));
  EXPECT_THAT(done.err, HasSubstr("Read-only"));
}

// The words that scripts for the old tool have, with the host itself as the image.
NS_TEST(NativeLauncher, Example5ScriptOfTheOldTool) {
  const Outcome done = in_scratch(
      "export C; mkdir root home; "
      "$C launcher --escape -w -UmnpCiu -t -r /tmp/w/root --uid-map=0.0.65536 "
      "--gid-map=0.0.65536 -d -x 'N=/proc/self/fd/$2/ns; nsenter --user=$N/user --net=$N/net "
      "--ipc=$N/ipc --mount=$N/mnt sh -ec \"$C rootfs-mount -o root_link_opts=usr_ro -o "
      "mount_sysfs=1 /tmp/w/root; $C mount_seq -c /tmp/w/root -m _fsroot_ro -E -s / -Obvosd -r -m "
      "_fsroot_rw -E -s /tmp/w/home -Obv\"' -- /bin/sh -c 'echo $$; pwd; touch /_fsroot_ro/x || "
      "echo refused; touch /_fsroot_rw/y && echo made; ls -d /tmp/w /sys/class/net/lo; echo "
      ">/dev/null && echo device'; ls home");
  EXPECT_EQ(done.out, "1\n/\nrefused\nmade\n/sys/class/net/lo\ndevice\ny\n") << done.err;
}

NS_TEST(NativeLauncher, Example6UnprivilegedNetworkNamespace) {
  const Outcome made = shell(
      "export C TARGET_NS_NAME=net0; mkdir -p /run/netns /run/userns; "
      "$C launcher --escape -U -n -O 1000 --uid-map=0.1000.1 --gid-map=0.1000.1 "
      "--no-clear-groups --disable-setgroups --script-is-shell --script='$C mount_seq "
      "-m \"/run/netns/$TARGET_NS_NAME\" -f -s \"/proc/self/fd/$2/ns/net\" -K -Ob "
      "-m \"/run/userns/$TARGET_NS_NAME\" -f -s \"/proc/self/fd/$2/ns/user\" -K -Ob' "
      "--wait --no-exec");
  ASSERT_EQ(made.status, 0) << made.err;
  const std::string join =
      "nsenter --user=/run/userns/net0 --net=/run/netns/net0 --preserve-credentials ip link set lo "
      "up";
  EXPECT_EQ(shell(kAsUser + join).status, 0);
  EXPECT_NE(shell("setpriv --reuid 1001 --regid 1001 --clear-groups " + join).status, 0);
}

NS_TEST(NativeLauncher, Example7Joining) {
  const std::string start =
      "$C launcher --escape -Up --mount -u -t -H inside --uid-map=0.0.1 --gid-map=0.0.1 "
      "--disable-setgroups -g -P /tmp/pid -- sleep 30; P=$(cat /tmp/pid); ";
  const Outcome joined =
      shell(start + "$C launcher --escape -f i --old-nsenter=u//proc/$P -- hostname; kill $P");
  EXPECT_EQ(joined.out, "inside\n") << joined.err;
  const Outcome relative =
      shell(start +
            "cd /tmp; $C launcher --escape -f i --old-nsenter=u/proc/$P -- hostname; "
            "echo $?; kill $P");
  EXPECT_EQ(relative.out, "1\n");
  const Outcome forked =
      shell(start +
            "$C launcher --escape --nsenter2=Uupm//proc/$P --fork -w -g -- sh -c 'hostname; "
            "tr \"\\\\0\" \" \" </proc/1/cmdline'; kill $P");
  EXPECT_EQ(forked.out, "inside\nsleep 30 ") << forked.err;
}

NS_TEST(NativeLauncher, ImproveNamespacesAreMadeInsideAJoinedUserNamespace) {
  const Outcome owned = shell(
      "$C launcher --escape -Un --uid-map=0.0.1 --gid-map=0.0.1 --disable-setgroups -g -P /tmp/pid "
      "-- sleep 30; P=$(cat /tmp/pid); $C launcher --escape -w -nup -H deep --nsenter2=U//proc/$P "
      "-g -- sh -c 'echo $$; hostname; ip link set lo up && echo owned'; kill $P");
  EXPECT_EQ(owned.out, "1\ndeep\nowned\n") << owned.err;
}

NS_TEST(NativeLauncher, Example8MemoryFile) {
  const Outcome ran = shell(
      "$C launcher -w --exec-anon-fd -d -x 'cat /bin/busybox "
      ">&$CTRTOOL_CONTAINER_LAUNCHER_EXEC_FD' -- busybox echo ok");
  EXPECT_EQ(ran.out, "ok\n") << ran.err;
  const std::string script =
      "-d -x 'printf \"#!/bin/sh\\necho ok\\n\" >&$CTRTOOL_CONTAINER_LAUNCHER_EXEC_FD' -- x";
  EXPECT_EQ(shell("$C launcher -w --exec-anon-fd --exec-no-cloexec " + script).out, "ok\n");
  EXPECT_NE(shell("$C launcher -w --exec-anon-fd " + script).status, 0);
}

NS_TEST(NativeLauncher, HookConventionWithoutFork) {
  const Outcome done = in_scratch(
      "$C launcher -K lock -F -d -x 'flock -n lock true && echo free; echo $#; sleep 0.2; echo "
      ">&$5' "
      "-- sh -c 'echo ran >out'; for i in $(seq 500); do test -s out && break; sleep 0.02; "
      "done; cat out");
  EXPECT_EQ(done.out, "5\nran\n") << done.err;
  const Outcome aborted = in_scratch(
      "rm -f out; $C launcher -F -d -x true -- sh -c 'echo ran >out'; sleep 0.5; test -e out");
  EXPECT_EQ(aborted.status, 1);
}

NS_TEST(NativeLauncher, EnvironmentOfScriptAndProgram) {
  const Outcome told = shell(
      "$C launcher -w -n --pidfd --open-namespaces=nm -d -x 'env | sed -n "
      "\"s/^\\(CTRTOOL[A-Z_]*\\)=.*/\\1/p\" | sort; test $(readlink /proc/self/fd/"
      "$CTRTOOL_CONTAINER_LAUNCHER_NET_NS) = $(readlink /proc/$1/ns/net) && echo same' "
      "-- sh -c 'env | grep -c CTRTOOL'");
  EXPECT_EQ(told.out,
            "CTRTOOL_CONTAINER_LAUNCHER_MNT_NS\nCTRTOOL_CONTAINER_LAUNCHER_NET_NS\n"
            "CTRTOOL_CONTAINER_LAUNCHER_PID_FD\nsame\n0\n")
      << told.err;
  EXPECT_EQ(shell("A=1 $C launcher -w -V --setenv B=2 -- /usr/bin/env").out, "B=2\n");
  EXPECT_EQ(shell("A=1 $C launcher -w --unsetenv A -- sh -c 'echo ${A-none}'").out, "none\n");
}

NS_TEST(NativeLauncher, DescriptorsOfTheProgram) {
  const Outcome kept = shell(
      "exec 8</dev/null 9</dev/null; $C launcher -w -K /tmp/l --close-fd 9 --exec-file-host "
      "/bin/busybox -- busybox ls /proc/self/fd");
  EXPECT_THAT(kept.out, Not(HasSubstr("9\n")));
  EXPECT_THAT(kept.out, HasSubstr("8\n"));
  EXPECT_EQ(shell("$C launcher --close-fd 77 -- true").status, 1);
  EXPECT_EQ(shell("$C launcher -w --notify-fd 8 -- true 8>/tmp/n; cat /tmp/n").out, ":");
}

NS_TEST(NativeLauncher, FilesAndLimits) {
  const Outcome files = in_scratch(
      "echo x >full; $C launcher -w -M full -- echo ran; echo $?; "
      "$C launcher -w -M /dev/null -P a -P b --rlimit nofile=40: -L log -- sh -c "
      "'ulimit -n; echo err >&2'; cmp a b && cat log");
  EXPECT_EQ(files.out, "1\n40\nerr\n") << files.err;
}

NS_TEST(NativeLauncher, RelayPassesTheEndOfInputOn) {
  EXPECT_EQ(shell("echo hi | timeout 10 $C launcher --alloc-pipe -- cat").out, "hi\n");
  EXPECT_EQ(shell("$C launcher --alloc-tty -- tty </dev/null").status, 0);
  EXPECT_EQ(shell("$C launcher --alloc-pipe -- sh -c 'echo e >&2; exit 3'").status, 3);
}

NS_TEST(NativeLauncher, ForkWaitsAndDaemonDoesNot) {
  EXPECT_EQ(shell("$C launcher -w --fork -- sh -c 'exit 4'").status, 4);
  const Outcome daemon = shell(
      "$C launcher -w --fork-daemon -- sh -c 'until test -e /tmp/go; do sleep 0.02; done; echo "
      ">/tmp/done'; test -e /tmp/done && echo early; : >/tmp/go; for i in $(seq 500); do test -e "
      "/tmp/done && echo late && break; sleep 0.02; done");
  EXPECT_EQ(daemon.out, "late\n");
  EXPECT_EQ(shell("$C launcher -w --fork -- /no/such").status, 127);
}

NS_TEST(NativeLauncher, SetTidAndTimeNamespace) {
  EXPECT_EQ(shell("$C launcher -w -p --set-tid=1,4321 -d -x 'echo $1' -- true").out, "4321\n");
  const Outcome later = shell(
      "$C launcher -w -T --time-offset boottime=1000000 -- sh -c 'read a b </proc/uptime; "
      "test ${a%.*} -gt 1000000 && echo later'");
  EXPECT_EQ(later.out, "later\n") << later.err;
}

// Options that came later take no abbreviation away from those that were there.
NS_TEST(NativeLauncher, OptionsAreAbbreviatedAsEver) {
  EXPECT_EQ(shell("$C launcher --wai --ti 12345 -- cat /proc/self/timerslack_ns").out, "12345\n");
  EXPECT_NE(shell("$C launcher -w --ne -- readlink /proc/self/ns/net").out,
            shell("readlink /proc/self/ns/net").out);
  EXPECT_NE(shell("$C launcher -w --cgr -- readlink /proc/self/ns/cgroup").out,
            shell("readlink /proc/self/ns/cgroup").out);
  EXPECT_EQ(shell("$C launcher -w --sec 1 -- sed -n 's/CapEff:.0*/x/p' /proc/self/status").out,
            "x\n");
  EXPECT_EQ(shell("$C launcher -w -u --h box -- hostname").out, "box\n");
  EXPECT_EQ(shell("$C launcher --esc -w -U --uid-m=0.0.1 --gid-m=0.0.1 --d -g -- cat "
                  "/proc/self/setgroups")
                .out,
            "deny\n");
  const Outcome either = shell("$C launcher -w --exec-f x -- true");
  EXPECT_EQ(either.status, 1);
  EXPECT_THAT(either.err, HasSubstr("could be --exec-file or --exec-file-host"));
}

NS_TEST(NativeLauncher, ValuesAreReadAsInTheOtherApplets) {
  const Outcome plan = shell(
      "$C launcher --dry-run -m -R unb -T --time-offset boottime=-1.5 -B noroot+noroot_locked "
      "-- true");
  EXPECT_THAT(plan.out, HasSubstr("\"boottime -2 500000000\"")) << plan.err;
  EXPECT_THAT(plan.out, HasSubstr("securebits 0x3"));
  EXPECT_THAT(plan.out, HasSubstr("unbindable"));
  for (const auto& [words, option] : {std::pair{"-B nosuch", "-B"},
                                      {"-m -R what", "-R"},
                                      {"-T --time-offset x=3", "--time-offset"},
                                      {"-w --seccomp-fd 0", "--seccomp-fd"}}) {
    const Outcome wrong = shell(std::string("$C launcher ") + words + " -- echo ran </dev/null");
    EXPECT_EQ(wrong.status, 1) << words;
    EXPECT_EQ(wrong.out, "") << words;
    EXPECT_THAT(wrong.err, HasSubstr(option)) << words;
  }
}

NS_TEST(NativeLauncher, ChecksComeBeforeAnythingIsDone) {
  for (const char* words : {"-H x -- true",
                            "-r / -- true",
                            "-R shared -- true",
                            "-t -- true",
                            "-F -- true",
                            "-w",
                            "-X abc -- true",
                            "-X 4 -- true",
                            "-S 4294967296 -- true",
                            "-S 12abc -- true",
                            "--exec-fd=-2 -- true",
                            "--exec-anon-fd --exec-host /x -- true",
                            "-F -x true -w -- true",
                            "-f i -x true -- true",
                            "-f i -w -- true",
                            "--forward-signals -- true",
                            "--uid-map 0.0 -- true",
                            "-I nosuch -- true",
                            "--bogus -- true",
                            "-R u2 -- true",
                            "--open-namespaces=z -- true",
                            "-b all -D -- true"}) {
    const Outcome refused = in_scratch("$C launcher -P never " + std::string(words));
    EXPECT_EQ(refused.status, 1) << words;
    EXPECT_THAT(refused.err, HasSubstr("ctrtool: launcher: ")) << words;
  }
  EXPECT_FALSE(path_exists("/tmp/w/never"));
}

NS_TEST(NativeLauncher, DryRunPrintsThePlan) {
  const Outcome plan = in_scratch(
      "$C launcher --dry-run -Umpu -H box -t -r /x -K never --uid-map=0.1000.1 -d -x 'echo x' -- "
      "true");
  EXPECT_THAT(plan.out, HasSubstr("clone with new namespaces: user mount pid uts"));
  EXPECT_THAT(plan.out, HasSubstr("map uids 0.1000.1"));
  EXPECT_THAT(plan.out, HasSubstr("run by \"/bin/sh\": \"echo x\""));
  EXPECT_THAT(plan.out, HasSubstr("pivot_root"));
  EXPECT_FALSE(path_exists("/tmp/w/never"));
  EXPECT_THAT(shell("$C launcher --dry-run=json -- true").out, HasSubstr("\"op\":\"clone\""));
}

NS_TEST(NativeLauncher, EscapeIsRemembered) {
  const std::string exe = "-w -- sh -c 'readlink /proc/$PPID/exe'";
  EXPECT_EQ(shell("$C escape launcher " + exe).out, "/memfd:ctrtool (deleted)\n");
  EXPECT_EQ(shell("$C launcher --escape " + exe).out, "/memfd:ctrtool (deleted)\n");
  EXPECT_EQ(shell("$C escape launcher -w -U -N -g -- true").status, 0);
  EXPECT_EQ(shell("$C env A=5 :launcher --escape -w -- sh -c 'echo $A'").out, "5\n");
}

NS_TEST(NativeChaining, Section3LauncherRunsAStage) {
  EXPECT_EQ(shell("$C launcher -w -- :env -i A=1").out, "A=1\n");
  EXPECT_EQ(shell("$C launcher -w -- :nosuch").status, 127);
  EXPECT_EQ(shell("$C env A=1 :launcher -w -V -- :env").out, "");
}

}  // namespace
