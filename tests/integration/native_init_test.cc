// SPDX-License-Identifier: Apache-2.0
// mini-init and mini-init2, by the numbered examples of their document: as pid 1 of a container.
#include <gmock/gmock.h>

#include "tests/support/applets.h"
#include "tests/support/files.h"
#include "tests/support/ns_test.h"

namespace {

using support::Outcome;
using support::shell;
using ::testing::HasSubstr;
using ::testing::Not;

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
  const Outcome done = init(
      "$L $B init -s 15 -a 4 -n /bin/sh -r 1 -c -c -c 'echo x' -n /bin/sh -c -c -c 'sleep 3.5; "
      "kill -TERM 1'");
  EXPECT_EQ(done.out, "x\nx\nx\nx\n") << done.err;
}

NS_TEST(NativeMiniInit, Example5Descriptors) {
  const Outcome done = init(
      "exec 9</etc/passwd 8</etc/group; $L $B init -s 15 -a 4 -S -n /bin/sh -f 9 -f 8 -p -c -c -c "
      "'readlink /proc/$$/fd/3; readlink /proc/$$/fd/4; ls /proc/$$/fd | wc -l; echo $LISTEN_FDS; "
      "test $LISTEN_PID = $$ && echo own; kill -TERM 1'");
  EXPECT_EQ(done.out, "/etc/passwd\n/etc/group\n5\n2\nown\n") << done.err;
  EXPECT_EQ(init("$L $B init -n /bin/sh -f 9").status, 1);
}

NS_TEST(NativeMiniInit, Example6ScriptsOfSignals) {
  support::make_directories("/tmp/w");
  const Outcome run = init(
      "printf '#!/bin/sh\\necho got $1\\n' >/tmp/w/s; chmod +x /tmp/w/s; $L $B init -s USR1 -a run "
      "-i /tmp/w/s -s 15 -a 4 -n /bin/sh -c -c -c 'kill -USR1 1; sleep 0.3; kill -TERM 1'");
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

}  // namespace
