// SPDX-License-Identifier: Apache-2.0
// Words as a shell splits them: blanks between, quotes and backslashes; nothing is expanded.
#pragma once

#include <string>
#include <string_view>

#include "ctrtool/applets.h"
#include "ctrtool/core/base/result.h"

namespace ctr {

Result<Words> split_quoted(std::string_view text);
// Of a file that has any number of them a line; a line that begins with # is a comment.
Result<Words> words_of_file(const std::string& path);
// Files may name files, so deep: and there is an end for one that names itself.
inline constexpr int kDeepestFile = 8;
// One word, in single quotes if it needs any.
std::string quote_word(std::string_view word);

}  // namespace ctr
