// SPDX-License-Identifier: Apache-2.0
// Device nodes and links under /dev, masked and read-only paths.
#include <sys/stat.h>

#include "runtime/translate/internal.h"

namespace oci {
namespace {

using ctr::Phase;

struct DefaultDevice {
  const char* path;
  unsigned minor;
};
// config-linux.md, "Default Devices". All are major 1, but for the terminal.
constexpr DefaultDevice kMemoryDevices[] = {
    {"/dev/null", 3}, {"/dev/zero", 5}, {"/dev/full", 7}, {"/dev/random", 8}, {"/dev/urandom", 9},
};

struct Link {
  const char* at;
  const char* target;
};
constexpr Link kLinks[] = {
    {"/dev/fd", "/proc/self/fd"},
    {"/dev/stdin", "/proc/self/fd/0"},
    {"/dev/stdout", "/proc/self/fd/1"},
    {"/dev/stderr", "/proc/self/fd/2"},
};

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

void add_default(Work& work, const char* path, unsigned major, unsigned minor) {
  // What the configuration itself puts there wins: a device, or a bind mount of one.
  if (configured(work.spec, path) || mounted_over(work.spec, path)) return;
  work.child(
      Phase::Tree,
      ctr::MakeDevice{
          .at = path, .type = S_IFCHR, .major = major, .minor = minor, .by_bind = by_bind(work)});
}

}  // namespace

void add_devices(Work& work) {
  for (const DefaultDevice& device : kMemoryDevices)
    add_default(work, device.path, 1, device.minor);
  add_default(work, "/dev/tty", 5, 0);
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
  for (const Link& link : kLinks)
    if (!mounted_over(work.spec, link.at))
      work.child(Phase::Tree, ctr::MakeSymlink{.at = link.at, .target = link.target});
  // A node of the image would be the host's ptmx, not the container's.
  if (!mounted_over(work.spec, "/dev/ptmx"))
    work.child(Phase::Tree,
               ctr::MakeSymlink{.at = "/dev/ptmx", .target = "pts/ptmx", .replace = true});
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
