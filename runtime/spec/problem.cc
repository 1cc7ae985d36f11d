// SPDX-License-Identifier: Apache-2.0
#include "runtime/spec/problem.h"

#include <algorithm>

#include "ctrtool/core/base/strf.h"

namespace oci {
namespace {

bool is_below(std::string_view pointer, std::string_view parent) {
  return pointer.starts_with(parent) &&
         (pointer.size() == parent.size() || pointer[parent.size()] == '/');
}

}  // namespace

Pointer Pointer::at(std::string_view key) const {
  std::string text = text_;
  text += '/';
  for (const char c : key) {
    if (c == '~') {
      text += "~0";
    } else if (c == '/') {
      text += "~1";
    } else {
      text += c;
    }
  }
  return Pointer(std::move(text));
}

// Keys of the document are part of the pointer: they must not break the line.
std::string Problem::text() const {
  return pointer.empty() ? message : ctr::escape(pointer) + ": " + message;
}

const char* Problem::word() const {
  if (severity == Warning) return "warning";
  return kind == ctr::Kind::Unsupported ? "unsupported" : "error";
}

void Problems::refuse(ctr::Kind kind, const Pointer& where, std::string message) {
  const auto covers = [&](const Problem& problem) {
    return problem.severity == Problem::Error && is_below(where.str(), problem.pointer);
  };
  if (errors_ < kMaxProblems && std::any_of(list_.begin(), list_.end(), covers)) return;
  add({Problem::Error, where.str(), std::move(message), kind});
}

void Problems::demote_errors_below(const Pointer& where) {
  for (Problem& problem : list_) {
    if (problem.severity != Problem::Error || !is_below(problem.pointer, where.str())) continue;
    problem.severity = Problem::Warning;
    --errors_;
    ++warnings_;
  }
}

void Problems::add(Problem problem) {
  std::size_t& count = problem.severity == Problem::Error ? errors_ : warnings_;
  ++count;
  if (count < kMaxProblems) {
    list_.push_back(std::move(problem));
  } else if (count == kMaxProblems) {
    list_.push_back({problem.severity, "", "too many problems, the rest is not listed"});
  }
}

}  // namespace oci
