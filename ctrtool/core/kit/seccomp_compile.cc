// SPDX-License-Identifier: Apache-2.0
// compile_seccomp(): a profile by ourselves or else through libseccomp, with the prologue for newer
// syscalls in front.
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
#include "ctrtool/core/kit/seccomp_direct.h"
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

std::uint32_t value_of(const SeccompRule& rule) {
  return seccomp_action_value(rule.action, rule.errno_ret);
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

std::vector<SeccompNumbers> numbers_of(const SeccompProfile& profile,
                                       const std::vector<std::uint32_t>& archs) {
  std::vector<SeccompNumbers> all;
  for (const std::uint32_t arch : archs) {
    SeccompNumbers& numbers = all.emplace_back(SeccompNumbers{.arch = arch});
    for (const SeccompRule& rule : profile.rules) {
      for (const std::string& name : rule.names) {
        numbers.of_names.push_back(::seccomp_syscall_resolve_name_arch(arch, name.c_str()));
      }
    }
  }
  return all;
}

// Where a block begins among the numbers of this architecture; 0: it has none.
std::uint32_t block_of(std::uint32_t arch) {
  if (arch == SCMP_ARCH_X32) return kX32Block;
  return arch == SCMP_ARCH_ARM ? kArmBlock : 0;
}

std::optional<SyscallRange> range_of(const SeccompNumbers& known) {
  const bool x32 = known.arch == SCMP_ARCH_X32;
  SyscallRange range{
      .audit_arch = x32 ? SCMP_ARCH_X86_64 : known.arch,
      .last = 0,
      .first = x32 ? kX32Bit : 0,
      .zero_is_unknown = known.arch == SCMP_ARCH_S390 || known.arch == SCMP_ARCH_S390X};
  const std::uint32_t block = block_of(known.arch);
  for (const int resolved : known.of_names) {
    if (resolved < 0) continue;  // the architecture has no such syscall
    const auto number = static_cast<std::uint32_t>(resolved);
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

bool covers(const std::vector<SeccompNumbers>& all, std::uint32_t arch) {
  return std::ranges::find(all, arch, &SeccompNumbers::arch) != all.end();
}

std::vector<sock_filter> prologue_for(const std::vector<SeccompNumbers>& all) {
  std::vector<SyscallRange> ranges;
  for (const SeccompNumbers& known : all) {
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

Result<void> add_architectures(const Filter& filter, const std::vector<SeccompNumbers>& all) {
  for (const auto& [arch, numbers] : all) {
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

// How many of the profile's names have another action than the default there.
std::size_t effective(const SeccompNumbers& known, const SeccompProfile& profile,
                      std::uint32_t default_value) {
  std::size_t count = 0;
  auto number = known.of_names.begin();
  for (const SeccompRule& rule : profile.rules) {
    const auto next = number + static_cast<std::ptrdiff_t>(rule.names.size());
    if (value_of(rule) != default_value)
      count += static_cast<std::size_t>(std::count_if(number, next, [](int n) { return n >= 0; }));
    number = next;
  }
  return count;
}

// A sorted tree loads twice as fast: the kernel translates and checks every jump.
void choose_layout(const Filter& filter, const std::vector<SeccompNumbers>& all,
                   const SeccompProfile& profile, std::uint32_t default_value) {
  const bool tree = std::ranges::all_of(all, [&](const SeccompNumbers& known) {
    return effective(known, profile, default_value) > kTreeWorthwhile;
  });
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

// What both ways begin with.
struct Task {
  std::uint32_t default_value;
  std::vector<SeccompNumbers> numbers;  // for each architecture
};

Result<Task> begin(const SeccompProfile& profile) {
  const std::vector<SeccompProblem> problems = check_seccomp(profile);
  if (!problems.empty()) {
    return make_error(Kind::InvalidSpec, "%s: %s", problems.front().pointer.c_str(),
                      problems.front().message.c_str());
  }
  const std::vector<std::uint32_t> archs = TRY(architectures_of(profile));
  return Task{seccomp_action_value(profile.default_action, profile.default_errno_ret),
              numbers_of(profile, archs)};
}

// The program of the rules, and in front of it what newer syscalls get.
std::vector<sock_filter> complete(const SeccompProfile& profile, const Task& task,
                                  const std::vector<sock_filter>& body) {
  std::vector<sock_filter> program;
  if (wants_prologue(*find_seccomp_action(profile.default_action), task.default_value))
    program = prologue_for(task.numbers);
  program.insert(program.end(), body.begin(), body.end());
  return program;
}

Result<std::vector<sock_filter>> library_body(const SeccompProfile& profile, const Task& task) {
  const Filter filter(::seccomp_init(task.default_value));
  if (filter == nullptr) {
    return make_error(Kind::Unsupported, "libseccomp refuses the default action %s",
                      profile.default_action.c_str());
  }
  TRY(add_architectures(filter, task.numbers));
  choose_layout(filter, task.numbers, profile, task.default_value);
  TRY(fill(filter, profile, task.default_value));
  return export_program(filter);
}

Result<std::vector<sock_filter>> by_library(const SeccompProfile& profile) {
  const Task task = TRY(begin(profile));
  const std::vector<sock_filter> body = TRY(library_body(profile, task));
  std::vector<sock_filter> program = complete(profile, task, body);
  if (program.size() > BPF_MAXINSNS) {
    return make_error(Kind::InvalidSpec, "the profile makes %zu instructions, the kernel takes %d",
                      program.size(), BPF_MAXINSNS);
  }
  return program;
}

// A program too long for the kernel may be shorter from the library, which merges conditions.
Result<std::optional<std::vector<sock_filter>>> directly(const SeccompProfile& profile) {
  const Task task = TRY(begin(profile));
  std::optional<std::vector<sock_filter>> program =
      compile_directly(profile, task.numbers, task.default_value);
  if (program) program = complete(profile, task, *program);
  if (program && program->size() > BPF_MAXINSNS) program.reset();
  return program;
}

}  // namespace

Result<std::optional<std::vector<sock_filter>>> compile_seccomp_directly(
    const SeccompProfile& profile) {
  return TRY_CTX(directly(profile), "seccomp");
}

Result<std::vector<sock_filter>> compile_seccomp_by_library(const SeccompProfile& profile) {
  return TRY_CTX(by_library(profile), "seccomp");
}

Result<std::vector<sock_filter>> compile_seccomp(const SeccompProfile& profile) {
  std::optional<std::vector<sock_filter>> program = TRY(compile_seccomp_directly(profile));
  if (program) return std::move(*program);
  return compile_seccomp_by_library(profile);
}

}  // namespace ctr
