// SPDX-License-Identifier: Apache-2.0
// Credentials and attributes of the calling process: ids, capabilities, prctl(2), limits,
// seccomp(2), keyrings, scheduling. All act on the calling thread: the runtime has only one.
// Errors: Kind::System with the errno and the object in the message.
#pragma once

#include <linux/filter.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"

namespace ctr::sys {

// --- ids ---
struct ProcessIds {
  std::uint32_t real = 0;
  std::uint32_t effective = 0;
  std::uint32_t saved = 0;
  bool operator==(const ProcessIds&) const = default;
};
// The kernel takes 2^32-1 as "unchanged".
Result<void> setresuid(uid_t real, uid_t effective, uid_t saved);
Result<void> setresgid(gid_t real, gid_t effective, gid_t saved);
Result<ProcessIds> getresuid();
Result<ProcessIds> getresgid();
Result<void> setgroups(const std::vector<gid_t>& groups);
Result<std::vector<gid_t>> getgroups();

// --- capabilities: bit n is capability n ---
struct CapTriple {
  std::uint64_t effective = 0;
  std::uint64_t permitted = 0;
  std::uint64_t inheritable = 0;
  bool operator==(const CapTriple&) const = default;
};
Result<CapTriple> capget();
Result<void> capset(const CapTriple& caps);

// --- prctl(2), one function per operation ---
enum class Switch : std::uint8_t { Off = 0, On = 1 };
Result<void> prctl_set_no_new_privs();
Result<Switch> prctl_get_no_new_privs();
Result<void> prctl_set_keepcaps(Switch keep);
Result<void> prctl_set_dumpable(Switch dumpable);
Result<void> prctl_set_pdeathsig(int signal);  // 0: none
Result<void> prctl_set_securebits(unsigned bits);
Result<unsigned> prctl_get_securebits();
Result<void> prctl_capbset_drop(int capability);
// EINVAL: the kernel does not know the capability.
Result<bool> prctl_capbset_read(int capability);
Result<void> prctl_cap_ambient_raise(int capability);
Result<void> prctl_cap_ambient_lower(int capability);
Result<bool> prctl_cap_ambient_is_set(int capability);
Result<void> prctl_cap_ambient_clear_all();
Result<void> prctl_set_timerslack(std::uint64_t nanoseconds);
Result<void> prctl_set_thp_disable(Switch disable);
Result<void> prctl_set_child_subreaper(Switch subreaper);

// --- resource limits ---
struct Rlimit {
  std::uint64_t soft = RLIM64_INFINITY;
  std::uint64_t hard = RLIM64_INFINITY;
  bool operator==(const Rlimit&) const = default;
};
Result<Rlimit> prlimit(pid_t pid, int resource);  // pid 0: ourselves
Result<void> prlimit(pid_t pid, int resource, const Rlimit& limit);

// --- seccomp(2) ---
// Loads the program. Flags: SECCOMP_FILTER_FLAG_*. With NEW_LISTENER the answer is the listener,
// close-on-exec as the kernel makes it; otherwise it is invalid.
Result<UniqueFd> seccomp_set_mode_filter(std::span<const sock_filter> program, unsigned flags);
// Whether the kernel knows all of these flags together; loads nothing.
bool seccomp_knows_flags(unsigned flags);
// Whether the kernel knows the action (SECCOMP_RET_*, without its data).
bool seccomp_knows_action(std::uint32_t action);

// --- session keyring ---
// A new keyring for this session, under this name or none; answers its serial number.
Result<std::int32_t> keyctl_join_session_keyring(const std::string& name);
Result<void> keyctl_setperm(std::int32_t key, std::uint32_t permissions);
// "type;uid;gid;permissions;description"
Result<std::string> keyctl_describe(std::int32_t key);

// --- scheduling and memory policy ---
// struct sched_attr, all fields of Linux 5.3. Not the kernel's header: it clashes with <sched.h>.
struct SchedAttr {
  std::uint32_t policy = 0;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime = 0;
  std::uint64_t deadline = 0;
  std::uint64_t period = 0;
  std::uint32_t util_min = 0;
  std::uint32_t util_max = 0;
  bool operator==(const SchedAttr&) const = default;
};
Result<void> sched_setattr(pid_t pid, const SchedAttr& attr);
Result<SchedAttr> sched_getattr(pid_t pid);
// The words of ioprio_set(2). Not by <linux/ioprio.h>: as of Linux 6.1.192 that is no C++.
inline constexpr int kIoPrioProcess = 1;  // IOPRIO_WHO_PROCESS
inline constexpr int kIoPrioRealTime = 1;
inline constexpr int kIoPrioBestEffort = 2;
inline constexpr int kIoPrioIdle = 3;
// `level`: 0 (the highest) to 7.
constexpr int io_priority(int io_class, int level) { return io_class << 13 | level; }
Result<void> ioprio_set(int which, int who, int priority);
Result<int> ioprio_get(int which, int who);
Result<void> sched_setaffinity(pid_t pid, std::span<const unsigned> cpus);
// `mode`: MPOL_* with MPOL_F_* flags. No nodes: an empty mask.
Result<void> set_mempolicy(int mode, std::span<const unsigned> nodes);

// --- the rest ---
Result<unsigned> personality(unsigned long persona);  // answers the previous one
mode_t umask(mode_t mask);                            // cannot fail

}  // namespace ctr::sys
