// SPDX-License-Identifier: Apache-2.0
// Descriptors for the next stage: CTRTOOL_<APPLET>_FD_<n> in the environment.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"

namespace ctr {

// N: move the descriptor there; an open N is an error unless "N!" says that it may go.
struct FixedFd {
  int number;
  bool replace = false;
};
Result<FixedFd> parse_fixed_fd(std::string_view text);
// Before anything of ours is opened, which might get the number.
Result<void> reserve(FixedFd& fixed);

struct Export {
  std::string variable{};          // one more name, besides the numbered one
  std::optional<FixedFd> fixed{};  // else wherever it is
};

class Exports {
 public:
  // `applet`: as in the variables, "MAKE_NS". Variables of an earlier call with n >= offset go.
  Exports(std::string_view applet, unsigned offset);

  // The descriptor of the next item: inheritable from now on, and nobody's but the next stage's.
  Result<void> add(UniqueFd fd, const Export& how = {});
  // An item without a descriptor leaves a gap; "-1": there is one, but it is not passed on.
  void skip() { ++next_; }
  void withhold();
  // CTRTOOL_<APPLET>_COUNT: the offset and all items.
  void finish() const;

 private:
  void set(const std::string& value, const Export& how);

  std::string prefix_;
  unsigned next_;
};

// Removes the variables of ctrtool that hold numbers of descriptors, except those of `kept`.
void forget_descriptors(const std::vector<int>& kept);

}  // namespace ctr
