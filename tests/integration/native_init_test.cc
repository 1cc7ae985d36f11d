// SPDX-License-Identifier: Apache-2.0
// mini-init and mini-init2, by the numbered examples of their document: as pid 1 of a container.

#include <cstdlib>

#include "tests/support/native.h"

namespace native {
namespace {

Outcome init(const std::string& words) {
  return shell("L=\"$C launcher -w -mpt --\"; B=$C; " + words);
}

NS_TEST(NativeMiniInit, Example1And2ProgramsAndTheirWords) {
  const Outcome first =
      init("$L $B init -s 15 -a 4 -n /bin/sh -c -c -c 'echo $$ $PPID; kill -TERM 1'");
  EXPECT_EQ(first.status, 0) << first.err;
  EXPECT_EQ(first.out, "2 1\n");
  const Outcome second = init(
      "$L $B init2 -s TERM -a exit -n /bin/echo hello 'a b' -n /bin/sh -c -c -c 'sleep 1; kill "
      "-TERM 1'");
  EXPECT_EQ(second.out, "hello a b\n") << second.err;
  EXPECT_EQ(init("$L $B init2 -n /bin/sh --exit-with -- -c 'exit 6'").status, 6);
}

NS_TEST(NativeMiniInit, Example3RebootCodes) {
  for (const auto& [action, status] : {std::pair("1", 129), {"poweroff", 130}, {"3", 130}})
    EXPECT_EQ(
        init("$L $B init -s 15 -a " + std::string(action) + " -n /bin/sh -c -c -c 'kill -TERM 1'")
            .status,
        status)
        << action;
}

NS_TEST(NativeMiniInit, Example4Respawn) {
  // Four starts, a second apart, take three seconds at least.
  const Outcome done = init(
      "F=$(date +%s); $L $B init -s 15 -a 4 -n /bin/sh -r 1 -c -c -c 'echo x >>/tmp/x' -n /bin/sh "
      "-c "
      "-c -c 'until test $(wc -l </tmp/x) -ge 4; do sleep 0.05; done; kill -TERM 1' && test $(date "
      "+%s) -ge $((F + 3)) && sort -u /tmp/x");
  EXPECT_EQ(done.out, "x\n") << done.err;
}

NS_TEST(NativeMiniInit, Example5Descriptors) {
  const Outcome done = init(
      "exec 9</etc/passwd 8</etc/group; $L $B init -s 15 -a 4 -S -n /bin/sh -f 9 -f 8 -p -c -c -c "
      "'readlink /proc/$$/fd/3; readlink /proc/$$/fd/4; ls /proc/$$/fd; echo $LISTEN_FDS; "
      "test $LISTEN_PID = $$ && echo own; kill -TERM 1'");
  EXPECT_EQ(done.out, "/etc/passwd\n/etc/group\n0\n1\n2\n3\n4\n2\nown\n") << done.err;
  EXPECT_EQ(init("$L $B init -n /bin/sh -f 9").status, 1);
}

NS_TEST(NativeMiniInit, Example6ScriptsOfSignals) {
  support::make_directories("/tmp/w");
  const Outcome run = init(
      "printf '#!/bin/sh\\necho got $1; : >/tmp/w/ran\\n' >/tmp/w/s; chmod +x /tmp/w/s; $L $B init "
      "-s "
      "USR1 -a run -i /tmp/w/s -s 15 -a 4 -n /bin/sh -c -c -c 'kill -USR1 1; until test -e "
      "/tmp/w/ran; do sleep 0.02; done; kill -TERM 1'");
  EXPECT_EQ(run.out, "got 10\n") << run.err;
  const Outcome reload = init(
      "printf '#!/bin/sh\\necho $$ $1\\n' >/tmp/w/r; chmod +x /tmp/w/r; $L $B init -s 15 -a 5 -i "
      "/tmp/w/r -n /bin/sh -c -c -c 'kill -TERM 1; sleep 1'");
  EXPECT_EQ(reload.out, "1 15\n") << reload.err;
  const Outcome reexec =
      init("$L $B init -s 15 -a reexec -I /tmp/w/r -n /bin/sh -c -c -c 'kill -TERM 1; sleep 1'");
  EXPECT_EQ(reexec.out, "1 15\n") << reexec.err;
  EXPECT_EQ(shell("$C init").status, 1);
}

NS_TEST(NativeMiniInit, SequenceSignalsAndShutdown) {
  // What is not configured, or does nothing, leaves init alone; all others get TERM at the end.
  const Outcome done = init(
      "$L $B init2 --grace 60 -s USR1 -a none -s TERM -a exit -n /bin/sh -c -c -c 'trap \"echo "
      "bye; exit\" "
      "TERM; : >/tmp/up; while :; do sleep 0.05; done' -n /bin/sh -c -c -c 'until test -e /tmp/up; "
      "do sleep 0.02; done; kill -USR1 1; kill -USR2 1; echo alive; kill -TERM 1'");
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_EQ(done.out, "alive\nbye\n") << done.err;
  EXPECT_EQ(init("$L $B init2 stray -n /bin/true").status, 1) << "before any program";
}

// What pid 1 waits for anyway may have an action of its own.
NS_TEST(NativeMiniInit, OptionsTheEndOfAProgramIsASignalToo) {
  EXPECT_EQ(init("$L $B init -s CHLD -a exit -n /bin/true").status, 0);
  const Outcome once = init(
      "printf '#!/bin/sh\\necho $1\\n' >/tmp/pre; chmod +x /tmp/pre; $L $B init -s 17 -a exit -i "
      "/tmp/pre -n /bin/true");
  EXPECT_EQ(once.out, "17\n") << once.err;
}

NS_TEST(NativeMiniInit, ImproveMistakesAreNamed) {
  EXPECT_EQ(init("$L $B init stray").status, 1);
  EXPECT_EQ(init("$L $B init -c x").status, 1);
  EXPECT_EQ(init("$L $B init -s 15 -a 6").status, 1);
  EXPECT_EQ(init("$L $B init -s 15 -a nosuch").status, 1);
  EXPECT_EQ(shell("$C init --subreaper -s 15 -a reboot").status, 1);
  const Outcome missing = init("$L $B init -n /no/such --exit-with");
  EXPECT_EQ(missing.status, 127);
  EXPECT_THAT(missing.err, HasSubstr("/no/such"));
}

NS_TEST(NativeMiniInit, ImproveStdioIdentityAndSubreaper) {
  const Outcome done = init(
      "$L $B init2 -n /bin/sh --append -1 /tmp/out --uid 5 --gid 6 --workdir /etc --setenv A=1 "
      "--exit-with -- -c 'id -u; id -g; pwd; echo $A; exit 3'; echo $?; cat /tmp/out");
  EXPECT_EQ(done.out, "3\n5\n6\n/etc\n1\n") << done.err;
  const Outcome orphan = shell(
      "$C init2 --subreaper --verbose -n /bin/sh --exit-with -- -c '(sleep 0.2; ps -o ppid= "
      "-p $BASHPID >/dev/null) & exit 4'");
  EXPECT_EQ(orphan.status, 4) << orphan.err;
  EXPECT_THAT(orphan.err, HasSubstr("ended with status 4"));
}

// What is asked of an init that runs beside the test; $I is its pid, as ours see it.
NS_TEST(NativeMiniInit, ImproveControlStartsAndStops) {
  const Outcome done = init(
      "$L $B init2 --control /tmp/ctl -n /bin/sh --name web --on-demand -- -c 'echo up >>/tmp/log; "
      "exec sleep 60' 2>/tmp/err & L=$!; "
      "until_is() { for i in $(seq 500); do test \"$(eval \"$1\")\" = \"$2\" && return; sleep "
      "0.02; "
      "done; echo \"not: $1\"; }; "
      "until_is 'test -p /tmp/ctl && echo 1' 1; stat -c %a /tmp/ctl; "
      "say() { echo \"$1\" >/tmp/ctl; }; "
      "say status; until_is 'grep -c stopped /tmp/err' 1; "
      "say 'start web'; until_is 'grep -c up /tmp/log' 1; "
      "say 'start web'; say 'restart web'; until_is 'grep -c up /tmp/log' 2; "
      "say status; until_is 'grep -c \"web.*pid\" /tmp/err' 1; "
      "say 'stop web'; say 'start nosuch'; until_is 'grep -c no.such /tmp/err' 1; "
      "until_is 'say status; grep -c \"stopped, last status 143\" /tmp/err | head -c1' 1; "
      "kill -9 $(pgrep -P $L); wait $L");
  EXPECT_EQ(done.out, "600\n") << done.err;
}

NS_TEST(NativeMiniInit, ImproveControlKillsWhatDoesNotStop) {
  const Outcome done = init(
      "$L $B init2 --control /tmp/ctl --grace 1 --verbose -s TERM -a exit -n /bin/sh --name deaf "
      "-r 0 -- -c 'trap \"\" TERM; echo up >>/tmp/log; while :; do sleep 1; done' 2>/tmp/err & "
      "L=$!; "
      "for i in $(seq 500); do test -s /tmp/log && break; sleep 0.02; done; echo stop deaf "
      ">/tmp/ctl; "
      "for i in $(seq 500); do grep 'status 137' /tmp/err && break; sleep 0.02; done; "
      "kill -TERM $(pgrep -P $L); wait $L; echo $?; cat /tmp/log; test -e /tmp/ctl || echo "
      "removed");
  EXPECT_THAT(done.out, HasSubstr("status 137\n0\nup\nremoved\n")) << done.err;
}

NS_TEST(NativeMiniInit, ImproveConfigurationFile) {
  support::make_directories("/tmp/w");
  support::write_file(
      "/tmp/w/more", "-n /bin/sh --exit-with\n-c -c\n-c 'echo $A $B; exit 5'\n--setenv 'A=x  y'\n");
  support::write_file("/tmp/w/conf",
                      "# services\n--config /tmp/w/more\n--setenv B=2\n-s TERM -a exit\n");
  const Outcome done = init("$L $B init --config /tmp/w/conf");
  EXPECT_EQ(done.status, 5) << done.err;
  EXPECT_EQ(done.out, "x y 2\n");
  support::write_file("/tmp/w/self", "--config /tmp/w/self\n");
  EXPECT_EQ(init("$L $B init --config /tmp/w/self").status, 1);
  support::write_file("/tmp/w/bad", "-s TERM -a\nnosuch\n");
  const Outcome bad = init("$L $B init --config /tmp/w/bad");
  EXPECT_EQ(bad.status, 1);
  EXPECT_THAT(bad.err, HasSubstr("/tmp/w/bad"));
  EXPECT_EQ(init("$L $B init --config /tmp/w/none").status, 1);
  EXPECT_EQ(init("$L $B init -n /bin/true --on-demand").status, 1) << "without --control";
}

NS_TEST(NativeMiniInit, ImproveBackoffOfWhatKeepsEnding) {
  // Each ends at once; from the third start on there are pauses of at least 1, 2... seconds.
  const Outcome done = init(
      "$L $B init2 -s TERM -a exit -n /bin/sh -r 0 --backoff 60 -- -c 'echo x >>/tmp/log' & L=$!; "
      "for i in $(seq 500); do test \"$(wc -l </tmp/log)\" = 3 && break; sleep 0.02; done; sleep "
      "0.5; "
      "wc -l </tmp/log; kill -TERM $(pgrep -P $L); wait $L");
  EXPECT_EQ(done.status, 0) << done.err;
  const int starts = std::atoi(done.out.c_str());
  EXPECT_GE(starts, 2) << done.out;
  EXPECT_LE(starts, 12) << "without the pauses it were hundreds";
}

NS_TEST(NativeMiniInit, OptionsStdioOrderAndScripts) {
  // One item keeps being edited when its signal is named again; the last value wins.
  const Outcome edited = init(
      "printf '#!/bin/sh\\necho pre $1\\n' >/tmp/pre; printf '#!/bin/sh\\necho post $1\\n' "
      ">/tmp/post; "
      "chmod +x /tmp/pre /tmp/post; $L $B init -s 15 -a 0 -s 10 -a 6 -i /tmp/pre -s 15 -a 4 -i "
      "/no/such "
      "-i /tmp/pre -I /tmp/post -s 0 -a 1 -n /bin/sh -c -c -c 'kill -TERM 1'");
  EXPECT_EQ(edited.out, "pre 15\npost 15\n") << edited.err;
  EXPECT_EQ(edited.status, 0);
  // IMPROVE: programs start in the order of their words.
  const Outcome order = init(
      "$L $B init -s 15 -a 4 -n /bin/sh -c -c -c 'echo $$ >/tmp/1' -n /bin/sh -c -c -c 'echo $$ "
      ">/tmp/2' "
      "-n /bin/sh -c -c -c 'until test -s /tmp/1 && test -s /tmp/2; do sleep 0.02; done; kill "
      "-TERM 1'; "
      "cat /tmp/1 /tmp/2");
  EXPECT_EQ(order.out, "2\n3\n") << order.err;
  const Outcome stdio = init(
      "echo in >/tmp/in; : >/tmp/o; : >/tmp/e; $L $B init2 -n /bin/sh -0 /tmp/in -1 /tmp/o -2 "
      "/tmp/e "
      "--exit-with -- -c 'cat; echo err >&2; test $(ps -o sid= -p $$) -eq $$ && echo session'; cat "
      "/tmp/o /tmp/e");
  EXPECT_EQ(stdio.out, "in\nsession\nerr\n") << stdio.err;
  // Without --append a missing file is not made.
  EXPECT_EQ(
      init("$L $B init2 -n /bin/true -1 /tmp/missing --exit-with; echo $?; test -e /tmp/missing || "
           "echo none")
          .out,
      "1\nnone\n");
  EXPECT_EQ(init("$L $B init2 -n /bin/sh -C /dev/null --exit-with -- -c 'readlink /proc/self/fd/1; "
                 "exit $(readlink /proc/$$/fd/2 | wc -c)'")
                .status,
            10);
}

}  // namespace
}  // namespace native
