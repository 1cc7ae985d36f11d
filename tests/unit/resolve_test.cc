// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/resolve.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "ctrtool/core/sys/file.h"

namespace ctr {
namespace {

namespace fs = std::filesystem;

// A "host" with a secret, and a container root inside it.
class Resolve : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/resolve.XXXXXX";
    host_ = ::mkdtemp(name);
    fs::create_directories(host_ / "root/etc");
    fs::create_directories(host_ / "outside");
    std::ofstream(host_ / "outside/secret") << "host";
    std::ofstream(host_ / "root/etc/passwd") << "container";
    Result<UniqueFd> root = sys::open((host_ / "root").string(), O_PATH | O_DIRECTORY);
    ASSERT_TRUE(root.ok());
    root_ = std::move(root).value();
  }
  void TearDown() override {
    EXPECT_EQ(std::distance(fs::directory_iterator(host_ / "outside"), {}), 1) << "made outside";
    fs::remove_all(host_);
  }

  fs::path inside(const std::string& path) const { return host_ / "root" / path; }
  void link(const std::string& target, const std::string& at) const {
    fs::create_symlink(target, inside(at));
  }
  std::string read(const std::string& path) const {
    const Result<UniqueFd> fd = open_in_root(root_, path, O_RDONLY);
    if (!fd.ok()) return "errno " + std::to_string(fd.error().code);
    return *sys::read_all(*fd);
  }

  fs::path host_;
  UniqueFd root_;
};

TEST_F(Resolve, TreatsTheRootAsSlash) {
  link("/etc/passwd", "absolute");
  link("../../../../etc/passwd", "upwards");
  EXPECT_EQ(read("/etc/passwd"), "container");
  EXPECT_EQ(read("../../etc/passwd"), "container");
  EXPECT_EQ(read("absolute"), "container");
  EXPECT_EQ(read("upwards"), "container");
}

TEST_F(Resolve, RefusesMagicLinks) {
  fs::create_directory(inside("proc"));
  link("/proc/self/root", "escape");
  EXPECT_NE(read("/escape" + (host_ / "outside/secret").string()), "host");
}

TEST_F(Resolve, TellsMissingFromWrong) {
  const Result<std::optional<UniqueFd>> missing = open_in_root_if_exists(root_, "/no/such", O_PATH);
  ASSERT_TRUE(missing.ok());
  EXPECT_FALSE(missing->has_value());
  link("loop", "loop");
  const Result<std::optional<UniqueFd>> loop = open_in_root_if_exists(root_, "/loop", O_PATH);
  ASSERT_FALSE(loop.ok());
  EXPECT_EQ(loop.error().code, ELOOP);
}

TEST_F(Resolve, MakesWhatIsMissing) {
  ASSERT_TRUE(ensure_in_root(root_, "/a/b/c", Missing::Directory, 0700).ok());
  EXPECT_TRUE(fs::is_directory(inside("a/b/c")));
  ASSERT_TRUE(ensure_in_root(root_, "/a/b/file", Missing::File, 0644).ok());
  EXPECT_TRUE(fs::is_regular_file(inside("a/b/file")));
  ASSERT_TRUE(ensure_in_root(root_, "/a/./b/../b/c/", Missing::Directory, 0700).ok());
  ASSERT_TRUE(ensure_in_root(root_, "/", Missing::Directory, 0700).ok());
}

// Images have such links; the peers make what they point to, inside the root.
TEST_F(Resolve, RebasesDanglingLinks) {
  link((host_ / "outside/new").string(), "dangling");
  link("/dangling", "twice");
  ASSERT_TRUE(ensure_in_root(root_, "/twice/x", Missing::Directory, 0755).ok());
  EXPECT_TRUE(fs::is_directory(host_ / "root" / fs::relative(host_ / "outside/new/x", "/")));
  link((host_ / "outside/file").string(), "dangling_file");
  ASSERT_TRUE(ensure_in_root(root_, "/dangling_file", Missing::File, 0644).ok());
  EXPECT_TRUE(fs::exists(host_ / "root" / fs::relative(host_ / "outside/file", "/")));
}

TEST_F(Resolve, MakesNothingThroughALinkThatMustNotBeFollowed) {
  link((host_ / "outside/new").string(), "last");
  const Result<UniqueFd> fd = ensure_in_root(root_, "/last", Missing::File, 0644, Follow::NotLast);
  ASSERT_TRUE(fd.ok()) << fd.error().message;
  EXPECT_TRUE(S_ISLNK(sys::fstat(*fd)->st_mode));
  const Result<UniqueFd> never =
      ensure_in_root(root_, "/last", Missing::Directory, 0755, Follow::Never);
  ASSERT_FALSE(never.ok());
  EXPECT_EQ(never.error().code, ELOOP);
}

TEST_F(Resolve, RefusesAFileOnTheWay) {
  const Result<UniqueFd> fd = ensure_in_root(root_, "/etc/passwd/x", Missing::Directory, 0755);
  ASSERT_FALSE(fd.ok());
  EXPECT_EQ(fd.error().code, ENOTDIR);
}

TEST_F(Resolve, EndlessLinksEnd) {
  link("b/x", "a");
  link("a/x", "b");
  const Result<UniqueFd> fd = ensure_in_root(root_, "/a/y", Missing::Directory, 0755);
  ASSERT_FALSE(fd.ok());
  EXPECT_EQ(fd.error().code, ELOOP);
}

TEST_F(Resolve, FindsTheParentOfANewName) {
  link("/etc", "alias");
  const Result<Parent> parent = ensure_parent_in_root(root_, "/alias/new");
  ASSERT_TRUE(parent.ok());
  EXPECT_EQ(parent->name, "new");
  EXPECT_EQ(sys::fstat(parent->directory)->st_ino,
            sys::fstatat(kCwd, inside("etc").string(), 0)->st_ino);
  EXPECT_FALSE(ensure_parent_in_root(root_, "/").ok());
}

}  // namespace
}  // namespace ctr
