// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/number_list.h"

#include <gtest/gtest.h>

namespace ctr {
namespace {

TEST(NumberList, ReadsRangesAndSingles) {
  EXPECT_EQ(*parse_number_list("0-3,7"), (std::vector<unsigned>{0, 1, 2, 3, 7}));
  EXPECT_EQ(*parse_number_list("5,1-2,2"), (std::vector<unsigned>{1, 2, 5}));
}

TEST(NumberList, RefusesWhatIsNoList) {
  for (const char* text : {"", ",", "a", "3-1", "-1", "1-", "8192", "0x1", "1 2",
                           "0-8191,0-8191,0-8191,0-8191,0-8191"})
    EXPECT_FALSE(parse_number_list(text).ok()) << text;
}

}  // namespace
}  // namespace ctr
