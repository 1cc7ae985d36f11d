// SPDX-License-Identifier: Apache-2.0
// launcher: a container from words. The words become a plan, which the same executor carries out as
// any bundle's; this file has what the plan needs of this process: descriptors, the script's
// surroundings, the wait.
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include "ctrtool/cmd/all.h"
#include "ctrtool/cmd/drop_words.h"
#include "ctrtool/cmd/launcher_words.h"
#include "ctrtool/cmd/proxy.h"
#include "ctrtool/cmd/wait_child.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/exec/executor.h"
#include "ctrtool/core/kit/escape.h"
#include "ctrtool/core/kit/memory_program.h"
#include "ctrtool/core/kit/ns_kind.h"
#include "ctrtool/core/plan/validate.h"
#include "ctrtool/core/sys/cred.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/process.h"
#include "hooks/program.h"
#include "hooks/script.h"

namespace ctr {
namespace {

using Request = LauncherRequest;

constexpr const char* kPrefix = "CTRTOOL_CONTAINER_LAUNCHER_";

std::string upper(std::string_view text) {
  std::string out;
  for (const char c : text) out += static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return out;
}

std::string fd_variable(const std::string& name, BorrowedFd fd) {
  return strf("%s%s=%d", kPrefix, name.c_str(), fd.raw());
}

// --- what is open besides 0 to 2 -----------------------------------------------------------------

struct Files {
  UniqueFd lock{};
  UniqueFd log{};
  UniqueFd null{};
  UniqueFd own_program{};
  BorrowedFd program = kNoFd;
  UniqueFd cgroup{};
  UniqueFd go_read{};  // of -F
  UniqueFd go_write{};
  ProxyEnds ends{};
  std::optional<Proxy> proxy{};
};

Result<UniqueFd> memory_file() {
  constexpr mode_t kMode = 0755;
  UniqueFd file = TRY(make_memory_program("program"));
  TRY(sys::fchmod(file, kMode));
  return file;
}

Result<void> open_program(const Request& request, Files& files) {
  if (request.exec_host_file.has_value())
    files.own_program = TRY(sys::open(*request.exec_host_file, O_RDONLY | O_NOCTTY));
  if (request.exec_anonymous) files.own_program = TRY(memory_file());
  files.program = files.own_program;
  if (request.exec_fd.has_value()) files.program = BorrowedFd(*request.exec_fd);
  // A script of "#!" is read through /proc by its interpreter: its descriptor has to survive.
  if (files.program.valid()) TRY(sys::set_cloexec(files.program, !request.exec_keep_open));
  return {};
}

Result<void> open_relay(const Request& request, Files& files) {
  if (request.relay == Request::Relay::None) return {};
  ProxyRequest proxy{.name = "launcher"};
  proxy.pipes = request.relay == Request::Relay::Pipes;
  proxy.own_stderr = proxy.pipes || !request.stderr_on_terminal;
  proxy.uid = request.tty_uid.has_value() ? request.tty_uid : request.owner;
  proxy.gid = request.tty_gid;
  if (proxy.gid.has_value() && !proxy.uid.has_value()) proxy.uid = ::geteuid();
  Proxy opened = TRY(Proxy::open(proxy, files.ends));
  files.proxy.emplace(std::move(opened));
  return {};
}

Result<void> open_files(const Request& request, Files& files) {
  // First of all: shells want a number of one digit in ">&$5".
  if (request.script_no_fork) {
    sys::Pipe pipe = TRY(sys::pipe());
    files.go_read = std::move(pipe.read);
    files.go_write = std::move(pipe.write);
  }
  TRY(open_program(request, files));
  if (request.lock_file.has_value()) {
    files.lock = TRY(sys::open(*request.lock_file, O_RDWR | O_CREAT | O_NOCTTY, 0600));
    TRY(sys::flock(files.lock, LOCK_EX));
  }
  if (request.log_file.has_value()) {
    files.log = TRY(sys::open(*request.log_file, O_WRONLY | O_CREAT | O_APPEND | O_NOCTTY, 0600));
    files.null = TRY(sys::open("/dev/null", O_RDONLY));
  }
  TRY(open_relay(request, files));
  if (request.cgroup.has_value())
    files.cgroup = TRY(sys::open(*request.cgroup, O_PATH | O_DIRECTORY));
  return {};
}

// --- environments --------------------------------------------------------------------------------

void change_env(const std::string& change, std::vector<std::string>& env) {
  const std::string name = change.substr(0, change.find('=')) + "=";
  std::erase_if(env, [&](const std::string& entry) { return entry.starts_with(name); });
  if (change.find('=') != std::string::npos) env.push_back(change);
}

std::vector<std::string> program_env(const Request& request, BorrowedFd program) {
  std::vector<std::string> env =
      request.clear_env ? std::vector<std::string>() : hooks::own_environment();
  const std::string exec_fd = fd_variable("EXEC_FD", program);
  change_env(exec_fd.substr(0, exec_fd.find('=')), env);
  if (program.valid() && request.exec_keep_open) env.push_back(exec_fd);
  for (const std::string& change : request.env_changes) change_env(change, env);
  return env;
}

// What a script is told beside its words, and the descriptors that it is told of.
struct Surroundings {
  hooks::ScriptTarget target{};
  UniqueFd proc{};
  std::vector<UniqueFd> namespaces{};

  void tell(const std::string& name, BorrowedFd fd) {
    target.env.push_back(fd_variable(name, fd));
    target.inherit.push_back(fd);
  }
};

Result<void> add_namespaces(int kinds, Surroundings& out) {
  for (const NsKind& kind : kNsKinds) {
    if ((kinds & kind.flag) == 0) continue;
    UniqueFd fd = TRY(sys::openat(out.proc, strf("ns/%s", kind.file), O_RDONLY));
    out.tell(upper(kind.file) + "_NS", fd);
    out.namespaces.push_back(std::move(fd));
  }
  return {};
}

Result<Surroundings> surroundings(const Request& request, const Files& files, pid_t pid,
                                  BorrowedFd pidfd, BorrowedFd socket) {
  Surroundings out;
  out.target.env = hooks::own_environment();
  out.proc = TRY(sys::open(strf("/proc/%d", pid), O_RDONLY | O_DIRECTORY));
  out.target.pid = pid;
  out.target.proc = out.proc;
  out.target.socket = socket;
  if (files.program.valid()) out.tell("EXEC_FD", files.program);
  if (request.pidfd) out.tell("PID_FD", pidfd);
  TRY(add_namespaces(request.shown_namespaces, out));
  return out;
}

hooks::Script script_of(const RunScript& op) {
  return {.form = op.shell ? hooks::Script::Form::ShellText : hooks::Script::Form::File,
          .text = op.text,
          .interpreter = op.interpreter};
}

class ScriptRunner final : public HookRunner {
 public:
  ScriptRunner(const Request& request, const Files& files) : request_(request), files_(files) {}

  Result<void> run(HookStage, const std::vector<Hook>&, pid_t, BorrowedFd) override { return {}; }

  Result<void> run_script(const RunScript& op, pid_t child, BorrowedFd pidfd,
                          BorrowedFd socket) override {
    const Surroundings around = TRY(surroundings(request_, files_, child, pidfd, socket));
    Result<int> status = hooks::run_script(script_of(op), around.target);
    status_ = status.ok() ? *status : static_cast<int>(kExitNotFound);
    if (!status.ok()) return status.error();
    if (*status == 0) return {};
    return make_error(Kind::HookFailed, "the script ended with status %d", *status);
  }

  int status() const { return status_; }  // 0: it has not failed

 private:
  const Request& request_;
  const Files& files_;
  int status_ = 0;
};

// --- running it ----------------------------------------------------------------------------------

Result<ExecuteOptions> execute_options(const Request& request, Files& files, HookRunner& scripts) {
  ExecuteOptions options{.hooks = &scripts};
  options.program = files.program;
  options.cgroup = files.cgroup;
  if (request.seccomp_fd.has_value())
    options.seccomp = TRY_CTX(read_filter(BorrowedFd(*request.seccomp_fd)), "--seccomp-fd");
  if (files.log.valid()) {
    options.stdio[0] = files.null;
    options.stdio[1] = files.log;
    options.stdio[2] = files.log;
  } else if (files.proxy.has_value()) {
    for (int fd = 0; fd <= 2; ++fd) options.stdio[fd] = files.ends.stdio(fd);
  }
  if (files.go_read.valid()) {
    options.gate = std::move(files.go_read);
    options.parents_own.push_back(files.go_write);
  }
  options.parents_own.push_back(files.lock);
  if (files.proxy.has_value())
    for (const BorrowedFd fd : files.proxy->own_fds()) options.parents_own.push_back(fd);
  options.enter_stage = [](const Program& program) { return enter_program("launcher", program); };
  options.complain_as = "ctrtool: launcher";
  return options;
}

Result<int> wait_for(const Request& request, Files& files, const Prepared& process,
                     BorrowedFd signals) {
  files.ends = ProxyEnds{};
  if (files.proxy.has_value()) return files.proxy->run(process.pid(), process.pidfd(), signals);
  if (request.forward_signals) return wait_passing_signals(process.pid(), process.pidfd(), signals);
  const std::optional<int> status = TRY(sys::waitpid(process.pid(), 0));
  constexpr int kOdd = 255;
  return status.has_value() ? sys::exit_code(*status) : kOdd;
}

Result<Ending> start(const Request& request, Files& files, Prepared& process) {
  const bool waits = request.wait || request.relay != Request::Relay::None;
  std::optional<TakenSignals> signals;
  if (files.proxy.has_value() || (waits && request.forward_signals)) {
    TakenSignals taken = TRY(take_signals());
    signals.emplace(std::move(taken));
  }
  const Result<void> started = process.go();
  if (!started.ok()) return plan_failed("launcher", started.error(), kExitUsage);
  if (!waits) return Ending{};
  const BorrowedFd fd = signals.has_value() ? signals->fd.borrow() : kNoFd;
  const int status = TRY(wait_for(request, files, process, fd));
  if (signals.has_value()) TRY(sys::sigprocmask(SIG_SETMASK, signals->before));
  return Ending{.status = status};
}

// -F: the script takes our place, and has the word to start.
Result<Ending> become_script(const Request& request, const Files& files, Prepared& process,
                             BorrowedFd socket) {
  TRY(process.release());
  Surroundings around = TRY(surroundings(request, files, process.pid(), process.pidfd(), socket));
  if (files.proxy.has_value()) {
    const std::vector<BorrowedFd> relay = files.proxy->own_fds();
    const bool pipes = request.relay == Request::Relay::Pipes;
    around.tell("CHILD_STDIN_FD", relay[0]);
    around.tell("CHILD_STDOUT_FD", pipes ? relay[1] : relay[0]);
    around.tell("CHILD_STDERR_FD", relay.back());
  }
  const RunScript op{.text = *request.script,
                     .shell = request.script_is_shell,
                     .interpreter = request.interpreter};
  const Error error =
      hooks::become_script(script_of(op), around.target, files.lock, files.go_write);
  (void)sys::pidfd_send_signal(process.pidfd(), SIGKILL);
  complain("launcher", error.message);
  return Ending{.status = kExitNotFound};
}

Result<Ending> launch(const Request& request, const ContainerPlan& plan, Files& files) {
  ScriptRunner scripts(request, files);
  ExecuteOptions options = TRY(execute_options(request, files, scripts));
  Result<Prepared> process = prepare(plan, std::move(options));
  if (!process.ok()) {
    const Ending ending = plan_failed("launcher", process.error(), kExitUsage);
    return scripts.status() != 0 ? Ending{.status = scripts.status()} : ending;
  }
  if (request.script_no_fork)
    return become_script(request, files, *process, process->script_socket());
  return start(request, files, *process);
}

Result<Ending> launch_in_place(const Request& request, const ContainerPlan& plan, Files& files) {
  ScriptRunner scripts(request, files);
  ExecuteOptions options = TRY(execute_options(request, files, scripts));
  const Result<void> done = execute_in_place(plan, std::move(options));
  return plan_failed("launcher", done.error(), kExitUsage);
}

// --- words ---------------------------------------------------------------------------------------

Result<void> check_plan(const ContainerPlan& plan) {
  const std::vector<std::string> breaches = validate(plan);
  if (breaches.empty()) return {};
  return make_error(Kind::System, "the plan is not sound: %s", breaches.front().c_str());
}

Result<void> refuse_unprotected(const Request& request) {
  if (request.no_escape || !request.is_risky() || is_escaped()) return {};
  const Result<UniqueFd> self = sys::open("/proc/self/exe", O_RDONLY);
  if (self.ok() && is_protected(*self)) return {};
  return make_error(Kind::InvalidSpec,
                    "this enters a container, whose processes could write to our own executable: "
                    "say --escape (or --unsafe-no-escape)");
}

Result<Request> read_request(const Parsed& parsed) {
  const HeldCaps held = TRY(held_caps());
  Request request = TRY(read_launcher_words(parsed, held.sets, held.last));
  request.umask = own_umask();
  const sys::Switch no_new_privs = TRY(sys::prctl_get_no_new_privs());
  TRY(check_launcher(request, no_new_privs == sys::Switch::On));
  request.under_no_new_privs = request.no_new_privs || no_new_privs == sys::Switch::On;
  return request;
}

Result<Ending> launcher(const Parsed& parsed) {
  const Request request = TRY(read_request(parsed));
  if (request.dry_run.has_value()) {
    const ContainerPlan plan = plan_launcher(request, program_env(request, kNoFd));
    TRY(print(*request.dry_run == "json" ? describe_json(plan) : describe_text(plan)));
    return Ending{};
  }
  if (request.escape) TRY(escape_applet(parsed.argv));
  TRY(refuse_unprotected(request));
  Files files;
  TRY(open_files(request, files));
  const ContainerPlan plan = plan_launcher(request, program_env(request, files.program));
  TRY(check_plan(plan));
  // A caller that ignores SIGCHLD would have the kernel reap for us, and the status lost.
  TRY(sys::set_disposition(SIGCHLD, SIG_DFL));
  return request.direct ? launch_in_place(request, plan, files) : launch(request, plan, files);
}

}  // namespace

int run_launcher(const Words& argv) { return run_applet(kLauncherManual, argv, launcher); }

}  // namespace ctr
