// SPDX-License-Identifier: Apache-2.0
// Join SPECs, as launcher and nsenter take them: letters of kinds, then where the handle is.
//   :N :/VAR ::VAR  descriptor: a namespace file or a pidfd    -NAME   its number is in NAME
//   =PATH           namespace file                             @PID    process
//   /PATH           directory like /proc/PID; the slash is not part of the path
//   %PATH           the same, PATH taken as it is
// Letters: C i m n p U u T; a: all kinds that are not ours; X: close the descriptor afterwards.
#pragma once

#include <string_view>

#include "ctrtool/core/base/result.h"
#include "ctrtool/core/kit/join.h"

namespace ctr {

// What "-" alone means.
inline constexpr const char* kDefaultJoinVariable = "CTRTOOL_CONTAINER_LAUNCHER_PID_FD";

// Variables are read now; ::VAR is removed. Every mistake is Kind::InvalidSpec and says where.
Result<JoinRequest> parse_join_spec(std::string_view text);

// "imn" → CLONE_NEWIPC | CLONE_NEWNS | CLONE_NEWNET.
Result<int> parse_ns_letters(std::string_view letters);

// What joins a handle that is open, and stays so until then.
JoinRequest request_of(const JoinHandle& handle);

}  // namespace ctr
