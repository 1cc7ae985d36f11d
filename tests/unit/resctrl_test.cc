// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/resctrl.h"

#include <gtest/gtest.h>

namespace ctr {
namespace {

TEST(Resctrl, IsFoundByItsType) {
  EXPECT_EQ(find_resctrl("22 1 0:5 / /proc rw - proc proc rw\n"
                         "31 22 0:26 / /mnt/rdt rw,relatime shared:9 - resctrl resctrl rw\n"),
            "/mnt/rdt");
  EXPECT_EQ(find_resctrl("22 1 0:5 / /sys/fs/resctrl rw - tmpfs resctrl rw\n"), "");
  EXPECT_EQ(find_resctrl("garbage\n - resctrl \n"), "");
}

TEST(Resctrl, SchemataAreComparedByDomain) {
  constexpr std::string_view kFile = "    L3:0=00fff;1=00fff\n    MB:0=100;1= 70\n";
  EXPECT_TRUE(rdt_schema_matches(kFile, "L3:0=fff;1=fff"));
  EXPECT_TRUE(rdt_schema_matches(kFile, "L3:1=fff"));
  EXPECT_TRUE(rdt_schema_matches(kFile, "MB:0=100;1=70"));
  EXPECT_FALSE(rdt_schema_matches(kFile, "L3:0=ff"));
  EXPECT_FALSE(rdt_schema_matches(kFile, "L3:2=fff"));
  EXPECT_FALSE(rdt_schema_matches(kFile, "L2:0=fff"));
  EXPECT_FALSE(rdt_schema_matches(kFile, "nonsense"));
}

TEST(Resctrl, OnlyWhatIsTheContainersGoesWithIt) {
  EXPECT_EQ(rdt_directories({.name = "web", .own = true, .monitor = "web"}),
            (std::vector<std::string>{"web/mon_groups/web", "web"}));
  EXPECT_EQ(rdt_directories({.name = "shared", .monitor = "web"}),
            std::vector<std::string>{"shared/mon_groups/web"});
  EXPECT_EQ(rdt_directories({.name = "/", .monitor = "web"}),
            std::vector<std::string>{"mon_groups/web"});
  EXPECT_TRUE(rdt_directories({.name = "shared"}).empty());
}

}  // namespace
}  // namespace ctr
