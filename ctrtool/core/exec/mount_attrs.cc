// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/exec/mount_attrs.h"

#include <fcntl.h>
#include <sys/mount.h>

#include "ctrtool/core/sys/mount.h"

namespace ctr {

Result<void> set_attrs(BorrowedFd mount, const MountAttrs& attrs) {
  if (attrs.recursive_set != 0 || attrs.recursive_clear != 0) {
    struct mount_attr attr {};
    attr.attr_set = attrs.recursive_set;
    attr.attr_clr = attrs.recursive_clear;
    TRY(sys::mount_setattr(mount, "", AT_RECURSIVE, attr));
  }
  if (attrs.set != 0 || attrs.clear != 0) {
    struct mount_attr attr {};
    attr.attr_set = attrs.set;
    attr.attr_clr = attrs.clear;
    TRY(sys::mount_setattr(mount, "", 0, attr));
  }
  if (attrs.propagation != 0) {
    struct mount_attr attr {};
    attr.propagation = attrs.propagation & ~static_cast<unsigned long>(MS_REC);
    TRY(sys::mount_setattr(mount, "", (attrs.propagation & MS_REC) != 0 ? AT_RECURSIVE : 0, attr));
  }
  return {};
}

}  // namespace ctr
