// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "ctrtool/core/base/log.h"
#include "runtime/spec/json.h"

namespace oci::json {
namespace {

bool is_plain(char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; }

}  // namespace

void Writer::key(std::string_view name) {
  value(name);
  text_ += ':';
  if (!indent_.empty()) text_ += ' ';
  after_key_ = true;
}

void Writer::value(std::string_view text) {
  separate();
  if (std::all_of(text.begin(), text.end(), is_plain)) {
    text_ += '"';
    text_ += text;
    text_ += '"';
  } else {
    text_ += ctr::json_quote(text);
  }
}

void Writer::raw(std::string_view json) {
  separate();
  text_ += json;
}

void Writer::open(char bracket) {
  separate();
  text_ += bracket;
  ++depth_;
  first_ = true;
}

void Writer::close(char bracket) {
  --depth_;
  if (!first_) new_line();
  text_ += bracket;
  first_ = false;
}

// What must stand before a key or value: the comma, the line.
void Writer::separate() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (depth_ == 0) return;
  if (!first_) text_ += ',';
  first_ = false;
  new_line();
}

void Writer::new_line() {
  if (indent_.empty()) return;
  text_ += '\n';
  for (std::size_t level = 0; level < depth_; ++level) text_ += indent_;
}

}  // namespace oci::json
