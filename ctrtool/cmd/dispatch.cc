// SPDX-License-Identifier: Apache-2.0
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <string>

#include "ctrtool/applets.h"
#include "ctrtool/cmd/all.h"
#include "ctrtool/cmd/chroot_pivot.h"
#include "ctrtool/cmd/debug_shell.h"
#include "ctrtool/cmd/make_ns_words.h"
#include "ctrtool/cmd/pidns_run.h"
#include "ctrtool/cmd/unlock_words.h"
#include "ctrtool/cmd/words.h"
#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/escape.h"

namespace ctr {
namespace {

constexpr Applet kApplets[] = {
    {"chroot_pivot", "", run_chroot_pivot, "exchange what is mounted on a directory",
     &kChrootPivotManual},
    {"cmd", "", run_cmd, "take an applet's arguments from files", &kCmdManual},
    {"debug_shell", "", run_debug_shell, "run a command for each connection to a socket",
     &kDebugShellManual},
    {"env", "", run_env, "change the environment, print it or run a program", &kEnvManual},
    {"escape", "_ctrtool_escaped", run_escape, "run an applet from a sealed copy of ctrtool",
     &kEscapeManual},
    {"help", "", run_help, "explain applets", &kHelpManual},
    {"launcher", "container-launcher", run_launcher,
     "make a process in namespaces, have a script configure it, execute", &kLauncherManual},
    {"make_ns", "", run_make_ns, "make namespaces, pass them on as descriptors", &kMakeNsManual},
    {"mini-init", "init", run_mini_init, "be pid 1: start programs, reap, act on signals",
     &kMiniInitManual},
    {"mini-init2", "init2", run_mini_init2, "the same, with bare words as arguments",
     &kMiniInit2Manual},
    {"mount_seq", "", run_mount_seq, "mount, unmount and make files, in order", &kMountSeqManual},
    {"ns_open_file", "", run_ns_open_file,
     "open sockets and files in other namespaces, run a program", &kNsOpenFileManual},
    {"nsenter", "", run_nsenter, "join namespaces, run a program", &kNsenterManual},
    {"reset_cgroup", "", run_reset_cgroup, "enter cgroups, run a program", &kResetCgroupManual},
    {"rootfs-mount", "container-rootfs-mount", run_rootfs_mount,
     "build the skeleton of a container's root on a tmpfs", &kRootfsMountManual},
    {"set_fds", "", run_set_fds, "renumber descriptors, close the others, run a program",
     &kSetFdsManual},
    {"pidns_run", "", run_pidns_run, "run a program in a pid namespace and a root of its own",
     &kPidnsRunManual},
    {"pidfd_ctl", "simple-pidfd_ctl", run_pidfd_ctl,
     "operate on pidfds, borrowed descriptors and namespaces", &kPidfdCtlManual},
    {"ppid_check", "", run_ppid_check, "set attributes, make sure of the parent, run a program",
     &kPpidCheckManual},
    {"renameat2", "simple-renameat2", run_renameat2,
     "rename by one call: exchange, no replacing, whiteout", &kRenameat2Manual},
    {"syslogd", "", run_syslogd, "collect log messages with their true senders", &kSyslogdManual},
    {"ns_tree", "", run_ns_tree, "show how the namespaces of this system hang together",
     &kNsTreeManual},
    {"unlock", "", run_unlock, "mount and the like, drop capabilities, run a program",
     &kUnlockManual},
    {"tty_proxy", "", run_tty_proxy, "run a program on a terminal of its own", &kTtyProxyManual},
};

// Closed descriptors 0 to 2 become epoll descriptors, which fail every read and write, and stay so
// for what is executed later: a file of ours never becomes somebody's stdout.
bool guard_standard_fds() {
  while (true) {
    const int fd = ::epoll_create1(0);  // NOLINT: to be inherited
    if (fd < 0) return false;
    if (fd > STDERR_FILENO) {
      ::close(fd);
      return true;
    }
  }
}

std::string usage() {
  std::string text = "Usage: ctrtool APPLET [ARG...], where APPLET is one of";
  for (const Applet& applet : kApplets) text += strf(" %s", applet.name);
  return text + "; see \"ctrtool help\"\n";
}

std::string_view base_name(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

bool has_name(const Applet& applet, std::string_view name) {
  if (name == applet.name) return true;
  for (const std::string_view alias : split(applet.aliases, ' '))
    if (name == alias) return true;
  return false;
}

// Levenshtein, one row at a time.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t corner = i;
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = corner + (a[i] == b[j] ? 0 : 1);
      corner = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row[b.size()];
}

// Whether the program's name picks the applet, rather than the first word.
bool name_picks(std::string_view program) {
  return !override_program_name() && !program.starts_with("ctrtool") && program != "exe";
}

int run_named(std::string_view word, int argc, char** argv) {
  const std::string_view name = base_name(word);
  if (const Applet* applet = find_applet(name); applet != nullptr)
    return applet->run(Words(argv, argv + argc));
  complain("", "unknown applet " + quote(name) + suggest_applet(name) +
                   " (CTRTOOL_OVERRIDE_ARGV0_LOOKUP=1 takes it from the first argument)");
  return kExitDispatch;
}

// The whole command line goes on, so that /proc/PID/cmdline stays what it was.
bool escape_first(std::string_view word, int argc, char** argv) {
  const Applet* applet = find_applet(base_name(word));
  if (applet == nullptr || applet->run != run_escape || argc < 3) return true;
  const Applet* inner = find_applet(base_name(argv[2]));
  if (inner == nullptr || inner->run == run_escape) return true;  // its own business to refuse
  const Result<void> escaped = escape_to_memfd(argv);
  if (!escaped.ok()) complain("escape", escaped.error().message);
  return escaped.ok();
}

}  // namespace

std::span<const Applet> applets() { return kApplets; }

const Applet* find_applet(std::string_view name) {
  for (const Applet& applet : kApplets)
    if (has_name(applet, name)) return &applet;
  return nullptr;
}

bool is_applet(std::string_view name) { return find_applet(name) != nullptr; }

std::string suggest_applet(std::string_view name) {
  constexpr std::size_t kNear = 2;
  const Applet* best = nullptr;
  std::size_t least = kNear + 1;
  for (const Applet& applet : kApplets) {
    const std::size_t far = distance(name, applet.name);
    const bool begins = name.size() > kNear && std::string_view(applet.name).starts_with(name);
    if (far >= least && !(begins && best == nullptr)) continue;
    least = std::min(least, far);
    best = &applet;
  }
  return best == nullptr ? "" : strf(", did you mean %s?", best->name);
}

bool override_program_name() {
  const char* value = std::getenv("CTRTOOL_OVERRIDE_ARGV0_LOOKUP");
  if (value == nullptr) return false;
  const Result<std::uint64_t> number = parse_number<std::uint64_t>(value, 0);
  return number.ok() && *number > 0;
}

int ctrtool_main(int argc, char** argv) {
  if (!guard_standard_fds()) return kExitDispatch;
  const std::string_view program = argc > 0 ? base_name(argv[0]) : "ctrtool";
  if (name_picks(program)) return run_named(program, argc, argv);
  if (argc < 2) {
    const std::string text = usage();
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
    return kExitDispatch;
  }
  const std::string_view word = argv[1];
  if (word == "--version") return run_help({"help", "-v"});
  if (word == "--help" || word == "-h") {
    Words words(argv + 1, argv + argc);
    words[0] = "help";
    return run_help(words);
  }
  if (!escape_first(word, argc, argv)) return kExitDispatch;
  return run_named(word, argc - 1, argv + 1);
}

}  // namespace ctr
