// SPDX-License-Identifier: Apache-2.0
// A procfs shows the pid namespace of whoever mounts it, unless it is told another (Linux 6.17).
#pragma once

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"
#include "ctrtool/core/kit/fs_config.h"

namespace ctr {

// On `target`, a directory. `fs.flags` as mount(2) has them.
Result<void> mount_proc_of(BorrowedFd pid_namespace, BorrowedFd target, const FsConfig& fs);

}  // namespace ctr
