// SPDX-License-Identifier: Apache-2.0
// Device nodes and links under /dev, masked and read-only paths.
#include <sys/stat.h>

#include "ctrtool/core/plan/skeleton.h"
#include "ctrtool/core/sys/compat.h"
#include "runtime/translate/internal.h"

namespace oci {
namespace {

using ctr::Phase;

mode_t type_bits(DeviceType type) {
  switch (type) {
    case DeviceType::Block:
      return S_IFBLK;
    case DeviceType::Fifo:
      return S_IFIFO;
    case DeviceType::Char:
    case DeviceType::Unbuffered:
      return S_IFCHR;
  }
  return S_IFCHR;
}

bool configured(const Spec& spec, const std::string& path) {
  for (const Device& device : spec.linux_.devices)
    if (device.path == path) return true;
  return false;
}

bool mounted_over(const Spec& spec, const std::string& path) {
  for (const Mount& mount : spec.mounts)
    if (mount.destination == path) return true;
  return false;
}

// mknod of a device needs CAP_MKNOD in the initial user namespace.
bool by_bind(const Work& work) { return work.in_user_namespace() || !work.facts.privileged(); }

// Then the caller, who has it, makes them for the user namespace, as far as it knows who is who.
bool makes_nodes(const Work& work) {
  return work.in_user_namespace() && work.facts.privileged() &&
         !work.spec.linux_.uidMappings.empty() && !work.spec.linux_.gidMappings.empty();
}

// take(MakeDevice, Pointer). What the configuration itself puts there wins: a device, or a bind
// mount of one.
template <typename Take>
void for_each_device(const Work& work, Take take) {
  for (ctr::MakeDevice& device : ctr::default_devices(by_bind(work)))
    if (!configured(work.spec, device.at) && !mounted_over(work.spec, device.at))
      take(std::move(device), Pointer());
  for (std::size_t i = 0; i < work.spec.linux_.devices.size(); ++i) {
    const Device& device = work.spec.linux_.devices[i];
    ctr::MakeDevice op{.at = device.path, .type = type_bits(device.type)};
    op.major = device.major;
    op.minor = device.minor;
    op.mode = device.fileMode.value_or(0666);
    op.uid = device.uid.value_or(0);
    op.gid = device.gid.value_or(0);
    op.by_bind = by_bind(work);
    take(std::move(op), Pointer("/linux/devices").at(i));
  }
}

}  // namespace

void plan_nodes(Work& work, MountPlan& mounts) {
  if (!makes_nodes(work)) return;
  ctr::OpenFs fs{.slot = mounts.next_slot++, .type = "tmpfs", .source = "tmpfs"};
  fs.data = "mode=755";
  fs.attrs.set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
  fs.label = mounts.label;
  ctr::MakeNodes made{.slot = fs.slot, .nodes = {}};
  for_each_device(work, [&](ctr::MakeDevice device, const Pointer&) {
    if (device.type == S_IFIFO) return;  // anybody may make one
    // Whoever is nobody inside is the host's root, so that nobody inside is the owner.
    device.uid = host_id(work.spec.linux_.uidMappings, device.uid).value_or(0);
    device.gid = host_id(work.spec.linux_.gidMappings, device.gid).value_or(0);
    made.nodes.push_back(std::move(device));
  });
  if (made.nodes.empty()) return;
  const auto count = static_cast<unsigned>(made.nodes.size());
  mounts.next_slot += count;
  mounts.nodes = ctr::OpenNodes{fs.slot, count};
  const std::string at = Pointer("/linux/devices").str();
  mounts.early_parent.push_back({Phase::Prepare, ctr::Actor::Parent, std::move(fs), at});
  mounts.early_parent.push_back({Phase::Prepare, ctr::Actor::Parent, std::move(made), at});
}

void add_devices(Work& work, const MountPlan& mounts) {
  unsigned slot = 0;
  if (mounts.nodes.has_value()) {
    slot = mounts.nodes->slot;
    work.child(Phase::Tree, *mounts.nodes, Pointer("/linux/devices"));
  }
  for_each_device(work, [&](ctr::MakeDevice device, const Pointer& at) {
    if (mounts.nodes.has_value() && device.type != S_IFIFO) device.slot = ++slot;
    work.child(Phase::Tree, std::move(device), at);
  });
  for (ctr::MakeSymlink& link : ctr::default_links())
    if (!mounted_over(work.spec, link.at)) work.child(Phase::Tree, std::move(link));
}

void add_masks(Work& work) {
  const Linux& config = work.spec.linux_;
  for (std::size_t i = 0; i < config.readonlyPaths.size(); ++i)
    work.child(Phase::Pivot, ctr::MakeReadonly{config.readonlyPaths[i]},
               Pointer("/linux/readonlyPaths").at(i));
  for (std::size_t i = 0; i < config.maskedPaths.size(); ++i)
    work.child(Phase::Pivot, ctr::MaskPath{config.maskedPaths[i]},
               Pointer("/linux/maskedPaths").at(i));
}

}  // namespace oci
