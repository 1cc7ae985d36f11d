// SPDX-License-Identifier: Apache-2.0
// chroot_pivot, by the numbered examples and rules of its document.
#include <gmock/gmock.h>
#include <stdlib.h>

#include "tests/support/applets.h"
#include "tests/support/ns_test.h"

namespace {

using support::Outcome;
using support::shell;
using ::testing::HasSubstr;

// cr is a mount with another one, which has a marker, on cr/new.
Outcome beside_mounts(const std::string& text) {
  return shell(
      "mkdir -p /tmp/cr; cd /tmp; mount -t tmpfs x cr; mkdir cr/new cr/plain cr/plain/old; mount "
      "-t "
      "tmpfs y cr/new; mkdir cr/new/old; touch cr/new/marker; " +
      text);
}

NS_TEST(NativeChrootPivot, Example1SwapsAMountAndLeavesTheCallerAlone) {
  const Outcome swapped = beside_mounts(
      "stat -c %i / >/tmp/i; $C chroot_pivot cr /new /new/old; echo $?; ls cr; ls cr/old; pwd; "
      "stat "
      "-c %i / | cmp - /tmp/i");
  EXPECT_EQ(swapped.out, "0\nmarker\nold\nnew\nplain\n/tmp\n") << swapped.err;
  EXPECT_EQ(swapped.status, 0);
}

NS_TEST(NativeChrootPivot, Examples2To4HowItFails) {
  EXPECT_EQ(beside_mounts("$C chroot_pivot nosuch /new /new/old").status, 2);
  const Outcome plain = beside_mounts("$C chroot_pivot cr /plain /plain/old");
  EXPECT_EQ(plain.status, 3);
  EXPECT_THAT(plain.err, HasSubstr("not a mount point"));
  EXPECT_EQ(beside_mounts("$C chroot_pivot cr /nosuch /nosuch/old").status, 3);
  EXPECT_EQ(beside_mounts("$C chroot_pivot cr /new").status, 1);
  EXPECT_EQ(beside_mounts("$C chroot_pivot cr /new /new/old more").status, 1);
  EXPECT_EQ(beside_mounts("$C chroot_pivot").status, 1);
  EXPECT_EQ(beside_mounts("$C chroot_pivot --nonsense cr /new /new/old").status, 1);
  EXPECT_EQ(beside_mounts("$C chroot_pivot -- cr /new /new/old; ls cr/marker").out, "cr/marker\n");
}

NS_TEST(NativeChrootPivot, Example5TheInverseRestoresTheView) {
  const Outcome back = beside_mounts(
      "$C chroot_pivot cr new new/old && $C chroot_pivot cr /old /old/new && ls cr cr/new");
  EXPECT_EQ(back.out, "cr:\nnew\nplain\n\ncr/new:\nmarker\nold\n") << back.err;
}

NS_TEST(NativeChrootPivot, ImproveDetachBindAndPrivate) {
  EXPECT_EQ(beside_mounts("$C chroot_pivot -u cr /new /new/old; ls cr cr/old; grep -c /tmp/cr "
                          "/proc/self/mounts")
                .out,
            "cr:\nmarker\nold\n\ncr/old:\n1\n");
  EXPECT_EQ(beside_mounts("$C chroot_pivot -b cr /plain /plain/old; ls cr cr/old").out,
            "cr:\nold\n\ncr/old:\nnew\nplain\n");
  const Outcome shared = beside_mounts(
      "mount --make-shared cr; $C chroot_pivot cr /new /new/old; echo $?; $C "
      "chroot_pivot --private cr /new /new/old; echo $?; ls cr");
  EXPECT_EQ(shared.out, "3\n0\nmarker\nold\n") << shared.err;
}

NS_TEST(NativeChrootPivot, ImproveDescriptorOperands) {
  const Outcome by_fd =
      beside_mounts("exec 8<cr 9<cr/new; CR=8 $C chroot_pivot fd:/CR fd:9 old; echo $?; ls cr");
  EXPECT_EQ(by_fd.out, "0\nmarker\nold\n") << by_fd.err;
  EXPECT_EQ(beside_mounts("$C chroot_pivot fd:77 /new /new/old").status, 1);
}

NS_TEST(NativeChrootPivot, ImproveOneOperandExchangesOurOwnRoot) {
  // It ends where there is no /proc, in which the leak checker would look for itself.
  ::setenv("ASAN_OPTIONS", "detect_leaks=0:exitcode=99", 1);
  const Outcome own = shell(
      "mkdir -p /tmp/r; mount -t tmpfs x /tmp/r; mkdir /tmp/r/bin /tmp/bin; cp /bin/busybox "
      "/tmp/r/bin/sh; "
      "cp $C "
      "/tmp/bin/ctrtool; mount --make-rprivate /; /tmp/bin/ctrtool chroot_pivot -u /tmp/r; echo "
      "$?; exec /bin/sh -c "
      "'echo /*'");
  EXPECT_EQ(own.out, "0\n/bin\n") << own.err;
}

}  // namespace
