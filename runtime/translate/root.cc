// SPDX-License-Identifier: Apache-2.0
// The root: root.path itself, or (annotation org.ctrtool.rootfs: tmpfs) a new tmpfs that shows it.
#include <sys/mount.h>

#include <algorithm>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/compat.h"
#include "runtime/translate/internal.h"

namespace oci {
namespace {

using ctr::Actor;
using ctr::Phase;

constexpr const char* kMode = "org.ctrtool.rootfs";
constexpr const char* kIdMap = "org.ctrtool.rootfs.idmap";
constexpr const char* kWritable = "org.ctrtool.rootfs.writable";

std::string root_path(const Work& work) {
  const std::string& path = work.spec.root.path;
  return path.starts_with('/') ? path : work.options.bundle + "/" + path;
}

bool is_top_level_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string_view::npos;
}

// What mounts cover as a whole is an ordinary directory; /dev always, for the devices made there.
std::vector<std::string> covered_names(const Work& work) {
  std::vector<std::string> names{"dev"};
  for (const Mount& mount : work.spec.mounts) {
    std::vector<std::string_view> parts = ctr::split(mount.destination, '/');
    std::erase_if(parts, [](std::string_view part) { return part.empty() || part == "."; });
    if (parts.size() == 1 && parts.front() != "..") names.emplace_back(parts.front());
  }
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

bool has_volume(const Work& work) {
  return std::ranges::any_of(work.spec.mounts, [](const Mount& mount) {
    return mount.destination == "/_fsroot_rw" || mount.destination == "_fsroot_rw";
  });
}

std::vector<std::string> writable_names(Work& work) {
  std::vector<std::string> names;
  const std::string value = work.annotation(kWritable);
  for (const std::string_view name : ctr::split(value, ',')) {
    if (is_top_level_name(name)) {
      names.emplace_back(name);
    } else {
      work.problems.error(annotation_at(kWritable),
                          ctr::quote(name) + " is not the name of an entry of the root");
    }
  }
  if (!names.empty() && !has_volume(work))
    work.problems.error(annotation_at(kWritable), "needs a mount on /_fsroot_rw");
  return names;
}

std::optional<ctr::MountIdMapping> image_id_map(Work& work) {
  const std::string asked = work.annotation(kIdMap);
  if (asked.empty() || asked == "false") return std::nullopt;
  const Linux& config = work.spec.linux_;
  if (!may_map_mounts(work)) {
    work.problems.unsupported(annotation_at(kIdMap), "to map a mount's IDs takes CAP_SYS_ADMIN");
    return std::nullopt;
  }
  if (asked != "true" || config.uidMappings.empty()) {
    work.problems.error(annotation_at(kIdMap), asked == "true" ? "needs uidMappings and gidMappings"
                                                               : "must be true or false");
    return std::nullopt;
  }
  return ctr::MountIdMapping{
      .uids = translate_id_map(config.uidMappings, work.problems, Pointer("/linux/uidMappings")),
      .gids = translate_id_map(config.gidMappings, work.problems, Pointer("/linux/gidMappings"))};
}

}  // namespace

bool root_on_tmpfs(Work& work) {
  const std::string mode = work.annotation(kMode);
  if (!mode.empty() && mode != "bind" && mode != "tmpfs")
    work.problems.error(annotation_at(kMode), "must be bind or tmpfs");
  if (mode != "tmpfs") return false;
  const bool own = find_namespace(work.spec.linux_, NamespaceType::Mount) != nullptr;
  if (!own) work.problems.error(annotation_at(kMode), "needs a mount namespace");
  return own;
}

void plan_image(Work& work, MountPlan& mounts) {
  ctr::OpenSource image{.slot = mounts.next_slot++, .from = root_path(work), .recursive = true};
  image.attrs.recursive_set = MOUNT_ATTR_RDONLY;
  image.attrs.propagation = MS_PRIVATE | MS_REC;
  image.id_map = image_id_map(work);
  mounts.image_slot = image.slot;
  const std::string at = Pointer("/root/path").str();
  if (image.id_map.has_value()) {
    mounts.early_parent.push_back({Phase::Prepare, Actor::Parent, image, at});
  } else {
    mounts.early_child.push_back({Phase::Tree, Actor::Child, image, at});
  }
}

void add_tmpfs_root(Work& work) {
  const ctr::BecomeRoot owner = inner_root(work);
  work.child(Phase::Tree, ctr::TmpfsRoot{root_path(work), owner.uid, owner.gid},
             annotation_at(kMode));
}

void add_image(Work& work, const MountPlan& mounts) {
  work.child(Phase::Tree,
             ctr::ShowImage{mounts.image_slot, covered_names(work), writable_names(work)},
             Pointer("/root/path"));
}

}  // namespace oci
