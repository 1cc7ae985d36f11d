// SPDX-License-Identifier: Apache-2.0
// The systemd driver: the container's cgroup as a scope with properties.
#include "runtime/translate/internal.h"

namespace oci {
namespace {

constexpr std::string_view kPropertyAnnotation = "org.systemd.property.";

// Properties as engines and users ask for them.
std::vector<ctr::UnitProperty> annotated_properties(Work& work) {
  std::vector<ctr::UnitProperty> out;
  for (const auto& [name, text] : work.spec.annotations) {
    if (!name.starts_with(kPropertyAnnotation)) continue;
    ctr::Result<ctr::UnitProperty> property =
        ctr::parse_unit_property(std::string_view(name).substr(kPropertyAnnotation.size()), text);
    if (property.ok()) {
      out.push_back(std::move(property).value());
    } else {
      work.problems.error(Pointer("/annotations").at(name), property.error().message);
    }
  }
  return out;
}

}  // namespace

// The annotations have the last word.
void add_scope(Work& work, const ctr::CgroupResources& limits) {
  const ScopeOptions& scope = *work.options.scope;
  ctr::StartScope op{scope.instance, scope.name.unit, {}, *work.options.cgroup};
  op.properties = ctr::scope_properties(scope.name, "ocictr container " + work.options.id);
  ctr::merge_properties(op.properties, ctr::limit_properties(limits, scope.version));
  ctr::merge_properties(op.properties, annotated_properties(work));
  work.parent(ctr::Phase::Cgroup, std::move(op), Pointer("/linux/cgroupsPath"));
}

}  // namespace oci
