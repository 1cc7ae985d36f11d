// SPDX-License-Identifier: Apache-2.0
#include "tests/support/images.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tests/support/files.h"
#include "tests/support/process.h"

namespace support {

namespace {

constexpr int kLoopMajor = 7;
constexpr int kMiscMajor = 10;
constexpr int kLoopControlMinor = 237;

ctr::UniqueFd open_control() {
  const char* const path = "/dev/loop-control";
  if (!path_exists(path)) ::mknod(path, S_IFCHR | 0600, makedev(kMiscMajor, kLoopControlMinor));
  return ctr::UniqueFd(::open(path, O_RDWR | O_CLOEXEC));
}

bool kernel_mounts(const std::string& type) {
  return contains(read_file("/proc/filesystems"), "\t" + type + "\n");
}

}  // namespace

std::string pack_image(const std::string& type, const std::string& directory,
                       const std::string& image) {
  if (!kernel_mounts(type)) return "this kernel has no " + type;
  const bool squashfs = type == "squashfs";
  const std::string tool = squashfs ? "mksquashfs" : "mkfs.erofs";
  Command command;
  command.argv = squashfs
                     ? std::vector<std::string>{"/usr/bin/env", tool,           directory,  image,
                                                "-quiet",       "-no-progress", "-all-root"}
                     : std::vector<std::string>{"/usr/bin/env", tool,  "--quiet",
                                                "--all-root",   image, directory};
  const Outcome packed = run(command);
  constexpr int kNotFound = 127;
  if (packed.status == kNotFound) return tool + " is not installed";
  return packed.status == 0 ? "" : tool + ": " + packed.err + packed.out;
}

LoopDevice::LoopDevice(const std::string& file) {
  const ctr::UniqueFd control = open_control();
  const ctr::UniqueFd backing(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  const int number = ::ioctl(control.raw(), LOOP_CTL_GET_FREE);
  if (number < 0) return;
  const std::string path = "/dev/loop" + std::to_string(number);
  if (!path_exists(path))
    ::mknod(path.c_str(), S_IFBLK | 0600, makedev(kLoopMajor, static_cast<unsigned>(number)));
  device_ = ctr::UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  loop_config config{};
  config.fd = static_cast<unsigned>(backing.raw());
  config.info.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR;
  if (::ioctl(device_.raw(), LOOP_CONFIGURE, &config) == 0) path_ = path;
}

LoopDevice::~LoopDevice() = default;

}  // namespace support
