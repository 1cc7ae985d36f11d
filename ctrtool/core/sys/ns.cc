// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/sys/ns.h"

#include <linux/nsfs.h>
#include <linux/sockios.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/show.h"

namespace ctr::sys {

Result<void> setns(BorrowedFd fd, int types) {
  if (::setns(fd.raw(), types) < 0) {
    const int err = errno;
    return sys_error(err, "setns %s", show(fd).c_str());
  }
  return {};
}

Result<void> unshare(int flags) {
  if (::unshare(flags) < 0) {
    const int err = errno;
    return sys_error(err, "unshare 0x%x", static_cast<unsigned>(flags));
  }
  return {};
}

Result<int> namespace_type(BorrowedFd fd) {
  const int type = ::ioctl(fd.raw(), NS_GET_NSTYPE);
  if (type < 0) {
    const int err = errno;
    return sys_error(err, "namespace type of %s", show(fd).c_str());
  }
  return type;
}

Result<UniqueFd> owning_userns(BorrowedFd fd) {
  const int owner = ::ioctl(fd.raw(), NS_GET_USERNS);
  if (owner < 0) {
    const int err = errno;
    return sys_error(err, "owning user namespace of %s", show(fd).c_str());
  }
  return UniqueFd(owner);
}

Result<UniqueFd> parent_namespace(BorrowedFd fd) {
  const int parent = ::ioctl(fd.raw(), NS_GET_PARENT);
  if (parent < 0) {
    const int err = errno;
    return sys_error(err, "parent namespace of %s", show(fd).c_str());
  }
  return UniqueFd(parent);
}

Result<uid_t> namespace_owner_uid(BorrowedFd fd) {
  uid_t owner = 0;
  if (::ioctl(fd.raw(), NS_GET_OWNER_UID, &owner) < 0) {
    const int err = errno;
    return sys_error(err, "owner of %s", show(fd).c_str());
  }
  return owner;
}

Result<UniqueFd> socket_netns(BorrowedFd socket) {
  const int fd = ::ioctl(socket.raw(), SIOCGSKNS);
  if (fd < 0) {
    const int err = errno;
    return sys_error(err, "network namespace of %s", show(socket).c_str());
  }
  UniqueFd netns(fd);
  TRY(set_cloexec(netns, true));  // older kernels made it inheritable
  return netns;
}

Result<void> sethostname(const std::string& name) {
  if (::sethostname(name.data(), name.size()) < 0) {
    const int err = errno;
    return sys_error(err, "sethostname %s", quote(name).c_str());
  }
  return {};
}

Result<void> setdomainname(const std::string& name) {
  if (::setdomainname(name.data(), name.size()) < 0) {
    const int err = errno;
    return sys_error(err, "setdomainname %s", quote(name).c_str());
  }
  return {};
}

}  // namespace ctr::sys
