// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/cgroup_enter.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/resolve.h"
#include "ctrtool/core/sys/file.h"

namespace ctr {
namespace {

Result<void> make_directory(BorrowedFd hierarchy, const std::string& path) {
  constexpr mode_t kMode = 0755;
  const std::size_t slash = path.rfind('/');
  const UniqueFd parent =
      TRY(open_beneath(hierarchy, path.substr(0, slash + 1), O_PATH | O_DIRECTORY, Follow::Never));
  const Result<void> made = sys::mkdirat(parent, path.substr(slash + 1), kMode);
  return made.ok() || made.error().code == EEXIST ? Result<void>{} : made;
}

const CgroupHierarchy* find(const CgroupLayout& layout, const CgroupMembership& membership) {
  if (membership.controllers.empty()) return layout.unified();
  for (const CgroupHierarchy& hierarchy : layout.hierarchies)
    if (std::ranges::find(hierarchy.controllers, membership.controllers.front()) !=
        hierarchy.controllers.end())
      return &hierarchy;
  return nullptr;
}

}  // namespace

Result<void> enter_cgroup(BorrowedFd hierarchy, const std::string& path, const EnterCgroup& how) {
  const std::string below = "./" + path;  // "/a/b" begins at the hierarchy's root
  if (how.create) TRY(make_directory(hierarchy, below));
  const std::string file = below + (how.threads ? "/cgroup.threads" : "/cgroup.procs");
  const UniqueFd procs =
      TRY(open_beneath(hierarchy, file, O_WRONLY | O_TRUNC | O_NONBLOCK, Follow::Never));
  const Result<std::size_t> written = sys::write(procs, strf("%d", how.pid));
  if (written.ok()) return {};
  return sys_error(written.error().code, "move into %s", quote(path).c_str());
}

Result<std::string> own_cgroup(const CgroupLayout& layout, BorrowedFd hierarchy) {
  const struct stat wanted = TRY(sys::fstat(hierarchy));
  for (const CgroupHierarchy& known : layout.hierarchies) {
    const UniqueFd dir = TRY(sys::open(known.mountpoint, O_PATH | O_DIRECTORY));
    const struct stat found = TRY(sys::fstat(dir));
    if (found.st_dev == wanted.st_dev && found.st_ino == wanted.st_ino) return known.own_path;
  }
  return make_error(Kind::NotFound, "no cgroup hierarchy is mounted there");
}

Result<void> enter_cgroups_of(pid_t pid) {
  const std::string text = TRY(sys::read_file_at(kCwd, strf("/proc/%d/cgroup", pid)));
  const std::vector<CgroupMembership> memberships = TRY(parse_proc_cgroup(text));
  const CgroupLayout layout = TRY(discover_cgroups());
  for (const CgroupMembership& membership : memberships) {
    const CgroupHierarchy* hierarchy = find(layout, membership);
    if (hierarchy == nullptr || hierarchy->own_path == membership.path) continue;
    const UniqueFd base = TRY(sys::open(hierarchy->mountpoint, O_PATH | O_DIRECTORY));
    TRY(enter_cgroup(base, membership.path, {}));
  }
  return {};
}

}  // namespace ctr
