// SPDX-License-Identifier: Apache-2.0
// What plans depend on of the host and of ourselves: read once, passed in as a value, so that
// everything up to the plan is testable without privileges.
#pragma once

#include <sys/types.h>

#include "ctrtool/core/base/result.h"
#include "ctrtool/core/kit/caps.h"

namespace ctr {

struct HostFacts {
  uid_t euid = 0;
  gid_t egid = 0;
  CapSet effective{};
  CapSet permitted{};
  int last_cap = kLastNamedCap;
  bool initial_user_namespace = true;
  bool setgroups_denied = false;  // in our user namespace, and so in those made below it
  bool apparmor = false;  // enabled: it confines programs here
  bool selinux = false;   // enabled, permissive or not
  unsigned kernel_major = 0;
  unsigned kernel_minor = 0;

  // May do on the host what a container's set-up needs: mounts, namespaces, ID maps.
  bool privileged() const;
  bool kernel_at_least(unsigned major, unsigned minor) const {
    return kernel_major > major || (kernel_major == major && kernel_minor >= minor);
  }
};

Result<HostFacts> read_host_facts();

}  // namespace ctr
