// SPDX-License-Identifier: Apache-2.0
// rootfs-mount, by the numbered examples of its document.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "tests/support/applets.h"
#include "tests/support/files.h"
#include "tests/support/ns_test.h"

namespace {

using support::link_target;
using support::Outcome;
using support::path_exists;
using support::shell;
using ::testing::HasSubstr;

const std::string kRoot = "/tmp/w/r";

Outcome build(const std::string& words) {
  support::make_directories(kRoot);
  return shell("cd /tmp/w; $C rootfs-mount " + words);
}

mode_t mode_of(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
}

bool is_mount(const std::string& path) { return shell("mountpoint -q " + path).status == 0; }

NS_TEST(NativeRootfsMount, Example1Defaults) {
  const Outcome built = build("r");
  ASSERT_EQ(built.status, 0) << built.err;
  EXPECT_EQ(link_target(kRoot + "/bin"), "_fsroot_rw/bin");
  EXPECT_EQ(mode_of(kRoot + "/tmp"), 01777U);
  EXPECT_EQ(mode_of(kRoot + "/proc"), 0700U);
  EXPECT_TRUE(support::list_directory(kRoot + "/proc").empty());
  EXPECT_EQ(shell("echo x >/tmp/w/r/dev/null && head -c1 /tmp/w/r/dev/zero | wc -c").out, "1\n");
  EXPECT_EQ(link_target(kRoot + "/dev/ptmx"), "pts/ptmx");
  for (const char* at : {"/dev/pts", "/dev/mqueue", "/dev/null", "/dev/zero", "/dev/full",
                         "/dev/random", "/dev/urandom", "/dev/tty"})
    EXPECT_TRUE(is_mount(kRoot + at)) << at;
  EXPECT_EQ(mode_of(kRoot + "/run/shm"), 01777U);
  EXPECT_EQ(link_target(kRoot + "/dev/shm"), "/run/shm");
}

NS_TEST(NativeRootfsMount, Example2Links) {
  ASSERT_EQ(
      build("-o root_link_opts=usr_ro -o root_symlink_usr=1 -o dev_opts=symlink_host_v2 r").status,
      0);
  EXPECT_EQ(link_target(kRoot + "/bin"), "usr/bin");
  EXPECT_EQ(link_target(kRoot + "/opt"), "_fsroot_ro/opt");
  EXPECT_EQ(link_target(kRoot + "/usr"), "_fsroot_ro/usr");
  EXPECT_EQ(link_target(kRoot + "/etc"), "_fsroot_rw/etc");
  EXPECT_EQ(link_target(kRoot + "/dev/null"), "_host/null");
  EXPECT_EQ(link_target(kRoot + "/dev/net/tun"), "../_host/net/tun");
}

NS_TEST(NativeRootfsMount, Example3Systemd) {
  const Outcome built =
      build("-o systemd=on -o umask=077 -o dev_opts=none -o mount_devpts=off,mount_mqueue=0 r");
  ASSERT_EQ(built.status, 0) << built.err;
  EXPECT_TRUE(is_mount(kRoot + "/dev"));
  EXPECT_TRUE(is_mount(kRoot + "/run"));
  EXPECT_EQ(link_target(kRoot + "/run/shm"), "/dev/shm");
  EXPECT_EQ(mode_of(kRoot + "/dev"), 0700U);
  EXPECT_FALSE(path_exists(kRoot + "/dev/null"));
}

NS_TEST(NativeRootfsMount, Example4MistakesMountNothing) {
  for (const char* words : {"-o run_dirs=maybe r", "-o dev_opts=0x3 r", "-o nosuch=1 r",
                            "-o root_link_opts=x r", "-o umask r", "r r2", ""})
    EXPECT_EQ(build(words).status, 1) << words;
  EXPECT_FALSE(is_mount(kRoot));
  EXPECT_EQ(build("/no/such").status, 3);
  // IMPROVE: what was mounted before the failure is taken away again.
  EXPECT_EQ(build("-o mkdir=/dev/null/x r").status, 3);
  EXPECT_FALSE(is_mount(kRoot));
  EXPECT_EQ(shell("cd /tmp/w; ln -s r l; $C rootfs-mount l").status, 3);
}

NS_TEST(NativeRootfsMount, Example5Numbers) {
  ASSERT_EQ(build("-o root_link_opts=0x3 -o dev_opts=bind_host r").status, 0);
  EXPECT_TRUE(support::list_directory(kRoot + "/bin").empty());
  EXPECT_FALSE(path_exists(kRoot + "/sbin"));
  EXPECT_TRUE(support::list_directory(kRoot + "/dev/net").empty());
}

NS_TEST(NativeRootfsMount, Example6OtherPidNamespace) {
  const Outcome shown = shell(
      "mkdir -p /tmp/w/r; $C launcher -p -P /tmp/pid -- sleep 30; P=$(cat /tmp/pid); "
      "$C rootfs-mount -p /proc/$P/ns/pid /tmp/w/r && tr '\\0' ' ' </tmp/w/r/1/cmdline; "
      "$C rootfs-mount -p /proc/$P/ns/net /tmp/w/r; echo $?; umount /tmp/w/r; "
      "$C rootfs-mount -o pid_ns=/proc/$P/ns/pid /tmp/w/r && tr '\\0' ' ' "
      "</tmp/w/r/proc/1/cmdline; "
      "kill -9 $P");
  EXPECT_EQ(shown.out, "sleep 30 1\nsleep 30 ") << shown.err;
}

NS_TEST(NativeRootfsMount, SequenceAlsoForACallerThatIgnoresItsChildren) {
  const Outcome mounted = build(
      "-p /proc/self/ns/pid r && umount r; $C ppid_check -i CHLD $C rootfs-mount -p "
      "/proc/self/ns/pid r && test -d r/self && umount r && echo mounted");
  EXPECT_EQ(mounted.out, "mounted\n") << mounted.err;
}

// Only the options, on nothing but directories; then it is taken away again.
std::string shown(const std::string& options, const std::string& command) {
  support::make_directories(kRoot);
  const Outcome outcome =
      shell("cd /tmp/w; $C rootfs-mount -o dev_opts=none,mount_devpts=0,mount_mqueue=0 -o " +
            options + " r && cd r && " + command + "; cd ..; umount -R r");
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  return outcome.out;
}

NS_TEST(NativeRootfsMount, OptionsWordsForLinksAndDevices) {
  const auto links = [](const std::string& word) {
    return shown(
        "root_link_opts=" + word,
        "for n in bin etc; do readlink $n || stat -c %F $n 2>/dev/null || echo none; done");
  };
  EXPECT_EQ(links("none"), "none\nnone\n");
  EXPECT_EQ(links("all_ro"), "_fsroot_ro/bin\n_fsroot_ro/etc\n");
  EXPECT_EQ(links("all_rw"), "_fsroot_rw/bin\n_fsroot_rw/etc\n");
  EXPECT_EQ(links("all_dirs"), "directory\ndirectory\n");
  EXPECT_EQ(links("usr_ro"), "_fsroot_ro/bin\n_fsroot_rw/etc\n");
  EXPECT_EQ(links("usr_ro_tmp"), "_fsroot_ro/bin\ndirectory\n");
  EXPECT_EQ(links("usr_rw_tmp"), "_fsroot_rw/bin\ndirectory\n");
  EXPECT_EQ(
      shown("root_link_opts=all_dirs",
            "stat -c %a bin lib lib32 lib64 libx32 opt sbin usr etc home root var | uniq -c | "
            "tr -s ' '"),
      " 10 755\n 1 700\n 1 755\n");
  EXPECT_EQ(shown("dev_opts=symlink_host", "readlink dev/null; ls dev/net"), "_host/null\n");
}

NS_TEST(NativeRootfsMount, SequenceModesAndLinksOfTheTree) {
  const std::string modes = "stat -c '%n %a' proc sys dev dev/net dev/mqueue dev/pts run tmp";
  EXPECT_EQ(shown("run_dirs=1", modes + " run/lock run/shm"),
            "proc 700\nsys 700\ndev 755\ndev/net 755\ndev/mqueue 700\ndev/pts 700\nrun 755\n"
            "tmp 1777\nrun/lock 1777\nrun/shm 1777\n");
  EXPECT_EQ(shown("tmp_world=0,umask=027", modes + " run/lock run/shm"),
            "proc 700\nsys 700\ndev 750\ndev/net 750\ndev/mqueue 700\ndev/pts 700\nrun 750\n"
            "tmp 750\nrun/lock 750\nrun/shm 750\n");
  EXPECT_EQ(shown("run_dirs=0", "ls run; ls dev | tr '\\n' ' '"),
            "fd mqueue net ptmx pts stderr stdin stdout ");
  EXPECT_EQ(shown("run_dirs=0", "readlink dev/fd dev/stdin dev/stdout dev/stderr dev/ptmx"),
            "/proc/self/fd\nfd/0\nfd/1\nfd/2\npts/ptmx\n");
}

NS_TEST(NativeRootfsMount, SequenceFlagsOfItsFileSystems) {
  const auto mounted = [](const std::string& options, const std::string& at) {
    return shown(options, "sed -n 's|^.* /tmp/w/r" + at +
                              " \\([^ ]*\\) .*- \\([^ ]*\\) [^ ]* \\(.*\\)$|\\1 \\2 \\3|p' "
                              "/proc/self/mountinfo");
  };
  EXPECT_THAT(mounted("run_dirs=0", ""), HasSubstr("rw,nosuid,nodev"));
  EXPECT_THAT(mounted("mount_proc=1", "/proc"), HasSubstr("rw,nosuid,nodev,noexec,relatime proc"));
  EXPECT_THAT(mounted("mount_proc=1,proc_opts=hidepid=2", "/proc"), HasSubstr("hidepid="));
  EXPECT_THAT(mounted("mount_sysfs=1", "/sys"), HasSubstr("noexec,relatime sysfs"));
  EXPECT_THAT(mounted("mount_mqueue=1", "/dev/mqueue"), HasSubstr("mqueue"));
  EXPECT_THAT(mounted("mount_devpts=1", "/dev/pts"), HasSubstr("mode=600,ptmxmode=666"));
  EXPECT_THAT(mounted("mount_cgroup2=1", "/sys/fs/cgroup"), HasSubstr("noexec,relatime cgroup2"));
}

NS_TEST(NativeRootfsMount, ImproveMoreToMake) {
  const Outcome built = build(
      "-o 'tmpfs_mount_opts=mode=0711,size=1M,mount_proc=1,image_dirs=1,console=1,mkdir=/srv/x' r");
  ASSERT_EQ(built.status, 0) << built.err;
  EXPECT_EQ(mode_of(kRoot), 0711U);
  EXPECT_TRUE(path_exists(kRoot + "/proc/self"));
  for (const char* at : {"/_fsroot_ro", "/_fsroot_rw", "/dev/console", "/srv/x"})
    EXPECT_TRUE(path_exists(kRoot + at)) << at;
  EXPECT_THAT(build("--dry-run r").out, HasSubstr("new tmpfs root"));
}

NS_TEST(NativeRootfsMount, ImproveFurtherDevices) {
  ASSERT_EQ(shell("mkdir /dev/odd; mknod /dev/odd/full c 1 7; mknod /dev/block b 7 9").status, 0);
  const Outcome built =
      build("-o device=odd/full,dev_opts=none,device=block -o device=?no/such,device=null r");
  ASSERT_EQ(built.status, 0) << built.err;
  EXPECT_EQ(shell("cd /tmp/w/r/dev; stat -c '%n %F %t:%T' odd/full block null").out,
            "odd/full character special file 1:7\nblock block special file 7:9\n"
            "null character special file 1:3\n");
  EXPECT_TRUE(is_mount(kRoot + "/dev/odd/full"));
  EXPECT_FALSE(path_exists(kRoot + "/dev/no"));
  EXPECT_FALSE(path_exists(kRoot + "/dev/zero"));
  EXPECT_EQ(shell("umount -R /tmp/w/r").status, 0);
  for (const char* wrong : {"no/such", "odd", ""}) {
    const Outcome refused = build("-o device=" + std::string(wrong) + " r");
    EXPECT_EQ(refused.status, 1) << wrong;
    EXPECT_THAT(refused.err, HasSubstr("-o device=" + std::string(wrong))) << refused.err;
    EXPECT_FALSE(is_mount(kRoot)) << wrong;
  }
}

NS_TEST(NativeRootfsMount, ImproveSizeAndInodes) {
  const auto limits = [](const std::string& words) {
    const Outcome built = build(words + " r");
    EXPECT_EQ(built.status, 0) << built.err;
    return shell("stat -f -c '%b*%S %c' /tmp/w/r; umount -R /tmp/w/r").out;
  };
  EXPECT_EQ(limits("-o size=1m,nr_inodes=500"), "256*4096 500\n");
  EXPECT_EQ(limits("-o tmpfs_mount_opts=size=2m,mode=700 -o size=1m"),
            "512*4096 " + shell("mount -t tmpfs x /mnt; stat -f -c %c /mnt; umount /mnt").out);
  EXPECT_EQ(limits("-o nr_inodes=500 -o nr_inodes=600 -o tmpfs_mount_opts=nr_blocks=10"),
            "10*4096 600\n");
  EXPECT_EQ(limits(""), shell("mount -t tmpfs -o size=50% x /mnt; stat -f -c '%b*%S %c' /mnt; "
                              "umount /mnt")
                            .out);
  EXPECT_EQ(build("-o size= r").status, 1);
  EXPECT_EQ(build("-o size=much r").status, 3);
  EXPECT_FALSE(is_mount(kRoot));
}

}  // namespace
