// SPDX-License-Identifier: Apache-2.0
// What the process is and may: session, keyring, limits, identity, working directory, program.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/exec/child.h"
#include "ctrtool/core/exec/context.h"
#include "ctrtool/core/exec/signals.h"
#include "ctrtool/core/sys/cred.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/process.h"
#include "ctrtool/core/sys/tty.h"

namespace ctr {
namespace {

constexpr const char* kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

bool is_dev_null(const struct stat& st) {
  return S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

std::string search_path(const std::vector<std::string>& env) {
  for (const std::string& entry : env)
    if (entry.starts_with("PATH=")) return entry.substr(5);
  return kDefaultPath;
}

// 0 when this is a regular file that we may execute, else the errno that execve would give.
int check_program(const std::string& path) {
  const Result<struct stat> st = sys::fstatat(kCwd, path, 0);
  if (!st.ok()) return st.error().code;
  if (!S_ISREG(st->st_mode)) return EACCES;
  const Result<void> access = sys::faccessat(kCwd, path, X_OK);
  return access.ok() ? 0 : access.error().code;
}

// The words that engines look for: "executable file not found in $PATH" and "no such file or
// directory" become exit status 127, "permission denied" 126.
Error program_error(const std::string& name, int err) {
  if (err == ENOENT || err == ENOTDIR) {
    const bool searched = name.find('/') == std::string::npos;
    return Error{Kind::NotFound, ENOENT,
                 strf("exec %s: %s", quote(name).c_str(),
                      searched ? "executable file not found in $PATH: No such file or directory"
                               : "no such file or directory")};
  }
  if (err == EACCES)
    return Error{Kind::System, err, strf("exec %s: permission denied", quote(name).c_str())};
  return sys_error(err, "exec %s", quote(name).c_str());
}

// As execvp: one candidate that may not be executed does not end the search, and is the answer only
// if nothing better follows.
Result<std::string> find_program(const std::string& name, const std::vector<std::string>& env) {
  if (name.find('/') != std::string::npos) {
    const int err = check_program(name);
    if (err != 0) return program_error(name, err);
    return name;
  }
  const std::string path = search_path(env);
  bool denied = false;
  for (const std::string_view dir : split(path, ':')) {
    const std::string candidate = dir.empty() ? "./" + name : std::string(dir) + "/" + name;
    const int err = check_program(candidate);
    if (err == 0) return candidate;
    denied = denied || (err == EACCES && sys::fstatat(kCwd, candidate, 0).ok());
  }
  return program_error(name, denied ? EACCES : ENOENT);
}

// A part of ourselves that goes on without an exec.
bool is_stage(const Program& program, const Context& ctx) {
  return ctx.enter_stage && !program.by_descriptor && program.path.empty() &&
         program.argv.front().starts_with(':');
}

[[noreturn]] void become_stage(Context& ctx) {
  // What an exec would have done: end of file says that the program runs.
  ctx.channel.close();
  Program program = ctx.plan->program;
  program.env = ctx.env;
  child_exit(ctx.enter_stage(program));
}

// From the container's /etc/passwd, which may be anything: a FIFO, a device, endless.
Result<std::string> read_passwd() {
  constexpr std::size_t kMaxPasswd = 1U << 20;
  const UniqueFd fd = TRY(sys::open("/etc/passwd", O_RDONLY | O_NONBLOCK | O_NOCTTY));
  const struct stat st = TRY(sys::fstat(fd));
  if (!S_ISREG(st.st_mode)) return make_error(Kind::InvalidSpec, "/etc/passwd is not a file");
  return sys::read_all(fd, kMaxPasswd);
}

std::string home_of(uid_t uid) {
  const Result<std::string> passwd = read_passwd();
  if (!passwd.ok()) return "/";
  const std::string wanted = strf("%u", uid);
  for (const std::string_view line : split(*passwd, '\n')) {
    const std::vector<std::string_view> fields = split(line, ':');
    constexpr std::size_t kUid = 2;
    constexpr std::size_t kHome = 5;
    if (fields.size() > kHome && fields[kUid] == wanted && fields[kHome].starts_with('/'))
      return std::string(fields[kHome]);
  }
  return "/";
}

// The caller's /dev/null is a file of the host's mounts, which criu does not find among the
// container's. The container's own takes its place, if what is there is one.
Result<void> take_own_null(int fd) {
  const Result<UniqueFd> own = sys::open("/dev/null", O_RDWR | O_NOCTTY | O_NONBLOCK);
  if (!own.ok()) return {};
  const struct stat st = TRY(sys::fstat(*own));
  return is_dev_null(st) ? sys::dup2(*own, fd) : Result<void>();
}

}  // namespace

Result<void> run(const NewSession&, Context&) {
  TRY(sys::setsid());
  return {};
}

// In place, where the kernel shows them from; the program gets its own by execve.
Result<void> run(const WipeEnvironment&, Context&) {
  for (char** entry = ::environ; entry != nullptr && *entry != nullptr; ++entry)
    ::explicit_bzero(*entry, std::strlen(*entry));
  return {};
}

// The terminal and /dev/null belong to others; of pipes and files of the caller, those that cannot
// be given away stay. The parent, which may give away whatever is the host's, gives pipes alone.
Result<void> run(const ChownStdio& op, Context& ctx) {
  for (int fd = 0; fd <= 2; ++fd) {
    const Result<struct stat> st = sys::fstat(BorrowedFd(fd));
    if (!st.ok() || sys::isatty(BorrowedFd(fd))) continue;
    if (!ctx.in_child && !S_ISFIFO(st->st_mode)) continue;
    if (is_dev_null(*st)) {
      TRY(take_own_null(fd));
      continue;
    }
    if (st->st_uid == op.uid && st->st_gid == op.gid) continue;
    const Result<void> changed = sys::fchownat(BorrowedFd(fd), "", op.uid, op.gid, 0);
    if (changed.ok()) continue;
    const int err = changed.error().code;
    if (err != EPERM && err != EROFS && err != EINVAL && err != EACCES) return changed;
  }
  return {};
}

Result<void> run(const SetScheduler& op, Context& ctx) {
  return sys::sched_setattr(ctx.in_child ? 0 : ctx.child, op.attr);
}

Result<void> run(const SetIoPriority& op, Context&) {
  return sys::ioprio_set(sys::kIoPrioProcess, 0, op.value);
}

Result<void> run(const SetAffinity& op, Context&) { return sys::sched_setaffinity(0, op.cpus); }

Result<void> run(const SetPersonality& op, Context&) {
  TRY(sys::personality(op.persona));
  return {};
}

Result<void> run(const SetMemoryPolicy& op, Context&) {
  return sys::set_mempolicy(op.mode, op.nodes);
}

Result<void> run(const JoinSessionKeyring& op, Context&) {
  const Result<std::int32_t> ring = sys::keyctl_join_session_keyring(op.name);
  // No keyrings in this kernel, denied by a filter around us, or the quota is used up: the program
  // then has no session keyring of its own, as on a host without keyrings.
  if (!ring.ok() && ring.error().code != ENOSYS && ring.error().code != EPERM &&
      ring.error().code != EDQUOT)
    return ring.error();
  return {};
}

Result<void> run(const SetOomScoreAdj& op, Context& ctx) {
  const std::string path =
      ctx.in_child ? "/proc/self/oom_score_adj" : strf("/proc/%d/oom_score_adj", ctx.child);
  const std::string value = strf("%d", op.value);
  const Result<void> written = sys::write_file_at(kCwd, path, value);
  if (written.ok()) return {};
  // Lowering it needs CAP_SYS_RESOURCE; what is there already needs nothing.
  const Result<std::string> now = sys::read_file_at(kCwd, path);
  if (now.ok() && trim(*now) == value) return {};
  return written;
}

Result<void> run(const RaiseRlimits& op, Context& ctx) {
  for (const RlimitSetting& wanted : op.limits) {
    const sys::Rlimit now = TRY(sys::prlimit(0, wanted.resource));
    if (wanted.hard <= now.hard) continue;
    TRY(apply_rlimit(0, RlimitSetting{wanted.resource, now.soft, wanted.hard}));
    ctx.own_limits.push_back({wanted.resource, now.soft, now.hard});
  }
  return {};
}

Result<void> run(const LimitChild& op, Context& ctx) {
  for (const RlimitRequest& limit : op.limits) TRY(apply_rlimit(ctx.child, limit));
  return {};
}

Result<void> run(const SetRlimits& op, Context&) {
  for (const RlimitSetting& limit : op.limits) TRY(apply_rlimit(0, limit));
  return {};
}

Result<void> run(const DropBounding& op, Context&) {
  const int last = TRY(kernel_last_cap());
  return drop_bounding(op.keep, last);
}

Result<void> run(const SetUser& op, Context& ctx) {
  if (op.umask.has_value()) sys::umask(*op.umask);
  if (op.keep_caps) TRY(keep_caps());
  const bool none_to_set = op.groups.empty() && ctx.setgroups_denied;
  if (op.set_groups && !none_to_set) TRY(sys::setgroups(op.groups));
  if (op.set_ids) {
    TRY(sys::setresgid(op.gid, op.gid, op.gid));
    TRY(sys::setresuid(op.uid, op.uid, op.uid));
  }
  if (op.raise_permitted) TRY(raise_permitted());
  return guard_against_orphaning(ctx);
}

Result<void> run(const SetInheritable& op, Context&) {
  TRY(raise_permitted());
  return set_inheritable(op.set);
}

Result<void> run(const RaiseAmbient& op, Context&) { return raise_ambient(op.set); }
Result<void> run(const SetSecurebits& op, Context&) { return sys::prctl_set_securebits(op.bits); }
Result<void> run(const DropUninheritable&, Context&) { return drop_uninheritable(); }
Result<void> run(const SetUndumpable&, Context&) {
  return sys::prctl_set_dumpable(sys::Switch::Off);
}
Result<void> run(const SetTimerSlack& op, Context&) {
  return sys::prctl_set_timerslack(op.nanoseconds);
}
Result<void> run(const SetHugePages& op, Context&) {
  return sys::prctl_set_thp_disable(op.disable ? sys::Switch::On : sys::Switch::Off);
}

Result<void> run(const ChangeDirectory& op, Context&) {
  TRY(sys::chdir(op.at));
  const std::string cwd = TRY(sys::getcwd());
  if (!cwd.starts_with('/'))
    return make_error(Kind::InvalidSpec, "the working directory %s is outside the container's root",
                      quote(op.at).c_str());
  return {};
}

Result<void> run(const SetHome& op, Context& ctx) {
  ctx.env.push_back("HOME=" + home_of(op.uid));
  return {};
}

Result<void> run(const FindProgram&, Context& ctx) {
  const Program& program = ctx.plan->program;
  if (program.by_descriptor || is_stage(program, ctx)) return {};
  if (!program.path.empty()) {
    const int err = check_program(program.path);
    if (err != 0) return program_error(program.path, err);
    ctx.program_path = program.path;
    return {};
  }
  ctx.program_path = TRY(find_program(ctx.plan->program.argv.front(), ctx.env));
  return {};
}

Result<void> run(const SetNoNewPrivileges&, Context&) { return sys::prctl_set_no_new_privs(); }

Result<void> run(const SetCapabilities& op, Context& ctx) {
  return ctx.confined ? Result<void>() : apply_caps(op.sets);
}

Result<void> run(const Execute&, Context& ctx) {
  stop_ignoring(ctx.ignored_signals);
  const Program& program = ctx.plan->program;
  if (is_stage(program, ctx)) become_stage(ctx);
  if (program.by_descriptor) {
    const Error failed = sys::fexecve(ctx.program, program.argv, ctx.env);
    return program_error(program.argv.front(), failed.code);
  }
  const Error error = sys::execve(ctx.program_path, ctx.plan->program.argv, ctx.env);
  return program_error(ctx.program_path, error.code);
}

}  // namespace ctr
