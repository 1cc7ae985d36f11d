// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/tun.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>

#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/file.h"

namespace ctr {
namespace {

struct Flag {
  std::string_view name;
  int value;
};
constexpr Flag kFlags[] = {
    {"tun", IFF_TUN},
    {"tap", IFF_TAP},
    {"un", IFF_TUN},
    {"ap", IFF_TAP},
    {"no_pi", IFF_NO_PI},
    {"multi_queue", IFF_MULTI_QUEUE},
    {"vnet_hdr", IFF_VNET_HDR},
};

Result<void> set(BorrowedFd handle, unsigned long request, unsigned long value, const char* what) {
  if (::ioctl(handle.raw(), request, value) < 0) {
    const int err = errno;
    return sys_error(err, "%s of the interface", what);
  }
  return {};
}

}  // namespace

Result<int> parse_tun_flag(std::string_view word) {
  if (!word.empty() && word.front() >= '0' && word.front() <= '9')
    return parse_number<int>(word, 0);
  for (const Flag& flag : kFlags)
    if (flag.name.size() == word.size() &&
        ::strncasecmp(flag.name.data(), word.data(), word.size()) == 0)
      return flag.value;
  return make_error(Kind::InvalidSpec, "%s is not tun, tap, no_pi, multi_queue or vnet_hdr",
                    quote(word).c_str());
}

Result<void> attach_tun(BorrowedFd handle, const TunRequest& request) {
  ifreq wanted{};
  if (request.name.size() >= sizeof wanted.ifr_name)
    return sys_error(ENAMETOOLONG, "interface %s", quote(request.name).c_str());
  std::memcpy(wanted.ifr_name, request.name.data(), request.name.size());
  wanted.ifr_flags = static_cast<short>(request.flags);
  if (::ioctl(handle.raw(), TUNSETIFF, &wanted) < 0) {
    const int err = errno;
    return sys_error(err, "attach to the interface %s", quote(request.name).c_str());
  }
  if (request.uid.has_value()) TRY(set(handle, TUNSETOWNER, *request.uid, "owner"));
  if (request.gid.has_value()) TRY(set(handle, TUNSETGROUP, *request.gid, "group"));
  if (request.persist) TRY(set(handle, TUNSETPERSIST, 1, "persistence"));
  return {};
}

Result<UniqueFd> open_tun(const TunRequest& request) {
  UniqueFd handle = TRY(sys::open(request.device, O_RDWR | O_NOCTTY));
  if (request.flags != 0) TRY(attach_tun(handle, request));
  return handle;
}

}  // namespace ctr
