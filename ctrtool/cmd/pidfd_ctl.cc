// SPDX-License-Identifier: Apache-2.0
// pidfd_ctl: three registers for pidfds, borrowed descriptors and namespaces. Its options are
// operations, carried out from left to right.
#include <linux/magic.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <optional>
#include <utility>
#include <vector>

#include "ctrtool/cmd/all.h"
#include "ctrtool/cmd/fd_spec.h"
#include "ctrtool/cmd/spawn.h"
#include "ctrtool/cmd/words.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/ns_kind.h"
#include "ctrtool/core/kit/pidfd.h"
#include "ctrtool/core/kit/signals.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/ns.h"
#include "ctrtool/core/sys/process.h"
#include "ctrtool/core/sys/show.h"

namespace ctr {
namespace {

constexpr int kWrongDescriptor = 253;

enum Long : int {
  kSelf = kLongOnly,
  kParentPidfd,
  kThread,
  kArgument,
  kSpawnProgram,
  kNamespace,
  kType,
  kOwnerEnv,
  kPid,
  kPidEnv,
  kPrint,
  kKill,
  kWait,
  kCheckPidfd,
};

constexpr OptionRow kOptions[] = {
    {'1', "load1", "FD", "r1 := this descriptor"},
    {'2', "load2", "FD", "r2 := this descriptor"},
    {'n', "open", "PID", "r1 := a pidfd of PID, \"self\" (or 0) or \"parent\""},
    {kSelf, "self", "", "the same as --open self"},
    {kParentPidfd, "parent-pidfd", "PID", "r1 := a pidfd of the parent, which must be PID; 0: any"},
    {kThread, "thread", "TID", "r1 := a pidfd of a thread (Linux 6.9)"},
    {kCheckPidfd, "check-pidfd", "", "fail unless r1 is a pidfd"},
    {'c', "spawn", "TEXT", "start /bin/sh -c TEXT; r1 := its pidfd"},
    {kArgument, "arg", "WORD", "an argument of the next --spawn-program; may be repeated"},
    {kSpawnProgram, "spawn-program", "FILE", "start FILE with these arguments; r1 := its pidfd"},
    {kKill, "kill", "SIGNAL", "send a signal to process r1"},
    {kWait, "wait", "", "wait for the end of process r1; a child's status becomes ours"},
    {'F', "getfd", "NUMBER", "r2 := a copy of descriptor NUMBER of process r1"},
    {kNamespace, "namespace", "LETTER", "r3 := namespace of process r1: C, i, m, n, p, T, U or u"},
    {'N', "sock-netns", "", "r3 := network namespace of socket r2"},
    {'u', "userns", "", "r3 := user namespace that owns namespace r2"},
    {'p', "parent", "", "r3 := parent of namespace r2 (user and PID namespaces)"},
    {'O', "owner", "", "print the user ID that owns user namespace r2"},
    {kOwnerEnv, "owner-env", "VAR", "the same, into a variable"},
    {kType, "type", "", "print the kind of namespace r2"},
    {kPid, "pid", "", "print the number of process r1"},
    {kPidEnv, "pid-env", "VAR", "the same, into a variable"},
    {kPrint, "print", "", "print the registers"},
    {'x', "swap12", "", "swap r1 and r2"},
    {'y', "swap23", "", "swap r2 and r3"},
    {'e', "export1", "VAR", "VAR := r1, which PROGRAM inherits"},
    {'E', "export2", "VAR", "VAR := r2, which PROGRAM inherits"},
    {'v', "export3", "VAR", "VAR := r3, which PROGRAM inherits"},
    {'f', "check", "PATH", "fail unless PATH exists"},
    {'I', "ignore-chld", "", "ignore SIGCHLD from here on, PROGRAM too"},
};

Result<void> set_variable(const std::string& name, const std::string& value) {
  if (::setenv(name.c_str(), value.c_str(), 1) == 0) return {};
  const int err = errno;
  return sys_error(err, "set the variable %s", quote(name).c_str());
}

Error wrong_descriptor(BorrowedFd fd, const char* expected) {
  return make_error(Kind::WrongState, "%s is not %s", sys::show(fd).c_str(), expected);
}

Result<void> check_namespace(BorrowedFd fd) {
  const struct statfs fs = TRY(sys::fstatfs(fd));
  if (fs.f_type != NSFS_MAGIC) return wrong_descriptor(fd, "a namespace");
  return {};
}

Result<void> check_socket(BorrowedFd fd) {
  const struct stat found = TRY(sys::fstat(fd));
  if (!S_ISSOCK(found.st_mode)) return wrong_descriptor(fd, "a socket");
  return {};
}

class Machine {
 public:
  Result<void> run(const Given& given) {
    switch (given.key) {
      case '1':
        return load(given, r1_);
      case '2':
        return load(given, r2_);
      case 'x':
        std::swap(r1_, r2_);
        return {};
      case 'y':
        std::swap(r2_, r3_);
        return {};
      case 'e':
        return export_register(given, r1_);
      case 'E':
        return export_register(given, r2_);
      case 'v':
        return export_register(given, r3_);
      case 'N':
        return follow(given, check_socket, sys::socket_netns);
      case 'u':
        return follow(given, check_namespace, sys::owning_userns);
      case 'p':
        return follow(given, check_namespace, sys::parent_namespace);
      case 'f':
        TRY(sys::fstatat(kCwd, given.value, 0));
        return {};
      case 'I':
        return sys::set_disposition(SIGCHLD, SIG_IGN);
      case kArgument:
        arguments_.push_back(given.value);
        return {};
      case 'O':
      case kOwnerEnv:
      case kType:
      case kPid:
      case kPidEnv:
      case kPrint:
        return tell(given);
      default:
        return with_process(given);
    }
  }

  bool printed() const { return printed_; }
  std::optional<int> child_status() const { return status_; }

  // What was exported stays open for PROGRAM; all else goes with us.
  Result<void> hand_over() {
    for (const BorrowedFd fd : exported_) {
      TRY(set_inheritable(fd, true));
      for (UniqueFd& owned : owned_)
        if (owned.borrow() == fd) (void)owned.release();
    }
    return {};
  }

 private:
  static Result<BorrowedFd> need(const Given& given, BorrowedFd fd) {
    if (fd.valid()) return fd;
    return sys_error(EBADF, "%s: the register is not set", given.word.c_str());
  }

  void set(BorrowedFd& to, UniqueFd fd) {
    to = fd;
    owned_.push_back(std::move(fd));
  }

  Result<void> load(const Given& given, BorrowedFd& to) {
    FdArgument argument = TRY_CTX(take_fd(given.value), "%s", given.word.c_str());
    to = argument.fd();
    arguments_held_.push_back(std::move(argument));
    return {};
  }

  Result<void> export_register(const Given& given, BorrowedFd fd) {
    TRY(need(given, fd));
    exported_.push_back(fd);
    return set_variable(given.value, std::to_string(fd.raw()));
  }

  Result<void> follow(const Given& given, Result<void> (*check)(BorrowedFd),
                      Result<UniqueFd> (*query)(BorrowedFd)) {
    TRY(need(given, r2_));
    TRY_CTX(check(r2_), "%s", given.word.c_str());
    UniqueFd found = TRY_CTX(query(r2_), "%s", given.word.c_str());
    set(r3_, std::move(found));
    return {};
  }

  Result<void> with_process(const Given& given) {
    switch (given.key) {
      case 'n':
        return open_process(given);
      case kSelf:
        return assign_r1(sys::pidfd_open(::getpid()));
      case kParentPidfd: {
        const pid_t expected = TRY(number_of<pid_t>(given));
        return assign_r1(open_parent(expected));
      }
      case kThread: {
        const pid_t thread = TRY(number_of<pid_t>(given));
        return assign_r1(open_thread(thread));
      }
      case 'c':
        return spawn_child(shell_words(given.value));
      case kSpawnProgram: {
        Words argv = std::exchange(arguments_, {});
        argv.insert(argv.begin(), given.value);
        return spawn_child(argv);
      }
      default:
        break;
    }
    TRY(need(given, r1_));
    return with_r1(given);
  }

  Result<void> with_r1(const Given& given) {
    switch (given.key) {
      case 'F':
        return borrow_fd(given);
      case kKill: {
        const int signal = TRY_CTX(parse_signal(given.value), "%s", given.word.c_str());
        return sys::pidfd_send_signal(r1_, signal);
      }
      case kWait:
        return wait();
      case kNamespace:
        return open_namespace(given);
      case kCheckPidfd:
        TRY(pidfd_pid(r1_));
        return {};
      default:
        return {};
    }
  }

  Result<void> assign_r1(Result<UniqueFd> opened) {
    UniqueFd pidfd = TRY(std::move(opened));
    set(r1_, std::move(pidfd));
    return {};
  }

  Result<void> open_process(const Given& given) {
    if (given.value == "parent") return assign_r1(open_parent(0));
    pid_t pid = 0;
    if (given.value != "self") pid = TRY(number_of<pid_t>(given));
    if (pid < 0) return usage_error(given, "not a process");
    return assign_r1(sys::pidfd_open(pid == 0 ? ::getpid() : pid));
  }

  Result<void> spawn_child(const Words& argv) {
    Child child = TRY(spawn({.argv = argv}));
    set(r1_, std::move(child.pidfd));
    return {};
  }

  Result<void> borrow_fd(const Given& given) {
    const int number = TRY(number_of<int>(given));
    UniqueFd fd = TRY(sys::pidfd_getfd(r1_, number));
    set(r2_, std::move(fd));
    return {};
  }

  Result<void> wait() {
    TRY(sys::wait_pidfd(r1_, -1));
    siginfo_t info{};
    // No child of ours, or reaped by the kernel: there is no status to tell.
    if (::waitid(P_PIDFD, static_cast<id_t>(r1_.raw()), &info, WEXITED) < 0) return {};
    status_ = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
    return {};
  }

  Result<void> open_namespace(const Given& given) {
    const NsKind* kind = given.value.size() == 1 ? find_ns_kind(given.value[0]) : nullptr;
    if (kind == nullptr) return usage_error(given, "not the letter of a namespace");
    UniqueFd ns = TRY(pidfd_namespace(r1_, *kind));
    set(r3_, std::move(ns));
    return {};
  }

  Result<void> tell(const Given& given) {
    const std::string text = TRY(answer(given));
    if (given.key == kOwnerEnv || given.key == kPidEnv) return set_variable(given.value, text);
    printed_ = true;
    return print(text + "\n");
  }

  Result<std::string> answer(const Given& given) const {
    if (given.key == kPrint) return strf("r1=%d r2=%d r3=%d", r1_.raw(), r2_.raw(), r3_.raw());
    if (given.key == kPid || given.key == kPidEnv) {
      TRY(need(given, r1_));
      const pid_t pid = TRY(pidfd_pid(r1_));
      return std::to_string(pid);
    }
    TRY(need(given, r2_));
    TRY_CTX(check_namespace(r2_), "%s", given.word.c_str());
    if (given.key == kType) {
      const int type = TRY(sys::namespace_type(r2_));
      return std::string(ns_kind_of(type).file);
    }
    const uid_t owner = TRY(sys::namespace_owner_uid(r2_));
    return std::to_string(owner);
  }

  BorrowedFd r1_ = kNoFd;
  BorrowedFd r2_ = kNoFd;
  BorrowedFd r3_ = kNoFd;
  std::vector<UniqueFd> owned_;
  std::vector<FdArgument> arguments_held_;
  std::vector<BorrowedFd> exported_;
  Words arguments_;
  bool printed_ = false;
  std::optional<int> status_;
};

Result<Ending> operate(const Parsed& parsed) {
  // The caller may ignore SIGCHLD, and the status of our children would be lost.
  TRY(sys::set_disposition(SIGCHLD, SIG_DFL));
  Machine machine;
  for (const Given& given : parsed.options) TRY(machine.run(given));
  if (!parsed.words.empty()) {
    TRY(machine.hand_over());
    return becomes(parsed.words);
  }
  if (machine.child_status().has_value()) return Ending{.status = *machine.child_status()};
  if (!machine.printed()) return make_error(Kind::InvalidSpec, "PROGRAM is missing");
  return Ending{};
}

Result<Ending> run(const Parsed& parsed) {
  Result<Ending> done = operate(parsed);
  if (done.ok() || done.error().kind != Kind::WrongState) return done;
  complain("pidfd_ctl", done.error().message);
  return Ending{.status = kWrongDescriptor};
}

}  // namespace

const Manual kPidfdCtlManual = {
    .name = "pidfd_ctl",
    .synopsis = "[OPERATION]... [--] PROGRAM [ARG...]",
    .purpose =
        "Runs its options from left to right on the registers r1 (a pidfd), r2 (a borrowed\n"
        "descriptor, socket or namespace) and r3 (a namespace that was found), then becomes\n"
        "PROGRAM. An option that prints, or --wait for a child, makes PROGRAM optional.\n"
        "FD is a number, /VAR or :VAR (a number in a variable), or =PATH.",
    .options = kOptions,
    .exit_codes =
        "126  PROGRAM cannot be executed\n127  PROGRAM was not found\n"
        "253  the register holds the wrong kind of descriptor\n"
        "254  bad options, or PROGRAM is missing\n255  an operation failed\n"
        "else PROGRAM's",
    .examples =
        "ctrtool pidfd_ctl -n parent -e PARENT sh -c 'ls -l /proc/self/fd/$PARENT'\n"
        "ctrtool pidfd_ctl -2 =/proc/self/ns/net -u -v OWNER my-program",
    .usage_status = 254,
    .failure_status = 255,
};

int run_pidfd_ctl(const Words& argv) { return run_applet(kPidfdCtlManual, argv, run); }

}  // namespace ctr
