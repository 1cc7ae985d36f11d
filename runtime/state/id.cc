// SPDX-License-Identifier: Apache-2.0
#include "runtime/state/id.h"

#include "ctrtool/core/base/strf.h"

namespace oci {
namespace {

bool allowed(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '+' || c == '.' || c == '-';
}

ctr::Error invalid(std::string_view id, const char* why) {
  return ctr::make_error(ctr::Kind::InvalidSpec, "invalid container ID format: %s: %s",
                         ctr::quote(id.substr(0, kMaxIdLength)).c_str(), why);
}

}  // namespace

ctr::Result<void> check_id(std::string_view id) {
  if (id.empty()) return invalid(id, "empty");
  if (id.size() > kMaxIdLength) return invalid(id, "too long");
  if (id.front() == '.') return invalid(id, "must not begin with a dot");
  for (const char c : id)
    if (!allowed(c)) return invalid(id, "only letters, digits and _ + . - are allowed");
  return {};
}

}  // namespace oci
