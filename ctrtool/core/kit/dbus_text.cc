// SPDX-License-Identifier: Apache-2.0
// D-Bus values as text. What engines put into annotations comes from container images and users: it
// is hostile, and bounded in length and depth.
#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <optional>
#include <utility>

#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/dbus_value.h"

namespace ctr {
namespace {

constexpr std::size_t kMaxText = 64 * 1024;
constexpr unsigned kMaxDepth = 16;
constexpr std::size_t kMaxSignature = 255;  // its length is one byte on the wire

struct TypeWord {
  std::string_view word;
  char type;
};
constexpr TypeWord kTypeWords[] = {
    {"boolean", 'b'}, {"byte", 'y'},       {"int16", 'n'},     {"uint16", 'q'}, {"int32", 'i'},
    {"uint32", 'u'},  {"handle", 'h'},     {"int64", 'x'},     {"uint64", 't'}, {"double", 'd'},
    {"string", 's'},  {"objectpath", 'o'}, {"signature", 'g'},
};

constexpr const char* word_of(char type) {
  for (const TypeWord& entry : kTypeWords)
    if (entry.type == type) return entry.word.data();
  return "";
}

struct Range {
  std::int64_t min;
  std::uint64_t max;
};
constexpr Range range_of(char type) {
  using Limit64 = std::numeric_limits<std::int64_t>;
  switch (type) {
    case 'y':
      return {0, 0xff};
    case 'n':
      return {-0x8000, 0x7fff};
    case 'q':
      return {0, 0xffff};
    case 'u':
      return {0, 0xffffffff};
    case 'x':
      return {Limit64::min(), Limit64::max()};
    case 't':
      return {0, std::numeric_limits<std::uint64_t>::max()};
    default:  // i h
      return {-0x80000000LL, 0x7fffffff};
  }
}

bool is_word_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '+' || c == '-' || c == '.';
}

bool is_object_path(std::string_view path) {
  if (path == "/") return true;
  if (!path.starts_with('/') || path.ends_with('/')) return false;
  char before = 0;
  for (const char c : path) {
    if (c == '/' ? before == '/' : !is_word_character(c) || c == '+' || c == '-' || c == '.')
      return false;
    before = c;
  }
  return true;
}

// By recursive descent. `wanted` is the type the context asks for; empty: what the text says.
class TextParser {
 public:
  explicit TextParser(std::string_view text) : text_(text) {}

  Result<DbusValue> parse_all() {
    DbusValue value = TRY(parse("", 0));
    skip_blanks();
    if (at_ != text_.size()) return wrong("something follows the value");
    if (value.type.size() > kMaxSignature) return wrong("its type is too long");
    return value;
  }

 private:
  Error wrong(const char* why) const {
    return make_error(Kind::InvalidSpec, "%s: %s (character %zu)",
                      quote(text_.substr(0, 100)).c_str(), why, at_ + 1);
  }
  void skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n'))
      ++at_;
  }
  char next() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char c) {
    skip_blanks();
    if (next() != c) return false;
    ++at_;
    return true;
  }

  Result<DbusValue> parse(const std::string& wanted, unsigned depth) {
    if (depth > kMaxDepth) return wrong("too deep");
    skip_blanks();
    switch (next()) {
      case '@':
        return parse_typed(wanted, depth);
      case '\'':
      case '"':
        return parse_string(wanted);
      case '[':
        return parse_array(wanted, depth);
      case '(':
        return parse_structure(wanted, depth);
      case '<':
        return parse_variant(wanted, depth);
      default:
        return parse_word(wanted, depth);
    }
  }

  Result<DbusValue> parse_typed(const std::string& wanted, unsigned depth) {
    ++at_;
    const std::size_t length = dbus_type_length(text_.substr(at_));
    const std::string type(text_.substr(at_, length));
    if (length == 0 || type.find('{') != std::string::npos) return wrong("not a type");
    if (!wanted.empty() && wanted != type) return wrong("another type is expected here");
    at_ += length;
    return parse(type, depth + 1);
  }

  Result<DbusValue> parse_string(const std::string& wanted) {
    const char end = text_[at_++];
    DbusValue value{wanted.empty() ? "s" : wanted, 0, {}, {}};
    while (at_ < text_.size() && text_[at_] != end) {
      if (text_[at_] != '\\') {
        if (text_[at_] == '\0') return wrong("a NUL in a string");
        value.text += text_[at_++];
        continue;
      }
      const char c = TRY(parse_escape());
      value.text += c;
    }
    if (!take(end)) return wrong("the string has no end");
    if (value.type == "s") return value;
    if (value.type == "o" && is_object_path(value.text)) return value;
    if (value.type == "g" && is_signature(value.text)) return value;
    return wrong(value.type == "o"   ? "not an object path"
                 : value.type == "g" ? "not a signature"
                                     : "no string is expected here");
  }

  static bool is_signature(std::string_view text) {
    if (text.size() > kMaxSignature) return false;
    while (!text.empty()) {
      const std::size_t length = dbus_type_length(text);
      if (length == 0) return false;
      text.remove_prefix(length);
    }
    return true;
  }

  Result<char> parse_escape() {
    constexpr std::string_view kLetters = "abfnrtv\\'\"";
    constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v\\'\"";
    ++at_;
    const std::size_t found = kLetters.find(next());
    if (next() == '\0' || found == std::string_view::npos) return wrong("an unknown escape");
    ++at_;
    return kMeanings[found];
  }

  // A comma between two; after the last, `end`.
  Result<bool> more(char end) {
    if (take(end)) return false;
    if (!take(',')) return wrong("a comma is missing");
    return true;
  }

  Result<DbusValue> parse_array(const std::string& wanted, unsigned depth) {
    ++at_;
    if (!wanted.empty() && wanted.front() != 'a') return wrong("no array is expected here");
    std::string element_type = wanted.empty() ? "" : wanted.substr(1);
    std::vector<DbusValue> elements;
    skip_blanks();
    bool another = !take(']');
    while (another) {
      DbusValue element = TRY(parse(element_type, depth + 1));
      element_type = element.type;
      elements.push_back(std::move(element));
      another = TRY(more(']'));
    }
    if (element_type.empty()) return wrong("an empty array needs its type, as in @as []");
    return DbusValue::array(element_type, std::move(elements));
  }

  Result<DbusValue> parse_structure(const std::string& wanted, unsigned depth) {
    ++at_;
    if (!wanted.empty() && wanted.front() != '(') return wrong("no structure is expected here");
    std::string_view types(wanted);
    if (!types.empty()) types = types.substr(1, types.size() - 2);
    std::vector<DbusValue> parts;
    for (bool another = true; another;) {
      const std::size_t length = dbus_type_length(types);
      if (!wanted.empty() && length == 0) return wrong("too many members");
      DbusValue part = TRY(parse(std::string(types.substr(0, length)), depth + 1));
      types.remove_prefix(length);
      parts.push_back(std::move(part));
      another = TRY(more(')'));
      // "(1,)" is a structure of one.
      if (another && parts.size() == 1 && take(')')) another = false;
    }
    if (!types.empty()) return wrong("too few members");
    return DbusValue::structure(std::move(parts));
  }

  Result<DbusValue> parse_variant(const std::string& wanted, unsigned depth) {
    ++at_;
    if (!wanted.empty() && wanted != "v") return wrong("no variant is expected here");
    DbusValue inner = TRY(parse("", depth + 1));
    if (!take('>')) return wrong("the variant has no end");
    if (inner.type.size() > kMaxSignature) return wrong("its type is too long");
    return DbusValue::variant(std::move(inner));
  }

  Result<DbusValue> parse_word(const std::string& wanted, unsigned depth) {
    const std::size_t begin = at_;
    while (is_word_character(next())) ++at_;
    const std::string_view word = text_.substr(begin, at_ - begin);
    if (word.empty()) return wrong("a value is expected");
    if (word == "true" || word == "false") {
      if (!wanted.empty() && wanted != "b") return wrong("no boolean is expected here");
      return DbusValue::boolean(word == "true");
    }
    for (const TypeWord& entry : kTypeWords) {
      if (entry.word != word) continue;
      if (!wanted.empty() && wanted != std::string_view(&entry.type, 1))
        return wrong("another type is expected here");
      return parse(std::string(1, entry.type), depth + 1);
    }
    return parse_number_word(word, wanted);
  }

  Result<DbusValue> parse_number_word(std::string_view word, const std::string& wanted) {
    const bool hexadecimal = word.find_first_of("xX") != std::string_view::npos;
    const bool fraction = !hexadecimal && word.find_first_of(".eE") != std::string_view::npos;
    const std::string type = wanted.empty() ? (fraction ? "d" : "i") : wanted;
    if (type == "d") return parse_double(word);
    if (type.size() != 1 || std::string_view("ynqiuxth").find(type) == std::string_view::npos)
      return wrong("no number is expected here");
    const Range range = range_of(type.front());
    if (word.starts_with('+')) word.remove_prefix(1);
    if (word.starts_with('-')) {
      const Result<std::int64_t> number = parse_i64(word, range.min, 0, 0);
      if (!number.ok()) return wrong("not a number of its type");
      return DbusValue{type, static_cast<std::uint64_t>(*number), {}, {}};
    }
    const Result<std::uint64_t> number = parse_u64(word, range.max, 0);
    if (!number.ok()) return wrong("not a number of its type");
    return DbusValue{type, *number, {}, {}};
  }

  Result<DbusValue> parse_double(std::string_view word) {
    const std::string text(word);
    char* end = nullptr;
    const double number = std::strtod(text.c_str(), &end);
    if (end != text.c_str() + text.size() || !std::isfinite(number)) return wrong("not a number");
    return DbusValue{"d", std::bit_cast<std::uint64_t>(number), {}, {}};
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

std::string number_text(const DbusValue& value) {
  const char type = value.type.front();
  if (type == 'b') return value.number != 0 ? "true" : "false";
  if (type == 'd') {
    const std::string text = strf("%.17g", std::bit_cast<double>(value.number));
    return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
  }
  const bool is_signed = type == 'i' || type == 'n' || type == 'x' || type == 'h';
  if (is_signed) return strf("%lld", static_cast<long long>(value.number));
  return strf("%llu", static_cast<unsigned long long>(value.number));
}

// Inside an array the type is said once, before the first element.
std::string value_text(const DbusValue& value, bool typed);

std::string parts_text(const DbusValue& value, bool typed) {
  std::string out;
  for (std::size_t i = 0; i < value.parts.size(); ++i)
    out += (i == 0 ? "" : ", ") +
           value_text(value.parts[i], typed && (i == 0 || value.type[0] != 'a'));
  return out;
}

std::string value_text(const DbusValue& value, bool typed) {
  const char type = value.type.front();
  switch (type) {
    case 's':
      return quote(value.text);
    case 'o':
    case 'g':
      return (typed ? std::string(word_of(type)) + " " : "") + quote(value.text);
    case 'a':
      if (value.parts.empty()) return (typed ? "@" + value.type + " " : "") + "[]";
      return "[" + parts_text(value, typed) + "]";
    case '(':
      return "(" + parts_text(value, typed) + (value.parts.size() == 1 ? ",)" : ")");
    case 'v':
      return "<" + value_text(value.parts.front(), true) + ">";
    default:
      return (typed && type != 'i' && type != 'b' && type != 'd' ? std::string(word_of(type)) + " "
                                                                 : "") +
             number_text(value);
  }
}

}  // namespace

Result<DbusValue> parse_dbus_text(std::string_view text) {
  if (text.size() > kMaxText)
    return make_error(Kind::InvalidSpec, "%s...: too long", quote(text.substr(0, 50)).c_str());
  return TextParser(text).parse_all();
}

std::string dbus_text(const DbusValue& value) { return value_text(value, true); }

}  // namespace ctr
