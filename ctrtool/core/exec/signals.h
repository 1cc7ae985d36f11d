// SPDX-License-Identifier: Apache-2.0
// The program gets default dispositions and an empty mask, whatever the caller or we have set.
#pragma once

#include <cstdint>

#include "ctrtool/core/base/result.h"

namespace ctr {

// Bit n-1: signal n is ignored by this process. From /proc: one read instead of 64 sigaction calls.
Result<std::uint64_t> ignored_signals();

// To be called last before execve: exec itself resets handlers, but what is ignored stays.
void stop_ignoring(std::uint64_t ignored);
// At the child's birth: the caller may have blocked signals, and so may we, for our own waiting.
void unblock_signals();

}  // namespace ctr
