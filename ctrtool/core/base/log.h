// SPDX-License-Identifier: Apache-2.0
// Log records to a given descriptor: a line of text or JSON, or a datagram to syslog or the
// journal. Front ends own a Log and pass it down where something has to be said; core below them
// logs nothing above debug.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ctrtool/core/base/fd.h"

namespace ctr {

enum class LogLevel : std::uint8_t { Error, Warning, Debug };
enum class LogFormat : std::uint8_t { Text, Json, Syslog, Journal };

class Log {
 public:
  Log() = default;  // says nothing
  // `identifier` is what records to syslog and the journal are marked with.
  Log(UniqueFd to, LogFormat format, LogLevel threshold, std::string identifier = {})
      : to_(std::move(to)),
        format_(format),
        threshold_(threshold),
        identifier_(std::move(identifier)) {}

  BorrowedFd fd() const { return to_; }
  bool wants(LogLevel level) const { return to_.valid() && level <= threshold_; }
  void write(LogLevel level, std::string_view message) const;
  void error(std::string_view message) const { write(LogLevel::Error, message); }
  void warning(std::string_view message) const { write(LogLevel::Warning, message); }
  void debug(std::string_view message) const { write(LogLevel::Debug, message); }

 private:
  std::string record(LogLevel level, std::string_view message) const;

  UniqueFd to_;
  LogFormat format_ = LogFormat::Text;
  LogLevel threshold_ = LogLevel::Error;
  std::string identifier_;
};

// A message as one line: control characters are escaped, what it has in quotes stays as it is.
std::string one_line(std::string_view message);

// One record of Text or Json, without its newline. JSON: {"msg":…,"level":…,"time":RFC 3339 in
// UTC}.
std::string format_record(LogFormat format, LogLevel level, std::string_view message,
                          std::string_view time);

// "<PRI>ID: message", facility user. Without a time: the daemon puts its own.
std::string syslog_record(LogLevel level, std::string_view identifier, std::string_view message);
// The fields PRIORITY, MESSAGE and ID as systemd's native journal protocol wants them.
std::string journal_record(LogLevel level, std::string_view identifier, std::string_view message);

// Now, as "2026-01-02T03:04:05.678901Z".
std::string rfc3339_now();

// The text as a JSON string, quotes included. Invalid UTF-8 becomes U+FFFD; '/' is not escaped.
std::string json_quote(std::string_view text);

}  // namespace ctr
