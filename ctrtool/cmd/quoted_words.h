// SPDX-License-Identifier: Apache-2.0
// Words as a shell splits them: blanks between, quotes and backslashes; nothing is expanded.
#pragma once

#include <string>
#include <string_view>

#include "ctrtool/applets.h"
#include "ctrtool/core/base/result.h"

namespace ctr {

Result<Words> split_quoted(std::string_view text);
// One word, in single quotes if it needs any.
std::string quote_word(std::string_view word);

}  // namespace ctr
