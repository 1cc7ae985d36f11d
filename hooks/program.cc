// SPDX-License-Identifier: Apache-2.0
#include "hooks/program.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <limits>
#include <utility>

#include "ctrtool/core/base/error.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/exec/child.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/process.h"

namespace hooks {
namespace {

using ctr::BorrowedFd;
using ctr::Error;
using ctr::Result;
using ctr::UniqueFd;
namespace sys = ctr::sys;

// --- in the child --------------------------------------------------------------------------------

constexpr int kFailureFd = 3;  // after the sweep

Result<void> take_stdio(const Stdio& stdio) {
  if (stdio.in.valid()) TRY(sys::dup2(stdio.in, STDIN_FILENO));
  if (stdio.out.valid()) TRY(sys::dup2(stdio.out, STDOUT_FILENO));
  if (stdio.err.valid()) TRY(sys::dup2(stdio.err, STDERR_FILENO));
  return {};
}

Result<void> enter_place(const Program& program) {
  if (program.root.valid()) {
    TRY(sys::fchdir(program.root));
    TRY(sys::chroot("."));
  }
  // A bundle that went away must not stop a poststop hook.
  if (!program.cwd.empty() && !sys::chdir(program.cwd).ok()) TRY(sys::chdir("/"));
  return {};
}

// startContainer hooks are started under the container's own seccomp filter, and profiles are often
// older than the calls that we like: they deny what they do not know, and answer ENOSYS for clone3
// because they cannot look at its flags.
bool denied_by_filter(const Error& error) { return error.code == EPERM || error.code == ENOSYS; }

// Closing, not only marking: CLOSE_RANGE_CLOEXEC came with Linux 5.11. Where it is denied, the
// container's process has marked everything before its filter was installed.
Result<UniqueFd> sweep(UniqueFd failure) {
  if (failure.raw() != kFailureFd) {
    TRY(sys::dup2(failure, kFailureFd));
    failure = UniqueFd(kFailureFd);
    TRY(sys::set_cloexec(failure, true));
  }
  Result<void> closed = sys::close_range(kFailureFd + 1, std::numeric_limits<unsigned>::max(), 0);
  if (!closed.ok() && !denied_by_filter(closed.error())) return std::move(closed).error();
  return failure;
}

Result<void> behave_as_stranger() {
  TRY(sys::setsid());
  return sys::reset_signals();
}

Result<void> become(const Program& program, const Stdio& stdio, UniqueFd& failure) {
  TRY(take_stdio(stdio));
  TRY(enter_place(program));
  if (program.manners == Manners::Stranger) {
    TRY(behave_as_stranger());
    failure = TRY(sweep(std::move(failure)));
  }
  TRY(make_inheritable(program.inherit));
  // Only the shell's kin fall back to /bin/sh for a file without "#!".
  if (program.manners == Manners::Stranger)
    return sys::execve(program.path, program.argv, program.env);
  return sys::execvpe(program.path, program.argv, program.env);
}

[[noreturn]] void child_side(const Program& program, const Stdio& stdio, UniqueFd failure) {
  const Result<void> done = become(program, stdio, failure);
  // No more than the pipe holds: it is read when we have ended.
  constexpr std::size_t kMost = 16U << 10;
  (void)sys::write_all(failure, ctr::encode_error(done.error()).substr(0, kMost));
  ctr::child_exit(127);
}

// --- in the parent -------------------------------------------------------------------------------

Result<sys::Cloned> clone_process() {
  Result<sys::Cloned> cloned = sys::clone3(0, ctr::kNoFd);
  if (cloned.ok() || !denied_by_filter(cloned.error())) return cloned;
  return sys::clone(0);
}

// A hook that does not read its stdin is not our failure, and certainly not our death.
class IgnoreSigpipe {
 public:
  IgnoreSigpipe() {
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    ::sigaction(SIGPIPE, &ignore, &before_);
  }
  IgnoreSigpipe(const IgnoreSigpipe&) = delete;
  IgnoreSigpipe& operator=(const IgnoreSigpipe&) = delete;
  ~IgnoreSigpipe() { ::sigaction(SIGPIPE, &before_, nullptr); }

 private:
  struct sigaction before_ {};
};

// Its stdin: as much as it takes, whenever it takes it.
class Feeder {
 public:
  Feeder(UniqueFd to, std::string_view text) : to_(std::move(to)), rest_(text) {
    if (rest_.empty()) to_.reset();
  }
  pollfd wanted() const { return {to_.raw(), POLLOUT, 0}; }
  void step() {
    const Result<std::size_t> written = sys::write(to_, rest_);
    if (written.ok()) rest_.remove_prefix(*written);
    const bool later = !written.ok() && written.error().code == EAGAIN;
    if (!later && (!written.ok() || rest_.empty())) to_.reset();
  }

 private:
  UniqueFd to_;
  std::string_view rest_;
};

// Its stdout or stderr: read to the end, kept in part.
class Capture {
 public:
  Capture(UniqueFd from, BorrowedFd copy) : from_(std::move(from)), copy_(copy) {}
  pollfd wanted() const { return {from_.raw(), POLLIN, 0}; }

  // False: nothing there now, or nothing any more.
  bool step() {
    std::array<char, 16384> buffer;
    const Result<std::size_t> got = sys::read(from_, buffer.data(), buffer.size());
    if (got.ok() && *got > 0) {
      const std::string_view data(buffer.data(), *got);
      if (copy_.valid()) (void)sys::write_all(copy_, data);
      keep(data);
      return true;
    }
    if (got.ok() || got.error().code != EAGAIN) from_.reset();
    return false;
  }

  // After the program's end: what it left in the pipe, but not for ever, should others write on.
  std::string finish() {
    constexpr int kMost = 64;  // four times what a pipe holds
    for (int i = 0; i < kMost && from_.valid(); ++i)
      if (!step()) break;
    from_.reset();
    return text();
  }

 private:
  static constexpr std::size_t kKept = 4096;

  void keep(std::string_view data) {
    const std::size_t first = std::min(data.size(), kKept - head_.size());
    head_ += data.substr(0, first);
    data.remove_prefix(first);
    if (data.size() > kKept) {
      left_out_ += data.size() - kKept;
      data.remove_prefix(data.size() - kKept);
    }
    tail_ += data;
    if (tail_.size() <= kKept) return;
    left_out_ += tail_.size() - kKept;
    tail_.erase(0, tail_.size() - kKept);
  }

  std::string text() const {
    if (left_out_ == 0) return head_ + tail_;
    return head_ + ctr::strf(" [%zu bytes left out] ", left_out_) + tail_;
  }

  UniqueFd from_;
  BorrowedFd copy_;
  std::string head_;
  std::string tail_;
  std::size_t left_out_ = 0;
};

class Deadline {
 public:
  explicit Deadline(std::optional<int> seconds) {
    if (seconds.has_value()) at_ = Clock::now() + std::chrono::seconds(*seconds);
  }
  bool passed() const { return at_.has_value() && Clock::now() >= *at_; }
  int left_ms() const {  // for poll(2), which takes no more than 24 days
    if (!at_.has_value()) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*at_ - Clock::now()).count();
    constexpr auto kLongest = std::numeric_limits<int>::max();
    return static_cast<int>(std::clamp<decltype(left)>(left, 0, kLongest));
  }

 private:
  using Clock = std::chrono::steady_clock;
  std::optional<Clock::time_point> at_;
};

enum class End : std::uint8_t { OfProgram, OfTime, Interrupted };

Result<End> converse(BorrowedFd pidfd, Feeder& in, Capture& out, Capture& err,
                     const Deadline& deadline, BorrowedFd interrupted) {
  while (!deadline.passed()) {
    std::array<pollfd, 5> fds{{{pidfd.raw(), POLLIN, 0},
                               in.wanted(),
                               out.wanted(),
                               err.wanted(),
                               {interrupted.raw(), POLLIN, 0}}};
    TRY(sys::poll(fds, deadline.left_ms()));
    if (fds[0].revents != 0) return End::OfProgram;
    if (fds[4].revents != 0) return End::Interrupted;
    if (fds[1].revents != 0) in.step();
    if (fds[2].revents != 0) out.step();
    if (fds[3].revents != 0) err.step();
  }
  return End::OfTime;
}

// The container's init is the parent of what a hook leaves behind: it must not start with zombies.
void reap_orphans() {
  if (::getpid() != 1) return;
  while (sys::reap_any().has_value()) {
  }
}

}  // namespace

Result<void> make_inheritable(const std::vector<BorrowedFd>& fds) {
  for (const BorrowedFd fd : fds)
    if (fd.valid()) TRY(sys::set_cloexec(fd, false));
  return {};
}

Child::Child(pid_t pid, UniqueFd pidfd, UniqueFd failure, Manners manners)
    : pid_(pid), pidfd_(std::move(pidfd)), failure_(std::move(failure)), manners_(manners) {}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::move(other.pidfd_)),
      failure_(std::move(other.failure_)),
      manners_(other.manners_) {}

Child::~Child() {
  if (pid_ < 0) return;
  kill();
  (void)sys::waitpid(pid_, 0);
}

Result<Child> Child::start(const Program& program, const Stdio& stdio) {
  sys::Pipe failure = TRY(sys::pipe());
  sys::Cloned cloned = TRY(clone_process());
  if (cloned.pid == 0) child_side(program, stdio, std::move(failure.write));
  return Child(cloned.pid, std::move(cloned.pidfd), std::move(failure.read), program.manners);
}

void Child::kill() const {
  // Before it is reaped nobody else can have its number. It may not have its group yet: both.
  if (manners_ == Manners::Stranger) (void)sys::kill_group(pid_, SIGKILL);
  (void)sys::pidfd_send_signal(pidfd_, SIGKILL);
}

Result<int> Child::wait() {
  const std::optional<int> status = TRY(sys::waitpid(std::exchange(pid_, -1), 0));
  const std::string failure = TRY(sys::read_all(failure_));
  const std::optional<Error> error = ctr::decode_error(failure);
  if (error.has_value()) return *error;
  return status.value_or(0);
}

Result<Finished> run_program(const Program& program, std::string_view input,
                             std::optional<int> timeout_s, const Copies& copies,
                             BorrowedFd interrupted) {
  const IgnoreSigpipe guard;
  sys::Pipe in = TRY(sys::pipe());
  sys::Pipe out = TRY(sys::pipe());
  sys::Pipe err = TRY(sys::pipe());
  TRY(sys::set_nonblocking(in.write));
  TRY(sys::set_nonblocking(out.read));
  TRY(sys::set_nonblocking(err.read));
  const Deadline deadline(timeout_s);
  Child child = TRY(Child::start(program, {in.read, out.write, err.write}));
  in.read.reset();
  out.write.reset();
  err.write.reset();
  Feeder feeder(std::move(in.write), input);
  Capture said(std::move(out.read), copies.out);
  Capture complained(std::move(err.read), copies.err);
  Finished finished;
  const End end = TRY(converse(child.pidfd(), feeder, said, complained, deadline, interrupted));
  finished.timed_out = end == End::OfTime;
  finished.interrupted = end == End::Interrupted;
  if (end != End::OfProgram) child.kill();
  finished.status = TRY(child.wait());
  finished.out = said.finish();
  finished.err = complained.finish();
  reap_orphans();
  return finished;
}

std::vector<std::string> own_environment() {
  std::vector<std::string> out;
  for (char** variable = environ; *variable != nullptr; ++variable) out.emplace_back(*variable);
  return out;
}

}  // namespace hooks
