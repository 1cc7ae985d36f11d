// SPDX-License-Identifier: Apache-2.0
// A caller may ignore SIGCHLD, and the kernel would reap our children for us, their status lost.
#pragma once

#include <signal.h>

namespace ctr {

// SIGCHLD as usual, and as it was when this goes.
class ReapOurselves {
 public:
  ReapOurselves() {
    struct sigaction normal {};
    normal.sa_handler = SIG_DFL;
    ::sigaction(SIGCHLD, &normal, &before_);
  }
  ReapOurselves(const ReapOurselves&) = delete;
  ReapOurselves& operator=(const ReapOurselves&) = delete;
  ~ReapOurselves() { ::sigaction(SIGCHLD, &before_, nullptr); }

 private:
  struct sigaction before_ {};
};

}  // namespace ctr
