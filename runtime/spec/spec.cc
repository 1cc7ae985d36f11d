// SPDX-License-Identifier: Apache-2.0
#include "runtime/spec/spec.h"

#include <algorithm>

#include "runtime/spec/names.h"

namespace oci {
namespace {

template <typename Enum>
std::string_view word(Enum value) {
  return names_of(value)[static_cast<std::size_t>(value)];
}

}  // namespace

const Namespace* find_namespace(const Linux& config, NamespaceType type) {
  const auto found = std::find_if(config.namespaces.begin(), config.namespaces.end(),
                                  [&](const Namespace& ns) { return ns.type == type; });
  return found == config.namespaces.end() ? nullptr : &*found;
}

std::string_view to_string(NamespaceType value) { return word(value); }
std::string_view to_string(DeviceType value) { return word(value); }
std::string_view to_string(DeviceRuleType value) { return word(value); }
std::string_view to_string(RootfsPropagation value) { return word(value); }
std::string_view to_string(SchedulerPolicy value) { return word(value); }
std::string_view to_string(SchedulerFlag value) { return word(value); }
std::string_view to_string(IoPriorityClass value) { return word(value); }
std::string_view to_string(MemoryPolicyMode value) { return word(value); }
std::string_view to_string(MemoryPolicyFlag value) { return word(value); }
std::string_view to_string(PersonalityDomain value) { return word(value); }

}  // namespace oci
