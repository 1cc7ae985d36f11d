// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/exec/trace.h"

#include <sys/mman.h>
#include <time.h>

#include <cerrno>

#include "ctrtool/core/plan/plan.h"

namespace ctr {

// Pages that are never written are never there: the room costs nothing.
struct Trace::Lane {
  static constexpr std::uint32_t kRoom = 1U << 15U;

  std::uint32_t count;
  Span spans[kRoom];
};

namespace {

std::uint64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace

Result<Trace> Trace::make() {
  void* const shared = ::mmap(nullptr, 2 * sizeof(Lane), PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (shared == MAP_FAILED) return sys_error(errno, "mmap of the trace");
  return Trace(static_cast<Lane*>(shared));
}

Trace::~Trace() {
  if (lanes_ != nullptr) ::munmap(lanes_, 2 * sizeof(Lane));
}

void Trace::describe(const ContainerPlan& plan) {
  steps_.clear();
  for (const Step& step : plan.steps)
    steps_.push_back({std::string(to_string(step.phase)), std::string(op_name(step.op)),
                      ctr::describe(step.op), step.source});
}

Trace::Span* Trace::begin(Half half, const char* name, std::uint32_t step) {
  Lane& lane = lanes_[static_cast<std::size_t>(half)];
  if (lane.count == Lane::kRoom) return nullptr;
  Span& span = lane.spans[lane.count++];
  span = {now_ns(), 0, name, step};
  return &span;
}

// A clone comes back twice, and both halves end its span: the first one counts.
void Trace::end(Span& span) {
  if (span.end == 0) span.end = now_ns();
}

void Trace::end_child() {
  Lane& lane = lanes_[static_cast<std::size_t>(Half::Child)];
  for (Span& span : std::span(lane.spans, lane.count)) end(span);
}

std::span<const Trace::Span> Trace::spans(Half half) const {
  const Lane& lane = lanes_[static_cast<std::size_t>(half)];
  return {lane.spans, lane.count};
}

}  // namespace ctr
