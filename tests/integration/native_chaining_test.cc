// SPDX-License-Identifier: Apache-2.0
// Chains of applets, by the examples of their document: each as stage words in one process, and
// again as programs that execute one another, with the same result.
#include <gmock/gmock.h>

#include "tests/support/applets.h"
#include "tests/support/files.h"
#include "tests/support/ns_test.h"

namespace {

using support::Outcome;
using support::shell;
using ::testing::HasSubstr;

// "@" in front of an applet: the stage word ":", or "$C ".
std::string chain(std::string text, const std::string& how) {
  for (std::size_t at = text.find('@'); at != std::string::npos; at = text.find('@', at))
    text.replace(at, 1, how);
  return text;
}
const char* const kWays[] = {":", "$C "};

// A listener in a private network namespace, as socket activation wants it.
std::string listener(const std::string& how, const std::string& program) {
  return chain(
             "$C make_ns -U -n --loopback @ns_open_file -L 0,:CTRTOOL_MAKE_NS_FD_1 -n -i 0 -U -d "
             "inet "
             "-4 127.0.0.1,80,a -l 128 @set_fds -s -e :CTRTOOL_NS_OPEN_FILE_FD_0 -- ",
             how) +
         program;
}

// What the program sees of it: how many there are, its own namespace and its descriptors.
Outcome seen_with_listener(const std::string& how) {
  return shell("readlink /proc/self/ns/net; " +
               listener(how,
                        "sh -c 'echo $LISTEN_FDS; readlink /proc/self/ns/net; ls /proc/$$/fd; "
                        "env | grep -c ^CTRTOOL_NS_OPEN_FILE_FD_'"));
}

void expect_the_callers_world_and_a_listener(const std::string& how) {
  const Outcome seen = seen_with_listener(how);
  const std::string home = seen.out.substr(0, seen.out.find('\n') + 1);
  EXPECT_THAT(home, testing::StartsWith("net:["));
  EXPECT_EQ(seen.out, home + "1\n" + home + "0\n1\n2\n3\n0\n") << how << seen.err;
  // Where the listener is: not here, and listening (state 0A) on port 80 (hexadecimal 50) there.
  const Outcome there =
      shell(listener(how,
                     "$C pidfd_ctl -2 3 -N -v THERE $C nsenter -j n:/THERE -P sh -c "
                     "'readlink /proc/self/ns/net; grep -c \": 0100007F:0050 "
                     "00000000:0000 0A \" /proc/net/tcp'"));
  EXPECT_THAT(there.out, testing::MatchesRegex("net:\\[[0-9]+\\]\n1\n")) << how << there.err;
  EXPECT_FALSE(there.out.starts_with(home)) << how;
}

NS_TEST(NativeChaining, Section6Example1ListenerHandedOver) {
  expect_the_callers_world_and_a_listener(":");
}

NS_TEST(NativeChaining, Section6Example2TheSameByExec) {
  expect_the_callers_world_and_a_listener("$C ");
  EXPECT_EQ(seen_with_listener(":").out, seen_with_listener("$C ").out);
}

NS_TEST(NativeChaining, Section6Example3OwnerLookup) {
  for (const char* how : kWays) {
    const Outcome owner = shell(
        chain("$C make_ns -U -n @pidfd_ctl -2 /CTRTOOL_MAKE_NS_FD_1 -u -v OWN sh -c 'stat -Lc %i "
              "/proc/self/fd/$OWN /proc/self/fd/$CTRTOOL_MAKE_NS_FD_0 | uniq | wc -l'",
              how));
    EXPECT_EQ(owner.out, "1\n") << how << owner.err;
  }
}

NS_TEST(NativeChaining, Section6Example4EnterMountLosePower) {
  for (const char* how : kWays) {
    const Outcome done = shell(chain(
        "$C make_ns -U -m @nsenter -j U:/CTRTOOL_MAKE_NS_FD_0 -j m:/CTRTOOL_MAKE_NS_FD_1 "
        "@unlock "
        "-m tmpfs,none,/mnt -D sh -c 'grep Cap /proc/self/status | grep -vc 0000000000000000; grep "
        "-c \" /mnt tmpfs\" /proc/mounts'; grep -c ' /mnt tmpfs' /proc/mounts",
        how));
    EXPECT_EQ(done.out, "0\n1\n0\n") << how << done.err;
  }
}

NS_TEST(NativeChaining, Section6Example5UnknownStage) {
  const Outcome unknown = shell("$C make_ns -n :nosuch");
  EXPECT_EQ(unknown.status, 127);
  EXPECT_THAT(unknown.err, HasSubstr("nosuch"));
  EXPECT_EQ(shell("cd /tmp; printf '#!/bin/sh\\necho file\\n' >:odd; chmod 755 :odd; $C make_ns -n "
                  "./:odd")
                .out,
            "file\n");
}

NS_TEST(NativeChaining, Section3AStageSeesWhatAProgramWouldSee) {
  std::vector<std::string> seen;
  for (const char* how : kWays) {
    const Outcome done =
        shell(chain("$C make_ns -U -n -u -Q @make_ns -o 3 -n @set_fds -e "
                    "/CTRTOOL_MAKE_NS_FD_0,:CTRTOOL_MAKE_NS_FD_3 -- sh -c 'for n in 3 4 5 6 7 "
                    "8 9; do test -e /proc/$$/fd/$n && echo $n; done; grep -E \"Sig(Blk|Ign)\" "
                    "/proc/self/status; env | grep "
                    "^CTRTOOL_ | sort'",
                    how));
    EXPECT_EQ(done.status, 0) << done.err;
    seen.push_back(done.out);
  }
  EXPECT_EQ(seen[0], seen[1]);
  EXPECT_THAT(seen[0], testing::StartsWith("3\n4\nSigBlk"));
  EXPECT_THAT(seen[0], HasSubstr("CTRTOOL_MAKE_NS_COUNT=4\n"));
  EXPECT_THAT(seen[0], testing::Not(HasSubstr("CTRTOOL_MAKE_NS_FD_3")));
}

NS_TEST(NativeChaining, Section3EscapeAsAStageKeepsWhatStagesDid) {
  const Outcome kept = shell(
      "$C make_ns -U -n :escape nsenter -e -j n:/CTRTOOL_MAKE_NS_FD_1 -P sh -c 'readlink "
      "/proc/self/ns/net /proc/self/fd/$CTRTOOL_MAKE_NS_FD_1 | uniq | wc -l'");
  EXPECT_EQ(kept.out, "1\n") << kept.err;
}

NS_TEST(NativeChaining, Section1FixedNumbersAndNames) {
  for (const char* how : kWays) {
    const Outcome numbers = shell(
        chain("$C make_ns -n -F 8 -e NET -u @unlock -o /etc/passwd --fd=9 --env=PW sh -c 'echo $PW "
              "$CTRTOOL_UNLOCK_FD_0 ${CTRTOOL_MAKE_NS_FD_0-gone}; head -c 4 <&9; readlink "
              "/proc/self/fd/8 || echo closed'",
              how));
    EXPECT_EQ(numbers.out, "9 9 gone\nrootclosed\n") << how << numbers.err;
  }
}

}  // namespace
