// SPDX-License-Identifier: Apache-2.0
// How messages name a descriptor: its number and what /proc/self/fd says it is. Paid only on
// failure.
#pragma once

#include <string>

#include "ctrtool/core/base/fd.h"

namespace ctr::sys {

std::string show(BorrowedFd fd);
// "PATH" or "PATH in fd 5 (/x)" when the call is relative to a descriptor.
std::string show_at(BorrowedFd dir, const std::string& path);

}  // namespace ctr::sys
