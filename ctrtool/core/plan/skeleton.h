// SPDX-License-Identifier: Apache-2.0
// The parts that every container's tree has, as operations: what a fresh /dev holds, and a whole
// root on a tmpfs of its own.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ctrtool/core/plan/op.h"

namespace ctr {

// null, zero, full, random, urandom and tty (config-linux.md, "Default Devices").
// `by_bind`: the host's nodes, where mknod is not for us.
std::vector<MakeDevice> default_devices(bool by_bind);

// fd, stdin, stdout, stderr, and ptmx of the container's own devpts.
std::vector<MakeSymlink> default_links();

// --- a tmpfs root --------------------------------------------------------------------------------

// What becomes of a top-level name: nothing, a link into the image (which is at one of two other
// top-level names, as just another volume), or a directory.
enum class RootEntry : std::uint8_t { Nothing, LinkReadonly, LinkWritable, Directory };
inline constexpr std::array<const char*, 12> kRootEntries = {
    "bin", "lib", "lib32", "lib64", "libx32", "opt", "sbin", "usr", "etc", "home", "root", "var"};
inline constexpr const char* kReadonlyImage = "_fsroot_ro";
inline constexpr const char* kWritableImage = "_fsroot_rw";

enum class DeviceEntry : std::uint8_t { Nothing, LinkToHost, BindHost };
inline constexpr std::array<const char*, 7> kSkeletonDevices = {"full",    "null", "random", "tty",
                                                                "urandom", "zero", "net/tun"};

struct Skeleton {
  std::string at;  // an absolute path of the host
  std::string tmpfs_options = "mode=0755";
  unsigned long tmpfs_flags = 0;  // MS_*
  mode_t umask = 022;
  bool run_directories = true;  // /run/lock, and shared memory below /run
  bool world_writable_tmp = true;
  bool mqueue = true;
  bool devpts = true;
  bool sysfs = false;
  bool cgroup2 = false;
  bool proc = false;
  std::optional<int> pid_namespace{};  // whose proc it is: a descriptor
  std::string proc_options{};
  bool systemd = false;                    // /dev and /run are mounts, shared memory is below /dev
  bool merged_usr = false;                 // read-only links of bin, lib... lead to usr/ instead
  bool image_directories = false;          // kReadonlyImage and kWritableImage, to be mounted on
  bool console = false;                    // an empty /dev/console, to be bound over
  std::vector<std::string> directories{};  // more of them, 0755
  std::array<RootEntry, kRootEntries.size()> root{};
  std::array<DeviceEntry, kSkeletonDevices.size()> devices{};
  std::vector<MakeDevice> more_devices{};
};
// In an order that works, from the tmpfs on.
std::vector<Op> skeleton_ops(const Skeleton& skeleton);

}  // namespace ctr
