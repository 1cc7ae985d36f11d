// SPDX-License-Identifier: Apache-2.0
#include "runtime/state/runc_record.h"

#include <algorithm>

#include "runtime/spec/json.h"

namespace oci {
namespace {

const char* clone_name(NamespaceType type) {
  switch (type) {
    case NamespaceType::Pid:
      return "NEWPID";
    case NamespaceType::Network:
      return "NEWNET";
    case NamespaceType::Mount:
      return "NEWNS";
    case NamespaceType::Ipc:
      return "NEWIPC";
    case NamespaceType::Uts:
      return "NEWUTS";
    case NamespaceType::User:
      return "NEWUSER";
    case NamespaceType::Cgroup:
      return "NEWCGROUP";
    case NamespaceType::Time:
      break;
  }
  return "NEWTIME";
}

bool is_bind(const Mount& mount) {
  return mount.type == "bind" || std::ranges::any_of(mount.options, [](const std::string& option) {
           return option == "bind" || option == "rbind";
         });
}

void write_mount(json::Writer& out, const Mount& mount, const std::string& bundle) {
  const bool bind = is_bind(mount);
  const bool relative = bind && !mount.source.starts_with('/');
  out.object([&] {
    out.member("source", relative ? bundle + "/" + mount.source : mount.source);
    out.member("destination", mount.destination);
    out.member("device", bind ? "bind" : mount.type);
  });
}

// The bundle's place is among the annotations there, and no annotation may say another.
void write_labels(json::Writer& out, const Spec& spec, const std::string& bundle) {
  for (const auto& [key, value] : spec.annotations)
    if (key != "bundle") out.value(key + "=" + value);
  out.value("bundle=" + bundle);
}

std::string config_of(const Spec& spec, const ContainerState& state) {
  json::Writer out;
  out.object([&] {
    out.member("rootfs", state.rootfs);
    out.member("readonlyfs", spec.root.readonly);
    out.member("hostname", spec.hostname);
    out.key("mounts");
    out.array([&] {
      for (const Mount& mount : spec.mounts) write_mount(out, mount, state.bundle);
    });
    out.key("namespaces");
    out.array([&] {
      for (const Namespace& one : spec.linux_.namespaces)
        out.object([&] {
          out.member("type", clone_name(one.type));
          out.member("path", one.path);
        });
    });
    out.key("cgroups");
    out.object([&] { out.member("path", state.cgroup.record.path); });
    out.key("labels");
    out.array([&] { write_labels(out, spec, state.bundle); });
  });
  return std::move(out).take();
}

// By controller, and the hierarchy of v2 by an empty name.
std::string paths_of(const ctr::Cgroup& cgroup) {
  json::Writer out;
  out.object([&] {
    for (const ctr::Cgroup::Place& place : cgroup.places()) {
      if (place.hierarchy.version == ctr::CgroupVersion::V2) {
        out.member("", place.dir);
        continue;
      }
      for (const std::string& controller : place.hierarchy.controllers)
        out.member(controller, place.dir);
    }
  });
  return std::move(out).take();
}

}  // namespace

RuncRecord runc_record(const Spec& spec, const ContainerState& state, const ctr::Cgroup& cgroup) {
  return {config_of(spec, state), paths_of(cgroup)};
}

}  // namespace oci
