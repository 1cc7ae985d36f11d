// SPDX-License-Identifier: Apache-2.0
#include "runtime/spec/json.h"

#include <gtest/gtest.h>

#include <chrono>
#include <limits>
#include <span>
#include <string>
#include <vector>

namespace oci::json {
namespace {

using namespace std::string_literals;

std::string error_of(std::string text) {
  const auto result = Document::parse(std::move(text));
  return result.ok() ? "accepted" : result.error().message;
}

TEST(JsonDocument, ReadsEveryType) {
  const auto document = Document::parse(
      R"({"n":null,"b":true,"s":"a\u00e9\"/\ud83d\ude00","a":[1,-2,18446744073709551615,1.5],"o":{}})");
  ASSERT_TRUE(document.ok());
  const Value root = document->root();
  EXPECT_EQ(root.size(), 5U);
  EXPECT_TRUE(root.find("n")->is_null());
  EXPECT_EQ(root.find("b")->as_bool(), true);
  EXPECT_EQ(root.find("s")->as_string(), "a\u00e9\"/\U0001F600");
  EXPECT_EQ(root.find("o")->size(), 0U);
  EXPECT_FALSE(root.find("x").has_value());

  std::vector<Value> numbers;
  for (const Value number : root.find("a")->elements()) numbers.push_back(number);
  ASSERT_EQ(numbers.size(), 4U);
  EXPECT_EQ(numbers[0].as_uint64(), 1U);
  EXPECT_EQ(numbers[1].as_int64(), -2);
  EXPECT_EQ(numbers[1].as_uint64(), std::nullopt);
  EXPECT_EQ(numbers[2].as_uint64(), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(numbers[2].as_int64(), std::nullopt);
  EXPECT_EQ(numbers[3].as_int64(), std::nullopt);
  EXPECT_EQ(numbers[3].as_string(), std::nullopt);
}

TEST(JsonDocument, KeepsTheOrderOfMembers) {
  const auto document = Document::parse(R"({"z":1,"a":2,"m":3})");
  ASSERT_TRUE(document.ok());
  std::string keys;
  for (const Member member : document->root().members()) keys += member.key;
  EXPECT_EQ(keys, "zam");
}

TEST(JsonDocument, NamesTheByteOfASyntaxError) {
  struct Case {
    std::string text;
    std::string error;
  };
  const std::vector<Case> cases = {
      {"", "byte 0: the document is empty"},
      {"  \n", "byte 3: the document is empty"},
      {"{", "byte 1: missing a name for object member"},
      {"[1,2", "byte 4: missing a comma or ']' after an array element"},
      {"{}{", "byte 2: the document root must not be followed by other values"},
      {"{} {}", "byte 3: the document root must not be followed by other values"},
      {"{}\0x"s, "byte 2: control character"},
      {"\xef\xbb\xbf{}", "byte 0: byte order mark"},
      {"{\0}\0"s, "byte 1: control character"},
      {"\xff\xfe{", "byte 0: invalid UTF-8"},
      {"/* c */ {}", "byte 0: invalid value"},
      {"{'a':1}", "byte 1: missing a name for object member"},
      {"[NaN]", "byte 1: invalid value"},
      {"[Infinity]", "byte 1: invalid value"},
      {"[01]", "byte 2: missing a comma or ']' after an array element"},
      {"[1,]", "byte 3: invalid value"},
      {"[1e999]", "byte 1: number too big to be stored in double"},
      {"[\"a\nb\"]", "byte 3: invalid escape character in string"},
      {"[\"a\x1f\"]", "byte 3: control character"},
      {R"(["a\u0000b"])", "byte 3: \\u0000 in a string"},
      {R"(["\udc00"])", "byte 2: lone surrogate in a string"},
      {R"(["\ud800"])", "byte 2: the surrogate pair in string is invalid"},
      {R"(["\ud800\u0041"])", "byte 2: the surrogate pair in string is invalid"},
      {R"(["\x41"])", "byte 2: invalid escape character in string"},
      {"[\"\xc0\x80\"]", "byte 2: invalid UTF-8"},
      {"[\"\xed\xa0\x80\"]", "byte 2: invalid UTF-8"},
      {"[\"\xf4\x90\x80\x80\"]", "byte 2: invalid UTF-8"},
      {"[\"\xe2\x82\"]", "byte 2: invalid UTF-8"},
      {R"({"a":1,"b":{"c":[{"x":1,"y":2,"x":3}]}})", "byte 31: duplicate key \"x\""},
  };
  for (const Case& c : cases) EXPECT_EQ(error_of(c.text), c.error) << c.text;
}

TEST(JsonDocument, TakesAnEscapedBackslashBeforeU0000) {
  const auto document = Document::parse(R"(["\\u0000"])");
  ASSERT_TRUE(document.ok());
  EXPECT_EQ((*document->root().elements().begin()).as_string(), "\\u0000");
}

// The checks before parsing work in blocks: an odd byte counts wherever it stands.
TEST(JsonDocument, ChecksEveryPositionOfLongText) {
  for (std::size_t at = 0; at < 200; ++at) {
    std::string text = "[\"" + std::string(200, 'x') + "\"]";
    text[2 + at] = '\x01';
    EXPECT_EQ(error_of(text), "byte " + std::to_string(2 + at) + ": control character");
    text.replace(2 + at, 1, "\u20ac");
    EXPECT_EQ(error_of(text), "accepted");
    text[2 + at + 2] = 'x';
    EXPECT_EQ(error_of(text), "byte " + std::to_string(2 + at) + ": invalid UTF-8");
  }
}

TEST(JsonDocument, FindsDuplicatesInLargeObjects) {
  std::string text = "{";
  for (int i = 0; i < 1000; ++i) text += "\"key" + std::to_string(i) + "\":0,";
  const std::string offset = std::to_string(text.size() + 1);
  EXPECT_EQ(error_of(text + "\"key7\":0}"), "byte " + offset + ": duplicate key \"key7\"");
  EXPECT_EQ(error_of(text + "\"other\":0}"), "accepted");
}

TEST(JsonDocument, BoundsDepth) {
  const auto nested = [](unsigned depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_EQ(error_of(nested(kMaxDepth)), "accepted");
  EXPECT_EQ(error_of(nested(kMaxDepth + 1)), "byte 128: nested deeper than 128");
  std::string objects;
  for (unsigned i = 0; i <= kMaxDepth; ++i) objects += "{\"a\":";
  EXPECT_NE(error_of(objects).find("nested deeper than 128"), std::string::npos);

  const auto before = std::chrono::steady_clock::now();
  EXPECT_NE(error_of(std::string(1000000, '[')), "accepted");
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::milliseconds(500));
}

TEST(JsonDocument, BoundsSize) {
  std::string text(kMaxInput, ' ');
  text[0] = '1';
  EXPECT_EQ(error_of(text), "accepted");
  EXPECT_EQ(error_of(text + ' '), "larger than 16777216 bytes");
}

// A line for each token: its path, and what it is.
class Lines : public Visitor {
 public:
  void visit(std::span<const std::string_view> path, const Token& token) override {
    for (const std::string_view key : path) text_ += "/" + std::string(key);
    text_ += " " + std::string(describe(token.type));
    if (token.type == Type::Bool) text_ += token.flag ? ": true" : ": false";
    if (token.number.has_value()) text_ += ": " + std::to_string(*token.number);
    if (token.type == Type::String) text_ += ": " + std::string(token.text);
    text_ += "\n";
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

TEST(JsonScan, TellsEachTokenWithItsPath) {
  Lines lines;
  const auto scanned =
      scan(R"({"a":{"b":[1,{"c":"d\u00e9"}],"":null},"e":[[]],"f":true,"a":false,)"
           R"("n":[0,-0,-1,4294967295,18446744073709551615,18446744073709551616,1.5,-3000000000]})",
           lines);
  ASSERT_TRUE(scanned.ok()) << scanned.error().message;
  EXPECT_EQ(lines.text(),
            " an object\n/a an object\n/a/b an array\n/a/b/ a number: 1\n/a/b/ an object\n"
            "/a/b//c a string: d\u00e9\n/a/ null\n/e an array\n/e/ an array\n/f a boolean: true\n"
            "/a a boolean: false\n/n an array\n/n/ a number: 0\n/n/ a number: 0\n/n/ a number\n"
            "/n/ a number: 4294967295\n/n/ a number: 18446744073709551615\n/n/ a number\n"
            "/n/ a number\n/n/ a number\n");
}

TEST(JsonScan, RefusesWhatADocumentMayNotBe) {
  std::string deep;
  for (unsigned i = 0; i <= kMaxDepth; ++i) deep += "[";
  for (const std::string& text :
       {""s, "{"s, "[1,]"s, "{} {}"s, "[\"a\x1f\"]"s, "[\"\xc0\x80\"]"s, R"(["a\u0000b"])"s,
        R"(["\udc00"])"s, "{}\0x"s, "\xef\xbb\xbf{}"s, deep}) {
    Lines lines;
    const auto scanned = scan(text, lines);
    ASSERT_FALSE(scanned.ok()) << text;
    EXPECT_EQ(scanned.error().message, error_of(text));
  }
  Lines lines;
  EXPECT_TRUE(scan(std::string(kMaxDepth, '[') + std::string(kMaxDepth, ']'), lines).ok());
}

TEST(JsonWriter, WritesOneLine) {
  Writer out;
  out.object([&] {
    out.member("id", "web/1");
    out.member("big", std::numeric_limits<std::uint64_t>::max());
    out.member("small", std::int64_t{-5});
    out.member("yes", true);
    out.key("none");
    out.null();
    out.key("list");
    out.array([&] {
      out.value(1);
      out.value("a\"b\n\u20ac\xff");
      out.object([] {});
      out.array([] {});
    });
    out.key("raw");
    out.raw("[1]");
  });
  EXPECT_EQ(std::move(out).take(),
            R"({"id":"web/1","big":18446744073709551615,"small":-5,"yes":true,"none":null,)"
            "\"list\":[1,\"a\\\"b\\n\u20ac\\ufffd\",{},[]],\"raw\":[1]}");
}

TEST(JsonWriter, Indents) {
  Writer out("  ");
  out.object([&] {
    out.key("a");
    out.array([&] {
      out.value(1);
      out.value(2);
    });
    out.key("b");
    out.object([] {});
  });
  EXPECT_EQ(std::move(out).take(), "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": {}\n}");
}

}  // namespace
}  // namespace oci::json
