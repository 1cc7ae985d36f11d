// SPDX-License-Identifier: Apache-2.0
// Mounts. Sources are opened on the host's side, targets inside the container's root; from there on
// everything goes through descriptors, so nothing can be exchanged under us.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/exec/child.h"
#include "ctrtool/core/exec/context.h"
#include "ctrtool/core/exec/copy_up.h"
#include "ctrtool/core/exec/mount_attrs.h"
#include "ctrtool/core/exec/mount_proc.h"
#include "ctrtool/core/kit/fs_config.h"
#include "ctrtool/core/kit/resolve.h"
#include "ctrtool/core/kit/user_namespace.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/mount.h"
#include "ctrtool/core/sys/ns.h"
#include "ctrtool/core/sys/process.h"

namespace ctr {
namespace {

// One namespace serves all mounts with the same maps.
Result<BorrowedFd> user_namespace_of(const MountIdMapping& map, Context& ctx) {
  const std::string key = map.from.empty() ? map.uids.words() + ";" + map.gids.words() : map.from;
  UniqueFd& fd = ctx.user_namespaces[key];
  if (!fd.valid())
    fd = map.from.empty() ? TRY(make_user_namespace(map.uids, map.gids))
                          : TRY(sys::open(map.from, O_RDONLY | O_NOCTTY | O_NONBLOCK));
  return fd.borrow();
}

Result<void> set_id_map(BorrowedFd tree, const MountIdMapping& map, Context& ctx) {
  const BorrowedFd user_namespace = TRY(user_namespace_of(map, ctx));
  struct mount_attr attr {};
  attr.attr_set = MOUNT_ATTR_IDMAP;
  attr.userns_fd = static_cast<std::uint64_t>(user_namespace.raw());
  const Result<void> set = sys::mount_setattr(tree, "", map.recursive ? AT_RECURSIVE : 0, attr);
  if (!set.ok() && set.error().code == EINVAL)
    return sys_error(EINVAL, "this file system cannot be id-mapped, or is already");
  return set;
}

Result<UniqueFd> open_source(const OpenSource& op, Context& ctx) {
  const unsigned flags = OPEN_TREE_CLONE | (op.recursive ? AT_RECURSIVE : 0U) |
                         (op.nofollow ? AT_SYMLINK_NOFOLLOW : 0U);
  UniqueFd tree = op.checked ? TRY(sys::open_tree(ctx.source, "", flags))
                             : TRY(sys::open_tree(kCwd, op.from, flags));
  if (op.id_map.has_value()) TRY(set_id_map(tree, *op.id_map, ctx));
  TRY(set_attrs(tree, op.attrs));
  return tree;
}

Result<void> configure(BorrowedFd fs, const OpenFs& op) {
  TRY(configure_fs(
      fs, {.source = op.source, .flags = op.flags, .data = op.data, .parameters = op.parameters}));
  if (op.label.has_value()) TRY(sys::fsconfig_string(fs, op.label->option, op.label->label));
  return sys::fsconfig_create(fs);
}

// A link with these words serves already; another one is somebody else's.
Result<void> copy_link(BorrowedFd root, BorrowedFd source, const std::string& at) {
  const std::string target = TRY(sys::readlinkat(source, ""));
  const Parent parent = TRY(ensure_parent_in_root(root, at));
  const Result<void> made = sys::symlinkat(target, parent.directory, parent.name);
  if (made.ok() || made.error().code != EEXIST) return made;
  const Result<std::string> found = sys::readlinkat(parent.directory, parent.name);
  return found.ok() && *found == target ? Result<void>() : made;
}

// The target of a bind is made if it is missing: a directory for a directory, a file for the rest.
Result<UniqueFd> bind_target(BorrowedFd root, BorrowedFd tree, const std::string& at,
                             bool nofollow) {
  const struct stat source = TRY(sys::fstat(tree));
  const bool directory = S_ISDIR(source.st_mode);
  // The root itself may be a file, where a tool attaches to what it has found already.
  UniqueFd target =
      at == "/"
          ? TRY(sys::dup(root))
          : TRY(ensure_in_root(root, at, directory ? Missing::Directory : Missing::File,
                               directory ? 0755 : 0644, nofollow ? Follow::NotLast : Follow::Yes));
  const struct stat found = TRY(sys::fstat(target));
  if (directory != S_ISDIR(found.st_mode))
    return sys_error(ENOTDIR, "the source is %s directory and the target is %s",
                     directory ? "a" : "not a", directory ? "not" : "one");
  return target;
}

Result<void> attach(Context& ctx, BorrowedFd tree, const std::string& at, bool nofollow,
                    SourceLink link) {
  if (link == SourceLink::Copy) {
    const struct stat source = TRY(sys::fstat(tree));
    if (S_ISLNK(source.st_mode)) return copy_link(ctx.root, tree, at);
  }
  const UniqueFd target = TRY(bind_target(ctx.root, tree, at, nofollow));
  return sys::move_mount(tree, target, "");
}

// Since Linux 6.8 the kernel lists mounts by age, and people unmount in the reverse order of that
// list: what was opened early is cloned again when its turn comes. Where a detached mount cannot be
// cloned (before 6.15, or when it came from another namespace) it stays as old as it is.
UniqueFd in_its_turn(UniqueFd tree) {
  Result<UniqueFd> clone = sys::open_tree(tree, "", OPEN_TREE_CLONE | AT_RECURSIVE);
  return clone.ok() ? std::move(clone).value() : std::move(tree);
}

// mount(2) wants a path: the target becomes the working directory and is named ".", so no path is
// walked twice and no /proc is needed.
Result<void> mount_on(BorrowedFd target, const std::string& source, const std::string& type,
                      unsigned long flags, const std::string& data) {
  TRY(sys::fchdir(target));
  return sys::mount(source, ".", type, flags, data);
}

std::string without_gid(const std::string& data) {
  std::vector<std::string> kept;
  for (const std::string_view option : split(data, ','))
    if (!option.starts_with("gid=")) kept.emplace_back(option);
  return join(kept, ",");
}

// In double quotes, because labels have commas.
std::string data_of(const MountFs& op) {
  if (!op.label.has_value() || op.type == "mqueue") return op.data;
  const std::string option = op.label->option + "=" + quote(op.label->label);
  return op.data.empty() ? option : op.data + "," + option;
}

// gid=5, the tty group of most images, is EINVAL in a user namespace that does not map it.
Result<void> mount_fs_on(BorrowedFd target, const MountFs& op) {
  const std::string data = data_of(op);
  Result<void> mounted = mount_on(target, op.source, op.type, op.flags, data);
  if (mounted.ok() || mounted.error().code != EINVAL || op.type != "devpts") return mounted;
  MountFs other = op;
  other.data = without_gid(op.data);
  return other.data == op.data ? mounted
                               : mount_on(target, op.source, op.type, op.flags, data_of(other));
}

Result<void> mount_fs(BorrowedFd target, const MountFs& op, const Context& ctx) {
  if (op.type == "proc" && ctx.pid_namespace.valid())
    return mount_proc_of(ctx.pid_namespace, target,
                         {.source = op.source, .flags = op.flags, .data = op.data});
  return mount_fs_on(target, op);
}

Result<UniqueFd> fs_target(BorrowedFd root, const MountFs& op) {
  Result<UniqueFd> target = ensure_in_root(root, op.at, Missing::Directory, 0755,
                                           op.real_directory ? Follow::Never : Follow::Yes);
  if (!target.ok() && op.real_directory && target.error().code == ELOOP)
    return make_error(Kind::InvalidSpec, "%s must be mounted on an ordinary directory, not a link",
                      op.type.c_str());
  return target;
}

Result<void> bind_instead(Context& ctx, const MountFs& op) {
  OpenSource source{.slot = 0, .from = op.else_bind, .recursive = true, .attrs = op.attrs};
  if ((op.flags & MS_RDONLY) != 0 || (op.attrs.set & MOUNT_ATTR_RDONLY) != 0)
    source.attrs.recursive_set |= MOUNT_ATTR_RDONLY;
  const UniqueFd tree = TRY(open_source(source, ctx));
  return attach(ctx, tree, op.at, false, SourceLink::Mount);
}

}  // namespace

Result<void> run(const SetPropagation& op, Context&) {
  return sys::mount("", op.at, "", op.flags, "");
}

Result<void> run(const BindRoot& op, Context& ctx) {
  const UniqueFd tree = TRY(sys::open_tree(kCwd, op.from, OPEN_TREE_CLONE | AT_RECURSIVE));
  const UniqueFd place = TRY(sys::open(op.from, O_PATH | O_DIRECTORY));
  // What is mounted below the root must not show up where the root came from.
  struct mount_attr attr {};
  attr.propagation = MS_PRIVATE;
  TRY(sys::mount_setattr(tree, "", 0, attr));
  TRY(sys::move_mount(tree, place, ""));
  // Through the attached mount's root: a descriptor that also chdir and openat2 take.
  ctx.root = TRY(sys::openat(tree, ".", O_PATH | O_DIRECTORY));
  return {};
}

Result<void> run(const TakeRoot& op, Context& ctx) {
  ctx.directory = TRY(sys::open(".", O_PATH | O_DIRECTORY));
  UniqueFd root = TRY(sys::open(op.from, O_PATH | O_DIRECTORY));
  const struct statx st = TRY(sys::statx(root, "", AT_EMPTY_PATH, STATX_BASIC_STATS));
  if ((st.stx_attributes & STATX_ATTR_MOUNT_ROOT) == 0) return run(BindRoot{op.from}, ctx);
  ctx.root = std::move(root);
  return {};
}

Result<void> run(const NewRoot& op, Context& ctx) {
  const UniqueFd place =
      TRY(sys::openat2(kCwd, op.at, O_PATH | O_DIRECTORY, 0, RESOLVE_NO_SYMLINKS));
  TRY(mount_on(place, "/dev/null", "tmpfs", op.flags, op.data));
  // The mount's own root: `place` is what it covers.
  ctx.root = TRY(sys::openat2(kCwd, op.at, O_PATH | O_DIRECTORY, 0, RESOLVE_NO_SYMLINKS));
  return {};
}

Result<void> run(const EnterRoot& op, Context& ctx) {
  TRY(sys::fchdir(BorrowedFd(op.fd)));
  TRY(sys::chroot("."));
  ctx.proc.reset();
  return {};
}

Result<void> run(const EnterDirectory& op, Context&) { return sys::fchdir(BorrowedFd(op.fd)); }

Result<void> run(const MountProcOf& op, Context& ctx) {
  const UniqueFd target =
      TRY(ensure_in_root(ctx.root, op.at, Missing::Directory, 0755, Follow::Never));
  return mount_proc_of(BorrowedFd(op.pid_namespace), target,
                       {.source = "proc", .flags = op.flags, .data = op.data});
}

Result<void> run(const ReturnToDirectory&, Context& ctx) {
  TRY(sys::fchdir(ctx.directory));
  ctx.directory.reset();
  ctx.root.reset();
  return {};
}

Result<void> run(const OpenSource& op, Context& ctx) {
  UniqueFd tree = TRY(open_source(op, ctx));
  ctx.slots.insert_or_assign(op.slot, std::move(tree));
  return {};
}

Result<void> run(const OpenFs& op, Context& ctx) {
  const UniqueFd fs = TRY(sys::fsopen(op.type));
  TRY(configure(fs, op));
  UniqueFd tree = TRY(sys::fsmount(fs, 0));
  if (op.id_map.has_value()) TRY(set_id_map(tree, *op.id_map, ctx));
  TRY(set_attrs(tree, op.attrs));
  ctx.slots.insert_or_assign(op.slot, std::move(tree));
  return {};
}

Result<void> run(const AttachMount& op, Context& ctx) {
  const auto slot = ctx.slots.find(op.slot);
  CTR_ASSERT(slot != ctx.slots.end());
  const UniqueFd tree = in_its_turn(std::move(slot->second));
  ctx.slots.erase(slot);
  return attach(ctx, tree, op.at, op.nofollow, op.link);
}

Result<void> run(const AttachFd& op, Context& ctx) {
  return attach(ctx, BorrowedFd(op.fd), op.at, false, SourceLink::Mount);
}

Result<void> run(const MoveMount& op, Context& ctx) {
  const UniqueFd from = TRY(sys::openat2(kCwd, op.from, O_PATH, 0, RESOLVE_NO_SYMLINKS));
  return attach(ctx, from, op.at, false, SourceLink::Mount);
}

// From the directory that it is in: a descriptor of the mount itself would keep it busy.
Result<void> run(const Unmount& op, Context& ctx) {
  const std::size_t slash = op.at.rfind('/');
  const std::string name = op.at.substr(slash + 1);
  const std::string above = op.at.substr(0, slash + 1);
  if (above == "/" || name.empty()) {
    TRY(sys::fchdir(ctx.root));
  } else {
    const UniqueFd directory = TRY(open_in_root(ctx.root, above, O_PATH | O_DIRECTORY));
    TRY(sys::fchdir(directory));
  }
  return sys::umount2(name.empty() ? "." : name, op.flags);
}

Result<void> run(const BindMount& op, Context& ctx) {
  const OpenSource source{.slot = 0,
                          .from = op.from,
                          .recursive = op.recursive,
                          .nofollow = op.from_nofollow,
                          .attrs = op.attrs};
  const UniqueFd tree = TRY(open_source(source, ctx));
  return attach(ctx, tree, op.at, op.at_nofollow, op.link);
}

Result<void> run(const MountFs& op, Context& ctx) {
  // Before the mount point is made: one that was not there has nothing to be kept.
  std::optional<UniqueFd> covered;
  if (op.copy_up || op.keep_mode)
    covered = TRY(
        open_in_root_if_exists(ctx.root, op.at, (op.copy_up ? O_RDONLY : O_PATH) | O_DIRECTORY));
  const UniqueFd target = TRY(fs_target(ctx.root, op));
  const Result<void> mounted = mount_fs(target, op, ctx);
  if (!mounted.ok()) {
    const bool denied = mounted.error().code == EPERM || mounted.error().code == EACCES;
    if (!denied || op.else_bind.empty()) return mounted;
    return bind_instead(ctx, op);
  }
  // The kernel takes no label for a new mqueue; its root takes one.
  const bool relabel = op.label.has_value() && op.type == "mqueue";
  const bool more = covered.has_value() || relabel || op.attrs != MountAttrs{};
  if (!more) return {};
  const UniqueFd top = TRY(open_in_root(ctx.root, op.at, O_PATH | O_DIRECTORY));
  if (relabel) {
    TRY(sys::fchdir(top));
    TRY(sys::setxattr(".", "security.selinux", op.label->label));
  }
  if (covered.has_value()) {
    if (op.keep_owner) TRY(copy_owner(*covered, top));
    if (op.keep_mode) TRY(copy_mode(*covered, top));
    if (op.copy_up) TRY(copy_tree(*covered, top));
  }
  return set_attrs(top, op.attrs);
}

Result<void> run(const SetMountAttrs& op, Context& ctx) {
  if (op.at == "/") return set_attrs(ctx.root, op.attrs);
  const UniqueFd top = TRY(open_in_root(ctx.root, op.at, O_PATH));
  return set_attrs(top, op.attrs);
}

// --- masks ---------------------------------------------------------------------------------------

namespace {

// The host's own, before the container's tree can say what /dev/null is (CVE-2025-31133).
Result<UniqueFd> clone_dev_null() {
  UniqueFd tree = TRY(sys::open_tree(kCwd, "/dev/null", OPEN_TREE_CLONE));
  const struct stat st = TRY(sys::fstat(tree));
  if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
    return make_error(Kind::System, "the host's /dev/null is not the null device");
  return tree;
}

// One tiny read-only tmpfs serves all masked directories.
Result<void> cover_directory(BorrowedFd target, Context& ctx) {
  if (ctx.empty_directory.valid()) {
    const UniqueFd tree = TRY(sys::open_tree(ctx.empty_directory, "", OPEN_TREE_CLONE));
    return sys::move_mount(tree, target, "");
  }
  const UniqueFd fs = TRY(sys::fsopen("tmpfs"));
  TRY(sys::fsconfig_string(fs, "size", "4k"));
  TRY(sys::fsconfig_string(fs, "nr_inodes", "1"));
  TRY(sys::fsconfig_string(fs, "mode", "0555"));
  TRY(sys::fsconfig_flag(fs, "ro"));
  TRY(sys::fsconfig_create(fs));
  UniqueFd tree = TRY(sys::fsmount(
      fs, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC));
  TRY(sys::move_mount(tree, target, ""));
  ctx.empty_directory = std::move(tree);
  return {};
}

}  // namespace

Result<void> run(const MaskPath& op, Context& ctx) {
  const std::optional<UniqueFd> target = TRY(open_in_root_if_exists(ctx.root, op.at, O_PATH));
  if (!target.has_value()) return {};
  const struct stat st = TRY(sys::fstat(*target));
  if (S_ISDIR(st.st_mode)) return cover_directory(*target, ctx);
  const UniqueFd null = TRY(clone_dev_null());
  return sys::move_mount(null, *target, "");
}

Result<void> run(const MakeReadonly& op, Context& ctx) {
  const std::optional<UniqueFd> target = TRY(open_in_root_if_exists(ctx.root, op.at, O_PATH));
  if (!target.has_value()) return {};
  const UniqueFd tree = TRY(sys::open_tree(*target, "", OPEN_TREE_CLONE | AT_RECURSIVE));
  struct mount_attr attr {};
  attr.attr_set = MOUNT_ATTR_RDONLY;
  TRY(sys::mount_setattr(tree, "", AT_RECURSIVE, attr));
  return sys::move_mount(tree, *target, "");
}

// --- the new root --------------------------------------------------------------------------------

namespace {

// Nothing that leads out of the new root stays open (CVE-2024-21626).
Result<void> enter_new_root(Context& ctx) {
  ctx.root.reset();
  ctx.directory.reset();
  ctx.proc.reset();
  ctx.empty_directory.reset();
  ctx.slots.clear();
  return sys::chdir("/");
}

}  // namespace

Result<void> run(const PivotRoot& op, Context& ctx) {
  TRY(sys::fchdir(ctx.root));
  if (op.by_move) {
    TRY(sys::mount(".", "/", "", MS_MOVE, ""));
    TRY(sys::chroot("."));
  } else if (!op.put_old.empty()) {
    TRY(sys::pivot_root(".", op.put_old));
  } else {
    // The old root ends up on top of the new one, without a directory for it (pivot_root(2)).
    TRY(sys::pivot_root(".", "."));
    TRY(sys::umount2(".", MNT_DETACH));
  }
  return enter_new_root(ctx);
}

Result<void> run(const ChangeRoot& op, Context& ctx) {
  if (op.from.empty()) {
    TRY(sys::fchdir(ctx.root));
    TRY(sys::chroot("."));
  } else {
    TRY(sys::chroot(op.from));
    // "/proc/PID/root" may be a later process's, unless the one we mean is alive even now.
    if (ctx.target.valid()) TRY(sys::pidfd_send_signal(ctx.target, 0));
  }
  return enter_new_root(ctx);
}

}  // namespace ctr
