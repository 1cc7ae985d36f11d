// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/base/error.h"

#include <cstdarg>
#include <cstring>

#include "ctrtool/core/base/strf.h"

namespace ctr {
namespace {

struct WireHeader {
  std::uint8_t kind;
  std::int32_t code;
};

}  // namespace

std::string errno_text(int err) {
  const char* text = ::strerrordesc_np(err);
  return text != nullptr ? std::string(text) : strf("errno %d", err);
}

Error sys_error(int err, const char* format, ...) {
  va_list args;
  va_start(args, format);
  std::string message = vstrf(format, args);
  va_end(args);
  message += ": ";
  message += errno_text(err);
  return Error{Kind::System, err, std::move(message)};
}

Error make_error(Kind kind, const char* format, ...) {
  va_list args;
  va_start(args, format);
  std::string message = vstrf(format, args);
  va_end(args);
  return Error{kind, 0, std::move(message)};
}

std::string encode_error(const Error& error) {
  const WireHeader header{static_cast<std::uint8_t>(error.kind), error.code};
  std::string wire(sizeof header, '\0');
  std::memcpy(wire.data(), &header, sizeof header);
  return wire + error.message;
}

std::optional<Error> decode_error(std::string_view wire) {
  WireHeader header{};
  if (wire.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, wire.data(), sizeof header);
  if (header.kind > static_cast<std::uint8_t>(Kind::HookFailed)) return std::nullopt;
  return Error{static_cast<Kind>(header.kind), header.code,
               std::string(wire.substr(sizeof header))};
}

}  // namespace ctr
