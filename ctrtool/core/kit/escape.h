// SPDX-License-Identifier: Apache-2.0
// Our own executable stays out of a container's reach. Whoever is root in a container can open
// /proc/PID/exe of a runtime process that is in there, and write to what it finds: the host's
// binary (CVE-2019-5736). So, before anything of a container is entered, we execute ourselves once
// more from a place where nobody can write.
#pragma once

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"

namespace ctr {

// True when the file cannot be changed through `executable`: a fully sealed memfd, or a mount (or a
// file system) that is read-only. Asks the kernel, never the environment.
bool is_protected(BorrowedFd executable);

// Returns at once in a process that is protected; else starts the program again, with the same
// arguments and environment, through a private read-only mount of its file (Linux 5.12, where we
// may mount) or from a sealed copy in memory. Returns then only to say why it could not. What gets
// executed has passed is_protected(), the very test that the second start makes: no loops.
// First thing in main(): all that was done before is lost.
Result<void> protect_self(char* const* argv);

// True in a process that runs from a sealed copy in memory already.
bool is_escaped();
// protect_self(), by the copy: /proc/PID/exe reads "/memfd:ctrtool (deleted)". Only where memory
// files may not be executed it is the read-only mount.
Result<void> escape_to_memfd(char* const* argv);

}  // namespace ctr
