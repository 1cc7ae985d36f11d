// SPDX-License-Identifier: Apache-2.0
#include "runtime/spec/reader.h"

#include <algorithm>

#include "ctrtool/core/base/strf.h"

namespace oci {
namespace {

constexpr std::size_t kMaxShown = 64;

// Enough of a hostile string to recognize it.
std::string shown(std::string_view text) {
  return text.size() <= kMaxShown ? ctr::quote(text)
                                  : ctr::quote(text.substr(0, kMaxShown)) + " and more";
}

void not_an_integer(Reader& in, json::Value value) {
  if (in.expect(value, json::Type::Number)) {
    in.error("expected an integer, got a fraction, an exponent or too many digits");
  }
}

}  // namespace

Pointer Reader::pointer_to(const Step* step) {
  if (step == nullptr) return {};
  const Pointer outer = pointer_to(step->outer_);
  return step->is_index_ ? outer.at(step->index_) : outer.at(step->key_);
}

bool Reader::expect(json::Value value, json::Type type) {
  if (value.type() == type) return true;
  const std::string_view want = type == json::Type::Number ? "an integer" : json::describe(type);
  error("expected " + std::string(want) + ", got " + std::string(json::describe(value.type())));
  return false;
}

void read(Reader& in, json::Value value, std::string& out) {
  const auto text = value.as_string();
  if (text) {
    out = *text;
  } else {
    in.expect(value, json::Type::String);
  }
}

void read(Reader& in, json::Value value, bool& out) {
  if (in.expect(value, json::Type::Bool)) out = value.as_bool().value_or(false);
}

std::int64_t read_signed(Reader& in, json::Value value, std::int64_t min, std::int64_t max) {
  const auto number = value.as_int64();
  if (number && *number >= min && *number <= max) return *number;
  if (number || value.as_uint64()) {
    in.error(ctr::strf("must be between %jd and %jd", static_cast<std::intmax_t>(min),
                       static_cast<std::intmax_t>(max)));
  } else {
    not_an_integer(in, value);
  }
  return 0;
}

std::uint64_t read_unsigned(Reader& in, json::Value value, std::uint64_t max) {
  const auto number = value.as_uint64();
  if (number && *number <= max) return *number;
  if (number || value.as_int64()) {
    in.error(ctr::strf("must be between 0 and %ju", static_cast<std::uintmax_t>(max)));
  } else {
    not_an_integer(in, value);
  }
  return 0;
}

std::size_t read_word(Reader& in, json::Value value, std::span<const std::string_view> words) {
  if (!in.expect(value, json::Type::String)) return 0;
  const std::string_view text = *value.as_string();
  const auto found = std::find(words.begin(), words.end(), text);
  if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  std::string all;
  for (const std::string_view word : words) (all += all.empty() ? "" : ", ") += word;
  in.error(shown(text) + " is not one of " + all);
  return 0;
}

}  // namespace oci
