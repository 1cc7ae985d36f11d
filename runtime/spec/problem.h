// SPDX-License-Identifier: Apache-2.0
// What is wrong with a document, and where: all of it, not only the first thing.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ctrtool/core/base/error.h"

namespace oci {

// A JSON pointer (RFC 6901) under construction: Pointer("/mounts").at(3).at("options").
class Pointer {
 public:
  Pointer() = default;  // the whole document
  explicit Pointer(std::string text) : text_(std::move(text)) {}

  // '~' and '/' in the key are escaped.
  [[nodiscard]] Pointer at(std::string_view key) const;
  [[nodiscard]] Pointer at(const char* key) const { return at(std::string_view(key)); }
  template <std::integral Index>
  [[nodiscard]] Pointer at(Index index) const {
    return Pointer(text_ + '/' + std::to_string(index));
  }
  const std::string& str() const { return text_; }
  bool operator==(const Pointer&) const = default;

 private:
  std::string text_;
};

struct Problem {
  enum Severity : std::uint8_t { Error, Warning };
  Severity severity = Error;
  std::string pointer;
  std::string message;
  ctr::Kind kind = ctr::Kind::InvalidSpec;

  // "/root/path: must not be empty"
  std::string text() const;
  // "error", "unsupported" (the document may be right) or "warning"
  const char* word() const;
  bool operator==(const Problem&) const = default;
};

// A hostile document can hold a million mistakes: each severity is recorded this often, then
// counted as one more line.
inline constexpr std::size_t kMaxProblems = 256;

class Problems {
 public:
  // Dropped where an error is noted already, there or around it: a value of the wrong type, or one
  // that is missing, needs no second complaint.
  void error(const Pointer& where, std::string message) {
    refuse(ctr::Kind::InvalidSpec, where, std::move(message));
  }
  // An error too: the document may be right, but this build, kernel or user can't do it.
  void unsupported(const Pointer& where, std::string message) {
    refuse(ctr::Kind::Unsupported, where, std::move(message));
  }
  void warning(const Pointer& where, std::string message) {
    add({Problem::Warning, where.str(), std::move(message)});
  }
  bool has_error() const { return errors_ != 0; }
  // What is wrong below `where` does not matter after all.
  void demote_errors_below(const Pointer& where);
  std::vector<Problem> take() && { return std::move(list_); }

 private:
  void refuse(ctr::Kind kind, const Pointer& where, std::string message);
  void add(Problem problem);

  std::vector<Problem> list_;
  std::size_t errors_ = 0;
  std::size_t warnings_ = 0;
};

}  // namespace oci
