// SPDX-License-Identifier: Apache-2.0
// make_ns, by the numbered examples and rules of its document.

#include "tests/support/bundle.h"
#include "tests/support/native.h"

namespace native {
namespace {

NS_TEST(NativeMakeNs, Example1UnprivilegedNetworkNamespace) {
  const Outcome links = user_shell(
      "$U $C make_ns -U -n sh -c 'readlink /proc/self/fd/$CTRTOOL_MAKE_NS_NET_FD "
      "/proc/self/ns/net; "
      "ps -o args= --ppid $$ | grep -v ps'");
  const std::vector<std::string> lines = lines_of(links.out);
  ASSERT_EQ(lines.size(), 2U) << links.out << links.err;
  EXPECT_THAT(lines[0], MatchesRegex("net:\\[[0-9]+\\]"));
  EXPECT_THAT(lines[1], MatchesRegex("net:\\[[0-9]+\\]"));
  EXPECT_NE(lines[0], lines[1]);
}

NS_TEST(NativeMakeNs, Example2MapsOfAPrivilegedCaller) {
  const Outcome map = shell(
      "$C make_ns -U -M 0.100000.65536 -G 0.100000.65536 -S allow -x 'cat /proc/self/fd/$2/uid_map "
      "/proc/self/fd/$2/setgroups' true");
  EXPECT_THAT(map.out, MatchesRegex(" +0 +100000 +65536\nallow\n")) << map.err;
  const Outcome projects = shell(
      "$C make_ns -U -P 0.7.1 -x 'cat /proc/self/fd/$2/projid_map /proc/self/fd/$2/setgroups' "
      "true");
  EXPECT_THAT(projects.out, MatchesRegex(" +0 +7 +1\ndeny\n")) << projects.err;
}

NS_TEST(NativeMakeNs, Example3HostNameInside) {
  const Outcome name = shell(
      "hostname >/tmp/before; $C make_ns -u -H box -D dom -m -y 'hostname; cat "
      "/proc/sys/kernel/domainname' true; hostname | cmp - /tmp/before");
  EXPECT_EQ(name.out, "box\ndom\n") << name.err;
  EXPECT_EQ(name.status, 0) << name.err;
}

NS_TEST(NativeMakeNs, Example4TimeOffset) {
  const Outcome up = shell(
      "$C make_ns -T -t boottime=86400.5 :nsenter -j 'T:/CTRTOOL_MAKE_NS_FD_0' -F sh -c 'cat "
      "/proc/uptime /proc/self/timens_offsets'");
  ASSERT_EQ(up.status, 0) << up.err;
  EXPECT_GE(std::stod(up.out), 86400.0) << up.out;
  EXPECT_THAT(up.out, MatchesRegex("(.|\n)*boottime +86400 +500000000\n"));
  const Outcome back =
      shell("$C make_ns -T -t monotonic=-1.25 -x 'cat /proc/self/fd/$2/timens_offsets' true");
  EXPECT_THAT(back.out, MatchesRegex("monotonic +-2 +750000000\n(.|\n)*")) << back.err;
}

NS_TEST(NativeMakeNs, Example5PersistentNamesForAnOrdinaryUser) {
  const Outcome made = user_shell(
      "mkdir -p /run/userns /run/netns; chmod 755 /run; $C make_ns -U -O 1000 -M 0.1000.1 -G "
      "0.1000.1 -b /run/userns/a -Q -n -b /run/netns/a -Q -N || exit 9; stat -f -c %T "
      "/run/userns/a /run/netns/a; "
      "$U $C nsenter -P -j U=/run/userns/a -j n=/run/netns/a -- ip link set lo up || exit 8; "
      "$C pidfd_ctl -2 =/run/userns/a -O");
  EXPECT_EQ(made.status, 0) << made.err;
  EXPECT_EQ(made.out, "nsfs\nnsfs\n1000\n") << made.err;
}

NS_TEST(NativeMakeNs, Example6MistakesAndFailures) {
  const Outcome failed = shell("$C make_ns -n -x 'exit 3' touch /tmp/ran; echo $?; ls /tmp/ran");
  EXPECT_THAT(failed.out, HasSubstr("125\n"));
  EXPECT_THAT(failed.out, Not(HasSubstr("/tmp/ran")));
  EXPECT_THAT(failed.err, HasSubstr("item 0"));
  EXPECT_THAT(failed.err, HasSubstr("status 3"));
  const Outcome pid = shell("$C make_ns -p true");
  EXPECT_EQ(pid.status, 1);
  EXPECT_THAT(pid.err, HasSubstr("use pidns_run"));
  for (const char* words :
       {"-H x -u true", "-n -H x true", "-U -U true", "true", "-n", "-U -M 0.0 true",
        "-U -E 0 -M 0.0.1 true", "-T -t x=1 true", "-T -t boottime=1.x true", "-n -F 2 true",
        "-n -e A=B true", "-n -s kernel.pid_max=5 true", "-i -k 5 true", "-i -q 0 true",
        "-i --sem 5,0 true", "-m -R odd true", "-d 0 -n true", "-U -S maybe true", "--nonsense"})
    EXPECT_EQ(shell("$C make_ns " + std::string(words)).status, 1) << words;
  EXPECT_EQ(shell("$C make_ns -n -- /no/such").status, 127);
  EXPECT_EQ(shell("$C make_ns -n -- /etc/passwd").status, 126);
  EXPECT_EQ(shell("$C make_ns -n sh -c 'exit 7'").status, 7);
}

NS_TEST(NativeMakeNs, FailuresUndoWhatWasBound) {
  const Outcome undone = shell(
      "touch /tmp/there; $C make_ns -n -b /tmp/new -n -b /tmp/there -y 'exit 4' -n -x 'exit 5' "
      "true; echo $?; ls /tmp/new; grep -c nsfs /proc/self/mounts; pgrep -P $$ ctrtool");
  EXPECT_EQ(undone.out, "125\n0\n") << undone.err;
  const Outcome late = shell(
      "exec 9</dev/null; $C make_ns -n -b /tmp/new -F 9 true; echo $?; ls /tmp/new; $C make_ns -n "
      "-F 9! sh -c 'readlink /proc/self/fd/9'");
  EXPECT_THAT(late.out, MatchesRegex("125\nnet:\\[[0-9]+\\]\n")) << late.err;
  EXPECT_THAT(late.err, HasSubstr("9 is in use"));
}

NS_TEST(NativeMakeNs, ExportsFollowTheCommandLine) {
  const Outcome numbers = shell(
      "export CTRTOOL_MAKE_NS_FD_9=77; $C make_ns -o 2 -n -e NET -u -Q -U -F 30 sh -c 'for n in 2 "
      "3 "
      "4; do eval v=\\$CTRTOOL_MAKE_NS_FD_$n; readlink /proc/self/fd/$v | cut -d: -f1 || true; "
      "done; echo $CTRTOOL_MAKE_NS_COUNT ${CTRTOOL_MAKE_NS_FD_9-gone} $CTRTOOL_MAKE_NS_UTS_FD "
      "$CTRTOOL_MAKE_NS_FD_4; test $NET = $CTRTOOL_MAKE_NS_FD_2'");
  EXPECT_EQ(numbers.status, 0) << numbers.err;
  EXPECT_EQ(numbers.out, "net\nuser\n5 gone -1 30\n") << numbers.err;
  // The item was second on the command line and made first: the others belong to it.
  const Outcome owner = shell(
      "$C make_ns -n -U :pidfd_ctl -2 /CTRTOOL_MAKE_NS_FD_0 -u -v OWN sh -c 'stat -Lc %i "
      "/proc/self/fd/$OWN /proc/self/fd/$CTRTOOL_MAKE_NS_FD_1 | uniq | wc -l'");
  EXPECT_EQ(owner.out, "1\n") << owner.err;
}

NS_TEST(NativeMakeNs, HooksKnowWhatIsThere) {
  const Outcome order = shell(
      "f() { echo \"echo $1 \\$4 \\$5 \\$(readlink /proc/self/fd/\\$3 | cut -d: -f1) "
      "\\${CTRTOOL_MAKE_NS_FD_0+0} \\${CTRTOOL_MAKE_NS_FD_1+1}\"; }; "
      "$C make_ns -z \"$(f pre)\" -Z \"$(f final)\" -w \"$(f inner-final)\" -u -y \"$(f iu)\" -x "
      "\"$(f ou)\" -n -x \"$(f on)\" -y \"$(f in)\" true");
  EXPECT_EQ(order.out,
            "pre\nou u 0 uts 0\niu u 0 uts 0\non n 1 net 0 1\nin n 1 net 0 1\n"
            "final 0 1\ninner-final 0 1\n")
      << order.err;
  const Outcome inside = user_shell(
      "$U $C make_ns -U -m -n -y 'pwd; id -u; ls /proc/self/fd/$2/ns | head -1; ip link set lo up "
      "&& mount -t tmpfs none /mnt && echo ok' true; grep -c ' /mnt ' /proc/self/mounts");
  EXPECT_EQ(inside.out, "/\n0\ncgroup\nok\n0\n") << inside.err;
  const Outcome same = shell(
      "$C make_ns -u -x 'echo $1; readlink /proc/self/fd/$2/ns/uts /proc/self/fd/$3' -y 'echo $1' "
      "true");
  const std::vector<std::string> lines = lines_of(same.out);
  ASSERT_EQ(lines.size(), 4U) << same.err;
  EXPECT_EQ(lines[0], lines[3]);
  EXPECT_EQ(lines[1], lines[2]);
}

NS_TEST(NativeMakeNs, HooksThatArePrograms) {
  support::write_file("/tmp/hook", "#!/bin/sh\necho $4 $5\n", 0755);
  EXPECT_EQ(shell("$C make_ns -n -X /tmp/hook -Y /tmp/hook true").out, "n 0\nn 0\n");
  EXPECT_EQ(shell("PATH=/tmp:$PATH $C make_ns -n -X hook -Y hook true").out, "n 0\nn 0\n");
  // Opened before the mount namespace was made: what covers its path does not matter.
  EXPECT_EQ(shell("$C make_ns -m -y 'mount -t tmpfs none /tmp' -n -Y /tmp/hook true").out, "n 1\n");
  EXPECT_EQ(shell("$C make_ns -n -X /no/such true").status, 125);
  EXPECT_EQ(shell("$C make_ns -n -Y /no/such true").status, 125);
  EXPECT_EQ(shell("$C make_ns -I /bin/echo -n -x text true").out.substr(0, 10), "-c text - ");
}

NS_TEST(NativeMakeNs, HooksMayBeTimed) {
  const Outcome slow = shell("$C make_ns -d 1 -n -x 'sleep 60' true");
  EXPECT_EQ(slow.status, 125);
  EXPECT_THAT(slow.err, HasSubstr("more than 1 second"));
}

NS_TEST(NativeMakeNs, SettingsOfEachKind) {
  EXPECT_EQ(shell("$C make_ns -n -l -y 'ip -br link show lo' true").out.substr(0, 2), "lo");
  EXPECT_THAT(shell("$C make_ns -n -l -y 'cat /sys/class/net/lo/flags; ip link show lo' true").out,
              HasSubstr("LOOPBACK,UP"));
  EXPECT_EQ(shell("$C make_ns -n -s net.ipv4.ip_default_ttl=77 -s net/ipv4/ip_forward=1 -y 'cat "
                  "/proc/sys/net/ipv4/ip_default_ttl /proc/sys/net/ipv4/ip_forward' true")
                .out,
            "77\n1\n");
  const Outcome objects = shell(
      "$C make_ns -i -k 0x1234,8192,0640 -q 0x77 --sem 0x99,3,0600 -y 'ipcs -m; ipcs -q; ipcs -s' "
      "true; ipcs -m | grep -c 1234");
  EXPECT_THAT(objects.out, MatchesRegex("(.|\n)*0x00001234 +[0-9]+ +root +640 +8192(.|\n)*"
                                        "0x00000077(.|\n)*0x00000099 +[0-9]+ +root +600 +3(.|\n)*"
                                        "\n0\n"))
      << objects.err;
  for (const char* word : {"private", "slave", "shared", "unchanged", "unbindable"}) {
    const Outcome mounts = shell("mount --make-rshared /; $C make_ns -m -R " + std::string(word) +
                                 " -y \"grep ' / / ' /proc/self/mountinfo || grep ' / ' "
                                 "/proc/self/mountinfo | head -1\" true");
    const std::string expected = std::string(word) == "slave"        ? "master:"
                                 : std::string(word) == "unbindable" ? "unbindable"
                                 : std::string(word) == "private"    ? ""
                                                                     : "shared:";
    EXPECT_THAT(mounts.out, HasSubstr(expected)) << word << mounts.err;
    if (expected.empty()) {
      EXPECT_THAT(mounts.out, Not(HasSubstr("shared:"))) << word;
    }
  }
}

NS_TEST(NativeMakeNs, EntersAUserNamespaceInsteadOfMakingOne) {
  const Outcome entered = user_shell(
      "$U $C make_ns -U :make_ns -U -E /CTRTOOL_MAKE_NS_FD_0 -n -y 'id -u; readlink "
      "/proc/self/ns/user' sh -c 'readlink /proc/self/fd/$CTRTOOL_MAKE_NS_FD_0'");
  const std::vector<std::string> lines = lines_of(entered.out);
  ASSERT_EQ(lines.size(), 3U) << entered.out << entered.err;
  EXPECT_EQ(lines[0], "0");
  EXPECT_EQ(lines[1], lines[2]);
  const Outcome wrong = shell("exec 5</dev/null; $C make_ns -U -E 5 true");
  EXPECT_EQ(wrong.status, 125);
  EXPECT_THAT(wrong.err, HasSubstr("not a namespace"));
  EXPECT_EQ(shell("$C make_ns -U -E 55 true").status, 1);
}

NS_TEST(NativeMakeNs, KeepsIdentityWhenAsked) {
  EXPECT_THAT(shell("$C make_ns -U -M 0.100000.65536 -G 0.100000.65536 -K -y 'id -u' true").out,
              HasSubstr("65534"));
  EXPECT_EQ(shell("$C make_ns -U -M 0.100000.65536 -G 0.100000.65536 -y 'id -u; id -G' true").out,
            "0\n0\n");
  EXPECT_EQ(shell("$C make_ns -U -M 5.100000.10 -G 6.100000.10 -y 'id -u; id -g' true").out,
            "5\n6\n");
}

NS_TEST(NativeMakeNs, TracesItsStepsAndRunsWithoutProgram) {
  const Outcome traced = shell("$C make_ns -v -n -N");
  EXPECT_EQ(traced.status, 0);
  EXPECT_EQ(traced.out, "");
  EXPECT_THAT(traced.err, HasSubstr("item 0 (-n)"));
  EXPECT_THAT(traced.err, HasSubstr("hand it over"));
  EXPECT_EQ(shell("$C make_ns -nN").err, "");
}

NS_TEST(NativeMakeNs, AnIgnoredSigchldIsNoHindrance) {
  EXPECT_THAT(shell("env --ignore-signal=CHLD $C make_ns -n grep SigIgn /proc/self/status").out,
              MatchesRegex("SigIgn:.[0-9a-f]*[13579bdf][0-9a-f]{4}\n"))
      << "others may be ignored, too: a shell's background ignores two";
}

NS_TEST(NativeMakeNs, LeavesNoDescriptorButItsExports) {
  const Outcome fds = shell("$C make_ns -U -n -m sh -c 'ls /proc/self/fd | wc -l; ls /proc/$$/fd'");
  const Outcome none = shell("sh -c 'ls /proc/self/fd | wc -l'");
  EXPECT_EQ(std::stoi(fds.out), std::stoi(none.out) + 3) << fds.out << fds.err;
}

NS_TEST(NativeMakeNs, CgroupDirectoriesBecomeTheRoots) {
  const std::string tag = support::test_tag();
  for (const ctr::CgroupHierarchy& hierarchy : hierarchies_to_enter()) {
    const bool v2 = hierarchy.version == ctr::CgroupVersion::V2;
    const std::string dir = hierarchy.mountpoint + "/" + tag;
    const std::string path = v2 ? "sed -n s/^0:://p " : "sed -n s/.*:" + hierarchy.name + "://p ";
    const std::string show = path + "/proc/self/cgroup";
    const Outcome made = shell(
        "mkdir -p " + dir + "/below; " + show + " >/tmp/before; $C make_ns -C -g " + dir + " -x '" +
        path + "/proc/$1/cgroup' -y '" + show + "' " + show +
        " | tee /tmp/seen; tail -n 1 /tmp/seen | cmp - /tmp/before; for i in $(seq 500); do "
        "rmdir " +
        dir + "/below " + dir + " 2>/dev/null; test -e " + dir + " || break; sleep 0.02; done");
    EXPECT_THAT(made.out, testing::StartsWith("/" + tag + "\n/\n")) << made.err;
    EXPECT_EQ(made.err, "") << hierarchy.name;
    EXPECT_FALSE(support::path_exists(dir)) << hierarchy.name;
  }
  const Outcome missing = shell("$C make_ns -C -g /no/such true");
  EXPECT_EQ(missing.status, 125);
  EXPECT_THAT(missing.err, HasSubstr("/no/such"));
  EXPECT_EQ(shell("$C make_ns -n -g /tmp true").status, 1);
}

}  // namespace
}  // namespace native
