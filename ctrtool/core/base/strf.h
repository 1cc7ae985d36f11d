// SPDX-License-Identifier: Apache-2.0
// Formatting and quoting for messages; small string helpers that every room needs.
#pragma once

#include <concepts>
#include <cstdarg>
#include <string>
#include <string_view>
#include <vector>

namespace ctr {

std::string strf(const char* format, ...) __attribute__((format(printf, 1, 2)));
std::string vstrf(const char* format, va_list args) __attribute__((format(printf, 1, 0)));

// In double quotes, control characters, quotes and backslashes escaped: hostile text stays one
// line.
std::string quote(std::string_view text);

// The same escapes without the quotes, for text that goes into a log line or a plan.
std::string escape(std::string_view text);

// "a,b,,c" at ',' → {"a","b","","c"}; an empty text gives no items.
std::vector<std::string_view> split(std::string_view text, char separator);
// The parts of a temporary would outlive it.
std::vector<std::string_view> split(std::same_as<std::string> auto&& text, char separator) = delete;
std::string join(const std::vector<std::string>& items, std::string_view separator);

std::string_view trim(std::string_view text);

}  // namespace ctr
