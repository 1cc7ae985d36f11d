// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/sys/landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/file.h"

namespace ctr::sys {

Result<UniqueFd> landlock_create_ruleset(std::uint64_t rights) {
  landlock_ruleset_attr attributes{};
  attributes.handled_access_fs = rights;
  // Close-on-exec by itself.
  const long fd = ::syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);
  if (fd < 0) {
    const int err = errno;
    return sys_error(err, "landlock_create_ruleset 0x%llx",
                     static_cast<unsigned long long>(rights));
  }
  return UniqueFd(static_cast<int>(fd));
}

Result<void> landlock_allow_beneath(BorrowedFd ruleset, const std::string& path,
                                    std::uint64_t rights) {
  const UniqueFd at = TRY(open(path, O_PATH | O_DIRECTORY));
  landlock_path_beneath_attr rule{};
  rule.allowed_access = rights;
  rule.parent_fd = at.raw();
  if (::syscall(SYS_landlock_add_rule, ruleset.raw(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0) {
    const int err = errno;
    return sys_error(err, "landlock_add_rule for %s", quote(path).c_str());
  }
  return {};
}

Result<void> landlock_restrict_self(BorrowedFd ruleset) {
  if (::syscall(SYS_landlock_restrict_self, ruleset.raw(), 0) < 0) {
    const int err = errno;
    return sys_error(err, "landlock_restrict_self");
  }
  return {};
}

}  // namespace ctr::sys
