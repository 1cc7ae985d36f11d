// SPDX-License-Identifier: Apache-2.0
// The FIFO through which mini-init is told to start and stop programs: "echo stop web >FIFO" is all
// that a script needs. Who may write is a matter of its mode, 0600.
#pragma once

#include <string>
#include <vector>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"

namespace ctr {

class InitControl {
 public:
  InitControl() = default;
  // A FIFO that is there, of an earlier init, is used again; anything else there is an error.
  static Result<InitControl> open(const std::string& path);

  bool valid() const { return fifo_.valid(); }
  BorrowedFd fd() const { return fifo_.borrow(); }
  // The whole lines that have come.
  std::vector<std::string> lines();
  // Nobody shall find it after the end.
  void remove();

 private:
  std::string path_;
  UniqueFd fifo_;
  std::string begun_;  // a line without its end
};

}  // namespace ctr
