// SPDX-License-Identifier: Apache-2.0
// Programs in memory: files that can be executed though they have no name.
#pragma once

#include <string>
#include <string_view>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"

namespace ctr {

// An empty one. Not where memory files may not be executed (vm.memfd_noexec).
Result<UniqueFd> make_memory_program(const std::string& name);

// From now on nobody can change the file, through whatever descriptor.
Result<void> seal_memory_program(BorrowedFd file);
bool is_sealed(BorrowedFd file);

// With these bytes, and sealed.
Result<UniqueFd> sealed_program(const std::string& name, std::string_view bytes);

}  // namespace ctr
