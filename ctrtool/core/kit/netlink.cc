// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/netlink.h"

#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/ns.h"
#include "ctrtool/core/sys/socket.h"

namespace ctr {
namespace {

constexpr std::size_t kAnswerSize = 64U << 10;  // the kernel fills at most 32 KiB of a dump at once

template <typename T>
std::string_view bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

// The front of `from` as a T, and `from` without it; nothing when it is shorter.
template <typename T>
std::optional<T> take(std::string_view& from) {
  if (from.size() < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, from.data(), sizeof value);
  from.remove_prefix(std::min(from.size(), std::size_t{NLMSG_ALIGN(sizeof value)}));
  return value;
}

// A request, put together from its header on; finish() knows the length.
class Request {
 public:
  Request(std::uint16_t type, unsigned flags) {
    nlmsghdr header{};
    header.nlmsg_type = type;
    header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    add(bytes_of(header));
  }
  template <typename T>
  Request& body(const T& value) {
    add(bytes_of(value));
    return *this;
  }
  Request& attribute(std::uint16_t type, std::string_view value) {
    rtattr header{};
    header.rta_type = type;
    header.rta_len = static_cast<std::uint16_t>(RTA_LENGTH(value.size()));
    add(bytes_of(header));
    add(value);
    return *this;
  }
  Request& attribute_if(std::uint16_t type, std::string_view value) {
    return value.empty() ? *this : attribute(type, value);
  }
  std::string finish() && {
    const auto length = static_cast<std::uint32_t>(bytes_.size());
    std::memcpy(bytes_.data(), &length, sizeof length);  // nlmsg_len comes first
    return std::move(bytes_);
  }

 private:
  void add(std::string_view value) {
    bytes_ += value;
    bytes_.resize(NLMSG_ALIGN(bytes_.size()));
  }
  std::string bytes_;
};

void for_each_attribute(std::string_view rest,
                        const std::function<void(std::uint16_t, std::string_view)>& see) {
  while (rest.size() >= sizeof(rtattr)) {
    rtattr header;
    std::memcpy(&header, rest.data(), sizeof header);
    if (header.rta_len < sizeof header || header.rta_len > rest.size()) return;
    see(static_cast<std::uint16_t>(header.rta_type & NLA_TYPE_MASK),
        rest.substr(sizeof header, header.rta_len - sizeof header));
    rest.remove_prefix(std::min(rest.size(), std::size_t{NLMSG_ALIGN(header.rta_len)}));
  }
}

std::uint32_t number_of(std::string_view value) {
  std::uint32_t number = 0;
  std::memcpy(&number, value.data(), std::min(value.size(), sizeof number));
  return number;
}

std::optional<NetLink> parse_link(std::string_view body) {
  const std::optional<ifinfomsg> info = take<ifinfomsg>(body);
  if (!info.has_value()) return std::nullopt;
  NetLink link{info->ifi_index, {}, (info->ifi_flags & IFF_UP) != 0};
  for_each_attribute(body, [&](std::uint16_t type, std::string_view value) {
    if (type == IFLA_IFNAME) link.name = value.substr(0, value.find('\0'));
  });
  return link;
}

struct AddressOf {
  int index;
  NetAddress address;
};

std::optional<AddressOf> parse_address(std::string_view body) {
  const std::optional<ifaddrmsg> info = take<ifaddrmsg>(body);
  if (!info.has_value()) return std::nullopt;
  AddressOf out{static_cast<int>(info->ifa_index), {}};
  NetAddress& address = out.address;
  address.family = info->ifa_family;
  address.prefix_length = info->ifa_prefixlen;
  address.scope = info->ifa_scope;
  address.flags = info->ifa_flags;
  for_each_attribute(body, [&](std::uint16_t type, std::string_view value) {
    if (type == IFA_LOCAL) address.local = value;
    if (type == IFA_ADDRESS) address.peer = value;
    if (type == IFA_BROADCAST) address.broadcast = value;
    if (type == IFA_FLAGS) address.flags = number_of(value);
    if (type == IFA_RT_PRIORITY) address.metric = number_of(value);
  });
  // IPv6 names the local address only where the other end is another one.
  if (address.local.empty()) address.local = address.peer;
  return out;
}

ifinfomsg link_message(int index) {
  ifinfomsg info{};
  info.ifi_family = AF_UNSPEC;
  info.ifi_index = index;
  return info;
}

}  // namespace

Result<RouteSocket> RouteSocket::open() {
  UniqueFd socket = TRY(sys::socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
  return RouteSocket(std::move(socket));
}

Result<RouteSocket> RouteSocket::open_in(BorrowedFd netns) {
  const UniqueFd own = TRY(sys::open("/proc/self/ns/net", O_RDONLY));
  TRY(sys::setns(netns, CLONE_NEWNET));
  Result<RouteSocket> opened = open();
  TRY(sys::setns(own, CLONE_NEWNET));
  return opened;
}

Result<void> RouteSocket::ask(std::string request, const Reply& reply) const {
  TRY(sys::send_message(socket_, request, {}));
  while (true) {
    const sys::Message answer = TRY(sys::receive_message(socket_, kAnswerSize));
    std::string_view rest = answer.data;
    while (rest.size() >= sizeof(nlmsghdr)) {
      nlmsghdr header;
      std::memcpy(&header, rest.data(), sizeof header);
      if (header.nlmsg_len < sizeof header || header.nlmsg_len > rest.size())
        return make_error(Kind::System, "netlink: a malformed answer");
      const std::string_view body = rest.substr(sizeof header, header.nlmsg_len - sizeof header);
      if (header.nlmsg_type == NLMSG_DONE) return {};
      if (header.nlmsg_type == NLMSG_ERROR) {
        const int code = -static_cast<int>(number_of(body));
        if (code == 0) return {};
        return sys_error(code, "netlink");
      }
      reply(header.nlmsg_type, body);
      rest.remove_prefix(std::min(rest.size(), std::size_t{NLMSG_ALIGN(header.nlmsg_len)}));
    }
  }
}

Result<std::vector<NetLink>> RouteSocket::links() const {
  std::vector<NetLink> out;
  Request request(RTM_GETLINK, NLM_F_DUMP);
  request.body(link_message(0));
  TRY_CTX(ask(std::move(request).finish(),
              [&](std::uint16_t type, std::string_view body) {
                std::optional<NetLink> link = parse_link(body);
                if (type == RTM_NEWLINK && link.has_value()) out.push_back(*std::move(link));
              }),
          "list the network devices");
  return out;
}

Result<std::vector<NetAddress>> RouteSocket::addresses(int index) const {
  std::vector<NetAddress> out;
  ifaddrmsg info{};
  info.ifa_family = AF_UNSPEC;
  Request request(RTM_GETADDR, NLM_F_DUMP);
  request.body(info);
  TRY_CTX(ask(std::move(request).finish(),
              [&](std::uint16_t type, std::string_view body) {
                std::optional<AddressOf> one = parse_address(body);
                if (type == RTM_NEWADDR && one.has_value() && one->index == index)
                  out.push_back(std::move(one->address));
              }),
          "list the addresses");
  return out;
}

Result<void> RouteSocket::move(int index, BorrowedFd netns, const std::string& name) const {
  Request request(RTM_SETLINK, NLM_F_ACK);
  request.body(link_message(index));
  request.attribute(IFLA_NET_NS_FD, bytes_of(netns.raw()));
  request.attribute(IFLA_IFNAME, std::string_view(name.c_str(), name.size() + 1));
  return ask(std::move(request).finish(), [](std::uint16_t, std::string_view) {});
}

Result<void> RouteSocket::add_address(int index, const NetAddress& address) const {
  // The other flags are the kernel's own findings.
  constexpr std::uint32_t kWishes = IFA_F_NODAD | IFA_F_HOMEADDRESS | IFA_F_MANAGETEMPADDR |
                                    IFA_F_NOPREFIXROUTE | IFA_F_MCAUTOJOIN;
  ifaddrmsg info{};
  info.ifa_family = address.family;
  info.ifa_prefixlen = address.prefix_length;
  info.ifa_scope = address.scope;
  info.ifa_index = static_cast<unsigned>(index);
  const std::uint32_t flags = address.flags & kWishes;
  Request request(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
  request.body(info);
  request.attribute_if(IFA_LOCAL, address.local);
  request.attribute_if(IFA_ADDRESS, address.peer);
  request.attribute_if(IFA_BROADCAST, address.broadcast);
  request.attribute(IFA_FLAGS, bytes_of(flags));
  if (address.metric != 0) request.attribute(IFA_RT_PRIORITY, bytes_of(address.metric));
  return ask(std::move(request).finish(), [](std::uint16_t, std::string_view) {});
}

Result<void> RouteSocket::set_up(int index) const {
  ifinfomsg info = link_message(index);
  info.ifi_flags = IFF_UP;
  info.ifi_change = IFF_UP;
  Request request(RTM_SETLINK, NLM_F_ACK);
  request.body(info);
  return ask(std::move(request).finish(), [](std::uint16_t, std::string_view) {});
}

}  // namespace ctr
