// SPDX-License-Identifier: Apache-2.0
// Where the time goes: spans of both halves on the monotonic clock. They are kept in memory that
// the halves share, so the parent also sees when the child began the step that it never comes back
// from, execve. Nothing passes on to the program: no descriptor, no mapping, no variable.
//
// A half in a time namespace with offsets has a clock of its own from there on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ctrtool/core/base/result.h"

namespace ctr {

struct ContainerPlan;

class Trace {
 public:
  enum class Half : std::uint8_t { Parent, Child };
  static constexpr std::uint32_t kNoStep = ~0U;

  struct Span {
    std::uint64_t begin;  // nanoseconds
    std::uint64_t end;    // 0: not over yet
    const char* name;     // a literal; null for a step
    std::uint32_t step;   // its place in the plan
  };

  // From construction to destruction. Costs nothing but a comparison when there is no trace.
  class Scope {
   public:
    Scope(Trace* trace, const char* name)
        : span_(trace != nullptr ? trace->begin(Half::Parent, name, kNoStep) : nullptr) {}
    Scope(Trace* trace, Half half, std::size_t step)
        : span_(trace != nullptr ? trace->begin(half, nullptr, static_cast<std::uint32_t>(step))
                                 : nullptr) {}
    ~Scope() { end(); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
    void end() {
      if (span_ != nullptr) Trace::end(*std::exchange(span_, nullptr));
    }

   private:
    Span* span_;
  };

  // A step as people read it; kept because the plan is gone when the trace is written.
  struct StepText {
    std::string phase, op, text, source;
  };

  static Result<Trace> make();
  Trace(Trace&& other) noexcept : lanes_(std::exchange(other.lanes_, nullptr)) {}
  Trace& operator=(Trace&&) = delete;
  ~Trace();

  void describe(const ContainerPlan& plan);
  const std::vector<StepText>& steps() const { return steps_; }
  // The program runs, or the child is dead: what the child had not ended is over.
  void end_child();
  // In the order in which they began. What no longer fitted is missing.
  std::span<const Span> spans(Half half) const;

 private:
  struct Lane;
  explicit Trace(Lane* lanes) : lanes_(lanes) {}

  Span* begin(Half half, const char* name, std::uint32_t step);
  static void end(Span& span);

  Lane* lanes_;  // two of them
  std::vector<StepText> steps_;
};

}  // namespace ctr
