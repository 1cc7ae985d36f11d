// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/global.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdlib>

#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/socket.h"
#include "runtime/cli/choose.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/path.h"

namespace oci::cli {
namespace {

using ctr::Error;
using ctr::Kind;
using ctr::LogFormat;
using ctr::LogLevel;
using ctr::make_error;
using ctr::quote;
using ctr::Result;

// The words as they were given; GlobalOptions is what they mean.
struct Given {
  std::optional<std::string> root;
  std::string log;
  std::string log_format = "text";
  std::string log_level = "error";
  bool debug = false;
  bool systemd_cgroup = false;
  std::optional<std::string> cgroup_manager;
  std::string rootless = "auto";
  std::string criu;
  std::string trace;
  bool version = false;
  bool usage = false;
};

Syntax global_syntax(Given& given, Words& command) {
  return {
      .command = "",
      .help = "Runs containers as config.json of the OCI runtime specification describes them.",
      .options =
          {
              {"root", '\0', "DIR", "directory of the containers' records", &given.root,
               "/run/ocictr, or XDG_RUNTIME_DIR/ocictr when not root"},
              {"log", '\0', "FILE", "append log records to FILE, syslog:ID or journald:ID",
               &given.log, "no log"},
              {"log-format", '\0', "FORMAT", "form of the records: text or json", &given.log_format,
               "text"},
              {"log-level", '\0', "LEVEL", "least severe level: error, warning or debug",
               &given.log_level, "error"},
              {"debug", '\0', "", "the same as --log-level debug", &given.debug},
              {"systemd-cgroup", '\0', "", "let systemd make the cgroups", &given.systemd_cgroup},
              {"cgroup-manager", '\0', "DRIVER", "cgroupfs, systemd or disabled",
               &given.cgroup_manager, "cgroupfs"},
              {"rootless", '\0', "WHEN", "tolerate what only root may do: true, false or auto",
               &given.rootless, "auto"},
              {"criu", '\0', "PATH", "accepted and ignored", &given.criu},
              {"trace", '\0', "FILE", "write there what took how long, for Perfetto", &given.trace,
               "no trace"},
              {"version", 'v', "", "show the version and exit", &given.version},
              {"usage", '\0', "", "show a line of usage and exit", &given.usage},
          },
      .operands = {},
      .options_end = Syntax::kFirstOperand,
      .rest_name = "COMMAND [ARG...]",
      .rest = &command,
      .more_help = commands_help,
  };
}

constexpr Word<LogFormat> kLogFormats[] = {{"text", LogFormat::Text}, {"json", LogFormat::Json}};
constexpr Word<LogLevel> kLogLevels[] = {
    {"error", LogLevel::Error}, {"warning", LogLevel::Warning}, {"debug", LogLevel::Debug}};
constexpr Word<CgroupDriver> kDrivers[] = {{"cgroupfs", CgroupDriver::Cgroupfs},
                                           {"systemd", CgroupDriver::Systemd},
                                           {"disabled", CgroupDriver::Disabled}};
constexpr Word<Rootless> kRootless[] = {
    {"auto", Rootless::Auto}, {"true", Rootless::Yes}, {"false", Rootless::No}};

// A daemon that takes log records as datagrams.
struct LogDaemon {
  const char* prefix;
  LogFormat format;
  const char* socket;
};
constexpr LogDaemon kLogDaemons[] = {
    {"syslog:", LogFormat::Syslog, "/dev/log"},
    {"journald:", LogFormat::Journal, "/run/systemd/journal/socket"}};

Result<void> understand_log_destination(const std::string& given, GlobalOptions& options) {
  for (const LogDaemon& daemon : kLogDaemons) {
    if (!given.starts_with(daemon.prefix)) continue;
    options.log = given.substr(std::string_view(daemon.prefix).size());
    options.log_format = daemon.format;
    if (options.log.empty())
      return make_error(Kind::InvalidSpec, "option --log: %s needs an ID", quote(given).c_str());
    return {};
  }
  // Anything else is a path, also with a colon in it.
  options.log = given.starts_with("file:") ? given.substr(5) : given;
  return {};
}

Result<std::string> root_path(const std::string& given) {
  std::string path = TRY_CTX(absolute_path(given), "option --root");
  if (path.size() == 1) return make_error(Kind::InvalidSpec, "option --root: must not be \"/\"");
  return path;
}

// Where failures are told of comes first: whatever else is wrong is told there.
Result<void> understand_log(const Given& given, GlobalOptions& options) {
  options.log_format = TRY(choose("log-format", given.log_format, kLogFormats));
  TRY(understand_log_destination(given.log, options));
  options.log_level = TRY(choose("log-level", given.log_level, kLogLevels));
  if (given.debug) options.log_level = LogLevel::Debug;
  return {};
}

Result<void> understand(const Given& given, GlobalOptions& options) {
  if (given.root.has_value()) options.root = TRY(root_path(*given.root));
  // podman adds --cgroup-manager to what conmon says: the more precise word wins.
  options.driver = given.systemd_cgroup ? CgroupDriver::Systemd : CgroupDriver::Cgroupfs;
  if (given.cgroup_manager.has_value())
    options.driver = TRY(choose("cgroup-manager", *given.cgroup_manager, kDrivers));
  options.rootless = TRY(choose("rootless", given.rootless, kRootless));
  options.trace = given.trace;
  return {};
}

// Who does not read its records must not hold up a container for longer than this.
constexpr timeval kLogPatience{.tv_sec = 2, .tv_usec = 0};

Result<ctr::UniqueFd> open_log_destination(const GlobalOptions& options) {
  for (const LogDaemon& daemon : kLogDaemons) {
    if (daemon.format != options.log_format) continue;
    ctr::UniqueFd socket = TRY(ctr::sys::connect_unix(daemon.socket, SOCK_DGRAM));
    const std::string_view patience(reinterpret_cast<const char*>(&kLogPatience),
                                    sizeof kLogPatience);
    TRY(ctr::sys::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, patience, "SO_SNDTIMEO"));
    return socket;
  }
  constexpr int kFlags = O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY;
  return ctr::sys::open(options.log, kFlags, 0644);
}

// From /proc/self/uid_map; the ID itself when that cannot be read.
std::uint32_t host_uid_of(std::uint32_t euid) {
  const Result<std::string> map = ctr::sys::read_file_at(ctr::kCwd, "/proc/self/uid_map");
  if (!map.ok()) return euid;
  for (const std::string_view line : ctr::split(*map, '\n')) {
    std::uint32_t numbers[3];
    std::size_t count = 0;
    for (const std::string_view word : ctr::split(line, ' ')) {
      if (word.empty() || count == 3) continue;
      const Result<std::uint32_t> number = ctr::parse_number<std::uint32_t>(word);
      if (number.ok()) numbers[count++] = *number;
    }
    if (count == 3 && euid >= numbers[0] && euid - numbers[0] < numbers[2])
      return numbers[1] + (euid - numbers[0]);
  }
  return euid;
}

std::string run_user(std::uint32_t uid) { return ctr::strf("/run/user/%u", uid); }

// For a terminal or a log reader: control characters become blanks.
std::string with_blanks(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  return text;
}

void say_on_stderr(const std::string& text) {
  const std::string line = "ocictr: " + text + '\n';
  // Nobody is left to be told when this fails.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace

GlobalWords parse_global(const Words& words) {
  Given given;
  GlobalWords out;
  const Result<Parsed> parsed = parse_words(global_syntax(given, out.command), words);
  if (parsed.ok() && *parsed == Parsed::kHelpShown)
    out.ask = GlobalWords::kHelp;
  else if (given.version)
    out.ask = GlobalWords::kVersion;
  else if (given.usage)
    out.ask = GlobalWords::kUsage;
  out.valid = understand_log(given, out.options);
  if (out.valid.ok()) out.valid = understand(given, out.options);
  if (!parsed.ok()) out.valid = parsed.error();
  return out;
}

std::string global_help() {
  Given given;
  Words command;
  return help_text(global_syntax(given, command));
}

std::string global_usage() {
  Given given;
  Words command;
  return usage_line(global_syntax(given, command));
}

Result<ctr::Log> open_log(const GlobalOptions& options) {
  if (options.log.empty()) return ctr::Log();
  ctr::UniqueFd fd = TRY_CTX(open_log_destination(options), "option --log");
  return ctr::Log(std::move(fd), options.log_format, options.log_level, options.log);
}

RootFacts root_facts() {
  RootFacts facts;
  facts.euid = ::geteuid();
  // PROC_USER_INIT_INO of the kernel: the number of the first user namespace never changes.
  constexpr ino_t kInitialUserNamespace = 0xEFFFFFFDU;
  const auto st = ctr::sys::fstatat(ctr::kCwd, "/proc/self/ns/user", 0);
  facts.initial_user_namespace = !st.ok() || st->st_ino == kInitialUserNamespace;
  if (facts.euid == 0 && facts.initial_user_namespace) return facts;
  const char* xdg = std::getenv("XDG_RUNTIME_DIR");
  if (xdg != nullptr && xdg[0] == '/') facts.xdg_runtime_dir = xdg;
  if (!facts.xdg_runtime_dir.empty()) return facts;
  facts.host_uid = host_uid_of(facts.euid);
  facts.run_user_writable =
      ctr::sys::faccessat(ctr::kCwd, run_user(facts.host_uid), W_OK | X_OK).ok();
  return facts;
}

std::string default_root(const RootFacts& facts) {
  constexpr const char* kName = "/ocictr";
  if (facts.euid != 0 || !facts.initial_user_namespace) {
    if (!facts.xdg_runtime_dir.empty()) return absolute_path_in("/", facts.xdg_runtime_dir + kName);
    if (facts.run_user_writable) return run_user(facts.host_uid) + kName;
  }
  return "/run/ocictr";
}

std::string state_root(const GlobalOptions& options) {
  if (options.root.has_value()) return *options.root;
  // It does not change while we run, and costs as much as opening a file.
  static const std::string by_default = default_root(root_facts());
  return by_default;
}

std::string failure_text(std::string_view command, const Error& error) {
  std::string text = with_blanks(error.message);
  return command.empty() ? text : std::string(command) + ": " + text;
}

void report_failure(const ctr::Log& log, std::string_view command, const Error& error) {
  const std::string text = failure_text(command, error);
  log.error(text);
  say_on_stderr(text);
}

void report_warning(const ctr::Log& log, std::string_view command, const Error& error) {
  const std::string text = failure_text(command, error);
  log.warning(text);
  say_on_stderr(text);
}

}  // namespace oci::cli
