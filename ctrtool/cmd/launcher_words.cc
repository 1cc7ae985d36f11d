// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/cmd/launcher_words.h"

#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "ctrtool/cmd/drop_words.h"
#include "ctrtool/cmd/fd_spec.h"
#include "ctrtool/cmd/join_spec.h"
#include "ctrtool/cmd/ns_words.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/ns_kind.h"
#include "ctrtool/core/kit/signals.h"
#include "ctrtool/core/sys/file.h"

namespace ctr {
namespace {

enum Long : int {
  kNetwork = kLongOnly,
  kUidMap,
  kGidMap,
  kDisableSetgroups,
  kOldJoin,
  kJoin,
  kLateJoin,
  kOpenNamespaces,
  kSetTid,
  kPidfd,
  kTimeOffset,
  kCgroupV2,
  kGroups,
  kClearCaps,
  kChdir,
  kRlimit,
  kNotifyFd,
  kCloseFd,
  kSeccompFd,
  kForwardSignals,
  kDeathSignal,
  kNoExec,
  kSetEnv,
  kUnsetEnv,
  kExecFile,
  kExecHostFile,
  kExecFd,
  kExecAnonymous,
  kExecKeepOpen,
  kFork,
  kForkDaemon,
  kAllocTty,
  kAllocPipe,
  kTtyStderr,
  kTtyUid,
  kTtyGid,
  kNoSetsid,
  kEscape,
  kNoEscape,
  kDumpable,
  kDryRun,
};

constexpr OptionRow kOptions[] = {
    {'C', "cgroup", "", "new cgroup namespace, made after the script"},
    {'i', "ipc", "", "new ipc namespace"},
    {'m', "mount", "", "new mount namespace"},
    {'n', "net", "", "new network namespace"},
    {kNetwork, "network", "", "the same as --net"},
    {'p', "pid", "", "new pid namespace"},
    {'U', "user", "", "new user namespace"},
    {'u', "uts", "", "new uts namespace"},
    {'T', "time", "", "new time namespace"},
    {kTimeOffset, "time-offset", "CLOCK=SECONDS", "of monotonic or boottime, in a new namespace"},
    {'O', "owner-uid", "UID", "the user whom the new user namespace belongs to", "the caller"},
    {kUidMap, "uid-map", "MAP", "INNER.OUTER.COUNT[:INNER.OUTER.COUNT...]", "none"},
    {kGidMap, "gid-map", "MAP", "the same for groups", "none"},
    {kDisableSetgroups, "disable-setgroups", "", "deny setgroups before the maps are written"},
    {'f', "userns-fd", "FD|i", "direct mode: join this user namespace (i: none), do not fork"},
    {kOldJoin, "old-nsenter", "SPEC", "join in the launcher itself, before the clone"},
    {kJoin, "nsenter2", "SPEC", "join in the child, before the script"},
    {kLateJoin, "nsenter-post", "SPEC", "join in the child, after the change of root"},
    {kOpenNamespaces, "open-namespaces", "LETTERS", "of imnpUuCT: opened for the script"},
    {kSetTid, "set-tid", "LIST", "the child's pids, innermost namespace first"},
    {kPidfd, "pidfd", "", "give the script a pidfd of the child"},
    {kCgroupV2, "cgroup-dir", "DIR", "the child is born in this v2 cgroup", "the caller's"},
    {'S', "uid", "UID", "user of the program", "0"},
    {'G', "gid", "GID", "group of the program", "0"},
    {kGroups, "groups", "LIST", "supplementary groups", "none"},
    {'g', "no-clear-groups", "", "leave the supplementary groups alone"},
    {'N', "no-set-id", "", "leave user and group alone"},
    {'I', "inh-caps", "CAPS", "inheritable capabilities: a mask or names", "unchanged"},
    {'k', "inh-all", "", "inheritable: all that is inheritable or permitted"},
    {'a', "ambient-caps", "CAPS|inherit", "ambient capabilities; inherit: all inheritable ones"},
    {'b', "bounding-caps", "CAPS", "drop all others from the bounding set"},
    {'q', "keepcaps", "", "keep capabilities when the user changes (implied by -I, -k)"},
    {'B', "securebits", "BITS", "a number, or names joined by '+' or ',': noroot+noroot_locked"},
    {'D', "no-new-privs", "", "set no_new_privs, first of all"},
    {kClearCaps, "clear-caps-before-exec", "[=0|1]",
     "keep only inheritable capabilities at the exec", "1 with -U, -b, -r, -f FD, joins and forks"},
    {'R', "propagation", "WORD", "of /: shared, slave, private, unbindable, unchanged",
     "slave with -m"},
    {'r', "pivot-root", "DIR", "becomes the root"},
    {'t', "mount-proc", "", "mount proc on /proc of the root"},
    {'H', "hostname", "NAME", "set right after the clone"},
    {kChdir, "chdir", "DIR", "working directory, in the new root", "/ with -r"},
    {'x', "script", "FILE|TEXT", "run on the host while the child is held"},
    {'d', "script-is-shell", "", "the script is TEXT for /bin/sh -c"},
    {'e', "script-interpreter", "PROGRAM", "instead of /bin/sh", "/bin/sh"},
    {'F', "script-no-fork", "", "become the script instead of waiting for it"},
    {'X', "socketpair", "0..3", "script and program share stream (1), datagram (2), seqpacket (3)",
     "0"},
    {'P', "write-pid", "FILE", "write the child's pid; the last FILE is the first written"},
    {'M', "emptyfile", "FILE", "must be empty"},
    {'K', "lockfile", "FILE", "lock it while the launcher, or the script of -F, runs"},
    {kRlimit, "rlimit", "NAME=SOFT:HARD", "resource limit of the child"},
    {kNotifyFd, "notify-fd", "FD", "gets a byte right before the exec"},
    {kCloseFd, "close-fd", "FD", "closed in the child"},
    {kSeccompFd, "seccomp-fd", "FD", "a BPF program to install before the exec"},
    {'w', "wait", "", "wait for the program, end as it does"},
    {kForwardSignals, "forward-signals", "", "with -w: pass signals on to the child"},
    {kDeathSignal, "pdeathsig", "SIGNAL", "the program's, when the launcher dies", "none"},
    {kNoExec, "no-exec", "", "the child ends with 0 instead of executing; implies -w"},
    {'V', "clearenv", "", "start with an empty environment"},
    {kSetEnv, "setenv", "NAME=VALUE", "one more variable"},
    {kUnsetEnv, "unsetenv", "NAME", "one variable less"},
    {kExecFile, "exec-file", "PATH", "execute this, with PROGRAM as its name"},
    {kExecHostFile, "exec-file-host", "PATH", "the same, opened on the host before anything"},
    {kExecFd, "exec-fd", "FD", "execute this descriptor"},
    {kExecAnonymous, "exec-anon-fd", "", "execute a memory file that the script fills"},
    {kExecKeepOpen, "exec-no-cloexec", "", "leave that descriptor open: \"#!\" needs it"},
    {kFork, "fork", "", "fork once more at the end, wait"},
    {kForkDaemon, "fork-daemon", "", "fork once more at the end, do not wait"},
    {'L', "log-file", "FILE", "append standard output and error to it, input is /dev/null"},
    {kAllocTty, "alloc-tty", "", "a terminal, a pipe for errors; waits"},
    {kAllocPipe, "alloc-pipe", "", "three pipes; waits"},
    {kTtyStderr, "tty-stderr", "", "with --alloc-tty: errors on the terminal too"},
    {kTtyUid, "tty-owner-uid", "UID", "owner of terminal or pipes", "that of -O"},
    {kTtyGid, "tty-owner-gid", "GID", "their group", "unchanged"},
    {'s', "setsid", "", "start a session; always done"},
    {kNoSetsid, "unsafe-no-setsid", "", "start no session"},
    {'Q', "timerslack", "NANOSECONDS", "timer slack"},
    {'v', "thp-disable", "0|1", "1: no transparent huge pages"},
    {'E', "unsafe", "", "skip the checks of what goes together"},
    {kEscape, "escape", "", "run from a sealed copy"},
    {kNoEscape, "unsafe-no-escape", "", "enter containers from the file itself"},
    {kDumpable, "unsafe-debug-dumpable", "", "leave the child traceable"},
    {kDryRun, "dry-run", "[=text|json]", "print the plan, do nothing"},
};

using Request = LauncherRequest;

Result<std::vector<pid_t>> pids_of(const Given& given) {
  std::vector<pid_t> pids;
  for (const std::string_view item : split(given.value, ',')) {
    if (item.empty()) continue;
    const pid_t pid = TRY_CTX(parse_number<pid_t>(item, 0), "%s", given.word.c_str());
    pids.push_back(pid);
  }
  return pids;
}

Result<int> fd_of(const Given& given) {
  const int fd = TRY_CTX(take_fd_number(given.value), "%s", given.word.c_str());
  const Result<struct stat> open = sys::fstat(BorrowedFd(fd));
  if (!open.ok()) return usage_error(given, "the descriptor is closed");
  return fd;
}

Result<bool> switch_of(const Given& given) {
  if (given.value.empty() || given.value == "1") return true;
  if (given.value == "0") return false;
  return usage_error(given, "neither 0 nor 1");
}

Result<JoinRequest> join_of(const Given& given) {
  return TRY_CTX(parse_join_spec(given.value), "%s", given.word.c_str());
}

Result<void> add_join(const Given& given, std::vector<JoinRequest>& list) {
  constexpr std::size_t kMost = 64;
  if (list.size() == kMost) return usage_error(given, "more than 64");
  JoinRequest join = TRY(join_of(given));
  list.push_back(std::move(join));
  return {};
}

Result<int> socket_type_of(const Given& given) {
  constexpr int kTypes[] = {0, SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
  const unsigned number = TRY(number_of<unsigned>(given));
  if (number >= std::size(kTypes)) return usage_error(given, "not a number from 0 to 3");
  return kTypes[number];
}

// "3" or an item "i..." for no join at all.
Result<void> take_direct(const Given& given, Request& request) {
  request.direct = true;
  if (given.value.starts_with('i')) return {};
  const int fd = TRY(fd_of(given));
  request.user_namespace = JoinRequest{
      .from = JoinRequest::From::Descriptor, .types = CLONE_NEWUSER, .fd = fd, .text = given.value};
  return {};
}

// --- options that only turn something on, or keep their text -------------------------------------

constexpr SwitchRow<Request> kSwitches[] = {
    {kDisableSetgroups, &Request::deny_setgroups},
    {kPidfd, &Request::pidfd},
    {'g', &Request::keep_groups},
    {'N', &Request::keep_ids},
    {'k', &Request::inherit_all},
    {'q', &Request::keep_caps},
    {'D', &Request::no_new_privs},
    {'t', &Request::mount_proc},
    {'d', &Request::script_is_shell},
    {'F', &Request::script_no_fork},
    {'w', &Request::wait},
    {kForwardSignals, &Request::forward_signals},
    {kNoExec, &Request::no_exec},
    {'V', &Request::clear_env},
    {kExecAnonymous, &Request::exec_anonymous},
    {kExecKeepOpen, &Request::exec_keep_open},
    {kTtyStderr, &Request::stderr_on_terminal},
    {kNoSetsid, &Request::old_session},
    {'E', &Request::unsafe},
    {kEscape, &Request::escape},
    {kNoEscape, &Request::no_escape},
    {kDumpable, &Request::debug_dumpable},
};
constexpr TextRow<Request, std::optional<std::string>> kTexts[] = {
    {kCgroupV2, &Request::cgroup},    {'r', &Request::root},
    {'H', &Request::hostname},        {kChdir, &Request::directory},
    {'x', &Request::script},          {'K', &Request::lock_file},
    {kExecFile, &Request::exec_file}, {kExecHostFile, &Request::exec_host_file},
    {'L', &Request::log_file},
};

// --- one group of options a function; false: not one of them ------------------------------------

Result<bool> take_namespace(const Given& given, Request& request) {
  if (const NsKind* kind =
          given.key < kLongOnly ? find_ns_kind(static_cast<char>(given.key)) : nullptr;
      kind != nullptr) {
    request.namespaces |= kind->flag;
    return true;
  }
  switch (given.key) {
    case kNetwork:
      request.namespaces |= CLONE_NEWNET;
      return true;
    case kTimeOffset:
      request.time_offsets += TRY_CTX(parse_time_offset(given.value), "%s", given.word.c_str());
      return true;
    case 'O':
      request.owner = TRY(id_of(given));
      return true;
    case kUidMap:
      request.uids = TRY_CTX(IdMap::parse_words(given.value), "%s", given.word.c_str());
      return true;
    case kGidMap:
      request.gids = TRY_CTX(IdMap::parse_words(given.value), "%s", given.word.c_str());
      return true;
    case 'f':
      TRY(take_direct(given, request));
      return true;
    case kOldJoin:
      TRY(add_join(given, request.early_joins));
      return true;
    case kJoin:
      TRY(add_join(given, request.joins));
      return true;
    case kLateJoin:
      TRY(add_join(given, request.late_joins));
      return true;
    case kOpenNamespaces:
      request.shown_namespaces |= TRY_CTX(parse_ns_letters(given.value), "%s", given.word.c_str());
      return true;
    case 'R':
      request.propagation = TRY_CTX(parse_propagation(given.value), "%s", given.word.c_str());
      return true;
    case kSetTid:
      request.pids = TRY(pids_of(given));
      return true;
    default:
      return false;
  }
}

Result<bool> take_identity(const Given& given, const CapSets& held, int last, Request& request) {
  switch (given.key) {
    case 'S':
      request.uid = TRY(id_of(given));
      return true;
    case 'G':
      request.gid = TRY(id_of(given));
      return true;
    case kGroups:
      request.groups = TRY(groups_of(given));
      return true;
    case 'I':
      request.inheritable = TRY(cap_set_of(given, held.inheritable, last));
      return true;
    case 'a':
      request.ambient_inherit |= given.value == "inherit";
      if (given.value != "inherit") request.ambient = TRY(cap_set_of(given, held.ambient, last));
      return true;
    case 'b':
      request.bounding = TRY(cap_set_of(given, held.bounding, last));
      // "all" is what there is.
      request.bounding_lacks = given.value.find("all") == std::string::npos
                                   ? *request.bounding - held.bounding
                                   : CapSet();
      return true;
    case 'B':
      request.securebits = TRY(securebits_of(given));
      return true;
    case kClearCaps:
      request.clear_caps = TRY(switch_of(given));
      return true;
    default:
      return false;
  }
}

Result<bool> take_script(const Given& given, Request& request) {
  switch (given.key) {
    case 'e':
      request.interpreter = given.value;
      return true;
    case 'X':
      request.socket_type = TRY(socket_type_of(given));
      return true;
    case 'P':
      request.pid_files.insert(request.pid_files.begin(), given.value);
      return true;
    case 'M':
      request.empty_files.push_back(given.value);
      return true;
    case kRlimit: {
      const RlimitRequest limit = TRY_CTX(parse_rlimit(given.value), "%s", given.word.c_str());
      request.limits.push_back(limit);
      return true;
    }
    case kNotifyFd:
      request.notify_fd = TRY(fd_of(given));
      if (*request.notify_fd <= STDERR_FILENO) return usage_error(given, "must be 3 or more");
      return true;
    case kCloseFd: {
      const int fd = TRY(fd_of(given));
      request.close_fds.push_back(fd);
      return true;
    }
    case kSeccompFd:
      request.seccomp_fd = TRY(fd_of(given));
      return true;
    default:
      return false;
  }
}

Result<bool> take_execution(const Given& given, Request& request) {
  switch (given.key) {
    case kDeathSignal:
      TRY_CTX(parse_signal(given.value), "%s", given.word.c_str());
      request.death_signal = given.value;
      return true;
    case kSetEnv:
      if (given.value.find('=') == std::string::npos || given.value.starts_with('='))
        return usage_error(given, "not of the form NAME=VALUE");
      request.env_changes.push_back(given.value);
      return true;
    case kUnsetEnv:
      if (given.value.empty() || given.value.find('=') != std::string::npos)
        return usage_error(given, "not a variable's name");
      request.env_changes.push_back(given.value);
      return true;
    case kExecFd:
      request.exec_fd = TRY(fd_of(given));
      return true;
    case kFork:
      request.forks = Request::Forks::AndWait;
      return true;
    case kForkDaemon:
      request.forks = Request::Forks::AsDaemon;
      return true;
    case kAllocTty:
      request.relay = Request::Relay::Terminal;
      return true;
    case kAllocPipe:
      request.relay = Request::Relay::Pipes;
      return true;
    case kTtyUid:
      request.tty_uid = TRY(id_of(given));
      return true;
    case kTtyGid:
      request.tty_gid = TRY(id_of(given));
      return true;
    case 'Q':
      request.timer_slack = TRY(number_of<std::uint64_t>(given));
      return true;
    case 'v':
      request.no_huge_pages = TRY(switch_of(given));
      return true;
    default:
      return false;
  }
}

Result<void> take_dry_run(const Given& given, Request& request) {
  if (given.key != kDryRun) return {};
  if (!given.value.empty() && given.value != "text" && given.value != "json")
    return usage_error(given, "neither text nor json");
  request.dry_run = given.value.empty() ? "text" : given.value;
  return {};
}

// --- what goes together --------------------------------------------------------------------------

struct Rule {
  bool broken;
  const char* text;
};

Result<void> keep(std::initializer_list<Rule> rules) {
  for (const Rule& rule : rules)
    if (rule.broken) return make_error(Kind::InvalidSpec, "%s", rule.text);
  return {};
}

Result<void> check_combinations(const Request& r) {
  const bool has_m = (r.namespaces & CLONE_NEWNS) != 0;
  const unsigned long propagation = r.propagation.value_or(has_m ? MS_SLAVE : 0);
  const bool tame = (propagation & (MS_SLAVE | MS_PRIVATE)) != 0;
  return keep({
      {r.hostname.has_value() && (r.namespaces & CLONE_NEWUTS) == 0, "-H needs -u (or -E)"},
      {r.root.has_value() && !has_m, "-r needs -m (or -E)"},
      {r.propagation.value_or(0) != 0 && !has_m, "-R needs -m (or -E)"},
      {r.mount_proc && !(has_m && tame), "-t needs -m, with slave or private mounts (or -E)"},
      {!r.early_joins.empty() && !r.direct, "--old-nsenter needs -f (or -E)"},
  });
}

// Nothing of these can be done by a process that has no child.
Result<void> check_direct(const Request& r) {
  if (!r.direct) return {};
  const bool held = r.script.has_value() || r.script_no_fork || r.socket_type != 0 ||
                    !r.pid_files.empty() || !r.empty_files.empty() || r.lock_file.has_value() ||
                    r.shown_namespaces != 0 || r.pidfd;
  const bool child = !r.pids.empty() || r.cgroup.has_value() || !r.uids.empty() ||
                     !r.gids.empty() || r.deny_setgroups || r.owner.has_value() ||
                     !r.limits.empty() || r.hostname.has_value();
  const bool stdio = r.relay != Request::Relay::None || r.log_file.has_value();
  return keep({
      {held, "the direct mode (-f) has no child to be held: no script and nothing around it"},
      {child, "the direct mode (-f) has no child: no maps, limits, hostname, pids, cgroup"},
      {stdio || (r.wait && !r.no_exec), "the direct mode (-f) neither waits nor relays"},
  });
}

Result<void> check_words(const Request& r) {
  const int programs = (r.exec_host_file.has_value() ? 1 : 0) + (r.exec_fd.has_value() ? 1 : 0) +
                       (r.exec_anonymous ? 1 : 0) + (r.exec_file.has_value() ? 1 : 0);
  const bool early_pid = std::ranges::any_of(
      r.early_joins, [](const JoinRequest& join) { return (join.types & CLONE_NEWPID) != 0; });
  const bool own_process = r.joins_user_namespace() && (!r.pids.empty() || r.owner.has_value());
  return keep({
      {r.program.empty() && !r.no_exec, "a program is missing"},
      {programs > 1, "only one of --exec-file, --exec-file-host, --exec-fd, --exec-anon-fd"},
      {r.exec_anonymous && !r.script.has_value(), "--exec-anon-fd needs a script (-x)"},
      {r.script_no_fork && !r.script.has_value(), "-F needs a script (-x)"},
      {r.script_no_fork && r.wait, "-F leaves nobody who could wait (-w)"},
      {r.death_signal.has_value() && (programs > 0 || r.forks != Request::Forks::No),
       "--pdeathsig goes neither with --exec... nor with --fork..."},
      {r.forward_signals && !r.wait && r.relay == Request::Relay::None,
       "--forward-signals needs -w"},
      {early_pid, "--old-nsenter cannot join a pid namespace"},
      {own_process, "--set-tid and -O do not go with joining a user namespace by --nsenter2"},
      {!r.time_offsets.empty() && (r.namespaces & CLONE_NEWTIME) == 0, "--time-offset needs -T"},
      {!r.uids.empty() && (r.namespaces & CLONE_NEWUSER) == 0, "--uid-map needs -U"},
      {!r.gids.empty() && (r.namespaces & CLONE_NEWUSER) == 0, "--gid-map needs -U"},
  });
}

bool any_joins_user(const std::vector<JoinRequest>& joins) {
  return std::ranges::any_of(
      joins, [](const JoinRequest& join) { return join.all || (join.types & CLONE_NEWUSER) != 0; });
}

// Whoever enters a user namespace has a whole bounding set there.
Result<void> check_bounding(const Request& r) {
  const bool enters_user = (r.namespaces & CLONE_NEWUSER) != 0 || r.user_namespace.has_value() ||
                           any_joins_user(r.early_joins) || any_joins_user(r.joins) ||
                           any_joins_user(r.late_joins);
  if (enters_user || r.bounding_lacks.empty()) return {};
  return make_error(Kind::InvalidSpec, "-b: %s cannot be kept, not being in our bounding set",
                    cap_names(r.bounding_lacks).c_str());
}

}  // namespace

bool LauncherRequest::joins_user_namespace() const { return any_joins_user(joins); }

bool clears_caps(const Request& r) {
  if (r.clear_caps.has_value()) return *r.clear_caps;
  // A stage is no exec: it goes on with what we have.
  if (!r.program.empty() && r.program.front().starts_with(':')) return false;
  return (r.namespaces & CLONE_NEWUSER) != 0 || r.bounding.has_value() ||
         r.user_namespace.has_value() || r.root.has_value() || r.joins_anything() ||
         r.forks != Request::Forks::No;
}

Result<Request> read_launcher_words(const Parsed& parsed, const CapSets& held, int last) {
  Request request;
  for (const Given& given : parsed.options) {
    bool taken = take_switch(given, kSwitches, request) || take_text(given, kTexts, request);
    if (!taken) taken = TRY(take_namespace(given, request));
    if (!taken) taken = TRY(take_identity(given, held, last, request));
    if (!taken) taken = TRY(take_script(given, request));
    if (!taken) taken = TRY(take_execution(given, request));
    if (!taken) TRY(take_dry_run(given, request));
  }
  request.wait |= request.no_exec;
  request.program = parsed.words;
  return request;
}

Result<void> check_launcher(const Request& request, bool no_new_privs) {
  TRY(check_words(request));
  TRY(check_direct(request));
  TRY(check_bounding(request));
  if (!request.unsafe) TRY(check_combinations(request));
  if (request.clear_caps.has_value() || !clears_caps(request)) return {};
  if (!no_new_privs && !request.no_new_privs) return {};
  return make_error(Kind::InvalidSpec,
                    "capabilities that are not inheritable would fall before the exec, and under "
                    "no_new_privs the program could not get them back: say "
                    "--clear-caps-before-exec=1, or =0");
}

// What the first launcher did not have.
constexpr std::string_view kNewerOptions[] = {
    "network",         "time",      "time-offset", "cgroup-dir", "chdir",      "seccomp-fd",
    "forward-signals", "pdeathsig", "setenv",      "unsetenv",   "tty-stderr", "dry-run"};

const Manual kLauncherManual = {
    .name = "launcher",
    .synopsis = "[OPTION...] [--] PROGRAM [ARG...]",
    .purpose =
        "Makes a process in new or joined namespaces, lets a script of the host configure it\n"
        "while it is held, then changes root and identity and executes PROGRAM.\n"
        "\n"
        "The script is called as SCRIPT PID PROCFD SOCKFD, shell text (-d) as\n"
        "/bin/sh -c TEXT - PID PROCFD SOCKFD; with -F two more words follow, the lock's\n"
        "descriptor and one that starts the program when a byte is written to it. PROCFD is\n"
        "an open /proc/PID, -1 stands for a descriptor that is not there. Its failure is the\n"
        "launcher's exit status. Variables for the script, named CTRTOOL_CONTAINER_LAUNCHER_\n"
        "and EXEC_FD, PID_FD (--pidfd), IPC_NS, MNT_NS, ... (--open-namespaces), and with -F\n"
        "CHILD_STDIN_FD, CHILD_STDOUT_FD, CHILD_STDERR_FD. The program finds its end of -X in\n"
        "CONTAINER_LAUNCHER_UNIX_FD, which is made in its network namespace.\n"
        "\n"
        "The root is changed and proc mounted before user and group change. A mistake in\n"
        "executing PROGRAM is reported also without -w. Options that the direct mode (-f)\n"
        "has no use for are refused. PROGRAM may be a stage word (\":set_fds\").",
    .options = kOptions,
    .exit_codes =
        "0    without -w: the program runs\n1    usage, or a failure of the set-up\n"
        "126  PROGRAM cannot be executed\n127  PROGRAM was not found; a signal ended the script\n"
        "128+n with -w: PROGRAM was killed by signal n\n255  with -w: an odd status\n"
        "else the script's, or with -w PROGRAM's",
    .examples =
        "ctrtool launcher -w -X1 -d -x 'echo $1 $2 $3' -- sh -c 'echo "
        "$CONTAINER_LAUNCHER_UNIX_FD'\n"
        "ctrtool launcher --escape -w -Umpu -t -H box --uid-map=0.1000.1 --gid-map=0.1000.1 \\\n"
        "  --disable-setgroups -g -- sh -c 'id -u; hostname; echo $$'",
    .order = Order::Stop,
    .failure_status = kExitUsage,
    .newer = kNewerOptions,
};

}  // namespace ctr
