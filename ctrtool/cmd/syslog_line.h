// SPDX-License-Identifier: Apache-2.0
// One message of a log socket: what its sender wrote (RFC 3164, RFC 5424), and the line we make of
// it. The sender is hostile: nothing it writes can make a second line or a terminal's escape.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <ctime>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ctrtool/core/base/result.h"

namespace ctr {

struct LogMessage {
  int priority = 6;        // facility * 8 + severity; 6: user.info's severity, as without any
  std::string stamp = {};  // the sender's own, of either form; empty: none
  // Of RFC 5424 only; empty: absent or "-".
  std::string host = {};
  std::string program = {};
  std::string process = {};
  std::string id = {};
  std::string data = {};
  std::string text = {};
};
// Never fails: what has no known form is text.
LogMessage parse_log_message(std::string_view message);

// Backslashes doubled, other bytes than printable ASCII in octal: \12, \303; three digits where the
// next byte is a digit.
std::string escape_log_text(std::string_view text);

std::string facility_name(int priority);  // "local0"
std::string severity_name(int priority);  // "info"
// "info" or "6".
Result<int> parse_severity(std::string_view text);

// Whose message it is, by the range its user ID is in. "NAME=FIRST-LAST".
struct UidRange {
  std::string name;
  uid_t first;
  uid_t last;
};
Result<UidRange> parse_uid_range(std::string_view text);
std::string_view find_uid_range(std::span<const UidRange> ranges, uid_t uid);

struct LogSender {
  pid_t pid = 0;
  uid_t uid = 0;
  gid_t gid = 0;
  bool operator==(const LogSender&) const = default;
};
enum class LogForm : std::uint8_t { Line, Json };
struct LogStyle {
  LogForm form = LogForm::Line;
  bool decoded = false;       // facility.severity instead of the number
  bool sender_stamp = false;  // the sender's own time, too
  bool named = false;         // the container's name, too
  bool local_time = false;    // not UTC
};
// With its newline. `time`: when it came. No sender, no name: "-".
std::string format_log_line(const LogMessage& message, const std::optional<LogSender>& sender,
                            const timespec& time, std::string_view name, const LogStyle& style);

}  // namespace ctr
