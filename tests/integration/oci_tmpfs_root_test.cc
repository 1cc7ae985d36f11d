// SPDX-License-Identifier: Apache-2.0
// org.ctrtool.rootfs: tmpfs. The image stays as it is, the root is a tmpfs that shows it.
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/images.h"
#include "tests/support/runtime.h"

namespace {

using namespace support;

Bundle& on_tmpfs(Bundle& bundle) {
  return bundle.set("/annotations", R"({"org.ctrtool.rootfs":"tmpfs"})");
}

OCI_TEST(TmpfsRoot, ShowsTheImageAndKeepsIt) {
  Bundle bundle;
  ASSERT_EQ(::symlink("usr/lib", bundle.in_rootfs("/lib").c_str()), 0);
  write_file(bundle.in_rootfs("/top"), "a file\n");
  TempDir data;
  bundle.bind(data.path(), "/brand-new", "bind")
      .bind(data.path(), "/etc", "bind");  // over an entry of the image
  on_tmpfs(bundle).shell(
      "readlink /lib; cat /top /_fsroot_ro/top; touch /usr/x /_fsroot_ro/x 2>/dev/null || "
      "echo refused; touch /here /brand-new/made; ls /etc; stat -c %a /dev/null; "
      "readlink /proc/self/exe; ls -d /_fsroot_ro/etc/passwd");
  const Outcome outcome = run_bundle(bundle);
  EXPECT_EQ(outcome.out,
            "usr/lib\na file\na file\nrefused\nmade\n666\n/bin/busybox\n/_fsroot_ro/etc/passwd\n")
      << outcome.err;
  EXPECT_FALSE(path_exists(bundle.in_rootfs("/here")));
  EXPECT_FALSE(path_exists(bundle.in_rootfs("/brand-new")));
  EXPECT_TRUE(path_exists(data / "made"));
  const Report report = [&] { return run_report(bundle.args({"/bin/guest", "report"})); }();
  EXPECT_EQ(parse_mount_line(report.mount_at("/")).type, "tmpfs");
  EXPECT_TRUE(has_option(parse_mount_line(report.mount_at("/_fsroot_ro")).options, "ro"));
}

OCI_TEST(TmpfsRoot, ReadOnlyAndExec) {
  Bundle bundle;
  on_tmpfs(bundle).set("/root/readonly", "true").args({"/bin/guest", "hold"});
  ASSERT_STATUS(create_bundle(bundle), 0);
  ASSERT_STATUS(runtime({"start", bundle.id()}), 0);
  const Outcome outcome = runtime(
      {"exec", bundle.id(), "/bin/sh", "-c", "touch /x 2>/dev/null || ls /_fsroot_ro/bin/sh"});
  EXPECT_EQ(outcome.out, "/_fsroot_ro/bin/sh\n") << outcome.err;
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
}

OCI_TEST(TmpfsRoot, AVolumeTakesWhatIsWritable) {
  Bundle bundle;
  TempDir volume;
  make_directories(volume / "var");
  bundle.bind(volume.path(), "/_fsroot_rw", "bind");
  bundle.set("/annotations",
             R"({"org.ctrtool.rootfs":"tmpfs","org.ctrtool.rootfs.writable":"var,home"})");
  bundle.shell("echo kept > /var/file; readlink /var; readlink /home");
  EXPECT_EQ(run_bundle(bundle).out, "_fsroot_rw/var\n_fsroot_rw/home\n");
  EXPECT_EQ(read_file(volume / "var/file"), "kept\n");
}

OCI_TEST(TmpfsRoot, InAUserNamespace) {
  Bundle bundle;
  on_tmpfs(bundle.map_ids(100000, 65536))
      .shell("stat -c %u:%g / /bin /_fsroot_ro; touch /made && stat -c %u /made");
  const Outcome outcome = run_bundle(bundle);
  EXPECT_EQ(outcome.out, "0:0\n0:0\n0:0\n0\n") << outcome.err;
}

// One read-only image, packed with root as the owner, for containers of different users.
OCI_TEST(TmpfsRoot, AnImageIsSharedByContainersWithDifferentIds) {
  Bundle source;
  TempDir dir;
  const std::string why = pack_image("squashfs", source.rootfs(), dir / "image");
  if (!why.empty()) GTEST_SKIP() << why;
  const LoopDevice loop(dir / "image");
  if (loop.path().empty()) GTEST_SKIP() << "this machine forbids loop devices";
  make_directories(dir / "mounted");
  ASSERT_EQ(::mount(loop.path().c_str(), (dir / "mounted").c_str(), "squashfs", MS_RDONLY, nullptr),
            0);
  Bundle one;
  Bundle other;
  for (Bundle* bundle : {&one, &other}) {
    bundle->map_ids(bundle == &one ? 100000 : 200000, 65536)
        .set("/root/path", json_string(dir / "mounted"))
        .set("/annotations", R"({"org.ctrtool.rootfs":"tmpfs","org.ctrtool.rootfs.idmap":"true"})")
        .bind(source.rootfs(), "/volume", "bind")
        .args({"/bin/guest", "hold"});
    ASSERT_STATUS(run_bundle(*bundle, {"--detach"}), 0);
  }
  // Now that both have it.
  for (const Bundle* bundle : {&one, &other}) {
    const Outcome outcome =
        runtime({"exec", bundle->id(), "/bin/sh", "-c",
                 "stat -c %u /bin/sh /etc; cut -c1-24 /proc/self/uid_map; ls /volume/bin/guest"});
    EXPECT_TRUE(contains(outcome.out, "0\n0\n")) << outcome.out << outcome.err;
    EXPECT_TRUE(contains(outcome.out, bundle == &one ? " 100000" : " 200000")) << outcome.out;
    EXPECT_TRUE(contains(outcome.out, "/volume/bin/guest\n")) << outcome.out;
  }
  for (const Bundle* bundle : {&one, &other})
    EXPECT_STATUS(runtime({"delete", "--force", bundle->id()}), 0);
  EXPECT_EQ(::umount((dir / "mounted").c_str()), 0);
}

OCI_TEST(TmpfsRoot, WrongWordsAreRefused) {
  for (const char* annotations :
       {R"({"org.ctrtool.rootfs":"overlay"})",
        R"({"org.ctrtool.rootfs":"tmpfs","org.ctrtool.rootfs.idmap":"true"})",
        R"({"org.ctrtool.rootfs":"tmpfs","org.ctrtool.rootfs.writable":"../x"})",
        R"({"org.ctrtool.rootfs":"tmpfs","org.ctrtool.rootfs.writable":"var"})"}) {
    Bundle bundle;
    bundle.set("/annotations", annotations);
    const Outcome outcome = create_bundle(bundle);
    EXPECT_STATUS(outcome, 1) << annotations;
    EXPECT_TRUE(contains(outcome.err, "/annotations/")) << outcome.err;
  }
}

}  // namespace
