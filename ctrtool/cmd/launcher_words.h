// SPDX-License-Identifier: Apache-2.0
// What launcher's words ask for, and the plan that it makes. Both are pure: nothing is opened.
#pragma once

#include <sched.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ctrtool/cmd/words.h"
#include "ctrtool/core/kit/join.h"
#include "ctrtool/core/plan/plan.h"

namespace ctr {

extern const Manual kLauncherManual;

struct LauncherRequest {
  // Namespaces.
  int namespaces = 0;   // CLONE_NEW* to make
  bool direct = false;  // no child: this process joins, unshares and executes
  std::optional<JoinRequest> user_namespace{};  // of the direct mode
  std::optional<uid_t> owner{};
  IdMap uids{};
  IdMap gids{};
  bool deny_setgroups = false;
  std::vector<JoinRequest> early_joins{};  // by the launcher itself
  std::vector<JoinRequest> joins{};        // by the child
  std::vector<JoinRequest> late_joins{};   // by the child, in its new root
  int shown_namespaces = 0;                // opened for the script
  std::vector<pid_t> pids{};
  bool pidfd = false;
  std::string time_offsets{};
  std::optional<std::string> cgroup{};  // a v2 directory to be born in

  // Identity and capabilities.
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups{};
  bool keep_groups = false;
  bool keep_ids = false;
  std::optional<CapSet> inheritable{};
  bool inherit_all = false;
  std::optional<CapSet> ambient{};
  bool ambient_inherit = false;
  std::optional<CapSet> bounding{};
  CapSet bounding_lacks{};  // of what -b names
  bool keep_caps = false;
  std::optional<unsigned> securebits{};
  bool no_new_privs = false;
  bool under_no_new_privs = false;  // the program will be, by us or by who started us
  std::optional<bool> clear_caps{};
  mode_t umask = 022;  // ours, which the program gets

  // File system.
  std::optional<unsigned long> propagation{};  // 0: unchanged
  std::optional<std::string> root{};
  bool mount_proc = false;
  std::optional<std::string> hostname{};
  std::optional<std::string> directory{};

  // Script and files.
  std::optional<std::string> script{};
  bool script_is_shell = false;
  std::string interpreter = "/bin/sh";
  bool script_no_fork = false;
  int socket_type = 0;  // SOCK_*
  std::vector<std::string> pid_files{};
  std::vector<std::string> empty_files{};
  std::optional<std::string> lock_file{};
  std::vector<RlimitRequest> limits{};
  std::optional<int> notify_fd{};
  std::vector<int> close_fds{};
  std::optional<int> seccomp_fd{};

  // Execution.
  Words program{};
  bool wait = false;
  bool forward_signals = false;
  std::optional<std::string> death_signal{};
  bool no_exec = false;
  bool clear_env = false;
  std::vector<std::string> env_changes{};  // NAME=VALUE, or NAME to remove it
  std::optional<std::string> exec_file{};
  std::optional<std::string> exec_host_file{};
  std::optional<int> exec_fd{};
  bool exec_anonymous = false;
  bool exec_keep_open = false;
  enum class Forks : std::uint8_t { No, AndWait, AsDaemon };
  Forks forks = Forks::No;
  std::optional<std::string> log_file{};
  enum class Relay : std::uint8_t { None, Terminal, Pipes };
  Relay relay = Relay::None;
  bool stderr_on_terminal = false;
  std::optional<uid_t> tty_uid{};
  std::optional<gid_t> tty_gid{};
  bool old_session = false;
  std::optional<std::uint64_t> timer_slack{};
  std::optional<bool> no_huge_pages{};

  // Safety.
  bool unsafe = false;
  bool escape = false;
  bool no_escape = false;
  bool debug_dumpable = false;
  std::optional<std::string> dry_run{};  // "text" or "json"

  bool by_descriptor() const {
    return exec_host_file.has_value() || exec_fd.has_value() || exec_anonymous;
  }
  bool joins_anything() const {
    return !early_joins.empty() || !joins.empty() || !late_joins.empty();
  }
  bool joins_user_namespace() const;  // by --nsenter2
  // Whether a container's processes could get at our executable.
  bool is_risky() const {
    return joins_anything() || user_namespace.has_value() || (namespaces & CLONE_NEWUSER) != 0;
  }
};

// `held`: our own capabilities, for masks that change them; `last`: the kernel's last one.
Result<LauncherRequest> read_launcher_words(const Parsed& parsed, const CapSets& held, int last);
// What does not go together. `no_new_privs`: this process is under it already.
Result<void> check_launcher(const LauncherRequest& request, bool no_new_privs);
// True when capabilities that are not inheritable shall fall before the exec.
bool clears_caps(const LauncherRequest& request);

// `env`: of the program.
ContainerPlan plan_launcher(const LauncherRequest& request, std::vector<std::string> env);

}  // namespace ctr
