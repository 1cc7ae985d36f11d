// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/cmd/syslog_line.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

#include "ctrtool/core/base/log.h"
#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"

namespace ctr {
namespace {

constexpr int kMaxPriority = 191;  // local7.debug
constexpr std::size_t kStampSize = 16;

constexpr auto kSeverities = std::to_array<std::string_view>(
    {"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"});
constexpr auto kFacilities = std::to_array<std::string_view>(
    {"kern",   "user",   "mail",     "daemon", "auth",   "syslog", "lpr",    "news",
     "uucp",   "cron",   "authpriv", "ftp",    "ntp",    "audit",  "alert",  "clock",
     "local0", "local1", "local2",   "local3", "local4", "local5", "local6", "local7"});

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// "<13>" in front; nothing is taken when the number is not a priority.
std::optional<int> take_priority(std::string_view& text) {
  const std::size_t close = text.substr(0, 5).find('>');
  if (!text.starts_with('<') || close == std::string_view::npos) return std::nullopt;
  const Result<std::uint64_t> number = parse_u64(text.substr(1, close - 1), kMaxPriority);
  if (!number.ok()) return std::nullopt;
  text.remove_prefix(close + 1);
  return static_cast<int>(*number);
}

// "Mmm DD HH:MM:SS ", as the C library's syslog(3) writes it.
bool has_old_stamp(std::string_view text) {
  constexpr std::string_view kShape = "Aaa bd dd:dd:dd ";
  static_assert(kShape.size() == kStampSize);
  if (text.size() < kStampSize) return false;
  for (std::size_t i = 0; i < kStampSize; ++i) {
    const char c = text[i];
    const bool digit = is_digit(c);
    switch (kShape[i]) {
      case 'A':
        if (c < 'A' || c > 'Z') return false;
        break;
      case 'a':
        if (c < 'a' || c > 'z') return false;
        break;
      case 'b':
        if (!digit && c != ' ') return false;
        break;
      case 'd':
        if (!digit) return false;
        break;
      default:
        if (c != kShape[i]) return false;
    }
  }
  return true;
}

std::string_view take_word(std::string_view& text) {
  const std::size_t end = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word == "-" ? std::string_view() : word;
}

// "-" or "[id key="value"]...": where it ends; npos: never.
std::size_t structured_end(std::string_view text) {
  if (text.starts_with('-')) return 1;
  std::size_t at = 0;
  while (at < text.size() && text[at] == '[') {
    bool quoted = false;
    for (++at; at < text.size() && (quoted || text[at] != ']'); ++at) {
      if (text[at] == '\\')
        ++at;
      else if (text[at] == '"')
        quoted = !quoted;
    }
    if (at >= text.size()) return std::string_view::npos;
    ++at;
  }
  return at == 0 ? std::string_view::npos : at;
}

// VERSION TIMESTAMP HOST APP PROCID MSGID DATA [TEXT], RFC 5424 section 6.
bool take_new_form(std::string_view text, LogMessage& message) {
  constexpr std::string_view kVersion = "1 ";
  if (!text.starts_with(kVersion) || std::ranges::count(text, ' ') < 6) return false;
  text.remove_prefix(kVersion.size());
  LogMessage found{.priority = message.priority};
  for (std::string* part : {&found.stamp, &found.host, &found.program, &found.process, &found.id})
    *part = take_word(text);
  const std::size_t end = structured_end(text);
  if (end == std::string_view::npos) return false;
  if (text.front() == '[') found.data = text.substr(0, end);
  text.remove_prefix(end);
  if (text.starts_with(' ')) text.remove_prefix(1);
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);  // the BOM that section 6.4 wants
  found.text = text;
  message = std::move(found);
  return true;
}

std::string level_text(const LogMessage& message, const LogStyle& style) {
  if (!style.decoded) return std::to_string(message.priority);
  return facility_name(message.priority) + "." + severity_name(message.priority);
}

std::string sender_text(const std::optional<LogSender>& sender) {
  if (!sender.has_value()) return "-,-,-";
  return strf("%d,%u,%u", sender->pid, sender->uid, sender->gid);
}

std::string zone_text(const tm& parts) {
  const long minutes = parts.tm_gmtoff / 60;
  return strf("%+03ld:%02ld", minutes / 60, (minutes < 0 ? -minutes : minutes) % 60);
}

std::string time_text(const timespec& time, bool local) {
  tm parts{};
  if (local) {
    ::localtime_r(&time.tv_sec, &parts);
  } else {
    ::gmtime_r(&time.tv_sec, &parts);
  }
  return strf("%04d-%02d-%02dT%02d:%02d:%02d.%09ld%s", parts.tm_year + 1900, parts.tm_mon + 1,
              parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, time.tv_nsec,
              local ? zone_text(parts).c_str() : "Z");
}

std::string json_line(const LogMessage& message, const std::optional<LogSender>& sender,
                      const std::string& time, std::string_view name) {
  std::string line = "{\"time\":" + json_quote(time);
  if (sender.has_value())
    line += strf(",\"pid\":%d,\"uid\":%u,\"gid\":%u", sender->pid, sender->uid, sender->gid);
  line += strf(",\"priority\":%d,\"facility\":", message.priority);
  line += json_quote(facility_name(message.priority)) + ",\"severity\":";
  line += json_quote(severity_name(message.priority));
  const std::pair<const char*, std::string_view> fields[] = {
      {"container", name},          {"sent", message.stamp},      {"host", message.host},
      {"program", message.program}, {"process", message.process}, {"id", message.id},
      {"data", message.data}};
  for (const auto& [key, value] : fields)
    if (!value.empty()) line += strf(",\"%s\":", key) + json_quote(value);
  return line + ",\"text\":" + json_quote(message.text) + "}\n";
}

// The words of RFC 5424, for people: "program[process]: text".
std::string whole_text(const LogMessage& message) {
  std::string text = message.program;
  if (!message.process.empty()) text += "[" + message.process + "]";
  if (!text.empty()) text += ": ";
  if (!message.data.empty()) text += message.data + " ";
  return text + message.text;
}

}  // namespace

LogMessage parse_log_message(std::string_view message) {
  LogMessage found;
  while (message.ends_with('\n') || message.ends_with('\0')) message.remove_suffix(1);
  const std::optional<int> priority = take_priority(message);
  found.priority = priority.value_or(found.priority);
  if (priority.has_value() && take_new_form(message, found)) return found;
  if (has_old_stamp(message)) {
    found.stamp = message.substr(0, kStampSize - 1);
    message.remove_prefix(kStampSize);
  }
  found.text = message;
  return found;
}

std::string escape_log_text(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool digit_follows = i + 1 < text.size() && is_digit(text[i + 1]);
    if (byte == '\\')
      out += "\\\\";
    else if (byte >= 127 || (byte < ' ' && digit_follows))
      out += strf("\\%03o", byte);
    else if (byte < ' ')
      out += strf("\\%o", byte);
    else
      out += text[i];
  }
  return out;
}

std::string facility_name(int priority) {
  return std::string(kFacilities.at(static_cast<std::size_t>(priority) / 8));
}

std::string severity_name(int priority) {
  return std::string(kSeverities.at(static_cast<std::size_t>(priority) % 8));
}

Result<int> parse_severity(std::string_view text) {
  const auto found = std::ranges::find(kSeverities, text);
  if (found != kSeverities.end()) return static_cast<int>(found - kSeverities.begin());
  const std::uint64_t number = TRY(parse_u64(text, kSeverities.size() - 1));
  return static_cast<int>(number);
}

Result<UidRange> parse_uid_range(std::string_view text) {
  const std::size_t equals = text.find('=');
  const std::size_t dash = text.find('-', equals == std::string_view::npos ? 0 : equals);
  if (equals == 0 || equals == std::string_view::npos || dash == std::string_view::npos)
    return make_error(Kind::InvalidSpec, "%s is not NAME=FIRST-LAST", quote(text).c_str());
  const uid_t first = TRY(parse_id(text.substr(equals + 1, dash - equals - 1)));
  const uid_t last = TRY(parse_id(text.substr(dash + 1)));
  if (last < first)
    return make_error(Kind::InvalidSpec, "%s: the range is empty", quote(text).c_str());
  return UidRange{std::string(text.substr(0, equals)), first, last};
}

std::string_view find_uid_range(std::span<const UidRange> ranges, uid_t uid) {
  for (const UidRange& range : ranges)
    if (uid >= range.first && uid <= range.last) return range.name;
  return {};
}

std::string format_log_line(const LogMessage& message, const std::optional<LogSender>& sender,
                            const timespec& time, std::string_view name, const LogStyle& style) {
  const std::string when = time_text(time, style.local_time);
  if (style.form == LogForm::Json) return json_line(message, sender, when, name);
  std::string line = when + " " + sender_text(sender) + " ";
  if (style.named) line += (name.empty() ? "-" : escape_log_text(name)) + " ";
  line += level_text(message, style) + " ";
  if (style.sender_stamp) line += (message.stamp.empty() ? "-" : quote(message.stamp)) + " ";
  return line + escape_log_text(whole_text(message)) + "\n";
}

}  // namespace ctr
