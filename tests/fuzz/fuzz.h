// SPDX-License-Identifier: Apache-2.0
// What fuzz targets have in common.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "ctrtool/core/base/result.h"

namespace fuzz {

// The first byte picks the target, the others are its input.
template <std::size_t kCount>
int run_one(void (*const (&targets)[kCount])(std::string_view), const std::uint8_t* data,
            std::size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  targets[data[0] % kCount](input.substr(1));
  return 0;
}

// Whether it is a value. If not, the message must be of one line.
template <typename T>
bool accepted(const ctr::Result<T>& result) {
  if (!result.ok()) CTR_ASSERT(result.error().message.find('\n') == std::string::npos);
  return result.ok();
}

}  // namespace fuzz
