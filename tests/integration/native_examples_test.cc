// SPDX-License-Identifier: Apache-2.0
// What a user would type: the examples of the manual pages, as they stand there, with everything
// around them that they take for granted.
#include <gmock/gmock.h>

#include "tests/support/applets.h"
#include "tests/support/files.h"
#include "tests/support/images.h"
#include "tests/support/ns_test.h"

namespace {

using support::Outcome;
using support::shell;
using ::testing::HasSubstr;

const std::string kAsUser =
    "setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps=-all --bounding-set=-all ";

// Shell text below a heading of "ctrtool help examples"; there "ctrtool" is a word.
Outcome example(const std::string& title, const std::string& before, const std::string& runner) {
  const std::string all = support::ctrtool({"help", "examples"}).out;
  const std::size_t head = all.find("# " + title + "\n");
  if (head == std::string::npos) return {-1, "", "no such example: " + title};
  const std::size_t from = all.find('\n', head) + 1;
  const std::string text = all.substr(from, all.find("\n\n", from) - from);
  support::make_directories("/tmp/bin");
  support::write_file("/tmp/example.sh", text, 0755);
  // A copy: where the build is, a user may not look.
  return shell("cp $C /tmp/bin/ctrtool; export PATH=/tmp/bin:$PATH; cd /tmp; " + before + runner +
               "sh -e /tmp/example.sh");
}

const std::string kImage =
    "mkdir -p /tmp/image/bin /tmp/image/usr /tmp/image/etc; cp /bin/busybox /tmp/image/bin/; "
    "for a in sh ls cat id echo mount stat touch grep; do ln -sf busybox /tmp/image/bin/$a; done; ";

NS_TEST(NativeExamples, Part5UnprivilegedNetworkNamespace) {
  const Outcome made = example("unprivileged network namespace", "", "");
  ASSERT_EQ(made.status, 0) << made.err;
  const std::string join =
      "/tmp/bin/ctrtool nsenter -P -j U=/run/userns/net0 -j n=/run/netns/net0 -- ip link set lo up";
  EXPECT_EQ(shell(kAsUser + join).status, 0);
  EXPECT_NE(shell("setpriv --reuid 1001 --regid 1001 --clear-groups " + join).status, 0);
}

NS_TEST(NativeExamples, Part5RootlessContainerWithTmpfsRoot) {
  const Outcome done = example("rootless container with a tmpfs root",
                               kImage + "mkdir -p root; chmod 755 /tmp; ", kAsUser);
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("uid=0"));
  EXPECT_THAT(done.out, HasSubstr("_fsroot_ro"));
}

NS_TEST(NativeExamples, Part5TwoContainersWithDifferentMapsShareOneImage) {
  const Outcome done =
      example("two containers with different ID maps sharing one image", kImage, "");
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("100000"));
  EXPECT_THAT(done.out, HasSubstr("200000"));
}

NS_TEST(NativeExamples, Part5TwoContainersWithDifferentMapsShareOneSquashfs) {
  ASSERT_EQ(shell(kImage).status, 0);
  const std::string why = support::pack_image("squashfs", "/tmp/image", "/tmp/squashfs");
  if (!why.empty()) GTEST_SKIP() << why;
  const support::LoopDevice loop("/tmp/squashfs");
  if (loop.path().empty()) GTEST_SKIP() << "this machine forbids loop devices";
  const Outcome done = example("two containers with different ID maps sharing one image",
                               "mount -t squashfs -o ro " + loop.path() + " /tmp/image; ", "");
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("100000"));
  EXPECT_THAT(done.out, HasSubstr("200000"));
  EXPECT_EQ(shell("stat -f -c %T /tmp/image; umount /tmp/image").out, "squashfs\n");
}

NS_TEST(NativeExamples, Part5NestedUnprivilegedContainers) {
  const Outcome done = example("nested unprivileged containers", "", kAsUser);
  EXPECT_EQ(done.out, "outer 1 0\ninner 1 0\n") << done.err;
}

NS_TEST(NativeExamples, Part5BoundProcSelfIsAPidHandle) {
  const Outcome done = example("a bound /proc/self as a pid handle", "", "");
  EXPECT_EQ(done.out, "runs\ngone\n") << done.err;
}

// What a page's examples take for granted: programs, descriptors, files, a container.
const std::string kGranted =
    "cp $C /tmp/bin/ctrtool; export PATH=/tmp/bin:$PATH; mkdir -p w/root; cd w; for p in server "
    "daemon make; do printf '#!/bin/sh\\necho %s ran\\n' $p >/tmp/bin/$p; chmod +x /tmp/bin/$p; "
    "done; echo '-D made' >words; echo A=1 >settings; exec 8</etc/group 9</etc/passwd; export "
    "LISTENER=8; mkdir -p /run/netns; ctrtool mount_seq -m /run/netns/a -f -s /proc/self/ns/net -K "
    "-O b; ctrtool launcher --escape -UmnpuiC -t --uid-map=0.0.100 --gid-map=0.0.100 -P pid -- "
    "sleep 60; export P=$(cat pid); ";

// Each line on its own, with what it printed and how it ended.
Outcome examples_of(const std::string& applet) {
  support::make_directories("/tmp/bin");
  return shell("cd /tmp; " + kGranted + "ctrtool help -e " + applet +
               " >lines; while IFS= read -r line; do case $line in *\\\\) IFS= read -r more; "
               "line=\"${line%?} "
               "$more\";; esac; timeout 60 sh -c \"$line\" </dev/null; echo \"= $?\"; done <lines; "
               "kill -9 $P");
}

NS_TEST(NativeExamples, Part5ThoseOfEachPage) {
  struct Case {
    const char* applet;
    const char* shows;  // the statuses of all, and what is printed by some
  };
  for (const Case& one : {Case{"cmd", "x\n= 0\n= 0\n"},
                          {"env", "= 0\nserver ran\n= 0\n"},
                          {"escape", "= 0\n"},
                          {"help", "= 0\n"},
                          {"launcher", "= 0\n0\nbox\n1\n= 0\n"},
                          {"mini-init", "= 0\n"},
                          {"mini-init2", "hello\n= 0\n"},
                          {"mount_seq", "= 0\n= 0\n= 0\ndaemon ran\n= 0\n"},
                          {"nsenter", "]\n0\n= 0\n= 0\n"},
                          {"rootfs-mount", "= 0\n= 0\n"},
                          {"set_fds", "= 0\nserver ran\n= 0\n"}}) {
    const Outcome outcome = examples_of(one.applet);
    EXPECT_THAT(outcome.out, testing::EndsWith(one.shows)) << one.applet << outcome.err;
    EXPECT_THAT(outcome.out, testing::Not(testing::ContainsRegex("\n= [1-9]"))) << one.applet;
  }
}

// Those of reset_cgroup with hierarchies that are only files: what is v2's, and not mounted.
NS_TEST(NativeExamples, Part5ThoseOfThePageOfResetCgroup) {
  const Outcome outcome = shell(
      "mkdir -p /tmp/w/h/demo; cd /tmp/w; : >h/demo/cgroup.procs; unshare -m sh -c 'mount --bind h "
      "/sys/fs/cgroup; $0 help -e reset_cgroup | while read -r line; do sh -c "
      "\"$0${line#ctrtool}\"; "
      "echo \"= $?\"; done' $C; cat h/demo/cgroup.procs");
  EXPECT_THAT(outcome.out, testing::EndsWith("= 0\n= 1\n0")) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("\"pids\""));
}

}  // namespace
