// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/version.h"

#include "ctrtool/core/base/strf.h"
#include "runtime/spec/defaults.h"

namespace oci::cli {

#ifdef OCICTR_COMMIT
const char* commit() { return OCICTR_COMMIT; }
#else
const char* commit() { return ""; }
#endif

std::string version_text(const GlobalOptions& options) {
  return ctr::strf("ocictr version " OCICTR_VERSION
                   "\n"
                   "commit: %s\n"
                   "rundir: %s\n"
                   "spec: %s\n"
                   "+SYSTEMD +SELINUX +APPARMOR +CAP +SECCOMP +EBPF +CRIU\n",
                   commit()[0] != '\0' ? commit() : "unknown", state_root(options).c_str(),
                   std::string(kSpecVersion).c_str());
}

}  // namespace oci::cli
