// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/sys/cred.h"

#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "ctrtool/core/base/strf.h"

namespace ctr::sys {
namespace {

// Version 3 holds 64 bits in two structs, the low half first.
constexpr int kCapWords = 2;

constexpr std::uint32_t low(std::uint64_t bits) { return static_cast<std::uint32_t>(bits); }
constexpr std::uint32_t high(std::uint64_t bits) { return static_cast<std::uint32_t>(bits >> 32); }
constexpr std::uint64_t both(std::uint32_t low_half, std::uint32_t high_half) {
  return std::uint64_t{high_half} << 32 | low_half;
}

// prctl(2) reads all five arguments for some operations: the unused ones must be zero.
long prctl_call(int operation, unsigned long a, unsigned long b = 0, unsigned long c = 0) {
  return ::prctl(operation, a, b, c, 0UL);
}

unsigned long number(int value) { return static_cast<unsigned long>(value); }
unsigned long number(Switch value) { return static_cast<unsigned long>(value); }

// Kernels write back as much as they know: a buffer that no version of the struct outgrows.
constexpr std::size_t kStructRoom = 256;

struct KernelSchedAttr {
  std::uint32_t size;
  std::uint32_t policy;
  std::uint64_t flags;
  std::int32_t nice;
  std::uint32_t priority;
  std::uint64_t runtime;
  std::uint64_t deadline;
  std::uint64_t period;
  std::uint32_t util_min;
  std::uint32_t util_max;
};
union SchedAttrBuffer {
  unsigned char room[kStructRoom];
  KernelSchedAttr attr;
};

// The most CPUs and NUMA nodes that any kernel is built for.
constexpr unsigned kMaxBits = 8192;
constexpr unsigned kBitsPerWord = sizeof(unsigned long) * CHAR_BIT;

Result<std::vector<unsigned long>> bit_mask(const char* what, std::span<const unsigned> bits) {
  const unsigned top = bits.empty() ? 0 : *std::max_element(bits.begin(), bits.end());
  if (top >= kMaxBits) return sys_error(EINVAL, "%s %u", what, top);
  std::vector<unsigned long> words(top / kBitsPerWord + 1);
  for (const unsigned bit : bits) words[bit / kBitsPerWord] |= 1UL << (bit % kBitsPerWord);
  return words;
}

}  // namespace

Result<void> setresuid(uid_t real, uid_t effective, uid_t saved) {
  if (::setresuid(real, effective, saved) < 0) {
    const int err = errno;
    return sys_error(err, "setresuid %u %u %u", real, effective, saved);
  }
  return {};
}

Result<void> setresgid(gid_t real, gid_t effective, gid_t saved) {
  if (::setresgid(real, effective, saved) < 0) {
    const int err = errno;
    return sys_error(err, "setresgid %u %u %u", real, effective, saved);
  }
  return {};
}

Result<ProcessIds> getresuid() {
  ProcessIds ids;
  if (::getresuid(&ids.real, &ids.effective, &ids.saved) < 0) {
    const int err = errno;
    return sys_error(err, "getresuid");
  }
  return ids;
}

Result<ProcessIds> getresgid() {
  ProcessIds ids;
  if (::getresgid(&ids.real, &ids.effective, &ids.saved) < 0) {
    const int err = errno;
    return sys_error(err, "getresgid");
  }
  return ids;
}

Result<void> setgroups(const std::vector<gid_t>& groups) {
  if (::setgroups(groups.size(), groups.data()) < 0) {
    const int err = errno;
    return sys_error(err, "setgroups, %zu groups", groups.size());
  }
  return {};
}

Result<std::vector<gid_t>> getgroups() {
  std::vector<gid_t> groups(NGROUPS_MAX);
  const int count = ::getgroups(static_cast<int>(groups.size()), groups.data());
  if (count < 0) {
    const int err = errno;
    return sys_error(err, "getgroups");
  }
  groups.resize(static_cast<std::size_t>(count));
  return groups;
}

Result<CapTriple> capget() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[kCapWords]{};
  if (::syscall(SYS_capget, &header, data) < 0) {
    const int err = errno;
    return sys_error(err, "capget");
  }
  return CapTriple{.effective = both(data[0].effective, data[1].effective),
                   .permitted = both(data[0].permitted, data[1].permitted),
                   .inheritable = both(data[0].inheritable, data[1].inheritable)};
}

Result<void> capset(const CapTriple& caps) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct data[kCapWords]{
      {low(caps.effective), low(caps.permitted), low(caps.inheritable)},
      {high(caps.effective), high(caps.permitted), high(caps.inheritable)}};
  if (::syscall(SYS_capset, &header, data) < 0) {
    const int err = errno;
    return sys_error(err, "capset permitted 0x%llx effective 0x%llx inheritable 0x%llx",
                     static_cast<unsigned long long>(caps.permitted),
                     static_cast<unsigned long long>(caps.effective),
                     static_cast<unsigned long long>(caps.inheritable));
  }
  return {};
}

Result<void> prctl_set_no_new_privs() {
  if (prctl_call(PR_SET_NO_NEW_PRIVS, 1) < 0) {
    const int err = errno;
    return sys_error(err, "set no_new_privs");
  }
  return {};
}

Result<Switch> prctl_get_no_new_privs() {
  const long set = prctl_call(PR_GET_NO_NEW_PRIVS, 0);
  if (set < 0) {
    const int err = errno;
    return sys_error(err, "read no_new_privs");
  }
  return set != 0 ? Switch::On : Switch::Off;
}

Result<void> prctl_set_keepcaps(Switch keep) {
  if (prctl_call(PR_SET_KEEPCAPS, number(keep)) < 0) {
    const int err = errno;
    return sys_error(err, "set keepcaps %lu", number(keep));
  }
  return {};
}

Result<void> prctl_set_dumpable(Switch dumpable) {
  if (prctl_call(PR_SET_DUMPABLE, number(dumpable)) < 0) {
    const int err = errno;
    return sys_error(err, "set dumpable %lu", number(dumpable));
  }
  return {};
}

Result<void> prctl_set_pdeathsig(int signal) {
  if (prctl_call(PR_SET_PDEATHSIG, number(signal)) < 0) {
    const int err = errno;
    return sys_error(err, "set parent death signal %d", signal);
  }
  return {};
}

Result<void> prctl_set_securebits(unsigned bits) {
  if (prctl_call(PR_SET_SECUREBITS, bits) < 0) {
    const int err = errno;
    return sys_error(err, "set securebits 0x%x", bits);
  }
  return {};
}

Result<unsigned> prctl_get_securebits() {
  const long bits = prctl_call(PR_GET_SECUREBITS, 0);
  if (bits < 0) {
    const int err = errno;
    return sys_error(err, "read securebits");
  }
  return static_cast<unsigned>(bits);
}

Result<void> prctl_capbset_drop(int capability) {
  if (prctl_call(PR_CAPBSET_DROP, number(capability)) < 0) {
    const int err = errno;
    return sys_error(err, "drop capability %d from the bounding set", capability);
  }
  return {};
}

Result<bool> prctl_capbset_read(int capability) {
  const long set = prctl_call(PR_CAPBSET_READ, number(capability));
  if (set < 0) {
    const int err = errno;
    return sys_error(err, "read capability %d of the bounding set", capability);
  }
  return set != 0;
}

Result<void> prctl_cap_ambient_raise(int capability) {
  if (prctl_call(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number(capability)) < 0) {
    const int err = errno;
    return sys_error(err, "raise ambient capability %d", capability);
  }
  return {};
}

Result<void> prctl_cap_ambient_lower(int capability) {
  if (prctl_call(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, number(capability)) < 0) {
    const int err = errno;
    return sys_error(err, "lower ambient capability %d", capability);
  }
  return {};
}

Result<bool> prctl_cap_ambient_is_set(int capability) {
  const long set = prctl_call(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, number(capability));
  if (set < 0) {
    const int err = errno;
    return sys_error(err, "read ambient capability %d", capability);
  }
  return set != 0;
}

Result<void> prctl_cap_ambient_clear_all() {
  if (prctl_call(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL) < 0) {
    const int err = errno;
    return sys_error(err, "clear the ambient capabilities");
  }
  return {};
}

Result<void> prctl_set_timerslack(std::uint64_t nanoseconds) {
  if (prctl_call(PR_SET_TIMERSLACK, nanoseconds) < 0) {
    const int err = errno;
    return sys_error(err, "set timer slack %llu", static_cast<unsigned long long>(nanoseconds));
  }
  return {};
}

Result<void> prctl_set_thp_disable(Switch disable) {
  if (prctl_call(PR_SET_THP_DISABLE, number(disable)) < 0) {
    const int err = errno;
    return sys_error(err, "set thp_disable %lu", number(disable));
  }
  return {};
}

Result<void> prctl_set_child_subreaper(Switch subreaper) {
  if (prctl_call(PR_SET_CHILD_SUBREAPER, number(subreaper)) < 0) {
    const int err = errno;
    return sys_error(err, "set child subreaper %lu", number(subreaper));
  }
  return {};
}

Result<Rlimit> prlimit(pid_t pid, int resource) {
  rlimit64 limit{};
  if (::syscall(SYS_prlimit64, pid, resource, nullptr, &limit) < 0) {
    const int err = errno;
    return sys_error(err, "read resource limit %d of process %d", resource, pid);
  }
  return Rlimit{limit.rlim_cur, limit.rlim_max};
}

Result<void> prlimit(pid_t pid, int resource, const Rlimit& limit) {
  const rlimit64 wanted{limit.soft, limit.hard};
  if (::syscall(SYS_prlimit64, pid, resource, &wanted, nullptr) < 0) {
    const int err = errno;
    return sys_error(err, "set resource limit %d of process %d to %llu:%llu", resource, pid,
                     static_cast<unsigned long long>(limit.soft),
                     static_cast<unsigned long long>(limit.hard));
  }
  return {};
}

Result<UniqueFd> seccomp_set_mode_filter(std::span<const sock_filter> program, unsigned flags) {
  // sock_fprog counts in 16 bits: a longer program must not be cut short silently.
  if (program.empty() || program.size() > BPF_MAXINSNS) {
    return sys_error(EINVAL, "load a seccomp filter of %zu instructions", program.size());
  }
  const sock_fprog filter{static_cast<unsigned short>(program.size()),
                          const_cast<sock_filter*>(program.data())};  // NOLINT: read only
  const long got = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &filter);
  if (got < 0) {
    const int err = errno;
    return sys_error(err, "load a seccomp filter of %zu instructions, flags 0x%x", program.size(),
                     flags);
  }
  if ((flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) != 0) return UniqueFd(static_cast<int>(got));
  // With TSYNC a positive answer names the thread that could not follow; nothing was loaded.
  if (got > 0) return sys_error(ESRCH, "load a seccomp filter in thread %ld", got);
  return UniqueFd();
}

bool seccomp_knows_flags(unsigned flags) {
  // Flags are checked before the program is read: EFAULT says they passed.
  return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, nullptr) < 0 && errno == EFAULT;
}

bool seccomp_knows_action(std::uint32_t action) {
  return ::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

Result<std::int32_t> keyctl_join_session_keyring(const std::string& name) {
  const long key = ::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING,
                             name.empty() ? nullptr : name.c_str(), 0, 0, 0);
  if (key < 0) {
    const int err = errno;
    return sys_error(err, "join session keyring %s", quote(name).c_str());
  }
  return static_cast<std::int32_t>(key);
}

Result<void> keyctl_setperm(std::int32_t key, std::uint32_t permissions) {
  if (::syscall(SYS_keyctl, KEYCTL_SETPERM, key, permissions, 0, 0) < 0) {
    const int err = errno;
    return sys_error(err, "set permissions 0x%x of key %d", permissions, key);
  }
  return {};
}

Result<std::string> keyctl_describe(std::int32_t key) {
  std::string text(kStructRoom, '\0');
  while (true) {
    const long size = ::syscall(SYS_keyctl, KEYCTL_DESCRIBE, key, text.data(), text.size(), 0);
    if (size < 0) {
      const int err = errno;
      return sys_error(err, "describe key %d", key);
    }
    const bool fits = static_cast<std::size_t>(size) <= text.size();
    text.resize(static_cast<std::size_t>(size));
    if (!fits) continue;                                        // it says how much it needs
    if (!text.empty() && text.back() == '\0') text.pop_back();  // the size counts the NUL
    return text;
  }
}

Result<void> sched_setattr(pid_t pid, const SchedAttr& attr) {
  SchedAttrBuffer buffer{};
  buffer.attr = KernelSchedAttr{sizeof(KernelSchedAttr), attr.policy,  attr.flags,    attr.nice,
                                attr.priority,           attr.runtime, attr.deadline, attr.period,
                                attr.util_min,           attr.util_max};
  if (::syscall(SYS_sched_setattr, pid, &buffer, 0) < 0) {
    const int err = errno;
    return sys_error(err, "sched_setattr policy %u nice %d priority %u of process %d", attr.policy,
                     attr.nice, attr.priority, pid);
  }
  return {};
}

Result<SchedAttr> sched_getattr(pid_t pid) {
  SchedAttrBuffer buffer{};
  if (::syscall(SYS_sched_getattr, pid, &buffer, sizeof buffer, 0) < 0) {
    const int err = errno;
    return sys_error(err, "sched_getattr of process %d", pid);
  }
  const KernelSchedAttr& got = buffer.attr;
  return SchedAttr{got.policy,   got.flags,  got.nice,     got.priority, got.runtime,
                   got.deadline, got.period, got.util_min, got.util_max};
}

Result<void> ioprio_set(int which, int who, int priority) {
  if (::syscall(SYS_ioprio_set, which, who, priority) < 0) {
    const int err = errno;
    return sys_error(err, "ioprio_set class %d data %d", priority >> 13, priority & 0x1fff);
  }
  return {};
}

Result<int> ioprio_get(int which, int who) {
  const long priority = ::syscall(SYS_ioprio_get, which, who);
  if (priority < 0) {
    const int err = errno;
    return sys_error(err, "ioprio_get");
  }
  return static_cast<int>(priority);
}

Result<void> sched_setaffinity(pid_t pid, std::span<const unsigned> cpus) {
  const std::vector<unsigned long> mask = TRY(bit_mask("sched_setaffinity to CPU", cpus));
  if (::syscall(SYS_sched_setaffinity, pid, mask.size() * sizeof mask[0], mask.data()) < 0) {
    const int err = errno;
    return sys_error(err, "sched_setaffinity of process %d to %zu CPUs", pid, cpus.size());
  }
  return {};
}

Result<void> set_mempolicy(int mode, std::span<const unsigned> nodes) {
  const std::vector<unsigned long> mask = TRY(bit_mask("set_mempolicy to node", nodes));
  // The kernel takes one bit less than it is told (mm/mempolicy.c, get_nodes).
  const unsigned long bits = nodes.empty() ? 0 : mask.size() * kBitsPerWord + 1;
  if (::syscall(SYS_set_mempolicy, mode, nodes.empty() ? nullptr : mask.data(), bits) < 0) {
    const int err = errno;
    return sys_error(err, "set_mempolicy mode 0x%x with %zu nodes", static_cast<unsigned>(mode),
                     nodes.size());
  }
  return {};
}

Result<unsigned> personality(unsigned long persona) {
  const int previous = ::personality(persona);
  if (previous < 0) {
    const int err = errno;
    return sys_error(err, "personality 0x%lx", persona);
  }
  return static_cast<unsigned>(previous);
}

mode_t umask(mode_t mask) { return ::umask(mask); }

}  // namespace ctr::sys
