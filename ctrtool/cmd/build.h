// SPDX-License-Identifier: Apache-2.0
// What this binary is.
#pragma once

#include <string>

namespace ctr {

// "ctrtool version 0.1.0 (static, x86_64; commit 0123abcd of 2026-01-31)", a line. The date is the
// commit's: the same source makes the same binary on any day.
std::string build_text();

}  // namespace ctr
