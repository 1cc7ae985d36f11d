// SPDX-License-Identifier: Apache-2.0
// rootfs-mount: the skeleton of a container's root on a fresh tmpfs, or only a proc of another pid
// namespace. What is made, and in which order, is the plan's skeleton.
#include <fcntl.h>
#include <strings.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>

#include "ctrtool/cmd/all.h"
#include "ctrtool/cmd/reap.h"
#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/exec/executor.h"
#include "ctrtool/core/kit/mount_options.h"
#include "ctrtool/core/plan/skeleton.h"
#include "ctrtool/core/sys/cred.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/ns.h"

namespace ctr {
namespace {

enum Long : int { kDryRun = kLongOnly };

constexpr OptionRow kOptions[] = {
    {'o', "option", "NAME=VALUE", "see above; several are separated by commas, the last one wins"},
    {'p', "pid-namespace", "FILE", "only mount the proc of this pid namespace on MOUNTPOINT"},
    {'t', "type", "", "accepted, without effect"},
    {kDryRun, "dry-run", "", "print the plan, do nothing"},
};

struct Request {
  Skeleton skeleton{};
  std::optional<std::string> proc_only{};
  std::optional<std::string> pid_namespace{};
  bool skip_missing = true;  // devices that the host has not
  std::string size = "50%";  // as the kernel has it
  std::string inodes{};      // empty: one for two pages of memory
  bool dry_run = false;
};

// --- values --------------------------------------------------------------------------------------

bool same_word(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

Error bad_value(std::string_view name, std::string_view value, const char* why) {
  return make_error(Kind::InvalidSpec, "-o %s=%s: %s", std::string(name).c_str(),
                    escape(value).c_str(), why);
}

Result<bool> boolean(std::string_view name, std::string_view value) {
  for (const char* word : {"true", "yes", "on"})
    if (same_word(value, word)) return true;
  for (const char* word : {"false", "no", "off"})
    if (same_word(value, word)) return false;
  const Result<std::uint64_t> number = parse_number<std::uint64_t>(value, 0);
  if (!number.ok()) return bad_value(name, value, "neither true nor false");
  return *number != 0;
}

// Two bits an entry, the first entry lowest.
struct Keyword {
  const char* name;
  std::uint32_t bits;
};
constexpr Keyword kRootWords[] = {
    {"none", 0},          {"all_ro", 0x555555},     {"all_rw", 0xaaaaaa},    {"all_dirs", 0xffffff},
    {"usr_ro", 0xaa5555}, {"usr_ro_tmp", 0xff5555}, {"usr_rw_tmp", 0xffaaaa}};
constexpr Keyword kDeviceWords[] = {{"none", 0},
                                    {"bind_host", 0x0aaa},
                                    {"bind_host_v2", 0x2aaa},
                                    {"symlink_host", 0x0555},
                                    {"symlink_host_v2", 0x1555}};

Result<std::uint32_t> bits_of(std::string_view name, std::string_view value,
                              std::span<const Keyword> words) {
  for (const Keyword& word : words)
    if (same_word(value, word.name)) return word.bits;
  const Result<std::uint32_t> number = parse_number<std::uint32_t>(value, 0);
  if (!number.ok()) return bad_value(name, value, "neither a number nor a known word");
  return *number;
}

constexpr std::uint32_t disposition(std::uint32_t bits, std::size_t index) {
  return bits >> (2 * index) & 3;
}

void set_root(std::uint32_t bits, Skeleton& skeleton) {
  for (std::size_t i = 0; i < skeleton.root.size(); ++i)
    skeleton.root[i] = static_cast<RootEntry>(disposition(bits, i));
}

Result<void> set_devices(std::string_view name, std::string_view value, Request& request) {
  request.skip_missing = value.starts_with('?');
  if (request.skip_missing) value.remove_prefix(1);
  const std::uint32_t bits = TRY(bits_of(name, value, kDeviceWords));
  for (std::size_t i = 0; i < request.skeleton.devices.size(); ++i) {
    constexpr std::uint32_t kInvalid = 3;
    if (disposition(bits, i) == kInvalid) return bad_value(name, value, "3 means nothing");
    request.skeleton.devices[i] = static_cast<DeviceEntry>(disposition(bits, i));
  }
  return {};
}

// --- names ---------------------------------------------------------------------------------------

struct Switch {
  const char* name;
  bool Skeleton::*field;
};
constexpr Switch kSwitches[] = {
    {"run_dirs", &Skeleton::run_directories},
    {"tmp_world", &Skeleton::world_writable_tmp},
    {"mount_mqueue", &Skeleton::mqueue},
    {"mount_devpts", &Skeleton::devpts},
    {"mount_sysfs", &Skeleton::sysfs},
    {"mount_proc", &Skeleton::proc},
    {"mount_cgroup2", &Skeleton::cgroup2},
    {"systemd", &Skeleton::systemd},
    {"root_symlink_usr", &Skeleton::merged_usr},
    {"image_dirs", &Skeleton::image_directories},
    {"console", &Skeleton::console},
};
constexpr const char* kTexts[] = {
    "tmpfs_mount_opts", "tmpfs_flags", "size",           "nr_inodes", "umask", "pid_ns",
    "proc_opts",        "mkdir",       "root_link_opts", "dev_opts",  "device"};

bool is_name(std::string_view name) {
  for (const Switch& one : kSwitches)
    if (same_word(name, one.name)) return true;
  return std::ranges::any_of(kTexts, [&](const char* text) { return same_word(name, text); });
}

Result<void> set_flags(std::string_view name, std::string_view value, Skeleton& skeleton) {
  skeleton.tmpfs_flags = 0;
  for (const std::string_view word : split(value, ',')) {
    if (word == "nosuid")
      skeleton.tmpfs_flags |= MS_NOSUID;
    else if (word == "nodev")
      skeleton.tmpfs_flags |= MS_NODEV;
    else if (word == "noexec")
      skeleton.tmpfs_flags |= MS_NOEXEC;
    else if (!word.empty())
      return bad_value(name, value, "only nosuid, nodev and noexec are known");
  }
  return {};
}

Result<void> set_umask(std::string_view name, std::string_view value, Skeleton& skeleton) {
  constexpr mode_t kAll = 0777;
  const Result<mode_t> mask = parse_number<mode_t>(value, 0);
  if (!mask.ok() || *mask > kAll) return bad_value(name, value, "not a umask");
  skeleton.umask = *mask;
  return {};
}

// One more of the host's devices, by its name below /dev; after '?': if the host has it.
Result<void> add_device(std::string_view name, std::string_view value, Skeleton& skeleton) {
  const bool may_miss = value.starts_with('?');
  const std::string at = "/dev/" + std::string(value.substr(may_miss ? 1 : 0));
  const Result<struct stat> st = sys::fstatat(kCwd, at, 0);
  if (!st.ok() && may_miss && st.error().code == ENOENT) return {};
  if (!st.ok()) return bad_value(name, value, "the host has no such device");
  if (!S_ISCHR(st->st_mode) && !S_ISBLK(st->st_mode)) return bad_value(name, value, "no device");
  skeleton.more_devices.push_back({.at = at,
                                   .type = st->st_mode & S_IFMT,
                                   .major = major(st->st_rdev),
                                   .minor = minor(st->st_rdev),
                                   .by_bind = true});
  return {};
}

Result<void> set_limit(std::string_view name, std::string_view value, std::string& limit) {
  if (value.empty() || value.find(',') != std::string_view::npos)
    return bad_value(name, value, "not a number");
  limit = value;
  return {};
}

// What tmpfs_mount_opts says itself stands.
std::string tmpfs_options(const Request& request) {
  std::string options = request.skeleton.tmpfs_options;
  const auto add = [&](const char* name, const std::string& value) {
    if (value.empty() || ("," + options).find(strf(",%s=", name)) != std::string::npos) return;
    options += strf("%s%s=%s", options.empty() ? "" : ",", name, value.c_str());
  };
  if (("," + options).find(",nr_blocks=") == std::string::npos) add("size", request.size);
  add("nr_inodes", request.inodes);
  return options;
}

Result<void> set(std::string_view name, std::string_view value, Request& request) {
  Skeleton& skeleton = request.skeleton;
  for (const Switch& one : kSwitches) {
    if (!same_word(name, one.name)) continue;
    skeleton.*one.field = TRY(boolean(name, value));
    return {};
  }
  if (same_word(name, "tmpfs_flags")) return set_flags(name, value, skeleton);
  if (same_word(name, "umask")) return set_umask(name, value, skeleton);
  if (same_word(name, "dev_opts")) return set_devices(name, value, request);
  if (same_word(name, "device")) return add_device(name, value, skeleton);
  if (same_word(name, "size")) return set_limit(name, value, request.size);
  if (same_word(name, "nr_inodes")) return set_limit(name, value, request.inodes);
  if (same_word(name, "tmpfs_mount_opts")) skeleton.tmpfs_options = value;
  if (same_word(name, "pid_ns")) request.pid_namespace = std::string(value);
  if (same_word(name, "proc_opts")) skeleton.proc_options = value;
  if (same_word(name, "mkdir")) skeleton.directories.emplace_back(value);
  if (!same_word(name, "root_link_opts")) return {};
  const std::uint32_t bits = TRY(bits_of(name, value, kRootWords));
  set_root(bits, skeleton);
  return {};
}

// A comma begins another option only where a name that we know follows: the values of
// tmpfs_mount_opts have commas of their own.
std::vector<std::string> split_options(std::string_view text) {
  std::vector<std::string> out;
  for (const std::string_view part : split(text, ',')) {
    const std::size_t equals = part.find('=');
    const bool begins = equals != std::string_view::npos && is_name(part.substr(0, equals));
    if (out.empty() || begins)
      out.emplace_back(part);
    else
      out.back() += "," + std::string(part);
  }
  return out;
}

Result<void> take_options(const Given& given, Request& request) {
  for (const std::string& option : split_options(given.value)) {
    const std::size_t equals = option.find('=');
    if (equals == std::string::npos) return usage_error(given, "not of the form NAME=VALUE");
    const std::string_view name = std::string_view(option).substr(0, equals);
    if (!is_name(name)) return usage_error(given, "no option has this name");
    TRY(set(name, std::string_view(option).substr(equals + 1), request));
  }
  return {};
}

Result<std::string> absolute(const std::string& path) {
  if (path.starts_with('/')) return path;
  const std::string here = TRY(sys::getcwd());
  return here + "/" + path;
}

Result<Request> read_request(const Parsed& parsed) {
  Request request;
  request.skeleton.tmpfs_flags = MS_NOSUID | MS_NODEV;
  set_root(kRootWords[2].bits, request.skeleton);
  TRY(set_devices("dev_opts", "?bind_host_v2", request));
  for (const Given& given : parsed.options) {
    if (given.key == 'o') TRY(take_options(given, request));
    if (given.key == 'p') request.proc_only = given.value;
    request.dry_run |= given.key == kDryRun;
  }
  if (parsed.words.size() != 1)
    return make_error(Kind::InvalidSpec, "%s",
                      parsed.words.empty() ? "a mount point is missing" : "one mount point only");
  request.skeleton.at = TRY(absolute(parsed.words[0]));
  request.skeleton.tmpfs_options = tmpfs_options(request);
  return request;
}

// --- the plan ------------------------------------------------------------------------------------

Result<UniqueFd> open_pid_namespace(const std::string& path) {
  UniqueFd fd = TRY(sys::open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
  const Result<int> type = sys::namespace_type(fd);
  if (!type.ok() || *type != CLONE_NEWPID)
    return make_error(Kind::InvalidSpec, "%s is not a pid namespace", quote(path).c_str());
  return fd;
}

void drop_missing_devices(Skeleton& skeleton) {
  for (std::size_t i = 0; i < skeleton.devices.size(); ++i) {
    const Result<bool> there = sys::exists(kCwd, std::string("/dev/") + kSkeletonDevices[i]);
    if (skeleton.devices[i] == DeviceEntry::BindHost && there.ok() && !*there)
      skeleton.devices[i] = DeviceEntry::Nothing;
  }
}

ContainerPlan proc_plan(const Request& request, BorrowedFd pid_namespace) {
  ContainerPlan plan;
  plan.add(Phase::Tree, Actor::Child, TakeRoot{"/"});
  plan.add(Phase::Tree, Actor::Child,
           MountProcOf{.at = request.skeleton.at,
                       .pid_namespace = pid_namespace.raw(),
                       .flags = MS_NOSUID | MS_NODEV | MS_NOEXEC,
                       .data = request.skeleton.proc_options});
  return plan;
}

ContainerPlan skeleton_plan(const Skeleton& skeleton) {
  ContainerPlan plan;
  for (Op& op : skeleton_ops(skeleton)) plan.add(Phase::Tree, Actor::Child, std::move(op));
  return plan;
}

Result<Ending> rootfs_mount(const Parsed& parsed) {
  Request request = TRY(read_request(parsed));
  const std::optional<std::string>& from =
      request.proc_only.has_value() ? request.proc_only : request.pid_namespace;
  UniqueFd pid_namespace;
  // Before the new root can hide it.
  if (from.has_value()) pid_namespace = TRY(open_pid_namespace(*from));
  if (pid_namespace.valid()) request.skeleton.pid_namespace = pid_namespace.raw();
  if (request.skip_missing) drop_missing_devices(request.skeleton);
  ContainerPlan plan = request.proc_only.has_value() ? proc_plan(request, pid_namespace)
                                                     : skeleton_plan(request.skeleton);
  plan.id = "rootfs-mount";
  plan.in_place = true;
  if (request.dry_run) {
    TRY(print(describe_text(plan)));
    return Ending{};
  }
  const ReapOurselves reap;
  sys::umask(0);  // modes are meant as the plan says them
  TRY(execute_in_place(plan, {}));
  return Ending{};
}

}  // namespace

const Manual kRootfsMountManual = {
    .name = "rootfs-mount",
    .synopsis = "[-o NAME=VALUE]... MOUNTPOINT\n-p PIDNS_FILE MOUNTPOINT",
    .purpose =
        "Builds the skeleton of a root file system on a new tmpfs, or mounts only the proc\n"
        "of another pid namespace. No link may be on the way to MOUNTPOINT. If anything\n"
        "fails the tmpfs is taken away again. Names of -o, and their defaults:\n"
        "  tmpfs_mount_opts=mode=0755  size=50%  nr_inodes=(one for two pages of memory)\n"
        "  tmpfs_flags=nosuid,nodev  umask=022  run_dirs=true  tmp_world=true\n"
        "  mount_mqueue=true  mount_devpts=true  mount_sysfs=false\n"
        "  mount_proc=false  pid_ns=FILE  proc_opts=(hidepid=2,subset=pid...)  systemd=false\n"
        "  mount_cgroup2=false  image_dirs=false  console=false  mkdir=DIR\n"
        "  root_symlink_usr=false  root_link_opts=all_rw  dev_opts=?bind_host_v2\n"
        "root_link_opts: none, all_ro, all_rw, all_dirs, usr_ro, usr_ro_tmp, usr_rw_tmp, or a\n"
        "number with two bits for each of bin lib lib32 lib64 libx32 opt sbin usr etc home\n"
        "root var: 0 nothing, 1 link to _fsroot_ro/NAME, 2 to _fsroot_rw/NAME, 3 directory.\n"
        "dev_opts: none, bind_host, bind_host_v2 (with net/tun), symlink_host,\n"
        "symlink_host_v2, or a number with two bits for each of full null random tty urandom\n"
        "zero net/tun: 0 nothing, 1 link to _host/NAME, 2 the host's. After '?' devices that\n"
        "the host lacks are left out. Each device=NAME is one more of the host's: device=fuse,\n"
        "device=?kvm. Sizes may end with k, m, g, %. Exit codes do not depend on errno.",
    .options = kOptions,
    .exit_codes = "0  done\n1  usage, a bad value\n3  an operation failed; nothing is left",
    .examples =
        "ctrtool rootfs-mount -o root_link_opts=usr_ro,root_symlink_usr=1,mount_sysfs=1 root\n"
        "ctrtool rootfs-mount -p /proc/$P/ns/pid root/proc",
    .order = Order::Permute,
    .failure_status = kExitFailed,
};

int run_rootfs_mount(const Words& argv) {
  return run_applet(kRootfsMountManual, argv, rootfs_mount);
}

}  // namespace ctr
