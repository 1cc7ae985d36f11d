// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/seccomp.h"

#include <linux/seccomp.h>
#include <seccomp.h>

#include <algorithm>
#include <map>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/seccomp_words.h"
#include "ctrtool/core/sys/cred.h"

namespace ctr {
namespace {

constexpr std::uint32_t kMaxArgIndex = 5;  // six arguments
constexpr std::string_view kNotify = "SCMP_ACT_NOTIFY";

// Far above what profiles have. Without them a few kilobytes of JSON keep libseccomp busy for ever:
// its time grows with the square of a syscall's conditions, and exponentially with the rules for
// one syscall that combine conditions other than equality.
constexpr std::size_t kMaxNames = 16384;
constexpr std::size_t kMaxConditions = 4096;  // each makes an instruction, and no more are loaded
constexpr std::size_t kMaxCombinations = 12;

bool combines_inequalities(const SeccompRule& rule) {
  return rule.args.size() > 1 && std::ranges::any_of(rule.args, [](const SeccompArg& arg) {
           return arg.op != "SCMP_CMP_EQ";
         });
}

class Checker {
 public:
  explicit Checker(const SeccompProfile& profile) : profile_(profile) {}

  std::vector<SeccompProblem> run() && {
    check_default();
    check_architectures();
    check_flags();
    check_listener();
    check_size();
    for (std::size_t i = 0; i < profile_.rules.size(); ++i) {
      check_rule(strf("/syscalls/%zu", i), profile_.rules[i]);
    }
    return std::move(problems_);
  }

 private:
  void report(std::string pointer, std::string message) {
    problems_.push_back({std::move(pointer), std::move(message)});
  }

  void check_action(const std::string& pointer, const std::string& name,
                    const std::string& errno_pointer, std::optional<std::uint32_t> errno_ret) {
    const SeccompActionWord* action = find_seccomp_action(name);
    if (action == nullptr) {
      report(pointer, "unknown action " + quote(name));
    } else if (errno_ret && action->max_data == 0) {
      report(errno_pointer, "the action " + name + " takes no errno");
    } else if (errno_ret && *errno_ret > action->max_data) {
      report(errno_pointer, strf("errno %u is above %u", *errno_ret, action->max_data));
    }
  }

  void check_default() {
    check_action("/defaultAction", profile_.default_action, "/defaultErrnoRet",
                 profile_.default_errno_ret);
    if (profile_.default_action == kNotify) {
      // The loader's own last calls would wait for an answer of a listener nobody has yet.
      report("/defaultAction", "SCMP_ACT_NOTIFY cannot be the default action");
    }
  }

  void check_architectures() {
    for (std::size_t i = 0; i < profile_.architectures.size(); ++i) {
      const std::string& name = profile_.architectures[i];
      if (find_seccomp_arch(name) != nullptr) continue;
      report(strf("/architectures/%zu", i), "unknown architecture " + quote(name));
    }
  }

  void check_flags() {
    for (std::size_t i = 0; i < profile_.flags.size(); ++i) {
      const SeccompFlagWord* flag = find_seccomp_flag(profile_.flags[i]);
      if (flag == nullptr) {
        report(strf("/flags/%zu", i), "unknown flag " + quote(profile_.flags[i]));
      } else if (flag->value == SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV &&
                 !seccomp_notifies(profile_)) {
        report(strf("/flags/%zu", i), profile_.flags[i] + " needs a rule with SCMP_ACT_NOTIFY");
      }
    }
  }

  void check_listener() {
    if (!profile_.listener_path.empty()) return;
    if (seccomp_notifies(profile_)) report("/listenerPath", "SCMP_ACT_NOTIFY needs a listener");
    if (!profile_.listener_metadata.empty()) report("/listenerMetadata", "there is no listener");
  }

  void check_size() {
    std::size_t names = 0;
    std::size_t conditions = 0;
    for (const SeccompRule& rule : profile_.rules) {
      names += rule.names.size();
      conditions += rule.names.size() * rule.args.size();
    }
    if (names > kMaxNames) report("/syscalls", strf("%zu names, more than %zu", names, kMaxNames));
    if (conditions > kMaxConditions) {
      report("/syscalls", strf("%zu conditions, more than %zu", conditions, kMaxConditions));
    }
    if (names <= kMaxNames) check_combinations();
  }

  void check_combinations() {
    std::map<std::string_view, std::size_t> combinations;
    for (std::size_t i = 0; i < profile_.rules.size(); ++i) {
      const SeccompRule& rule = profile_.rules[i];
      if (!combines_inequalities(rule)) continue;
      for (const std::string& name : rule.names) {
        if (++combinations[name] != kMaxCombinations + 1) continue;
        report(strf("/syscalls/%zu", i), strf("more than %zu rules for %s combine conditions",
                                              kMaxCombinations, quote(name).c_str()));
      }
    }
  }

  void check_rule(const std::string& pointer, const SeccompRule& rule) {
    if (rule.names.empty()) report(pointer + "/names", "a rule needs a name");
    for (std::size_t i = 0; i < rule.names.size(); ++i) {
      if (rule.names[i].empty()) report(pointer + strf("/names/%zu", i), "the name is empty");
    }
    check_action(pointer + "/action", rule.action, pointer + "/errnoRet", rule.errno_ret);
    for (std::size_t i = 0; i < rule.args.size(); ++i) {
      check_arg(pointer + strf("/args/%zu", i), rule.args[i]);
    }
  }

  void check_arg(const std::string& pointer, const SeccompArg& arg) {
    if (arg.index > kMaxArgIndex) {
      report(pointer + "/index", strf("index %u is above %u", arg.index, kMaxArgIndex));
    }
    if (find_seccomp_operator(arg.op) == nullptr) {
      report(pointer + "/op", "unknown operator " + quote(arg.op));
    }
  }

  const SeccompProfile& profile_;
  std::vector<SeccompProblem> problems_;
};

template <typename Word>
std::vector<std::string_view> names_of(std::span<const Word> words, bool (*wanted)(const Word&)) {
  std::vector<std::string_view> names;
  for (const Word& word : words) {
    if (wanted(word)) names.push_back(word.name);
  }
  return names;
}

// The kernel takes WAIT_KILLABLE_RECV only together with NEW_LISTENER.
bool kernel_supports(const SeccompFlagWord& flag) {
  const bool for_listener = flag.value == SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
  return sys::seccomp_knows_flags(flag.value |
                                  (for_listener ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0U));
}

}  // namespace

std::vector<SeccompProblem> check_seccomp(const SeccompProfile& profile) {
  return Checker(profile).run();
}

std::vector<SeccompProblem> seccomp_notes(const SeccompProfile& profile) {
  std::vector<SeccompProblem> notes;
  for (std::size_t i = 0; i < profile.rules.size(); ++i) {
    const std::vector<std::string>& names = profile.rules[i].names;
    for (std::size_t j = 0; j < names.size(); ++j) {
      if (::seccomp_syscall_resolve_name(names[j].c_str()) != __NR_SCMP_ERROR) continue;
      notes.push_back({strf("/syscalls/%zu/names/%zu", i, j),
                       "unknown system call " + quote(names[j]) + " is skipped"});
    }
  }
  return notes;
}

Result<unsigned> seccomp_load_flags(const SeccompProfile& profile) {
  unsigned flags = seccomp_notifies(profile) ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0U;
  for (const std::string& name : profile.flags) {
    const SeccompFlagWord* flag = find_seccomp_flag(name);
    if (flag == nullptr) {
      return make_error(Kind::InvalidSpec, "unknown seccomp flag %s", quote(name).c_str());
    }
    if (!kernel_supports(*flag)) {
      return make_error(Kind::Unsupported, "this kernel lacks the seccomp flag %s", name.c_str());
    }
    flags |= flag->value;
  }
  return flags;
}

bool seccomp_notifies(const SeccompProfile& profile) {
  return std::ranges::any_of(profile.rules,
                             [](const SeccompRule& rule) { return rule.action == kNotify; });
}

bool seccomp_notifies(const SeccompProfile& profile, std::string_view syscall) {
  return std::ranges::any_of(profile.rules, [&](const SeccompRule& rule) {
    return rule.action == kNotify && std::ranges::find(rule.names, syscall) != rule.names.end();
  });
}

std::vector<std::string_view> seccomp_actions() {
  return names_of<SeccompActionWord>(seccomp_action_words(), [](const auto&) { return true; });
}

std::vector<std::string_view> seccomp_operators() {
  return names_of<SeccompOperatorWord>(seccomp_operator_words(), [](const auto&) { return true; });
}

std::vector<std::string_view> seccomp_architectures() {
  return names_of<SeccompArchWord>(seccomp_arch_words(), [](const SeccompArchWord& arch) {
    return ::seccomp_arch_resolve_name(arch.library_name) != 0;
  });
}

std::vector<std::string_view> seccomp_known_flags() {
  return names_of<SeccompFlagWord>(seccomp_flag_words(), [](const auto&) { return true; });
}

std::vector<std::string_view> seccomp_supported_flags() {
  return names_of<SeccompFlagWord>(seccomp_flag_words(), kernel_supports);
}

std::string seccomp_library_version() {
  const scmp_version* version = ::seccomp_version();
  return strf("%u.%u.%u", version->major, version->minor, version->micro);
}

}  // namespace ctr
