// SPDX-License-Identifier: Apache-2.0
// JSON for the whole runtime: a strict reader and a writer. RapidJSON stays behind this door.
//
// The reader takes what RFC 8259 allows and no more, from text that may be hostile: at most
// kMaxInput bytes, at most kMaxDepth levels, valid UTF-8 without a byte order mark, no lone
// surrogates, no NUL characters (every string may become a C string), no duplicate keys (which of
// two wins differs between parsers), nothing after the document.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "ctrtool/core/base/result.h"

namespace oci::json {

inline constexpr std::size_t kMaxInput = 16U << 20U;
inline constexpr unsigned kMaxDepth = 128;
// What is put behind a text while it is parsed: one that has the room is not copied.
inline constexpr std::size_t kPadding = 16;

enum class Type : std::uint8_t { Null, Bool, Number, String, Array, Object };

// "an object", for messages.
std::string_view describe(Type type);

struct Member;

// A node of a Document, which must outlive it.
class Value {
 public:
  class Elements;
  class Members;

  Type type() const;
  bool is_null() const { return type() == Type::Null; }
  bool is_object() const { return type() == Type::Object; }
  bool is_array() const { return type() == Type::Array; }

  // Nothing when the type is another. Integers are those written without fraction and exponent.
  std::optional<bool> as_bool() const;
  std::optional<std::int64_t> as_int64() const;
  std::optional<std::uint64_t> as_uint64() const;
  std::optional<std::string_view> as_string() const;  // NUL-terminated

  // Of an array or object; 0 for everything else.
  std::size_t size() const;
  // The members of an object and the elements of an array, in the document's order; none otherwise.
  Members members() const;
  Elements elements() const;
  // The member of an object with that key.
  std::optional<Value> find(std::string_view key) const;

 private:
  friend class Document;
  explicit Value(const void* node) : node_(node) {}

  const void* node_;
};

struct Member {
  std::string_view key;
  Value value;
};

class Value::Elements {
 public:
  class Iterator {
   public:
    explicit Iterator(const void* node) : node_(node) {}
    Value operator*() const { return Value(node_); }
    Iterator& operator++();
    bool operator==(const Iterator&) const = default;

   private:
    const void* node_;
  };
  Elements(const void* first, const void* last) : first_(first), last_(last) {}
  Iterator begin() const { return Iterator(first_); }
  Iterator end() const { return Iterator(last_); }

 private:
  const void* first_;
  const void* last_;
};

class Value::Members {
 public:
  class Iterator {
   public:
    explicit Iterator(const void* node) : node_(node) {}
    Member operator*() const;
    Iterator& operator++();
    bool operator==(const Iterator&) const = default;

   private:
    const void* node_;
  };
  Members(const void* first, const void* last) : first_(first), last_(last) {}
  Iterator begin() const { return Iterator(first_); }
  Iterator end() const { return Iterator(last_); }

 private:
  const void* first_;
  const void* last_;
};

// A parsed text. Moves; strings of its values point into it.
class Document {
 public:
  // The error says where: "byte 17: missing a comma or ']' after an array element".
  static ctr::Result<Document> parse(std::string text);
  Value root() const;

 private:
  struct Tree;
  struct FreeTree {
    void operator()(Tree* tree) const;
  };
  explicit Document(std::unique_ptr<Tree, FreeTree> tree) : tree_(std::move(tree)) {}

  std::unique_ptr<Tree, FreeTree> tree_;
};

// A scalar, or the beginning of an object or array.
struct Token {
  Type type = Type::Null;
  bool flag = false;                         // of a boolean
  std::optional<std::uint64_t> number = {};  // as Value::as_uint64()
  std::string_view text = {};                // of a string
};

class Visitor {
 public:
  virtual ~Visitor() = default;
  // `path`: the keys on the way to the token, "" for an element of an array; empty at the root. The
  // views are gone after the call.
  virtual void visit(std::span<const std::string_view> path, const Token& token) = 0;
};

// For documents of our own, of which many are read: builds nothing, and a key may be there twice.
// As strict as Document::parse() otherwise, but tokens before an error have been seen then.
ctr::Result<void> scan(std::string text, Visitor& visitor);

// Builds a document from the outside in; the caller keeps keys and values in step.
//
//   Writer out;                                      {"id":"web","pids":[4,5]}
//   out.object([&] {
//     out.member("id", "web");
//     out.key("pids");
//     out.array([&] { for (int pid : pids) out.value(pid); });
//   });
//   return std::move(out).take();
//
// '/' is not escaped; invalid UTF-8 becomes U+FFFD.
class Writer {
 public:
  // One line without blanks, or indented by `indent` per level ("\t", "  ").
  explicit Writer(std::string_view indent = {}) : indent_(indent) {}

  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_array() { open('['); }
  void end_array() { close(']'); }
  void key(std::string_view name);

  void null() { raw("null"); }
  void value(std::string_view text);
  void value(const std::string& text) { value(std::string_view(text)); }
  void value(const char* text) { value(std::string_view(text)); }
  void value(std::same_as<bool> auto flag) { raw(flag ? "true" : "false"); }
  template <std::integral Number>
  requires(!std::same_as<Number, bool>) void value(Number number) { raw(std::to_string(number)); }
  // Text that is a JSON document already.
  void raw(std::string_view json);

  void object(auto&& body) {
    begin_object();
    body();
    end_object();
  }
  void array(auto&& body) {
    begin_array();
    body();
    end_array();
  }
  void member(std::string_view name, const auto& content) {
    key(name);
    value(content);
  }

  std::string take() && { return std::move(text_); }

 private:
  void open(char bracket);
  void close(char bracket);
  void separate();
  void new_line();

  std::string text_;
  std::string indent_;
  std::size_t depth_ = 0;
  bool first_ = true;       // nothing in this object or array yet
  bool after_key_ = false;  // the value follows on the same line
};

}  // namespace oci::json
