// SPDX-License-Identifier: Apache-2.0
// compile_seccomp(): a profile through libseccomp, with the prologue for newer syscalls in front.
#include <linux/bpf_common.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/seccomp.h"
#include "ctrtool/core/kit/seccomp_prologue.h"
#include "ctrtool/core/kit/seccomp_words.h"
#include "ctrtool/core/sys/file.h"

namespace ctr {
namespace {

struct FilterDeleter {
  void operator()(void* filter) const { ::seccomp_release(filter); }
};
using Filter = std::unique_ptr<void, FilterDeleter>;

constexpr std::uint32_t kX32Bit = 0x40000000;
// Where numbers that no new syscall gets begin: x32's own versions, ARM's private calls.
constexpr std::uint32_t kX32Block = kX32Bit + 512;
constexpr std::uint32_t kArmBlock = 0x0f0000;

// libseccomp 2.5.4 goes wrong with the tree and no rule at all; for few rules it gains nothing.
constexpr std::size_t kTreeWorthwhile = 32;
constexpr std::uint32_t kSortedTree = 2;  // SCMP_FLTATR_CTL_OPTIMIZE

std::uint32_t action_value(const SeccompActionWord& action, std::optional<std::uint32_t> data) {
  if (action.max_data == 0) return action.value;
  return action.value | (data.value_or(EPERM) & SECCOMP_RET_DATA);
}

std::uint32_t value_of(const SeccompRule& rule) {
  return action_value(*find_seccomp_action(rule.action), rule.errno_ret);
}

// The library's names for the architectures to filter: the native one and those of the profile.
Result<std::vector<std::uint32_t>> architectures_of(const SeccompProfile& profile) {
  std::vector<std::uint32_t> archs{::seccomp_arch_native()};
  for (const std::string& name : profile.architectures) {
    const SeccompArchWord* word = find_seccomp_arch(name);
    const std::uint32_t arch =
        word != nullptr ? ::seccomp_arch_resolve_name(word->library_name) : 0;
    if (arch == 0) {
      return make_error(Kind::Unsupported, "libseccomp %s does not know %s",
                        seccomp_library_version().c_str(), name.c_str());
    }
    if (std::ranges::find(archs, arch) == archs.end()) archs.push_back(arch);
  }
  return archs;
}

// What the profile says about one architecture.
struct Knowledge {
  std::uint32_t arch = 0;
  std::vector<std::uint32_t> numbers{};  // of every syscall that it names
  std::size_t effective = 0;             // how many of them have another action than the default
};

Knowledge knowledge_of(std::uint32_t arch, const SeccompProfile& profile,
                       std::uint32_t default_value) {
  Knowledge known{.arch = arch};
  for (const SeccompRule& rule : profile.rules) {
    const bool effective = value_of(rule) != default_value;
    for (const std::string& name : rule.names) {
      const int number = ::seccomp_syscall_resolve_name_arch(arch, name.c_str());
      if (number < 0) continue;  // the architecture has no such syscall
      known.numbers.push_back(static_cast<std::uint32_t>(number));
      known.effective += effective ? 1 : 0;
    }
  }
  return known;
}

// Where a block begins among the numbers of this architecture; 0: it has none.
std::uint32_t block_of(std::uint32_t arch) {
  if (arch == SCMP_ARCH_X32) return kX32Block;
  return arch == SCMP_ARCH_ARM ? kArmBlock : 0;
}

std::optional<SyscallRange> range_of(const Knowledge& known) {
  const bool x32 = known.arch == SCMP_ARCH_X32;
  SyscallRange range{
      .audit_arch = x32 ? SCMP_ARCH_X86_64 : known.arch,
      .last = 0,
      .first = x32 ? kX32Bit : 0,
      .zero_is_unknown = known.arch == SCMP_ARCH_S390 || known.arch == SCMP_ARCH_S390X};
  const std::uint32_t block = block_of(known.arch);
  for (const std::uint32_t number : known.numbers) {
    if (block == 0 || number < block) {
      range.last = std::max(range.last, number);
    } else {
      const std::uint32_t last = range.block ? std::max(range.block->last, number) : number;
      range.block = NumberBlock{block, last};
    }
  }
  // Knowing nothing is no ground to call everything new.
  return range.last > 0 ? std::optional<SyscallRange>(range) : std::nullopt;
}

// As in runc: not where the default lets the syscall happen or asks a tracer.
bool wants_prologue(const SeccompActionWord& default_action, std::uint32_t default_value) {
  return default_action.denies && default_value != (SECCOMP_RET_ERRNO | ENOSYS);
}

bool covers(const std::vector<Knowledge>& all, std::uint32_t arch) {
  return std::ranges::find(all, arch, &Knowledge::arch) != all.end();
}

std::vector<sock_filter> prologue_for(const std::vector<Knowledge>& all) {
  std::vector<SyscallRange> ranges;
  for (const Knowledge& known : all) {
    if (const std::optional<SyscallRange> range = range_of(known)) ranges.push_back(*range);
  }
  // Without x32 in the profile its numbers are no newer syscalls but a foreign architecture, which
  // the program denies in its own way.
  if (covers(all, SCMP_ARCH_X86_64) && !covers(all, SCMP_ARCH_X32)) {
    ranges.push_back({.audit_arch = SCMP_ARCH_X86_64, .last = ~0U, .first = kX32Bit});
  }
  std::ranges::stable_sort(ranges, [](const SyscallRange& a, const SyscallRange& b) {
    return a.audit_arch != b.audit_arch ? a.audit_arch < b.audit_arch : a.first > b.first;
  });
  return enosys_prologue(ranges);
}

Result<void> add_architectures(const Filter& filter, const std::vector<std::uint32_t>& archs) {
  for (const std::uint32_t arch : archs) {
    const int error = ::seccomp_arch_add(filter.get(), arch);
    if (error == 0 || error == -EEXIST) continue;  // the native one is there
    if (error == -EDOM) {
      return make_error(Kind::Unsupported,
                        "architecture 0x%x has the other byte order than this machine", arch);
    }
    return sys_error(-error, "add architecture 0x%x", arch);
  }
  return {};
}

Result<void> add_rule(const Filter& filter, std::uint32_t action, const std::string& name,
                      int number, std::span<const scmp_arg_cmp> conditions) {
  const int error = ::seccomp_rule_add_array(
      filter.get(), action, number, static_cast<unsigned>(conditions.size()), conditions.data());
  if (error == 0) return {};
  if (error == -EEXIST) {
    return make_error(Kind::InvalidSpec, "%s: contradicts an earlier rule", quote(name).c_str());
  }
  return sys_error(-error, "add a rule for %s", quote(name).c_str());
}

std::vector<scmp_arg_cmp> conditions_of(const SeccompRule& rule) {
  std::vector<scmp_arg_cmp> conditions;
  for (const SeccompArg& arg : rule.args) {
    const int op = find_seccomp_operator(arg.op)->value;
    conditions.push_back({arg.index, static_cast<scmp_compare>(op), arg.value, arg.value_two});
  }
  return conditions;
}

// libseccomp takes one condition per argument.
bool has_alternatives(const SeccompRule& rule) {
  unsigned seen = 0;
  for (const SeccompArg& arg : rule.args) {
    if ((seen >> arg.index & 1U) != 0) return true;
    seen |= 1U << arg.index;
  }
  return false;
}

Result<void> add_rules(const Filter& filter, const SeccompRule& rule, std::uint32_t action) {
  const std::vector<scmp_arg_cmp> conditions = conditions_of(rule);
  const bool alternatives = has_alternatives(rule);
  for (const std::string& name : rule.names) {
    const int number = ::seccomp_syscall_resolve_name(name.c_str());
    if (number == __NR_SCMP_ERROR) continue;
    if (!alternatives) {
      TRY(add_rule(filter, action, name, number, conditions));
      continue;
    }
    for (const scmp_arg_cmp& condition : conditions) {
      TRY(add_rule(filter, action, name, number, {&condition, 1}));
    }
  }
  return {};
}

Result<void> fill(const Filter& filter, const SeccompProfile& profile,
                  std::uint32_t default_value) {
  for (std::size_t i = 0; i < profile.rules.size(); ++i) {
    const SeccompRule& rule = profile.rules[i];
    if (value_of(rule) == default_value) continue;
    TRY_CTX(add_rules(filter, rule, value_of(rule)), "/syscalls/%zu", i);
  }
  return {};
}

// A sorted tree loads twice as fast: the kernel translates and checks every jump.
void choose_layout(const Filter& filter, const std::vector<Knowledge>& all) {
  const bool tree = std::ranges::all_of(
      all, [](const Knowledge& known) { return known.effective > kTreeWorthwhile; });
  if (tree) ::seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, kSortedTree);
}

Result<std::vector<sock_filter>> export_program(const Filter& filter) {
  // A file, not a pipe: the library writes all at once, and nobody would read.
  const UniqueFd file = TRY(sys::memfd_create("seccomp", MFD_CLOEXEC));
  const int error = ::seccomp_export_bpf(filter.get(), file.raw());
  if (error != 0) return sys_error(-error, "generate the program");
  TRY(sys::lseek(file, 0, SEEK_SET));
  const std::string bytes = TRY(sys::read_all(file));
  std::vector<sock_filter> program(bytes.size() / sizeof(sock_filter));
  std::memcpy(program.data(), bytes.data(), program.size() * sizeof(sock_filter));
  return program;
}

Result<std::vector<sock_filter>> compile(const SeccompProfile& profile) {
  const SeccompActionWord& default_action = *find_seccomp_action(profile.default_action);
  const std::uint32_t default_value = action_value(default_action, profile.default_errno_ret);
  const std::vector<std::uint32_t> archs = TRY(architectures_of(profile));
  const Filter filter(::seccomp_init(default_value));
  if (filter == nullptr) {
    return make_error(Kind::Unsupported, "libseccomp refuses the default action %s",
                      profile.default_action.c_str());
  }
  TRY(add_architectures(filter, archs));
  std::vector<Knowledge> known;
  for (const std::uint32_t arch : archs) {
    known.push_back(knowledge_of(arch, profile, default_value));
  }
  choose_layout(filter, known);
  TRY(fill(filter, profile, default_value));

  std::vector<sock_filter> program;
  if (wants_prologue(default_action, default_value)) program = prologue_for(known);
  const std::vector<sock_filter> body = TRY(export_program(filter));
  program.insert(program.end(), body.begin(), body.end());
  return program;
}

}  // namespace

Result<std::vector<sock_filter>> compile_seccomp(const SeccompProfile& profile) {
  const std::vector<SeccompProblem> problems = check_seccomp(profile);
  if (!problems.empty()) {
    return make_error(Kind::InvalidSpec, "seccomp: %s: %s", problems.front().pointer.c_str(),
                      problems.front().message.c_str());
  }
  std::vector<sock_filter> program = TRY_CTX(compile(profile), "seccomp");
  if (program.size() > BPF_MAXINSNS) {
    return make_error(Kind::InvalidSpec,
                      "seccomp: the profile makes %zu instructions, the kernel takes %d",
                      program.size(), BPF_MAXINSNS);
  }
  return program;
}

}  // namespace ctr
