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

}  // namespace
