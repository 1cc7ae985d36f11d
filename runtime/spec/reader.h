// SPDX-License-Identifier: Apache-2.0
// Reads values out of a document into C++ variables and notes what does not fit, with its place.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include "runtime/spec/json.h"
#include "runtime/spec/problem.h"

namespace oci {

class Reader {
 public:
  explicit Reader(Problems& problems) : problems_(problems) {}

  // While one lives, the reader is at that key or index. A chain on the stack: the pointer's text
  // is put together only when there is something to say.
  class Step {
   public:
    Step(Reader& reader, std::string_view key) : reader_(reader), outer_(reader.at_), key_(key) {
      reader_.at_ = this;
    }
    Step(Reader& reader, std::size_t index)
        : reader_(reader), outer_(reader.at_), index_(index), is_index_(true) {
      reader_.at_ = this;
    }
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;
    ~Step() { reader_.at_ = outer_; }

   private:
    friend class Reader;
    Reader& reader_;
    const Step* outer_;
    std::string_view key_;
    std::size_t index_ = 0;
    bool is_index_ = false;
  };

  Pointer here() const { return pointer_to(at_); }
  void error(std::string message) { problems_.error(here(), std::move(message)); }
  void warning(std::string message) { problems_.warning(here(), std::move(message)); }
  void missing(std::string_view key) { problems_.error(here().at(key), "is required"); }

  // Notes an error and answers false when the value is of another type.
  bool expect(json::Value value, json::Type type);

 private:
  static Pointer pointer_to(const Step* step);

  Problems& problems_;
  const Step* at_ = nullptr;
};

void read(Reader& in, json::Value value, std::string& out);
void read(Reader& in, json::Value value, bool& out);

std::int64_t read_signed(Reader& in, json::Value value, std::int64_t min, std::int64_t max);
std::uint64_t read_unsigned(Reader& in, json::Value value, std::uint64_t max);

template <std::signed_integral Number>
void read(Reader& in, json::Value value, Number& out) {
  using Limits = std::numeric_limits<Number>;
  out = static_cast<Number>(read_signed(in, value, Limits::min(), Limits::max()));
}

template <std::unsigned_integral Number>
requires(!std::same_as<Number, bool>) void read(Reader& in, json::Value value, Number& out) {
  out = static_cast<Number>(read_unsigned(in, value, std::numeric_limits<Number>::max()));
}

// The index of the word in the table; notes an error and answers 0 if it is not there.
std::size_t read_word(Reader& in, json::Value value, std::span<const std::string_view> words);

}  // namespace oci
