// SPDX-License-Identifier: Apache-2.0
// Capabilities: names, sets, and how the five sets of a process are put in place.
//
// Order, around the change of IDs:
//   1. drop_bounding      while CAP_SETPCAP is effective, so before the user changes
//   2. keep_caps          so that setresuid(2) away from root keeps the permitted set; execve(2)
//                         ends its effect
//      setgroups, setresgid, setresuid: the caller
//   3. apply_caps         permitted, effective, inheritable, then the ambient set
//
// A capability that is to be held (permitted, effective, inheritable, ambient) and that we do not hold
// ourselves is an error here, which names it; who asks for less instead, as config.md wants it, does
// so before. A name in the bounding set is no request to hold anything: what is absent from our own
// bounding set stays absent, as with runc and crun. What must leave the bounding set and cannot is an error; runc skips the
// whole step without CAP_SETPCAP.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ctrtool/core/base/result.h"

namespace ctr {

// CAP_CHECKPOINT_RESTORE, Linux 5.9: the last one that has a name here.
inline constexpr int kLastNamedCap = 40;
// Capabilities are bits of a 64-bit mask.
inline constexpr int kMaxCap = 63;

class CapSet {
 public:
  constexpr CapSet() = default;
  constexpr explicit CapSet(std::uint64_t bits) : bits_(bits) {}
  // Capabilities 0 to `last`.
  static constexpr CapSet up_to(int last) { return CapSet(~std::uint64_t{0} >> (kMaxCap - last)); }
  static constexpr CapSet of(int cap) { return CapSet(std::uint64_t{1} << cap); }

  constexpr std::uint64_t bits() const { return bits_; }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr bool has(int cap) const { return (bits_ >> cap & 1) != 0; }
  constexpr void add(int cap) { bits_ |= std::uint64_t{1} << cap; }
  constexpr CapSet operator|(CapSet other) const { return CapSet(bits_ | other.bits_); }
  constexpr CapSet operator&(CapSet other) const { return CapSet(bits_ & other.bits_); }
  constexpr CapSet operator-(CapSet other) const { return CapSet(bits_ & ~other.bits_); }
  constexpr bool operator==(const CapSet&) const = default;

 private:
  std::uint64_t bits_ = 0;
};

struct CapSets {
  CapSet bounding{};
  CapSet effective{};
  CapSet inheritable{};
  CapSet permitted{};
  CapSet ambient{};
  bool operator==(const CapSets&) const = default;
};

// "CAP_SYS_ADMIN"; a number without a name is "CAP_41".
std::string cap_name(int cap);
// All of them, "CAP_CHOWN,CAP_KILL"; "none" for the empty set.
std::string cap_names(CapSet set);
// In the order of their numbers.
std::vector<std::string_view> known_cap_names();
// The spec's form only: upper case with CAP_.
std::optional<int> find_spec_cap(std::string_view name);
// Any case, with or without CAP_.
std::optional<int> find_cap(std::string_view name);

// The tools' form: `none`, or words separated by ','. A word is a mask (base 0), a name or `all` (0
// to `last`). '+' or '-' in front of the first word changes `current` instead of starting from
// nothing; in front of a later one it may replace the ',': "net_raw,kill", "0x3000",
// "all-sys_admin",
// "-mknod-sys_time".
Result<CapSet> parse_cap_set(std::string_view text, CapSet current, int last);

// Which of the spec's five lists.
enum class CapKind : std::uint8_t { Bounding, Effective, Inheritable, Permitted, Ambient };
const char* cap_kind_name(CapKind kind);  // "effective"

// A capability that the kernel would refuse where the sets put it.
struct CapProblem {
  CapKind kind;
  int cap;
  std::string message;
};
// Effective within permitted; ambient within inheritable and permitted.
std::vector<CapProblem> check_cap_sets(const CapSets& sets);

// The last capability this kernel has, by asking it: works without /proc.
Result<int> kernel_last_cap();
// Our own five sets.
Result<CapSets> current_cap_sets(int last);

Result<void> drop_bounding(CapSet keep, int last);
Result<void> keep_caps();
Result<void> apply_caps(const CapSets& sets);

// Relative to what we hold, for those who cannot know it beforehand.
Result<void> raise_permitted();  // effective := permitted
// Inheritable := `set`; absent: what is inheritable or permitted.
Result<void> set_inheritable(std::optional<CapSet> set);
// Absent: all that is inheritable.
Result<void> raise_ambient(std::optional<CapSet> set);
// Permitted and effective lose what is not inheritable.
Result<void> drop_uninheritable();

}  // namespace ctr
