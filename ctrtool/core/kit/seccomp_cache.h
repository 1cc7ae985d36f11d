// SPDX-License-Identifier: Apache-2.0
// Compiled seccomp profiles, kept in a directory: compiling takes libseccomp 10 to 20 ms, loading a
// file some microseconds. What we compile ourselves (seccomp_direct.h) is as quick as that, and not
// kept.
//
// A file holds what went in (profile, libseccomp's version, architecture) and the program. Its name
// is a hash of what went in; both are compared in full, so a collision costs a compilation and no
// more. A file that is damaged, short, not ours or writable by others is not believed and is
// replaced. Losing the cache costs time only: what goes wrong while storing is nobody's error.
#pragma once

#include <linux/filter.h>

#include <string>
#include <vector>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"
#include "ctrtool/core/kit/seccomp.h"

namespace ctr {

// `cache_dir`: an open directory that only we can write to; invalid: no cache.
Result<std::vector<sock_filter>> compile_cached(BorrowedFd cache_dir,
                                                const SeccompProfile& profile);

// The name of the profile's file: 16 hexadecimal digits.
std::string seccomp_cache_name(const SeccompProfile& profile);

}  // namespace ctr
