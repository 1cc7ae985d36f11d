// SPDX-License-Identifier: Apache-2.0
// A mount point anywhere in the tree, exchanged for another mount by pivot_root(2) in a helper
// whose root is there.
#pragma once

#include <optional>
#include <string>

#include "ctrtool/cmd/words.h"
#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"

namespace ctr {

struct ChrootPivot {
  std::string root;      // the mount point; "/": our own root
  std::string new_root;  // as seen from there
  std::string put_old;
  BorrowedFd root_fd = kNoFd;      // instead of `root`
  BorrowedFd new_root_fd = kNoFd;  // instead of `new_root`
  bool bind = false;               // new_root is bound over itself if it is no mount point
  bool detach = false;             // what is put away
  bool make_private = false;
};

// How far it came.
enum class PivotStage : int { Helper = 1, Root = 2, Pivot = 3, After = 4 };
struct PivotFailure {
  PivotStage stage;
  Error error;
};
// Nothing: done.
std::optional<PivotFailure> chroot_pivot(const ChrootPivot& request);

extern const Manual kChrootPivotManual;
int run_chroot_pivot(const Words& argv);

}  // namespace ctr
