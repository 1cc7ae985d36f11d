// SPDX-License-Identifier: Apache-2.0
// The words of the document's closed sets, in the order of their enums.
#pragma once

#include <array>
#include <string_view>

#include "runtime/spec/spec.h"

namespace oci {

using namespace std::string_view_literals;

inline constexpr std::array kNamespaceTypes = {"pid"sv, "network"sv, "mount"sv,  "ipc"sv,
                                               "uts"sv, "user"sv,    "cgroup"sv, "time"sv};
inline constexpr std::array kDeviceTypes = {"c"sv, "b"sv, "u"sv, "p"sv};
inline constexpr std::array kDeviceRuleTypes = {"a"sv, "c"sv, "b"sv};
inline constexpr std::array kRootfsPropagations = {
    "private"sv,  "shared"sv,  "slave"sv,  "unbindable"sv,
    "rprivate"sv, "rshared"sv, "rslave"sv, "runbindable"sv,
};
inline constexpr std::array kSchedulerPolicies = {
    "SCHED_OTHER"sv, "SCHED_FIFO"sv, "SCHED_RR"sv,       "SCHED_BATCH"sv,
    "SCHED_ISO"sv,   "SCHED_IDLE"sv, "SCHED_DEADLINE"sv,
};
inline constexpr std::array kSchedulerFlags = {
    "SCHED_FLAG_RESET_ON_FORK"sv,  "SCHED_FLAG_RECLAIM"sv,     "SCHED_FLAG_DL_OVERRUN"sv,
    "SCHED_FLAG_KEEP_POLICY"sv,    "SCHED_FLAG_KEEP_PARAMS"sv, "SCHED_FLAG_UTIL_CLAMP_MIN"sv,
    "SCHED_FLAG_UTIL_CLAMP_MAX"sv,
};
inline constexpr std::array kIoPriorityClasses = {"IOPRIO_CLASS_RT"sv, "IOPRIO_CLASS_BE"sv,
                                                  "IOPRIO_CLASS_IDLE"sv};
inline constexpr std::array kMemoryPolicyModes = {
    "MPOL_DEFAULT"sv,   "MPOL_BIND"sv,           "MPOL_INTERLEAVE"sv, "MPOL_WEIGHTED_INTERLEAVE"sv,
    "MPOL_PREFERRED"sv, "MPOL_PREFERRED_MANY"sv, "MPOL_LOCAL"sv,
};
inline constexpr std::array kMemoryPolicyFlags = {
    "MPOL_F_NUMA_BALANCING"sv, "MPOL_F_RELATIVE_NODES"sv, "MPOL_F_STATIC_NODES"sv};
inline constexpr std::array kPersonalityDomains = {"LINUX"sv, "LINUX32"sv};

// names_of(E{}): the table of E.
constexpr const auto& names_of(NamespaceType) { return kNamespaceTypes; }
constexpr const auto& names_of(DeviceType) { return kDeviceTypes; }
constexpr const auto& names_of(DeviceRuleType) { return kDeviceRuleTypes; }
constexpr const auto& names_of(RootfsPropagation) { return kRootfsPropagations; }
constexpr const auto& names_of(SchedulerPolicy) { return kSchedulerPolicies; }
constexpr const auto& names_of(SchedulerFlag) { return kSchedulerFlags; }
constexpr const auto& names_of(IoPriorityClass) { return kIoPriorityClasses; }
constexpr const auto& names_of(MemoryPolicyMode) { return kMemoryPolicyModes; }
constexpr const auto& names_of(MemoryPolicyFlag) { return kMemoryPolicyFlags; }
constexpr const auto& names_of(PersonalityDomain) { return kPersonalityDomains; }

}  // namespace oci
