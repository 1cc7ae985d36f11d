// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/sys/fsuid.h"

#include <sys/fsuid.h>

#include <cerrno>

namespace ctr::sys {
namespace {

// Asked for an impossible ID the calls change nothing and answer the present one.
constexpr auto kAsk = static_cast<std::uint32_t>(-1);

}  // namespace

Result<void> setfsuid(uid_t uid) {
  ::setfsuid(uid);
  const auto now = static_cast<uid_t>(::setfsuid(kAsk));
  if (now != uid) return sys_error(EPERM, "setfsuid %u", uid);
  return {};
}

Result<void> setfsgid(gid_t gid) {
  ::setfsgid(gid);
  const auto now = static_cast<gid_t>(::setfsgid(kAsk));
  if (now != gid) return sys_error(EPERM, "setfsgid %u", gid);
  return {};
}

}  // namespace ctr::sys
