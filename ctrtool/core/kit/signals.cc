// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/signals.h"

#include <signal.h>
#include <strings.h>

#include <algorithm>
#include <array>
#include <optional>

#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"

namespace ctr {
namespace {

// What programs are told, whatever this libc keeps for itself: glibc's SIGRTMIN, which engines use.
constexpr int kRtMin = 34;
constexpr int kRtMax = 64;

struct Row {
  std::string_view name;
  int signal;
};
// The first name of a number is the one to print.
constexpr auto kTable = std::to_array<Row>({
    {"HUP", SIGHUP},       {"INT", SIGINT},    {"QUIT", SIGQUIT},     {"ILL", SIGILL},
    {"TRAP", SIGTRAP},     {"ABRT", SIGABRT},  {"IOT", SIGABRT},      {"BUS", SIGBUS},
    {"FPE", SIGFPE},       {"KILL", SIGKILL},  {"USR1", SIGUSR1},     {"SEGV", SIGSEGV},
    {"USR2", SIGUSR2},     {"PIPE", SIGPIPE},  {"ALRM", SIGALRM},     {"TERM", SIGTERM},
#ifdef SIGSTKFLT
    {"STKFLT", SIGSTKFLT},
#endif
    {"CHLD", SIGCHLD},     {"CLD", SIGCHLD},   {"CONT", SIGCONT},     {"STOP", SIGSTOP},
    {"TSTP", SIGTSTP},     {"TTIN", SIGTTIN},  {"TTOU", SIGTTOU},     {"URG", SIGURG},
    {"XCPU", SIGXCPU},     {"XFSZ", SIGXFSZ},  {"VTALRM", SIGVTALRM}, {"PROF", SIGPROF},
    {"WINCH", SIGWINCH},   {"IO", SIGIO},      {"POLL", SIGIO},       {"PWR", SIGPWR},
    {"SYS", SIGSYS},       {"UNUSED", SIGSYS}, {"RTMIN", kRtMin},     {"RTMAX", kRtMax},
});

std::optional<int> find_name(std::string_view name) {
  const auto same = [&](const Row& row) {
    return row.name.size() == name.size() &&
           ::strncasecmp(row.name.data(), name.data(), name.size()) == 0;
  };
  const auto found = std::ranges::find_if(kTable, same);
  return found != kTable.end() ? std::optional<int>(found->signal) : std::nullopt;
}

// "RTMIN+3", "RTMAX-1": from either end, within the range.
std::optional<int> find_realtime(std::string_view name) {
  const std::size_t sign = name.find_first_of("+-");
  if (sign == std::string_view::npos) return std::nullopt;
  const std::optional<int> base = find_name(name.substr(0, sign));
  const bool up = name[sign] == '+';
  if (base != (up ? kRtMin : kRtMax)) return std::nullopt;
  const Result<std::uint64_t> steps = parse_u64(name.substr(sign + 1), kRtMax - kRtMin);
  if (!steps) return std::nullopt;
  const int distance = static_cast<int>(*steps);
  return up ? kRtMin + distance : kRtMax - distance;
}

}  // namespace

Result<int> parse_signal(std::string_view text) {
  const Result<std::uint64_t> number = parse_u64(text, kRtMax);
  if (number) return static_cast<int>(*number);
  const bool prefixed = text.size() > 3 && ::strncasecmp(text.data(), "SIG", 3) == 0;
  const std::string_view name = prefixed ? text.substr(3) : text;
  std::optional<int> signal = find_name(name);
  if (!signal) signal = find_realtime(name);
  if (!signal) return make_error(Kind::InvalidSpec, "unknown signal %s", quote(text).c_str());
  return *signal;
}

std::string signal_name(int signal) {
  const auto found = std::ranges::find(kTable, signal, &Row::signal);
  if (found != kTable.end()) return "SIG" + std::string(found->name);
  if (signal > kRtMin && signal < kRtMax) return strf("SIGRTMIN+%d", signal - kRtMin);
  return std::to_string(signal);
}

}  // namespace ctr
