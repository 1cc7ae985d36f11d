// SPDX-License-Identifier: Apache-2.0
// Copying bytes between a caller's descriptors and a program's, in somebody else's poll(2) loop:
// no byte is lost, nothing blocks, and nothing that cannot go on is polled (so that no loop spins).
#pragma once

#include <poll.h>

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"

namespace ctr {

// A record of what went through, beside. When it cannot be written the bytes go on all the same.
class Transcript {
 public:
  explicit Transcript(UniqueFd file) : file_(std::move(file)) {}
  void add(std::string_view bytes);  // nothing more after a failure
  const std::optional<Error>& failure() const { return failure_; }

 private:
  UniqueFd file_;
  std::optional<Error> failure_;
};

// One direction: from → buffer → to. Callers' descriptors are not made non-blocking, for others
// share them: where possible the sink is opened again, else written to in pieces that a poll(2) has
// vouched for. (Not the source: a pipe opened again after its last writer left has no end.)
class Pump {
 public:
  Pump(BorrowedFd from, BorrowedFd to);

  // What to poll for; fd -1: nothing. POLLHUP and POLLERR count as ready.
  pollfd source() const;
  pollfd sink() const;
  enum class Moved { Bytes, Nothing, Over };  // Over: the end of the source; a sink that is gone
  // One read or one write, when poll(2) said so.
  Moved fill();
  Moved drain();

  void record(Transcript* transcript) { transcript_ = transcript; }
  void put(char byte);           // as if it had been read
  void end() { ended_ = true; }  // reads no more
  void discard() { begin_ = end_ = 0; }
  // The sink is gone. What comes is dropped, as by a closed terminal: the program must not block.
  void swallow();
  // What has ended it, if that was neither an end nor somebody who hung up.
  const std::optional<Error>& failure() const { return failure_; }
  bool ended() const { return ended_; }
  bool empty() const { return begin_ == end_; }
  bool full() const { return end_ == kSize; }
  bool finished() const { return ended_ && empty(); }
  bool at_line_start() const { return last_ == '\n'; }  // of what went through

 private:
  static constexpr std::size_t kSize = 16384;

  UniqueFd own_to_;  // opened again, non-blocking
  BorrowedFd from_;
  BorrowedFd to_;
  std::vector<char> buffer_ = std::vector<char>(kSize);  // on the heap: pumps lie on stacks
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  char last_ = '\n';
  bool ended_ = false;
  bool swallow_ = false;
  Transcript* transcript_ = nullptr;
  std::optional<Error> failure_;
};

// input → terminal → output, until the program is gone and its last byte delivered.
class TerminalRelay {
 public:
  // `master` is ours alone: it becomes non-blocking.
  static Result<TerminalRelay> open(BorrowedFd input, BorrowedFd output, UniqueFd master);

  using Polls = std::array<pollfd, 4>;
  Polls polls() const;
  int timeout_ms() const;  // how long poll(2) may sleep; -1: for ever
  // After poll(2), also when it timed out.
  void step(const Polls& polled);

  // What the program writes.
  void record(Transcript* transcript) { out_.record(transcript); }
  // From now on input is dropped and only what the terminal holds is delivered.
  void program_ended();
  bool finished() const { return program_ended_ && out_.finished(); }

  // What broke the caller's side, as of a Pump.
  const std::optional<Error>& input_failure() const { return in_.failure(); }
  const std::optional<Error>& output_failure() const { return out_.failure(); }

  Result<void> copy_size(BorrowedFd tty) const;

 private:
  TerminalRelay(BorrowedFd input, BorrowedFd output, UniqueFd master);
  void read_terminal();
  void pass_end_of_input();

  UniqueFd master_;
  Pump in_;
  Pump out_;
  // Nobody has the slave open. It may be opened again as long as the program lives.
  bool read_hung_ = false;
  bool write_hung_ = false;
  bool end_passed_ = false;
  bool program_ended_ = false;
  // Reads after the end: more than a pty can hold, for others may write on and on.
  unsigned rounds_left_ = 64;
};

}  // namespace ctr
