// SPDX-License-Identifier: Apache-2.0
// Namespaces: new ones, joined ones, and what belongs to them by name.
#include <fcntl.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/exec/child.h"
#include "ctrtool/core/exec/context.h"
#include "ctrtool/core/kit/net_device.h"
#include "ctrtool/core/sys/cred.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/ns.h"
#include "ctrtool/core/sys/process.h"
#include "ctrtool/core/sys/socket.h"

namespace ctr {
namespace {

// Opened once and checked to be a namespace of that type: a bundle's path may be any file.
Result<UniqueFd> open_namespace(const std::string& path, int type) {
  UniqueFd fd = TRY(sys::open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK));
  const Result<int> found = sys::namespace_type(fd);
  if (!found.ok())
    return make_error(Kind::InvalidSpec, "%s is not a namespace", quote(path).c_str());
  if (*found != type)
    return make_error(Kind::InvalidSpec, "%s is a namespace of another type", quote(path).c_str());
  return fd;
}

}  // namespace

Result<void> run(const EnterPidNamespace& op, Context& ctx) {
  TRY(sys::prctl_set_dumpable(sys::Switch::Off));  // what is born there is seen at once
  if (ctx.in_child) {
    CTR_ASSERT(ctx.pid_namespace.valid());
    const UniqueFd opened = std::move(ctx.pid_namespace);
    return sys::setns(opened, CLONE_NEWPID);
  }
  ctx.own_pid_namespace = TRY(sys::open("/proc/self/ns/pid", O_RDONLY));
  if (op.from.empty()) return sys::setns(ctx.target, CLONE_NEWPID);
  const UniqueFd fd = TRY(open_namespace(op.from, CLONE_NEWPID));
  return sys::setns(fd, CLONE_NEWPID);
}

Result<void> run(const OpenPidNamespace& op, Context& ctx) {
  ctx.pid_namespace = TRY(open_namespace(op.from, CLONE_NEWPID));
  return {};
}

Result<void> run(const JoinNamespace& op, Context&) {
  // What is already inside must not reach us through /proc or ptrace (CVE-2016-9962).
  TRY(sys::prctl_set_dumpable(sys::Switch::Off));
  const UniqueFd fd = TRY(open_namespace(op.from, op.type));
  return sys::setns(fd, op.type);
}

Result<void> run(const JoinProcess& op, Context& ctx) {
  TRY(sys::prctl_set_dumpable(sys::Switch::Off));
  ctx.proc.reset();  // nothing of the host comes along
  return sys::setns(ctx.target, op.types);
}

Result<void> run(const Join& op, Context&) { return join_namespaces(op.request); }

// The channel is the inner one's alone: its end of file must not wait for us.
Result<void> run(const Fork& op, Context& ctx) {
  const sys::Cloned inner = TRY(sys::clone3(0, kNoFd));
  if (inner.pid == 0) return {};
  ctx.channel.close();
  if (!op.wait) child_exit(0);
  const Result<std::optional<int>> status = sys::waitpid(inner.pid, 0);
  constexpr int kOdd = 255;
  child_exit(status.ok() && status->has_value() ? sys::exit_code(**status) : kOdd);
}

Result<void> run(const Unshare& op, Context& ctx) {
  TRY(sys::unshare(op.types));
  if ((op.types & CLONE_NEWUSER) == 0 || !ctx.id_mapper.valid()) return {};
  return finish_mapping(ctx);
}

Result<void> run(const SetTimeOffsets& op, Context& ctx) {
  const BorrowedFd proc = TRY(trusted_proc(ctx));
  return sys::write_file_at(proc, "self/timens_offsets", op.text);
}

Result<void> run(const BringUpLoopback&, Context&) {
  const UniqueFd socket = TRY(sys::socket(AF_INET, SOCK_DGRAM, 0));
  ifreq request{};
  std::memcpy(request.ifr_name, "lo", sizeof "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (::ioctl(socket.raw(), SIOCSIFFLAGS, &request) < 0) {
    const int err = errno;
    return sys_error(err, "bring up lo");
  }
  return {};
}

Result<void> run(const MoveNetDevices& op, Context& ctx) {
  const UniqueFd netns = TRY(sys::open(strf("/proc/%d/ns/net", ctx.child), O_RDONLY));
  for (const NetDeviceMove& device : op.devices)
    TRY_CTX(hand_over_net_device(device.from, device.name, netns), "%s",
            quote(device.from).c_str());
  return {};
}

Result<void> run(const SetHostname& op, Context&) { return sys::sethostname(op.name); }
Result<void> run(const SetDomainname& op, Context&) { return sys::setdomainname(op.name); }

}  // namespace ctr
