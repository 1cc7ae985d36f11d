// SPDX-License-Identifier: Apache-2.0
// CloneAgain: the child goes on as a child of its own, which is the parent's child like itself.
#pragma once

#include "ctrtool/core/base/result.h"
#include "ctrtool/core/exec/context.h"

namespace ctr {

// Child, the form that lends its memory: the successor carries out the plan from step `next` on.
// Comes back only to say why there is none.
Error clone_lending_memory(Context& ctx, std::size_t next);

// Parent, either form: from now on the successor is the child. One that lends its memory ends when
// the successor executes its program or ends: it is to be reaped then.
Result<void> follow_again(const CloneAgain& op, Context& ctx);

}  // namespace ctr
