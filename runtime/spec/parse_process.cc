// SPDX-License-Identifier: Apache-2.0
// The "process" section, which is also what `exec --process` reads.
#include <algorithm>
#include <array>
#include <cstdint>

#include "ctrtool/core/base/strf.h"
#include "runtime/spec/check.h"
#include "runtime/spec/schema.h"

namespace oci {
namespace {

constexpr std::uint32_t kNoId = UINT32_MAX;

// No kernel has that many of either; longer lists are hostile, and are compared pair by pair.
constexpr std::size_t kMaxCapabilities = 256;
constexpr std::size_t kMaxRlimits = 64;

constexpr std::array kConsoleSize = {
    field<&ConsoleSize::height>("height", Need::Required),
    field<&ConsoleSize::width>("width", Need::Required),
};

constexpr std::array kUser = {
    field<&User::uid>("uid", Need::Always),
    field<&User::gid>("gid", Need::Always),
    field<&User::umask>("umask"),
    field<&User::additionalGids>("additionalGids"),
    ignored<User>("username"),
};

constexpr std::array kCapabilities = {
    field<&Capabilities::bounding>("bounding"),       field<&Capabilities::effective>("effective"),
    field<&Capabilities::inheritable>("inheritable"), field<&Capabilities::permitted>("permitted"),
    field<&Capabilities::ambient>("ambient"),
};

constexpr std::array kRlimit = {
    field<&Rlimit::type>("type", Need::Required),
    field<&Rlimit::hard>("hard", Need::Required),
    field<&Rlimit::soft>("soft", Need::Required),
};

constexpr std::array kScheduler = {
    field<&Scheduler::policy>("policy", Need::Required),
    field<&Scheduler::nice>("nice"),
    field<&Scheduler::priority>("priority"),
    field<&Scheduler::flags>("flags"),
    field<&Scheduler::runtime>("runtime"),
    field<&Scheduler::deadline>("deadline"),
    field<&Scheduler::period>("period"),
};

// config.md wants a priority, the JSON schema does not: engines that leave it out mean 0.
constexpr std::array kIoPriority = {
    field<&IoPriority::class_>("class", Need::Required),
    field<&IoPriority::priority>("priority", Need::Always),
};

constexpr std::array kCpuAffinity = {
    field<&CpuAffinity::initial>("initial"),
    field<&CpuAffinity::final>("final"),
};

constexpr std::array kProcess = {
    field<&Process::terminal>("terminal"),
    field<&Process::consoleSize>("consoleSize"),
    field<&Process::user>("user", Need::Always),
    field<&Process::args>("args"),
    ignored<Process>("commandLine"),
    field<&Process::env>("env"),
    field<&Process::cwd>("cwd", Need::Required),
    field<&Process::capabilities>("capabilities"),
    field<&Process::rlimits>("rlimits"),
    field<&Process::noNewPrivileges>("noNewPrivileges"),
    field<&Process::apparmorProfile>("apparmorProfile"),
    field<&Process::oomScoreAdj>("oomScoreAdj"),
    field<&Process::scheduler>("scheduler"),
    field<&Process::selinuxLabel>("selinuxLabel"),
    field<&Process::ioPriority>("ioPriority"),
    field<&Process::execCPUAffinity>("execCPUAffinity"),
};

constexpr const char* kNoIdText = "4294967295 stands for no ID";

void check_user(const User& user, const Pointer& at, Problems& problems) {
  if (user.uid == kNoId) problems.error(at.at("uid"), kNoIdText);
  if (user.gid == kNoId) problems.error(at.at("gid"), kNoIdText);
  if (user.umask > 0777U) problems.error(at.at("umask"), "must be at most 511 (0777)");
  if (!user.additionalGids) return;
  for (std::size_t i = 0; i < user.additionalGids->size(); ++i) {
    if ((*user.additionalGids)[i] == kNoId) {
      problems.error(at.at("additionalGids").at(i), kNoIdText);
    }
  }
}

void check_args(const std::vector<std::string>& args, const Pointer& at, Problems& problems) {
  if (args.empty()) {
    problems.error(at, "must name a program");
  } else if (args.front().empty()) {
    // In the words that engines look for: their status is 127.
    problems.error(at.at(0), "executable file not found in $PATH: the name is empty");
  }
}

void check_env(const std::vector<std::string>& env, const Pointer& at, Problems& problems) {
  for (std::size_t i = 0; i < env.size(); ++i) {
    const std::size_t equals = env[i].find('=');
    if (equals == std::string::npos) {
      problems.error(at.at(i), "has no '='");
    } else if (equals == 0) {
      problems.error(at.at(i), "has no name before the '='");
    }
  }
}

bool contains(const std::vector<std::string>& set, const std::string& cap, std::size_t likely) {
  if (likely < set.size() && set[likely] == cap) return true;  // engines list all sets alike
  return std::find(set.begin(), set.end(), cap) != set.end();
}

// Only a warning, as config.md wants it for what cannot be granted: buildah and the `spec` of runc
// and crun write such configurations, since inheritable ones went out of use (CVE-2022-29162).
void check_ambient(const Capabilities& caps, const Pointer& at, Problems& problems) {
  std::string lost;
  for (std::size_t i = 0; i < caps.ambient.size(); ++i) {
    const std::string& cap = caps.ambient[i];
    if (contains(caps.permitted, cap, i) && contains(caps.inheritable, cap, i)) continue;
    (lost += lost.empty() ? "" : ", ") += ctr::escape(cap);
  }
  if (lost.empty()) return;
  problems.warning(at.at("ambient"), lost + " cannot be granted: not permitted and inheritable");
}

void check_capabilities(const Capabilities& caps, const Pointer& at, Problems& problems) {
  for (const auto* set :
       {&caps.bounding, &caps.effective, &caps.inheritable, &caps.permitted, &caps.ambient}) {
    if (set->size() <= kMaxCapabilities) continue;
    problems.error(at, "more capabilities than there can be");
    return;
  }
  check_ambient(caps, at, problems);
}

void check_rlimits(const std::vector<Rlimit>& limits, const Pointer& at, Problems& problems) {
  if (limits.size() > kMaxRlimits) {
    problems.error(at, "more resource limits than there can be");
    return;
  }
  for (auto limit = limits.begin(); limit != limits.end(); ++limit) {
    const auto index = limit - limits.begin();
    if (limit->soft > limit->hard) {
      problems.error(at.at(index).at("soft"), "is above the hard limit");
    }
    const auto same = [&](const Rlimit& earlier) { return earlier.type == limit->type; };
    if (std::any_of(limits.begin(), limit, same)) {
      problems.error(at.at(index).at("type"), ctr::quote(limit->type) + " comes twice");
    }
  }
}

void check_scheduler(const Scheduler& scheduler, const Pointer& at, Problems& problems) {
  const SchedulerPolicy policy = scheduler.policy;
  check_between(scheduler.nice, -20, 19, at, "nice", problems);
  check_between(scheduler.priority, 0, 99, at, "priority", problems);
  if (scheduler.priority != 0 && policy != SchedulerPolicy::Fifo && policy != SchedulerPolicy::Rr) {
    problems.error(at.at("priority"), "needs the policy SCHED_FIFO or SCHED_RR");
  }
  const bool timed = scheduler.runtime != 0 || scheduler.deadline != 0 || scheduler.period != 0;
  if (timed && policy != SchedulerPolicy::Deadline) {
    problems.error(at, "runtime, deadline and period need the policy SCHED_DEADLINE");
  }
}

void check_cpu_list(const std::string& list, const Pointer& at, const char* key,
                    Problems& problems) {
  if (list.find_first_not_of("0123456789, -") != std::string::npos) {
    problems.error(at.at(key), "must be a list of CPUs such as 0-3,7");
  }
}

}  // namespace

Fields<ConsoleSize> fields_of(const ConsoleSize&) { return kConsoleSize; }
Fields<User> fields_of(const User&) { return kUser; }
Fields<Capabilities> fields_of(const Capabilities&) { return kCapabilities; }
Fields<Rlimit> fields_of(const Rlimit&) { return kRlimit; }
Fields<Scheduler> fields_of(const Scheduler&) { return kScheduler; }
Fields<IoPriority> fields_of(const IoPriority&) { return kIoPriority; }
Fields<CpuAffinity> fields_of(const CpuAffinity&) { return kCpuAffinity; }
Fields<Process> fields_of(const Process&) { return kProcess; }

void check(const Process& process, const Pointer& at, Problems& problems) {
  // config.md: without a terminal its size must be ignored, right or wrong.
  if (!process.terminal) problems.demote_errors_below(at.at("consoleSize"));
  check_user(process.user, at.at("user"), problems);
  check_args(process.args, at.at("args"), problems);
  check_env(process.env, at.at("env"), problems);
  check_absolute(process.cwd, at, "cwd", problems);
  if (process.capabilities) {
    check_capabilities(*process.capabilities, at.at("capabilities"), problems);
  }
  check_rlimits(process.rlimits, at.at("rlimits"), problems);
  check_one_line(process.apparmorProfile, at, "apparmorProfile", problems);
  check_one_line(process.selinuxLabel, at, "selinuxLabel", problems);
  check_between(process.oomScoreAdj.value_or(0), -1000, 1000, at, "oomScoreAdj", problems);
  if (process.scheduler) check_scheduler(*process.scheduler, at.at("scheduler"), problems);
  if (process.ioPriority) {
    check_between(process.ioPriority->priority, 0, 7, at.at("ioPriority"), "priority", problems);
  }
  if (process.execCPUAffinity) {
    const Pointer affinity = at.at("execCPUAffinity");
    check_cpu_list(process.execCPUAffinity->initial, affinity, "initial", problems);
    check_cpu_list(process.execCPUAffinity->final, affinity, "final", problems);
  }
}

}  // namespace oci
