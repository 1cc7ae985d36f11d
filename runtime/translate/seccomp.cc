// SPDX-License-Identifier: Apache-2.0
#include "runtime/translate/internal.h"

namespace oci {
namespace {

ctr::SeccompRule translate_rule(const SyscallRule& rule) {
  ctr::SeccompRule out{.names = rule.names, .action = rule.action, .errno_ret = rule.errnoRet};
  for (const SyscallArg& arg : rule.args)
    out.args.push_back(
        {.index = arg.index, .value = arg.value, .value_two = arg.valueTwo, .op = arg.op});
  return out;
}

}  // namespace

ctr::SeccompProfile translate_seccomp(const Seccomp& seccomp, const std::string& listener,
                                      Problems& problems) {
  ctr::SeccompProfile out;
  out.default_action = seccomp.defaultAction;
  out.default_errno_ret = seccomp.defaultErrnoRet;
  out.architectures = seccomp.architectures;
  out.flags = seccomp.flags.value_or(std::vector<std::string>());
  out.listener_path = listener;
  out.listener_metadata = seccomp.listenerMetadata;
  for (const SyscallRule& rule : seccomp.syscalls) out.rules.push_back(translate_rule(rule));
  const Pointer at = Pointer("/linux/seccomp");
  for (const ctr::SeccompProblem& problem : ctr::check_seccomp(out))
    problems.error(Pointer(at.str() + problem.pointer), problem.message);
  // The listener itself goes to the agent by this call, and nobody could answer for it.
  if (ctr::seccomp_notifies(out, "sendmsg"))
    problems.error(at.at("syscalls"), "SCMP_ACT_NOTIFY cannot be the action for \"sendmsg\"");
  return out;
}

}  // namespace oci
