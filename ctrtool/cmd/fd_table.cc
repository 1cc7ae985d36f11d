// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/cmd/fd_table.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string>

#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/file.h"

namespace ctr {
namespace {

constexpr int kFirst = STDERR_FILENO + 1;

Result<std::vector<int>> listed_fds() {
  const UniqueFd dir = TRY(sys::open("/proc/self/fd", O_RDONLY | O_DIRECTORY));
  const std::vector<sys::DirEntry> entries = TRY(sys::list_dir(dir));
  std::vector<int> numbers;
  for (const sys::DirEntry& entry : entries) {
    const Result<int> number = parse_number<int>(entry.name);
    if (number.ok() && *number != dir.raw()) numbers.push_back(*number);
  }
  return numbers;
}

// close_range(2) is Linux 5.9, and seccomp profiles older than it say EPERM.
Result<void> drop_one_by_one(unsigned first, unsigned last, bool close) {
  const std::vector<int> open = TRY(listed_fds());
  for (const int fd : open) {
    if (static_cast<unsigned>(fd) < first || static_cast<unsigned>(fd) > last) continue;
    if (close) {
      ::close(fd);
    } else {
      TRY(sys::set_cloexec(BorrowedFd(fd), true));
    }
  }
  return {};
}

Result<void> drop(unsigned first, unsigned last, OtherFds others) {
  if (first > last) return {};
  const bool close = others == OtherFds::Close;
  const Result<void> dropped =
      sys::close_range(first, last, close ? 0U : static_cast<unsigned>(CLOSE_RANGE_CLOEXEC));
  if (dropped.ok()) return {};
  TRY_CTX(drop_one_by_one(first, last, close), "close descriptors from %u on", first);
  return {};
}

Result<void> drop_others(std::vector<int> kept, OtherFds others) {
  if (others == OtherFds::Keep) return {};
  std::sort(kept.begin(), kept.end());
  unsigned first = kFirst;
  for (const int fd : kept) {
    if (fd < kFirst) continue;
    const unsigned number = static_cast<unsigned>(fd);
    if (number > first) TRY(drop(first, number - 1, others));
    first = number + 1;
  }
  return drop(first, ~0U, others);
}

// The kernel hands out the lowest free number: those too low are held until one is high enough.
Result<UniqueFd> copy_above(BorrowedFd fd, int lowest) {
  std::vector<UniqueFd> too_low;
  while (true) {
    UniqueFd copy = TRY(sys::dup(fd));
    if (copy.raw() >= lowest) return copy;
    too_low.push_back(std::move(copy));
  }
}

}  // namespace

std::vector<int> open_fds() {
  Result<std::vector<int>> listed = listed_fds();
  if (listed.ok()) return std::move(*listed);
  constexpr int kBlind = 4096;
  std::vector<int> numbers;
  for (int fd = 0; fd < kBlind; ++fd)
    if (::fcntl(fd, F_GETFD) >= 0) numbers.push_back(fd);
  return numbers;
}

Result<void> arrange_fds(const std::vector<FdMove>& moves, OtherFds others) {
  std::vector<int> targets;
  for (const FdMove& move : moves) {
    const Result<struct stat> open = sys::fstat(move.from);
    if (!open.ok()) return sys_error(open.error().code, "descriptor %d", move.from.raw());
    targets.push_back(move.to);
  }
  const int above = std::max(kFirst, targets.empty() ? 0 : *std::ranges::max_element(targets) + 1);
  // Copies first, all of them above every target: no order can then overwrite a source.
  std::vector<UniqueFd> copies;
  for (const FdMove& move : moves) {
    UniqueFd copy = TRY(copy_above(move.from, above));
    copies.push_back(std::move(copy));
  }
  for (std::size_t i = 0; i < moves.size(); ++i) TRY(sys::dup2(copies[i], moves[i].to));
  copies.clear();
  return drop_others(std::move(targets), others);
}

void announce_fds(std::size_t count, const std::string& names) {
  ::setenv("LISTEN_PID", strf("%d", ::getpid()).c_str(), 1);
  ::setenv("LISTEN_FDS", strf("%zu", count).c_str(), 1);
  if (!names.empty()) ::setenv("LISTEN_FDNAMES", names.c_str(), 1);
}

}  // namespace ctr
