// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/base/log.h"

#include <gtest/gtest.h>

namespace ctr {
namespace {

TEST(Log, SyslogHasThePriorityOfTheUserFacility) {
  EXPECT_EQ(syslog_record(LogLevel::Error, "pod", "no such file"), "<11>pod: no such file");
  EXPECT_EQ(syslog_record(LogLevel::Warning, "pod", "x"), "<12>pod: x");
  EXPECT_EQ(syslog_record(LogLevel::Debug, "pod", "x"), "<15>pod: x");
}

TEST(Log, SyslogRecordsAreOneLine) {
  EXPECT_EQ(syslog_record(LogLevel::Error, "a\nb", "c\nd"), "<11>a\\nb: c\\nd");
}

TEST(Log, TextRecordsAreOneLineAndKeepQuotes) {
  EXPECT_EQ(format_record(LogFormat::Text, LogLevel::Error, "open \"a\\\"b\": no\nsuch\x7f", ""),
            "error: open \"a\\\"b\": no\\nsuch\\x7f");
}

TEST(Log, JournalRecordsAreFields) {
  EXPECT_EQ(journal_record(LogLevel::Warning, "pod", "a=b"), "PRIORITY=4\nMESSAGE=a=b\nID=pod\n");
}

TEST(Log, JournalValuesOfSeveralLinesComeBehindTheirLength) {
  const std::string length("\x03\0\0\0\0\0\0\0", 8);
  EXPECT_EQ(journal_record(LogLevel::Error, "pod", "a\nb"),
            "PRIORITY=3\nMESSAGE\n" + length + "a\nb\nID=pod\n");
  const std::string long_length("\x01\x01\0\0\0\0\0\0", 8);
  const std::string text = '\n' + std::string(256, 'x');
  EXPECT_EQ(journal_record(LogLevel::Error, "pod", text),
            "PRIORITY=3\nMESSAGE\n" + long_length + text + "\nID=pod\n");
}

}  // namespace
}  // namespace ctr
