// SPDX-License-Identifier: Apache-2.0
// Backslash escapes in values: \n \t \r \0 \\ \xHH \ooo. Anything else after a backslash is an
// error.
#pragma once

#include <string>
#include <string_view>

#include "ctrtool/core/base/result.h"

namespace ctr {

Result<std::string> decode_escapes(std::string_view text);

}  // namespace ctr
