// SPDX-License-Identifier: Apache-2.0
// The library throws when there is no memory. Where a process, a cgroup or mounts have been made by
// then, that must be an error as any other, so that what comes after it removes them: by then the
// memory of what was under way is free again.
#pragma once

#include <cerrno>
#include <new>

#include "ctrtool/core/base/result.h"

namespace ctr {

template <typename Work>
Result<void> or_out_of_memory(const Work& work) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return Error{Kind::System, ENOMEM, "out of memory"};
  }
}

}  // namespace ctr
