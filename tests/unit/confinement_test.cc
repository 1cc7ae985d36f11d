// SPDX-License-Identifier: Apache-2.0
// The filter of a runtime that waits: what it lets pass and what not.
#include "ctrtool/core/kit/confinement.h"

#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cerrno>
#include <vector>

#include "ctrtool/core/kit/seccomp_verdict.h"

namespace ctr {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kArch = AUDIT_ARCH_X86_64;
#else
constexpr std::uint32_t kArch = AUDIT_ARCH_AARCH64;
#endif

std::uint32_t verdict_of(long call, std::uint64_t first_argument = 0, std::uint32_t arch = kArch) {
  const std::vector<sock_filter> program(waiting_filter().begin(), waiting_filter().end());
  seccomp_data data{
      .nr = static_cast<int>(call), .arch = arch, .instruction_pointer = 0, .args = {}};
  data.args[0] = first_argument;
  return seccomp_verdict(program, data).value_or(0xdead);
}

constexpr std::uint32_t kDenied = SECCOMP_RET_ERRNO | EPERM;

TEST(WaitingFilter, LetsPassWhatServesAProgramAndRemovesAContainer) {
  for (const long call : {SYS_ppoll, SYS_read, SYS_write, SYS_wait4, SYS_pidfd_send_signal,
                          SYS_openat, SYS_unlinkat, SYS_brk, SYS_exit_group})
    EXPECT_EQ(verdict_of(call), SECCOMP_RET_ALLOW) << call;
}

TEST(WaitingFilter, DeniesProgramsProcessesMountsAndNamespaces) {
  for (const long call : {SYS_execve,
                          SYS_execveat,
                          SYS_clone,
                          SYS_clone3,
                          SYS_ptrace,
                          SYS_mount,
                          SYS_umount2,
                          SYS_move_mount,
                          SYS_pivot_root,
                          SYS_setns,
                          SYS_unshare,
                          SYS_bpf,
                          SYS_init_module,
                          SYS_keyctl,
                          SYS_process_vm_readv,
                          SYS_pidfd_getfd,
                          SYS_io_uring_setup,
                          SYS_setuid,
                          SYS_capset,
                          SYS_prctl,
                          SYS_seccomp,
                          SYS_landlock_restrict_self,
                          SYS_chroot,
                          SYS_mknodat})
    EXPECT_EQ(verdict_of(call), kDenied) << call;
}

TEST(WaitingFilter, KnowsLocalSocketsOnly) {
  EXPECT_EQ(verdict_of(SYS_socket, AF_UNIX), SECCOMP_RET_ALLOW);
  for (const int family : {AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_VSOCK})
    EXPECT_EQ(verdict_of(SYS_socket, static_cast<std::uint64_t>(family)), kDenied) << family;
}

TEST(WaitingFilter, DeniesOtherArchitecturesAndX32) {
  EXPECT_EQ(verdict_of(SYS_read, 0, AUDIT_ARCH_I386), kDenied);
  EXPECT_EQ(verdict_of(SYS_read | 0x40000000L), kDenied);
  EXPECT_EQ(verdict_of(-1), kDenied);
}

}  // namespace
}  // namespace ctr
