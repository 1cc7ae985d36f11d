// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>

#include "ctrtool/core/kit/dbus_message.h"
#include "ctrtool/core/kit/dbus_value.h"

namespace ctr {
namespace {

using ::testing::HasSubstr;

std::string round_trip(std::string_view text) {
  const Result<DbusValue> value = parse_dbus_text(text);
  return value.ok() ? value->type + " " + dbus_text(*value) : "error: " + value.error().message;
}

TEST(DbusText, KnowsEveryKindOfValue) {
  EXPECT_EQ(round_trip("true"), "b true");
  EXPECT_EQ(round_trip(" -7 "), "i -7");
  EXPECT_EQ(round_trip("uint64 18446744073709551615"), "t uint64 18446744073709551615");
  EXPECT_EQ(round_trip("byte 0xff"), "y byte 255");
  EXPECT_EQ(round_trip("int64 -9223372036854775808"), "x int64 -9223372036854775808");
  EXPECT_EQ(round_trip("1.5"), "d 1.5");
  EXPECT_EQ(round_trip("double 2"), "d 2.0");
  EXPECT_EQ(round_trip("'it\\'s'"), "s \"it's\"");
  EXPECT_EQ(round_trip("\"a\\tb\""), "s \"a\\tb\"");
  EXPECT_EQ(round_trip("objectpath '/a/b_1'"), "o objectpath \"/a/b_1\"");
  EXPECT_EQ(round_trip("['a', 'b']"), "as [\"a\", \"b\"]");
  EXPECT_EQ(round_trip("[uint32 1, 2]"), "au [uint32 1, 2]");
  EXPECT_EQ(round_trip("@as []"), "as @as []");
  EXPECT_EQ(round_trip("@au [1, 2]"), "au [uint32 1, 2]");
  EXPECT_EQ(round_trip("[('/dev/null', 'rw')]"), "a(ss) [(\"/dev/null\", \"rw\")]");
  EXPECT_EQ(round_trip("(true,)"), "(b) (true,)");
  EXPECT_EQ(round_trip("<uint16 3>"), "v <uint16 3>");
}

TEST(DbusText, RefusesWhatIsNone) {
  for (const char* bad : {"",
                          "truE",
                          "uint64 -1",
                          "byte 256",
                          "uint32 4294967296",
                          "2147483648",
                          "1 2",
                          "'open",
                          "'\\x'",
                          "[",
                          "[]",
                          "[1, 'a']",
                          "[1 2]",
                          "(1",
                          "@zz 1",
                          "@as 1",
                          "@a{sv} []",
                          "nothing",
                          "objectpath 'a'",
                          "objectpath '/a//b'",
                          "signature 'zz'",
                          "<1",
                          "@(uu) (1,)",
                          "@(u) (1, 2)",
                          "uint64",
                          "int32 uint32 1",
                          "inf",
                          "1e999",
                          "--1",
                          "0x",
                          "08"})
    EXPECT_THAT(round_trip(bad), HasSubstr("error: ")) << bad;
  EXPECT_FALSE(parse_dbus_text(std::string(2000, '[')).ok());
  EXPECT_FALSE(parse_dbus_text(std::string(100000, ' ')).ok());
  std::string many = "(1";
  for (int i = 0; i < 300; ++i) many += ",1";
  EXPECT_FALSE(parse_dbus_text("<" + many + ")>").ok());
  EXPECT_FALSE(parse_dbus_text(std::string("'a\0b'", 5)).ok());
}

TEST(DbusType, LengthOfTheFirstCompleteType) {
  EXPECT_EQ(dbus_type_length("sas"), 1U);
  EXPECT_EQ(dbus_type_length("a(sv)u"), 5U);
  EXPECT_EQ(dbus_type_length("a{sa{sv}}"), 9U);
  for (const char* bad : {"", "a", "(", "()", "(s", "{ss}", "a{vs}", "a{s}", "z"})
    EXPECT_EQ(dbus_type_length(bad), 0U) << bad;
  EXPECT_EQ(dbus_type_length(std::string(100, 'a') + "s"), 0U);
}

DbusMessage start_unit() {
  DbusMessage message;
  message.serial = 7;
  message.path = "/org/freedesktop/systemd1";
  message.interface = "org.freedesktop.systemd1.Manager";
  message.member = "StartTransientUnit";
  message.destination = "org.freedesktop.systemd1";
  const DbusValue pids = DbusValue::array("u", {DbusValue::u32(42)});
  message.body = {
      DbusValue::string("a.scope"), DbusValue::string("fail"),
      DbusValue::array(
          "(sv)", {DbusValue::structure({DbusValue::string("PIDs"), DbusValue::variant(pids)}),
                   DbusValue::structure(
                       {DbusValue::string("MemoryMax"), DbusValue::variant(DbusValue::u64(1))})}),
      DbusValue::array("(sa(sv))", {})};
  return message;
}

TEST(DbusMessage, ComesBackAsItWasSent) {
  const DbusMessage message = start_unit();
  const std::string wire = encode_dbus_message(message);
  const Result<DbusMessage> back = decode_dbus_message(wire);
  ASSERT_TRUE(back.ok()) << back.error().message;
  EXPECT_EQ(*back, message);
  const Result<std::size_t> length =
      dbus_message_length(std::string_view(wire).substr(0, kDbusFixedHeader));
  ASSERT_TRUE(length.ok());
  EXPECT_EQ(*length, wire.size());
}

TEST(DbusMessage, NegativeNumbersStayNegative) {
  for (const char* text : {"-5", "int16 -2", "int64 -3"}) {
    const Result<DbusValue> value = parse_dbus_text(text);
    ASSERT_TRUE(value.ok());
    std::string bytes;
    dbus_marshal(*value, bytes);
    const Result<DbusValue> back = DbusReader(bytes).read(value->type);
    ASSERT_TRUE(back.ok());
    EXPECT_EQ(*back, *value) << text;
  }
}

// As the specification lays it out: fields padded to 8, the array's length without its padding.
TEST(DbusMessage, HasTheBytesOfTheProtocol) {
  DbusMessage message;
  message.type = DbusMessageType::Return;
  message.serial = 2;
  message.reply_serial = 1;
  message.body = {{"y", 9, {}, {}}, DbusValue::array("t", {DbusValue::u64(5)})};
  const std::string expected(
      "l\2\0\1\20\0\0\0\2\0\0\0\21\0\0\0"
      "\5\1u\0\1\0\0\0"
      "\10\1g\0\3yat\0"
      "\11\0\0\0\10\0\0\0\5\0\0\0\0\0\0\0",
      16 + 8 + 9 + 15);
  const std::string wire = encode_dbus_message(message);
  EXPECT_EQ(wire.size(), 56U);
  EXPECT_EQ(wire.substr(0, 33), expected.substr(0, 33));
  EXPECT_EQ(wire.substr(40), expected.substr(33) + '\0');
}

TEST(DbusMessage, EveryCutAndEveryWrongByteIsRefusedOrHarmless) {
  const std::string wire = encode_dbus_message(start_unit());
  for (std::size_t length = 0; length < wire.size(); ++length)
    EXPECT_FALSE(decode_dbus_message(std::string_view(wire).substr(0, length)).ok()) << length;
  for (std::size_t at = 0; at < wire.size(); ++at)
    for (const int byte : {0x00, 0x01, 0x7f, 0xff}) {
      std::string changed = wire;
      changed[at] = static_cast<char>(byte);
      static_cast<void>(decode_dbus_message(changed));
    }
}

TEST(DbusMessage, NoLongOnes) {
  std::string head = encode_dbus_message(start_unit()).substr(0, kDbusFixedHeader);
  head[7] = '\x7f';
  EXPECT_FALSE(dbus_message_length(head).ok());
}

}  // namespace
}  // namespace ctr
