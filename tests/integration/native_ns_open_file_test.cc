// SPDX-License-Identifier: Apache-2.0
// ns_open_file. Each name says which example, option or improvement of its description it proves.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tests/support/applets.h"
#include "tests/support/files.h"
#include "tests/support/ns_test.h"
#include "tests/support/other_namespaces.h"

namespace {

using support::OtherNamespaces;
using support::Outcome;
using support::path_exists;
using support::read_file;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

// $C is ctrtool, $F0... the exported descriptors' links, in a scratch directory.
Outcome sh(const std::string& text) {
  support::make_directories("/tmp/w");
  return support::shell("cd /tmp/w; " + text);
}

#define ASSERT_READY(other) ASSERT_TRUE((other).ready()) << (other).err()
#define EXPECT_DONE(outcome, text)                                     \
  do {                                                                 \
    const Outcome done_outcome = (outcome);                            \
    EXPECT_EQ(done_outcome.status, 0) << #outcome << done_outcome.err; \
    EXPECT_EQ(done_outcome.out, text) << #outcome << done_outcome.err; \
  } while (false)

// Without what the test itself has inherited.
const std::string kAlone = "$C set_fds -f '' -- $C ns_open_file ";

// Prints the network namespace of the first result.
const std::string kNetnsOf0 =
    "$C pidfd_ctl -2 /CTRTOOL_NS_OPEN_FILE_FD_0 -N -v X sh -c 'readlink /proc/self/fd/$X' ";

bool have_tun() {
  if (path_exists("/dev/net/tun")) return true;
  support::make_directories("/dev/net");
  constexpr unsigned kMisc = 10;
  constexpr unsigned kTun = 200;
  if (::mknod("/dev/net/tun", S_IFCHR | 0666, makedev(kMisc, kTun)) != 0) return false;
  return support::shell("exec 3<>/dev/net/tun").status == 0;
}

// --- the numbered examples -----------------------------------------------------------------------

NS_TEST(NsOpenFile, Example1ListensHere) {
  const Outcome listed =
      sh("$C ns_open_file -n -d inet -4 127.0.0.1,8080,a -l 16 sh -c 'ss -ltnH; readlink "
         "/proc/self/fd/$CTRTOOL_NS_OPEN_FILE_FD_0'");
  EXPECT_EQ(listed.status, 0) << listed.err;
  EXPECT_THAT(listed.out, ContainsRegex("LISTEN +0 +16 +127.0.0.1:8080 "));
  EXPECT_THAT(listed.out, HasSubstr("socket:["));
}

NS_TEST(NsOpenFile, Example2ListensInARootlessNamespace) {
  const OtherNamespaces other;
  ASSERT_READY(other);
  const Outcome netns = other.shell(
      "$C ns_open_file -n -N /proc/$P/ns/net -U -d inet -4 127.0.0.1,80 -l 5 " + kNetnsOf0);
  EXPECT_DONE(netns, support::link_target(other.proc() + "/ns/net") + "\n");
  EXPECT_NE(netns.out, support::link_target("/proc/self/ns/net") + "\n");
}

NS_TEST(NsOpenFile, Example3UsesARegisterTwice) {
  const OtherNamespaces other;
  ASSERT_READY(other);
  const Outcome done = other.shell(
      "$C ns_open_file -f -N /proc/$P/ns/net -s 0,i -n -i 0 -U -d inet -4127.0.0.1,81 -l 5 -ni 0,n "
      "-U -dinet -4 127.0.0.1,82 -l 1 sh -c 'echo $CTRTOOL_NS_OPEN_FILE_FD_0 "
      "$CTRTOOL_NS_OPEN_FILE_COUNT; readlink /proc/self/fd/$CTRTOOL_NS_OPEN_FILE_FD_1 "
      "/proc/self/fd/$CTRTOOL_NS_OPEN_FILE_FD_2; nsenter -t '$P' -U -n ss -ltnH'");
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(done.out, ContainsRegex("^-1 3\nsocket:.*\nsocket:"));
  EXPECT_THAT(done.out, HasSubstr("127.0.0.1:81 "));
  EXPECT_THAT(done.out, HasSubstr("127.0.0.1:82 "));
}

NS_TEST(NsOpenFile, Example4RunsIfThereIsSomething) {
  const Outcome nothing = sh("$C ns_open_file -I popen_r -P true -s 0 -I ifne -i 0 echo ran");
  EXPECT_EQ(nothing.status, 2);
  EXPECT_EQ(nothing.out, "");
  EXPECT_THAT(nothing.err, HasSubstr("item 2 (-I ifne)"));
  EXPECT_DONE(sh("$C ns_open_file -I popen_r -P 'echo x' -s 0 -I ifne -i 0 echo ran"), "ran\n");
}

NS_TEST(NsOpenFile, Example5PassesADescriptorUp) {
  support::write_file("/tmp/file", "text\n");
  EXPECT_DONE(sh("$C ns_open_file -I popen_scm -P \"$C ns_open_file -L 0,1 -m -P /tmp/file -O "
                 "rdonly -s 1 -I scm_send -i 0 -i 1,a -q\" sh -c 'cat "
                 "<&$CTRTOOL_NS_OPEN_FILE_FD_0'"),
              "text\n");
}

NS_TEST(NsOpenFile, Example6TunInAnotherNamespace) {
  if (!have_tun()) GTEST_SKIP() << "this kernel has no TUN";
  const OtherNamespaces other;
  ASSERT_READY(other);
  const Outcome there = other.shell(
      "$C ns_open_file -T -N /proc/$P/ns/net -U -s 0 -I tunsetiff -i 0 -P tun7 -tun nsenter -t $P "
      "-U -n ip link show tun7; ip link show tun7");
  EXPECT_THAT(there.out, HasSubstr("tun7"));
  EXPECT_NE(there.status, 0);
}

NS_TEST(NsOpenFile, Example7ModeAndGroupOfASocketFile) {
  EXPECT_DONE(sh("$C ns_open_file -n -d unix -P sk -M 640 -C unix_gid=7 -l 1 stat -c '%a %g' sk"),
              "640 7\n");
}

NS_TEST(NsOpenFile, Example8NumbersAndGaps) {
  const Outcome internal = sh(kAlone +
                              "-I memfd -s 0,i -I memfd sh -c 'echo $CTRTOOL_NS_OPEN_FILE_FD_0 "
                              "$CTRTOOL_NS_OPEN_FILE_FD_1; test -e /proc/$$/fd/3'");
  EXPECT_EQ(internal.out, "-1 4\n") << internal.err;
  EXPECT_EQ(internal.status, 1) << "descriptor 3 was passed on";
  EXPECT_DONE(sh("$C ns_open_file -o 10 -I popen_r -P 'echo x' -s 0 -I ifne -i 0 -I memfd sh -c "
                 "'env | sed -n s/^CTRTOOL_NS_OPEN_FILE_//p | sort | cut -d= -f1'"),
              "COUNT\nFD_10\nFD_12\n");
}

NS_TEST(NsOpenFile, Example9Mistakes) {
  EXPECT_EQ(sh("$C ns_open_file -U -n true").status, 1);
  EXPECT_EQ(sh("$C ns_open_file -n -M 9 true").status, 1);
  EXPECT_EQ(sh("$C ns_open_file -n -N /etc/hostname true").status, 2);
  const Outcome kind = sh("$C ns_open_file -n -A -U -N /proc/self/ns/net true");
  EXPECT_EQ(kind.status, 2) << "not a user namespace";
  EXPECT_EQ(sh("$C ns_open_file -I blah true").status, 1);
  EXPECT_EQ(sh("$C ns_open_file -n nosuchprog").status, 127);
  EXPECT_EQ(sh("$C ns_open_file -n").status, 1) << "PROGRAM is missing";
  EXPECT_EQ(sh("$C ns_open_file -n -q").status, 0);
}

// --- addresses, types, options -------------------------------------------------------------------

NS_TEST(NsOpenFile, ImproveWordsAreChecked) {
  for (const char* words :
       {"-n -4 127.0.0.1",
        "-n -4 127.0.0.1,70000",
        "-n -4 127.0.0.1,1x",
        "-n -4 127.0.0.1,,a",
        "-n -4 127.0.0.1,1,z",
        "-n -4 127.0.0.1,1,a,lo",
        "-n -4 ::1,1",
        "-n -6 127.0.0.1,1",
        "-n -6 ::1,1,I,lo",
        "-n -4 127.0.0.1,nosuchservice",
        "-n -d inet6 -4 127.0.0.1,1",
        "-n -t 524289",
        "-n -t nosuch",
        "-n -p nosuch",
        "-n -4 127.0.0.1,1 -6 ::1,1",
        "-f",
        "-n -U -4 127.0.0.1,1",
        "-m -4 127.0.0.1,1",
        "-m -l 1",
        "-n -i 0",
        "-n -i 8",
        "-n -s 0 -s 1",
        "-L 8,0 -n",
        "-L 0 -n",
        "-n -C uid",
        "-n -C uid=4294967295",
        "-n -C keepcaps=1",
        "-n -C nosuch=1",
        "-m -C unix_gid=1",
        "-T -A",
        "-n -M 640",
        "-n -A -U --uid-map 0.0",
        "-I popen_r",
        "-I popen_r -P x --arg y",
        "-I scm_send -i 0",
        "-I memfd -P x",
        "-I poll -s 0",
        "-T -P tun0",
        "-n --opt nosuch",
        "-n --opt keepidle",
        "-n --sockopt 1,2",
        "-n -z 0",
        "-n --connect tcp:1",
        "-n --same -A",
        "-n --connect-timeout 5",
        "-z 00 -n",
        "-n -P "
        "/a/very/long/path/0123456789012345678901234567890123456789012345678901234567890123456"
        "789012345678901234567890123456789"}) {
    const Outcome outcome = sh(std::string("$C ns_open_file ") + words + " true");
    EXPECT_EQ(outcome.status, 1) << words << ": " << outcome.err;
    EXPECT_NE(outcome.err, "") << words;
  }
}

NS_TEST(NsOpenFile, ImproveFamilyComesFromTheAddress) {
  const Outcome listed = sh(
      "$C ns_open_file -n -4 127.0.0.1,1080 -l 1 -n -6 ::1,1081,o -l 2 -n -6 '[::]',1082,O -l 3 -n "
      "-P @name -l 4 -n -t udp -4 127.0.0.1,domain ss -ltunxH");
  EXPECT_EQ(listed.status, 0) << listed.err;
  for (const char* line :
       {"127.0.0.1:1080", "\\[::1\\]:1081", "\\*:1082", "@name", "127.0.0.1:53 "})
    EXPECT_THAT(listed.out, ContainsRegex(line));
}

NS_TEST(NsOpenFile, ImproveBacklogsAreAsGiven) {
  const Outcome listed =
      sh("$C ns_open_file -n -4 127.0.0.1,1 -l 0 -n -4 127.0.0.1,2 -l -1 -n -4 127.0.0.1,3 -l 7 ss "
         "-ltnH; "
         "cat /proc/sys/net/core/somaxconn");
  const std::vector<std::string> lines = support::lines_of(listed.out);
  ASSERT_EQ(lines.size(), 4U) << listed.out << listed.err;
  const std::string& most = lines[3];
  EXPECT_THAT(listed.out, ContainsRegex("LISTEN +0 +" + most + " +127.0.0.1:1 "));
  EXPECT_THAT(listed.out, ContainsRegex("LISTEN +0 +" + most + " +127.0.0.1:2 "));
  EXPECT_THAT(listed.out, ContainsRegex("LISTEN +0 +7 +127.0.0.1:3 "));
  EXPECT_EQ(sh("$C ns_open_file -n -4 127.0.0.1,1 ss -ltnH").out, "") << "it listens without -l";
}

NS_TEST(NsOpenFile, FlagsAndOptionsReachTheSocket) {
  const Outcome done =
      sh("$C ns_open_file -n -4 10.1.2.3,80,fpe: -l 1 --opt keepalive --opt keepidle=77 --opt "
         "rcvbuf=65536 --opt linger=3 --opt priority=2 --opt bindtodevice=lo --opt fastopen=5 "
         "--sockopt "
         "tcp,4,9 ss -ltnmieoH");
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(done.out, ContainsRegex("10.1.2.3%lo:80 "));
  EXPECT_THAT(done.out, HasSubstr("rb131072")) << "the kernel doubles it";
  // An address that is not here is refused without the flag.
  EXPECT_EQ(sh("$C ns_open_file -n -4 10.1.2.3,80 true").status, 2);
  // Two may share a port by 'p' only.
  EXPECT_EQ(sh("$C ns_open_file -n -4 127.0.0.1,8,p -l 1 -n -4 127.0.0.1,8,p -l 1 true").status, 0);
  EXPECT_EQ(sh("$C ns_open_file -n -4 127.0.0.1,8 -l 1 -n -4 127.0.0.1,8 -l 1 true").status, 2);
  EXPECT_EQ(sh("$C ns_open_file -n -4 127.0.0.1,8,tdB -n -6 ::1,8,tf true").status, 0);
  EXPECT_EQ(sh("$C ns_open_file -n -t udp --opt broadcast --opt pktinfo -n -d unix --opt passcred "
               "true")
                .status,
            0);
}

NS_TEST(NsOpenFile, ScopesAreOfTheNamespace) {
  EXPECT_EQ(sh("$C ns_open_file -n -t udp -6 ff02::1,99,:,lo true").status, 0);
  EXPECT_EQ(sh("$C ns_open_file -n -t udp -6 '[ff02::1%lo],99' true").status, 0);
  EXPECT_EQ(sh("$C ns_open_file -n -t udp -6 ff02::1,99,I,1 true").status, 0);
  const Outcome none = sh("$C ns_open_file -n -t udp -6 ff02::1,99,:,nodev true");
  EXPECT_EQ(none.status, 2);
  EXPECT_THAT(none.err, HasSubstr("nodev"));
}

NS_TEST(NsOpenFile, ImproveOtherFamilies) {
  const Outcome packet = sh(
      "$C ns_open_file -n -t raw --packet lo,eth_all -n -t dgram -p eth_arp --packet lo -n -t raw "
      "--netlink 0,1 -n -t raw -d netlink -z 100000000000000000000000 ss -0H");
  EXPECT_EQ(packet.status, 0) << packet.err;
  EXPECT_THAT(packet.out, HasSubstr("*:lo"));
  EXPECT_THAT(packet.out, HasSubstr("arp:lo"));
  EXPECT_EQ(sh("$C ns_open_file -n -p icmpv6 -t raw -d inet6 -n -p 1 -t raw -d inet true").status,
            0);
}

NS_TEST(NsOpenFile, ImproveVsock) {
  const Outcome made = sh("$C ns_open_file -n --vsock any,any -l 1 true");
  if (made.status == 2 && support::contains(made.err, "Address family not supported"))
    GTEST_SKIP() << "this kernel has no vsock";
  EXPECT_EQ(made.status, 0) << made.err;
}

NS_TEST(NsOpenFile, ImproveConnects) {
  const std::string listen = "$C ns_open_file -n -4 127.0.0.1,900 -l 5 -n ";
  const Outcome bound =
      sh(listen +
         "-4 127.0.0.2,901 --connect inet:127.0.0.1,900 --connect-timeout 20000 ss "
         "-tnH state established");
  EXPECT_EQ(bound.status, 0) << bound.err;
  EXPECT_THAT(bound.out, ContainsRegex("127.0.0.2:901 +127.0.0.1:900"));
  EXPECT_EQ(sh(listen + "--connect inet:127.0.0.1,902 true").status, 2);
  EXPECT_EQ(sh(listen + "-d inet -s 0 -I connect -i 0 -4 127.0.0.1,900 true").status, 0);
  EXPECT_EQ(sh(listen + "-d inet -t tcp_nb -s a -I connect -i a -4 127.0.0.1,900 true").status, 0);
  // A listener of IPv6 that is told to be one of IPv4: only a mapped connection can be.
  EXPECT_EQ(sh("$C ns_open_file -n -6 ::,900 -l 5 -n --connect inet6:::ffff:127.0.0.1,900 --opt "
               "mapped_to_ipv4 true")
                .status,
            0);
  // By the file itself, through a descriptor.
  EXPECT_EQ(sh("$C ns_open_file -n -P sk -l 1 -m -P sk -O path -s 1 -n -d unix -s 0 -I "
               "connect_unix_path -i 0 -i 1,a true")
                .status,
            0);
  EXPECT_EQ(sh("$C ns_open_file -n -P @x -l 1 -n -d unix -s 0 -I connect -i 0 -P @x true").status,
            0);
}

NS_TEST(NsOpenFile, ImproveAConnectionTakesNoLongerThanAllowed) {
  // Two connections fill a backlog of 1 and the third waits.
  const Outcome late =
      sh("$C ns_open_file -n -P @full -l 1 -n --connect unix:@full -n --connect unix:@full -n "
         "--connect "
         "unix:@full --connect-timeout 50 true");
  EXPECT_EQ(late.status, 2);
  EXPECT_THAT(late.err, HasSubstr("item 4"));
}

NS_TEST(NsOpenFile, ImproveSocketFiles) {
  // The umask is for sockets without a mode, and nobody else's file is ever wider.
  EXPECT_DONE(sh("umask 77; $C ns_open_file -n -P a -M 777 -n -P b stat -c %a a b"), "777\n700\n");
  EXPECT_DONE(sh("$C ns_open_file -n -P c --owner 12:13 -M 660 stat -c '%a %u %g' c"),
              "660 12 13\n");
  EXPECT_EQ(sh("$C ns_open_file -n -P a true").status, 2) << "it is there already";
  EXPECT_EQ(sh("$C ns_open_file -n -P a --unlink -l 1 true").status, 0);
  EXPECT_EQ(sh("echo > file; $C ns_open_file -n -P file --unlink true").status, 2);
  EXPECT_TRUE(path_exists("/tmp/w/file"));
  EXPECT_EQ(sh("mkdir d; $C ns_open_file -m -P d -O directory -s dir -n -P in -i dir,d -l 1 -n "
               "--connect unix:d/in test -S d/in")
                .status,
            0);
}

// --- files ---------------------------------------------------------------------------------------

NS_TEST(NsOpenFile, OpensFiles) {
  support::write_file("/tmp/w-file", "text");
  EXPECT_DONE(sh("$C ns_open_file -mP /tmp/w-file sh -c 'cat <&$CTRTOOL_NS_OPEN_FILE_FD_0'"),
              "text");
  EXPECT_DONE(sh("umask 22; $C ns_open_file -m -P new -O creat -O rdwr -M 666 stat -c %a new"),
              "644\n");
  EXPECT_DONE(sh("$C ns_open_file -m sh -c 'readlink /proc/self/fd/$CTRTOOL_NS_OPEN_FILE_FD_0'"),
              "/\n");
  EXPECT_EQ(sh("$C ns_open_file -m -P nothing true").status, 2);
  EXPECT_DONE(sh("$C ns_open_file -m -d =/tmp -P w-file sh -c 'cat <&$CTRTOOL_NS_OPEN_FILE_FD_0'"),
              "text");
  EXPECT_DONE(sh("exec 8</tmp; A=8; export A; $C ns_open_file -m -d :A -P w-file sh -c 'cat "
                 "<&$CTRTOOL_NS_OPEN_FILE_FD_0; echo ${A-none}'"),
              "textnone\n");
}

NS_TEST(NsOpenFile, ImproveOpenat2TakesDirectory) {
  EXPECT_EQ(sh("$C ns_open_file -m -P /tmp -O directory -2 true").status, 0);
  EXPECT_EQ(sh("$C ns_open_file -m -P /tmp -O tmpfile -O rdwr -2 true").status, 0);
  EXPECT_EQ(sh("$C ns_open_file -m -d =/tmp -P ../etc -O path -R beneath true").status, 2);
  EXPECT_EQ(sh("mkdir etc; $C ns_open_file -m -d =/tmp/w -P ../etc -O path -R in_root true").status,
            0);
  EXPECT_EQ(sh("ln -s etc l; $C ns_open_file -m -P l -O path -R no_symlinks true").status, 2);
  EXPECT_EQ(sh("$C ns_open_file -m -P /proc/self/fd/0 -O path -R no_magiclinks true").status, 2);
  EXPECT_EQ(sh("$C ns_open_file -m -P /proc/version -O path -R no_xdev true").status, 2);
}

NS_TEST(NsOpenFile, OpensInAMountNamespace) {
  const OtherNamespaces other;
  ASSERT_READY(other);
  ASSERT_EQ(other.shell("nsenter -t $P -U -m sh -c 'mount -t tmpfs none /mnt; echo there > /mnt/f'")
                .status,
            0);
  EXPECT_FALSE(path_exists("/mnt/f"));
  const std::string cat = " sh -c 'cat <&$CTRTOOL_NS_OPEN_FILE_FD_0'";
  EXPECT_DONE(other.shell("$C ns_open_file -m -N /proc/$P/ns/mnt -U -P /mnt/f" + cat), "there\n");
  // Relative paths begin at its root; or in a directory that was opened there.
  EXPECT_DONE(other.shell("$C ns_open_file -m -N /proc/$P/ns/mnt -U -P mnt/f" + cat), "there\n");
  EXPECT_DONE(other.shell("$C ns_open_file -f -N /proc/$P/ns/mnt -s ns,i -m -i ns -U -P /mnt -O "
                          "directory -s dir,i -m -i ns -U -i dir,d -P f sh -c 'cat "
                          "<&$CTRTOOL_NS_OPEN_FILE_FD_2'"),
              "there\n");
  EXPECT_EQ(other.shell("$C ns_open_file -m -N /proc/$P/ns/net -P / true").status, 2);
}

// --- namespaces ----------------------------------------------------------------------------------

NS_TEST(NsOpenFile, ImproveNewNetworkNamespaces) {
  const std::string inode =
      "sh -c 'for i in 0 1 2; do X=$(eval echo \\$CTRTOOL_NS_OPEN_FILE_FD_$i); " +
      support::ctrtool_path() +
      " pidfd_ctl -2 $X -N -v N sh -c \"readlink /proc/self/fd/\\$N\"; done'";
  const Outcome three = sh("$C ns_open_file -n -A -n -A -n --same " + inode);
  const std::vector<std::string> lines = support::lines_of(three.out);
  ASSERT_EQ(lines.size(), 3U) << three.out << three.err;
  EXPECT_NE(lines[0], support::link_target("/proc/self/ns/net"));
  EXPECT_NE(lines[0], lines[1]) << "-A is a new one each time";
  EXPECT_EQ(lines[1], lines[2]) << "--same is the same one";
  EXPECT_EQ(sh("$C ns_open_file -n --same true").status, 1);
}

NS_TEST(NsOpenFile, ImproveNewUserNamespaceWithMaps) {
  // Its own root may use a privileged port there; the owner of the socket's namespace has our map.
  const Outcome made = sh(
      "$C ns_open_file -n -A -U --uid-map 0.5.1 --gid-map 0.6.1 --setgroups deny -4 0.0.0.0,80 -l "
      "1 "
      "$C pidfd_ctl -2 /CTRTOOL_NS_OPEN_FILE_FD_0 -N -y -u -v U sh -c 'readlink /proc/self/fd/$U'");
  EXPECT_EQ(made.status, 0) << made.err;
  EXPECT_THAT(made.out, HasSubstr("user:["));
  EXPECT_NE(made.out, support::link_target("/proc/self/ns/user") + "\n");
  EXPECT_EQ(sh("$C ns_open_file -m -A -U -P /proc/self/uid_map -O rdonly sh -c 'cat "
               "<&$CTRTOOL_NS_OPEN_FILE_FD_0'")
                .status,
            0);
}

NS_TEST(NsOpenFile, AnonymousInTheOwnerOfANamespace) {
  const OtherNamespaces other;
  ASSERT_READY(other);
  // -A: a new network namespace in the user namespace that owns it; -A -U: in that user namespace.
  for (const char* words : {"-A -N /proc/$P/ns/net", "-A -U -N /proc/$P/ns/user"}) {
    const Outcome owner =
        other.shell(std::string("$C ns_open_file -n ") + words +
                    " $C pidfd_ctl -2 /CTRTOOL_NS_OPEN_FILE_FD_0 -N -y -u -v U sh -c "
                    "'readlink /proc/self/fd/$U'");
    EXPECT_DONE(owner, support::link_target(other.proc() + "/ns/user") + "\n");
  }
  EXPECT_EQ(
      other.shell("$C ns_open_file -m -A -N /proc/$P/ns/net -P /proc/self/uid_map true").status, 0);
}

NS_TEST(NsOpenFile, ImprovePidfdsAreNamespaces) {
  const OtherNamespaces other;
  ASSERT_READY(other);
  const Outcome netns = other.shell(
      "$C pidfd_ctl -n $P -e PIDFD $C ns_open_file -L p,/PIDFD -n -i p -U -4 127.0.0.1,80 " +
      kNetnsOf0);
  EXPECT_DONE(netns, support::link_target(other.proc() + "/ns/net") + "\n");
}

NS_TEST(NsOpenFile, ImproveExplicitUserNamespace) {
  const OtherNamespaces other;
  ASSERT_READY(other);
  EXPECT_EQ(other
                .shell("$C ns_open_file -n --userns /proc/$P/ns/user -N /proc/$P/ns/net -4 "
                       "127.0.0.1,80 true")
                .status,
            0);
}

// One helper for all, which enters the user and the network namespace once.
NS_TEST(NsOpenFile, ImproveOneHelperForManySockets) {
  const OtherNamespaces other;
  ASSERT_READY(other);
  const Outcome traced = other.shell(
      "strace -qq -f -e trace=setns -o /tmp/trace $C ns_open_file -n -N /proc/$P/ns/net -U -4 "
      "127.0.0.1,1 -n -N /proc/$P/ns/net -U -4 127.0.0.1,2 -n -N /proc/$P/ns/net -U -6 ::1,3 true; "
      "grep -c setns /tmp/trace");
  EXPECT_DONE(traced, "2\n");
}

NS_TEST_WITH(NsOpenFile, OurOwnUserNamespaceIsNoObstacle,
             support::SandboxOptions{.user_namespace = true}) {
  EXPECT_EQ(sh("$C ns_open_file -n -N /proc/self/ns/net -U -4 127.0.0.1,80 true").status, 0);
}

// --- credentials ---------------------------------------------------------------------------------

NS_TEST(NsOpenFile, ImproveCredentialsAreReal) {
  EXPECT_EQ(::chmod("/tmp", 01777), 0);
  support::make_directories("/tmp/w");
  EXPECT_EQ(::chmod("/tmp/w", 01777), 0);
  const std::string stat = " stat -c '%u %g' f";
  EXPECT_DONE(sh("$C ns_open_file -m -P f -O creat -O wronly -C uid=7 -C gid=8" + stat), "7 8\n");
  EXPECT_DONE(sh("rm f; $C ns_open_file -m -P f -O creat -O wronly -C euid=7 -C egid=9" + stat),
              "7 9\n");
  EXPECT_DONE(sh("rm f; $C ns_open_file -m -P f -O creat -O wronly -C fsuid=11 -C fsgid=12" + stat),
              "11 12\n");
  EXPECT_DONE(
      sh("rm f; $C ns_open_file -m -P f -O creat -O wronly -C pre_uid=13 -C pre_gid=14" + stat),
      "13 14\n");
  // Without capabilities unless they are kept.
  support::write_file("/tmp/w/secret", "", 0600);
  const std::string secret = "$C ns_open_file -m -P secret -O rdonly -C uid=7 ";
  EXPECT_EQ(sh(secret + "true").status, 2);
  EXPECT_EQ(sh(secret + "-C keepcaps true").status, 0);
}

NS_TEST(NsOpenFile, ImproveGroups) {
  support::make_directories("/tmp/w");
  support::write_file("/tmp/w/g", "", 0640);
  ASSERT_EQ(::chown("/tmp/w/g", 0, 77), 0);
  const std::string open = "$C ns_open_file -m -P g -O rdonly -C uid=7 ";
  EXPECT_EQ(sh(open + "-C gid=8 true").status, 2);
  EXPECT_EQ(sh(open + "-C gid=8 -C groups=76,77 true").status, 0);
  EXPECT_EQ(sh(open + "-C gid=8 -C groups=76,77 -C setgroups_pre true").status, 0);
  EXPECT_EQ(sh(open + "-C gid=8 -C groups= true").status, 2);
  // Those of the caller go with a new group, unless they are to be kept.
  const std::string as = "setpriv --groups 77 --regid 0 --reuid 0 ";
  EXPECT_EQ(sh(as + open + "-C gid=8 true").status, 2);
  EXPECT_EQ(sh(as + open + "-C gid=8 -C keep_groups true").status, 0);
}

// --- operations ----------------------------------------------------------------------------------

NS_TEST(NsOpenFile, MemoryFiles) {
  EXPECT_DONE(sh("$C ns_open_file -I popen_memfd_seal -P 'printf text' sh -c "
                 "'F=$CTRTOOL_NS_OPEN_FILE_FD_0; cat <&$F; echo x >&$F' 2>/dev/null; :"),
              "text");
  EXPECT_DONE(sh("$C ns_open_file -I popen_memfd --arg printf --arg 'a b' -I memfd_seal sh -c 'cat "
                 "<&$CTRTOOL_NS_OPEN_FILE_FD_0'"),
              "a b");
}

NS_TEST(NsOpenFile, ImproveFailuresOfProgramsAreTold) {
  const Outcome status = sh("$C ns_open_file -I popen_memfd -P 'exit 3' true");
  EXPECT_EQ(status.status, 2);
  EXPECT_THAT(status.err, HasSubstr("item 1 (-I popen_memfd)"));
  EXPECT_THAT(status.err, HasSubstr("status 3"));
  EXPECT_THAT(sh("$C ns_open_file -I popen_scm -P 'kill -9 $$' true").err, HasSubstr("signal 9"));
  EXPECT_EQ(sh("$C ns_open_file -I popen_wait -P false true").status, 2);
  EXPECT_EQ(sh("$C ns_open_file -I popen_wait -P true true").status, 0);
  EXPECT_EQ(sh("$C ns_open_file -I popen --arg /nonexistent true").status, 2);
}

NS_TEST(NsOpenFile, PipesAndSocketsOfPrograms) {
  EXPECT_DONE(
      sh("$C ns_open_file -I popen_r -P 'echo out' sh -c 'cat <&$CTRTOOL_NS_OPEN_FILE_FD_0'"),
      "out\n");
  EXPECT_DONE(
      sh("mkfifo done; $C ns_open_file -I popen_w -P 'cat > got; echo > done' sh -c 'echo in "
         ">&$CTRTOOL_NS_OPEN_FILE_FD_0'; cat done > /dev/null; cat got"),
      "in\n");
  EXPECT_DONE(sh("$C ns_open_file -I popen_s1 -t seqpacket -P 'echo out' sh -c 'head -c 4 "
                 "<&$CTRTOOL_NS_OPEN_FILE_FD_0'"),
              "out\n");
  EXPECT_DONE(
      sh("$C ns_open_file -I popen_su -P 'read x; echo got $x' sh -c 'F=$CTRTOOL_NS_OPEN_FILE_"
         "FD_0; echo word >&$F; cat <&$F'"),
      "got word\n");
  EXPECT_DONE(
      sh("rm done; mkfifo done; $C ns_open_file -I popen_s0 -P 'cat > got; echo > done' sh -c "
         "'echo s0 >&$CTRTOOL_NS_OPEN_FILE_FD_0'; cat done >/dev/null; cat got"),
      "s0\n");
}

// An earlier pipe's end in a later child would keep the pipe open: its reader never sees the end.
NS_TEST(NsOpenFile, ImproveProgramsInheritNoResults) {
  EXPECT_DONE(sh(kAlone + "-I popen_w -P 'cat >/dev/null' -I memfd -I popen_memfd -P 'ls "
                          "/proc/self/fd | wc -l' sh -c 'cat <&$CTRTOOL_NS_OPEN_FILE_FD_2'"),
              "4\n");  // 0, 1, 2 and the directory
}

NS_TEST(NsOpenFile, ImproveProgramsGetDescriptorsPassed) {
  support::write_file("/tmp/w-file", "text");
  EXPECT_DONE(sh("$C ns_open_file -m -P /tmp/w-file -s f,i -I popen_memfd -P 'cat <&$FILE' --pass "
                 "f,FILE sh -c 'cat <&$CTRTOOL_NS_OPEN_FILE_FD_1'"),
              "text");
}

NS_TEST(NsOpenFile, TerminalPeer) {
  const Outcome peer = sh(
      "$C ns_open_file -m -P /dev/ptmx -O rdwr -O noctty -s 0 -I ptslave -i 0 -O rdwr -O noctty sh "
      "-c "
      "'test -t $CTRTOOL_NS_OPEN_FILE_FD_1 && readlink /proc/self/fd/$CTRTOOL_NS_OPEN_FILE_FD_1'");
  EXPECT_EQ(peer.status, 0) << peer.err;
  EXPECT_THAT(peer.out, HasSubstr("/dev/pts/"));
}

NS_TEST(NsOpenFile, WaitsForEvents) {
  EXPECT_EQ(sh("$C ns_open_file -I popen_r -P true -s 0 -I poll -i 0 true").status, 0);
  const Outcome late =
      sh("$C ns_open_file -I popen_r -P 'sleep 1000' -s 0 -I poll -i 0 --timeout 1 true");
  EXPECT_EQ(late.status, 2);
  EXPECT_THAT(late.err, HasSubstr("timed out"));
  // The end of a socket counts as no data too.
  EXPECT_EQ(sh("$C ns_open_file -I popen_s1 -P true -s 0 -I ifne -i 0 true").status, 2);
  EXPECT_EQ(sh("$C ns_open_file -I popen_s1 -P 'echo x' -s 0 -I ifne -i 0 true").status, 0);
}

NS_TEST(NsOpenFile, TunOfOneItem) {
  if (!have_tun()) GTEST_SKIP() << "this kernel has no TUN";
  const Outcome made =
      sh("$C ns_open_file -T -t tap -t no_pi -t vnet_hdr -P tap3 --persist --owner 5:6 true; ip -d "
         "link "
         "show tap3; ip link del tap3");
  EXPECT_THAT(made.out, HasSubstr("tap"));
  EXPECT_THAT(made.out, HasSubstr("persist on"));
  EXPECT_THAT(made.out, HasSubstr("vnet_hdr on"));
  EXPECT_THAT(made.out, ContainsRegex("user 5|user #?5|user games"));
  const Outcome device = sh("$C ns_open_file -T -M /nonexistent true");
  EXPECT_EQ(device.status, 2);
  EXPECT_THAT(device.err, HasSubstr("/nonexistent"));
  EXPECT_EQ(sh("$C ns_open_file -T -t tun -t tap true").status, 1);
  EXPECT_EQ(sh("$C ns_open_file -T -s 0 -I tunsetiff -i 0 true").status, 1);
}

// --- descriptors by message ----------------------------------------------------------------------

NS_TEST(NsOpenFile, ImproveManyDescriptorsInAMessage) {
  support::write_file("/tmp/a", "A");
  support::write_file("/tmp/b", "B");
  const std::string pair =
      kAlone +
      "-I popen_s1 -P \"$C ns_open_file -L 0,1 -m -P /tmp/a -s 1 -m -P /tmp/b -s 2 "
      "-I "
      "scm_send -i 0 -i 2,a -i 1,a -q\" --opt passcred -s sock,i -I scm_recv -i sock ";
  EXPECT_DONE(
      sh(pair + "--count 2 --peer-env PEER --peer-uid 0 --timeout 60000 sh -c 'cat "
                "<&$CTRTOOL_NS_OPEN_FILE_FD_1; cat <&$CTRTOOL_NS_OPEN_FILE_FD_2; echo ${PEER#* } "
                "$CTRTOOL_NS_OPEN_FILE_COUNT'"),
      "BA0 0 3\n");
  EXPECT_EQ(sh(pair + "--peer-uid 12 true").status, 2);
  EXPECT_EQ(sh(pair + "--peer-pid 1 true").status, 2);
  // One was asked for: the second does not leak into PROGRAM.
  EXPECT_DONE(sh(pair + "sh -c 'ls /proc/$$/fd; :'"), "0\n1\n2\n4\n");
}

NS_TEST(NsOpenFile, ImproveMessagesWithoutDescriptors) {
  const std::string receive = "-s 0,i -I scm_recv -i 0 --timeout 60000 ";
  const std::string late =
      "$C ns_open_file -I popen_s1 -t seqpacket -P \"echo x; $C ns_open_file -L 0,1 -m -s 1 -I "
      "scm_send "
      "-i 0 -i 1,a -q\" " +
      receive;
  EXPECT_EQ(sh(late + "true").status, 2);
  EXPECT_EQ(sh(late + "--skip true").status, 0);
  const Outcome pipe = sh("$C ns_open_file -I popen_r -P true " + receive + "true");
  EXPECT_EQ(pipe.status, 2);
  EXPECT_THAT(pipe.err, HasSubstr("not a socket"));
  EXPECT_EQ(sh("$C ns_open_file -I popen_s1 -P true " + receive + "true").status, 2);
}

// --- results -------------------------------------------------------------------------------------

NS_TEST(NsOpenFile, ImproveExportsAreTidy) {
  const Outcome tidy =
      sh("export CTRTOOL_NS_OPEN_FILE_FD_0=stale CTRTOOL_NS_OPEN_FILE_FD_7=stale; $C ns_open_file "
         "-o 2 -I "
         "memfd --env MINE --fd 9 sh -c 'echo ${CTRTOOL_NS_OPEN_FILE_FD_0} "
         "${CTRTOOL_NS_OPEN_FILE_FD_7-gone} "
         "$CTRTOOL_NS_OPEN_FILE_FD_2 $MINE $CTRTOOL_NS_OPEN_FILE_COUNT'");
  EXPECT_DONE(tidy, "stale gone 9 9 3\n");
  EXPECT_EQ(sh("$C ns_open_file -I memfd --fd 8 true 8</dev/null").status, 1);
  EXPECT_EQ(sh("$C ns_open_file -I memfd --fd '8!' true 8</dev/null").status, 0);
  // The second lies where the first is to go.
  EXPECT_DONE(
      sh("$C ns_open_file -I popen_memfd -P 'echo a' --fd 4 -I popen_memfd -P 'echo b' --fd 3 sh "
         "-c 'cat <&4; cat <&3'"),
      "a\nb\n");
}

NS_TEST(NsOpenFile, ImproveStageWords) {
  EXPECT_DONE(
      sh("$C ns_open_file -I memfd -s 0,i -n -4 127.0.0.1,80 -l 1 :set_fds -s -e "
         ":CTRTOOL_NS_OPEN_FILE_FD_1 -- sh -c 'echo $LISTEN_FDS ${CTRTOOL_NS_OPEN_FILE_FD_1-gone}; "
         "ls /proc/$$/fd; :'"),
      "1 gone\n0\n1\n2\n3\n");
  EXPECT_DONE(sh("$C ns_open_file -I popen_memfd -P 'echo a' :ns_open_file -L "
                 "0,:CTRTOOL_NS_OPEN_FILE_FD_0 -f "
                 "-i 0 sh -c 'cat <&$CTRTOOL_NS_OPEN_FILE_FD_0'"),
              "a\n");
}

NS_TEST(NsOpenFile, LoadsRegistersWhereverTheyStand) {
  EXPECT_DONE(
      sh("$C ns_open_file -f -i a -L a,8 sh -c 'cat <&$CTRTOOL_NS_OPEN_FILE_FD_0' 8<<X\ntext\nX\n"),
      "text\n");
  EXPECT_EQ(sh("$C ns_open_file -L 0,99 -f -i 0 true").status, 1);
}

NS_TEST(NsOpenFile, HelpIsTheManualPage) {
  EXPECT_EQ(sh("$C help -m ns_open_file").out,
            read_file(support::source_dir() + "/ctrtool/man/ctrtool-ns_open_file.1"));
}

NS_TEST(NsOpenFile, ImproveRawAddressesAndPlaces) {
  // The family's two bytes, the zero byte of an abstract name, "abcd".
  EXPECT_THAT(sh("$C ns_open_file -n -z 01000061626364 -l 1 ss -xlH").out, HasSubstr("@abcd "));
  EXPECT_EQ(sh("mkdir d; echo text >d/f; $C ns_open_file -m --dir =d -P f -O rdonly sh -c 'cat "
               "<&$CTRTOOL_NS_OPEN_FILE_FD_0'")
                .out,
            "text\n");
  const Outcome missing = sh("$C ns_open_file -T --device /dev/nosuch true");
  EXPECT_EQ(missing.status, 2);
  EXPECT_THAT(missing.err, HasSubstr("/dev/nosuch"));
}

}  // namespace
