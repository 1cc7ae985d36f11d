// SPDX-License-Identifier: Apache-2.0
// Id-mapped mounts: with maps of their own, or the container's; with and without a user namespace.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/runtime.h"

namespace {

using namespace support;

// A directory on a tmpfs, owned by `owner`, with a file in it. (overlayfs, which may be below /tmp,
// has no id-mapped mounts.)
class Volume {
 public:
  explicit Volume(unsigned owner) {
    EXPECT_EQ(::mount("volume", dir_.path().c_str(), "tmpfs", 0, "mode=755"), 0);
    write_file(dir_ / "file", "content\n", 0600);
    EXPECT_EQ(::chown((dir_ / "file").c_str(), owner, owner), 0);
    EXPECT_EQ(::chown(dir_.path().c_str(), owner, owner), 0);
  }
  ~Volume() { ::umount2(dir_.path().c_str(), MNT_DETACH); }
  const std::string& path() const { return dir_.path(); }
  unsigned owner_of(const std::string& name) const {
    struct stat info {};
    EXPECT_EQ(::lstat((dir_ / name).c_str(), &info), 0) << name;
    return info.st_uid;
  }

 private:
  TempDir dir_;
};

std::string map_of(unsigned container, unsigned host, unsigned size) {
  return R"([{"containerID":)" + std::to_string(container) + R"(,"hostID":)" +
         std::to_string(host) + R"(,"size":)" + std::to_string(size) + "}]";
}

Bundle& with_volume(Bundle& bundle, const Volume& volume, const std::string& options,
                    const std::string& maps) {
  const std::string more =
      maps.empty() ? "" : R"(,"uidMappings":)" + maps + R"(,"gidMappings":)" + maps;
  return bundle
      .set("/mounts/-", R"({"type":"bind","destination":"/volume","source":)" +
                            json_string(volume.path()) + R"(,"options":)" + options + more + "}")
      .shell("stat -c '%u:%g' /volume/file && echo new > /volume/made && stat -c %u /volume/made");
}

OCI_TEST(IdMap, OfTheMountWithoutAUserNamespace) {
  const Volume volume(1000);
  Bundle bundle;
  with_volume(bundle, volume, R"(["bind","idmap"])", map_of(1000, 0, 10));
  EXPECT_EQ(run_bundle(bundle).out, "0:0\n0\n");
  EXPECT_EQ(volume.owner_of("made"), 1000U) << "what root makes belongs to the volume's owner";
  bundle.remove("/mounts/6");
  with_volume(bundle, volume, R"(["bind"])", map_of(1000, 5, 10));
  EXPECT_TRUE(contains(run_bundle(bundle).out, "5:5\n")) << "the option may be left out";
}

OCI_TEST(IdMap, OfTheContainerIsTheDefault) {
  const Volume volume(0);
  Bundle bundle;
  bundle.map_ids(100000, 65536);
  with_volume(bundle, volume, R"(["rbind","ridmap"])", "");
  const Outcome outcome = run_bundle(bundle);
  EXPECT_EQ(outcome.out, "0:0\n0\n") << outcome.err;
  EXPECT_EQ(volume.owner_of("made"), 0U);
}

OCI_TEST(IdMap, OfTheMountInAUserNamespace) {
  const Volume volume(7);
  Bundle bundle;
  bundle.map_ids(100000, 65536);
  with_volume(bundle, volume, R"(["bind","idmap"])", map_of(7, 100000, 1));
  EXPECT_EQ(run_bundle(bundle).out, "0:0\n0\n");
  EXPECT_EQ(volume.owner_of("made"), 7U);
  bundle.remove("/mounts/6");
  with_volume(bundle, volume, R"(["bind","idmap=uids=7-100003-1;gids=7-100004-1"])", "")
      .shell("stat -c '%u:%g' /volume/file");
  EXPECT_EQ(run_bundle(bundle).out, "3:4\n") << "crun's words";
  bundle.remove("/mounts/6");
  with_volume(bundle, volume, R"(["bind","idmap=uids=@7-5-1;gids=@7-6-1"])", "")
      .shell("stat -c '%u:%g' /volume/file");
  EXPECT_EQ(run_bundle(bundle).out, "5:6\n") << "relative to the container";
}

OCI_TEST(IdMap, OfAJoinedUserNamespace) {
  const Volume volume(0);
  Bundle first;
  first.map_ids(100000, 65536).args({"/bin/guest", "hold"});
  ASSERT_STATUS(create_bundle(first), 0);
  const std::string path = "/proc/" + std::to_string(pid_of(first.id())) + "/ns/user";
  Bundle second;
  second.map_ids(100000, 65536).remove("/linux/uidMappings").remove("/linux/gidMappings");
  const int user = json_size(second.config(), "/linux/namespaces") - 1;
  second.set("/linux/namespaces/" + std::to_string(user) + "/path", json_string(path));
  with_volume(second, volume, R"(["bind","idmap"])", "");
  const Outcome outcome = run_bundle(second);
  EXPECT_EQ(outcome.out, "0:0\n0\n") << outcome.err;
  EXPECT_EQ(volume.owner_of("made"), 0U);
  EXPECT_STATUS(runtime({"delete", "--force", first.id()}), 0);
}

OCI_TEST(IdMap, SubmountsOnlyWithRidmap) {
  const Volume volume(1000);
  const std::string sub = volume.path() + "/sub";
  make_directories(sub);
  ASSERT_EQ(::mount("sub", sub.c_str(), "tmpfs", 0, "mode=755,uid=1000"), 0);
  for (const auto& [option, owner] : {std::pair{"idmap", "1000\n"}, {"ridmap", "0\n"}}) {
    Bundle bundle;
    with_volume(bundle, volume, std::string(R"(["rbind",")") + option + R"("])", map_of(1000, 0, 9))
        .shell("stat -c %u /volume/sub");
    EXPECT_EQ(run_bundle(bundle).out, owner) << option;
  }
  EXPECT_EQ(::umount(sub.c_str()), 0);
}

OCI_TEST(IdMap, OfAFileSystemMountedForTheContainer) {
  Bundle bundle;
  bundle.map_ids(100000, 65536)
      .set("/mounts/-", R"({"type":"tmpfs","source":"tmpfs","destination":"/volume",
           "options":["nosuid","idmap","size=1m","uid=3"]})")
      .shell("stat -c %u /volume; grep ' /volume ' /proc/self/mountinfo");
  const Outcome outcome = run_bundle(bundle);
  EXPECT_TRUE(outcome.out.starts_with("3\n")) << outcome.out << outcome.err;
  EXPECT_TRUE(contains(outcome.out, "idmapped")) << outcome.out;
  EXPECT_TRUE(contains(outcome.out, "nosuid")) << outcome.out;
}

OCI_TEST(IdMap, WhatCannotBeMappedIsRefused) {
  const Volume volume(0);
  Bundle bundle;
  with_volume(bundle, volume, R"(["bind","idmap"])", "");
  Outcome outcome = create_bundle(bundle);
  EXPECT_STATUS(outcome, 1);
  EXPECT_TRUE(contains(outcome.err, "/mounts/6")) << outcome.err;
  bundle.remove("/mounts/6");
  with_volume(bundle, volume, R"(["bind","idmap=uids=0-1;gids=0-1-1"])", "");
  outcome = create_bundle(bundle);
  EXPECT_STATUS(outcome, 1);
  EXPECT_TRUE(contains(outcome.err, "/mounts/6/options")) << outcome.err;
  bundle.remove("/mounts/6")
      .set("/mounts/-",
           R"({"type":"bind","source":"/proc","destination":"/volume","options":["bind"],
      "uidMappings":[{"containerID":0,"hostID":1,"size":1}],
      "gidMappings":[{"containerID":0,"hostID":1,"size":1}]})");
  outcome = create_bundle(bundle);
  EXPECT_STATUS(outcome, 1);
  EXPECT_TRUE(contains(outcome.err, "id-mapped")) << outcome.err;
}

}  // namespace
