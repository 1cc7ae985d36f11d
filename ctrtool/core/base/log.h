// SPDX-License-Identifier: Apache-2.0
// Log records, one line each, text or JSON, to a given descriptor. Front ends own a Log and pass it
// down where something has to be said; core below them logs nothing above debug.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ctrtool/core/base/fd.h"

namespace ctr {

enum class LogLevel : std::uint8_t { Error, Warning, Debug };
enum class LogFormat : std::uint8_t { Text, Json };

class Log {
 public:
  Log() = default;  // says nothing
  Log(UniqueFd to, LogFormat format, LogLevel threshold)
      : to_(std::move(to)), format_(format), threshold_(threshold) {}

  BorrowedFd fd() const { return to_; }
  bool wants(LogLevel level) const { return to_.valid() && level <= threshold_; }
  void write(LogLevel level, std::string_view message) const;
  void error(std::string_view message) const { write(LogLevel::Error, message); }
  void warning(std::string_view message) const { write(LogLevel::Warning, message); }
  void debug(std::string_view message) const { write(LogLevel::Debug, message); }

 private:
  UniqueFd to_;
  LogFormat format_ = LogFormat::Text;
  LogLevel threshold_ = LogLevel::Error;
};

// One record without its newline. JSON: {"msg":…,"level":…,"time":RFC 3339 in UTC}.
std::string format_record(LogFormat format, LogLevel level, std::string_view message,
                          std::string_view time);

// Now, as "2026-01-02T03:04:05.678901Z".
std::string rfc3339_now();

// The text as a JSON string, quotes included. Invalid UTF-8 becomes U+FFFD; '/' is not escaped.
std::string json_quote(std::string_view text);

}  // namespace ctr
