// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/mount_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>

#include "ctrtool/core/sys/compat.h"

namespace ctr {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

MountOptions parse(const std::vector<std::string>& options) {
  Result<MountOptions> parsed = parse_mount_options(options);
  EXPECT_TRUE(parsed.ok()) << (parsed.ok() ? "" : parsed.error().message);
  return parsed.ok() ? *parsed : MountOptions();
}

TEST(MountOptions, FlagsAndTheirOpposites) {
  const MountOptions options = parse({"ro", "nosuid", "dev", "noexec", "exec", "sync"});
  EXPECT_EQ(options.flags, unsigned{MS_RDONLY | MS_NOSUID | MS_SYNCHRONOUS});
  EXPECT_EQ(options.cleared_flags, unsigned{MS_NODEV | MS_NOEXEC});
  EXPECT_EQ(parse({"defaults"}), MountOptions());
  EXPECT_EQ(parse({}), MountOptions());
}

TEST(MountOptions, TheLastOfTwoContradictingWins) {
  EXPECT_EQ(parse({"ro", "rw"}), parse({"rw"}));
  EXPECT_EQ(parse({"rw", "ro"}), parse({"ro"}));
  EXPECT_EQ(parse({"rro", "rrw"}), parse({"rrw"}));
  EXPECT_EQ(parse({"noatime", "strictatime"}).flags, unsigned{MS_STRICTATIME});
  EXPECT_EQ(parse({"relatime", "noatime"}).flags, unsigned{MS_NOATIME});
  EXPECT_EQ(parse({"shared", "rslave"}).propagation, unsigned{MS_SLAVE | MS_REC});
}

TEST(MountOptions, PropagationIsApartFromTheFlags) {
  const MountOptions options = parse({"rbind", "rprivate"});
  EXPECT_EQ(options.flags, unsigned{MS_BIND | MS_REC});
  EXPECT_EQ(options.propagation, unsigned{MS_PRIVATE | MS_REC});
  EXPECT_EQ(parse({"unbindable"}).propagation, unsigned{MS_UNBINDABLE});
}

TEST(MountOptions, RecursiveAttributes) {
  const MountOptions options = parse({"rro", "rnosuid", "rdev", "rnosymfollow"});
  EXPECT_EQ(options.rec_attr_set,
            std::uint64_t{MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOSYMFOLLOW});
  EXPECT_EQ(options.rec_attr_clr, std::uint64_t{MOUNT_ATTR_NODEV});
  EXPECT_EQ(options.flags, 0U);
}

// mount_setattr(2) says EINVAL to any part of the field in attr_clr, and to a value in attr_set
// without all of it in attr_clr.
TEST(MountOptions, AtimeIsOneField) {
  struct Case {
    std::vector<std::string> options;
    std::uint64_t set;
    std::uint64_t clr;
  };
  const std::vector<Case> cases{
      {{"rnoatime"}, MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME},
      {{"rstrictatime"}, MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
      {{"rrelatime"}, MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
      {{"ratime"}, MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
      {{"rnoatime", "ratime"}, MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
      {{"rstrictatime", "ratime"}, MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
      {{"rnoatime", "rstrictatime"}, MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
      {{"rstrictatime", "rnostrictatime"}, MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
      {{"rnorelatime"}, 0, 0},
      {{"rnodiratime"}, MOUNT_ATTR_NODIRATIME, 0},
      {{"rdiratime", "rnoatime"}, MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME},
  };
  for (const Case& test : cases) {
    const MountOptions options = parse(test.options);
    EXPECT_EQ(options.rec_attr_set, test.set) << test.options[0];
    EXPECT_EQ(options.rec_attr_clr, test.clr) << test.options[0];
  }
}

TEST(MountOptions, FlagsAsAttributesOfOneMount) {
  const MountAttrChange read_only = mount_attr_change(parse({"rbind", "ro", "suid", "sync"}));
  EXPECT_EQ(read_only.set, std::uint64_t{MOUNT_ATTR_RDONLY});
  EXPECT_EQ(read_only.clr, std::uint64_t{MOUNT_ATTR_NOSUID});
  const MountAttrChange noatime = mount_attr_change(parse({"noatime", "nodiratime"}));
  EXPECT_EQ(noatime.set, std::uint64_t{MOUNT_ATTR_NOATIME | MOUNT_ATTR_NODIRATIME});
  EXPECT_EQ(noatime.clr, std::uint64_t{MOUNT_ATTR__ATIME});
  EXPECT_EQ(mount_attr_change(parse({"atime"})).clr, std::uint64_t{MOUNT_ATTR__ATIME});
  EXPECT_EQ(mount_attr_change(parse({"norelatime"})), MountAttrChange());
  EXPECT_EQ(mount_attr_change(parse({"bind"})), MountAttrChange());
}

TEST(MountOptions, ExtensionsOfCrunAndRunc) {
  const MountOptions options =
      parse({"tmpcopyup", "copy-symlink", "src-nofollow", "dest-nofollow", "rsync", "rnomand"});
  EXPECT_TRUE(options.tmpcopyup && options.copy_symlink && options.src_nofollow &&
              options.dest_nofollow);
  EXPECT_EQ(options.flags, unsigned{MS_SYNCHRONOUS});
  EXPECT_EQ(options.cleared_flags, unsigned{MS_MANDLOCK});
  EXPECT_TRUE(options.data.empty());
}

TEST(MountOptions, IdmapWithAndWithoutMaps) {
  EXPECT_TRUE(parse({"idmap"}).idmap);
  EXPECT_FALSE(parse({"idmap"}).ridmap);
  EXPECT_TRUE(parse({"ridmap"}).idmap && parse({"ridmap"}).ridmap);
  const MountOptions own = parse({"ridmap=uids=0-1-10;gids=0-1-10"});
  EXPECT_TRUE(own.idmap && own.ridmap);
  EXPECT_EQ(own.idmap_maps, "uids=0-1-10;gids=0-1-10");
  EXPECT_EQ(parse({"idmapped"}).data, "idmapped");
}

TEST(MountOptions, OtherNamesGoToTheFileSystem) {
  const MountOptions options = parse({"nosuid", "size=64k", "", "mode=0755", "RO"});
  EXPECT_EQ(options.data, "size=64k,mode=0755,RO");
  EXPECT_EQ(options.flags, unsigned{MS_NOSUID});
}

TEST(MountOptions, RefusesWhatTheKernelWouldCutShort) {
  const Result<MountOptions> nul = parse_mount_options({std::string("size=1\0k", 8)});
  ASSERT_FALSE(nul.ok());
  EXPECT_THAT(nul.error().message, HasSubstr("\\x00"));
  EXPECT_FALSE(parse_mount_options({std::string("ro\0", 3)}).ok());
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  EXPECT_TRUE(parse_mount_options({std::string(page - 1, 'x')}).ok());
  EXPECT_FALSE(parse_mount_options({std::string(page - 1, 'x'), "y"}).ok());
}

TEST(MountOptions, ABindMountHasNoData) {
  EXPECT_TRUE(check_bind_data(parse({"rbind", "ro"})).ok());
  using Words = std::vector<std::string>;
  for (const Words& words : {Words{"bind", "size=1m"}, Words{"size=1m"}}) {  // of type "bind"
    const Result<void> refused = check_bind_data(parse(words));
    ASSERT_FALSE(refused.ok());
    EXPECT_THAT(refused.error().message, HasSubstr("\"size=1m\""));
  }
}

TEST(MountOptions, NamesAreSortedAndCoverTheSpec) {
  const std::vector<std::string_view> names = mount_option_names();
  EXPECT_TRUE(std::ranges::is_sorted(names));
  EXPECT_THAT(names, IsSupersetOf({"async", "idmap", "nosymfollow", "rnostrictatime", "rro",
                                   "runbindable", "tmpcopyup", "unbindable"}));
  for (const std::string_view name : names) EXPECT_EQ(parse({std::string(name)}).data, "") << name;
}

TEST(MountOptions, WordsReadBack) {
  std::vector<std::vector<std::string>> lists{{"rbind", "ro", "rslave", "size=1m", "mode=1"},
                                              {"rnoatime", "rdiratime", "noatime", "rw"},
                                              {"rstrictatime", "sync", "idmap"},
                                              {"ridmap=uids=0-0-1;gids=0-0-1", "nosuid"}};
  for (const std::string_view name : mount_option_names()) lists.push_back({std::string(name)});
  for (const std::vector<std::string>& list : lists) {
    const MountOptions options = parse(list);
    EXPECT_EQ(parse(mount_option_words(options)), options) << list[0];
  }
  EXPECT_THAT(mount_option_words(parse({"sync", "rbind", "nosuid", "x=1"})),
              ElementsAre("nosuid", "rbind", "sync", "x=1"));
}

}  // namespace
}  // namespace ctr
