// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/sys/show.h"

#include "ctrtool/core/base/strf.h"

namespace ctr::sys {

std::string show(BorrowedFd fd) {
  if (fd == kCwd) return "the working directory";
  char target[256];
  const ssize_t length =
      ::readlink(strf("/proc/self/fd/%d", fd.raw()).c_str(), target, sizeof target);
  if (length <= 0) return strf("fd %d", fd.raw());
  return strf("fd %d (%s)", fd.raw(), escape({target, static_cast<std::size_t>(length)}).c_str());
}

std::string show_at(BorrowedFd dir, const std::string& path) {
  if (path.empty()) return show(dir);
  if (dir == kCwd || path.front() == '/') return quote(path);
  return quote(path) + " in " + show(dir);
}

}  // namespace ctr::sys
