// SPDX-License-Identifier: Apache-2.0
// The table of descriptors as a whole: which are open, and putting chosen ones at chosen numbers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"

namespace ctr {

// From /proc; without it, all numbers up to a limit that programs stay below in practice.
std::vector<int> open_fds();

struct FdMove {
  BorrowedFd from;
  int to;  // inheritable there
};
// What becomes of those above 2 that no move names as its target.
enum class OtherFds : std::uint8_t { Close, CloseOnExec, Keep };

// In any order, swaps included. The error of a source that is not open names it.
Result<void> arrange_fds(const std::vector<FdMove>& moves, OtherFds others);

// LISTEN_PID (ourselves), LISTEN_FDS, and with names LISTEN_FDNAMES, as in sd_listen_fds(3).
void announce_fds(std::size_t count, const std::string& names);

}  // namespace ctr
