// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/facts.h"

#include <linux/capability.h>
#include <linux/magic.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/cred.h"
#include "ctrtool/core/sys/file.h"

namespace ctr {
namespace {

// The initial user namespace maps every ID onto itself.
bool maps_everything(const std::string& uid_map) {
  const char* at = uid_map.c_str();
  for (const unsigned long expected : {0UL, 0UL, 0xffffffffUL}) {
    char* end = nullptr;
    if (std::strtoul(at, &end, 10) != expected || end == at) return false;
    at = end;
  }
  return true;
}

// Mounted by whoever loaded the policy; libselinux asks the same.
bool selinux_is_enabled() {
  const Result<struct statfs> fs = sys::statfs("/sys/fs/selinux");
  return fs.ok() && static_cast<std::uint32_t>(fs->f_type) == SELINUX_MAGIC;
}

bool apparmor_is_enabled() {
  const Result<std::string> enabled =
      sys::read_file_at(kCwd, "/sys/module/apparmor/parameters/enabled");
  return enabled.ok() && enabled->starts_with('Y');
}

}  // namespace

bool HostFacts::privileged() const {
  return initial_user_namespace && effective.has(CAP_SYS_ADMIN);
}

Result<HostFacts> read_host_facts() {
  HostFacts facts;
  facts.euid = ::geteuid();
  facts.egid = ::getegid();
  const sys::CapTriple caps = TRY(sys::capget());
  facts.effective = CapSet(caps.effective);
  facts.permitted = CapSet(caps.permitted);
  facts.last_cap = TRY(kernel_last_cap());
  const std::string uid_map = TRY(sys::read_file_at(kCwd, "/proc/self/uid_map"));
  facts.initial_user_namespace = maps_everything(uid_map);
  if (!facts.initial_user_namespace)
    facts.setgroups_denied = TRY(sys::read_file_at(kCwd, "/proc/self/setgroups")) == "deny\n";
  facts.apparmor = apparmor_is_enabled();
  facts.selinux = selinux_is_enabled();
  utsname kernel{};
  if (::uname(&kernel) < 0) {
    const int err = errno;
    return sys_error(err, "uname");
  }
  char* end = nullptr;
  facts.kernel_major = static_cast<unsigned>(std::strtoul(kernel.release, &end, 10));
  if (*end == '.') facts.kernel_minor = static_cast<unsigned>(std::strtoul(end + 1, nullptr, 10));
  return facts;
}

}  // namespace ctr
