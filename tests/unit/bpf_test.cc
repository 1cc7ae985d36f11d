// SPDX-License-Identifier: Apache-2.0
// bpf(2) as a kernel of another age answers it (SEC-26). A filter turns the call into a signal, and
// its handler is the kernel: one that knows more than our headers and writes where a shorter
// structure has ended. What is behind ours must not be reached.
#include "ctrtool/core/sys/bpf.h"

#include <errno.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>

namespace ctr::sys {
namespace {

#if defined(__x86_64__)
constexpr bool kKnown = true;
unsigned long argument(const ucontext_t& context, int number) {
  constexpr int kRegisters[] = {REG_RDI, REG_RSI, REG_RDX};
  return static_cast<unsigned long>(context.uc_mcontext.gregs[kRegisters[number]]);
}
void answer(ucontext_t& context, long value) { context.uc_mcontext.gregs[REG_RAX] = value; }
#elif defined(__aarch64__)
constexpr bool kKnown = true;
unsigned long argument(const ucontext_t& context, int number) {
  return context.uc_mcontext.regs[number];
}
void answer(ucontext_t& context, long value) {
  context.uc_mcontext.regs[0] = static_cast<unsigned long>(value);
}
#else
constexpr bool kKnown = false;
unsigned long argument(const ucontext_t&, int) { return 0; }
void answer(ucontext_t&, long) {}
#endif

constexpr std::size_t kNewest = 256;  // more than any kernel so far knows

void be_the_kernel(int, siginfo_t*, void* place) {
  ucontext_t& context = *static_cast<ucontext_t*>(place);
  char* const attributes = reinterpret_cast<char*>(argument(context, 1));  // NOLINT
  const std::size_t size = argument(context, 2);
  const auto is_zero = [](char byte) { return byte == 0; };
  const bool whole = size >= sizeof(bpf_attr) && size <= kNewest;
  if (!whole || !std::all_of(attributes + size, attributes + kNewest, is_zero))
    return answer(context, -E2BIG);
  std::fill(attributes + size, attributes + kNewest, '\xaa');
  if (argument(context, 0) == BPF_PROG_QUERY)
    reinterpret_cast<bpf_attr*>(attributes)->query.prog_cnt = 0;
  answer(context, 0);
}

bool replace_the_kernel() {
  struct sigaction action {};
  action.sa_sigaction = be_the_kernel;
  action.sa_flags = SA_SIGINFO;
  if (::sigaction(SIGSYS, &action, nullptr) != 0) return false;
  sock_filter program[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                           BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_bpf, 0, 1),
                           BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
                           BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const sock_fprog filter = {std::size(program), program};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

constexpr BorrowedFd kCgroup(100);
constexpr BorrowedFd kProgram(101);

// In a process of its own. Status 0: all is well; a message says what is not.
[[noreturn]] void make_every_call() {
  const auto check = [](const char* what, const auto& result) {
    if (result.ok()) return;
    ::dprintf(2, "%s: %s\n", what, result.error().message.c_str());
    ::_exit(1);
  };
  if (!replace_the_kernel()) ::_exit(2);
  const Result<UniqueFd> loaded =
      bpf_prog_load(BPF_PROG_TYPE_CGROUP_DEVICE, std::vector<bpf_insn>(2), "canary");
  check("load", loaded);
  check("attach", bpf_prog_attach(kCgroup, kProgram, BPF_CGROUP_DEVICE, 0, kProgram));
  check("detach", bpf_prog_detach(kCgroup, kProgram, BPF_CGROUP_DEVICE));
  check("query", bpf_prog_query(kCgroup, BPF_CGROUP_DEVICE));
  check("open", bpf_prog_get_fd_by_id(7));
  check("name", bpf_prog_name(kProgram));
  ::_exit(0);
}

TEST(Bpf, NothingBehindItsAttributesIsReached) {
  if (!kKnown) GTEST_SKIP() << "no faults are known for this architecture";
  EXPECT_EXIT(make_every_call(), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace ctr::sys
