// SPDX-License-Identifier: Apache-2.0
// Values of options that are one of a few words.
#pragma once

#include <string>
#include <string_view>

#include "ctrtool/core/base/result.h"
#include "ctrtool/core/base/strf.h"

namespace oci::cli {

template <typename T>
struct Word {
  const char* word;
  T value;
};

// Kind::InvalidSpec names the option and all of the words.
template <typename T, std::size_t N>
ctr::Result<T> choose(const char* option, std::string_view text, const Word<T> (&words)[N]) {
  std::string choices;
  for (const Word<T>& word : words) {
    if (text == word.word) return word.value;
    choices = choices + (choices.empty() ? "" : ", ") + word.word;
  }
  return ctr::make_error(ctr::Kind::InvalidSpec, "option --%s: %s is none of %s", option,
                         ctr::quote(text).c_str(), choices.c_str());
}

}  // namespace oci::cli
