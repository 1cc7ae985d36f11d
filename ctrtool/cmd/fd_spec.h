// SPDX-License-Identifier: Apache-2.0
// How options name a descriptor:
//   N      the caller's descriptor N, kept inheritable
//   /VAR   its number is in the environment variable VAR; both are kept
//   :VAR   the same, but VAR is removed and the descriptor becomes ours alone (close-on-exec, if
//          it is not 0, 1 or 2)
//   =PATH  PATH is opened, for us alone
#pragma once

#include <fcntl.h>

#include <string>
#include <string_view>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"

namespace ctr {

class FdArgument {
 public:
  explicit FdArgument(BorrowedFd given) : given_(given) {}
  explicit FdArgument(UniqueFd opened) : given_(opened), opened_(std::move(opened)) {}
  BorrowedFd fd() const { return given_; }
  // The number is somebody else's from now on.
  void forget() { [[maybe_unused]] const int fd = opened_.release(); }

 private:
  BorrowedFd given_;
  UniqueFd opened_;  // of =PATH
};

// What is wrong with the text, the variable or a closed descriptor is Kind::InvalidSpec and named;
// only a path that cannot be opened is Kind::System. `flags`: for =PATH.
Result<FdArgument> take_fd(std::string_view spec, int flags = O_RDONLY | O_NOCTTY | O_NONBLOCK);

// The number alone, of N, /VAR or :VAR (which is removed), not looked at: for those that check by
// themselves.
Result<int> take_fd_number(std::string_view spec);

// Makes the descriptor survive an exec (or not, `inheritable` false).
Result<void> set_inheritable(BorrowedFd fd, bool inheritable);

}  // namespace ctr
