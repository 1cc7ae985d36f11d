// SPDX-License-Identifier: Apache-2.0
// What comes before the subcommand: state root, log, cgroup driver. And how a failure is told.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ctrtool/core/base/log.h"
#include "ctrtool/core/base/result.h"
#include "runtime/cli/options.h"
#include "runtime/state/state.h"

namespace oci::cli {

enum class Rootless : std::uint8_t { Auto, Yes, No };

struct GlobalOptions {
  std::optional<std::string> root;  // --root, absolute, not "/"
  std::string log;                  // a path, or the ID for syslog and journal; empty: no log
  ctr::LogFormat log_format = ctr::LogFormat::Text;
  ctr::LogLevel log_level = ctr::LogLevel::Error;
  CgroupDriver driver = CgroupDriver::Cgroupfs;
  Rootless rootless = Rootless::Auto;
  std::string trace;  // a path; empty: no trace
};

// What the words in front of the subcommand ask for, and the words from the subcommand on.
struct GlobalWords {
  enum Ask : std::uint8_t { kCommand, kHelp, kVersion, kUsage };
  Ask ask = kCommand;
  GlobalOptions options;
  Words command;  // its name first; may be empty
  // Why the rest must not be used; where the log is may be known all the same.
  ctr::Result<void> valid;
};
GlobalWords parse_global(const Words& words);
// For help and for the test of the man page.
std::string global_help();
std::string global_usage();

// The log file, created when it is missing even if nothing will be written: containerd opens it
// after a failure. Or a connection to syslog or the journal. A Log that says nothing when none was
// asked for.
ctr::Result<ctr::Log> open_log(const GlobalOptions& options);

// Where containers are recorded when --root is not given. HOME and USER must not matter: podman
// calls `create` and `start` with different environments.
struct RootFacts {
  std::uint32_t euid = 0;
  bool initial_user_namespace = true;
  std::uint32_t host_uid = 0;      // our effective user as the host sees it
  std::string xdg_runtime_dir;     // absolute; empty: unset
  bool run_user_writable = false;  // /run/user/HOST_UID
};
RootFacts root_facts();
std::string default_root(const RootFacts& facts);
// --root or the default.
std::string state_root(const GlobalOptions& options);

// Tells of a failure: one record in the log and the same message as one line on stderr.
void report_failure(const ctr::Log& log, std::string_view command, const ctr::Error& error);
// For what does not stop a command: the same as a warning. Not in commands whose stderr engines
// read together with their stdout (state, ps, features).
void report_warning(const ctr::Log& log, std::string_view command, const ctr::Error& error);
// "create: rootfs: ..." on one line, whatever bytes the message has.
std::string failure_text(std::string_view command, const ctr::Error& error);

}  // namespace oci::cli
