// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/idmap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ctr {
namespace {

using ::testing::HasSubstr;

IdMap map_of(std::string_view words) {
  Result<IdMap> map = IdMap::parse_words(words);
  EXPECT_TRUE(map.ok()) << (map.ok() ? "" : map.error().message);
  return map.ok() ? *map : IdMap();
}

std::string error_of(const Result<IdMap>& map) {
  EXPECT_FALSE(map.ok());
  return map.ok() ? "" : map.error().message;
}

TEST(IdMap, ReadsWhatTheKernelPrints) {
  const Result<IdMap> map =
      IdMap::parse("         0     100000      65536\n     65536       1000          1\n");
  ASSERT_TRUE(map.ok()) << map.error().message;
  EXPECT_EQ(map->ranges(), (std::vector<IdRange>{{0, 100000, 65536}, {65536, 1000, 1}}));
  EXPECT_EQ(map->text(), "0 100000 65536\n65536 1000 1\n");
  EXPECT_EQ(map->words(), "0.100000.65536:65536.1000.1");
  EXPECT_EQ(map_of(map->words()), *map);
}

TEST(IdMap, ANewNamespaceMapsNothing) {
  const Result<IdMap> map = IdMap::parse("");
  ASSERT_TRUE(map.ok());
  EXPECT_TRUE(map->empty());
  EXPECT_EQ(map->to_outside(0), std::nullopt);
  EXPECT_FALSE(IdMap::parse_words("").ok()) << "but nobody asks for that";
}

TEST(IdMap, WordsAreOnlyOtherSeparators) {
  EXPECT_EQ(map_of("0 1000 1\n1 5 2"), map_of("0.1000.1:1.5.2"));
}

TEST(IdMap, SaysWhichLineIsBad) {
  EXPECT_THAT(error_of(IdMap::parse("0 1000 1\n1 x 1\n")), HasSubstr("line 2: \"x\""));
  EXPECT_THAT(error_of(IdMap::parse("0 1000\n")), HasSubstr("line 1"));
  EXPECT_THAT(error_of(IdMap::parse("0 1000 1 7\n")), HasSubstr("line 1"));
  EXPECT_THAT(error_of(IdMap::parse("0 1000 1\n\n2 3 1\n")), HasSubstr("line 2"));
  EXPECT_THAT(error_of(IdMap::parse("-1 1000 1")), HasSubstr("line 1"));
  EXPECT_THAT(error_of(IdMap::parse("0 4294967296 1")), HasSubstr("out of range"));
  EXPECT_THAT(error_of(IdMap::parse_words("0.0x10.1")), HasSubstr("0x10"));
}

TEST(IdMap, RejectsWhatTheKernelWould) {
  EXPECT_THAT(error_of(IdMap::make({{0, 0, 1}, {5, 5, 0}})), HasSubstr("line 2: the count is 0"));
  EXPECT_THAT(error_of(IdMap::make({{4294967295U, 0, 1}})), HasSubstr("inside"));
  EXPECT_THAT(error_of(IdMap::make({{0, 4294967290U, 6}})), HasSubstr("outside"));
  EXPECT_THAT(error_of(IdMap::make({{0, 1, 4294967295U}})), HasSubstr("outside"));
  EXPECT_TRUE(IdMap::make({{0, 0, 4294967295U}}).ok()) << "the initial namespace's own map";
  EXPECT_TRUE(IdMap::make({{4294967294U, 4294967294U, 1}}).ok());
}

TEST(IdMap, RejectsOverlap) {
  EXPECT_THAT(error_of(IdMap::make({{0, 0, 10}, {20, 20, 1}, {9, 100, 1}})),
              HasSubstr("line 3: the inside IDs overlap those of line 1"));
  EXPECT_THAT(error_of(IdMap::make({{0, 50, 10}, {20, 45, 6}})),
              HasSubstr("line 2: the outside IDs overlap those of line 1"));
  EXPECT_TRUE(IdMap::make({{0, 50, 10}, {10, 40, 10}}).ok()) << "neighbours";
}

TEST(IdMap, ReportsEveryBadRange) {
  const std::vector<IdRange> ranges{{0, 0, 0}, {1, 1, 5}, {3, 9, 1}};
  const std::vector<IdRangeProblem> problems = check_id_ranges(ranges);
  ASSERT_EQ(problems.size(), 2U);
  EXPECT_EQ(problems[0].index, 0U);
  EXPECT_EQ(problems[1].index, 2U);
}

TEST(IdMap, TakesAsManyRangesAsTheKernel) {
  std::vector<IdRange> ranges;
  for (std::uint32_t i = 0; i < IdMap::kMaxRanges; ++i) ranges.push_back({i, i, 1});
  const Result<IdMap> map = IdMap::make(ranges);
  ASSERT_TRUE(map.ok());
  EXPECT_EQ(map->to_outside(339), 339U);
  ranges.push_back({1000, 1000, 1});
  EXPECT_THAT(error_of(IdMap::make(ranges)), HasSubstr("line 341: more than 340"));

  std::string text;
  for (int i = 0; i < 100000; ++i) text += std::to_string(i) + " 0 1\n";
  EXPECT_FALSE(IdMap::parse(text).ok());
}

TEST(IdMap, TranslatesBothWays) {
  const IdMap map = map_of("0.1000.1:1.100000.65535");
  EXPECT_EQ(map.to_outside(0), 1000U);
  EXPECT_EQ(map.to_outside(1), 100000U);
  EXPECT_EQ(map.to_outside(65535), 165534U);
  EXPECT_EQ(map.to_outside(65536), std::nullopt);
  EXPECT_EQ(map.to_inside(1000), 0U);
  EXPECT_EQ(map.to_inside(165534), 65535U);
  EXPECT_EQ(map.to_inside(1001), std::nullopt);
  EXPECT_EQ(map.to_inside(0), std::nullopt);
}

TEST(IdMap, GoesThroughTheParentsMap) {
  const IdMap inner = map_of("0.5.10:100.50.5");
  const IdMap parent = map_of("0.1000.8:8.3000.100");
  const Result<IdMap> whole = inner.through(parent);
  ASSERT_TRUE(whole.ok()) << whole.error().message;
  EXPECT_EQ(whole->ranges(), (std::vector<IdRange>{{0, 1005, 3}, {3, 3000, 7}, {100, 3042, 5}}));
  for (const std::uint32_t id : {0U, 2U, 3U, 9U, 104U}) {
    EXPECT_EQ(whole->to_outside(id), parent.to_outside(*inner.to_outside(id))) << id;
  }
}

TEST(IdMap, AnIdThatTheParentLacksIsNamed) {
  EXPECT_THAT(error_of(map_of("0.0.20").through(map_of("0.1000.10"))), HasSubstr("ID 10 is not"));
  EXPECT_FALSE(map_of("0.0.1").through(IdMap()).ok());
}

TEST(MountIdMaps, ReadsCrunsOption) {
  const IdMap none;
  const Result<MountIdMaps> maps =
      parse_mount_id_maps("uids=0-1-10#10-11-10;gids=0-100-10", none, none);
  ASSERT_TRUE(maps.ok()) << maps.error().message;
  EXPECT_EQ(maps->uids, map_of("0.1.10:10.11.10"));
  EXPECT_EQ(maps->gids, map_of("0.100.10"));
}

TEST(MountIdMaps, AtSignCountsInTheContainer) {
  const IdMap container = map_of("0.0.1:1.2.1000");
  const Result<MountIdMaps> maps =
      parse_mount_id_maps("uids=@1-3-10;gids=@0-0-5", container, container);
  ASSERT_TRUE(maps.ok()) << maps.error().message;
  EXPECT_EQ(maps->uids, map_of("1.4.10"));
  EXPECT_EQ(maps->gids, map_of("0.0.1:1.2.4")) << "split where the container's ranges meet";
  EXPECT_FALSE(parse_mount_id_maps("uids=@0-0-5;gids=0-0-1", IdMap(), IdMap()).ok());
}

TEST(MountIdMaps, RejectsWhatIsIncompleteOrBad) {
  const IdMap none;
  for (const char* text :
       {"", "uids=0-0-1", "gids=0-0-1", "uids=;gids=0-0-1", "uids=0-0;gids=0-0-1",
        "uids=0-0-1-2;gids=0-0-1", "uids=0--0-1;gids=0-0-1", "uid=0-0-1", "uids=0-0-1;gids=0-0-1;",
        "uids=0-0-0;gids=0-0-1"}) {
    EXPECT_FALSE(parse_mount_id_maps(text, none, none).ok()) << text;
  }
}

}  // namespace
}  // namespace ctr
