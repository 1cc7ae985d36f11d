// SPDX-License-Identifier: Apache-2.0
// The "linux.seccomp" section. Its words (actions, architectures, operators, flags) are looked up
// by the compiler of the filter, which knows what this build and this kernel have.
#include <array>

#include "runtime/spec/check.h"
#include "runtime/spec/schema.h"

namespace oci {
namespace {

constexpr std::uint32_t kMaxArgument = 5;

constexpr std::array kSyscallArg = {
    field<&SyscallArg::index>("index", Need::Required),
    field<&SyscallArg::value>("value", Need::Required),
    field<&SyscallArg::valueTwo>("valueTwo"),
    field<&SyscallArg::op>("op", Need::Required),
};

constexpr std::array kSyscallRule = {
    field<&SyscallRule::names>("names", Need::Required),
    field<&SyscallRule::action>("action", Need::Required),
    field<&SyscallRule::errnoRet>("errnoRet"),
    field<&SyscallRule::args>("args"),
};

constexpr std::array kSeccomp = {
    field<&Seccomp::defaultAction>("defaultAction", Need::Required),
    field<&Seccomp::defaultErrnoRet>("defaultErrnoRet"),
    field<&Seccomp::architectures>("architectures"),
    field<&Seccomp::flags>("flags"),
    field<&Seccomp::listenerPath>("listenerPath"),
    field<&Seccomp::listenerMetadata>("listenerMetadata"),
    field<&Seccomp::syscalls>("syscalls"),
};

void check_rule(const SyscallRule& rule, std::size_t index, const Pointer& at, Problems& problems) {
  if (rule.names.empty()) {
    problems.error(at.at(index).at("names"), "must name a system call");
  }
  for (std::size_t i = 0; i < rule.args.size(); ++i) {
    if (rule.args[i].index > kMaxArgument) {
      problems.error(at.at(index).at("args").at(i).at("index"), "must be at most 5");
    }
  }
}

}  // namespace

Fields<SyscallArg> fields_of(const SyscallArg&) { return kSyscallArg; }
Fields<SyscallRule> fields_of(const SyscallRule&) { return kSyscallRule; }
Fields<Seccomp> fields_of(const Seccomp&) { return kSeccomp; }

void check(const Seccomp& seccomp, const Pointer& at, Problems& problems) {
  check_path_length(seccomp.listenerPath, at, "listenerPath", problems);
  const Pointer rules = at.at("syscalls");
  for (std::size_t i = 0; i < seccomp.syscalls.size(); ++i) {
    check_rule(seccomp.syscalls[i], i, rules, problems);
  }
}

}  // namespace oci
