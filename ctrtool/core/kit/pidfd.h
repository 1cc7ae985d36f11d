// SPDX-License-Identifier: Apache-2.0
// Which process a pidfd stands for.
#pragma once

#include <sys/types.h>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"
#include "ctrtool/core/kit/ns_kind.h"

namespace ctr {

// The number of the process, as our own /proc has it; 0: it is not visible there. ESRCH: it has
// been reaped. EBADF: not a pidfd.
Result<pid_t> pidfd_pid(BorrowedFd pidfd);

// One namespace of the process, as a namespace file. ESRCH: it is gone.
Result<UniqueFd> pidfd_namespace(BorrowedFd pidfd, const NsKind& kind);

// A pidfd of our parent. Between reading its number and opening it the parent may end and the
// number go to somebody else: so the number is read again afterwards (ESRCH if it has changed), and
// compared with `expected` if that is not 0.
Result<UniqueFd> open_parent(pid_t expected);

// A pidfd of one thread (PIDFD_THREAD, Linux 6.9).
Result<UniqueFd> open_thread(pid_t thread);

}  // namespace ctr
