// SPDX-License-Identifier: Apache-2.0
// How mounts are named to criu (SEC-15): by what config.json says, and at places whose names cannot
// be read as something else. What criu makes of them is for tests/guest.
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/cli/criu.h"
#include "tests/support/files.h"
#include "tests/support/ns_test.h"

namespace {

using namespace support;
using oci::cli::ExternalMount;
using oci::cli::mounted_externals;

// "/tmp/led" in the container, a link to a place of this name that something is mounted on.
ctr::Result<std::vector<std::string>> named(const std::string& place) {
  EXPECT_EQ(::mount("x", place.c_str(), "tmpfs", 0, ""), 0) << place;
  ::unlink("/tmp/led");
  EXPECT_EQ(::symlink(place.c_str(), "/tmp/led"), 0);
  auto names = mounted_externals({ExternalMount{"/tmp/led", "/tmp/led", "/srv"}}, ::getpid());
  EXPECT_EQ(::umount2(place.c_str(), MNT_DETACH), 0);
  return names;
}

NS_TEST(CriuMounts, NamesThatCriuCouldMisreadAreRefused) {
  for (const std::string name : {"x]:/etc", "[", "two\nlines", "back\\slash", "\x1b[31m", "\x7f"}) {
    const std::string place = "/tmp/" + name;
    make_directories(place);
    const auto names = named(place);
    ASSERT_FALSE(names.ok()) << name;
    EXPECT_TRUE(contains(names.error().message, "criu could misread")) << names.error().message;
    EXPECT_FALSE(contains(names.error().message, "\n")) << names.error().message;
    EXPECT_FALSE(contains(names.error().message, "\x1b")) << names.error().message;
  }
}

// In config.json too, whatever is mounted there.
NS_TEST(CriuMounts, NamesOfTheConfigurationAreRefusedAsWell) {
  for (const std::string name : {"/x]:/etc", "/two\nlines"})
    EXPECT_FALSE(mounted_externals({ExternalMount{name, name, "/srv"}}, ::getpid()).ok()) << name;
}

NS_TEST(CriuMounts, OddNamesAreTakenAsTheyAre) {
  std::string deep = "/tmp";
  while (deep.size() < 3500) deep += "/" + std::string(200, 'd');
  for (const std::string& place : {std::string("/tmp/with  blanks"), std::string("/tmp/..."),
                                   std::string("/tmp/a:b,c=d"), std::string("/tmp/\xff"), deep}) {
    make_directories(place);
    const auto names = named(place);
    ASSERT_OK(names);
    EXPECT_EQ(*names, std::vector<std::string>{"mnt[" + place + "]:/tmp/led"});
  }
}

}  // namespace
