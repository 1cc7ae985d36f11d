// SPDX-License-Identifier: Apache-2.0
// Descriptors: owned (UniqueFd) or lent for the length of a call (BorrowedFd). Fd 0 is an fd:
// neither type converts to int or bool.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <utility>

namespace ctr {

class BorrowedFd {
 public:
  constexpr explicit BorrowedFd(int fd) : fd_(fd) {}
  constexpr int raw() const { return fd_; }
  constexpr bool valid() const { return fd_ >= 0; }
  bool operator==(const BorrowedFd&) const = default;

 private:
  int fd_;
};

// "relative to the working directory" for the *at calls.
inline constexpr BorrowedFd kCwd{AT_FDCWD};
inline constexpr BorrowedFd kNoFd{-1};

class UniqueFd {
 public:
  constexpr UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    UniqueFd old(std::move(other));
    std::swap(fd_, old.fd_);
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { reset(); }

  bool valid() const { return fd_ >= 0; }
  BorrowedFd borrow() const { return BorrowedFd(fd_); }
  operator BorrowedFd() const { return borrow(); }  // NOLINT: lending is free
  int raw() const { return fd_; }
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }
  // close(2) is not retried: on Linux the descriptor is gone even after EINTR.
  void reset() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_ = -1;
};

}  // namespace ctr
