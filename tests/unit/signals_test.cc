// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/signals.h"

#include <gtest/gtest.h>
#include <signal.h>

namespace ctr {
namespace {

TEST(Signals, NamesNumbersAndRealTime) {
  const std::vector<std::pair<const char*, int>> cases{
      {"KILL", SIGKILL},  {"SIGKILL", SIGKILL}, {"sigkill", SIGKILL},
      {"Term", SIGTERM},  {"CLD", SIGCHLD},     {"IOT", SIGABRT},
      {"POLL", SIGIO},    {"SIGSYS", SIGSYS},   {"0", 0},
      {"9", 9},           {"64", 64},           {"009", 9},
      {"RTMIN", 34},      {"SIGRTMIN", 34},     {"RTMIN+0", 34},
      {"sigrtmin+3", 37}, {"RTMIN+30", 64},     {"RTMAX", 64},
      {"RTMAX-0", 64},    {"SIGRTMAX-14", 50},  {"SIGRTMAX-30", 34},
  };
  for (const auto& [text, number] : cases) {
    const Result<int> signal = parse_signal(text);
    ASSERT_TRUE(signal.ok()) << text;
    EXPECT_EQ(*signal, number) << text;
  }
}

TEST(Signals, RefusesEverythingElse) {
  for (const char* text : {"",          " ",
                           "SIG",       "SIGSIGKILL",
                           "KILL ",     " 9",
                           "65",        "-1",
                           "+9",        "0x9",
                           "9x",        "KIL",
                           "RTMIN+31",  "RTMIN-1",
                           "RTMAX+1",   "RTMAX-31",
                           "RTMIN+",    "RTMIN+-1",
                           "RTMIN+1+1", "KILL+1",
                           "RTMIN3",    "99999999999999999999"}) {
    const Result<int> signal = parse_signal(text);
    ASSERT_FALSE(signal.ok()) << text;
    EXPECT_EQ(signal.error().kind, Kind::InvalidSpec);
  }
  EXPECT_EQ(parse_signal("FOO\n").error().message, "unknown signal \"FOO\\n\"");
}

TEST(Signals, EveryNumberHasATextThatReadsBack) {
  for (int signal = 0; signal <= 64; ++signal) {
    const Result<int> back = parse_signal(signal_name(signal));
    ASSERT_TRUE(back.ok()) << signal_name(signal);
    EXPECT_EQ(*back, signal);
  }
  EXPECT_EQ(signal_name(SIGTERM), "SIGTERM");
  EXPECT_EQ(signal_name(SIGCHLD), "SIGCHLD");
  EXPECT_EQ(signal_name(37), "SIGRTMIN+3");
  EXPECT_EQ(signal_name(32), "32");
}

}  // namespace
}  // namespace ctr
