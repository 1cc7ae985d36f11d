// SPDX-License-Identifier: Apache-2.0
// Text that a constant table holds in place of a pointer to it. A position-independent program has
// to relocate every pointer at each of its starts, and copies the page that it is on, whether the
// table is used or not; letters stay in the file until somebody reads them.
#pragma once

#include <cstddef>
#include <string_view>

namespace ctr {

// At most N - 1 bytes: what is longer does not compile.
template <std::size_t N>
struct InlineText {
  constexpr InlineText() = default;
  consteval InlineText(const char* from) {
    for (std::size_t i = 0; from[i] != '\0'; ++i) {
      text[i] = from[i];
      text[i + 1] = '\0';
    }
  }

  constexpr const char* c_str() const { return text; }
  constexpr bool empty() const { return text[0] == '\0'; }
  constexpr operator std::string_view() const { return text; }

  char text[N] = {};
};

}  // namespace ctr
