// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/base/log.h"

#include <syslog.h>

#include <chrono>
#include <ctime>

#include "ctrtool/core/base/strf.h"

namespace ctr {
namespace {

const char* level_name(LogLevel level) {
  switch (level) {
    case LogLevel::Error:
      return "error";
    case LogLevel::Warning:
      return "warning";
    case LogLevel::Debug:
      return "debug";
  }
  return "error";
}

// The severity of syslog(3).
int severity(LogLevel level) {
  switch (level) {
    case LogLevel::Error:
      return LOG_ERR;
    case LogLevel::Warning:
      return LOG_WARNING;
    case LogLevel::Debug:
      return LOG_DEBUG;
  }
  return LOG_ERR;
}

// "NAME=value\n", but a value of several lines comes behind its length, 64 bits little-endian.
std::string journal_field(std::string_view name, std::string_view value) {
  std::string out(name);
  if (value.find('\n') == std::string_view::npos) {
    out += '=';
  } else {
    out += '\n';
    for (int shift = 0; shift < 64; shift += 8)
      out += static_cast<char>(static_cast<std::uint64_t>(value.size()) >> shift & 0xffU);
  }
  out += value;
  out += '\n';
  return out;
}

// How many bytes the UTF-8 sequence at the start of `text` has; 0 if it is not well-formed
// (Unicode 15, table 3-7).
std::size_t utf8_length(std::string_view text) {
  const auto at = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const auto tail = [&](std::size_t i) { return (at(i) & 0xc0U) == 0x80U; };
  const unsigned lead = at(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return tail(1) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    const unsigned low = lead == 0xe0 ? 0xa0 : 0x80;
    const unsigned high = lead == 0xed ? 0x9f : 0xbf;
    return at(1) >= low && at(1) <= high && tail(2) ? 3 : 0;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    const unsigned low = lead == 0xf0 ? 0x90 : 0x80;
    const unsigned high = lead == 0xf4 ? 0x8f : 0xbf;
    return at(1) >= low && at(1) <= high && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

std::string json_quote(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const auto byte = static_cast<unsigned char>(text.front());
    const std::size_t length = utf8_length(text);
    if (length == 0) {
      out += "\\ufffd";
    } else if (byte == '"' || byte == '\\') {
      out += '\\';
      out += text.front();
    } else if (byte == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += strf("\\u%04x", byte);
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out += '"';
  return out;
}

std::string rfc3339_now() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  // Not gmtime_r: it reads the host's time zone, which UTC does not need.
  using std::chrono::days;
  using std::chrono::sys_seconds;
  const sys_seconds seconds{std::chrono::seconds(now.tv_sec)};
  const auto midnight = std::chrono::floor<days>(seconds);
  const std::chrono::year_month_day date(midnight);
  const std::chrono::hh_mm_ss time(seconds - midnight);
  return strf("%04d-%02u-%02uT%02ld:%02ld:%02ld.%06ldZ", static_cast<int>(date.year()),
              static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
              static_cast<long>(time.hours().count()), static_cast<long>(time.minutes().count()),
              static_cast<long>(time.seconds().count()), now.tv_nsec / 1000);
}

std::string one_line(std::string_view message) {
  std::string out;
  for (const char c : message) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      out += escape({&c, 1});
    else
      out += c;
  }
  return out;
}

std::string format_record(LogFormat format, LogLevel level, std::string_view message,
                          std::string_view time) {
  if (format == LogFormat::Text) return strf("%s: ", level_name(level)) + one_line(message);
  return "{\"msg\":" + json_quote(message) + ",\"level\":\"" + level_name(level) +
         "\",\"time\":\"" + std::string(time) + "\"}";
}

std::string syslog_record(LogLevel level, std::string_view identifier, std::string_view message) {
  return strf("<%d>", LOG_USER | severity(level)) + escape(identifier) + ": " + one_line(message);
}

std::string journal_record(LogLevel level, std::string_view identifier, std::string_view message) {
  return journal_field("PRIORITY", strf("%d", severity(level))) +
         journal_field("MESSAGE", message) + journal_field("ID", identifier);
}

std::string Log::record(LogLevel level, std::string_view message) const {
  switch (format_) {
    case LogFormat::Syslog:
      return syslog_record(level, identifier_, message);
    case LogFormat::Journal:
      return journal_record(level, identifier_, message);
    case LogFormat::Text:
    case LogFormat::Json:
      break;
  }
  return format_record(format_, level, message, rfc3339_now()) + '\n';
}

void Log::write(LogLevel level, std::string_view message) const {
  if (!wants(level)) return;
  const std::string bytes = record(level, message);
  // A log that cannot be written must not change what the command does.
  [[maybe_unused]] const ssize_t written = ::write(to_.raw(), bytes.data(), bytes.size());
}

}  // namespace ctr
