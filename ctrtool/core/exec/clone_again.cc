// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/exec/clone_again.h"

#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>

#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/exec/child.h"
#include "ctrtool/core/kit/pidfd.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/process.h"

namespace ctr {
namespace {

struct Successor {
  Context& ctx;
  std::size_t next;
  pid_t pid;  // in the pid namespace of the parent and of what was the child
};

int go_on(void* argument) {
  const Successor& self = *static_cast<const Successor*>(argument);
  Result<void> told = self.ctx.channel.send(MessageType::Again, strf("%d", self.pid));
  if (told.ok()) told = guard_against_orphaning(self.ctx);
  child_go_on(self.ctx, self.next, told);
}

// The filter of a container, if we have it already, may not know the newer call.
Result<sys::Cloned> clone_for_parent() {
  Result<sys::Cloned> again = sys::clone3(CLONE_PARENT, kNoFd);
  return again.ok() || again.error().code != ENOSYS ? std::move(again) : sys::clone(CLONE_PARENT);
}

}  // namespace

Result<void> run(const CloneAgain&, Context& ctx) {
  TRY(sys::prctl_set_dumpable(sys::Switch::Off));  // a change of IDs may have undone it
  sys::Pipe told = TRY(sys::pipe());
  sys::Cloned again = TRY(clone_for_parent());
  if (again.pid == 0) {
    // What we say must not overtake the message below. Was its sender killed before, then nobody
    // knows of us.
    told.write.reset();
    char word = 0;
    if (TRY(sys::read(told.read, &word, 1)) == 0) child_exit(1);
    return guard_against_orphaning(ctx);
  }
  // The number is ours, from our own pid namespace, which is the parent's.
  const std::string pid = strf("%d", again.pid);
  const Result<void> sent = ctx.channel.send(MessageType::Again, pid, {again.pidfd.borrow()});
  child_exit(sent.ok() && sys::write_all(told.write, "+").ok() ? 0 : 1);
}

// The successor has the heap and all of the stack below for itself while we wait in clone(2). Our
// own frames are above, and all that they are still good for is to leave.
Error clone_lending_memory(Context& ctx, std::size_t next) {
  constexpr std::size_t kForOurFrames = 16U << 10;
  constexpr std::uintptr_t kAlignment = 64;
  const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  // NOLINTNEXTLINE(performance-no-int-to-ptr): a place in our own stack
  void* const below = reinterpret_cast<void*>((here - kForOurFrames) & ~(kAlignment - 1));
  const Result<void> hidden = sys::prctl_set_dumpable(sys::Switch::Off);  // as above
  if (!hidden.ok()) return hidden.error();
  Successor successor{ctx, next, 0};
  const int made =
      ::clone(go_on, below, CLONE_VM | CLONE_VFORK | CLONE_PARENT | CLONE_PARENT_SETTID, &successor,
              &successor.pid);
  if (made > 0) ::_exit(0);
  const int err = errno;
  return sys_error(err, "clone");
}

Result<void> follow_again(const CloneAgain& op, Context& ctx) {
  ChannelMessage message = TRY(ctx.channel.expect(MessageType::Again));
  pid_t again = TRY(parse_number<pid_t>(message.payload));
  if (op.lends_memory) {
    ctx.lender = ctx.child;
    ctx.child = again;
    Result<UniqueFd> pidfd = sys::pidfd_open(again);
    if (!pidfd.ok()) {
      // A child of ours that is not reaped: its number is nobody else's.
      ::kill(again, SIGKILL);
      return pidfd.error();
    }
    ctx.child_pidfd = std::move(pidfd).value();
    return {};
  }
  if (message.fds.size() != 1) return make_error(Kind::System, "channel: a pidfd is missing");
  // The number is what the sender calls it, and the sender may have a pid namespace of its own.
  const Result<pid_t> ours = pidfd_pid(message.fds.front());
  if (ours.ok() && *ours > 0) again = *ours;
  static_cast<void>(sys::waitpid(ctx.child, 0));
  ctx.child = again;
  ctx.child_pidfd = std::move(message.fds.front());
  return {};
}

}  // namespace ctr
