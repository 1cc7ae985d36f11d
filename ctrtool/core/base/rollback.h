// SPDX-License-Identifier: Apache-2.0
// What to undo if the function that made something fails later. Undone in reverse order.
#pragma once

#include <functional>
#include <utility>
#include <vector>

namespace ctr {

class Rollback {
 public:
  Rollback() = default;
  Rollback(const Rollback&) = delete;
  Rollback& operator=(const Rollback&) = delete;
  ~Rollback() { run(); }

  void add(std::function<void()> undo) { undo_.push_back(std::move(undo)); }
  // The last line of a function that succeeded.
  void release() { undo_.clear(); }
  void run() {
    while (!undo_.empty()) {
      const std::function<void()> undo = std::move(undo_.back());
      undo_.pop_back();
      undo();
    }
  }

 private:
  std::vector<std::function<void()>> undo_;
};

}  // namespace ctr
