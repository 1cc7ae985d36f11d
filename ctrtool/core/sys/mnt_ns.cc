// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/sys/mnt_ns.h"

#include <sys/ioctl.h>

#include <cerrno>
#include <cstdint>

#include "ctrtool/core/sys/show.h"

namespace ctr::sys {
namespace {

// linux/nsfs.h of Linux 6.12.
struct MntNsInfo {
  std::uint32_t size;
  std::uint32_t mounts;
  std::uint64_t id;
};
constexpr unsigned long kNext = _IOR(0xb7, 11, MntNsInfo);
constexpr unsigned long kPrevious = _IOR(0xb7, 12, MntNsInfo);

}  // namespace

Result<UniqueFd> neighbour_mount_namespace(BorrowedFd ns, Neighbour which) {
  MntNsInfo info{};
  info.size = sizeof info;
  const int fd = ::ioctl(ns.raw(), which == Neighbour::Next ? kNext : kPrevious, &info);
  if (fd >= 0) return UniqueFd(fd);  // close-on-exec, as nsfs makes them
  const int err = errno;
  return sys_error(err, "the neighbour of %s", show(ns).c_str());
}

}  // namespace ctr::sys
