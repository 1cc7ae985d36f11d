// SPDX-License-Identifier: Apache-2.0
// Result<T>: a value or an Error. TRY hands the error to the caller.
//
// TRY is a whole statement or a whole initializer. Inside an argument list or braces it leaks what
// was already built: both g++ 12 and clang 14 do so.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "ctrtool/core/base/error.h"
#include "ctrtool/core/base/strf.h"

namespace ctr {

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit by design
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT
  // T(), to be filled in where it is: large ones are not moved then.
  explicit Result(std::in_place_t) : state_(std::in_place_index<0>) {}
  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  Error& error() & { return std::get<1>(state_); }
  const Error& error() const& { return std::get<1>(state_); }
  Error&& error() && { return std::get<1>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT
  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  void value() const {}
  Error& error() & { return *error_; }
  const Error& error() const& { return *error_; }
  Error&& error() && { return *std::move(error_); }

 private:
  std::optional<Error> error_;
};

// Outer words first: "uid_map of the container: line 2: overlaps line 1".
inline Error with_context(Error error, const std::string& context) {
  error.message.insert(0, context + ": ");
  return error;
}

[[noreturn]] inline void assert_failed(const char* what, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, what);
  std::abort();
}

}  // namespace ctr

#define CTR_CONCAT_(a, b) a##b
#define CTR_CONCAT(a, b) CTR_CONCAT_(a, b)

#define CTR_TRY_IMPL(result, expression, error_expression) \
  __extension__({                                          \
    auto result = (expression);                            \
    if (!result.ok()) [[unlikely]]                         \
      return error_expression(std::move(result).error());  \
    std::move(result).value();                             \
  })
#define TRY(expression) CTR_TRY_IMPL(CTR_CONCAT(try_result_, __COUNTER__), expression, ::ctr::Error)

// TRY_CTX(expression, "format", ...): like TRY, and puts the formatted words in front.
#define CTR_TRY_CTX_IMPL(result, expression, ...)                                      \
  __extension__({                                                                      \
    auto result = (expression);                                                        \
    if (!result.ok()) [[unlikely]]                                                     \
      return ::ctr::with_context(std::move(result).error(), ::ctr::strf(__VA_ARGS__)); \
    std::move(result).value();                                                         \
  })
#define TRY_CTX(expression, ...) \
  CTR_TRY_CTX_IMPL(CTR_CONCAT(try_result_, __COUNTER__), expression, __VA_ARGS__)

// For bugs, not for errors: aborts.
#define CTR_ASSERT(condition) \
  ((condition) ? static_cast<void>(0) : ::ctr::assert_failed(#condition, __FILE__, __LINE__))
