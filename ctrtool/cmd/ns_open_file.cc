// SPDX-License-Identifier: Apache-2.0
// ns_open_file: descriptors of other namespaces for a program that stays in ours.
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/memfd.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <set>
#include <span>
#include <utility>

#include "ctrtool/cmd/all.h"
#include "ctrtool/cmd/ns_open_file_words.h"
#include "ctrtool/cmd/spawn.h"
#include "ctrtool/cmd/unix_scm.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/ns_helper.h"
#include "ctrtool/core/kit/pidfd.h"
#include "ctrtool/core/kit/socket_words.h"
#include "ctrtool/core/kit/tun.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/ns.h"
#include "ctrtool/core/sys/process.h"
#include "ctrtool/core/sys/show.h"
#include "ctrtool/core/sys/socket.h"
#include "ctrtool/core/sys/tty.h"

namespace ctr {
namespace {

using Made = std::vector<UniqueFd>;

// --- requests: what is done there ----------------------------------------------------------------

Result<UniqueFd> open_path(const OpenWords& words, BorrowedFd directory) {
  const bool makes_file = (words.flags & O_CREAT) != 0 || (words.flags & O_TMPFILE) == O_TMPFILE;
  // openat2(2) refuses a mode that is not needed.
  const mode_t mode = makes_file ? words.mode : 0;
  if (!words.openat2) return sys::openat(directory, words.path, words.flags, mode);
  return sys::openat2(directory, words.path, words.flags, mode, words.resolve);
}

Result<UniqueFd> request(const Item& item, BorrowedFd directory) {
  switch (item.kind) {
    case ItemKind::Socket:
      return open_socket(item.socket, directory);
    case ItemKind::Open:
      return open_path(item.open, directory);
    default:
      return open_tun(item.tun);
  }
}

// --- namespaces ----------------------------------------------------------------------------------

bool is_pidfd(BorrowedFd fd) {
  const Result<pid_t> pid = pidfd_pid(fd);
  return pid.ok() || pid.error().code == ESRCH;
}

// A namespace file, of a pidfd that of this kind.
Result<UniqueFd> namespace_of(UniqueFd fd, int type) {
  if (is_pidfd(fd)) return pidfd_namespace(fd, ns_kind_of(type));
  const struct statfs fs = TRY(sys::fstatfs(fd));
  if (fs.f_type != NSFS_MAGIC)
    return sys_error(EINVAL, "%s is not a namespace", sys::show(fd).c_str());
  return fd;
}

// Joining one's own user namespace is an error to the kernel.
Result<bool> is_our_user_namespace(BorrowedFd fd) {
  const struct stat there = TRY(sys::fstat(fd));
  const struct stat ours = TRY(sys::fstatat(kCwd, "/proc/self/ns/user", 0));
  return there.st_dev == ours.st_dev && there.st_ino == ours.st_ino;
}

// Handles of what a group of items enters.
class Entry {
 public:
  static Result<Entry> open(const Item& item, BorrowedFd in_register) {
    Entry entry;
    const Where& where = item.where;
    entry.entry_.text = item.text;
    entry.entry_.ids = where.ids;
    entry.entry_.new_user = where.new_user;
    const bool socket = item.kind != ItemKind::Open;
    entry.entry_.new_net = socket && where.anonymous;
    if (!where.user_path.empty()) TRY(entry.join_user_path(where.user_path));
    if (where.path.empty() && where.in_register.empty()) return entry;

    const int type = where.anonymous && where.enter_user ? CLONE_NEWUSER
                     : socket                            ? CLONE_NEWNET
                                                         : CLONE_NEWNS;
    UniqueFd given =
        where.in_register.empty() ? TRY(sys::open(where.path, kFlags)) : TRY(sys::dup(in_register));
    UniqueFd there = TRY(namespace_of(std::move(given), type));
    const bool is_user = where.anonymous && where.enter_user;
    if (!is_user && (where.enter_user || where.anonymous)) TRY(entry.join_owner(there));
    if (is_user)
      TRY(entry.join_user(std::move(there)));
    else if (!where.anonymous)
      entry.join(std::move(there), type);
    return entry;
  }

  const NsEntry& entry() const { return entry_; }

 private:
  static constexpr int kFlags = O_RDONLY | O_NONBLOCK | O_NOCTTY;

  void join(UniqueFd fd, int type) {
    entry_.join.push_back({fd, type});
    owned_.push_back(std::move(fd));
  }

  Result<void> join_user(UniqueFd fd) {
    const bool ours = TRY(is_our_user_namespace(fd));
    if (!ours) join(std::move(fd), CLONE_NEWUSER);
    return {};
  }

  Result<void> join_user_path(const std::string& path) {
    UniqueFd fd = TRY(sys::open(path, kFlags));
    UniqueFd user = TRY(namespace_of(std::move(fd), CLONE_NEWUSER));
    return join_user(std::move(user));
  }

  Result<void> join_owner(BorrowedFd fd) {
    UniqueFd owner = TRY(sys::owning_userns(fd));
    return join_user(std::move(owner));
  }

  NsEntry entry_{};
  std::vector<UniqueFd> owned_;
};

bool needs_helper(const Item& item) {
  const Where& where = item.where;
  return item.kind != ItemKind::File && item.kind != ItemKind::Operation &&
         (!where.path.empty() || !where.in_register.empty() || where.anonymous ||
          !where.user_path.empty() || where.ids != HelperIds{});
}

// Whether `next` goes to the same place, so that one helper will do for both.
bool shares_helper(const Item& first, const Item& next) {
  const Where& a = first.where;
  const Where& b = next.where;
  const bool open = first.kind == ItemKind::Open;
  if (open != (next.kind == ItemKind::Open)) return false;
  if (b.same) return true;
  return needs_helper(next) && a.path == b.path && a.in_register == b.in_register &&
         a.enter_user == b.enter_user && a.user_path == b.user_path && a.ids == b.ids &&
         !a.anonymous && !b.anonymous;
}

// --- operations ----------------------------------------------------------------------------------

Result<void> expect_success(pid_t pid) {
  const std::optional<int> status = TRY(sys::waitpid(pid, 0));
  if (!status.has_value() || *status == 0) return {};
  if (WIFSIGNALED(*status))
    return make_error(Kind::System, "the program was killed by signal %d", WTERMSIG(*status));
  return make_error(Kind::System, "the program ended with status %d", WEXITSTATUS(*status));
}

Result<void> wait_until_ready(BorrowedFd fd, int timeout_ms, bool for_data) {
  pollfd entry{.fd = fd.raw(), .events = POLLIN | POLLRDHUP, .revents = 0};
  if (!for_data) entry.events |= POLLOUT | POLLPRI;
  while (entry.revents == 0) {
    TRY(sys::poll({&entry, 1}, timeout_ms));
    if (entry.revents == 0 && timeout_ms >= 0)
      return sys_error(ETIMEDOUT, "wait for %s", sys::show(fd).c_str());
  }
  if ((entry.revents & POLLNVAL) != 0)
    return sys_error(EBADF, "wait for %s", sys::show(fd).c_str());
  if (!for_data) return {};
  // The end of a stream socket is "readable" too.
  char byte = 0;
  const bool hung_up = (entry.revents & (POLLHUP | POLLRDHUP)) != 0;
  const bool at_end = hung_up && ::recv(fd.raw(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
  if ((entry.revents & POLLIN) == 0 || at_end)
    return sys_error(ENODATA, "wait for %s", sys::show(fd).c_str());
  return {};
}

Result<void> expect_socket(BorrowedFd fd) {
  const struct stat found = TRY(sys::fstat(fd));
  if (!S_ISSOCK(found.st_mode))
    return make_error(Kind::System, "%s is not a socket", sys::show(fd).c_str());
  return {};
}

class Machine {
 public:
  explicit Machine(NsOpenFileWords words) : words_(std::move(words)) {
    for (const auto& [name, fd] : words_.loaded) registers_.insert_or_assign(name, fd.fd());
  }

  Result<void> run() {
    const std::span<const Item> items(words_.items);
    for (std::size_t i = 0; i < items.size();) {
      std::size_t count = 1;
      if (needs_helper(items[i])) {
        while (i + count < items.size() && may_join(items.subspan(i, count), items[i + count]))
          ++count;
        TRY(run_group(items.subspan(i, count)));
      } else {
        Made made = TRY_CTX(run_here(items[i]), "%s", items[i].text.c_str());
        TRY(keep(items[i], std::move(made)));
      }
      i += count;
    }
    return {};
  }

  // Only now: what is inheritable before would go to popen's children.
  Result<void> hand_over() {
    words_.loaded.clear();
    TRY(clear_fixed_numbers());
    Exports exports("NS_OPEN_FILE", words_.offset);
    std::size_t next = 0;
    for (const Item& item : words_.items) {
      if (item.results() == 0) exports.skip();
      for (std::size_t i = 0; i < item.results(); ++i, ++next) {
        if (item.internal)
          exports.withhold();
        else
          TRY_CTX(exports.add(std::move(results_[next]), i == 0 ? item.how : Export{}), "%s",
                  item.text.c_str());
      }
    }
    exports.finish();
    return {};
  }

 private:
  Result<BorrowedFd> fd_in(const std::string& name) const {
    const auto found = registers_.find(name);
    if (found == registers_.end()) return sys_error(EBADF, "register %s", name.c_str());
    return found->second;
  }

  // A result must not lie where another one is to go.
  Result<void> clear_fixed_numbers() {
    std::set<int> fixed;
    for (const Item& item : words_.items)
      if (item.how.fixed.has_value()) fixed.insert(item.how.fixed->number);
    for (UniqueFd& result : results_) {
      std::vector<UniqueFd> held;
      while (fixed.contains(result.raw())) {
        UniqueFd copy = TRY(sys::dup(result));
        held.push_back(std::exchange(result, std::move(copy)));
      }
    }
    return {};
  }

  // A register that the group itself sets is nothing the helper can see.
  static bool may_join(std::span<const Item> group, const Item& next) {
    for (const Item& item : group)
      if (!item.save.empty() &&
          (item.save == next.base_register || item.save == next.where.in_register))
        return false;
    return shares_helper(group.front(), next);
  }

  Result<BorrowedFd> directory_of(const Item& item) const {
    if (!item.base_register.empty()) return fd_in(item.base_register);
    if (item.base != nullptr) return item.base->fd();
    return kCwd;
  }

  Result<void> run_group(std::span<const Item> group) {
    const Item& first = group.front();
    BorrowedFd in_register = kNoFd;
    if (!first.where.in_register.empty())
      in_register = TRY_CTX(fd_in(first.where.in_register), "%s", first.text.c_str());
    const Entry entry = TRY_CTX(Entry::open(first, in_register), "%s", first.text.c_str());
    std::vector<HelperJob> jobs;
    for (const Item& item : group) {
      const BorrowedFd directory = TRY_CTX(directory_of(item), "%s", item.text.c_str());
      jobs.emplace_back([&item, directory]() -> Result<UniqueFd> {
        Result<UniqueFd> made = request(item, directory);
        if (made.ok()) return made;
        return with_context(std::move(made).error(), item.text);
      });
    }
    Made made = TRY(make_in_namespaces(entry.entry(), jobs));
    for (std::size_t i = 0; i < group.size(); ++i) {
      Made one;
      one.push_back(std::move(made[i]));
      TRY(keep(group[i], std::move(one)));
    }
    return {};
  }

  Result<void> keep(const Item& item, Made made) {
    CTR_ASSERT(made.size() == item.results());
    for (std::size_t i = 0; i < made.size(); ++i) {
      if (!item.save.empty()) registers_.insert_or_assign(next_register(item.save, i), made[i]);
      results_.push_back(std::move(made[i]));
    }
    return {};
  }

  Result<Made> run_here(const Item& item) {
    if (item.where.same)
      return make_error(Kind::InvalidSpec,
                        "there is no helper of the item before that could make it");
    if (item.kind == ItemKind::Operation) return operate(item);
    if (item.kind == ItemKind::File) {
      if (item.where.in_register.empty())
        return single(sys::open(item.where.path, O_RDONLY | O_NOCTTY));
      const BorrowedFd fd = TRY(fd_in(item.where.in_register));
      return single(sys::dup(fd));
    }
    const BorrowedFd directory = TRY(directory_of(item));
    return single(request(item, directory));
  }

  static Result<Made> single(Result<UniqueFd> fd) {
    Made made;
    made.push_back(TRY(std::move(fd)));
    return made;
  }
  static Result<Made> none(const Result<void>& done) {
    if (!done.ok()) return done.error();
    return Made{};
  }

  Result<Made> operate(const Item& item) {
    switch (item.operation) {
      case Operation::Memfd:
        return single(sys::memfd_create("", MFD_CLOEXEC));
      case Operation::MemfdSeal:
        return single(sys::memfd_create("", MFD_CLOEXEC | MFD_ALLOW_SEALING));
      case Operation::Popen: {
        const Child child = TRY(start(item));
        return Made{};
      }
      case Operation::PopenWait: {
        const Child child = TRY(start(item));
        return none(expect_success(child.pid));
      }
      case Operation::PopenR:
      case Operation::PopenW:
        return single(popen_pipe(item));
      case Operation::PopenS0:
      case Operation::PopenS1:
      case Operation::PopenSu:
        return single(popen_socket(item));
      case Operation::PopenScm:
        return single(popen_scm(item));
      case Operation::PopenMemfd:
      case Operation::PopenMemfdSeal:
        return single(popen_memfd(item));
      default:
        break;
    }
    const BorrowedFd operand = TRY(fd_in(item.operand()));
    return operate_on(item, operand);
  }

  Result<Made> operate_on(const Item& item, BorrowedFd operand) {
    switch (item.operation) {
      case Operation::PtSlave:
        TRY(sys::unlock_pty(operand));
        return single(sys::pty_peer(operand, item.open.flags));
      case Operation::ScmRecv:
        return receive(item, operand);
      case Operation::ScmSend:
        return none(send(item, operand));
      case Operation::Connect:
        return none(connect_socket(operand, *item.socket.bind, item.socket.connect_timeout_ms));
      case Operation::ConnectUnixPath: {
        const BorrowedFd file = TRY(fd_in(item.aux_registers.front()));
        const SocketAddress to = TRY(parse_unix_address(sys::proc_path(file)));
        return none(connect_socket(operand, to));
      }
      case Operation::TunSetIff:
        return none(attach_tun(operand, item.tun));
      case Operation::Poll:
        return none(wait_until_ready(operand, item.timeout_ms, false));
      default:
        return none(wait_until_ready(operand, item.timeout_ms, true));
    }
  }

  Result<Child> start(const Item& item, BorrowedFd in = kNoFd, BorrowedFd out = kNoFd) const {
    SpawnRequest request{.argv = item.popen.argv, .in = in, .out = out};
    for (const auto& [name, variable] : item.popen.pass) {
      const BorrowedFd fd = TRY(fd_in(name));
      request.pass.emplace_back(fd, variable);
    }
    return spawn(request);
  }

  Result<UniqueFd> popen_pipe(const Item& item) const {
    sys::Pipe pipe = TRY(sys::pipe());
    const bool reads = item.operation == Operation::PopenR;
    TRY(reads ? start(item, kNoFd, pipe.write) : start(item, pipe.read));
    return std::move(reads ? pipe.read : pipe.write);
  }

  Result<UniqueFd> popen_socket(const Item& item) const {
    sys::SocketPair pair = TRY(sys::socketpair(item.pair_type));
    for (const SocketOption& option : item.socket.options)
      TRY(sys::setsockopt(pair.first, option.level, option.name, option.value, option.text));
    const bool in = item.operation != Operation::PopenS1;
    const bool out = item.operation != Operation::PopenS0;
    TRY(start(item, in ? pair.second.borrow() : kNoFd, out ? pair.second.borrow() : kNoFd));
    return std::move(pair.first);
  }

  Result<UniqueFd> popen_scm(const Item& item) const {
    sys::SocketPair pair = TRY(sys::socketpair(item.pair_type));
    const Child child = TRY(start(item, kNoFd, pair.second));
    pair.second.reset();
    TRY(expect_success(child.pid));
    ReceivedFds received = TRY(receive_fds(pair.first, {}));
    return std::move(received.fds.front());
  }

  Result<UniqueFd> popen_memfd(const Item& item) const {
    const bool seal = item.operation == Operation::PopenMemfdSeal;
    UniqueFd file = TRY(sys::memfd_create("", MFD_CLOEXEC | (seal ? MFD_ALLOW_SEALING : 0U)));
    const Child child = TRY(start(item, kNoFd, file));
    TRY(expect_success(child.pid));
    if (seal) TRY(sys::add_seals(file, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL));
    TRY(sys::lseek(file, 0, SEEK_SET));
    return file;
  }

  static Result<Made> receive(const Item& item, BorrowedFd socket) {
    TRY(expect_socket(socket));
    const ReceiveWords& words = item.receive;
    ReceivedFds received =
        TRY(receive_fds(socket, {.count = words.count,
                                 .skip = words.skip ? Skip::MessagesWithoutFds : Skip::Nothing,
                                 .uid = words.uid,
                                 .pid = words.pid,
                                 .timeout_ms = item.timeout_ms}));
    const ucred& sender = received.sender;
    if (!words.peer_variable.empty())
      ::setenv(words.peer_variable.c_str(),
               strf("%d %u %u", sender.pid, sender.uid, sender.gid).c_str(), 1);
    return std::move(received.fds);
  }

  Result<void> send(const Item& item, BorrowedFd socket) const {
    TRY(expect_socket(socket));
    std::vector<BorrowedFd> fds;
    for (const std::string& name : item.aux_registers) {
      const BorrowedFd fd = TRY(fd_in(name));
      fds.push_back(fd);
    }
    return send_fds(socket, fds);
  }

  NsOpenFileWords words_;
  std::map<std::string, BorrowedFd> registers_;
  Made results_;  // of all items, in order
};

Result<Ending> run(const Parsed& parsed) {
  NsOpenFileWords words = TRY(parse_ns_open_file(parsed));
  const bool no_exec = words.no_exec;
  // The caller may ignore SIGCHLD, and the status of our children would be lost.
  TRY(sys::set_disposition(SIGCHLD, SIG_DFL));
  Machine machine(std::move(words));
  TRY(machine.run());
  if (no_exec) return Ending{};
  TRY(machine.hand_over());
  return becomes(parsed.words);
}

}  // namespace

int run_ns_open_file(const Words& argv) { return run_applet(kNsOpenFileManual, argv, run); }

}  // namespace ctr
