// SPDX-License-Identifier: Apache-2.0
// rtnetlink(7), as far as handing a network device to another network namespace needs it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"

namespace ctr {

struct NetLink {
  int index = 0;
  std::string name;
  bool up = false;
};

// One address of a device. `local` and the rest are in network byte order, empty when absent.
struct NetAddress {
  std::uint8_t family = 0;  // AF_INET, AF_INET6
  std::uint8_t prefix_length = 0;
  std::uint8_t scope = 0;   // RT_SCOPE_*
  std::uint32_t flags = 0;  // IFA_F_*
  std::string local;
  std::string peer;  // the other end of a point-to-point link; else as `local`
  std::string broadcast;
  std::uint32_t metric = 0;  // of the route that comes with it; 0: the kernel's choice
};

// A socket, and with it the network namespace that it was made in.
class RouteSocket {
 public:
  static Result<RouteSocket> open();
  // In the network namespace `netns`; we are there for the length of one socket(2).
  static Result<RouteSocket> open_in(BorrowedFd netns);

  Result<std::vector<NetLink>> links() const;
  Result<std::vector<NetAddress>> addresses(int index) const;
  // To another network namespace, under this name there ("eth%d": the kernel picks a number).
  Result<void> move(int index, BorrowedFd netns, const std::string& name) const;
  Result<void> add_address(int index, const NetAddress& address) const;
  Result<void> set_up(int index) const;

 private:
  explicit RouteSocket(UniqueFd socket) : socket_(std::move(socket)) {}
  // `reply` sees the type and the body of each message of the answer.
  using Reply = std::function<void(std::uint16_t, std::string_view)>;
  Result<void> ask(std::string request, const Reply& reply) const;

  UniqueFd socket_;
};

}  // namespace ctr
