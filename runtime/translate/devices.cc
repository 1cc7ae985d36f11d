// SPDX-License-Identifier: Apache-2.0
// Device nodes and links under /dev, masked and read-only paths.
#include <sys/stat.h>

#include "ctrtool/core/plan/skeleton.h"
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

}  // namespace

void add_devices(Work& work) {
  // What the configuration itself puts there wins: a device, or a bind mount of one.
  for (ctr::MakeDevice& device : ctr::default_devices(by_bind(work)))
    if (!configured(work.spec, device.at) && !mounted_over(work.spec, device.at))
      work.child(Phase::Tree, std::move(device));
  for (std::size_t i = 0; i < work.spec.linux_.devices.size(); ++i) {
    const Device& device = work.spec.linux_.devices[i];
    ctr::MakeDevice op{.at = device.path, .type = type_bits(device.type)};
    op.major = device.major;
    op.minor = device.minor;
    op.mode = device.fileMode.value_or(0666);
    op.uid = device.uid.value_or(0);
    op.gid = device.gid.value_or(0);
    op.by_bind = by_bind(work);
    work.child(Phase::Tree, op, Pointer("/linux/devices").at(i));
  }
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
