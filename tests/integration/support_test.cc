// SPDX-License-Identifier: Apache-2.0
// The sandbox that all other namespace tests trust.
#include <sys/mount.h>
#include <unistd.h>

#include "tests/support/files.h"
#include "tests/support/ns_test.h"
#include "tests/support/paths.h"

namespace {

using support::list_directory;
using support::path_exists;
using support::read_file;
using support::SandboxOptions;

NS_TEST(Sandbox, ShowsOnlyItsOwnProcesses) {
  EXPECT_LE(::getpid(), 3);
  EXPECT_TRUE(path_exists("/proc/1"));
  EXPECT_EQ(list_directory("/run").size(), 0U);
}

NS_TEST(Sandbox, MountsStayInside) {
  ASSERT_EQ(::mount("none", "/run", "tmpfs", 0, nullptr), 0);
  EXPECT_TRUE(support::write_file("/run/inside", "x"));
}

NS_TEST(Sandbox, KeepsTheBuildTreeInSight) { EXPECT_TRUE(path_exists(support::build_dir())); }

NS_TEST(Sandbox, HasTerminals) {
  EXPECT_TRUE(path_exists("/dev/pts/ptmx"));
  EXPECT_TRUE(path_exists("/dev/null"));
}

NS_TEST_WITH(Sandbox, CanBeAUserNamespace, (SandboxOptions{.user_namespace = true})) {
  EXPECT_EQ(::geteuid(), 0U);
  EXPECT_NE(read_file("/proc/self/uid_map"), "");
  EXPECT_EQ(::mount("none", "/run", "tmpfs", 0, nullptr), 0);
}

}  // namespace
