// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/confinement.h"

#include <linux/audit.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <tuple>

#include "ctrtool/core/kit/seccomp_verdict.h"
#include "ctrtool/core/sys/cred.h"
#include "ctrtool/core/sys/landlock.h"

namespace ctr {
namespace {

// --- Landlock ------------------------------------------------------------------------------------

// The rights of its first version: a kernel knows all of them or has no Landlock.
constexpr std::uint64_t kAllRights = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
constexpr std::uint64_t kReading = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t kKeepingHouse =
    kReading | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |
    LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR;

Result<void> enter_landlock(std::span<const std::string> directories) {
  const UniqueFd ruleset = TRY(sys::landlock_create_ruleset(kAllRights));
  for (const std::string& directory : directories)
    TRY(sys::landlock_allow_beneath(ruleset, directory, kKeepingHouse));
  if (!directories.empty()) TRY(sys::landlock_allow_beneath(ruleset, "/proc", kReading));
  return sys::landlock_restrict_self(ruleset);
}

bool is_missing(const Error& error) {
  return error.code == ENOSYS || error.code == EOPNOTSUPP || error.code == EINVAL;
}

// --- seccomp -------------------------------------------------------------------------------------

constexpr std::array kAllowed = {
// waiting
#ifdef SYS_poll
    SYS_poll,
#endif
    SYS_ppoll,
    SYS_read,
    SYS_write,
    SYS_wait4,
    SYS_waitid,
    SYS_close,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_rt_sigaction,
    SYS_restart_syscall,
    SYS_clock_nanosleep,
    SYS_nanosleep,
    SYS_clock_gettime,
    SYS_pidfd_send_signal,
    SYS_pidfd_open,
    SYS_kill,
    SYS_getpid,
    SYS_ioctl,
    SYS_fcntl,
    SYS_dup,
    SYS_dup3,
    SYS_sendto,
    SYS_sendmsg,
    SYS_recvfrom,
    SYS_recvmsg,
    SYS_writev,
    SYS_readv,
// cleaning up
#ifdef SYS_open
    SYS_open,
    SYS_rmdir,
    SYS_unlink,
    SYS_rename,
    SYS_stat,
    SYS_lstat,
    SYS_readlink,
    SYS_access,
#endif
    SYS_openat,
    SYS_openat2,
    SYS_unlinkat,
    SYS_renameat,
    SYS_renameat2,
    SYS_newfstatat,
    SYS_fstat,
    SYS_statx,
    SYS_statfs,
    SYS_fstatfs,
    SYS_getdents64,
    SYS_lseek,
    SYS_readlinkat,
    SYS_faccessat,
    SYS_faccessat2,
    SYS_getxattr,
    SYS_pread64,
    SYS_pwrite64,
    SYS_fchmod,
    SYS_fchmodat,
    SYS_getcwd,
    SYS_sysinfo,
    SYS_tgkill,
    SYS_getppid,
    SYS_flock,
    SYS_fsync,
    SYS_ftruncate,
    SYS_getuid,
    SYS_geteuid,
    SYS_getgid,
    SYS_getegid,
    SYS_gettid,
    SYS_connect,
    SYS_getsockopt,
    SYS_setsockopt,
    SYS_getsockname,
    SYS_getpeername,
    SYS_shutdown,
    // memory, and the end
    SYS_brk,
    SYS_mmap,
    SYS_munmap,
    SYS_mremap,
    SYS_madvise,
    SYS_mprotect,
    SYS_futex,
    SYS_getrandom,
    SYS_exit_group,
    SYS_exit,
};

// Where the verdict changes: below the first of these numbers it is no, from there on yes, from the
// next on no, and so on. So searched the list costs a sixth of what one comparison after another
// does, and most of that when the filter is loaded: the kernel tries it on every number then.
constexpr auto sorted(auto numbers) {
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}
constexpr auto kSorted = sorted(kAllowed);
constexpr bool starts_range(std::size_t i) { return i == 0 || kSorted[i - 1] + 1 != kSorted[i]; }
constexpr std::size_t count_ranges() {
  std::size_t count = 0;
  for (std::size_t i = 0; i < kSorted.size(); ++i) count += starts_range(i) ? 1 : 0;
  return count;
}
constexpr auto make_boundaries() {
  std::array<std::uint32_t, 2 * count_ranges()> out{};
  std::size_t at = 0;
  for (std::size_t i = 0; i < kSorted.size(); ++i) {
    if (!starts_range(i)) continue;
    std::size_t last = i;
    while (last + 1 < kSorted.size() && !starts_range(last + 1)) ++last;
    out[at++] = static_cast<std::uint32_t>(kSorted[i]);
    out[at++] = static_cast<std::uint32_t>(kSorted[last] + 1);
  }
  return out;
}
constexpr auto kBoundaries = make_boundaries();

// arch; socket(AF_UNIX, ...); the search; no; yes
constexpr std::size_t kHead = 6;
using Filter = std::array<sock_filter, kHead + kBoundaries.size() + 2>;
constexpr std::size_t kNo = std::tuple_size_v<Filter> - 2;
constexpr std::size_t kYes = kNo + 1;
static_assert(kYes < 256, "jumps are that long");

constexpr sock_filter load(std::size_t offset) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
}
constexpr sock_filter jump(unsigned test, std::uint32_t value, std::size_t at, std::size_t yes,
                           std::size_t no) {
  return BPF_JUMP(static_cast<std::uint16_t>(BPF_JMP | BPF_K | test), value,
                  static_cast<std::uint8_t>(yes - at - 1), static_cast<std::uint8_t>(no - at - 1));
}

// The search among boundaries [first, last) begins at `at`; where that is when there are none.
constexpr std::size_t search_at(std::size_t first, std::size_t last, std::size_t at) {
  if (first < last) return at;
  return first % 2 == 0 ? kNo : kYes;
}

constexpr void add_search(Filter& out, std::size_t first, std::size_t last, std::size_t at) {
  if (first == last) return;
  const std::size_t middle = first + (last - first) / 2;
  const std::size_t below = at + 1;
  const std::size_t above = below + (middle - first);
  out[at] = jump(BPF_JGE, kBoundaries[middle], at, search_at(middle + 1, last, above),
                 search_at(first, middle, below));
  add_search(out, first, middle, below);
  add_search(out, middle + 1, last, above);
}

constexpr Filter make_filter() {
  Filter out{};
  out[0] = load(offsetof(seccomp_data, arch));
  out[1] = jump(BPF_JEQ, kNativeAuditArch, 1, 2, kNo);
  out[2] = load(offsetof(seccomp_data, nr));
  out[3] = jump(BPF_JEQ, SYS_socket, 3, 4, kHead);
  out[4] = load(offsetof(seccomp_data, args));  // the low half
  out[5] = jump(BPF_JEQ, AF_UNIX, 5, kYes, kNo);
  add_search(out, 0, kBoundaries.size(), kHead);
  out[kNo] = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
  out[kYes] = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  return out;
}

constexpr Filter kFilter = make_filter();

Result<void> load_filter() {
  if (waiting_filter().empty()) return {};
  const Result<UniqueFd> loaded = sys::seccomp_set_mode_filter(waiting_filter(), 0);
  if (!loaded.ok() && !is_missing(loaded.error())) return loaded.error();
  return {};
}

}  // namespace

std::span<const sock_filter> waiting_filter() {
  return kNativeAuditArch == 0 ? std::span<const sock_filter>()
                               : std::span<const sock_filter>(kFilter);
}

Result<void> confine_to_waiting(std::span<const std::string> directories) {
  TRY(sys::prctl_set_no_new_privs());
  const Result<void> entered = enter_landlock(directories);
  if (!entered.ok() && !is_missing(entered.error())) return entered;
  return load_filter();
}

Result<void> confine_calls_to_waiting() {
  TRY(sys::prctl_set_no_new_privs());
  return load_filter();
}

}  // namespace ctr
