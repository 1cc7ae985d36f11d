// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/memory_program.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <cerrno>

#include "ctrtool/core/sys/compat.h"
#include "ctrtool/core/sys/file.h"

namespace ctr {
namespace {

constexpr int kAllSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

}  // namespace

Result<UniqueFd> make_memory_program(const std::string& name) {
  // Linux 6.3 wants to be told; older kernels do not know the flag and say EINVAL.
  Result<UniqueFd> file = sys::memfd_create(name, MFD_ALLOW_SEALING | MFD_EXEC);
  if (file.ok() || file.error().code != EINVAL) return file;
  return sys::memfd_create(name, MFD_ALLOW_SEALING);
}

bool is_sealed(BorrowedFd file) {
  const Result<int> seals = sys::get_seals(file);
  return seals.ok() && (*seals & kAllSeals) == kAllSeals;
}

Result<void> seal_memory_program(BorrowedFd file) {
  constexpr mode_t kExecutable = 0555;
  TRY(sys::fchmod(file, kExecutable));
  TRY(sys::add_seals(file, kAllSeals));
  if (!is_sealed(file)) return sys_error(EPERM, "seal a program in memory");
  return {};
}

Result<UniqueFd> sealed_program(const std::string& name, std::string_view bytes) {
  UniqueFd file = TRY(make_memory_program(name));
  TRY(sys::write_all(file, bytes));
  TRY(seal_memory_program(file));
  return file;
}

}  // namespace ctr
