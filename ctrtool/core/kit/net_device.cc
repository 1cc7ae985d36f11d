// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/net_device.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/netlink.h"

namespace ctr {
namespace {

const NetLink* find(const std::vector<NetLink>& links, const std::string& name) {
  const auto found = std::ranges::find(links, name, &NetLink::name);
  return found != links.end() ? &*found : nullptr;
}

// What was configured for good and is meant for others. The rest (link-local, autoconfigured) comes
// again by itself.
Result<std::vector<NetAddress>> lasting_addresses(const RouteSocket& here, int index) {
  std::vector<NetAddress> all = TRY(here.addresses(index));
  std::erase_if(all, [](const NetAddress& address) {
    return (address.flags & IFA_F_PERMANENT) == 0 || address.scope != RT_SCOPE_UNIVERSE;
  });
  return all;
}

// Its index may have changed: that is a number of its namespace.
Result<int> index_of_new(const RouteSocket& there, const std::vector<NetLink>& before) {
  const std::vector<NetLink> after = TRY(there.links());
  for (const NetLink& link : after)
    if (std::ranges::find(before, link.index, &NetLink::index) == before.end()) return link.index;
  return make_error(Kind::System, "it is gone from the container again");
}

}  // namespace

Result<void> hand_over_net_device(const std::string& host_name, const std::string& name,
                                  BorrowedFd netns) {
  const RouteSocket here = TRY(RouteSocket::open());
  const RouteSocket there = TRY(RouteSocket::open_in(netns));
  const std::vector<NetLink> ours = TRY(here.links());
  const NetLink* const device = find(ours, host_name);
  if (device == nullptr) return sys_error(ENODEV, "%s", quote(host_name).c_str());
  const std::vector<NetLink> theirs = TRY(there.links());
  if (find(theirs, name) != nullptr)
    return sys_error(EEXIST, "%s in the container", quote(name).c_str());
  const std::vector<NetAddress> addresses = TRY(lasting_addresses(here, device->index));
  TRY_CTX(here.move(device->index, netns, name), "move");
  const int index = TRY(index_of_new(there, theirs));
  for (const NetAddress& address : addresses)
    TRY_CTX(there.add_address(index, address), "keep an address");
  TRY_CTX(there.set_up(index), "bring up");
  return {};
}

}  // namespace ctr
