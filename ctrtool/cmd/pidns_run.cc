// SPDX-License-Identifier: Apache-2.0
// pidns_run: a small container. Joins what there is, makes a pid and a mount namespace, changes the
// root and becomes a program there.
#include "ctrtool/cmd/pidns_run.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <list>

#include "ctrtool/cmd/drop_words.h"
#include "ctrtool/cmd/exports.h"
#include "ctrtool/cmd/fd_spec.h"
#include "ctrtool/cmd/join_spec.h"
#include "ctrtool/cmd/ns_words.h"
#include "ctrtool/cmd/reap.h"
#include "ctrtool/cmd/wait_child.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/exec/child.h"
#include "ctrtool/core/exec/executor.h"
#include "ctrtool/core/kit/signals.h"
#include "ctrtool/core/sys/cred.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/process.h"
#include "hooks/program.h"
#include "hooks/script.h"

namespace ctr {
namespace {

enum Long : int { kNoBindRoot = kLongOnly, kAllowForeign };

constexpr OptionRow kOptions[] = {
    {'j', "join", "SPEC", "join this first; in order (\"ctrtool help specs\")"},
    {'r', "root", "DIR", "new root, as we see it before anything is joined", "keep the root"},
    {'f', "root-fd", "SPEC", "new root, a descriptor"},
    {'i', "root-inside", "DIR", "new root, as it is after the joins"},
    {'t', "mount-proc", "", "mount proc on /proc of the root"},
    {'B', "bind-root", "", "bind the root over itself if it is no mount point; the default"},
    {kNoBindRoot, "no-bind-root", "", "that is an error instead"},
    {'R', "propagation", "WORD", "private, slave, shared, unbindable, unchanged; of all mounts",
     "slave"},
    {'e', "exec-fd", "SPEC", "execute this descriptor, with PROGRAM as its name"},
    {'E', "exec-host", "PATH", "the same, a file that is opened before anything is joined"},
    {'k', "keep-fd", "SPEC,...", "descriptors that stay open for PROGRAM", "0, 1 and 2"},
    {kAllowForeign, "allow-foreign-dir", "", "they may be directories outside the root"},
    {'W', "workdir", "DIR", "in the new root", "/"},
    {'I', "init", "", "PROGRAM is pid 2; pid 1 reaps, passes signals on, ends as it does"},
    {'d', "detach", "", "do not wait"},
    {'P', "pid-file", "PATH", "the pid, as we see it, before PROGRAM starts"},
    {'v', "pidfd-env", "VAR", "one more variable for the pidfd that -p and -N get"},
    {'N', "next", "TEXT", "once PROGRAM runs, run /bin/sh -c TEXT outside"},
    {'D', "pdeathsig", "SIGNAL|none", "for the child, when we die", "kill; none with -d"},
    {'F', "forward", "LIST", "signals to pass on while waiting",
     "term,int,hup,quit,usr1,usr2,cont,winch"},
    {'s', "setsid", "", "start a session"},
    {'S', "uid", "UID", "user", "0 after a user join, else unchanged"},
    {'G', "gid", "GID", "group", "0 after a user join, else unchanged"},
    {'g', "groups", "LIST", "supplementary groups", "unchanged"},
    {'b', "bounding", "CAPS", "keep these in the bounding set", "unchanged"},
    {'a', "ambient", "CAPS", "ambient, and inheritable", "unchanged"},
    {'c', "caps", "CAPS", "permitted and effective", "unchanged"},
    {'n', "no-new-privs", "", "set no_new_privs"},
    {'p', "hook", "TEXT", "run /bin/sh -c TEXT outside while the child is held"},
};

struct Request {
  std::vector<JoinRequest> joins{};
  int joined = 0;
  std::optional<FdArgument> root{};
  std::optional<std::string> root_inside{};
  bool mount_proc = false;
  bool bind_root = true;
  unsigned long propagation = MS_SLAVE | MS_REC;
  std::optional<FdArgument> program_file{};
  std::list<FdArgument> descriptors{};
  std::vector<int> kept{};
  bool allow_foreign = false;
  std::string directory = "/";
  bool init = false;
  bool detach = false;
  std::optional<std::string> pid_file{};
  std::string pidfd_variable{};
  std::optional<std::string> next{};
  std::optional<int> death_signal{};  // 0: none
  std::vector<int> forwarded{SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCONT, SIGWINCH};
  bool new_session = false;
  DropRequest drop{};
  std::optional<std::string> hook{};
  Words program{};

  bool changes_root() const { return root.has_value() || root_inside.has_value(); }
};

// --- words ---------------------------------------------------------------------------------------

Result<FdArgument> fd_of(const Given& given, const std::string& spec, int flags) {
  return TRY_CTX(take_fd(spec, flags), "%s", given.word.c_str());
}

Result<void> take_root(const Given& given, Request& request) {
  if (request.changes_root()) return usage_error(given, "there is a root already");
  if (given.key == 'i') {
    request.root_inside = given.value;
    return {};
  }
  FdArgument root =
      TRY(fd_of(given, given.key == 'r' ? "=" + given.value : given.value, O_PATH | O_DIRECTORY));
  request.root.emplace(std::move(root));
  return {};
}

Result<void> take_kept(const Given& given, Request& request) {
  for (const std::string_view spec : split(given.value, ',')) {
    FdArgument fd = TRY(fd_of(given, std::string(spec), O_RDONLY | O_NOCTTY));
    if (fd.fd().raw() <= STDERR_FILENO) return usage_error(given, "0 to 2 are kept anyway");
    request.kept.push_back(fd.fd().raw());
    request.descriptors.push_back(std::move(fd));
  }
  return {};
}

Result<void> take_signals_of(const Given& given, Request& request) {
  if (given.key == 'D') {
    const bool none = given.value == "none";
    request.death_signal = none ? 0 : TRY_CTX(parse_signal(given.value), "%s", given.word.c_str());
    return {};
  }
  request.forwarded.clear();
  for (const std::string_view word : split(given.value, ',')) {
    if (word.empty()) continue;
    const int signal = TRY_CTX(parse_signal(word), "%s", given.word.c_str());
    if (signal == 0) return usage_error(given, "0 is no signal");
    request.forwarded.push_back(signal);
  }
  return {};
}

// The five sets, for whoever names one of them; the others stay.
Result<void> take_caps(const Given& given, const HeldCaps& held, Request& request) {
  if (!request.drop.caps.has_value()) request.drop.caps = held.sets;
  CapSets& sets = *request.drop.caps;
  if (given.key == 'b') {
    sets.bounding = TRY(cap_set_of(given, held.sets.bounding, held.last));
  } else if (given.key == 'c') {
    sets.permitted = TRY(cap_set_of(given, held.sets.permitted, held.last));
    sets.effective = sets.permitted;
  } else {
    sets.ambient = TRY(cap_set_of(given, held.sets.ambient, held.last));
    sets.inheritable = sets.inheritable | sets.ambient;
  }
  return {};
}

Result<void> take_identity(const Given& given, const HeldCaps& held, Request& request) {
  switch (given.key) {
    case 'S':
      request.drop.uid = TRY(id_of(given));
      return {};
    case 'G':
      request.drop.gid = TRY(id_of(given));
      return {};
    case 'g':
      request.drop.groups = TRY(groups_of(given));
      return {};
    case 'b':
    case 'a':
    case 'c':
      return take_caps(given, held, request);
    default:
      request.drop.no_new_privs |= given.key == 'n';
      return {};
  }
}

Result<void> take_program_file(const Given& given, Request& request) {
  if (request.program_file.has_value()) return usage_error(given, "there is a file already");
  FdArgument file =
      TRY(fd_of(given, given.key == 'E' ? "=" + given.value : given.value, O_RDONLY | O_NOCTTY));
  request.program_file.emplace(std::move(file));
  return {};
}

Result<void> take(const Given& given, const HeldCaps& held, Request& request) {
  switch (given.key) {
    case 'j': {
      JoinRequest join = TRY_CTX(parse_join_spec(given.value), "%s", given.word.c_str());
      request.joins.push_back(std::move(join));
      return {};
    }
    case 'r':
    case 'f':
    case 'i':
      return take_root(given, request);
    case 'R':
      request.propagation = TRY_CTX(parse_propagation(given.value), "%s", given.word.c_str());
      return {};
    case 'e':
    case 'E':
      return take_program_file(given, request);
    case 'k':
      return take_kept(given, request);
    case 'W':
      request.directory = given.value;
      return {};
    case 'P':
      request.pid_file = given.value;
      return {};
    case 'v':
      if (given.value.empty() || given.value.find('=') != std::string::npos)
        return usage_error(given, "not the name of a variable");
      request.pidfd_variable = given.value;
      return {};
    case 'N':
      request.next = given.value;
      return {};
    case 'p':
      request.hook = given.value;
      return {};
    case 'D':
    case 'F':
      return take_signals_of(given, request);
    default:
      break;
  }
  if (given.key == 'B' || given.key == kNoBindRoot) request.bind_root = given.key == 'B';
  request.mount_proc |= given.key == 't';
  request.allow_foreign |= given.key == kAllowForeign;
  request.init |= given.key == 'I';
  request.detach |= given.key == 'd';
  request.new_session |= given.key == 's';
  return take_identity(given, held, request);
}

Result<Request> read_request(const Parsed& parsed) {
  const HeldCaps held = TRY(held_caps());
  Request request;
  for (const Given& given : parsed.options) TRY(take(given, held, request));
  request.program = parsed.words;
  const auto wrong = [](const char* why) { return make_error(Kind::InvalidSpec, "%s", why); };
  if (request.program.empty()) return wrong("a program is missing");
  if (!request.bind_root && request.root_inside.has_value())
    return wrong("--no-bind-root is about -r and -f");
  if (!request.directory.starts_with('/')) return wrong("-W: not an absolute path");
  TRY(check_drop(request.drop));
  return request;
}

// --- what can be seen to be wrong before anything is done ----------------------------------------

Result<bool> is_same(BorrowedFd a, BorrowedFd b) {
  const struct stat one = TRY(sys::fstat(a));
  const struct stat other = TRY(sys::fstat(b));
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

Result<bool> is_below(BorrowedFd directory, BorrowedFd root) {
  UniqueFd at = TRY(sys::openat(directory, ".", O_PATH | O_DIRECTORY));
  while (true) {
    const bool found = TRY(is_same(at, root));
    if (found) return true;
    UniqueFd above = TRY(sys::openat(at, "..", O_PATH | O_DIRECTORY));
    const bool top = TRY(is_same(at, above));
    if (top) return false;
    at = std::move(above);
  }
}

// A directory that leads out of the root makes the root no root (CVE-2024-21626).
Result<void> refuse_foreign(const Request& request) {
  if (!request.changes_root() || request.allow_foreign) return {};
  std::vector<int> fds{STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
  fds.insert(fds.end(), request.kept.begin(), request.kept.end());
  for (const int number : fds) {
    const BorrowedFd fd(number);
    const Result<struct stat> st = sys::fstat(fd);
    if (!st.ok() || !S_ISDIR(st->st_mode)) continue;
    const Result<bool> below = request.root.has_value() ? is_below(fd, request.root->fd()) : false;
    if (below.ok() && *below) continue;
    return make_error(Kind::System, "descriptor %d is a directory outside the root", number);
  }
  return {};
}

Result<void> check_root(const Request& request) {
  if (!request.root.has_value()) return {};
  if ((request.joined & CLONE_NEWNS) != 0)
    return make_error(Kind::System,
                      "-r and -f name a mount of ours, which a joined mount namespace has not: -i");
  const struct statx st = TRY(sys::statx(request.root->fd(), "", AT_EMPTY_PATH, STATX_BASIC_STATS));
  if (request.bind_root || (st.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0) return {};
  return make_error(Kind::System, "the root is not a mount point (--no-bind-root)");
}

// --- the plan ------------------------------------------------------------------------------------

using Handles = std::vector<std::vector<JoinHandle>>;

Result<Handles> open_joins(Request& request) {
  Handles handles;
  for (const JoinRequest& join : request.joins) {
    Result<std::vector<JoinHandle>> opened = open_join(join);
    // What the words name is not there or not fit: no mistake of the words.
    if (!opened.ok()) return make_error(Kind::System, "%s", opened.error().message.c_str());
    request.joined |= types_of(*opened);
    handles.push_back(std::move(*opened));
  }
  return handles;
}

class Planner {
 public:
  Planner(const Request& request, const Handles& joins) : r_(request), joins_(joins) {
    plan_.id = "pidns_run";
    plan_.inherit_fds = true;
    // A part of ourselves goes on where the plan ends: see Start.
    plan_.program.argv = {":pidns_run"};
  }

  ContainerPlan make() {
    plan_.add(Phase::Namespaces, Actor::Parent, Clone{.namespaces = 0});
    child(Phase::Namespaces, SetUndumpable{});
    for (const std::vector<JoinHandle>& handles : joins_)
      for (const JoinHandle& handle : handles) join(handle);
    // Who has joined a pid namespace is not in it yet, and unshare(2) makes one for members only.
    if ((r_.joined & CLONE_NEWPID) != 0) both(Phase::Namespaces, CloneAgain{});
    // The new mount namespace takes the working directory along: that is how its copy of the
    // root is found.
    if (r_.root.has_value())
      child(Phase::Namespaces, EnterDirectory{r_.root->fd().raw(), "the root"});
    child(Phase::Namespaces, Unshare{CLONE_NEWPID | CLONE_NEWNS});
    both(Phase::Namespaces, CloneAgain{});
    hold();
    if (r_.propagation != 0) child(Phase::Tree, SetPropagation{"/", r_.propagation});
    if ((r_.joined & CLONE_NEWUSER) != 0) child(Phase::Tree, BecomeRoot{});
    tree();
    child(Phase::Process, ChangeDirectory{r_.directory}, "--workdir");
    if (r_.new_session) child(Phase::Process, NewSession{}, "--setsid");
    add_drop(r_.drop, plan_);
    both(Phase::Process, Meet{Point::Ready});
    child(Phase::Start, WaitForStart{});
    child(Phase::Start, Execute{});
    return std::move(plan_);
  }

 private:
  void child(Phase phase, Op op, const char* source = "") {
    plan_.add(phase, Actor::Child, std::move(op), source);
  }
  void both(Phase phase, Op op) { plan_.add(phase, Actor::Both, std::move(op)); }

  void join(const JoinHandle& handle) { child(Phase::Namespaces, Join{request_of(handle)}); }

  void hold() {
    if (!r_.hook.has_value() && !r_.pid_file.has_value()) return;
    both(Phase::Namespaces, Meet{Point::UserMade});
    plan_.add(Phase::Namespaces, Actor::Parent, RunScript{.text = r_.hook.value_or("")}, "--hook");
    both(Phase::Namespaces, Meet{Point::HooksDone});
  }

  void tree() {
    if (!r_.changes_root() && !r_.mount_proc) return;
    const std::string from = r_.root.has_value() ? "." : r_.root_inside.value_or("/");
    child(Phase::Tree, TakeRoot{from}, "--root");
    if (r_.mount_proc) {
      MountFs proc;
      proc.at = "/proc";
      proc.type = "proc";
      proc.source = "proc";
      proc.flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
      proc.real_directory = true;
      child(Phase::Tree, proc, "--mount-proc");
    }
    if (r_.changes_root())
      child(Phase::Pivot, PivotRoot{}, "--root");
    else
      child(Phase::Pivot, ReturnToDirectory{});
  }

  const Request& r_;
  const Handles& joins_;
  ContainerPlan plan_;
};

// --- where the plan ends: still we, in the new namespaces ----------------------------------------

// Reaps whatever ends, until the program does.
[[noreturn]] void be_init(pid_t program, const sigset_t& signals) {
  while (true) {
    int signal = 0;
    if (::sigwait(&signals, &signal) != 0) continue;
    if (signal != SIGCHLD) {
      ::kill(program, signal);
      continue;
    }
    while (const std::optional<sys::Ended> ended = sys::reap_any())
      if (ended->pid == program) child_exit(sys::exit_code(ended->status));
  }
}

// Returns in the program's process, which is pid 2.
Result<void> become_init() {
  sigset_t all;
  ::sigfillset(&all);
  TRY(sys::set_disposition(SIGCHLD, SIG_DFL));
  const sigset_t before = TRY(sys::sigprocmask(SIG_SETMASK, all));
  const sys::Cloned inner = TRY(sys::clone3(0, kNoFd));
  if (inner.pid != 0) be_init(inner.pid, all);
  TRY(sys::sigprocmask(SIG_SETMASK, before));
  return {};
}

// Last, for changes of IDs clear the signal. The tool may have died before it was set.
Result<void> set_death_signal(int signal, BorrowedFd tool) {
  if (signal == 0) return {};
  TRY(sys::prctl_set_pdeathsig(signal));
  const bool dead = TRY(sys::wait_pidfd(tool, 0));
  if (dead) child_exit(kExitSetup);
  return {};
}

int start(const Request& request, BorrowedFd tool, const Program& plan_program) {
  Result<void> ready =
      set_death_signal(request.death_signal.value_or(request.detach ? 0 : SIGKILL), tool);
  if (ready.ok() && request.init) ready = become_init();
  if (!ready.ok()) {
    complain("pidns_run", ready.error().message);
    return kExitSetup;
  }
  Program program = plan_program;
  program.argv = request.program;
  if (!request.program_file.has_value()) return enter_program("pidns_run", program);
  const Error error = sys::fexecve(request.program_file->fd(), program.argv, program.env);
  complain("pidns_run", strf("execute %s: %s", quote(program.argv.front()).c_str(),
                             errno_text(error.code).c_str()));
  return error.code == ENOENT ? kExitNotFound : kExitNotExecutable;
}

// --- outside -------------------------------------------------------------------------------------

std::vector<std::string> environment_with(const Request& request, pid_t pid, BorrowedFd pidfd) {
  std::vector<std::string> env = hooks::own_environment();
  env.push_back(strf("CTRTOOL_PIDNS_RUN_PID=%d", pid));
  env.push_back(strf("CTRTOOL_PIDNS_RUN_FD_0=%d", pidfd.raw()));
  if (!request.pidfd_variable.empty())
    env.push_back(strf("%s=%d", request.pidfd_variable.c_str(), pidfd.raw()));
  return env;
}

Result<int> run_text(const Request& request, const std::string& text, pid_t pid, BorrowedFd pidfd) {
  hooks::ScriptTarget target;
  const UniqueFd proc = TRY(sys::open(strf("/proc/%d", pid), O_RDONLY | O_DIRECTORY));
  target.pid = pid;
  target.proc = proc;
  target.env = environment_with(request, pid, pidfd);
  target.inherit = {pidfd};
  return hooks::run_script({.form = hooks::Script::Form::ShellText, .text = text}, target);
}

class Holder final : public HookRunner {
 public:
  explicit Holder(const Request& request) : request_(request) {}

  Result<void> run(HookStage, const std::vector<Hook>&, pid_t, BorrowedFd) override { return {}; }

  Result<void> run_script(const RunScript& op, pid_t pid, BorrowedFd pidfd, BorrowedFd) override {
    if (request_.hook.has_value()) {
      const int status = TRY(run_text(request_, op.text, pid, pidfd));
      if (status != 0) return make_error(Kind::HookFailed, "the hook ended with status %d", status);
    }
    if (!request_.pid_file.has_value()) return {};
    constexpr mode_t kMode = 0644;
    return sys::replace_file_at(kCwd, *request_.pid_file, strf("%d\n", pid), kMode);
  }

 private:
  const Request& request_;
};

Result<int> wait_forwarding(const Request& request, const Prepared& process) {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : request.forwarded) ::sigaddset(&set, signal);
  const UniqueFd signals = TRY(sys::signalfd(set));
  const sigset_t before = TRY(sys::sigprocmask(SIG_BLOCK, set));
  const Result<int> status = wait_passing_signals(process.pid(), process.pidfd(), signals);
  TRY(sys::sigprocmask(SIG_SETMASK, before));
  return status;
}

void report_next(const Request& request, const Prepared& process) {
  const Result<int> status = run_text(request, *request.next, process.pid(), process.pidfd());
  if (!status.ok())
    complain("pidns_run", status.error().message);
  else if (*status != 0)
    complain("pidns_run", strf("--next ended with status %d", *status));
}

Result<Ending> run(const Request& request, const Handles& joins) {
  ContainerPlan plan = Planner(request, joins).make();
  plan.program.env = hooks::own_environment();
  std::erase_if(plan.program.env,
                [](const std::string& entry) { return entry.starts_with("container="); });
  plan.program.env.push_back("container=ctrtool");
  const UniqueFd tool = TRY(sys::pidfd_open(::getpid()));
  Holder holder(request);
  ExecuteOptions options{.hooks = &holder};
  options.enter_stage = [&](const Program& program) { return start(request, tool, program); };
  options.complain_as = "ctrtool: pidns_run";
  const ReapOurselves reap;
  Result<Prepared> process = prepare(plan, std::move(options));
  if (!process.ok()) return plan_failed("pidns_run", process.error(), kExitSetup);
  const Result<void> started = process->go();
  if (!started.ok()) return plan_failed("pidns_run", started.error(), kExitSetup);
  if (request.next.has_value()) report_next(request, *process);
  if (request.detach) return Ending{};
  const int status = TRY(wait_forwarding(request, *process));
  return Ending{.status = status};
}

// Only what is listed stays open: all else falls at the exec.
Result<void> keep_listed(const Request& request) {
  TRY(sys::close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC));
  for (const int fd : request.kept) TRY(set_inheritable(BorrowedFd(fd), true));
  if (request.program_file.has_value()) TRY(set_inheritable(request.program_file->fd(), false));
  forget_descriptors(request.kept);
  return {};
}

// A root that is not trusted may have our own executable run as its program.
bool must_escape(const Parsed& parsed) {
  return std::ranges::any_of(parsed.options, [](const Given& given) {
    return given.key == 'j' || given.key == 'r' || given.key == 'f' || given.key == 'i';
  });
}

Result<Ending> pidns_run(const Parsed& parsed) {
  if (must_escape(parsed)) TRY(escape_applet(parsed.argv));
  Request request = TRY(read_request(parsed));
  const Handles joins = TRY(open_joins(request));
  TRY(check_root(request));
  TRY(refuse_foreign(request));
  TRY(keep_listed(request));
  return run(request, joins);
}

}  // namespace

const Manual kPidnsRunManual = {
    .name = "pidns_run",
    .synopsis = "[OPTION...] [--] PROGRAM [ARG...]",
    .purpose =
        "Joins namespaces, makes a pid and a mount namespace, changes the root and becomes\n"
        "PROGRAM there, as pid 1. Descriptors that -k does not name are closed; a directory\n"
        "outside the root is refused. SPEC is N, /VAR, :VAR or =PATH, for -j letters and one of\n"
        "\"ctrtool help specs\". The text of -p is called with $1 the pid, $2 a descriptor of\n"
        "its /proc directory and $3 -1; it and -N find the pid in CTRTOOL_PIDNS_RUN_PID, a\n"
        "pidfd in CTRTOOL_PIDNS_RUN_FD_0. PROGRAM finds container=ctrtool. Runs from a sealed\n"
        "copy of itself when it joins or changes the root.",
    .options = kOptions,
    .exit_codes =
        "0    with -d: PROGRAM runs\n1    usage\n125  a failure before PROGRAM\n"
        "126  PROGRAM is not executable\n127  PROGRAM is not found\n"
        "128+n PROGRAM was killed by signal n\nelse PROGRAM's",
    .examples =
        "ctrtool pidns_run -t -- sh -c 'echo $$; ls -d /proc/[0-9]*'\n"
        "ctrtool make_ns -U -n :pidns_run -j U:/CTRTOOL_MAKE_NS_FD_0 -t -- id -u",
    .order = Order::Stop,
};

int run_pidns_run(const Words& argv) { return run_applet(kPidnsRunManual, argv, pidns_run); }

}  // namespace ctr
