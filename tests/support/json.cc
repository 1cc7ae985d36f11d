// SPDX-License-Identifier: Apache-2.0
#include "tests/support/json.h"

#include <rapidjson/document.h>
#include <rapidjson/pointer.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

namespace support {

namespace {

rapidjson::Document parse(const std::string& text) {
  rapidjson::Document document;
  document.Parse(text.c_str());
  return document;
}

std::string print(const rapidjson::Value& value) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  value.Accept(writer);
  return buffer.GetString();
}

rapidjson::Pointer pointer_to(const std::string& text) { return rapidjson::Pointer(text.c_str()); }

void add_leaves(const rapidjson::Value& value, const rapidjson::Pointer& at,
                std::vector<JsonLeaf>& leaves) {
  if (value.IsObject()) {
    for (const auto& member : value.GetObject())
      add_leaves(member.value, at.Append(member.name), leaves);
  } else if (value.IsArray()) {
    for (rapidjson::SizeType i = 0; i < value.Size(); ++i)
      add_leaves(value[i], at.Append(i), leaves);
  } else {
    rapidjson::StringBuffer pointer;
    at.Stringify(pointer);
    const auto type = value.IsString()   ? JsonLeaf::Type::String
                      : value.IsNumber() ? JsonLeaf::Type::Number
                                         : JsonLeaf::Type::Other;
    leaves.push_back({pointer.GetString(), type});
  }
}

}  // namespace

bool is_json(const std::string& text) { return !parse(text).HasParseError(); }

std::optional<std::string> json_get(const std::string& text, const std::string& pointer) {
  const rapidjson::Document document = parse(text);
  if (document.HasParseError()) return std::nullopt;
  const rapidjson::Value* value = pointer_to(pointer).Get(document);
  if (value == nullptr) return std::nullopt;
  return value->IsString() ? std::string(value->GetString()) : print(*value);
}

int json_size(const std::string& text, const std::string& pointer) {
  const rapidjson::Document document = parse(text);
  if (document.HasParseError()) return -1;
  const rapidjson::Value* value = pointer_to(pointer).Get(document);
  if (value == nullptr) return -1;
  if (value->IsArray()) return static_cast<int>(value->Size());
  return value->IsObject() ? static_cast<int>(value->MemberCount()) : -1;
}

std::vector<std::string> json_keys(const std::string& text, const std::string& pointer) {
  const rapidjson::Document document = parse(text);
  std::vector<std::string> keys;
  if (document.HasParseError()) return keys;
  const rapidjson::Value* value = pointer_to(pointer).Get(document);
  if (value == nullptr || !value->IsObject()) return keys;
  for (const auto& member : value->GetObject()) keys.emplace_back(member.name.GetString());
  return keys;
}

std::string json_set(const std::string& text, const std::string& pointer,
                     const std::string& value) {
  rapidjson::Document document = parse(text);
  rapidjson::Document fresh(&document.GetAllocator());
  fresh.Parse(value.c_str());
  if (fresh.HasParseError()) return "broken test: not JSON: " + value;
  if (pointer.ends_with("/-")) {
    const rapidjson::Pointer array = pointer_to(pointer.substr(0, pointer.size() - 2));
    if (array.Get(document) == nullptr) array.Create(document).SetArray();
  }
  pointer_to(pointer).Set(document, fresh);
  return print(document);
}

std::string json_remove(const std::string& text, const std::string& pointer) {
  rapidjson::Document document = parse(text);
  pointer_to(pointer).Erase(document);
  return print(document);
}

std::string json_string(const std::string& text) {
  rapidjson::Value value(text.c_str(), static_cast<rapidjson::SizeType>(text.size()));
  return print(value);
}

std::string json_strings(const std::vector<std::string>& items) {
  std::string text = "[";
  for (const std::string& item : items) text += (text.size() > 1 ? "," : "") + json_string(item);
  return text + "]";
}

std::vector<JsonLeaf> json_leaves(const std::string& text) {
  std::vector<JsonLeaf> leaves;
  add_leaves(parse(text), rapidjson::Pointer(), leaves);
  return leaves;
}

}  // namespace support
