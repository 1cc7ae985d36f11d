// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/sys/cred.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/mempolicy.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

namespace ctr::sys {
namespace {

using ::testing::HasSubstr;

// Attributes of a process last: each test has one of its own. The body answers 0, or which of its
// steps failed.
int status_of(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = -1;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

unsigned first_allowed_cpu() {
  cpu_set_t set;
  CPU_ZERO(&set);
  ::sched_getaffinity(0, sizeof set, &set);
  unsigned cpu = 0;
  while (cpu < CPU_SETSIZE && !CPU_ISSET(cpu, &set)) ++cpu;
  return cpu;
}

TEST(Cred, SchedulingReadsBack) {
  EXPECT_EQ(status_of([] {
              if (!sched_setattr(0, {.policy = SCHED_BATCH, .nice = 7})) return 1;
              const Result<SchedAttr> attr = sched_getattr(0);
              if (!attr || attr->policy != SCHED_BATCH || attr->nice != 7) return 2;
              const int idle = io_priority(kIoPrioBestEffort, 6);
              if (!ioprio_set(kIoPrioProcess, 0, idle)) return 3;
              return *ioprio_get(kIoPrioProcess, 0) == idle ? 0 : 4;
            }),
            0);
}

TEST(Cred, AffinityTakesCpuNumbers) {
  EXPECT_EQ(status_of([] {
              const unsigned cpu = first_allowed_cpu();
              if (!sched_setaffinity(0, std::vector<unsigned>{cpu})) return 1;
              cpu_set_t set;
              if (::sched_getaffinity(0, sizeof set, &set) != 0) return 2;
              return CPU_COUNT(&set) == 1 && CPU_ISSET(cpu, &set) ? 0 : 3;
            }),
            0);
  const Result<void> none = sched_setaffinity(0, {});
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().code, EINVAL);
  const Result<void> huge = sched_setaffinity(0, std::vector<unsigned>{4294967295U});
  ASSERT_FALSE(huge.ok()) << "and no mask of half a gigabyte";
  EXPECT_THAT(huge.error().message, HasSubstr("CPU 4294967295"));
}

TEST(Cred, MemoryPolicyCountsItsNodesRight) {
  EXPECT_EQ(status_of([] {
              if (!set_mempolicy(MPOL_DEFAULT, {})) return 1;
              const Result<void> bound = set_mempolicy(MPOL_BIND, std::vector<unsigned>{0});
              if (!bound) return bound.error().code == ENOSYS ? 0 : 2;
              int mode = -1;
              unsigned long nodes = 0;
              if (::syscall(SYS_get_mempolicy, &mode, &nodes, 8 * sizeof nodes, nullptr, 0) != 0) {
                return 0;  // a kernel with a wider mask: it cannot be read into one word
              }
              return mode == MPOL_BIND && nodes == 1 ? 0 : 3;
            }),
            0);
}

TEST(Cred, AttributesOfTheProcess) {
  EXPECT_EQ(status_of([] {
              if (!prctl_set_dumpable(Switch::Off) || !prctl_set_pdeathsig(SIGKILL)) return 1;
              if (!prctl_set_timerslack(12345) || !prctl_set_thp_disable(Switch::On)) return 2;
              if (!prctl_set_child_subreaper(Switch::On) || !prctl_set_no_new_privs()) return 3;
              if (*prctl_get_no_new_privs() != Switch::On) return 4;
              if (*personality(0xffffffff) != 0 || !personality(0x0040000)) return 5;
              if (*personality(0xffffffff) != 0x0040000) return 6;
              umask(027);
              return umask(0) == 027 ? 0 : 7;
            }),
            0);
}

TEST(Cred, IdsReadBack) {
  const Result<ProcessIds> ids = getresuid();
  ASSERT_TRUE(ids.ok());
  EXPECT_EQ(ids->effective, ::geteuid());
  EXPECT_EQ(getresgid()->real, ::getgid());
  EXPECT_TRUE(getgroups().ok());
}

TEST(Cred, ANewSessionKeyring) {
  EXPECT_EQ(status_of([] {
              const Result<std::int32_t> key = keyctl_join_session_keyring("..odd-name");
              if (!key) return key.error().code == ENOSYS || key.error().code == EPERM ? 0 : 1;
              const Result<std::string> text = keyctl_describe(*key);
              if (!text || !text->starts_with("keyring;") || !text->ends_with(";..odd-name"))
                return 2;
              return keyctl_setperm(*key, 0x3f3f0000) ? 0 : 3;
            }),
            0);
}

TEST(Cred, AListenerIsCloseOnExec) {
  EXPECT_EQ(status_of([] {
              const std::vector<sock_filter> allow{{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
              if (!prctl_set_no_new_privs()) return 1;
              const auto none = seccomp_set_mode_filter(allow, 0);
              if (!none || none->valid()) return 2;
              const auto listener =
                  seccomp_set_mode_filter(allow, SECCOMP_FILTER_FLAG_NEW_LISTENER);
              if (!listener || !listener->valid()) return 3;
              return ::fcntl(listener->raw(), F_GETFD) == FD_CLOEXEC ? 0 : 4;
            }),
            0);
}

TEST(Cred, ProbesOfSeccompLoadNothing) {
  EXPECT_EQ(status_of([] {
              if (!seccomp_knows_flags(SECCOMP_FILTER_FLAG_LOG)) return 1;
              if (seccomp_knows_flags(1U << 30)) return 2;
              if (!seccomp_knows_action(SECCOMP_RET_KILL_PROCESS)) return 3;
              if (seccomp_knows_action(0x12340000)) return 4;
              return ::prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 0 ? 0 : 5;
            }),
            0);
  EXPECT_FALSE(seccomp_set_mode_filter({}, 0).ok());
  EXPECT_FALSE(seccomp_set_mode_filter(std::vector<sock_filter>(70000), 0).ok());
}

}  // namespace
}  // namespace ctr::sys
