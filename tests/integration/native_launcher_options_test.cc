// SPDX-License-Identifier: Apache-2.0
// launcher's options that its numbered examples do not use, each seen to do what it says.
#include <gmock/gmock.h>

#include "ctrtool/core/kit/cgroup_layout.h"
#include "tests/support/applets.h"
#include "tests/support/bundle.h"
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
      "sleep 0.1; done' & for i in $(seq 500); do test -e /tmp/up && break; sleep 0.02; "
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
      "</proc/self/fd/$CTRTOOL_CONTAINER_LAUNCHER_CHILD_STDOUT_FD' -- echo hello");
  EXPECT_THAT(relayed.out, HasSubstr("hello")) << relayed.err;
}

NS_TEST(NativeLauncherOptions, ScriptsAsFilesAndInterpreters) {
  const std::string script =
      "printf '#!/bin/sh\\necho $# $0 $3\\n' >/tmp/hook; chmod +x /tmp/hook; PATH=/tmp:$PATH; ";
  EXPECT_EQ(shell(script + "$C launcher -w -x /tmp/hook -- true").out, "3 /tmp/hook -1\n");
  // Found by PATH; -X gives the pair's end to both.
  EXPECT_THAT(shell(script + "export PATH; $C launcher -w -x hook -- true").out,
              HasSubstr("3 /tmp/hook"));
  EXPECT_EQ(shell("$C launcher -w -d -e /bin/busybox -x x -- true").status, 127) << "busybox -c";
  EXPECT_EQ(
      shell("$C launcher -w -d -e /bin/bash -x 'echo $BASH; echo $1 | grep -c .' -- true").out,
      "/bin/bash\n1\n");
  for (const char* type : {"1", "2", "3"}) {
    const Outcome talked = shell("$C launcher -w -X " + std::string(type) +
                                 " -d -x 'echo hello >&$3' -- sh -c 'head -c 6 "
                                 "<&$CONTAINER_LAUNCHER_UNIX_FD'");
    EXPECT_EQ(talked.out, "hello\n") << type << talked.err;
  }
  // The script has our credentials, directory and namespaces, the program is held meanwhile.
  EXPECT_EQ(
      shell("cd /tmp; $C launcher -w -S 5 -u -d -x 'id -u; pwd; test -e /tmp/ran || echo held' -- "
            "sh -c ': >/tmp/ran'")
          .out,
      "0\n/tmp\nheld\n");
}

NS_TEST(NativeLauncherOptions, FilesAroundTheScript) {
  // Created or truncated, without a newline; the last one first.
  EXPECT_EQ(
      shell("echo much text >/tmp/a; $C launcher -w -P /tmp/a -P /no/such -- echo ran; echo $?; "
            "cat /tmp/a")
          .out,
      "1\nmuch text\n");
  EXPECT_EQ(
      shell("$C launcher -w -P /tmp/a -d -x 'printf %s $1 | cmp - /tmp/a && echo same' -- true")
          .out,
      "same\n");
  EXPECT_EQ(shell("$C launcher -w -M /no/such -- true").status, 1);
  EXPECT_EQ(shell("$C launcher -w -M /proc/self/net/../../4000000/x -- true").status, 1);
  // 0600, held by the launcher, not by the program.
  EXPECT_EQ(
      shell(
          "umask 0; $C launcher -w -K /tmp/l -d -x 'flock -n /tmp/l true || echo locked' -- sh -c "
          "'ls -l /proc/self/fd | grep -c /tmp/l; stat -c %a /tmp/l'")
          .out,
      "locked\n0\n600\n");
  EXPECT_EQ(
      shell("echo first >/tmp/log; $C launcher -w -L /tmp/log -- sh -c 'readlink /proc/self/fd/0; "
            "echo err >&2'; cat /tmp/log")
          .out,
      "first\n/dev/null\nerr\n");
}

NS_TEST(NativeLauncherOptions, CgroupNamespaceComesAfterTheScript) {
  // What the script sees of it is still ours.
  const Outcome late = shell(
      "$C launcher -w -C -m -d -x 'test $(readlink /proc/$1/ns/cgroup) = $(readlink "
      "/proc/self/ns/cgroup) && echo ours; readlink /proc/self/ns/cgroup' -- readlink "
      "/proc/self/ns/cgroup");
  const std::vector<std::string> lines = support::lines_of(late.out);
  ASSERT_EQ(lines.size(), 3U) << late.out << late.err;
  EXPECT_EQ(lines[0], "ours");
  EXPECT_NE(lines[1], lines[2]);
  // --open-namespaces: all eight kinds.
  EXPECT_EQ(shell("$C launcher -w --open-namespaces=imnpUuCT -d -x 'env | grep -c "
                  "^CTRTOOL_CONTAINER_LAUNCHER_.*_NS='  -- true")
                .out,
            "8\n");
}

NS_TEST(NativeLauncherOptions, CapabilitiesKeptAndInherited) {
  const std::string sets = " -- sed -n 's/^Cap\\(Inh\\|Prm\\|Amb\\):.0*/\\1 /p' /proc/self/status";
  // -k: all that is permitted becomes inheritable, and survives the change of user.
  const Outcome all = shell("$C launcher -w -k -b kill,net_raw -S 5 -a kill" + sets);
  EXPECT_THAT(all.out, HasSubstr("Amb 20\n")) << all.err;
  EXPECT_THAT(all.out, HasSubstr("Prm 20\n"));
  // inherit: the final inheritable set; it wins over a mask.
  EXPECT_THAT(shell("$C launcher -w -I kill -a net_raw -a inherit -S 5" + sets).out,
              HasSubstr("Inh 20\nPrm 20\nAmb 20\n"));
  EXPECT_EQ(shell("$C launcher -w -q -S 5 --clear-caps-before-exec=1 -- true").status, 0);
  // What is in the bounding set no more cannot stay in it; "all" is what there is.
  const auto again = [&](const std::string& words) {
    return shell(
        "$C launcher -w --clear-caps-before-exec=0 -b kill,setpcap,setuid,setgid,sys_admin -- $C "
        "launcher --unsafe-no-escape -w --clear-caps-before-exec=0 -N -g " +
        words + " -- sed -n 's/^CapBnd:.0*//p' /proc/self/status");
  };
  const Outcome lacks = again("-b kill,net_raw");
  EXPECT_EQ(lacks.status, 1);
  EXPECT_THAT(lacks.err, HasSubstr("-b: CAP_NET_RAW cannot be kept"));
  EXPECT_EQ(again("-b 0x2020").status, 1);
  EXPECT_EQ(again("-b kill").out, "20\n");
  EXPECT_EQ(again("-b all").out, "2001e0\n");
  EXPECT_EQ(again("-b -kill").out, "2001c0\n");
  EXPECT_EQ(again("-U -b kill,net_raw").out, "2020\n");
  EXPECT_EQ(shell("$C launcher -w -b kill -D -- true").status, 1);
  EXPECT_EQ(shell("$C launcher -w -b kill -D --clear-caps-before-exec -- true").status, 0);
  EXPECT_EQ(shell("$C launcher -w -b kill -D --clear-caps-before-exec=0 -- true").status, 0);
}

NS_TEST(NativeLauncherOptions, SafetySwitches) {
  EXPECT_EQ(shell("$C launcher -w -u -R p -- true").status, 1);
  EXPECT_EQ(shell("$C launcher -w -E -R p -- true").status, 0)
      << "our own mounts: nothing is checked";
  EXPECT_EQ(
      shell("$C launcher -w --old-nsenter=u=/proc/self/ns/uts --unsafe-no-escape -- true").status,
      1);
  EXPECT_EQ(shell("$C launcher -w -E --old-nsenter=u=/proc/self/ns/uts --unsafe-no-escape -- true")
                .status,
            0);
  EXPECT_EQ(shell("$C launcher -w -U -N -g -- true").status, 1);
  EXPECT_EQ(shell("$C launcher -w --unsafe-no-escape -U -N -g -- true").status, 0);
  EXPECT_EQ(shell("$C launcher -s -w -- true").status, 0);
}

NS_TEST(NativeLauncherOptions, DirectModeKeepsThePid) {
  EXPECT_EQ(
      shell(
          "sh -c 'echo $$; exec '$C' launcher -f i -u -- sh -c \"echo \\$\\$\"' | sort -u | wc -l")
          .out,
      "1\n");
  EXPECT_EQ(shell("$C launcher -f i -p --fork -- sh -c 'echo $$'").out, "1\n");
  // A caller that ignores its children loses no status, and the program starts with the default.
  for (const char* words : {"-f i -p --fork", "-w", "-w --fork"})
    EXPECT_EQ(shell("$C ppid_check -i CHLD $C launcher " + std::string(words) +
                    " -- sh -c 'grep -q \"SigIgn:.*[02468ace]....$\" /proc/self/status && exit 6'")
                  .status,
              6)
        << words;
  EXPECT_EQ(shell("$C launcher -f i -m --no-exec").status, 0);
  EXPECT_EQ(shell("$C launcher -f i -m -r /no/such --no-exec -- true").status, 1);
  EXPECT_EQ(shell("exec 8</proc/self/ns/user; $C launcher --unsafe-no-escape -f 8 -- true").status,
            1)
      << "our own user namespace cannot be joined";
  EXPECT_EQ(shell("$C launcher -f 77 -- true").status, 1);
  const Outcome joined = shell(
      "unshare -U -r sleep 30 & P=$!; until test \"$(readlink /proc/$P/ns/user)\" != \"$(readlink "
      "/proc/self/ns/user)\" && grep -q 0 /proc/$P/uid_map; do :; done; exec 8</proc/$P/ns/user; "
      "$C launcher --unsafe-no-escape -f 8 -g -n -- sh -c 'ip link set lo up && id -u'; kill $P");
  EXPECT_EQ(joined.out, "0\n") << joined.err;
}

NS_TEST(NativeLauncherOptions, RelayOwnersAndErrors) {
  EXPECT_EQ(
      shell("$C launcher --alloc-pipe --tty-owner-uid 5 --tty-owner-gid 6 -- stat -Lc '%u %g' "
            "/proc/self/fd/1")
          .out,
      "5 6\n");
  EXPECT_EQ(
      shell("$C launcher --alloc-tty -- sh -c 'test -t 0 && test -t 1 && test ! -t 2'").status, 0);
  EXPECT_EQ(shell("$C launcher --alloc-tty --tty-stderr -- test -t 2").status, 0);
  // The last of the two wins.
  EXPECT_NE(shell("$C launcher --alloc-tty --alloc-pipe -- test -t 0").status, 0);
  EXPECT_EQ(shell("$C launcher --alloc-pipe -- sh -c 'kill -9 $$'").status, 137);
  EXPECT_EQ(shell("$C launcher --alloc-pipe -- /no/such").status, 127);
}

NS_TEST(NativeLauncherOptions, RelayTerminalHasTheCallersSize) {
  const Outcome size =
      shell("$C tty_proxy -w 123 $C launcher --alloc-tty -- stty size </dev/null | tr -d '\\r'");
  EXPECT_THAT(size.out, HasSubstr(" 123\n")) << size.err;
}

NS_TEST(NativeLauncherOptions, ImproveScriptHasNoDescriptorOfTheLog) {
  const Outcome seen = shell(
      "$C launcher -w -L /tmp/log -d -x 'for f in /proc/self/fd/*; do readlink $f; done; echo end' "
      "-- true");
  EXPECT_THAT(seen.out, HasSubstr("end\n"));
  EXPECT_THAT(seen.out, testing::Not(HasSubstr("/tmp/log"))) << seen.out;
}

NS_TEST(NativeLauncherOptions, BirthInAV2Cgroup) {
  const ctr::Result<ctr::CgroupLayout> layout = ctr::discover_cgroups();
  ASSERT_OK(layout);
  const Outcome missing = shell("$C launcher -w --cgroup-dir /no/such -- true");
  EXPECT_EQ(missing.status, 1);
  EXPECT_EQ(shell("$C launcher -w --cgroup-dir /tmp -- true").status, 1);
  if (layout->unified() == nullptr) return;  // what there is to be born in
  const std::string dir = layout->unified()->mountpoint + "/" + support::test_tag();
  const Outcome born =
      shell("mkdir " + dir + "; $C launcher -w --cgroup-dir " + dir +
            " -- sed -n 's/^0:://p' /proc/self/cgroup; for i in $(seq 500); do rmdir " + dir +
            " 2>/dev/null && break; sleep 0.02; done");
  EXPECT_EQ(born.out, "/" + support::test_tag() + "\n") << born.err;
  EXPECT_FALSE(support::path_exists(dir));
}

NS_TEST(NativeLauncherOptions, ImproveDeathWithTheLauncher) {
  const Outcome dead = shell(
      "chmod 1777 /tmp; $C launcher -w --pdeathsig KILL -S 5 -- sh -c 'echo $$ >/tmp/p; : "
      ">/tmp/up; "
      "sleep 60' & for i in $(seq 500); do test -e /tmp/up && break; sleep 0.02; done; kill -9 $!; "
      "for i in $(seq 500); do grep -q 'State:.[RS]' /proc/$(cat /tmp/p)/status 2>/dev/null || "
      "break; "
      "sleep 0.02; done; grep -q 'State:.[RS]' /proc/$(cat /tmp/p)/status 2>/dev/null || test ! -s "
      "/tmp/p "
      "|| echo dead");
  EXPECT_EQ(dead.out, "dead\n") << dead.err;
  EXPECT_EQ(shell("$C launcher -w --pdeathsig nosuch -- true").status, 1);
  EXPECT_EQ(shell("$C launcher -w --pdeathsig KILL --fork -- true").status, 1);
  EXPECT_EQ(shell("$C launcher -w --pdeathsig KILL -- /no/such").status, 127);
}

NS_TEST(NativeLauncherOptions, ImproveNetworkIsAnotherNameOfNet) {
  for (const char* word : {"--network", "--net", "-n"})
    EXPECT_NE(shell("$C launcher -w " + std::string(word) + " -- readlink /proc/self/ns/net").out,
              shell("readlink /proc/self/ns/net").out)
        << word;
}

}  // namespace
