// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/cmd/init_control.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/file.h"

namespace ctr {

Result<InitControl> InitControl::open(const std::string& path) {
  constexpr mode_t kMode = 0600;
  const Result<void> made = sys::mknodat(kCwd, path, S_IFIFO | kMode, 0);
  if (!made.ok() && made.error().code != EEXIST) return made.error();
  InitControl control;
  // For writing too: with a writer always there, the end of one script's words is no end of file.
  control.fifo_ = TRY(sys::open(path, O_RDWR | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW));
  const struct stat status = TRY(sys::fstat(control.fifo_));
  if (!S_ISFIFO(status.st_mode)) return sys_error(EEXIST, "make the FIFO %s", quote(path).c_str());
  control.path_ = path;
  return control;
}

std::vector<std::string> InitControl::lines() {
  constexpr std::size_t kLongest = 4096;  // PIPE_BUF: what one write brings in one piece
  char buffer[kLongest];
  const Result<std::size_t> got = sys::read(fifo_, buffer, sizeof buffer);
  if (got.ok()) begun_.append(buffer, *got);
  std::vector<std::string> whole;
  for (std::size_t end = 0; (end = begun_.find('\n')) != std::string::npos;) {
    whole.push_back(begun_.substr(0, end));
    begun_.erase(0, end + 1);
  }
  if (begun_.size() > kLongest) begun_.clear();
  return whole;
}

void InitControl::remove() {
  if (fifo_.valid()) (void)sys::unlinkat(kCwd, path_, 0);
  fifo_.reset();
}

}  // namespace ctr
