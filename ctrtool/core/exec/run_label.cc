// SPDX-License-Identifier: Apache-2.0
// Labels of the security modules: what the program is confined by once it is executed.
#include <fcntl.h>

#include <cerrno>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/exec/context.h"
#include "ctrtool/core/sys/file.h"

namespace ctr {
namespace {

// Through the host's procfs, and never over something that is mounted on it: a write that goes
// elsewhere would leave the program unconfined without a word (CVE-2019-16884, CVE-2019-19921).
Result<UniqueFd> open_attribute(BorrowedFd proc, const std::string& name) {
  return sys::openat2(proc, "self/attr/" + name, O_WRONLY | O_NOCTTY, 0,
                      RESOLVE_BENEATH | RESOLVE_NO_XDEV);
}

// AppArmor has a directory of its own since Linux 5.8, for hosts with several security modules.
Result<UniqueFd> open_exec_attribute(BorrowedFd proc, Lsm lsm) {
  if (lsm == Lsm::AppArmor) {
    Result<UniqueFd> own = open_attribute(proc, "apparmor/exec");
    if (own.ok() || own.error().code != ENOENT) return own;
  }
  return open_attribute(proc, "exec");
}

// podman looks for a path like this in back quotes, to say what could not be set.
constexpr const char* kAttribute = "`/proc/self/attr/exec`";

}  // namespace

Result<void> run(const SetExecLabel& op, Context& ctx) {
  const BorrowedFd proc = TRY(trusted_proc(ctx));
  const UniqueFd file = TRY(open_exec_attribute(proc, op.lsm));
  const std::string text = op.lsm == Lsm::AppArmor ? "exec " + op.label : op.label;
  const Result<std::size_t> written = sys::write(file, text);
  if (!written.ok() && written.error().code == ENOENT)
    return make_error(Kind::NotFound, "%s: the profile %s is not loaded", kAttribute,
                      quote(op.label).c_str());
  TRY_CTX(written, "%s", kAttribute);
  return *written == text.size() ? Result<void>() : sys_error(EIO, "write the label");
}

}  // namespace ctr
