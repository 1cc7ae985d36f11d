// SPDX-License-Identifier: Apache-2.0
// mounts[]: in the order of the configuration; only what must come earlier or later is moved.
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>

#include <algorithm>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/mount_options.h"
#include "ctrtool/core/sys/compat.h"
#include "runtime/translate/internal.h"

namespace oci {
namespace {

using ctr::Actor;
using ctr::Phase;

ctr::Step child_step(ctr::Op op, const Pointer& at) {
  return {Phase::Tree, Actor::Child, std::move(op), at.str()};
}

ctr::MountAttrs attrs_of(const ctr::MountOptions& options) {
  ctr::MountAttrs attrs;
  attrs.recursive_set = options.rec_attr_set;
  attrs.recursive_clear = options.rec_attr_clr;
  attrs.propagation = options.propagation;
  return attrs;
}

std::string destination_of(const Mount& mount) {
  return mount.destination.starts_with('/') ? mount.destination : "/" + mount.destination;
}

// Without a name, "/proc/" and "//proc" are "/proc".
std::string clean(const std::string& path) {
  std::vector<std::string> parts;
  for (const std::string_view part : ctr::split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == ".." && !parts.empty()) parts.pop_back();
    if (part != "..") parts.emplace_back(part);
  }
  return "/" + ctr::join(parts, "/");
}

// What a user namespace's root may mount itself (FS_USERNS_MOUNT), and must where the content is
// its namespaces'. The rest reads devices or files by the kernel's own eyes.
bool user_namespaces_mount(std::string_view type) {
  constexpr std::string_view kTypes[] = {"proc",   "sysfs",   "tmpfs", "ramfs", "devpts",
                                         "mqueue", "overlay", "fuse",  "bpf",   "binfmt_misc"};
  return std::find(std::begin(kTypes), std::end(kTypes), type) != std::end(kTypes) ||
         type.starts_with("fuse.");
}

// Of MS_*, what is said of the file system and not of one mount of it.
constexpr unsigned long kSuperblockFlags =
    MS_RDONLY | MS_SYNCHRONOUS | MS_DIRSYNC | MS_LAZYTIME | MS_MANDLOCK | MS_SILENT;

class MountPlanner {
 public:
  MountPlanner(Work& work, MountPlan& plan) : work_(work), plan_(plan) {
    plan_.label = mount_label(work);
  }

  void add(std::size_t index) {
    const Mount& mount = work_.spec.mounts[index];
    at_ = Pointer("/mounts").at(index);
    const ctr::Result<ctr::MountOptions> options = ctr::parse_mount_options(mount.options);
    if (!options.ok()) {
      work_.problems.error(at_.at("options"), options.error().message);
      return;
    }
    id_map_.reset();
    if (!check(mount, *options) || !plan_id_map(mount, *options)) return;
    if (is_named_hierarchy(mount)) {
      add_named_hierarchy(mount, *options);
    } else if ((options->flags & MS_BIND) != 0 || mount.type == "bind") {
      add_bind(mount, *options);
    } else if (mount.type == "cgroup" || mount.type == "cgroup2") {
      add_cgroups(mount, *options);
    } else {
      add_fs(mount, *options);
    }
  }

 private:
  bool check(const Mount& mount, const ctr::MountOptions& options) {
    if (options.copy_symlink && (options.src_nofollow || options.dest_nofollow))
      return wrong(at_.at("options"), "copy-symlink excludes src-nofollow and dest-nofollow");
    if (clean(mount.destination) == "/")
      return wrong(at_.at("destination"), "the root itself cannot be mounted over");
    return true;
  }
  bool wrong(const Pointer& at, const std::string& message) {
    work_.problems.error(at, message);
    return false;
  }

  // The mount's own maps; else, where only the option is given, the container's.
  bool plan_id_map(const Mount& mount, const ctr::MountOptions& options) {
    if (!options.idmap && mount.uidMappings.empty()) return true;
    if (!may_map_mounts(work_)) {
      work_.problems.unsupported(at_, "to map a mount's IDs takes CAP_SYS_ADMIN");
      return false;
    }
    const Linux& config = work_.spec.linux_;
    ctr::MountIdMapping map{.uids = {}, .gids = {}, .recursive = options.ridmap};
    if (!mount.uidMappings.empty()) {
      map.uids = translate_id_map(mount.uidMappings, work_.problems, at_.at("uidMappings"));
      map.gids = translate_id_map(mount.gidMappings, work_.problems, at_.at("gidMappings"));
    } else if (!options.idmap_maps.empty()) {
      if (!parse_id_maps(options.idmap_maps, map)) return false;
    } else if (work_.new_namespace(NamespaceType::User)) {
      map.uids =
          translate_id_map(config.uidMappings, work_.problems, Pointer("/linux/uidMappings"));
      map.gids =
          translate_id_map(config.gidMappings, work_.problems, Pointer("/linux/gidMappings"));
    } else if (work_.joined_namespace(NamespaceType::User)) {
      map.from = find_namespace(config, NamespaceType::User)->path;
    } else {
      return wrong(at_.at("options"),
                   "idmap needs uidMappings and gidMappings, or a user namespace");
    }
    id_map_ = std::move(map);
    return true;
  }

  // crun's words: "idmap=uids=0-1-10;gids=0-1-10".
  bool parse_id_maps(const std::string& text, ctr::MountIdMapping& map) {
    const Linux& config = work_.spec.linux_;
    ctr::Result<ctr::MountIdMaps> maps = ctr::parse_mount_id_maps(
        text, translate_id_map(config.uidMappings, work_.problems, Pointer("/linux/uidMappings")),
        translate_id_map(config.gidMappings, work_.problems, Pointer("/linux/gidMappings")));
    if (!maps.ok()) return wrong(at_.at("options"), maps.error().message);
    map.uids = std::move(maps->uids);
    map.gids = std::move(maps->gids);
    return true;
  }

  void add_bind(const Mount& mount, const ctr::MountOptions& options) {
    if (mount.source.empty()) {
      wrong(at_.at("source"), "a bind mount needs a source");
      return;
    }
    // config.md has words that it does not know handed to mount(2), which ignores them for a bind.
    const ctr::Result<void> data = ctr::check_bind_data(options);
    if (!data.ok()) work_.problems.warning(at_.at("options"), data.error().message);
    const std::string destination = destination_of(mount);
    if (clean(destination) == "/dev") plan_.bound_dev = true;
    const ctr::MountAttrChange change = ctr::mount_attr_change(options);
    ctr::MountAttrs attrs = attrs_of(options);
    attrs.set = change.set;
    attrs.clear = change.clr;
    const bool recursive = (options.flags & MS_REC) != 0;
    const std::string from =
        mount.source.starts_with('/') ? mount.source : work_.options.bundle + "/" + mount.source;
    const bool nofollow = options.src_nofollow || options.copy_symlink;
    const ctr::SourceLink link =
        options.copy_symlink ? ctr::SourceLink::Copy : ctr::SourceLink::Mount;
    if (!opened_early(options)) {
      plan_.mounts.push_back(child_step(ctr::BindMount{destination, from, recursive, attrs,
                                                       nofollow, options.dest_nofollow, link},
                                        at_));
      return;
    }
    const unsigned slot = plan_.next_slot++;
    const ctr::OpenSource source{slot, from, recursive, nofollow, attrs, id_map_};
    if (by_parent()) {
      open_by_parent(source);
    } else {
      plan_.early_child.push_back(child_step(source, at_.at("source")));
    }
    plan_.mounts.push_back(
        child_step(ctr::AttachMount{slot, destination, options.dest_nofollow, link}, at_));
  }

  // A new user namespace's root may not look everywhere the caller may, and to map a mount's IDs
  // takes rights over its file system.
  bool by_parent() const {
    return id_map_.has_value() ||
           (work_.facts.privileged() && work_.new_namespace(NamespaceType::User));
  }
  // A bind that stays shared with its source is taken before the namespace leaves the peer groups.
  bool opened_early(const ctr::MountOptions& options) const {
    return by_parent() || (options.propagation & MS_SHARED) != 0;
  }
  void open_by_parent(ctr::OpenSource source) {
    // Straight from the host's mounts: without a word of its own it must not stay their peer.
    if (source.attrs.propagation == 0) source.attrs.propagation = MS_SLAVE | MS_REC;
    plan_.early_parent.push_back({Phase::Prepare, Actor::Parent, source, at_.at("source").str()});
  }

  void add_cgroups(const Mount& mount, const ctr::MountOptions& options) {
    ctr::MountCgroups op{
        .at = destination_of(mount), .flags = options.flags, .attrs = attrs_of(options)};
    op.own_namespace = find_namespace(work_.spec.linux_, NamespaceType::Cgroup) != nullptr;
    op.v2_only = mount.type == "cgroup2";
    plan_.mounts.push_back(child_step(op, at_));
  }

  // crun's annotation, for systemds in a container that know v1 only: at this place, whatever is
  // asked for there, is v1's named hierarchy. The host has to have it mounted.
  bool is_named_hierarchy(const Mount& mount) const {
    const auto found = work_.spec.annotations.find("run.oci.systemd.force_cgroup_v1");
    return found != work_.spec.annotations.end() && found->second.starts_with('/') &&
           clean(found->second) == clean(mount.destination);
  }
  void add_named_hierarchy(const Mount& mount, const ctr::MountOptions& options) {
    ctr::MountFs op;
    op.at = destination_of(mount);
    op.type = op.source = "cgroup";
    op.flags = options.flags & ~static_cast<unsigned long>(MS_BIND | MS_REC);
    op.data = "none,name=systemd,xattr";
    op.attrs = attrs_of(options);
    plan_.mounts.push_back(child_step(op, at_));
  }

  void add_fs(const Mount& mount, const ctr::MountOptions& options) {
    if (mount.type.empty()) {
      wrong(at_.at("type"), "is required for anything but a bind mount");
      return;
    }
    ctr::MountFs op;
    op.at = destination_of(mount);
    op.type = mount.type;
    op.source = mount.source.empty() ? mount.type : mount.source;
    op.flags = options.flags;
    op.data = options.data;
    if (op.type == "devpts" && op.at == "/dev/pts" && mount.options.empty()) let_all_open_ptmx(op);
    op.attrs = attrs_of(options);
    op.copy_up = options.tmpcopyup;
    keep_attributes(op);
    op.real_directory = mount.type == "proc" || mount.type == "sysfs";
    op.else_bind = bind_instead(mount.type);
    if (mount.type != "proc" && mount.type != "sysfs") op.label = plan_.label;
    if (op.copy_up && (mount.type != "tmpfs" || id_map_.has_value())) {
      wrong(at_.at("options"), "tmpcopyup is for tmpfs only, and not with idmap");
      return;
    }
    if (id_map_.has_value() || (by_parent() && !user_namespaces_mount(mount.type))) {
      open_fs(op, options);
      return;
    }
    defer_readonly(op);
    if (op.type == "sysfs") make_mount_readonly(op);
    plan_.mounts.push_back(child_step(op, at_));
  }

  // podman's manual has it without options, and the kernel's own mode for ptmx is 000.
  static void let_all_open_ptmx(ctr::MountFs& op) {
    op.flags = MS_NOSUID | MS_NOEXEC;
    op.data = "newinstance,ptmxmode=0666,mode=0620,gid=5";
  }

  // What was asked for is for the new directory, not what the old one happened to have.
  static void keep_attributes(ctr::MountFs& op) {
    if (op.type != "tmpfs") return;
    const auto asked = [&op](const char* key) { return op.data.find(key) != std::string::npos; };
    op.keep_mode = !asked("mode=");
    op.keep_owner = op.copy_up && op.keep_mode && !asked("uid=") && !asked("gid=");
  }

  // The mount alone: who joins the network namespace shares its sysfs, and may want to write.
  static void make_mount_readonly(ctr::MountFs& op) {
    if ((op.flags & MS_RDONLY) == 0) return;
    op.flags &= ~static_cast<unsigned long>(MS_RDONLY);
    op.attrs.set |= MOUNT_ATTR_RDONLY;
  }

  // As a detached mount, by whoever has the rights over it.
  void open_fs(const ctr::MountFs& fs, const ctr::MountOptions& options) {
    const ctr::MountAttrChange change = ctr::mount_attr_change(options);
    ctr::OpenFs op{.slot = plan_.next_slot++, .type = fs.type, .source = fs.source};
    op.flags = fs.flags & kSuperblockFlags;
    op.data = fs.data;
    op.attrs = fs.attrs;
    op.attrs.set = change.set;
    op.attrs.clear = change.clr;
    op.id_map = id_map_;
    op.label = fs.label;
    plan_.early_parent.push_back({Phase::Prepare, Actor::Parent, op, at_.str()});
    plan_.mounts.push_back(child_step(
        ctr::AttachMount{op.slot, fs.at, options.dest_nofollow, ctr::SourceLink::Mount}, at_));
  }

  // Mount points and device nodes are still to be made in it.
  void defer_readonly(ctr::MountFs& op) {
    if (op.type != "tmpfs" || (op.flags & MS_RDONLY) == 0) return;
    op.flags &= ~static_cast<unsigned long>(MS_RDONLY);
    ctr::SetMountAttrs later{.at = op.at};
    later.attrs.set = MOUNT_ATTR_RDONLY;
    plan_.late.push_back({Phase::Pivot, Actor::Child, later, at_.at("options").str()});
  }

  // Where a user namespace may not mount them itself, the host's are shown instead.
  std::string bind_instead(const std::string& type) const {
    if (!work_.in_user_namespace()) return {};
    if (type == "sysfs") return "/sys";
    if (type == "proc" && !work_.new_namespace(NamespaceType::Pid)) return "/proc";
    if (type == "mqueue" && !work_.new_namespace(NamespaceType::Ipc)) return "/dev/mqueue";
    return {};
  }

  Work& work_;
  MountPlan& plan_;
  Pointer at_;
  std::optional<ctr::MountIdMapping> id_map_;  // of the mount at hand
};

}  // namespace

bool may_map_mounts(const Work& work) { return work.facts.effective.has(CAP_SYS_ADMIN); }

MountPlan plan_mounts(Work& work) {
  MountPlan plan;
  MountPlanner planner(work, plan);
  for (std::size_t i = 0; i < work.spec.mounts.size(); ++i) planner.add(i);
  return plan;
}

}  // namespace oci
