// SPDX-License-Identifier: Apache-2.0
// Where the halves meet, and the last steps: terminal, seccomp, gate, hooks.
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/memfd.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/exec/context.h"
#include "ctrtool/core/exec/gate.h"
#include "ctrtool/core/exec/last_calls.h"
#include "ctrtool/core/kit/caps.h"
#include "ctrtool/core/kit/resolve.h"
#include "ctrtool/core/kit/seccomp.h"
#include "ctrtool/core/kit/seccomp_cache.h"
#include "ctrtool/core/kit/terminal.h"
#include "ctrtool/core/sys/cred.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/mount.h"
#include "ctrtool/core/sys/process.h"
#include "ctrtool/core/sys/socket.h"
#include "ctrtool/core/sys/tty.h"

namespace ctr {
namespace {

std::string program_bytes(const std::vector<sock_filter>& program) {
  std::string bytes(program.size() * sizeof(sock_filter), '\0');
  if (!program.empty()) std::memcpy(bytes.data(), program.data(), bytes.size());
  return bytes;
}

std::vector<sock_filter> program_of(const std::string& bytes) {
  std::vector<sock_filter> program(bytes.size() / sizeof(sock_filter));
  if (!program.empty())
    std::memcpy(program.data(), bytes.data(), program.size() * sizeof(sock_filter));
  return program;
}

void take_seccomp(ChannelMessage& message, Context& ctx) {
  ctx.seccomp = program_of(message.payload);
  if (message.fds.size() != 2) return;
  ctx.seccomp_agent = std::move(message.fds[0]);
  ctx.process_state_file = std::move(message.fds[1]);
}

Result<ChannelMessage> expect_of_child(MessageType type, const Context& ctx) {
  if (!ctx.interrupted.valid()) return ctx.channel.expect(type);
  pollfd fds[] = {{ctx.channel.socket().raw(), POLLIN, 0}, {ctx.interrupted.raw(), POLLIN, 0}};
  while (fds[0].revents == 0 && fds[1].revents == 0) TRY(sys::poll(fds, -1));
  if (fds[1].revents != 0) return make_error(Kind::System, "interrupted by a signal");
  return ctx.channel.expect(type);
}

Result<void> meet_as_parent(Point point, Context& ctx) {
  const auto type = static_cast<MessageType>(point);
  switch (point) {
    case Point::UserMade: {
      ChannelMessage message = TRY(expect_of_child(type, ctx));
      if (!message.fds.empty()) ctx.script_socket = std::move(message.fds.front());
      return {};
    }
    case Point::MountsDone:
    case Point::Ready:
      TRY(expect_of_child(type, ctx));
      return {};
    case Point::CgroupMade: {
      std::vector<BorrowedFd> fds;
      for (const UniqueFd& fd : ctx.cgroup_tasks) fds.push_back(fd);
      const Result<void> sent = ctx.channel.send(type, {}, fds);
      ctx.cgroup_tasks.clear();
      return sent;
    }
    case Point::SeccompReady: {
      std::vector<BorrowedFd> fds;
      if (ctx.seccomp_agent.valid()) fds = {ctx.seccomp_agent, ctx.process_state_file};
      const Result<void> sent = ctx.channel.send(type, program_bytes(ctx.seccomp), fds);
      ctx.seccomp_agent.reset();
      ctx.process_state_file.reset();
      return sent;
    }
    case Point::IdsMapped:
    case Point::HooksDone:
      return ctx.channel.send(type);
  }
  return {};
}

Result<void> meet_as_child(Point point, Context& ctx) {
  const auto type = static_cast<MessageType>(point);
  if (point == Point::Ready) {
    // From here on the container is charged for what it uses.
    if (ctx.late_cgroup.valid()) TRY(sys::write_all(ctx.late_cgroup, "0"));
    ctx.late_cgroup.reset();
    return ctx.channel.send(type);
  }
  if (point == Point::UserMade && ctx.script_socket.valid()) {
    const Result<void> sent = ctx.channel.send(type, {}, {ctx.script_socket.borrow()});
    ctx.script_socket.reset();
    return sent;
  }
  if (point == Point::MountsDone || point == Point::UserMade) return ctx.channel.send(type);
  ChannelMessage message = TRY(ctx.channel.expect(type));
  if (point == Point::CgroupMade) ctx.cgroup_tasks = std::move(message.fds);
  if (point == Point::SeccompReady) take_seccomp(message, ctx);
  return {};
}

// /dev/console of init is its terminal: bound from the descriptor, never by its path under /dev/pts
// (CVE-2025-52565).
Result<void> bind_console(BorrowedFd root, BorrowedFd terminal) {
  const UniqueFd tree = TRY(sys::open_tree(terminal, "", OPEN_TREE_CLONE));
  const UniqueFd console = TRY(ensure_in_root(root, "/dev/console", Missing::File, 0600));
  return sys::move_mount(tree, console, "");
}

}  // namespace

Result<void> run(const Meet& op, Context& ctx) {
  return ctx.in_child ? meet_as_child(op.point, ctx) : meet_as_parent(op.point, ctx);
}

Result<void> run(const OpenTerminal& op, Context& ctx) {
  // A process that joined a container is in its root already.
  if (!ctx.root.valid()) ctx.root = TRY(sys::open("/", O_PATH | O_DIRECTORY));
  const Pty pty = TRY(open_pty(ctx.root));
  if (op.rows != 0 || op.columns != 0) {
    winsize size{};
    size.ws_row = op.rows;
    size.ws_col = op.columns;
    TRY(sys::set_window_size(pty.master, size));
  }
  if (op.uid != 0) TRY(sys::fchownat(pty.peer, "", op.uid, static_cast<gid_t>(-1), 0));
  if (op.on_console) TRY_CTX(bind_console(ctx.root, pty.peer), "console");
  TRY(send_terminal(ctx.console_socket, pty.master));
  ctx.console_socket.reset();
  if (op.controls) TRY(sys::set_controlling_tty(pty.peer));
  for (int fd = 0; fd <= 2; ++fd) TRY(sys::dup2(pty.peer, fd));
  return {};
}

Result<void> run(const ControlTerminal&, Context&) {
  return sys::set_controlling_tty(BorrowedFd(STDIN_FILENO));
}

Result<void> run(const CompileSeccomp& op, Context& ctx) {
  ctx.seccomp = TRY(compile_cached(ctx.seccomp_cache, op.profile));
  return {};
}

Result<void> run(const LoadSeccomp& op, Context& ctx) {
  ctx.seccomp = op.program;
  return {};
}

Result<void> run(const ConnectSeccompAgent& op, Context& ctx) {
  CTR_ASSERT(ctx.process_state != nullptr);
  ctx.seccomp_agent = TRY(sys::connect_unix(op.from, SOCK_STREAM));
  // A file, because annotations may be longer than a message of ours.
  ctx.process_state_file = TRY(sys::memfd_create("process-state", MFD_CLOEXEC));
  return sys::write_all(ctx.process_state_file, ctx.process_state(ctx.child));
}

namespace {

// Our descriptors are close-on-exec from birth; this is for what we could not know of.
Result<void> sweep_descriptors(const Context& ctx) {
  if (ctx.plan->inherit_fds) return {};
  return sys::close_range(3 + ctx.plan->preserve_fds, ~0U, CLOSE_RANGE_CLOEXEC);
}

}  // namespace

Result<void> run(const ConfineEarly& op, Context& ctx) {
  ctx.confined = lets_us_finish(ctx.seccomp);
  if (!ctx.confined) return apply_caps(op.otherwise);
  TRY(sweep_descriptors(ctx));
  TRY(raise_permitted());  // loading takes CAP_SYS_ADMIN, and another user has none in effect
  TRY(sys::seccomp_set_mode_filter(ctx.seccomp, op.flags));
  return apply_caps(op.sets);
}

// Under the filter one call of ours is left to do, sendmsg: what it is to say is read before, and
// execve closes both ends. A close of ours might be asked about, and the agent still be reading.
Result<void> run(const InstallSeccomp& op, Context& ctx) {
  if (ctx.confined) return {};
  std::string process_state;
  if (ctx.process_state_file.valid()) {
    TRY(sys::lseek(ctx.process_state_file, 0, SEEK_SET));
    process_state = TRY(sys::read_all(ctx.process_state_file));
    ctx.process_state_file.reset();
  }
  ctx.seccomp_listener = TRY(sys::seccomp_set_mode_filter(ctx.seccomp, op.flags));
  if (!ctx.seccomp_listener.valid()) return {};
  CTR_ASSERT(ctx.seccomp_agent.valid());
  TRY_CTX(sys::send_message(ctx.seccomp_agent, process_state, {ctx.seccomp_listener.borrow()}),
          "seccomp agent");
  return {};
}

namespace {

// A script holds the other end: one byte is its word, the end of file its death.
Result<void> wait_at_pipe(Context& ctx) {
  TRY(ctx.channel.send(MessageType::Released));
  ctx.channel.close();
  char word = 0;
  const std::size_t got = TRY(sys::read(ctx.gate, &word, 1));
  ctx.gate.reset();
  if (got == 0) return make_error(Kind::ChildDied, "nobody gave the word to start");
  return {};
}

}  // namespace

Result<void> run(const WaitForStart& op, Context& ctx) {
  const std::optional<ChannelMessage> word = TRY(ctx.channel.receive());
  if (!word.has_value()) return make_error(Kind::ChildDied, "the runtime is gone");
  TRY(sys::prctl_set_pdeathsig(0));
  if (word->type == MessageType::Release) {
    CTR_ASSERT(ctx.gate.valid());
    if (op.by_pipe) return wait_at_pipe(ctx);
    TRY(ctx.channel.send(MessageType::Released));
    ctx.channel.close();
    ctx.channel = TRY(wait_at_gate(ctx.gate));
  } else if (word->type != MessageType::Go) {
    return make_error(Kind::System, "channel: unexpected message before the start");
  }
  ctx.gate.reset();
  // Now, because many seccomp profiles are older than close_range (Linux 5.9) and deny it.
  if (!ctx.confined) TRY(sweep_descriptors(ctx));
  return ctx.channel.send(MessageType::Starting);
}

Result<void> run(const RunHooks& op, Context& ctx) {
  if (op.hooks.empty()) return {};
  CTR_ASSERT(ctx.hooks != nullptr);
  return ctx.hooks->run(op.stage, op.hooks, ctx.in_child ? ::getpid() : ctx.child, kNoFd);
}

}  // namespace ctr
