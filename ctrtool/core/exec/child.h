// SPDX-License-Identifier: Apache-2.0
// The child half: one thread, a copy of the parent, ordinary C++. It leaves by execve or
// child_exit, never by return or exit(): the parent's guards and buffers are not its own.
#pragma once

#include "ctrtool/core/base/result.h"
#include "ctrtool/core/exec/context.h"

namespace ctr {

// Walks the plan's child steps from `first` on and ends in execve; reports why not and exits.
[[noreturn]] void child_main(Context& ctx, std::size_t first) noexcept;

// The same for a successor of the child, if that could begin.
[[noreturn]] void child_go_on(Context& ctx, std::size_t first, const Result<void>& begun) noexcept;

[[noreturn]] void child_exit(int status);

// SIGKILL when the runtime dies before the container is its own: set at birth, and again whenever a
// change of IDs has cleared it (prctl(2)).
// A process that nobody prepares any more (its plan is carried out in place, or a script has the
// word to start) is left alone.
Result<void> guard_against_orphaning(const Context& ctx);

// The child's steps from `first` on, in this process.
Result<void> run_child_steps(Context& ctx, std::size_t first);

}  // namespace ctr
