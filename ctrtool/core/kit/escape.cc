// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/escape.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "ctrtool/core/kit/memory_program.h"
#include "ctrtool/core/sys/compat.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/mount.h"
#include "ctrtool/core/sys/process.h"

namespace ctr {
namespace {

constexpr const char* kSelf = "/proc/self/exe";

// Not a reason to go without a second start: the immutable flag (whoever has CAP_LINUX_IMMUTABLE
// clears it) and fs-verity (mode and owner can be changed still: a set-user-ID bit is enough).
bool is_readonly(BorrowedFd file) {
  const Result<struct statfs> fs = sys::fstatfs(file);
  return fs.ok() && (fs->f_flags & ST_RDONLY) != 0;
}

std::vector<std::string> strings(char* const* list) {
  std::vector<std::string> out;
  for (; *list != nullptr; ++list) out.emplace_back(*list);
  return out;
}

Error execute(BorrowedFd file, char* const* argv) {
  return sys::fexecve(file, strings(argv), strings(environ));
}

// Detached, so that no mount namespace holds it: nobody can remount it writable, nor copy it.
Result<UniqueFd> readonly_mount_of_self() {
  UniqueFd file = TRY(sys::open_tree(kCwd, kSelf, OPEN_TREE_CLONE));
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY;
  TRY(sys::mount_setattr(file, "", 0, attributes));
  if (!is_readonly(file)) return sys_error(EROFS, "read-only mount of %s", kSelf);
  return file;
}

Result<UniqueFd> sealed_copy_of(BorrowedFd self) {
  const struct stat status = TRY(sys::fstat(self));
  UniqueFd file = TRY(make_memory_program("ctrtool"));
  for (off_t left = status.st_size; left > 0;) {
    const std::size_t copied = TRY(sys::sendfile(file, self, static_cast<std::size_t>(left)));
    if (copied == 0) return sys_error(EIO, "copy %s: it became shorter", kSelf);
    left -= static_cast<off_t>(copied);
  }
  TRY(seal_memory_program(file));
  return file;
}

Result<void> execute_copy(BorrowedFd self, char* const* argv) {
  const UniqueFd copy = TRY_CTX(sealed_copy_of(self), "protect our own executable");
  return with_context(execute(copy, argv), "protect our own executable");
}

}  // namespace

bool is_protected(BorrowedFd executable) {
  return is_readonly(executable) || is_sealed(executable);
}

Result<void> protect_self(char* const* argv) {
  const UniqueFd self = TRY(sys::open(kSelf, O_RDONLY));
  if (is_protected(self)) return {};
  const Result<UniqueFd> mount = readonly_mount_of_self();
  // Should the mount not be executable (noexec is inherited, a security module objects), there is
  // still the copy.
  if (mount.ok()) (void)execute(*mount, argv);
  return execute_copy(self, argv);
}

bool is_escaped() {
  const Result<UniqueFd> self = sys::open(kSelf, O_RDONLY);
  return self.ok() && is_sealed(*self);
}

Result<void> escape_to_memfd(char* const* argv) {
  const UniqueFd self = TRY(sys::open(kSelf, O_RDONLY));
  if (is_sealed(self)) return {};
  Result<void> copied = execute_copy(self, argv);
  // Where memory files may not be executed (vm.memfd_noexec), a read-only mount has to do.
  if (is_readonly(self)) return {};
  const Result<UniqueFd> mount = readonly_mount_of_self();
  if (!mount.ok()) return copied;
  return with_context(execute(*mount, argv), "protect our own executable");
}

}  // namespace ctr
