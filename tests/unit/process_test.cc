// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/sys/process.h"

#include <gtest/gtest.h>

#include <string>

namespace ctr::sys {
namespace {

// A line of /proc/PID/stat, as Linux 6.18 writes it.
std::string line(const std::string& name, char state, unsigned long flags, int exit_code) {
  return "57 (" + name + ") " + state + " 2 57 57 0 -1 " + std::to_string(flags) +
         " 92 0 0 0 0 0 0 0 20 0 1 0 153967 1150976 96 18446744073709551615 4198400 5785901 "
         "140723443201040 0 0 0 0 4 0 1 0 0 17 1 0 0 0 0 0 6044048 6104800 28434432 "
         "140723443203745 140723443203756 140723443203756 140723443208173 " +
         std::to_string(exit_code) + "\n";
}

TEST(ProcStat, HasTheFieldsByTheirNumbers) {
  const auto stat = parse_proc_stat(line("sleep", 'S', 0x400000, 0));
  ASSERT_TRUE(stat.has_value());
  EXPECT_EQ(stat->state, 'S');
  EXPECT_EQ(stat->parent, 2);
  EXPECT_EQ(stat->start_time, 153967U);
  EXPECT_FALSE(stat->exiting);
  EXPECT_FALSE(stat->freezer_skip);
  EXPECT_EQ(stat->wait_status, 0);
}

TEST(ProcStat, ANameMayBeAnything) {
  for (const char* name : {"", " ", ") Z 1 1 1", "a) S (b", "(((", "\n) "}) {
    const auto stat = parse_proc_stat(line(name, 'R', 0, 0));
    ASSERT_TRUE(stat.has_value()) << name;
    EXPECT_EQ(stat->state, 'R') << name;
    EXPECT_EQ(stat->parent, 2) << name;
    EXPECT_EQ(stat->start_time, 153967U) << name;
  }
}

TEST(ProcStat, KnowsThreeFlags) {
  EXPECT_TRUE(parse_proc_stat(line("a", 'S', 0x4, 0))->exiting);
  EXPECT_FALSE(parse_proc_stat(line("a", 'S', 0x40000000, 0))->exiting);
  EXPECT_TRUE(parse_proc_stat(line("a", 'S', 0x40400000, 0))->freezer_skip);
  EXPECT_TRUE(parse_proc_stat(line("a", 'S', 0x400140, 0))->fork_no_exec);
  EXPECT_FALSE(parse_proc_stat(line("a", 'S', 0x400100, 0))->fork_no_exec);
}

TEST(ProcStat, OnlyAZombieHasAStatus) {
  EXPECT_EQ(parse_proc_stat(line("a", 'Z', 0x40c, 256))->wait_status, 256);
  EXPECT_EQ(parse_proc_stat(line("a", 'S', 0x40c, 256))->wait_status, 0);
}

TEST(ProcStat, WhatIsCutShortIsNone) {
  const std::string whole = line("a", 'S', 0, 0);
  const std::size_t enough = whole.find("153967") + 1;
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_EQ(parse_proc_stat(whole.substr(0, size)).has_value(), size >= enough) << size;
  EXPECT_FALSE(parse_proc_stat("57 (a) SS 2 57 57 0 -1 0 92 0 0 0 0 0 0 0 20 0 1 0 7").has_value());
  EXPECT_FALSE(parse_proc_stat("57 (a) S x 57 57 0 -1 0 92 0 0 0 0 0 0 0 20 0 1 0 7").has_value());
}

}  // namespace
}  // namespace ctr::sys
