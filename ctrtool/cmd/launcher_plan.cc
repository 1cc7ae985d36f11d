// SPDX-License-Identifier: Apache-2.0
// launcher's plan: which operations its request is, and in which order.
#include <sys/mount.h>

#include "ctrtool/cmd/launcher_words.h"
#include "ctrtool/cmd/wait_child.h"

namespace ctr {
namespace {

using Request = LauncherRequest;

class Planner {
 public:
  Planner(const Request& request, std::vector<std::string> env) : r_(request) {
    plan_.id = "launcher";
    plan_.inherit_fds = true;
    plan_.in_place = r_.direct;
    plan_.program.argv = r_.no_exec ? Words{":"} : r_.program;
    plan_.program.env = std::move(env);
    plan_.program.path = r_.exec_file.value_or("");
    plan_.program.by_descriptor = r_.by_descriptor() && !r_.no_exec;
    if (r_.death_signal.has_value()) set_death_signal(*r_.death_signal, plan_.program);
  }

  ContainerPlan make() {
    if (r_.direct) {
      begin_direct();
    } else {
      begin_with_child();
      held();
    }
    finish();
    return std::move(plan_);
  }

 private:
  void parent(Phase phase, Op op, const char* source) {
    plan_.add(phase, Actor::Parent, std::move(op), source);
  }
  void child(Phase phase, Op op, const char* source = "") {
    plan_.add(phase, Actor::Child, std::move(op), source);
  }
  void both(Phase phase, Op op) { plan_.add(phase, Actor::Both, std::move(op)); }

  void attributes() {
    if (r_.no_new_privs) child(Phase::Namespaces, SetNoNewPrivileges{}, "--no-new-privs");
    for (const int fd : r_.close_fds) child(Phase::Namespaces, CloseFd{fd}, "--close-fd");
    if (!r_.old_session) child(Phase::Namespaces, NewSession{}, "--setsid");
    const bool terminal = r_.relay == Request::Relay::Terminal && !r_.old_session;
    if (r_.relay != Request::Relay::None || r_.log_file.has_value())
      child(Phase::Namespaces, TakeStdio{.terminal = terminal && !r_.log_file.has_value()},
            "--alloc-tty, --alloc-pipe, --log-file");
  }

  void joins(const std::vector<JoinRequest>& list, const char* source) {
    for (const JoinRequest& join : list) child(Phase::Namespaces, Join{join}, source);
  }

  // What belongs to the new namespaces.
  void inside() {
    if ((r_.namespaces & CLONE_NEWTIME) != 0) {
      child(Phase::Namespaces, Unshare{CLONE_NEWTIME}, "--time");
      if (!r_.time_offsets.empty())
        child(Phase::Namespaces, SetTimeOffsets{r_.time_offsets}, "--time-offset");
    }
    if (r_.hostname.has_value()) child(Phase::Namespaces, SetHostname{*r_.hostname}, "--hostname");
    const bool has_m = (r_.namespaces & CLONE_NEWNS) != 0;
    const unsigned long flags = r_.propagation.value_or(has_m ? MS_SLAVE | MS_REC : 0);
    if (flags != 0) child(Phase::Namespaces, SetPropagation{"/", flags}, "--propagation");
    if (r_.socket_type != 0)
      child(Phase::Namespaces, MakeSocketPair{r_.socket_type}, "--socketpair");
  }

  // Kinds that clone and unshare make together.
  int together() const { return r_.namespaces & ~(CLONE_NEWCGROUP | CLONE_NEWTIME); }

  void begin_direct() {
    if (r_.user_namespace.has_value())
      child(Phase::Namespaces, Join{*r_.user_namespace}, "--userns-fd");
    if (together() != 0) child(Phase::Namespaces, Unshare{together()}, "namespaces");
    joins(r_.early_joins, "--old-nsenter");
    attributes();
    inside();
    joins(r_.joins, "--nsenter2");
  }

  // Namespaces belong to the user namespace that they are made in: one to be joined comes first.
  void begin_with_child() {
    for (const std::string& file : r_.empty_files)
      parent(Phase::Prepare, RequireEmpty{file}, "--emptyfile");
    for (const JoinRequest& join : r_.early_joins)
      parent(Phase::Prepare, Join{join}, "--old-nsenter");
    const bool late = r_.joins_user_namespace();
    Clone clone{.namespaces = late ? 0 : static_cast<std::uint64_t>(together())};
    clone.owner = r_.owner;
    clone.pids = r_.pids;
    parent(Phase::Namespaces, clone, "namespaces");
    attributes();
    if (!late) inside();
    joins(r_.joins, "--nsenter2");
    if (!late) return;
    if (together() != 0) child(Phase::Namespaces, Unshare{together()}, "namespaces");
    if ((together() & CLONE_NEWPID) != 0) both(Phase::Namespaces, CloneAgain{});
    inside();
  }

  void held() {
    both(Phase::Namespaces, Meet{Point::UserMade});
    if (!r_.limits.empty()) parent(Phase::Namespaces, LimitChild{r_.limits}, "--rlimit");
    for (const std::string& file : r_.pid_files)
      parent(Phase::Namespaces, WritePidFile{file}, "--write-pid");
    if (!r_.uids.empty() || !r_.gids.empty() || r_.deny_setgroups)
      parent(Phase::Namespaces,
             MapIds{.uids = r_.uids, .gids = r_.gids, .deny_setgroups = r_.deny_setgroups},
             "--uid-map, --gid-map");
    if (r_.script_no_fork) {
      both(Phase::Namespaces, Meet{Point::Ready});
      child(Phase::Namespaces, WaitForStart{.by_pipe = true}, "--script-no-fork");
      return;
    }
    if (r_.script.has_value())
      parent(
          Phase::Namespaces,
          RunScript{.text = *r_.script, .shell = r_.script_is_shell, .interpreter = r_.interpreter},
          "--script");
    both(Phase::Namespaces, Meet{Point::HooksDone});
  }

  // Before the identity changes: it takes capabilities that the program's user may not have.
  void change_root() {
    if (!r_.root.has_value() && !r_.mount_proc) return;
    child(Phase::Tree, TakeRoot{r_.root.value_or("/")}, "--pivot-root");
    if (r_.mount_proc) {
      MountFs proc;
      proc.at = "/proc";
      proc.type = "proc";
      proc.source = "proc";
      proc.flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
      child(Phase::Tree, proc, "--mount-proc");
    }
    if (r_.root.has_value())
      child(Phase::Pivot, PivotRoot{}, "--pivot-root");
    else
      child(Phase::Pivot, ReturnToDirectory{});
  }

  void identity() {
    const bool keeps = r_.keep_caps || r_.inheritable.has_value() || r_.inherit_all;
    if (r_.inherit_all)
      child(Phase::Process, SetInheritable{std::nullopt}, "--inh-all");
    else if (r_.inheritable.has_value())
      child(Phase::Process, SetInheritable{r_.inheritable}, "--inh-caps");
    if (r_.bounding.has_value())
      child(Phase::Process, DropBounding{*r_.bounding}, "--bounding-caps");
    SetUser user{.uid = r_.uid, .gid = r_.gid, .groups = r_.groups};
    user.set_groups = !r_.keep_groups;
    user.set_ids = !r_.keep_ids;
    user.umask = r_.umask;
    user.keep_caps = keeps;
    user.raise_permitted = keeps;
    child(Phase::Process, user, "--uid, --gid, --groups");
    if (r_.ambient_inherit)
      child(Phase::Process, RaiseAmbient{std::nullopt}, "--ambient-caps");
    else if (r_.ambient.has_value())
      child(Phase::Process, RaiseAmbient{r_.ambient}, "--ambient-caps");
    if (r_.securebits.has_value())
      child(Phase::Process, SetSecurebits{*r_.securebits}, "--securebits");
  }

  void finish() {
    if ((r_.namespaces & CLONE_NEWCGROUP) != 0) child(Phase::Cgroup, UnshareCgroup{}, "--cgroup");
    if (r_.exec_anonymous) child(Phase::Process, SealProgram{}, "--exec-anon-fd");
    change_root();
    if (r_.directory.has_value()) child(Phase::Process, ChangeDirectory{*r_.directory}, "--chdir");
    identity();
    if (r_.no_huge_pages.has_value())
      child(Phase::Process, SetHugePages{*r_.no_huge_pages}, "--thp-disable");
    if (r_.timer_slack.has_value())
      child(Phase::Process, SetTimerSlack{*r_.timer_slack}, "--timerslack");
    joins(r_.late_joins, "--nsenter-post");
    if (!r_.debug_dumpable) child(Phase::Process, SetUndumpable{});
    if (clears_caps(r_) && may_drop_caps(r_.death_signal.has_value(), r_.under_no_new_privs))
      child(Phase::Process, DropUninheritable{}, "--clear-caps-before-exec");
    child(Phase::Process, FindProgram{});
    if (!r_.direct && !r_.script_no_fork) {
      both(Phase::Process, Meet{Point::Ready});
      child(Phase::Start, WaitForStart{});
    }
    if (r_.seccomp_fd.has_value()) child(Phase::Start, InstallSeccomp{}, "--seccomp-fd");
    if (r_.notify_fd.has_value()) child(Phase::Start, NotifyFd{*r_.notify_fd}, "--notify-fd");
    if (r_.forks != Request::Forks::No)
      child(Phase::Start, Fork{r_.forks == Request::Forks::AndWait}, "--fork");
    child(Phase::Start, Execute{});
  }

  const Request& r_;
  ContainerPlan plan_;
};

}  // namespace

ContainerPlan plan_launcher(const Request& request, std::vector<std::string> env) {
  return Planner(request, std::move(env)).make();
}

}  // namespace ctr
