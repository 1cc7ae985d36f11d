// SPDX-License-Identifier: Apache-2.0
// A runtime that only waits for a program gives up what it does not need for that, for ever: a
// Landlock domain first, then a seccomp filter, which has no word for changing either. What is open
// stays usable: signals, the terminal and sockets are served as before.
#pragma once

#include <linux/filter.h>

#include <span>
#include <string>

#include "ctrtool/core/base/result.h"

namespace ctr {

// Files are opened, made and removed at and below these directories only, and /proc is read if
// there is any of them. With none, no file is opened at all. No program, no new process, no mount,
// no namespace, no socket but a local one. Where the kernel has the one or the other not, that is
// done without.
Result<void> confine_to_waiting(std::span<const std::string> directories);

// The filter alone, for who asks /proc how a process has ended: that is for who may trace it, and a
// Landlock domain may not trace what is outside.
Result<void> confine_calls_to_waiting();
// That filter; empty on architectures that it is not written for. EPERM for what is not on its
// list.
std::span<const sock_filter> waiting_filter();

}  // namespace ctr
