// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/cgroup_devices.h"

#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/bpf.h"

namespace ctr {
namespace {

constexpr char kProgramName[] = "ocictr_devices";
// What the kernel takes of a program without CAP_BPF, and room enough for every rule list that a
// human wrote.
constexpr std::size_t kMaxInstructions = 4096;
// More exceptions are no real configuration, and comparing them would take long.
constexpr std::size_t kMaxExceptions = 4096;

struct AccessName {
  char letter;
  std::uint8_t bit;
};
constexpr AccessName kAccessNames[] = {
    {'r', kDeviceRead}, {'w', kDeviceWrite}, {'m', kDeviceMknod}};

// --- rules without order -------------------------------------------------------------------------

bool covers_number(const std::optional<std::uint32_t>& wide,
                   const std::optional<std::uint32_t>& narrow) {
  return !wide.has_value() || wide == narrow;
}

bool meets_number(const std::optional<std::uint32_t>& a, const std::optional<std::uint32_t>& b) {
  return !a.has_value() || !b.has_value() || a == b;
}

bool covers(const DeviceRule& wide, const DeviceRule& narrow) {
  return wide.kind == narrow.kind && covers_number(wide.major, narrow.major) &&
         covers_number(wide.minor, narrow.minor);
}

bool meets(const DeviceRule& a, const DeviceRule& b) {
  return a.kind == b.kind && meets_number(a.major, b.major) && meets_number(a.minor, b.minor);
}

bool same_device(const DeviceRule& a, const DeviceRule& b) {
  return a.kind == b.kind && a.major == b.major && a.minor == b.minor;
}

bool is_everything(const DeviceRule& rule) {
  return rule.kind == DeviceKind::All && !rule.major.has_value() && !rule.minor.has_value() &&
         rule.access == kDeviceAll;
}

std::string number_text(const std::optional<std::uint32_t>& number) {
  return number.has_value() ? strf("%u", *number) : "*";
}

std::string device_text(const DeviceRule& rule) {
  constexpr char kLetters[] = {'a', 'c', 'b'};
  return strf("%c %s:%s %s", kLetters[static_cast<std::size_t>(rule.kind)],
              number_text(rule.major).c_str(), number_text(rule.minor).c_str(),
              format_device_access(rule.access).c_str());
}

Error too_many_rules(std::size_t count) {
  return make_error(Kind::InvalidSpec, "%zu device rules: more than fit", count);
}

void add_exception(DevicePolicy& policy, const DeviceRule& rule) {
  for (DeviceRule& exception : policy.exceptions) {
    if (!same_device(exception, rule)) continue;
    exception.access |= rule.access;
    return;
  }
  policy.exceptions.push_back(rule);
}

// A rule that agrees with the default takes back what earlier exceptions gave.
Result<void> take_back(DevicePolicy& policy, const DeviceRule& rule) {
  for (DeviceRule& exception : policy.exceptions) {
    if (!meets(exception, rule) || (exception.access & rule.access) == 0) continue;
    if (!covers(rule, exception))
      return make_error(Kind::Unsupported,
                        "device rule \"%s %s\" cuts a hole into the earlier \"%s\": cgroup v1 "
                        "cannot express that",
                        rule.allow ? "allow" : "deny", device_text(rule).c_str(),
                        device_text(exception).c_str());
    exception.access = static_cast<std::uint8_t>(exception.access & ~rule.access);
  }
  std::erase_if(policy.exceptions, [](const DeviceRule& e) { return e.access == 0; });
  return {};
}

Result<void> add_rule(DevicePolicy& policy, DeviceRule rule) {
  if (is_everything(rule)) {
    policy = DevicePolicy{rule.allow, {}};
    return {};
  }
  // The files know "a" only as "everything": say it for both kinds.
  if (rule.kind == DeviceKind::All) {
    rule.kind = DeviceKind::Char;
    TRY(add_rule(policy, rule));
    rule.kind = DeviceKind::Block;
  }
  if (rule.access == 0) return {};
  if (rule.allow == policy.allow) return take_back(policy, rule);
  add_exception(policy, rule);
  if (policy.exceptions.size() > kMaxExceptions) return too_many_rules(policy.exceptions.size());
  return {};
}

// --- devices.list --------------------------------------------------------------------------------

Result<std::optional<std::uint32_t>> parse_number_or_any(std::string_view text) {
  if (text == "*") return std::optional<std::uint32_t>();
  const std::uint32_t number = TRY(parse_number<std::uint32_t>(text));
  return std::optional<std::uint32_t>(number);
}

// "c 1:3 rwm", as the kernel prints it.
Result<DeviceRule> parse_listed(std::string_view line) {
  const std::vector<std::string_view> fields = split(line, ' ');
  const std::vector<std::string_view> numbers =
      fields.size() == 3 ? split(fields[1], ':') : std::vector<std::string_view>();
  if (numbers.size() != 2 || fields[0].size() != 1)
    return make_error(Kind::System, "devices.list: not understood: %s", quote(line).c_str());
  DeviceRule rule;
  rule.allow = true;
  rule.kind = fields[0] == "a"   ? DeviceKind::All
              : fields[0] == "b" ? DeviceKind::Block
                                 : DeviceKind::Char;
  rule.major = TRY(parse_number_or_any(numbers[0]));
  rule.minor = TRY(parse_number_or_any(numbers[1]));
  rule.access = TRY(parse_device_access(fields[2]));
  return rule;
}

// What `from` has and `other` has not.
std::vector<DeviceRule> difference(const std::vector<DeviceRule>& from,
                                   const std::vector<DeviceRule>& other) {
  std::vector<DeviceRule> rest;
  for (DeviceRule rule : from) {
    for (const DeviceRule& known : other)
      if (same_device(known, rule))
        rule.access = static_cast<std::uint8_t>(rule.access & ~known.access);
    if (rule.access != 0) rest.push_back(rule);
  }
  return rest;
}

// --- the program ---------------------------------------------------------------------------------

// Registers: r2 the kind of device, r3 the accesses asked for and not yet granted, r4 major, r5
// minor; r1 the context on entry, then scratch.
constexpr std::uint8_t kScratch = 1;
constexpr std::uint8_t kKind = 2;
constexpr std::uint8_t kAsked = 3;
constexpr std::uint8_t kMajor = 4;
constexpr std::uint8_t kMinor = 5;

bpf_insn instruction(int code, std::uint8_t to, std::uint8_t from, std::int16_t offset,
                     std::int32_t value) {
  bpf_insn insn{};
  insn.code = static_cast<std::uint8_t>(code);
  insn.dst_reg = to & 0xfU;
  insn.src_reg = from & 0xfU;
  insn.off = offset;
  insn.imm = value;
  return insn;
}

bpf_insn load_field(std::uint8_t to, std::size_t offset) {
  return instruction(BPF_LDX | BPF_MEM | BPF_W, to, 1, static_cast<std::int16_t>(offset), 0);
}
bpf_insn move_register(std::uint8_t to, std::uint8_t from) {
  return instruction(BPF_ALU | BPF_MOV | BPF_X, to, from, 0, 0);
}
bpf_insn and_value(std::uint8_t to, std::uint32_t value) {
  return instruction(BPF_ALU | BPF_AND | BPF_K, to, 0, 0, static_cast<std::int32_t>(value));
}
bpf_insn shift_right(std::uint8_t to, int bits) {
  return instruction(BPF_ALU | BPF_RSH | BPF_K, to, 0, 0, bits);
}
// 32-bit comparisons (Linux 5.1): a 64-bit one would extend the sign of the number.
bpf_insn jump_unless_equal(std::uint8_t left, std::uint32_t value) {
  return instruction(BPF_JMP32 | BPF_JNE | BPF_K, left, 0, 0, static_cast<std::int32_t>(value));
}
bpf_insn jump_if_equal(std::uint8_t left, std::uint32_t value, std::int16_t over) {
  return instruction(BPF_JMP32 | BPF_JEQ | BPF_K, left, 0, over, static_cast<std::int32_t>(value));
}

void append_verdict(std::vector<bpf_insn>& program, bool allow) {
  program.push_back(instruction(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, allow ? 1 : 0));
  program.push_back(instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
}

void append_prologue(std::vector<bpf_insn>& program) {
  program.push_back(load_field(kKind, offsetof(bpf_cgroup_dev_ctx, access_type)));
  program.push_back(load_field(kMajor, offsetof(bpf_cgroup_dev_ctx, major)));
  program.push_back(load_field(kMinor, offsetof(bpf_cgroup_dev_ctx, minor)));
  program.push_back(move_register(kAsked, kKind));
  program.push_back(and_value(kKind, 0xffff));
  program.push_back(shift_right(kAsked, 16));
}

// Allowed bits are crossed off; when none is left the answer is yes.
void append_grant(std::vector<bpf_insn>& program, std::uint8_t access) {
  program.push_back(and_value(kAsked, kDeviceAll & ~static_cast<unsigned>(access)));
  program.push_back(instruction(BPF_JMP32 | BPF_JNE | BPF_K, kAsked, 0, 2, 0));
  append_verdict(program, true);
}

// A denied bit that is still open makes the answer no.
void append_refusal(std::vector<bpf_insn>& program, std::uint8_t access) {
  program.push_back(move_register(kScratch, kAsked));
  program.push_back(and_value(kScratch, access));
  program.push_back(jump_if_equal(kScratch, 0, 2));
  append_verdict(program, false);
}

void append_rule(std::vector<bpf_insn>& program, const DeviceRule& rule) {
  const std::size_t start = program.size();
  if (rule.kind != DeviceKind::All)
    program.push_back(jump_unless_equal(
        kKind, rule.kind == DeviceKind::Block ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR));
  if (rule.major.has_value()) program.push_back(jump_unless_equal(kMajor, *rule.major));
  if (rule.minor.has_value()) program.push_back(jump_unless_equal(kMinor, *rule.minor));
  const std::size_t tests_end = program.size();
  if (rule.allow)
    append_grant(program, rule.access);
  else
    append_refusal(program, rule.access);
  // Not this device: on to the next rule.
  for (std::size_t at = start; at < tests_end; ++at)
    program[at].off = static_cast<std::int16_t>(program.size() - at - 1);
}

// --- loading -------------------------------------------------------------------------------------

// Before Linux 5.11 programs were charged to RLIMIT_MEMLOCK, whose default is too small for some.
// Raised as far as we may for one more try; that it cannot be raised is not an error of its own.
class MemlockRaised {
 public:
  MemlockRaised() {
    if (::getrlimit(RLIMIT_MEMLOCK, &old_) != 0) return;
    const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
    const rlimit as_allowed{old_.rlim_max, old_.rlim_max};
    raised_ = ::setrlimit(RLIMIT_MEMLOCK, &unlimited) == 0 ||
              ::setrlimit(RLIMIT_MEMLOCK, &as_allowed) == 0;
  }
  ~MemlockRaised() {
    if (raised_) ::setrlimit(RLIMIT_MEMLOCK, &old_);
  }
  MemlockRaised(const MemlockRaised&) = delete;
  MemlockRaised& operator=(const MemlockRaised&) = delete;

 private:
  rlimit old_{};
  bool raised_ = false;
};

Result<UniqueFd> load(const std::vector<bpf_insn>& program) {
  Result<UniqueFd> loaded = sys::bpf_prog_load(BPF_PROG_TYPE_CGROUP_DEVICE, program, kProgramName);
  if (loaded.ok() || loaded.error().code != EPERM) return loaded;
  const MemlockRaised raised;
  return sys::bpf_prog_load(BPF_PROG_TYPE_CGROUP_DEVICE, program, kProgramName);
}

// Those that an earlier attach_device_rules() has left. A program that vanishes while we look was
// not ours to replace.
Result<std::vector<UniqueFd>> attached_before(BorrowedFd cgroup) {
  const std::vector<std::uint32_t> ids = TRY(sys::bpf_prog_query(cgroup, BPF_CGROUP_DEVICE));
  std::vector<UniqueFd> ours;
  for (const std::uint32_t id : ids) {
    Result<UniqueFd> program = sys::bpf_prog_get_fd_by_id(id);
    if (!program.ok() && program.error().code == ENOENT) continue;
    if (!program.ok()) return std::move(program).error();
    const std::string name = TRY(sys::bpf_prog_name(*program));
    if (name == kProgramName) ours.push_back(std::move(*program));
  }
  return ours;
}

}  // namespace

Result<std::uint8_t> parse_device_access(std::string_view text) {
  std::uint8_t access = 0;
  for (const char letter : text) {
    const auto* name = std::find_if(std::begin(kAccessNames), std::end(kAccessNames),
                                    [&](const AccessName& n) { return n.letter == letter; });
    if (name == std::end(kAccessNames))
      return make_error(Kind::InvalidSpec, "device access %s: only r, w and m are known",
                        quote(text.substr(0, 32)).c_str());
    access |= name->bit;
  }
  return access;
}

std::string format_device_access(std::uint8_t access) {
  std::string text;
  for (const AccessName& name : kAccessNames)
    if ((access & name.bit) != 0) text += name.letter;
  return text;
}

std::vector<DeviceRule> default_device_rules() {
  constexpr auto kChar = DeviceKind::Char;
  return {
      {true, kChar, {}, {}, kDeviceMknod}, {true, DeviceKind::Block, {}, {}, kDeviceMknod},
      {true, kChar, 1, 3, kDeviceAll},     // null
      {true, kChar, 1, 5, kDeviceAll},     // zero
      {true, kChar, 1, 7, kDeviceAll},     // full
      {true, kChar, 1, 8, kDeviceAll},     // random
      {true, kChar, 1, 9, kDeviceAll},     // urandom
      {true, kChar, 5, 0, kDeviceAll},     // tty
      {true, kChar, 5, 1, kDeviceAll},     // console
      {true, kChar, 5, 2, kDeviceAll},     // ptmx
      {true, kChar, 136, {}, kDeviceAll},  // pts/*
  };
}

Result<DevicePolicy> device_policy(const std::vector<DeviceRule>& rules) {
  DevicePolicy policy;
  for (std::size_t i = 0; i < rules.size(); ++i) TRY_CTX(add_rule(policy, rules[i]), "/%zu", i);
  return policy;
}

std::vector<DeviceWrite> device_writes(const DevicePolicy& policy) {
  std::vector<DeviceWrite> writes{{policy.allow, "a"}};
  for (const DeviceRule& exception : policy.exceptions)
    writes.push_back({exception.allow, device_text(exception)});
  return writes;
}

Result<std::vector<DeviceWrite>> device_changes(std::string_view devices_list,
                                                const DevicePolicy& policy) {
  std::vector<DeviceRule> present;
  for (const std::string_view line : split(devices_list, '\n')) {
    if (line.empty()) continue;
    const DeviceRule rule = TRY(parse_listed(line));
    // Default allow: the kernel shows nothing of its exceptions, so there is nothing to compare.
    if (rule.kind == DeviceKind::All) return device_writes(policy);
    present.push_back(rule);
  }
  if (policy.allow) return device_writes(policy);
  std::vector<DeviceWrite> writes;
  for (const DeviceRule& rule : difference(policy.exceptions, present))
    writes.push_back({true, device_text(rule)});
  for (const DeviceRule& rule : difference(present, policy.exceptions))
    writes.push_back({false, device_text(rule)});
  return writes;
}

Result<std::vector<bpf_insn>> device_program(const std::vector<DeviceRule>& rules) {
  std::vector<bpf_insn> program;
  append_prologue(program);
  // The last rule decides, so it is asked first.
  bool verdict = false;
  for (std::size_t i = rules.size(); i-- > 0;) {
    const DeviceRule& rule = rules[i];
    if (is_everything(rule)) {
      verdict = rule.allow;  // whatever stands before it has no effect
      break;
    }
    if (rule.access != 0) append_rule(program, rule);
    if (program.size() > kMaxInstructions - 2) return too_many_rules(rules.size());
  }
  append_verdict(program, verdict);
  return program;
}

Result<void> attach_device_rules(BorrowedFd cgroup, const std::vector<DeviceRule>& rules) {
  const std::vector<bpf_insn> program = TRY(device_program(rules));
  const UniqueFd loaded = TRY(load(program));
  const std::vector<UniqueFd> before = TRY(attached_before(cgroup));
  const BorrowedFd replaced = before.empty() ? kNoFd : before.front().borrow();
  TRY(sys::bpf_prog_attach(cgroup, loaded, BPF_CGROUP_DEVICE, BPF_F_ALLOW_MULTI, replaced));
  // More than one of ours: an update was cut short. The new program is in force already.
  for (std::size_t i = 1; i < before.size(); ++i)
    TRY(sys::bpf_prog_detach(cgroup, before[i], BPF_CGROUP_DEVICE));
  return {};
}

}  // namespace ctr
