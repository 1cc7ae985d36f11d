// SPDX-License-Identifier: Apache-2.0
// Directories, links, device nodes and sysctls of the container's tree.
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/exec/context.h"
#include "ctrtool/core/kit/resolve.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/mount.h"

namespace ctr {
namespace {

// A node that is there already serves, if it is the same device; config.md wants an error
// otherwise.
Result<void> check_existing_node(BorrowedFd dir, const std::string& name, const MakeDevice& op) {
  const struct stat st = TRY(sys::fstatat(dir, name, AT_SYMLINK_NOFOLLOW));
  const bool same_type = (st.st_mode & S_IFMT) == op.type;
  if (same_type && (op.type == S_IFIFO || st.st_rdev == makedev(op.major, op.minor))) return {};
  return sys_error(EEXIST, "%s is not the device that was asked for", quote(op.at).c_str());
}

// EPERM: mknod is not for us here, whatever our rights (a cgroup's device rules, for one).
Result<void> make_fresh_node(BorrowedFd fs, const std::string& name, const MakeDevice& op) {
  const Result<void> made = sys::mknodat(fs, name, op.type, makedev(op.major, op.minor));
  if (!made.ok() && made.error().code == EPERM) return {};
  TRY(made);
  TRY(sys::fchownat(fs, name, op.uid, op.gid, AT_SYMLINK_NOFOLLOW));
  return sys::fchmodat(fs, name, op.mode);  // whatever the umask is
}

Result<void> make_node(const MakeDevice& op, const Parent& parent) {
  const Result<void> made =
      sys::mknodat(parent.directory, parent.name, op.type | op.mode, makedev(op.major, op.minor));
  if (!made.ok() && made.error().code == EEXIST)
    return check_existing_node(parent.directory, parent.name, op);
  TRY(made);
  if (op.uid == 0 && op.gid == 0) return {};
  return sys::fchownat(parent.directory, parent.name, op.uid, op.gid, AT_SYMLINK_NOFOLLOW);
}

Result<UniqueFd> open_hosts_node(const MakeDevice& op) {
  UniqueFd tree = TRY(sys::open_tree(kCwd, op.at, OPEN_TREE_CLONE));
  const struct stat st = TRY(sys::fstat(tree));
  if ((st.st_mode & S_IFMT) != op.type || st.st_rdev != makedev(op.major, op.minor))
    return make_error(Kind::Unsupported, "the host's %s is not device %u:%u", quote(op.at).c_str(),
                      op.major, op.minor);
  return tree;
}

// Where mknod is not for us (a user namespace): the node that the parent has made, or else the
// host's of the same name.
Result<void> bind_node(const MakeDevice& op, Context& ctx) {
  const auto made = op.slot.has_value() ? ctx.slots.find(*op.slot) : ctx.slots.end();
  const UniqueFd tree =
      made != ctx.slots.end() ? std::move(made->second) : TRY(open_hosts_node(op));
  const UniqueFd target =
      TRY(ensure_in_root(ctx.root, op.at, Missing::File, 0644, Follow::NotLast));
  return sys::move_mount(tree, target, "");
}

}  // namespace

Result<void> run(const MakeDirectory& op, Context& ctx) {
  const UniqueFd made = TRY(ensure_in_root(ctx.root, op.at, Missing::Directory, op.mode));
  const struct stat st = TRY(sys::fstat(made));
  if (!S_ISDIR(st.st_mode)) return sys_error(ENOTDIR, "make directory %s", quote(op.at).c_str());
  return {};
}

Result<void> run(const MakeSymlink& op, Context& ctx) {
  const Parent parent = TRY(ensure_parent_in_root(ctx.root, op.at));
  Result<void> made = sys::symlinkat(op.target, parent.directory, parent.name);
  if (made.ok() || made.error().code != EEXIST) return made;
  if (op.exclusive) return made;
  if (!op.replace) return {};
  TRY(sys::unlinkat(parent.directory, parent.name, 0));
  return sys::symlinkat(op.target, parent.directory, parent.name);
}

Result<void> run(const MakeDevice& op, Context& ctx) {
  if (op.by_bind && op.type != S_IFIFO) return bind_node(op, ctx);
  const Parent parent = TRY(ensure_parent_in_root(ctx.root, op.at));
  return make_node(op, parent);
}

Result<void> run(const MakeNodes& op, Context& ctx) {
  const auto fs = ctx.slots.find(op.slot);
  CTR_ASSERT(fs != ctx.slots.end());
  for (std::size_t i = 0; i < op.nodes.size(); ++i)
    TRY(make_fresh_node(fs->second, std::to_string(i), op.nodes[i]));
  return {};
}

// Before Linux 6.15 only what is attached can be cloned, so for as long as this takes the file
// system covers the root.
Result<void> run(const OpenNodes& op, Context& ctx) {
  const auto slot = ctx.slots.find(op.slot);
  CTR_ASSERT(slot != ctx.slots.end());
  const UniqueFd fs = std::move(slot->second);
  ctx.slots.erase(slot);
  TRY(sys::move_mount(fs, ctx.root, ""));
  for (unsigned i = 0; i < op.count; ++i) {
    Result<UniqueFd> node = sys::open_tree(fs, std::to_string(i), OPEN_TREE_CLONE);
    if (!node.ok() && node.error().code == ENOENT) continue;
    ctx.slots.insert_or_assign(op.slot + 1 + i, TRY(std::move(node)));
  }
  TRY(sys::fchdir(fs));
  return sys::umount2(".", MNT_DETACH);
}

Result<BorrowedFd> trusted_proc(Context& ctx) {
  if (!ctx.proc.valid()) {
    ctx.proc = TRY(sys::open("/proc", O_PATH | O_DIRECTORY));
    const struct statfs fs = TRY(sys::fstatfs(ctx.proc));
    if (fs.f_type != PROC_SUPER_MAGIC) return make_error(Kind::System, "/proc is not a procfs");
  }
  return ctx.proc.borrow();
}

// Not through the container's /proc, which its mounts may cover (CVE-2025-52881). The namespaces
// that decide which value is meant are those of the writer.
Result<void> run(const WriteSysctl& op, Context& ctx) {
  const BorrowedFd proc = TRY(trusted_proc(ctx));
  const UniqueFd file =
      TRY_CTX(sys::openat2(proc, "sys/" + op.key, O_WRONLY | O_NOCTTY, 0,
                           RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV),
              "sysctl %s", quote(op.key).c_str());
  const Result<std::size_t> written = sys::write(file, op.value);
  if (!written.ok())
    return sys_error(written.error().code, "sysctl %s: write %s", quote(op.key).c_str(),
                     quote(op.value).c_str());
  if (*written != op.value.size()) return sys_error(EIO, "sysctl %s", quote(op.key).c_str());
  return {};
}

}  // namespace ctr
