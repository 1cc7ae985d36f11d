// SPDX-License-Identifier: Apache-2.0
// nsenter: joins existing namespaces, makes new ones inside them if asked to, becomes a program.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>

#include "ctrtool/cmd/all.h"
#include "ctrtool/cmd/fd_spec.h"
#include "ctrtool/cmd/join_spec.h"
#include "ctrtool/cmd/wait_child.h"
#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/exec/executor.h"
#include "ctrtool/core/kit/cgroup_enter.h"
#include "ctrtool/core/kit/ns_kind.h"
#include "ctrtool/core/kit/pidfd.h"
#include "ctrtool/core/kit/signals.h"
#include "ctrtool/core/sys/cred.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/process.h"
#include "hooks/program.h"

namespace ctr {
namespace {

enum Long : int {
  kNoFork = kLongOnly,
  kNew,
  kUidMap,
  kGidMap,
  kDisableSetgroups,
  kPidFile,
  kReportPid,
};

constexpr OptionRow kOptions[] = {
    {'j', "join", "SPEC", "join this; in order (\"ctrtool help specs\")"},
    {'t', "target", "PID|:SPEC", "the process that the letters are about; :SPEC: a pidfd"},
    {'U', "user", "", "join the user namespace of -t"},
    {'m', "mount", "", "join its mount namespace"},
    {'n', "net", "", "join its network namespace"},
    {'i', "ipc", "", "join its ipc namespace"},
    {'u', "uts", "", "join its uts namespace"},
    {'p', "pid", "", "join its pid namespace"},
    {'C', "cgroup", "", "join its cgroup namespace"},
    {'T', "time", "", "join its time namespace"},
    {'a', "all", "", "join all of its namespaces that are not ours"},
    {'F', "fork", "", "execute in a child, wait and pass signals on", "if a pid is joined"},
    {kNoFork, "no-fork", "", "never fork"},
    {'r', "root", "PATH|:SPEC|target", "directory to be the root", "unchanged"},
    {'w', "wd", "PATH|:SPEC|target", "working directory", "/ after a mount join, else unchanged"},
    {'S', "uid", "UID", "user", "0 after a user join, else unchanged"},
    {'G', "gid", "GID", "group", "0 after a user join, else unchanged"},
    {'P', "preserve-credentials", "", "keep user and groups"},
    {'k', "keep-caps", "", "keep capabilities that are not inheritable"},
    {'N', "no-new-privs", "", "set no_new_privs"},
    {'e', "no-escape", "", "stay in the executable's file, within reach of containers"},
    {'x', "exec-host", "PATH", "opened before joining, executed with PROGRAM as its name"},
    {'c', "cgroup-of", "target", "enter the target's cgroups first"},
    {'E', "env-clean", "", "drop variables that hold descriptor numbers"},
    {'d', "pdeathsig", "SIGNAL", "the child's, when we die", "none"},
    {kNew, "new", "LETTERS", "then make new namespaces inside the joined ones"},
    {kUidMap, "uid-map", "MAP", "of a new user namespace", "none"},
    {kGidMap, "gid-map", "MAP", "of a new user namespace", "none"},
    {kDisableSetgroups, "disable-setgroups", "", "deny setgroups in it"},
    {kPidFile, "pid-file", "PATH", "write the process's pid, as we see it, before PROGRAM starts"},
    {kReportPid, "report-pid", "FD", "the same, a line to this descriptor"},
};

struct Request {
  std::vector<JoinRequest> joins{};
  std::optional<JoinRequest> target{};
  int letters = 0;
  bool all = false;
  std::optional<bool> fork{};
  std::optional<std::string> root{};
  std::optional<std::string> directory{};
  std::optional<uid_t> uid{};
  std::optional<gid_t> gid{};
  bool preserve = false;
  bool keep_caps = false;
  bool no_new_privs = false;
  bool under_no_new_privs = false;  // by us or by who started us
  std::optional<std::string> host_program{};
  bool target_cgroup = false;
  bool clean_env = false;
  std::optional<std::string> death_signal{};
  int made = 0;
  IdMap uids{};
  IdMap gids{};
  bool deny_setgroups = false;
  std::optional<std::string> pid_file{};
  std::optional<int> report{};
  Words program{};
};

constexpr SwitchRow<Request> kSwitches[] = {
    {'a', &Request::all},       {'P', &Request::preserve},
    {'k', &Request::keep_caps}, {'N', &Request::no_new_privs},
    {'E', &Request::clean_env}, {kDisableSetgroups, &Request::deny_setgroups},
};
constexpr TextRow<Request, std::optional<std::string>> kTexts[] = {
    {'r', &Request::root},         {'w', &Request::directory},     {'x', &Request::host_program},
    {'d', &Request::death_signal}, {kPidFile, &Request::pid_file},
};

// --- words ---------------------------------------------------------------------------------------

// Before any variable is read: the sealed copy has to find them all.
bool must_escape(const Parsed& parsed) {
  bool risky = false;
  for (const Given& given : parsed.options) {
    if (given.key == 'e') return false;
    risky |= given.key == 'U' || given.key == 'm' || given.key == 'p' || given.key == 'a';
    if (given.key != 'j') continue;
    const std::string letters = given.value.substr(0, given.value.find_first_of(":-=/%@"));
    risky |= letters.empty() || letters.find_first_of("Umpa") != std::string::npos;
  }
  return risky;
}

Result<JoinRequest> target_of(const Given& given) {
  JoinRequest target{.from = JoinRequest::From::Process, .text = given.value};
  if (given.value.starts_with(':')) {
    target.from = JoinRequest::From::Descriptor;
    target.fd = TRY_CTX(take_fd_number(given.value.substr(1)), "%s", given.word.c_str());
    return target;
  }
  target.pid = TRY(number_of<pid_t>(given));
  if (target.pid <= 0) return usage_error(given, "not a process");
  return target;
}

Result<void> take_nesting(const Given& given, Request& request) {
  switch (given.key) {
    case kNew:
      request.made = TRY_CTX(parse_ns_letters(given.value), "%s", given.word.c_str());
      break;
    case kUidMap:
      request.uids = TRY_CTX(IdMap::parse_words(given.value), "%s", given.word.c_str());
      break;
    case kGidMap:
      request.gids = TRY_CTX(IdMap::parse_words(given.value), "%s", given.word.c_str());
      break;
    case kReportPid:
      request.report = TRY_CTX(take_fd_number(given.value), "%s", given.word.c_str());
      break;
    default:
      break;
  }
  return {};
}

Result<void> take_identity(const Given& given, Request& request) {
  if (given.key == 'S') request.uid = TRY_CTX(parse_id(given.value, 0), "%s", given.word.c_str());
  if (given.key == 'G') request.gid = TRY_CTX(parse_id(given.value, 0), "%s", given.word.c_str());
  if (given.key == 'd') TRY_CTX(parse_signal(given.value), "%s", given.word.c_str());
  return {};
}

Result<void> take(const Given& given, Request& request) {
  take_switch(given, kSwitches, request);
  take_text(given, kTexts, request);
  if (given.key == 'j') {
    JoinRequest join = TRY_CTX(parse_join_spec(given.value), "%s", given.word.c_str());
    request.joins.push_back(std::move(join));
    return {};
  }
  if (given.key == 't') request.target = TRY(target_of(given));
  if (given.key == 'F') request.fork = true;
  if (given.key == kNoFork) request.fork = false;
  if (given.key == 'c') {
    if (given.value != "target") return usage_error(given, "only \"target\" is known");
    request.target_cgroup = true;
  }
  if (given.key < kLongOnly && given.key != 'a')
    if (const NsKind* kind = find_ns_kind(static_cast<char>(given.key)); kind != nullptr)
      request.letters |= kind->flag;
  TRY(take_identity(given, request));
  return take_nesting(given, request);
}

bool is_target(const std::optional<std::string>& word) { return word == "target"; }

Result<Request> read_request(const Parsed& parsed) {
  Request request;
  for (const Given& given : parsed.options) TRY(take(given, request));
  request.program = parsed.words;
  const bool of_target = request.letters != 0 || request.all;
  const bool needs_target =
      of_target || request.target_cgroup || is_target(request.root) || is_target(request.directory);
  const auto wrong = [](const char* why) { return make_error(Kind::InvalidSpec, "%s", why); };
  if (request.program.empty()) return wrong("a program is missing");
  if (needs_target && !request.target.has_value()) return wrong("a target (-t) is missing");
  if (request.joins.empty() && !of_target && request.made == 0)
    return wrong("nothing to join: -j SPEC, or -t and a letter");
  if ((request.made & CLONE_NEWUSER) == 0 && (!request.uids.empty() || !request.gids.empty()))
    return wrong("maps need a new user namespace (--new U)");
  if (request.fork == false && request.made != 0) return wrong("--new needs a fork");
  if (request.host_program.has_value() && request.death_signal.has_value())
    return wrong("-x and -d do not go together");
  if (of_target) {
    JoinRequest join = *request.target;
    join.types = request.letters;
    join.all = request.all;
    request.joins.push_back(std::move(join));
  }
  return request;
}

// --- handles -------------------------------------------------------------------------------------

// All that is looked up as we are now, before anything is joined.
struct Handles {
  std::vector<std::vector<JoinHandle>> joins{};
  UniqueFd target{};  // a pidfd
  std::optional<FdArgument> root{};
  std::optional<FdArgument> directory{};
  UniqueFd program{};
  int types = 0;
};

Result<BorrowedFd> target_pidfd(const Request& request, Handles& handles) {
  if (request.target->from == JoinRequest::From::Descriptor) return BorrowedFd(request.target->fd);
  if (!handles.target.valid()) handles.target = TRY(sys::pidfd_open(request.target->pid));
  return handles.target.borrow();
}

Result<pid_t> target_pid(const Request& request, Handles& handles) {
  const BorrowedFd pidfd = TRY(target_pidfd(request, handles));
  const pid_t pid = TRY(pidfd_pid(pidfd));
  if (pid <= 0) return make_error(Kind::NotFound, "the target is gone");
  return pid;
}

Result<FdArgument> open_place(const Request& request, const std::string& word, const char* link,
                              Handles& handles) {
  if (word == "target") {
    const pid_t pid = TRY(target_pid(request, handles));
    UniqueFd fd = TRY(sys::open(strf("/proc/%d/%s", pid, link), O_PATH | O_DIRECTORY));
    return FdArgument(std::move(fd));
  }
  const std::string spec = word.starts_with(':') ? word.substr(1) : "=" + word;
  return take_fd(spec, O_PATH | O_DIRECTORY);
}

Result<void> open_joins(const Request& request, Handles& handles) {
  for (const JoinRequest& join : request.joins) {
    Result<std::vector<JoinHandle>> opened = open_join(join);
    // What the words name is not there or not fit: no mistake of the words.
    if (!opened.ok()) return make_error(Kind::System, "%s", opened.error().message.c_str());
    handles.types |= types_of(*opened);
    handles.joins.push_back(std::move(*opened));
  }
  return {};
}

Result<void> open_handles(const Request& request, Handles& handles) {
  TRY(open_joins(request, handles));
  if (request.root.has_value()) {
    FdArgument root = TRY(open_place(request, *request.root, "root", handles));
    handles.root.emplace(std::move(root));
  }
  if (request.directory.has_value() && !request.directory->starts_with('/')) {
    FdArgument place = TRY(open_place(request, *request.directory, "cwd", handles));
    handles.directory.emplace(std::move(place));
  }
  if (request.host_program.has_value())
    handles.program = TRY(sys::open(*request.host_program, O_RDONLY));
  return {};
}

// --- the plan ------------------------------------------------------------------------------------

bool forks(const Request& request, const Handles& handles) {
  if (request.made != 0) return true;
  return request.fork.value_or((handles.types & CLONE_NEWPID) != 0);
}

class Planner {
 public:
  Planner(const Request& request, const Handles& handles) : r_(request), h_(handles) {
    plan_.id = "nsenter";
    plan_.inherit_fds = true;
    plan_.in_place = !forks(r_, h_);
    plan_.program.argv = r_.program;
    plan_.program.by_descriptor = h_.program.valid();
    plan_.program.env = hooks::own_environment();
    if (r_.clean_env) clean_env();
    if (r_.death_signal.has_value()) set_death_signal(*r_.death_signal, plan_.program);
  }

  ContainerPlan make() {
    if (!plan_.in_place) plan_.add(Phase::Namespaces, Actor::Parent, Clone{.namespaces = 0});
    for (const std::vector<JoinHandle>& handles : h_.joins)
      for (const JoinHandle& handle : handles) join(handle);
    if (!plan_.in_place && (h_.types & CLONE_NEWPID) != 0) clone_again();
    places();
    new_namespaces();
    if (r_.pid_file.has_value())
      plan_.add(Phase::Namespaces, Actor::Parent, WritePidFile{*r_.pid_file}, "--pid-file");
    identity();
    child(Phase::Process, SetUndumpable{});
    if (r_.no_new_privs) child(Phase::Process, SetNoNewPrivileges{}, "--no-new-privs");
    // A stage goes on with what we have: only an exec is what capabilities fall before.
    if (!r_.keep_caps && !r_.program.front().starts_with(':') &&
        may_drop_caps(r_.death_signal.has_value(), r_.under_no_new_privs))
      child(Phase::Process, DropUninheritable{});
    child(Phase::Process, FindProgram{});
    if (!plan_.in_place) {
      plan_.add(Phase::Process, Actor::Both, Meet{Point::Ready});
      child(Phase::Start, WaitForStart{});
    }
    child(Phase::Start, Execute{});
    return std::move(plan_);
  }

 private:
  void child(Phase phase, Op op, const char* source = "") {
    plan_.add(phase, Actor::Child, std::move(op), source);
  }
  void clone_again() { plan_.add(Phase::Namespaces, Actor::Both, CloneAgain{}); }

  void join(const JoinHandle& handle) { child(Phase::Namespaces, Join{request_of(handle)}); }

  // A new mount namespace, made below, takes them along.
  void places() {
    if (h_.root.has_value())
      child(Phase::Namespaces, EnterRoot{h_.root->fd().raw(), *r_.root}, "--root");
    if (h_.directory.has_value())
      child(Phase::Namespaces, EnterDirectory{h_.directory->fd().raw(), *r_.directory}, "--wd");
    else if (r_.directory.has_value())
      child(Phase::Namespaces, ChangeDirectory{*r_.directory}, "--wd");
    else if ((h_.types & CLONE_NEWNS) != 0)
      child(Phase::Namespaces, ChangeDirectory{"/"}, "--wd");
  }

  void new_namespaces() {
    if (r_.made == 0) return;
    if ((r_.made & CLONE_NEWUSER) != 0)
      child(Phase::Namespaces,
            MapIds{.uids = r_.uids, .gids = r_.gids, .deny_setgroups = r_.deny_setgroups},
            "--uid-map, --gid-map");
    child(Phase::Namespaces, Unshare{r_.made}, "--new");
    if ((r_.made & CLONE_NEWPID) != 0) clone_again();
    if ((r_.made & CLONE_NEWNS) != 0)
      child(Phase::Namespaces, SetPropagation{"/", MS_SLAVE | MS_REC}, "--new");
  }

  // Groups are cleared with the change, except where an ordinary user has given setgroups up.
  void identity() {
    const bool entered = ((h_.types | r_.made) & CLONE_NEWUSER) != 0;
    if (r_.preserve || (!entered && !r_.uid.has_value() && !r_.gid.has_value())) return;
    BecomeRoot op;
    op.uid = r_.uid.value_or(entered ? 0 : ::geteuid());
    op.gid = r_.gid.value_or(entered ? 0 : ::getegid());
    op.clear_groups = !r_.deny_setgroups;
    child(Phase::Process, op, "--uid, --gid");
  }

  void clean_env() {
    std::erase_if(plan_.program.env, [](const std::string& entry) {
      const std::string_view name = std::string_view(entry).substr(0, entry.find('='));
      const bool ours = name.starts_with("CTRTOOL_") || name == "CONTAINER_LAUNCHER_UNIX_FD";
      return ours && (name.find("_FD") != name.npos || name.ends_with("_NS"));
    });
  }

  const Request& r_;
  const Handles& h_;
  ContainerPlan plan_;
};

// --- running it ----------------------------------------------------------------------------------

Result<Ending> run_forked(const Request& request, const ContainerPlan& plan,
                          ExecuteOptions options) {
  TRY(sys::set_disposition(SIGCHLD, SIG_DFL));
  Result<Prepared> process = prepare(plan, std::move(options));
  if (!process.ok()) return plan_failed("nsenter", process.error(), kExitSetup);
  if (request.report.has_value())
    TRY_CTX(sys::write_all(BorrowedFd(*request.report), strf("%d\n", process->pid())),
            "--report-pid");
  const TakenSignals signals = TRY(take_signals());
  const Result<void> started = process->go();
  if (!started.ok()) return plan_failed("nsenter", started.error(), kExitSetup);
  const int status = TRY(wait_passing_signals(process->pid(), process->pidfd(), signals.fd));
  TRY(sys::sigprocmask(SIG_SETMASK, signals.before));
  return Ending{.status = status};
}

Result<Ending> nsenter(const Parsed& parsed) {
  if (must_escape(parsed)) TRY(escape_applet(parsed.argv));
  Request request = TRY(read_request(parsed));
  const sys::Switch no_new_privs = TRY(sys::prctl_get_no_new_privs());
  request.under_no_new_privs = request.no_new_privs || no_new_privs == sys::Switch::On;
  Handles handles;
  TRY(open_handles(request, handles));
  if (request.target_cgroup) {
    const pid_t pid = TRY(target_pid(request, handles));
    TRY_CTX(enter_cgroups_of(pid), "--cgroup-of");
  }
  const ContainerPlan plan = Planner(request, handles).make();
  ExecuteOptions options;
  options.program = handles.program;
  options.enter_stage = [](const Program& program) { return enter_program("nsenter", program); };
  options.complain_as = "ctrtool: nsenter";
  if (!plan.in_place) return run_forked(request, plan, std::move(options));
  const Result<void> done = execute_in_place(plan, std::move(options));
  return plan_failed("nsenter", done.error(), kExitSetup);
}

}  // namespace

const Manual kNsenterManual = {
    .name = "nsenter",
    .synopsis = "{-j SPEC}... [OPTION...] [--] PROGRAM [ARG...]",
    .purpose =
        "Joins namespaces and executes PROGRAM, from a sealed copy of itself when a user,\n"
        "mount or pid namespace is joined. All handles are opened before anything is joined.\n"
        "SPEC is letters (C cgroup, i ipc, m mount, n net, p pid, U user, u uts, T time,\n"
        "a all that differ, X close the descriptor) and one of\n"
        "  :N :/VAR ::VAR  a descriptor: namespace file or pidfd\n"
        "  -NAME           the same, in variable NAME\n"
        "  =PATH           a namespace file\n"
        "  @PID            a process\n"
        "  /PATH           a directory like /proc/PID, so //proc/1; %PATH: as it is\n"
        "With --new, namespaces are made inside the joined ones, for nested containers: the\n"
        "parent stays outside and knows the pid. -N without -k leaves PROGRAM no capabilities.",
    .options = kOptions,
    .exit_codes =
        "1    usage, a malformed SPEC\n125  something could not be joined\n"
        "126  PROGRAM is not executable\n127  PROGRAM is not found\n"
        "128+n PROGRAM was killed by signal n, when we forked\nelse PROGRAM's",
    .examples =
        "ctrtool nsenter -j n=/run/netns/a ip -br link\n"
        "ctrtool nsenter -j Un@$P sh -c 'readlink /proc/self/ns/net; id -u'\n"
        "ctrtool nsenter -t $P -a --new mp --pid-file inner.pid -- sh",
    .order = Order::Stop,
};

int run_nsenter(const Words& argv) { return run_applet(kNsenterManual, argv, nsenter); }

}  // namespace ctr
