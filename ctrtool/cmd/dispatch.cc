// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "ctrtool/applets.h"
#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"

namespace ctr {
namespace {

constexpr int kDispatchFailed = 255;

// Closed descriptors 0 to 2 become event counters, which neither read nor write anything useful,
// and stay so for what is executed later.
bool guard_standard_fds() {
  while (true) {
    const int fd = ::eventfd(0, EFD_NONBLOCK);
    if (fd < 0) return false;
    if (fd > STDERR_FILENO) {
      ::close(fd);
      return true;
    }
  }
}

void say(int fd, const std::string& text) {
  [[maybe_unused]] const ssize_t written = ::write(fd, text.data(), text.size());
}

std::string usage() {
  std::string text = "Usage: ctrtool APPLET [ARG...]\n\nApplets:\n";
  for (const Applet& applet : applets()) text += strf("  %-14s  %s\n", applet.name, applet.help);
  return text;
}

const Applet* find_applet(std::string_view name) {
  for (const Applet& applet : applets())
    if (name == applet.name) return &applet;
  return nullptr;
}

std::string_view base_name(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

// Whether the program's name picks the applet, rather than the first word.
bool name_picks(std::string_view program) {
  const char* off = std::getenv("CTRTOOL_OVERRIDE_ARGV0_LOOKUP");
  if (off != nullptr && parse_number<std::uint64_t>(off, 0).ok() && std::string_view(off) != "0")
    return false;
  return !program.starts_with("ctrtool") && program != "exe";
}

int run_applet(std::string_view word, int argc, char** argv) {
  const Applet* applet = find_applet(base_name(word));
  if (applet != nullptr) return applet->run(argc, argv);
  say(STDERR_FILENO, "ctrtool: unknown applet " + quote(word) +
                         " (CTRTOOL_OVERRIDE_ARGV0_LOOKUP=1 takes it from the first argument)\n");
  return kDispatchFailed;
}

}  // namespace

std::span<const Applet> applets() { return {}; }

bool is_applet(std::string_view name) { return find_applet(name) != nullptr; }

int ctrtool_main(int argc, char** argv) {
  if (!guard_standard_fds()) return kDispatchFailed;
  const std::string_view program = argc > 0 ? base_name(argv[0]) : "ctrtool";
  if (name_picks(program)) return run_applet(program, argc, argv);
  if (argc < 2) {
    say(STDERR_FILENO, usage());
    return kDispatchFailed;
  }
  const std::string_view word = argv[1];
  if (word == "help" || word == "--help" || word == "-h") {
    say(STDOUT_FILENO, usage());
    return 0;
  }
  if (word == "--version") {
    say(STDOUT_FILENO, "ctrtool version " OCICTR_VERSION "\n");
    return 0;
  }
  return run_applet(word, argc - 1, argv + 1);
}

}  // namespace ctr
