// SPDX-License-Identifier: Apache-2.0
// ctrtool's applets as their users run them: the built binary, by its words.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/support/paths.h"
#include "tests/support/process.h"

namespace support {

inline std::string ctrtool_path() { return build_dir() + "/ctrtool"; }

inline std::vector<std::string> ctrtool_words(std::vector<std::string> words) {
  words.insert(words.begin(), ctrtool_path());
  return words;
}

inline Outcome ctrtool(std::vector<std::string> words) {
  return run({.argv = ctrtool_words(std::move(words))});
}

// A shell's text in which $C is ctrtool.
inline Outcome shell(const std::string& text) {
  return run({.argv = {"/bin/sh", "-c", "C=" + ctrtool_path() + "; " + text}});
}

}  // namespace support
