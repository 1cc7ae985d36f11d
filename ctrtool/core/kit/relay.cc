// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/relay.h"

#include <fcntl.h>
#include <linux/major.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/tty.h"

namespace ctr {
namespace {

// What poll(2) promises a pipe to take without blocking.
constexpr std::size_t kPiece = 4096;
constexpr int kLookAgainMs = 100;

// A descriptor of our own for the same pipe or terminal, so that O_NONBLOCK is ours alone. Not a
// pty's master: opening that makes another pty.
UniqueFd open_again(BorrowedFd fd) {
  const Result<struct stat> status = sys::fstat(fd);
  if (!status.ok()) return {};
  const bool terminal = sys::isatty(fd) && status->st_rdev != makedev(TTYAUX_MAJOR, 2);
  if (!S_ISFIFO(status->st_mode) && !terminal) return {};
  Result<UniqueFd> again = sys::open(sys::proc_path(fd), O_WRONLY | O_NONBLOCK | O_NOCTTY);
  return again.ok() ? std::move(again).value() : UniqueFd();
}

// EIO: a terminal without its other side; EPIPE: nobody reads any more.
bool is_hang_up(const Error& error) { return error.code == EIO || error.code == EPIPE; }

bool would_block(const Error& error) { return error.code == EAGAIN || error.code == EINTR; }

}  // namespace

void Transcript::add(std::string_view bytes) {
  if (failure_.has_value()) return;
  const Result<void> written = sys::write_all(file_, bytes);
  if (!written.ok()) failure_ = written.error();
}

Pump::Pump(BorrowedFd from, BorrowedFd to) : own_to_(open_again(to)), from_(from), to_(to) {
  if (own_to_.valid()) to_ = own_to_;
}

pollfd Pump::source() const { return {ended_ || full() ? -1 : from_.raw(), POLLIN, 0}; }

pollfd Pump::sink() const { return {empty() ? -1 : to_.raw(), POLLOUT, 0}; }

Pump::Moved Pump::fill() {
  if (ended_ || full()) return Moved::Nothing;
  const Result<std::size_t> got = sys::read(from_, buffer_.data() + end_, kSize - end_);
  if (!got.ok() && would_block(got.error())) return Moved::Nothing;
  if (!got.ok() && !is_hang_up(got.error())) failure_ = got.error();
  if (!got.ok() || *got == 0) return Moved::Over;
  if (transcript_ != nullptr) transcript_->add({buffer_.data() + end_, *got});
  end_ += *got;
  if (swallow_) discard();
  return Moved::Bytes;
}

Pump::Moved Pump::drain() {
  if (empty()) return Moved::Nothing;
  const std::size_t size = std::min(end_ - begin_, own_to_.valid() ? kSize : kPiece);
  const Result<std::size_t> written = sys::write(to_, {buffer_.data() + begin_, size});
  if (!written.ok() && would_block(written.error())) return Moved::Nothing;
  if (!written.ok() && !is_hang_up(written.error())) failure_ = written.error();
  if (!written.ok()) return Moved::Over;
  if (*written == 0) return Moved::Nothing;
  begin_ += *written;
  last_ = buffer_[begin_ - 1];
  if (empty()) {
    discard();
  } else if (full()) {
    std::copy(buffer_.begin() + begin_, buffer_.end(), buffer_.begin());
    end_ -= std::exchange(begin_, 0);
  }
  return Moved::Bytes;
}

void Pump::put(char byte) {
  if (!full()) buffer_[end_++] = byte;
}

void Pump::swallow() {
  swallow_ = true;
  discard();
}

// --- a terminal ----------------------------------------------------------------------------------

Result<TerminalRelay> TerminalRelay::open(BorrowedFd input, BorrowedFd output, UniqueFd master) {
  TRY(sys::set_nonblocking(master));
  return TerminalRelay(input, output, std::move(master));
}

TerminalRelay::TerminalRelay(BorrowedFd input, BorrowedFd output, UniqueFd master)
    : master_(std::move(master)), in_(input, master_), out_(master_, output) {}

TerminalRelay::Polls TerminalRelay::polls() const {
  Polls polls{in_.source(), in_.sink(), out_.source(), out_.sink()};
  // A hang-up is reported without being asked for, again and again.
  if (write_hung_) polls[1].fd = -1;
  if (read_hung_) polls[2].fd = -1;
  return polls;
}

int TerminalRelay::timeout_ms() const {
  if (program_ended_) return out_.ended() || out_.full() ? -1 : 0;
  return read_hung_ || write_hung_ ? kLookAgainMs : -1;
}

void TerminalRelay::step(const Polls& polled) {
  if (polled[3].revents != 0 && out_.drain() == Pump::Moved::Over) out_.swallow();
  if (polled[2].revents != 0 || read_hung_ || program_ended_) read_terminal();
  if (program_ended_) return;
  if (polled[0].revents != 0 && in_.fill() == Pump::Moved::Over) in_.end();
  if (polled[1].revents != 0 || write_hung_) write_hung_ = in_.drain() == Pump::Moved::Over;
  if (in_.finished() && !std::exchange(end_passed_, true)) pass_end_of_input();
}

void TerminalRelay::program_ended() {
  program_ended_ = true;
  in_.end();
  in_.discard();
}

void TerminalRelay::read_terminal() {
  if (out_.full()) return;
  const Pump::Moved moved = out_.fill();
  read_hung_ = moved == Pump::Moved::Over;
  // Reading looks for bytes on their way, too: nothing now means nothing more.
  if (program_ended_ && (moved != Pump::Moved::Bytes || --rounds_left_ == 0)) out_.end();
}

// What a user would type. Programs that took the terminal out of line mode read keys, not files:
// nothing would tell them.
void TerminalRelay::pass_end_of_input() {
  const Result<termios> settings = sys::tcgetattr(master_);
  if (!settings.ok() || (settings->c_lflag & ICANON) == 0) return;
  const char key = static_cast<char>(settings->c_cc[VEOF]);
  if (key == _POSIX_VDISABLE) return;
  if (!in_.at_line_start()) in_.put(key);  // the first one only ends the line
  in_.put(key);
}

Result<void> TerminalRelay::copy_size(BorrowedFd tty) const {
  const winsize size = TRY(sys::get_window_size(tty));
  return sys::set_window_size(master_, size);
}

}  // namespace ctr
