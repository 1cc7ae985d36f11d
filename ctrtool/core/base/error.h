// SPDX-License-Identifier: Apache-2.0
// The one error value. Flat, so that it can cross a socket from the container's child half.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ctr {

enum class Kind : std::uint8_t {
  System,       // a system call failed; code is its errno
  InvalidSpec,  // the user's input is wrong (config.json, an option's value)
  NotFound,     // the named container, file or program does not exist
  Exists,       // the named container or file exists already
  WrongState,   // the container's status does not allow the operation
  Unsupported,  // this kernel, this build or this user cannot do it
  ChildDied,    // the container's process ended before it was ready
  HookFailed,   // a hook could not be run, failed, or took too long
};

struct [[nodiscard]] Error {
  Kind kind = Kind::System;
  int code = 0;         // errno, or 0 when the failure is ours
  std::string message;  // whole text, outermost words first, errno text included

  bool operator==(const Error&) const = default;
};

// "mount proc on /proc: Operation not permitted": the formatted words, then the errno's text.
Error sys_error(int err, const char* format, ...) __attribute__((format(printf, 2, 3)));
Error make_error(Kind kind, const char* format, ...) __attribute__((format(printf, 2, 3)));

// The errno's text as engines match it ("No such file or directory"), never localized.
std::string errno_text(int err);

// Wire form: kind, code, message. `decode_error` answers nothing when the bytes are not of that
// form.
std::string encode_error(const Error& error);
std::optional<Error> decode_error(std::string_view wire);

}  // namespace ctr
