// SPDX-License-Identifier: Apache-2.0
// The root on a tmpfs: the image stays one read-only mount, and what it has at its top shows at the
// root's top. So every destination there can be a mount point, whatever the image is made of.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <algorithm>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/exec/context.h"
#include "ctrtool/core/kit/resolve.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/mount.h"

namespace ctr {
namespace {

constexpr const char* kImage = "_fsroot_ro";
constexpr const char* kVolume = "_fsroot_rw";

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

Result<void> bind_entry(BorrowedFd image, BorrowedFd root, const std::string& name,
                        Missing missing) {
  const UniqueFd tree =
      TRY(sys::open_tree(image, name, OPEN_TREE_CLONE | AT_RECURSIVE | AT_SYMLINK_NOFOLLOW));
  const UniqueFd place = TRY(ensure_in_root(root, name, missing, 0755, Follow::Never));
  return sys::move_mount(tree, place, "");
}

// Device nodes, sockets and FIFOs at the top of an image are nobody's root.
Result<void> show_entry(BorrowedFd image, BorrowedFd root, const std::string& name) {
  const struct stat st = TRY(sys::fstatat(image, name, AT_SYMLINK_NOFOLLOW));
  if (S_ISDIR(st.st_mode)) return bind_entry(image, root, name, Missing::Directory);
  if (S_ISREG(st.st_mode)) return bind_entry(image, root, name, Missing::File);
  if (!S_ISLNK(st.st_mode)) return {};
  const std::string target = TRY(sys::readlinkat(image, name));
  return sys::symlinkat(target, root, name);
}

}  // namespace

Result<void> run(const TmpfsRoot& op, Context& ctx) {
  const UniqueFd place = TRY(sys::open(op.from, O_PATH | O_DIRECTORY));
  const UniqueFd fs = TRY(sys::fsopen("tmpfs"));
  TRY(sys::fsconfig_string(fs, "source", "rootfs"));
  TRY(sys::fsconfig_string(fs, "mode", "0755"));
  TRY(sys::fsconfig_string(fs, "uid", strf("%u", op.uid)));
  TRY(sys::fsconfig_string(fs, "gid", strf("%u", op.gid)));
  TRY(sys::fsconfig_create(fs));
  const UniqueFd tree = TRY(sys::fsmount(fs, 0));
  TRY(sys::move_mount(tree, place, ""));
  ctx.root = TRY(sys::openat(tree, ".", O_PATH | O_DIRECTORY));
  return {};
}

Result<void> run(const ShowImage& op, Context& ctx) {
  const auto slot = ctx.slots.find(op.slot);
  CTR_ASSERT(slot != ctx.slots.end());
  const UniqueFd tree = std::move(slot->second);
  ctx.slots.erase(slot);
  const UniqueFd place = TRY(ensure_in_root(ctx.root, kImage, Missing::Directory, 0755));
  TRY(sys::move_mount(tree, place, ""));
  const UniqueFd image = TRY(sys::openat(tree, ".", O_RDONLY | O_DIRECTORY));
  const std::vector<sys::DirEntry> entries = TRY(sys::list_dir(image));
  for (const sys::DirEntry& entry : entries) {
    const std::string& name = entry.name;
    if (name == kImage || name == kVolume || contains(op.covered, name)) continue;
    if (contains(op.writable, name)) continue;
    TRY_CTX(show_entry(image, ctx.root, name), "%s of the image", quote(name).c_str());
  }
  for (const std::string& name : op.writable)
    TRY(sys::symlinkat(std::string(kVolume) + "/" + name, ctx.root, name));
  return {};
}

}  // namespace ctr
