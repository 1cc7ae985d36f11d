// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/base/strf.h"

#include <cstdio>

namespace ctr {

std::string vstrf(const char* format, va_list args) {
  char small[256];
  va_list again;
  va_copy(again, args);
  const int length = std::vsnprintf(small, sizeof small, format, args);
  std::string text;
  if (length >= 0 && static_cast<std::size_t>(length) < sizeof small) {
    text.assign(small, static_cast<std::size_t>(length));
  } else if (length >= 0) {
    text.resize(static_cast<std::size_t>(length));
    std::vsnprintf(text.data(), text.size() + 1, format, again);
  }
  va_end(again);
  return text;
}

std::string strf(const char* format, ...) {
  va_list args;
  va_start(args, format);
  std::string text = vstrf(format, args);
  va_end(args);
  return text;
}

namespace {

bool is_plain(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x20 && byte != 0x7f && c != '\\' && c != '"';
}

std::string escape_one(char c) {
  if (c == '\n') return "\\n";
  if (c == '\t') return "\\t";
  if (c == '\\' || c == '"') return std::string("\\") + c;
  return strf("\\x%02x", static_cast<unsigned char>(c));
}

}  // namespace

std::string escape(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size() && is_plain(text[i])) ++i;
  if (i == text.size()) return std::string(text);
  std::string out;
  std::size_t taken = 0;
  for (; i < text.size(); ++i) {
    if (is_plain(text[i])) continue;
    out += text.substr(taken, i - taken);
    out += escape_one(text[i]);
    taken = i + 1;
  }
  out += text.substr(taken);
  return out;
}

std::string quote(std::string_view text) { return '"' + escape(text) + '"'; }

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> items;
  if (text.empty()) return items;
  std::size_t from = 0;
  while (true) {
    const std::size_t to = text.find(separator, from);
    if (to == std::string_view::npos) break;
    items.push_back(text.substr(from, to - from));
    from = to + 1;
  }
  items.push_back(text.substr(from));
  return items;
}

std::string join(const std::vector<std::string>& items, std::string_view separator) {
  std::string out;
  for (const std::string& item : items) {
    if (!out.empty() || &item != &items.front()) out += separator;
    out += item;
  }
  return out;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const std::size_t from = text.find_first_not_of(kBlank);
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(kBlank) - from + 1);
}

}  // namespace ctr
