// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/cmd/syslog_line.h"

#include <gtest/gtest.h>

namespace ctr {
namespace {

TEST(SyslogLine, TakesPrioritiesOfOneToThreeDigits) {
  EXPECT_EQ(parse_log_message("<191>x").priority, 191);
  EXPECT_EQ(parse_log_message("<13>x").text, "x");
  EXPECT_EQ(parse_log_message("<1>").priority, 1);
}

TEST(SyslogLine, WhatIsNoPriorityIsText) {
  for (const char* text : {"<192>x", "<-3>x", "<5a>x", "<>x", "<1234>x", "<1", "plain"}) {
    EXPECT_EQ(parse_log_message(text).priority, 6) << text;
    EXPECT_EQ(parse_log_message(text).text, text);
  }
}

TEST(SyslogLine, SendersStampIsCutOff) {
  const LogMessage message = parse_log_message("<13>Jan  2 03:04:05 tag: hello\n");
  EXPECT_EQ(message.stamp, "Jan  2 03:04:05");
  EXPECT_EQ(message.text, "tag: hello");
  EXPECT_EQ(parse_log_message("Jan 22 03:04:0x tag").text, "Jan 22 03:04:0x tag");
}

TEST(SyslogLine, ReadsRfc5424) {
  const LogMessage message = parse_log_message(
      "<165>1 2003-10-11T22:14:15.003Z host app 77 - [a@1 k=\"v]\\\"\"] \xef\xbb\xbftext");
  EXPECT_EQ(message.stamp, "2003-10-11T22:14:15.003Z");
  EXPECT_EQ(message.program, "app");
  EXPECT_EQ(message.id, "");
  EXPECT_EQ(message.data, "[a@1 k=\"v]\\\"\"]");
  EXPECT_EQ(message.text, "text");
  // Structured data without an end: the whole is text.
  EXPECT_EQ(parse_log_message("<1>1 - - - - - [x").text, "1 - - - - - [x");
}

TEST(SyslogLine, EscapesAllButPrintableAscii) {
  EXPECT_EQ(escape_log_text(std::string_view("x\\y\0\x01\x01"
                                             "5\x1b[0m\xc3\xa9",
                                             13)),
            "x\\\\y\\0\\1\\0015\\33[0m\\303\\251");
  EXPECT_EQ(escape_log_text("a\nb"), "a\\12b");
}

TEST(SyslogLine, SaysWhoAndWhen) {
  const LogMessage message{.priority = 190, .text = "t"};
  const timespec time{0, 7};
  EXPECT_EQ(format_log_line(message, LogSender{1, 2, 3}, time, "", {}),
            "1970-01-01T00:00:00.000000007Z 1,2,3 190 t\n");
  EXPECT_EQ(format_log_line(message, std::nullopt, time, "", {.decoded = true, .named = true}),
            "1970-01-01T00:00:00.000000007Z -,-,- - local7.info t\n");
}

TEST(SyslogLine, NamesRangesOfUsers) {
  const Result<UidRange> range = parse_uid_range("web=100000-165535");
  ASSERT_TRUE(range.ok());
  EXPECT_EQ(find_uid_range({&*range, 1}, 165535), "web");
  EXPECT_EQ(find_uid_range({&*range, 1}, 165536), "");
  for (const char* bad : {"web", "web=5", "=1-2", "web=2-1", "web=1-x"})
    EXPECT_FALSE(parse_uid_range(bad).ok()) << bad;
}

}  // namespace
}  // namespace ctr
