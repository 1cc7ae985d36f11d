// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/seccomp_direct.h"

#include <linux/audit.h>
#include <linux/ipc.h>
#include <linux/net.h>
#include <linux/seccomp.h>
#include <seccomp.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "ctrtool/core/kit/seccomp_tree.h"
#include "ctrtool/core/kit/seccomp_words.h"

namespace ctr {
namespace {

using Conditions = std::vector<SeccompCondition>;

// Numbers of x32 and above on x86_64; -1 is what a tracer skips a call with, and no call.
constexpr SeccompForeignNumbers kX32Numbers{0x40000000, ~0U - 1};

struct Architecture {
  std::uint32_t token;  // libseccomp's
  std::uint32_t audit_arch;
  SeccompCondition::Width width;  // of an argument
};
constexpr auto kArchitectures = std::to_array<Architecture>({
    {SCMP_ARCH_X86_64, AUDIT_ARCH_X86_64, SeccompCondition::All64},
    {SCMP_ARCH_X32, AUDIT_ARCH_X86_64, SeccompCondition::Low32},
    {SCMP_ARCH_X86, AUDIT_ARCH_I386, SeccompCondition::Low32},
    {SCMP_ARCH_AARCH64, AUDIT_ARCH_AARCH64, SeccompCondition::All64},
    {SCMP_ARCH_ARM, AUDIT_ARCH_ARM, SeccompCondition::Low32},
    {SCMP_ARCH_RISCV64, AUDIT_ARCH_RISCV64, SeccompCondition::All64},
});

const Architecture* find_architecture(std::uint32_t token) {
  const auto found = std::ranges::find(kArchitectures, token, &Architecture::token);
  return found != kArchitectures.end() ? &*found : nullptr;
}

// --- socketcall(2) and ipc(2) of x86 ------------------------------------------------------------

// Calls of one number, told apart by their first argument. libseccomp gives each a number below
// zero: that of the group less the argument. Most have got a number of their own since.
struct Multiplexer {
  int above;             // its pseudo numbers are below this one
  int below;             // and above this one
  std::uint32_t number;  // of the call itself
};
constexpr Multiplexer kSocketcall{-100, -121, 102};
constexpr Multiplexer kIpc{-200, -225, 117};

struct OwnNumber {
  int pseudo;
  std::uint32_t number;
};
constexpr auto kOwnNumbers = std::to_array<OwnNumber>({
    {-100 - SYS_SOCKET, 359},      {-100 - SYS_SOCKETPAIR, 360}, {-100 - SYS_BIND, 361},
    {-100 - SYS_CONNECT, 362},     {-100 - SYS_LISTEN, 363},     {-100 - SYS_ACCEPT4, 364},
    {-100 - SYS_GETSOCKOPT, 365},  {-100 - SYS_SETSOCKOPT, 366}, {-100 - SYS_GETSOCKNAME, 367},
    {-100 - SYS_GETPEERNAME, 368}, {-100 - SYS_SENDTO, 369},     {-100 - SYS_SENDMSG, 370},
    {-100 - SYS_RECVFROM, 371},    {-100 - SYS_RECVMSG, 372},    {-100 - SYS_SHUTDOWN, 373},
    {-100 - SYS_RECVMMSG, 337},    {-100 - SYS_SENDMMSG, 345},   {-200 - SEMGET, 393},
    {-200 - SEMCTL, 394},          {-200 - SHMGET, 395},         {-200 - SHMCTL, 396},
    {-200 - SHMAT, 397},           {-200 - SHMDT, 398},          {-200 - MSGGET, 399},
    {-200 - MSGSND, 400},          {-200 - MSGRCV, 401},         {-200 - MSGCTL, 402},
});

const Multiplexer* multiplexer_of(int pseudo) {
  for (const Multiplexer* one : {&kSocketcall, &kIpc})
    if (pseudo < one->above && pseudo > one->below) return one;
  return nullptr;
}

// As libseccomp has it: the other conditions are kept, though they are of arguments that the
// multiplexer does not have.
Conditions behind(const Multiplexer& call, int pseudo, const Conditions& conditions) {
  Conditions all{{.index = 0,
                  .op = SeccompCondition::Equal,
                  .width = SeccompCondition::Low32,
                  .mask = ~0ULL,
                  .value = static_cast<std::uint64_t>(call.above - pseudo)}};
  std::ranges::copy_if(conditions, std::back_inserter(all),
                       [](const SeccompCondition& one) { return one.index != 0; });
  return all;
}

// --- one architecture's rules -------------------------------------------------------------------

SeccompCondition::Op operator_of(int compare) {
  switch (compare) {
    case SCMP_CMP_NE:
      return SeccompCondition::NotEqual;
    case SCMP_CMP_LT:
      return SeccompCondition::Less;
    case SCMP_CMP_LE:
      return SeccompCondition::LessEqual;
    case SCMP_CMP_GT:
      return SeccompCondition::Greater;
    case SCMP_CMP_GE:
      return SeccompCondition::GreaterEqual;
    default:
      return SeccompCondition::Equal;
  }
}

// Nothing: a mask that leaves nothing to compare.
std::optional<SeccompCondition> condition_of(const SeccompArg& arg, SeccompCondition::Width width) {
  constexpr std::uint64_t kLow = 0xffffffff;
  const int compare = find_seccomp_operator(arg.op)->value;
  const bool masked = compare == SCMP_CMP_MASKED_EQ;
  SeccompCondition condition{.index = arg.index,
                             .op = operator_of(compare),
                             .width = width,
                             .mask = masked ? arg.value : ~0ULL,
                             .value = masked ? arg.value & arg.value_two : arg.value};
  if ((condition.mask & kLow) == 0) return std::nullopt;
  if (condition.mask <= kLow) condition.width = SeccompCondition::Low32;
  if (condition.width == SeccompCondition::Low32) condition.value &= kLow;
  return condition;
}

// The conditions as rules have them: all of one inner list must hold, and one of the lists.
// Nothing: not to be said here.
std::optional<std::vector<Conditions>> alternatives_of(const std::vector<SeccompArg>& args,
                                                       SeccompCondition::Width width) {
  Conditions all;
  unsigned seen = 0;
  bool repeated = false;  // conditions on one argument are alternatives
  for (const SeccompArg& arg : args) {
    const std::optional<SeccompCondition> condition = condition_of(arg, width);
    if (!condition) return std::nullopt;
    repeated = repeated || (seen >> arg.index & 1U) != 0;
    seen |= 1U << arg.index;
    all.push_back(*condition);
  }
  if (!repeated) return std::vector<Conditions>{all};
  std::vector<Conditions> each;
  for (const SeccompCondition& one : all) each.push_back({one});
  return each;
}

class Resolver {
 public:
  Resolver(const SeccompNumbers& numbers, const Architecture& arch,
           std::vector<SeccompNumberRule>& to)
      : arch_(arch), next_(numbers.of_names.begin()), to_(to) {}

  // False: not to be said here.
  bool add(const SeccompRule& rule, std::uint32_t action) {
    const auto alternatives = alternatives_of(rule.args, arch_.width);
    if (!alternatives) return false;
    for (std::size_t i = 0; i < rule.names.size(); ++i, ++next_)
      for (const Conditions& conditions : *alternatives) add_call(*next_, action, conditions);
    return true;
  }
  void skip(const SeccompRule& rule) { next_ += static_cast<std::ptrdiff_t>(rule.names.size()); }

 private:
  void add_call(int number, std::uint32_t action, const Conditions& conditions) {
    if (number >= 0) {
      to_.push_back({static_cast<std::uint32_t>(number), action, conditions});
      return;
    }
    // Below zero otherwise: the architecture has no such call.
    const Multiplexer* call = arch_.token == SCMP_ARCH_X86 ? multiplexer_of(number) : nullptr;
    if (call == nullptr) return;
    to_.push_back({call->number, action, behind(*call, number, conditions)});
    const auto own = std::ranges::find(kOwnNumbers, number, &OwnNumber::pseudo);
    if (own != kOwnNumbers.end()) to_.push_back({own->number, action, conditions});
  }

  const Architecture& arch_;
  std::vector<int>::const_iterator next_;  // of the numbers
  std::vector<SeccompNumberRule>& to_;
};

SeccompArchRules& rules_for(std::vector<SeccompArchRules>& all, std::uint32_t audit_arch) {
  const auto found = std::ranges::find(all, audit_arch, &SeccompArchRules::audit_arch);
  if (found != all.end()) return *found;
  return all.emplace_back(SeccompArchRules{.audit_arch = audit_arch});
}

// The profile's rules for one architecture. False: not to be said here.
bool resolve(const SeccompProfile& profile, Resolver resolver, std::uint32_t default_action) {
  for (const SeccompRule& rule : profile.rules) {
    const std::uint32_t action = seccomp_action_value(rule.action, rule.errno_ret);
    if (action == default_action)
      resolver.skip(rule);
    else if (!resolver.add(rule, action))
      return false;
  }
  return true;
}

}  // namespace

std::uint32_t seccomp_action_value(std::string_view action, std::optional<std::uint32_t> data) {
  const SeccompActionWord& word = *find_seccomp_action(action);
  if (word.max_data == 0) return word.value;
  return word.value | (data.value_or(EPERM) & SECCOMP_RET_DATA);
}

std::optional<std::vector<sock_filter>> compile_directly(const SeccompProfile& profile,
                                                         std::span<const SeccompNumbers> numbers,
                                                         std::uint32_t default_action) {
  const auto has = [&](std::uint32_t token) {
    return std::ranges::find(numbers, token, &SeccompNumbers::arch) != numbers.end();
  };
  if (has(SCMP_ARCH_X32) && !has(SCMP_ARCH_X86_64)) return std::nullopt;
  std::vector<SeccompArchRules> all;
  for (const SeccompNumbers& known : numbers) {
    const Architecture* arch = find_architecture(known.arch);
    if (arch == nullptr) return std::nullopt;
    SeccompArchRules& rules = rules_for(all, arch->audit_arch);
    if (!resolve(profile, Resolver(known, *arch, rules.rules), default_action)) return std::nullopt;
    if (known.arch == SCMP_ARCH_X86_64 && !has(SCMP_ARCH_X32)) rules.foreign = kX32Numbers;
  }
  return seccomp_tree(std::move(all), default_action);
}

}  // namespace ctr
