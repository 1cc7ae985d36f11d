// SPDX-License-Identifier: Apache-2.0
// Waiting for the kernel to kill somebody in a cgroup for want of memory. v2: memory.events can be
// polled (cgroup-v2.rst, "memory.events"); v1: an eventfd is registered for memory.oom_control
// (cgroup-v1/memory.rst, section 10).
#pragma once

#include <poll.h>

#include <cstdint>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"
#include "ctrtool/core/kit/cgroup.h"

namespace ctr {

class OomWatch {
 public:
  // Kind::Unsupported: the cgroup has no memory controller.
  static Result<OomWatch> open(const Cgroup& cgroup);

  // What to poll for; then take() says how many were killed since it was last asked (or opened).
  pollfd wanted() const;
  std::uint64_t take();

 private:
  OomWatch(UniqueFd file, UniqueFd event) : file_(std::move(file)), event_(std::move(event)) {}
  std::uint64_t kills() const;

  UniqueFd file_;   // memory.events or memory.oom_control
  UniqueFd event_;  // v1 only
  std::uint64_t seen_ = 0;
};

}  // namespace ctr
