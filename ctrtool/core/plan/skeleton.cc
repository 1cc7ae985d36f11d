// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/plan/skeleton.h"

#include <sys/stat.h>

namespace ctr {
namespace {

struct Device {
  const char* path;
  unsigned major;
  unsigned minor;
};
constexpr Device kDevices[] = {
    {"/dev/null", 1, 3},   {"/dev/zero", 1, 5},    {"/dev/full", 1, 7},
    {"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0},
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

}  // namespace

std::vector<MakeDevice> default_devices(bool by_bind) {
  std::vector<MakeDevice> out;
  for (const Device& device : kDevices) {
    MakeDevice op{.at = device.path, .type = S_IFCHR};
    op.major = device.major;
    op.minor = device.minor;
    op.by_bind = by_bind;
    out.push_back(std::move(op));
  }
  return out;
}

std::vector<MakeSymlink> default_links() {
  std::vector<MakeSymlink> out;
  for (const Link& link : kLinks) out.push_back({.at = link.at, .target = link.target});
  // A node that the image has there would be the host's ptmx, not the container's.
  out.push_back({.at = "/dev/ptmx", .target = "pts/ptmx", .replace = true});
  return out;
}

}  // namespace ctr
