// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/caps.h"

#include <strings.h>

#include <array>
#include <cerrno>

#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/cred.h"

namespace ctr {
namespace {

constexpr std::string_view kPrefix = "CAP_";

// In the order of linux/capability.h: the index is the number.
constexpr std::array<std::string_view, kLastNamedCap + 1> kNames = {
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
};

bool same_word(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

Error bad_word(std::string_view word, const char* why) {
  return make_error(Kind::InvalidSpec, "capability %s: %s", quote(word).c_str(), why);
}

Result<CapSet> parse_mask(std::string_view word, CapSet all) {
  const std::uint64_t bits =
      TRY_CTX(parse_number<std::uint64_t>(word, 0), "capability mask %s", quote(word).c_str());
  const CapSet unknown = CapSet(bits) - all;
  if (!unknown.empty()) return bad_word(word, "this kernel has not so many capabilities");
  return CapSet(bits);
}

// A word without its sign.
Result<CapSet> parse_word(std::string_view word, CapSet all) {
  if (word.empty()) return bad_word(word, "the word is empty");
  if (word.front() >= '0' && word.front() <= '9') return parse_mask(word, all);
  if (same_word(word, "all")) return all;
  const std::optional<int> cap = find_cap(word);
  if (!cap) return bad_word(word, "no such capability");
  if (!all.has(*cap)) return bad_word(word, "this kernel does not have it");
  return CapSet::of(*cap);
}

// Words begin at ',' and at each sign; a sign stays with its word.
std::vector<std::string_view> split_words(std::string_view text) {
  std::vector<std::string_view> words;
  for (const std::string_view part : split(text, ',')) {
    std::size_t from = 0;
    while (true) {
      const std::size_t to = part.find_first_of("+-", from + 1);
      words.push_back(part.substr(from, to - from));
      if (to >= part.size()) break;
      from = to;
    }
  }
  return words;
}

void check_subset(std::vector<CapProblem>& problems, CapKind kind, CapSet set, CapKind of_kind,
                  CapSet of) {
  const CapSet extra = set - of;
  for (int cap = 0; cap <= kMaxCap; ++cap) {
    if (!extra.has(cap)) continue;
    problems.push_back({kind, cap,
                        strf("%s is %s but not %s", cap_name(cap).c_str(), cap_kind_name(kind),
                             cap_kind_name(of_kind))});
  }
}

// Tried first, asked later: on most hosts that is one call less for each capability.
Result<void> drop_one(int cap) {
  Result<void> dropped = sys::prctl_capbset_drop(cap);
  if (dropped || dropped.error().code != EPERM) return dropped;
  // Dropping what is absent needs CAP_SETPCAP too; there is nothing to do then.
  const bool present = TRY(sys::prctl_capbset_read(cap));
  if (!present) return {};
  return with_context(std::move(dropped).error(), cap_name(cap) + " (CAP_SETPCAP is needed)");
}

// capset(2) says only EPERM: finds what it meant.
Error explain_refusal(Error refusal, const CapSets& wanted) {
  const Result<CapSets> held = current_cap_sets(kMaxCap);
  if (!held) return refusal;
  const CapSet missing = wanted.permitted - held->permitted;
  if (!missing.empty()) {
    return with_context(std::move(refusal), "we do not hold " + cap_names(missing));
  }
  const CapSet unbound = wanted.inheritable - (held->inheritable | held->bounding);
  if (!unbound.empty()) {
    return with_context(std::move(refusal),
                        cap_names(unbound) + " cannot be inheritable, not being bounding");
  }
  return refusal;
}

Result<bool> kernel_has(int cap) {
  const Result<bool> present = sys::prctl_capbset_read(cap);
  if (present) return true;
  if (present.error().code == EINVAL) return false;
  return present.error();
}

}  // namespace

std::string cap_name(int cap) {
  if (cap >= 0 && cap <= kLastNamedCap) return std::string(kNames[static_cast<std::size_t>(cap)]);
  return strf("CAP_%d", cap);
}

std::string cap_names(CapSet set) {
  std::string out;
  for (int cap = 0; cap <= kMaxCap; ++cap) {
    if (!set.has(cap)) continue;
    if (!out.empty()) out += ',';
    out += cap_name(cap);
  }
  return out.empty() ? "none" : out;
}

std::vector<std::string_view> known_cap_names() { return {kNames.begin(), kNames.end()}; }

std::optional<int> find_spec_cap(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<int>(i);
  }
  return std::nullopt;
}

std::optional<int> find_cap(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (same_word(kNames[i], name) || same_word(kNames[i].substr(kPrefix.size()), name)) {
      return static_cast<int>(i);
    }
  }
  return std::nullopt;
}

Result<CapSet> parse_cap_set(std::string_view text, CapSet current, int last) {
  const CapSet all = CapSet::up_to(last);
  const bool change = text.starts_with('+') || text.starts_with('-');
  CapSet set = change ? current : CapSet();
  if (same_word(text, "none")) return set;
  for (const std::string_view word : split_words(text.empty() ? "," : text)) {
    const bool remove = word.starts_with('-');
    const bool sign = remove || word.starts_with('+');
    const CapSet named = TRY(parse_word(word.substr(sign ? 1 : 0), all));
    set = remove ? set - named : set | named;
  }
  return set;
}

const char* cap_kind_name(CapKind kind) {
  switch (kind) {
    case CapKind::Bounding:
      return "bounding";
    case CapKind::Effective:
      return "effective";
    case CapKind::Inheritable:
      return "inheritable";
    case CapKind::Permitted:
      return "permitted";
    case CapKind::Ambient:
      return "ambient";
  }
  return "unknown";
}

std::vector<CapProblem> check_cap_sets(const CapSets& sets) {
  std::vector<CapProblem> problems;
  check_subset(problems, CapKind::Effective, sets.effective, CapKind::Permitted, sets.permitted);
  check_subset(problems, CapKind::Ambient, sets.ambient, CapKind::Permitted, sets.permitted);
  check_subset(problems, CapKind::Ambient, sets.ambient, CapKind::Inheritable, sets.inheritable);
  return problems;
}

Result<int> kernel_last_cap() {
  int last = kLastNamedCap;
  while (last < kMaxCap) {
    const bool more = TRY(kernel_has(last + 1));
    if (!more) break;
    ++last;
  }
  if (last > kLastNamedCap) return last;
  while (last > 0) {
    const bool has = TRY(kernel_has(last));
    if (has) break;
    --last;
  }
  return last;
}

Result<CapSets> current_cap_sets(int last) {
  const sys::CapTriple triple = TRY(sys::capget());
  CapSets sets{.effective = CapSet(triple.effective),
               .inheritable = CapSet(triple.inheritable),
               .permitted = CapSet(triple.permitted)};
  for (int cap = 0; cap <= last; ++cap) {
    const Result<bool> bounding = sys::prctl_capbset_read(cap);
    if (!bounding && bounding.error().code == EINVAL) break;  // past the kernel's last
    if (!bounding) return bounding.error();
    if (*bounding) sets.bounding.add(cap);
    const bool ambient = TRY(sys::prctl_cap_ambient_is_set(cap));
    if (ambient) sets.ambient.add(cap);
  }
  return sets;
}

Result<void> drop_bounding(CapSet keep, int last) {
  for (int cap = 0; cap <= last; ++cap) {
    if (keep.has(cap)) continue;
    TRY(drop_one(cap));
  }
  return {};
}

Result<void> keep_caps() { return sys::prctl_set_keepcaps(sys::Switch::On); }

Result<void> apply_caps(const CapSets& sets) {
  Result<void> done = sys::capset({.effective = sets.effective.bits(),
                                   .permitted = sets.permitted.bits(),
                                   .inheritable = sets.inheritable.bits()});
  if (!done) return explain_refusal(std::move(done).error(), sets);
  TRY(sys::prctl_cap_ambient_clear_all());
  for (int cap = 0; cap <= kMaxCap; ++cap) {
    if (!sets.ambient.has(cap)) continue;
    TRY_CTX(sys::prctl_cap_ambient_raise(cap), "%s", cap_name(cap).c_str());
  }
  return {};
}

Result<void> raise_permitted() {
  sys::CapTriple caps = TRY(sys::capget());
  caps.effective = caps.permitted;
  return sys::capset(caps);
}

Result<void> set_inheritable(std::optional<CapSet> set) {
  sys::CapTriple caps = TRY(sys::capget());
  const CapSet before(caps.inheritable);
  caps.inheritable = set.has_value() ? set->bits() : caps.inheritable | caps.permitted;
  const Result<void> done = sys::capset(caps);
  if (done.ok()) return {};
  return with_context(done.error(),
                      "inheritable capabilities " + cap_names(CapSet(caps.inheritable) - before));
}

Result<void> raise_ambient(std::optional<CapSet> set) {
  const sys::CapTriple caps = TRY(sys::capget());
  const CapSet wanted = set.value_or(CapSet(caps.inheritable));
  for (int cap = 0; cap <= kMaxCap; ++cap) {
    if (!wanted.has(cap)) continue;
    TRY_CTX(sys::prctl_cap_ambient_raise(cap), "%s", cap_name(cap).c_str());
  }
  return {};
}

Result<void> drop_uninheritable() {
  sys::CapTriple caps = TRY(sys::capget());
  caps.permitted &= caps.inheritable;
  caps.effective &= caps.permitted;
  return sys::capset(caps);
}

}  // namespace ctr
