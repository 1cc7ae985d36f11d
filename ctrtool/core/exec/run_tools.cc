// SPDX-License-Identifier: Apache-2.0
// What only ctrtool's own plans have: descriptors of the caller, scripts, pid files.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/exec/context.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/socket.h"
#include "ctrtool/core/sys/tty.h"

namespace ctr {

Result<void> HookRunner::run_script(const RunScript&, pid_t, BorrowedFd, BorrowedFd) {
  return make_error(Kind::Unsupported, "no scripts are run here");
}

Result<void> run(const TakeStdio& op, Context& ctx) {
  if (op.terminal) TRY(sys::set_controlling_tty(ctx.stdio[0]));
  for (int fd = 0; fd <= 2; ++fd)
    if (ctx.stdio[fd].valid()) TRY(sys::dup2(ctx.stdio[fd], fd));
  return {};
}

Result<void> run(const MakeSocketPair& op, Context& ctx) {
  sys::SocketPair pair = TRY(sys::socketpair(op.type));
  TRY(sys::set_cloexec(pair.first, false));
  const int number = pair.first.release();  // the program's from now on
  ctx.env.push_back(strf("CONTAINER_LAUNCHER_UNIX_FD=%d", number));
  ctx.script_socket = std::move(pair.second);
  return {};
}

Result<void> run(const CloseFd& op, Context&) {
  ::close(op.fd);
  return {};
}

Result<void> run(const NotifyFd& op, Context&) {
  TRY(sys::write_all(BorrowedFd(op.fd), ":"));
  ::close(op.fd);
  return {};
}

Result<void> run(const WritePidFile& op, Context& ctx) {
  constexpr mode_t kMode = 0666;  // less our umask
  const UniqueFd file = TRY(sys::open(op.path, O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY, kMode));
  return sys::write_all(file, strf("%d", ctx.child));
}

// A cgroup that is gone says ESRCH or ENODEV, and has no processes.
Result<void> run(const RequireEmpty& op, Context&) {
  const Result<std::string> text = sys::read_file_at(kCwd, op.path);
  if (!text.ok() && (text.error().code == ESRCH || text.error().code == ENODEV)) return {};
  if (!text.ok()) return text.error();
  if (!text->empty()) return make_error(Kind::WrongState, "it is not empty");
  return {};
}

Result<void> run(const RunScript& op, Context& ctx) {
  CTR_ASSERT(ctx.hooks != nullptr);
  const Result<void> done =
      ctx.hooks->run_script(op, ctx.child, ctx.child_pidfd, ctx.script_socket);
  ctx.script_socket.reset();
  return done;
}

Result<void> run(const SealProgram&, Context& ctx) {
  TRY(sys::lseek(ctx.program, 0, SEEK_SET));
  return sys::add_seals(ctx.program, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
}

}  // namespace ctr
