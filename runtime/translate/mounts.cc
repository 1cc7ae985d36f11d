// SPDX-License-Identifier: Apache-2.0
// mounts[]: in the order of the configuration; only what must come earlier or later is moved.
#include <sched.h>
#include <sys/mount.h>

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

class MountPlanner {
 public:
  MountPlanner(Work& work, MountPlan& plan) : work_(work), plan_(plan) {}

  void add(std::size_t index) {
    const Mount& mount = work_.spec.mounts[index];
    at_ = Pointer("/mounts").at(index);
    const ctr::Result<ctr::MountOptions> options = ctr::parse_mount_options(mount.options);
    if (!options.ok()) {
      work_.problems.error(at_.at("options"), options.error().message);
      return;
    }
    if (!check(mount, *options)) return;
    if ((options->flags & MS_BIND) != 0 || mount.type == "bind") {
      add_bind(mount, *options);
    } else if (mount.type == "cgroup" || mount.type == "cgroup2") {
      add_cgroups(mount, *options);
    } else {
      add_fs(mount, *options);
    }
  }

 private:
  bool check(const Mount& mount, const ctr::MountOptions& options) {
    if (options.idmap || !mount.uidMappings.empty() || !mount.gidMappings.empty())
      return unsupported(at_.at("uidMappings"), "id-mapped mounts");
    if (options.copy_symlink) return unsupported(at_.at("options"), "the option copy-symlink");
    if (clean(mount.destination) == "/")
      return wrong(at_.at("destination"), "the root itself cannot be mounted over");
    return true;
  }
  bool unsupported(const Pointer& at, const char* what) {
    work_.problems.unsupported(at, std::string(what) + " is not supported by this version");
    return false;
  }
  bool wrong(const Pointer& at, const std::string& message) {
    work_.problems.error(at, message);
    return false;
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
    if (!opened_early(options)) {
      plan_.mounts.push_back(child_step(ctr::BindMount{destination, from, recursive, attrs,
                                                       options.src_nofollow, options.dest_nofollow},
                                        at_));
      return;
    }
    const unsigned slot = next_slot_++;
    const ctr::OpenSource source{slot, from, recursive, options.src_nofollow, attrs};
    if (by_parent()) {
      open_by_parent(source);
    } else {
      plan_.early_child.push_back(child_step(source, at_.at("source")));
    }
    plan_.mounts.push_back(
        child_step(ctr::AttachMount{slot, destination, options.dest_nofollow}, at_));
  }

  // A new user namespace's root may not look everywhere the caller may.
  bool by_parent() const {
    return work_.new_namespace(NamespaceType::User) && work_.facts.privileged();
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
    op.own_namespace = work_.new_namespace(NamespaceType::Cgroup);
    op.v2_only = mount.type == "cgroup2";
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
    op.attrs = attrs_of(options);
    op.copy_up = options.tmpcopyup;
    op.real_directory = mount.type == "proc" || mount.type == "sysfs";
    op.else_bind = bind_instead(mount.type);
    if (op.copy_up && mount.type != "tmpfs") {
      wrong(at_.at("options"), "tmpcopyup is for tmpfs only");
      return;
    }
    defer_readonly(op);
    plan_.mounts.push_back(child_step(op, at_));
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
  unsigned next_slot_ = 0;
};

}  // namespace

MountPlan plan_mounts(Work& work) {
  MountPlan plan;
  MountPlanner planner(work, plan);
  for (std::size_t i = 0; i < work.spec.mounts.size(); ++i) planner.add(i);
  return plan;
}

}  // namespace oci
