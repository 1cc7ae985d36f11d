// SPDX-License-Identifier: Apache-2.0
// The container's view of the cgroups: the v2 tree, or one directory per v1 hierarchy under a
// tmpfs. With a cgroup namespace the kernel shows only the container's part. Without one, of v1
// that part is bound; of v2 the whole tree is there to be looked at, because /proc/PID/cgroup leads
// into it, and only the container's part can be written.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cerrno>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/exec/context.h"
#include "ctrtool/core/exec/mount_attrs.h"
#include "ctrtool/core/kit/resolve.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/mount.h"

namespace ctr {
namespace {

// The host's directory that the container may see of this hierarchy.
std::string visible_directory(const CgroupHierarchy& hierarchy, const Context& ctx) {
  const MakeCgroup* const made = ctx.plan->find<MakeCgroup>();
  const StartScope* const scope = ctx.plan->find<StartScope>();
  return hierarchy.mountpoint + (made != nullptr    ? made->record.path
                                 : scope != nullptr ? scope->record.path
                                                    : hierarchy.own_path);
}

Result<void> bind_directory(const std::string& from, BorrowedFd target, unsigned long flags) {
  const UniqueFd tree = TRY(sys::open_tree(kCwd, from, OPEN_TREE_CLONE | AT_RECURSIVE));
  struct mount_attr attr {};
  attr.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  if ((flags & MS_RDONLY) != 0) attr.attr_set |= MOUNT_ATTR_RDONLY;
  TRY(sys::mount_setattr(tree, "", AT_RECURSIVE, attr));
  return sys::move_mount(tree, target, "");
}

Result<void> bind_hierarchy(const CgroupHierarchy& hierarchy, BorrowedFd target,
                            unsigned long flags, const Context& ctx) {
  return bind_directory(visible_directory(hierarchy, ctx), target, flags);
}

Result<void> bind_whole_v2(const MountCgroups& op, const CgroupHierarchy& hierarchy,
                           BorrowedFd target, const Context& ctx) {
  TRY(bind_directory(hierarchy.mountpoint, target, op.flags | MS_RDONLY));
  if ((op.flags & MS_RDONLY) != 0) return {};
  const std::string below = visible_directory(hierarchy, ctx).substr(hierarchy.mountpoint.size());
  const UniqueFd part = TRY(open_in_root(ctx.root, op.at + below, O_PATH | O_DIRECTORY));
  return bind_hierarchy(hierarchy, part, op.flags, ctx);
}

std::string v1_data(const CgroupHierarchy& hierarchy) { return join(hierarchy.controllers, ","); }

// On `at` in the current directory. Nobody else gets there: it is the mount point itself, or in a
// tmpfs that only we have seen so far.
Result<void> mount_hierarchy(const CgroupHierarchy& hierarchy, const std::string& at,
                             unsigned long flags, bool own_namespace, const Context& ctx) {
  if (own_namespace) {
    const bool v2 = hierarchy.version == CgroupVersion::V2;
    const Result<void> mounted = sys::mount("cgroup", at, v2 ? "cgroup2" : "cgroup", flags,
                                            v2 ? std::string() : v1_data(hierarchy));
    if (mounted.ok()) return {};
    // In a user namespace without its own cgroup namespace's rights, the host's mount still can be
    // bound. EBUSY: below is a mount of the same file system, of a bound /sys.
    if (mounted.error().code != EPERM && mounted.error().code != EBUSY) return mounted;
  }
  const UniqueFd target = TRY(sys::openat(kCwd, at, O_PATH | O_DIRECTORY | O_NOFOLLOW));
  return bind_hierarchy(hierarchy, target, flags, ctx);
}

Result<void> mount_v2(const MountCgroups& op, const CgroupHierarchy& hierarchy, Context& ctx) {
  const UniqueFd target = TRY(ensure_in_root(ctx.root, op.at, Missing::Directory, 0755));
  if (!op.own_namespace) return bind_whole_v2(op, hierarchy, target, ctx);
  TRY(sys::fchdir(target));
  return mount_hierarchy(hierarchy, ".", op.flags, op.own_namespace, ctx);
}

// "cpu,cpuacct" is also known as "cpu" and as "cpuacct".
Result<void> link_controllers(BorrowedFd dir, const CgroupHierarchy& hierarchy) {
  if (hierarchy.controllers.size() < 2) return {};
  for (const std::string& controller : hierarchy.controllers) {
    const Result<void> linked = sys::symlinkat(hierarchy.name, dir, controller);
    if (!linked.ok() && linked.error().code != EEXIST) return linked;
  }
  return {};
}

Result<void> mount_v1_tree(const MountCgroups& op, Context& ctx) {
  const UniqueFd target = TRY(ensure_in_root(ctx.root, op.at, Missing::Directory, 0755));
  TRY(sys::fchdir(target));
  TRY(sys::mount("tmpfs", ".", "tmpfs", op.flags & ~static_cast<unsigned long>(MS_RDONLY),
                 "mode=755"));
  const UniqueFd top = TRY(open_in_root(ctx.root, op.at, O_PATH | O_DIRECTORY));
  TRY(sys::fchdir(top));
  for (const CgroupHierarchy& hierarchy : ctx.cgroup_layout->hierarchies) {
    TRY(sys::mkdirat(kCwd, hierarchy.name, 0755));
    TRY_CTX(mount_hierarchy(hierarchy, hierarchy.name, op.flags, op.own_namespace, ctx),
            "hierarchy %s", hierarchy.name.c_str());
    TRY(link_controllers(top, hierarchy));
  }
  if ((op.flags & MS_RDONLY) == 0) return {};
  struct mount_attr attr {};
  attr.attr_set = MOUNT_ATTR_RDONLY;
  return sys::mount_setattr(top, "", 0, attr);
}

}  // namespace

Result<void> run(const MountCgroups& op, Context& ctx) {
  CTR_ASSERT(ctx.cgroup_layout != nullptr);
  const CgroupHierarchy* const unified = ctx.cgroup_layout->unified();
  if (op.v2_only || ctx.cgroup_layout->kind == CgroupKind::V2) {
    if (unified == nullptr)
      return make_error(Kind::Unsupported, "this host has no cgroup v2 hierarchy");
    TRY(mount_v2(op, *unified, ctx));
  } else if (ctx.cgroup_layout->kind == CgroupKind::None) {
    return make_error(Kind::Unsupported, "this host has no cgroup hierarchy");
  } else {
    TRY(mount_v1_tree(op, ctx));
  }
  if (op.attrs == MountAttrs{}) return {};
  const UniqueFd top = TRY(open_in_root(ctx.root, op.at, O_PATH | O_DIRECTORY));
  return set_attrs(top, op.attrs);
}

}  // namespace ctr
