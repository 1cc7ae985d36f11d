// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/dbus_message.h"

#include <utility>

namespace ctr {
namespace {

constexpr std::uint64_t kProtocolVersion = 1;

// The specification's numbers of the header fields.
enum Field : std::uint64_t {
  kPath = 1,
  kInterface = 2,
  kMember = 3,
  kErrorName = 4,
  kReplySerial = 5,
  kDestination = 6,
  kSignature = 8,
};

struct TextField {
  Field field;
  const char* type;
  std::string DbusMessage::*text;
};
constexpr TextField kTextFields[] = {
    {kPath, "o", &DbusMessage::path},
    {kInterface, "s", &DbusMessage::interface},
    {kMember, "s", &DbusMessage::member},
    {kErrorName, "s", &DbusMessage::error},
    {kDestination, "s", &DbusMessage::destination},
};

DbusValue byte(std::uint64_t number) { return {"y", number, {}, {}}; }

DbusValue header_field(Field field, DbusValue value) {
  std::vector<DbusValue> parts{byte(field)};
  parts.push_back(DbusValue::variant(std::move(value)));
  return DbusValue::structure(std::move(parts));
}

DbusValue header_fields(const DbusMessage& message) {
  std::vector<DbusValue> fields;
  for (const TextField& entry : kTextFields) {
    const std::string& text = message.*entry.text;
    if (!text.empty()) fields.push_back(header_field(entry.field, {entry.type, 0, text, {}}));
  }
  if (message.reply_serial != 0)
    fields.push_back(header_field(kReplySerial, DbusValue::u32(message.reply_serial)));
  std::string signature;
  for (const DbusValue& value : message.body) signature += value.type;
  if (!signature.empty()) fields.push_back(header_field(kSignature, {"g", 0, signature, {}}));
  return DbusValue::array("(yv)", std::move(fields));
}

void pad_to_8(std::string& out) { out.resize((out.size() + 7) / 8 * 8, '\0'); }

Error malformed(const char* what) { return make_error(Kind::System, "D-Bus message: %s", what); }

// The signature of the body, if there is one.
Result<std::string> take_fields(const DbusValue& fields, DbusMessage& message) {
  std::string signature;
  for (const DbusValue& field : fields.parts) {
    const std::uint64_t code = field.parts[0].number;
    const DbusValue& value = field.parts[1].parts[0];
    for (const TextField& entry : kTextFields)
      if (entry.field == code) {
        if (value.type != entry.type) return malformed("a header field has the wrong type");
        message.*entry.text = value.text;
      }
    if (code == kReplySerial && value.type == "u")
      message.reply_serial = static_cast<std::uint32_t>(value.number);
    if (code == kSignature && value.type == "g") signature = value.text;
  }
  return signature;
}

}  // namespace

std::string encode_dbus_message(const DbusMessage& message) {
  std::string body;
  for (const DbusValue& value : message.body) dbus_marshal(value, body);
  std::string out;
  for (const std::uint64_t number :
       {std::uint64_t{'l'}, std::uint64_t{static_cast<std::uint8_t>(message.type)},
        std::uint64_t{0}, kProtocolVersion})
    dbus_marshal(byte(number), out);
  dbus_marshal(DbusValue::u32(static_cast<std::uint32_t>(body.size())), out);
  dbus_marshal(DbusValue::u32(message.serial), out);
  dbus_marshal(header_fields(message), out);
  pad_to_8(out);
  return out + body;
}

Result<std::size_t> dbus_message_length(std::string_view head) {
  if (head.size() < kDbusFixedHeader || head[0] != 'l' || head[3] != char{kProtocolVersion})
    return malformed("not one of version 1, little endian");
  DbusReader reader(head, 4);
  const DbusValue body = TRY(reader.read("u"));
  const DbusValue serial = TRY(reader.read("u"));
  const DbusValue fields = TRY(reader.read("u"));
  const std::uint64_t length = kDbusFixedHeader + (fields.number + 7) / 8 * 8 + body.number;
  if (length > kMaxDbusMessage) return malformed("too long");
  return static_cast<std::size_t>(length);
}

Result<DbusMessage> decode_dbus_message(std::string_view bytes) {
  const std::size_t length = TRY(dbus_message_length(bytes));
  if (length != bytes.size()) return malformed("its length is wrong");
  DbusMessage message;
  DbusReader reader(bytes, 4);
  const DbusValue body = TRY(reader.read("u"));
  const DbusValue serial = TRY(reader.read("u"));
  const DbusValue fields = TRY(reader.read("a(yv)"));
  const auto type = static_cast<unsigned char>(bytes[1]);
  if (type < 1 || type > 4) return malformed("of an unknown type");
  message.type = static_cast<DbusMessageType>(type);
  message.serial = static_cast<std::uint32_t>(serial.number);
  const std::string signature = TRY(take_fields(fields, message));
  DbusReader values(bytes.substr(length - body.number));
  for (std::string_view rest(signature); !rest.empty();) {
    const std::size_t one = dbus_type_length(rest);
    if (one == 0) return malformed("its signature is wrong");
    DbusValue value = TRY(values.read(rest.substr(0, one)));
    message.body.push_back(std::move(value));
    rest.remove_prefix(one);
  }
  return message;
}

}  // namespace ctr
