// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/exec/signals.h"

#include <signal.h>

#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/file.h"

namespace ctr {

Result<std::uint64_t> ignored_signals() {
  // Not /proc/self/stat: its mask ends with signal 31 (proc(5)).
  const std::string status = TRY(sys::read_file_at(kCwd, "/proc/self/status"));
  constexpr std::string_view kKey = "\nSigIgn:\t";
  constexpr std::size_t kDigits = 16;
  const std::size_t at = status.find(kKey);
  if (at == std::string::npos || at + kKey.size() + kDigits > status.size())
    return make_error(Kind::System, "/proc/self/status: unknown format");
  constexpr int kHex = 16;
  return parse_number<std::uint64_t>(std::string_view(status).substr(at + kKey.size(), kDigits),
                                     kHex);
}

void stop_ignoring(std::uint64_t ignored) {
  for (int signal = 1; signal <= 64; ++signal)
    if ((ignored >> (signal - 1) & 1) != 0) ::signal(signal, SIG_DFL);
}

void unblock_signals() {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

}  // namespace ctr
