// SPDX-License-Identifier: Apache-2.0
// Base64 with '+' and '/' (RFC 4648, section 4), padded: the whole input or nothing.
#pragma once

#include <string>
#include <string_view>

#include "ctrtool/core/base/result.h"

namespace ctr {

Result<std::string> decode_base64(std::string_view text);

}  // namespace ctr
