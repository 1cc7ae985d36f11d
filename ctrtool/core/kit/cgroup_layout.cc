// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/cgroup_layout.h"

#include <dirent.h>
#include <linux/magic.h>

#include <algorithm>
#include <optional>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/file.h"

namespace ctr {
namespace {

// File names in cgroup directories are "controller.file": a path as long as the kernel allows must
// still leave room for the mount point before it and the file behind it.
constexpr std::size_t kMaxPath = 4096 - 256 - 128;
constexpr std::size_t kMaxComponent = 255;

bool contains(const std::vector<std::string>& list, std::string_view item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

std::vector<std::string> words(std::string_view text, char separator) {
  std::vector<std::string> list;
  for (const std::string_view word : split(text, separator))
    if (!word.empty()) list.emplace_back(word);
  return list;
}

// The fields of "4:memory:/a:b": the path may hold colons.
std::optional<CgroupMembership> parse_membership(std::string_view line) {
  const std::size_t first = line.find(':');
  if (first == std::string_view::npos) return std::nullopt;
  const std::size_t second = line.find(':', first + 1);
  if (second == std::string_view::npos || second + 1 >= line.size()) return std::nullopt;
  return CgroupMembership{words(line.substr(first + 1, second - first - 1), ','),
                          std::string(line.substr(second + 1))};
}

// A named hierarchy ("name=systemd") is mounted by its name.
std::string_view mounted_as(std::string_view controller) {
  constexpr std::string_view kName = "name=";
  if (controller.starts_with(kName)) controller.remove_prefix(kName.size());
  return controller;
}

// Is this the mount of that hierarchy? Distributions name it by its controllers, in any order; the
// v2 one of a hybrid host as they like. Asked for each pair of them, so nothing is copied.
bool is_mount_of(const CgroupMount& mount, const CgroupMembership& member) {
  if (mount.version == CgroupVersion::V2 || member.controllers.empty())
    return mount.version == CgroupVersion::V2 && member.controllers.empty();
  std::size_t length = member.controllers.size() - 1;  // the commas
  for (const std::string& controller : member.controllers) length += mounted_as(controller).size();
  if (length != mount.name.size()) return false;
  const std::vector<std::string_view> names = split(mount.name, ',');
  return std::all_of(
      member.controllers.begin(), member.controllers.end(), [&](const std::string& controller) {
        return std::find(names.begin(), names.end(), mounted_as(controller)) != names.end();
      });
}

CgroupHierarchy compose(const std::string& root, const CgroupMount& mount,
                        const CgroupMembership& member, std::string_view v2_controllers) {
  CgroupHierarchy hierarchy;
  hierarchy.name = mount.name.empty() ? "unified" : mount.name;
  hierarchy.mountpoint = mount.name.empty() ? root : root + "/" + mount.name;
  hierarchy.version = mount.version;
  hierarchy.own_path = member.path;
  hierarchy.controllers =
      mount.version == CgroupVersion::V2 ? words(trim(v2_controllers), ' ') : member.controllers;
  return hierarchy;
}

CgroupKind kind_of(const CgroupLayout& layout) {
  const bool v2 = layout.unified() != nullptr;
  if (layout.hierarchies.size() > 1) return v2 ? CgroupKind::Hybrid : CgroupKind::V1;
  if (layout.hierarchies.empty()) return CgroupKind::None;
  return v2 ? CgroupKind::V2 : CgroupKind::V1;
}

std::optional<CgroupVersion> version_of(const struct statfs& fs) {
  if (fs.f_type == CGROUP2_SUPER_MAGIC) return CgroupVersion::V2;
  if (fs.f_type == CGROUP_SUPER_MAGIC) return CgroupVersion::V1;
  return std::nullopt;
}

// Links ("cpu" to "cpu,cpuacct") are passed over: what they lead to is in the same directory.
Result<std::vector<CgroupMount>> find_mounts(const std::string& root) {
  const struct statfs fs = TRY(sys::statfs(root));
  if (version_of(fs) == CgroupVersion::V2) return std::vector<CgroupMount>{{"", CgroupVersion::V2}};
  const UniqueFd dir = TRY(sys::open(root, O_PATH | O_DIRECTORY));
  const std::vector<sys::DirEntry> entries = TRY(sys::list_dir(dir));
  std::vector<CgroupMount> mounts;
  for (const sys::DirEntry& entry : entries) {
    if (entry.type != DT_DIR) continue;
    const struct statfs below = TRY(sys::statfs(root + "/" + entry.name));
    const std::optional<CgroupVersion> version = version_of(below);
    if (version.has_value()) mounts.push_back({entry.name, *version});
  }
  return mounts;
}

Result<std::string> read_v2_controllers(const std::string& root,
                                        const std::vector<CgroupMount>& mounts) {
  for (const CgroupMount& mount : mounts)
    if (mount.version == CgroupVersion::V2)
      return sys::read_file_at(kCwd, root + "/" + mount.name + "/cgroup.controllers");
  return std::string();
}

Result<void> check_component(std::string_view component, std::string_view path) {
  const auto refuse = [&](const char* why) {
    return make_error(Kind::InvalidSpec, "cgroup path %s: %s", quote(path.substr(0, 300)).c_str(),
                      why);
  };
  if (component == "..") return refuse("\"..\" is not allowed");
  if (component.size() > kMaxComponent) return refuse("a component is over 255 bytes long");
  const auto is_control = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  };
  if (std::any_of(component.begin(), component.end(), is_control))
    return refuse("control characters are not allowed");
  return {};
}

}  // namespace

const CgroupHierarchy* CgroupLayout::find(std::string_view controller) const {
  for (const CgroupHierarchy& hierarchy : hierarchies)
    if (contains(hierarchy.controllers, controller)) return &hierarchy;
  return controller == "devices" || controller == "freezer" ? unified() : nullptr;
}

const CgroupHierarchy* CgroupLayout::unified() const {
  for (const CgroupHierarchy& hierarchy : hierarchies)
    if (hierarchy.version == CgroupVersion::V2) return &hierarchy;
  return nullptr;
}

Result<CgroupLayout> discover_cgroups(const std::string& root) {
  Result<std::vector<CgroupMount>> mounts = find_mounts(root);
  if (!mounts.ok() && mounts.error().code == ENOENT) return CgroupLayout{};
  if (!mounts.ok()) return std::move(mounts).error();
  if (mounts->empty()) return CgroupLayout{};
  const std::string own = TRY(sys::read_file_at(kCwd, "/proc/self/cgroup"));
  const std::string controllers = TRY(read_v2_controllers(root, *mounts));
  return compose_cgroup_layout(root, *mounts, own, controllers);
}

Result<CgroupLayout> compose_cgroup_layout(const std::string& root,
                                           const std::vector<CgroupMount>& mounts,
                                           std::string_view own, std::string_view v2_controllers) {
  const std::vector<CgroupMembership> members = TRY(parse_proc_cgroup(own));
  CgroupLayout layout;
  for (const CgroupMembership& member : members) {
    const auto mount = std::find_if(mounts.begin(), mounts.end(),
                                    [&](const CgroupMount& m) { return is_mount_of(m, member); });
    if (mount == mounts.end()) continue;
    layout.hierarchies.push_back(compose(root, *mount, member, v2_controllers));
  }
  layout.kind = kind_of(layout);
  return layout;
}

Result<std::vector<CgroupMembership>> parse_proc_cgroup(std::string_view text) {
  std::vector<CgroupMembership> members;
  for (const std::string_view line : split(text, '\n')) {
    if (line.empty()) continue;
    std::optional<CgroupMembership> member = parse_membership(line);
    if (!member.has_value())
      return make_error(Kind::System, "/proc/PID/cgroup: not understood: %s", quote(line).c_str());
    members.push_back(std::move(*member));
  }
  return members;
}

Result<std::string> normalize_cgroup_path(std::string_view path) {
  std::string clean;
  for (const std::string_view component : split(path, '/')) {
    if (component.empty() || component == ".") continue;
    TRY(check_component(component, path));
    clean += '/';
    clean += component;
  }
  if (clean.empty())
    return make_error(Kind::InvalidSpec, "cgroup path %s: names the root", quote(path).c_str());
  if (clean.size() > kMaxPath)
    return make_error(Kind::InvalidSpec, "cgroup path %s...: over %zu bytes long",
                      quote(clean.substr(0, 64)).c_str(), kMaxPath);
  return clean;
}

bool cgroup_contains(std::string_view ancestor, std::string_view path) {
  if (ancestor.ends_with('/')) ancestor.remove_suffix(1);
  if (!path.starts_with(ancestor)) return false;
  return path.size() == ancestor.size() || path[ancestor.size()] == '/';
}

}  // namespace ctr
