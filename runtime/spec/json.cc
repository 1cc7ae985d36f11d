// SPDX-License-Identifier: Apache-2.0
#include "runtime/spec/json.h"

// Blanks and strings 16 bytes at a time; kPadding makes reading ahead safe.
#ifdef __SSE2__
#define RAPIDJSON_SSE2
#endif
#include <rapidjson/document.h>
#include <rapidjson/error/en.h>
#include <rapidjson/reader.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "ctrtool/core/base/strf.h"

namespace oci::json {
namespace {

// malloc(3), but for its failure: RapidJSON would go on with a null pointer.
class Allocator {
 public:
  static constexpr bool kNeedFree = true;
  void* Malloc(std::size_t size) { return size == 0 ? nullptr : checked(std::malloc(size)); }
  void* Realloc(void* before, std::size_t, std::size_t size) {
    if (size != 0) return checked(std::realloc(before, size));
    std::free(before);
    return nullptr;
  }
  static void Free(void* memory) { std::free(memory); }

 private:
  // As operator new.
  static void* checked(void* memory) {
    if (memory != nullptr) return memory;
    if (const std::new_handler handler = std::get_new_handler(); handler != nullptr) handler();
    throw std::bad_alloc();
  }
};

using Pool = rapidjson::MemoryPoolAllocator<Allocator>;
using RapidDocument = rapidjson::GenericDocument<rapidjson::UTF8<>, Pool, Allocator>;
using Reader = rapidjson::GenericReader<rapidjson::UTF8<>, rapidjson::UTF8<>, Allocator>;
using Node = RapidDocument::ValueType;
using MemberNode = Node::Member;

const Node& node(const void* pointer) { return *static_cast<const Node*>(pointer); }
const MemberNode& member(const void* pointer) { return *static_cast<const MemberNode*>(pointer); }

// RapidJSON's vector loads may look at 15 bytes behind the text.
static_assert(kPadding >= 15);

std::string_view text_of(const Node& string) {
  return {string.GetString(), string.GetStringLength()};
}

ctr::Error at_byte(std::size_t offset, const std::string& what) {
  return ctr::make_error(ctr::Kind::InvalidSpec, "byte %zu: %s", offset, what.c_str());
}

// --- before parsing: bytes and escapes that RapidJSON lets through -----------------------------

// Raw control characters are wrong inside strings and, but for these three, between them. RapidJSON
// misses some when it scans 16 bytes at a time.
constexpr bool is_forbidden(unsigned char byte) {
  return byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r';
}

constexpr std::size_t kBlock = 64;

// Nearly all input is plain ASCII. As signed numbers bytes from 0x80 are below 0x20 too.
bool is_plain_block(const char* block) {
  using Bytes [[gnu::vector_size(16)]] = signed char;
  using Words [[gnu::vector_size(16)]] = std::uint64_t;
  Bytes odd{};
  for (std::size_t at = 0; at < kBlock; at += sizeof odd) {
    Bytes bytes;
    std::memcpy(&bytes, block + at, sizeof bytes);
    odd |= (bytes < 0x20) & (bytes != '\t') & (bytes != '\n') & (bytes != '\r');
  }
  const auto words = reinterpret_cast<Words>(odd);
  return (words[0] | words[1]) == 0;
}

// The length of the UTF-8 sequence at the start, 0 if it is not well-formed (Unicode table 3-7).
std::size_t sequence_length(std::string_view text) {
  const auto at = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const auto tail = [&](std::size_t i) { return at(i) >= 0x80 && at(i) <= 0xbf; };
  const unsigned lead = at(0);
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4 || !tail(1)) return 0;
  if (lead < 0xe0) return 2;
  // The second byte's range shrinks where the sequence would be overlong, a surrogate or too high.
  if ((lead == 0xe0 && at(1) < 0xa0) || (lead == 0xed && at(1) > 0x9f)) return 0;
  if ((lead == 0xf0 && at(1) < 0x90) || (lead == 0xf4 && at(1) > 0x8f)) return 0;
  if (lead < 0xf0) return tail(2) ? 3 : 0;
  return tail(2) && tail(3) ? 4 : 0;
}

ctr::Result<void> check_bytes(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    // The last block begins in what was looked at before.
    const std::size_t block = std::min(at, text.size() - std::min(kBlock, text.size()));
    if (text.size() >= kBlock && is_plain_block(text.data() + block)) {
      at = block + kBlock;
      continue;
    }
    const std::size_t end = std::min(text.size(), at + kBlock);
    while (at < end) {
      if (is_forbidden(static_cast<unsigned char>(text[at])))
        return at_byte(at, "control character");
      const std::size_t length = sequence_length(text.substr(at));
      if (length == 0) return at_byte(at, "invalid UTF-8");
      at += length;
    }
  }
  return {};
}

// The four digits after "\u"; nothing if they are not there: RapidJSON reports that.
std::optional<unsigned> hex4(std::string_view digits) {
  if (digits.size() < 4) return std::nullopt;
  unsigned value = 0;
  for (const char c : digits.substr(0, 4)) {
    const char lower = static_cast<char>(c | 0x20);
    if (c >= '0' && c <= '9') {
      value = value * 16 + static_cast<unsigned>(c - '0');
    } else if (lower >= 'a' && lower <= 'f') {
      value = value * 16 + static_cast<unsigned>(lower - 'a') + 10;
    } else {
      return std::nullopt;
    }
  }
  return value;
}

// NUL would cut a C string short; a low surrogate without its high one is no character.
ctr::Result<void> check_escapes(std::string_view text) {
  constexpr std::size_t kUnicodeEscape = 6;
  std::size_t at = text.find('\\');
  while (at != std::string_view::npos) {
    std::size_t length = 2;
    if (text.substr(at + 1, 1) == "u") {
      const std::optional<unsigned> unit = hex4(text.substr(at + 2));
      if (unit == 0U) return at_byte(at, "\\u0000 in a string");
      if (unit >= 0xdc00U && unit <= 0xdfffU) return at_byte(at, "lone surrogate in a string");
      // RapidJSON checks that a high one is followed by a low one.
      length = unit >= 0xd800U && unit <= 0xdbffU ? 2 * kUnicodeEscape : kUnicodeEscape;
    }
    at = text.find('\\', at + length);
  }
  return {};
}

ctr::Result<void> check_text(std::string_view text) {
  if (text.size() > kMaxInput) {
    return ctr::make_error(ctr::Kind::InvalidSpec, "larger than %zu bytes", kMaxInput);
  }
  if (text.starts_with("\xef\xbb\xbf")) return at_byte(0, "byte order mark");
  TRY(check_bytes(text));
  return check_escapes(text);
}

// --- while parsing: depth ------------------------------------------------------------------------

// Hands every event on to the document being built, until it nests too deep.
class DepthGuard {
 public:
  using Ch = char;
  explicit DepthGuard(RapidDocument& next) : next_(next) {}
  bool too_deep() const { return depth_ > kMaxDepth; }

  bool Null() { return next_.Null(); }
  bool Bool(bool value) { return next_.Bool(value); }
  bool Int(int value) { return next_.Int(value); }
  bool Uint(unsigned value) { return next_.Uint(value); }
  bool Int64(std::int64_t value) { return next_.Int64(value); }
  bool Uint64(std::uint64_t value) { return next_.Uint64(value); }
  bool Double(double value) { return next_.Double(value); }
  bool RawNumber(const char* text, rapidjson::SizeType length, bool copy) {
    return next_.RawNumber(text, length, copy);
  }
  bool String(const char* text, rapidjson::SizeType length, bool copy) {
    return next_.String(text, length, copy);
  }
  bool Key(const char* text, rapidjson::SizeType length, bool copy) {
    return next_.Key(text, length, copy);
  }
  bool StartObject() { return ++depth_ <= kMaxDepth && next_.StartObject(); }
  bool StartArray() { return ++depth_ <= kMaxDepth && next_.StartArray(); }
  bool EndObject(rapidjson::SizeType count) {
    --depth_;
    return next_.EndObject(count);
  }
  bool EndArray(rapidjson::SizeType count) {
    --depth_;
    return next_.EndArray(count);
  }

 private:
  RapidDocument& next_;
  unsigned depth_ = 0;
};

// Hands every token on to a visitor.
class Scanner {
 public:
  using Ch = char;
  explicit Scanner(Visitor& visitor) : visitor_(visitor) { path_.reserve(kUsualDepth); }
  bool too_deep() const { return path_.size() > kMaxDepth; }

  bool Null() { return visit({.type = Type::Null}); }
  bool Bool(bool value) { return visit({.type = Type::Bool, .flag = value}); }
  bool Int(int value) { return Int64(value); }
  bool Uint(unsigned value) { return Uint64(value); }
  bool Int64(std::int64_t value) {
    return value < 0 ? visit({.type = Type::Number}) : Uint64(static_cast<std::uint64_t>(value));
  }
  bool Uint64(std::uint64_t value) { return visit({.type = Type::Number, .number = value}); }
  bool Double(double) { return visit({.type = Type::Number}); }
  bool RawNumber(const char*, rapidjson::SizeType, bool) { return false; }  // not asked for
  bool String(const char* text, rapidjson::SizeType length, bool) {
    return visit({.type = Type::String, .text = {text, length}});
  }
  bool Key(const char* text, rapidjson::SizeType length, bool) {
    path_.back() = {text, length};
    return true;
  }
  bool StartObject() { return open(Type::Object); }
  bool StartArray() { return open(Type::Array); }
  bool EndObject(rapidjson::SizeType) { return close(); }
  bool EndArray(rapidjson::SizeType) { return close(); }

 private:
  static constexpr std::size_t kUsualDepth = 4;

  bool visit(const Token& token) {
    visitor_.visit(path_, token);
    return true;
  }
  bool open(Type type) {
    visit({.type = type});
    path_.emplace_back();
    return !too_deep();
  }
  bool close() {
    path_.pop_back();
    return true;
  }

  Visitor& visitor_;
  std::vector<std::string_view> path_;
};

// RapidJSON speaks in sentences, our messages continue a line.
std::string parse_error_text(rapidjson::ParseErrorCode code) {
  std::string text = rapidjson::GetParseError_En(code);
  if (text.ends_with('.')) text.pop_back();
  text.front() = static_cast<char>(text.front() | 0x20);
  return text;
}

// By recursion, which the handler bounds: quicker than with a stack of RapidJSON's own. `text` ends
// with kPadding.
template <typename Handler>
ctr::Result<void> parse_in_place(char* text, Handler& handler) {
  rapidjson::InsituStringStream stream(text);
  Reader reader;
  reader.Parse<rapidjson::kParseInsituFlag>(stream, handler);
  if (handler.too_deep()) {
    // The bracket that is one too many has been read.
    return at_byte(reader.GetErrorOffset() - 1, ctr::strf("nested deeper than %u", kMaxDepth));
  }
  if (reader.HasParseError()) {
    return at_byte(reader.GetErrorOffset(), parse_error_text(reader.GetParseErrorCode()));
  }
  return {};
}

// --- after parsing: duplicate keys -------------------------------------------------------------

constexpr std::size_t kFewMembers = 24;

// One of 64 bits. Equal keys have the same; most others another one, and need no comparison.
std::uint64_t mark_of(std::string_view key) {
  if (key.empty()) return 1;
  const auto first = static_cast<unsigned char>(key.front());
  const auto last = static_cast<unsigned char>(key.back());
  return std::uint64_t{1} << ((first + 3U * last + 7U * key.size()) % 64U);
}

// The later one of two equal keys, or nullptr. Keys lie in the text, so their addresses tell.
const char* find_duplicate_of_few(const Node& object) {
  std::uint64_t seen = 0;
  for (auto one = object.MemberBegin(); one != object.MemberEnd(); ++one) {
    const std::string_view key = text_of(one->name);
    const std::uint64_t mark = mark_of(key);
    const auto is_the_same = [key](const MemberNode& other) { return text_of(other.name) == key; };
    if ((seen & mark) != 0 && std::any_of(object.MemberBegin(), one, is_the_same)) {
      return key.data();
    }
    seen |= mark;
  }
  return nullptr;
}

const char* find_duplicate_of_many(const Node& object) {
  std::vector<std::string_view> keys;
  keys.reserve(object.MemberCount());
  for (const MemberNode& entry : object.GetObject()) keys.push_back(text_of(entry.name));
  std::sort(keys.begin(), keys.end());
  const auto twin = std::adjacent_find(keys.begin(), keys.end());
  return twin == keys.end() ? nullptr : std::max(twin->data(), std::next(twin)->data());
}

const char* find_duplicate_in_object(const Node& object);
const char* find_duplicate_in_array(const Node& array);

// Recursion is bounded: the parser has refused more than kMaxDepth levels.
const char* find_duplicate(const Node& value) {
  if (value.IsObject()) return find_duplicate_in_object(value);
  return value.IsArray() ? find_duplicate_in_array(value) : nullptr;
}

const char* find_duplicate_in_object(const Node& object) {
  const char* found = object.MemberCount() <= kFewMembers ? find_duplicate_of_few(object)
                                                          : find_duplicate_of_many(object);
  for (auto entry = object.MemberBegin(); !found && entry != object.MemberEnd(); ++entry) {
    found = find_duplicate(entry->value);
  }
  return found;
}

const char* find_duplicate_in_array(const Node& array) {
  const char* found = nullptr;
  for (auto element = array.Begin(); !found && element != array.End(); ++element) {
    found = find_duplicate(*element);
  }
  return found;
}

}  // namespace

struct Document::Tree {
  // A tree takes two to four times the room of its text. RapidJSON's own measure, 64 KiB, has the C
  // library tidy its heap each time that one of `list` is freed.
  explicit Tree(std::string input)
      : text(std::move(input)), pool(4 * text.size()), document(&pool) {
    text.append(kPadding, '\0');
  }

  ctr::Result<void> parse() {
    ctr::Result<void> parsed;
    const auto generate = [&](RapidDocument& to) {
      DepthGuard guard(to);
      parsed = parse_in_place(text.data(), guard);
      return parsed.ok();
    };
    document.Populate(generate);
    return parsed;
  }

  std::string text;
  Pool pool;
  RapidDocument document;
};

void Document::FreeTree::operator()(Tree* tree) const { delete tree; }

ctr::Result<Document> Document::parse(std::string text) {
  TRY(check_text(text));
  std::unique_ptr<Tree, FreeTree> tree(new Tree(std::move(text)));
  TRY(tree->parse());
  if (const char* key = find_duplicate(tree->document)) {
    const auto offset = static_cast<std::size_t>(key - tree->text.data());
    return at_byte(offset, "duplicate key " + ctr::quote(key));
  }
  return Document(std::move(tree));
}

ctr::Result<void> scan(std::string text, Visitor& visitor) {
  TRY(check_text(text));
  text.append(kPadding, '\0');
  Scanner scanner(visitor);
  return parse_in_place(text.data(), scanner);
}

Value Document::root() const { return Value(static_cast<const Node*>(&tree_->document)); }

std::string_view describe(Type type) {
  switch (type) {
    case Type::Null:
      return "null";
    case Type::Bool:
      return "a boolean";
    case Type::Number:
      return "a number";
    case Type::String:
      return "a string";
    case Type::Array:
      return "an array";
    case Type::Object:
      return "an object";
  }
  return "null";
}

Type Value::type() const {
  switch (node(node_).GetType()) {
    case rapidjson::kNullType:
      return Type::Null;
    case rapidjson::kFalseType:
    case rapidjson::kTrueType:
      return Type::Bool;
    case rapidjson::kObjectType:
      return Type::Object;
    case rapidjson::kArrayType:
      return Type::Array;
    case rapidjson::kStringType:
      return Type::String;
    case rapidjson::kNumberType:
      return Type::Number;
  }
  return Type::Null;
}

std::optional<bool> Value::as_bool() const {
  if (!node(node_).IsBool()) return std::nullopt;
  return node(node_).GetBool();
}

std::optional<std::int64_t> Value::as_int64() const {
  if (!node(node_).IsInt64()) return std::nullopt;
  return node(node_).GetInt64();
}

std::optional<std::uint64_t> Value::as_uint64() const {
  if (!node(node_).IsUint64()) return std::nullopt;
  return node(node_).GetUint64();
}

std::optional<std::string_view> Value::as_string() const {
  if (!node(node_).IsString()) return std::nullopt;
  return text_of(node(node_));
}

std::size_t Value::size() const {
  if (node(node_).IsArray()) return node(node_).Size();
  return node(node_).IsObject() ? node(node_).MemberCount() : 0;
}

Value::Elements Value::elements() const {
  if (!node(node_).IsArray()) return {nullptr, nullptr};
  return {node(node_).Begin(), node(node_).End()};
}

Value::Members Value::members() const {
  // An empty object may have no storage to point at.
  if (!node(node_).IsObject() || node(node_).ObjectEmpty()) return {nullptr, nullptr};
  const MemberNode* first = &*node(node_).MemberBegin();
  return {first, first + node(node_).MemberCount()};
}

std::optional<Value> Value::find(std::string_view key) const {
  for (const Member entry : members()) {
    if (entry.key == key) return entry.value;
  }
  return std::nullopt;
}

Value::Elements::Iterator& Value::Elements::Iterator::operator++() {
  node_ = static_cast<const Node*>(node_) + 1;
  return *this;
}

Value::Members::Iterator& Value::Members::Iterator::operator++() {
  node_ = static_cast<const MemberNode*>(node_) + 1;
  return *this;
}

Member Value::Members::Iterator::operator*() const {
  return {text_of(member(node_).name), Value(&member(node_).value)};
}

}  // namespace oci::json
