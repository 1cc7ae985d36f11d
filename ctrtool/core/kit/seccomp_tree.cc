// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/seccomp_tree.h"

#include <linux/seccomp.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <span>

namespace ctr {
namespace {

using Program = std::vector<sock_filter>;
using Rules = std::span<const SeccompNumberRule>;

constexpr std::uint16_t kLoad = BPF_LD | BPF_W | BPF_ABS;
constexpr std::uint16_t kReturn = BPF_RET | BPF_K;
constexpr std::uint16_t kAnd = BPF_ALU | BPF_AND | BPF_K;
constexpr std::uint16_t kIfEqual = BPF_JMP | BPF_JEQ | BPF_K;
constexpr std::uint16_t kIfAbove = BPF_JMP | BPF_JGT | BPF_K;
constexpr std::uint16_t kIfAtLeast = BPF_JMP | BPF_JGE | BPF_K;
constexpr std::uint16_t kGo = BPF_JMP | BPF_JA;

constexpr std::size_t kMaxConditionalJump = 255;

sock_filter load(std::size_t offset) { return {kLoad, 0, 0, static_cast<std::uint32_t>(offset)}; }
sock_filter answer(std::uint32_t action) { return {kReturn, 0, 0, action}; }
sock_filter go(std::size_t distance) { return {kGo, 0, 0, static_cast<std::uint32_t>(distance)}; }

void append(Program& code, const Program& more) {
  code.insert(code.end(), more.begin(), more.end());
}

// --- conditions ----------------------------------------------------------------------------------

// Stands for the distance to the end of the rule, which is known when the rule is complete: a rule
// is shorter than this.
constexpr std::uint8_t kMiss = 0xff;
constexpr std::uint8_t kHit = 0;  // goes on with the next instruction

std::uint32_t low(std::uint64_t value) { return static_cast<std::uint32_t>(value); }
std::uint32_t high(std::uint64_t value) { return static_cast<std::uint32_t>(value >> 32); }

// The argument's halves in seccomp_data of a little-endian machine.
std::size_t low_offset(unsigned index) {
  return offsetof(seccomp_data, args) + index * sizeof(std::uint64_t);
}
std::size_t high_offset(unsigned index) { return low_offset(index) + sizeof(std::uint32_t); }

void load_half(Program& code, std::size_t offset, std::uint32_t mask) {
  code.push_back(load(offset));
  if (mask != ~0U) code.push_back({kAnd, 0, 0, mask});
}

// The comparison of what is loaded, as the last word on the condition.
sock_filter last_comparison(SeccompCondition::Op op, std::uint32_t value) {
  switch (op) {
    case SeccompCondition::Equal:
      return {kIfEqual, kHit, kMiss, value};
    case SeccompCondition::NotEqual:
      return {kIfEqual, kMiss, kHit, value};
    case SeccompCondition::Less:
      return {kIfAtLeast, kMiss, kHit, value};
    case SeccompCondition::LessEqual:
      return {kIfAbove, kMiss, kHit, value};
    case SeccompCondition::Greater:
      return {kIfAbove, kHit, kMiss, value};
    case SeccompCondition::GreaterEqual:
      break;
  }
  return {kIfAtLeast, kHit, kMiss, value};
}

Program low_check(const SeccompCondition& condition) {
  Program code;
  load_half(code, low_offset(condition.index), low(condition.mask));
  code.push_back(last_comparison(condition.op, low(condition.value)));
  return code;
}

// Falls through to the check of the low half where the high one is equal and decides nothing.
Program high_check(const SeccompCondition& condition, std::size_t low_size) {
  const std::uint32_t value = high(condition.value);
  const auto past_low = static_cast<std::uint8_t>(low_size);  // holds, whatever the low half is
  Program code;
  load_half(code, high_offset(condition.index), high(condition.mask));
  switch (condition.op) {
    case SeccompCondition::Equal:
      code.push_back({kIfEqual, 0, kMiss, value});
      break;
    case SeccompCondition::NotEqual:
      code.push_back({kIfEqual, 0, past_low, value});
      break;
    case SeccompCondition::Less:
    case SeccompCondition::LessEqual:
      code.push_back({kIfAbove, kMiss, 0, value});
      code.push_back({kIfEqual, 0, past_low, value});
      break;
    case SeccompCondition::Greater:
    case SeccompCondition::GreaterEqual:
      code.push_back({kIfAbove, static_cast<std::uint8_t>(past_low + 1), 0, value});
      code.push_back({kIfEqual, 0, kMiss, value});
      break;
  }
  return code;
}

Program condition_check(const SeccompCondition& condition) {
  const Program last = low_check(condition);
  if (condition.width == SeccompCondition::Low32) return last;
  Program code = high_check(condition, last.size());
  append(code, last);
  return code;
}

// Ends in the rule's answer, or behind the rule.
Program rule_check(const SeccompNumberRule& rule) {
  Program code;
  for (const SeccompCondition& condition : rule.conditions)
    append(code, condition_check(condition));
  code.push_back(answer(rule.action));
  for (std::size_t i = 0; i < code.size(); ++i) {
    const auto distance = static_cast<std::uint8_t>(code.size() - i - 1);
    if (BPF_CLASS(code[i].code) != BPF_JMP) continue;
    if (code[i].jt == kMiss) code[i].jt = distance;
    if (code[i].jf == kMiss) code[i].jf = distance;
  }
  return code;
}

// --- whether two rules can both hold -----------------------------------------------------------

std::uint64_t seen(const SeccompCondition& condition, std::uint64_t argument) {
  const std::uint64_t all = condition.width == SeccompCondition::All64 ? ~0ULL : 0xffffffffULL;
  return argument & condition.mask & all;
}

bool holds(const SeccompCondition& condition, std::uint64_t argument) {
  const std::uint64_t value = seen(condition, argument);
  switch (condition.op) {
    case SeccompCondition::Equal:
      return value == condition.value;
    case SeccompCondition::NotEqual:
      return value != condition.value;
    case SeccompCondition::Less:
      return value < condition.value;
    case SeccompCondition::LessEqual:
      return value <= condition.value;
    case SeccompCondition::Greater:
      return value > condition.value;
    case SeccompCondition::GreaterEqual:
      break;
  }
  return value >= condition.value;
}

// The first one fixes all bits that the second one looks at, to what the second one does not take.
bool contradicts(const SeccompCondition& a, const SeccompCondition& b) {
  if (a.index != b.index || a.op != SeccompCondition::Equal) return false;
  const std::uint64_t not_fixed = seen(b, ~0ULL) & ~seen(a, ~0ULL);
  return not_fixed == 0 && !holds(b, a.value);
}

bool exclude_each_other(const SeccompNumberRule& a, const SeccompNumberRule& b) {
  for (const SeccompCondition& one : a.conditions)
    for (const SeccompCondition& other : b.conditions)
      if (contradicts(one, other) || contradicts(other, one)) return true;
  return false;
}

bool are_ambiguous(Rules rules) {
  for (std::size_t i = 0; i < rules.size(); ++i)
    for (std::size_t j = i + 1; j < rules.size(); ++j)
      if (rules[i].action != rules[j].action && !exclude_each_other(rules[i], rules[j]))
        return true;
  return false;
}

// --- the tree ------------------------------------------------------------------------------------

// From `first` up to the next leaf.
struct Leaf {
  std::uint32_t first;
  std::uint32_t action;  // of all, or where no rule holds
  Rules conditional{};   // of the single number
};

class Leaves {
 public:
  explicit Leaves(std::uint32_t default_action) : default_action_(default_action) {}

  void add(std::uint32_t first, std::uint32_t last, std::uint32_t action) {
    begin({first, action});
    next_ = last + 1ULL;
  }
  void add_conditional(std::uint32_t number, Rules rules) {
    begin({number, default_action_, rules});
    next_ = number + 1ULL;
  }
  std::vector<Leaf> take() && {
    if (next_ <= ~0U) push({static_cast<std::uint32_t>(next_), default_action_});
    return std::move(leaves_);
  }

 private:
  void begin(const Leaf& leaf) {
    if (leaf.first > next_) push({static_cast<std::uint32_t>(next_), default_action_});
    push(leaf);
  }
  // Neighbours with the same answer are one leaf.
  void push(const Leaf& leaf) {
    const bool same = !leaves_.empty() && leaf.conditional.empty() &&
                      leaves_.back().conditional.empty() && leaves_.back().action == leaf.action;
    if (!same) leaves_.push_back(leaf);
  }

  std::uint32_t default_action_;
  std::uint64_t next_ = 0;  // the lowest number that no leaf has yet
  std::vector<Leaf> leaves_;
};

Program leaf_code(const Leaf& leaf) {
  Program code;
  for (const SeccompNumberRule& rule : leaf.conditional) append(code, rule_check(rule));
  code.push_back(answer(leaf.action));
  return code;
}

// The number is loaded and lies within these leaves.
Program tree_code(std::span<const Leaf> leaves) {
  if (leaves.size() == 1) return leaf_code(leaves.front());
  const std::size_t middle = leaves.size() / 2;
  const Program below = tree_code(leaves.first(middle));
  const std::uint32_t from = leaves[middle].first;
  Program code;
  if (below.size() <= kMaxConditionalJump)
    code = {{kIfAtLeast, static_cast<std::uint8_t>(below.size()), 0, from}};
  else
    code = {{kIfAtLeast, 0, 1, from}, go(below.size())};
  append(code, below);
  append(code, tree_code(leaves.subspan(middle)));
  return code;
}

// The rules of one number: the one that decides alone, or all.
Rules effective(Rules rules) {
  const auto plain = std::ranges::find_if(
      rules, [](const SeccompNumberRule& rule) { return rule.conditions.empty(); });
  return plain == rules.end() ? rules : Rules(plain, 1);
}

std::optional<std::vector<Leaf>> leaves_of(const SeccompArchRules& arch,
                                           std::uint32_t default_action) {
  Leaves leaves(default_action);
  const Rules all = arch.rules;
  for (std::size_t at = 0; at < all.size();) {
    std::size_t count = 1;
    while (at + count < all.size() && all[at + count].number == all[at].number) ++count;
    const Rules rules = effective(all.subspan(at, count));
    if (are_ambiguous(rules)) return std::nullopt;
    if (rules.front().conditions.empty())
      leaves.add(all[at].number, all[at].number, rules.front().action);
    else
      leaves.add_conditional(all[at].number, rules);
    at += count;
  }
  if (arch.foreign) leaves.add(arch.foreign->first, arch.foreign->last, SECCOMP_RET_KILL_THREAD);
  return std::move(leaves).take();
}

}  // namespace

std::optional<std::vector<sock_filter>> seccomp_tree(std::vector<SeccompArchRules> architectures,
                                                     std::uint32_t default_action) {
  Program program{load(offsetof(seccomp_data, arch))};
  for (SeccompArchRules& arch : architectures) {
    std::ranges::stable_sort(arch.rules, {}, &SeccompNumberRule::number);
    const std::optional<std::vector<Leaf>> leaves = leaves_of(arch, default_action);
    if (!leaves) return std::nullopt;
    Program code{load(offsetof(seccomp_data, nr))};
    append(code, tree_code(*leaves));
    // Another architecture's: past all this, however long it is.
    program.push_back({kIfEqual, 1, 0, arch.audit_arch});
    program.push_back(go(code.size()));
    append(program, code);
  }
  program.push_back(answer(SECCOMP_RET_KILL_THREAD));
  return program;
}

}  // namespace ctr
