// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/plan/skeleton.h"

#include <sys/mount.h>
#include <sys/stat.h>

#include <utility>

namespace ctr {
namespace {

struct Device {
  const char* path;
  unsigned major;
  unsigned minor;
};
constexpr Device kDevices[] = {
    {"/dev/null", 1, 3},   {"/dev/zero", 1, 5},    {"/dev/full", 1, 7},
    {"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0},
};

struct Link {
  const char* at;
  const char* target;
};
constexpr Link kLinks[] = {
    {"/dev/fd", "/proc/self/fd"},
    {"/dev/stdin", "/proc/self/fd/0"},
    {"/dev/stdout", "/proc/self/fd/1"},
    {"/dev/stderr", "/proc/self/fd/2"},
};

}  // namespace

std::vector<MakeDevice> default_devices(bool by_bind) {
  std::vector<MakeDevice> out;
  for (const Device& device : kDevices) {
    MakeDevice op{.at = device.path, .type = S_IFCHR};
    op.major = device.major;
    op.minor = device.minor;
    op.by_bind = by_bind;
    out.push_back(std::move(op));
  }
  return out;
}

std::vector<MakeSymlink> default_links() {
  std::vector<MakeSymlink> out;
  for (const Link& link : kLinks) out.push_back({.at = link.at, .target = link.target});
  // A node that the image has there would be the host's ptmx, not the container's.
  out.push_back({.at = "/dev/ptmx", .target = "pts/ptmx", .replace = true});
  return out;
}

namespace {

class SkeletonBuilder {
 public:
  explicit SkeletonBuilder(const Skeleton& skeleton) : s_(skeleton) {}

  std::vector<Op> build() {
    add(NewRoot{.at = s_.at, .flags = s_.tmpfs_flags, .data = s_.tmpfs_options});
    proc();
    directory("/sys", kPrivate);
    dev();
    run();
    directory("/tmp", s_.world_writable_tmp ? kShared : open_mode());
    file_systems();
    for (std::size_t i = 0; i < kRootEntries.size(); ++i) root_entry(i);
    for (std::size_t i = 0; i < kSkeletonDevices.size(); ++i) device(i);
    for (const MakeDevice& more : s_.more_devices) add(more);
    for (MakeSymlink& link : default_links()) add(by_dev_fd(std::move(link)));
    extras();
    return std::move(ops_);
  }

 private:
  static constexpr mode_t kPrivate = 0700;
  static constexpr mode_t kShared = 01777;
  static constexpr unsigned long kHarmless = MS_NOSUID | MS_NODEV | MS_NOEXEC;

  void add(Op op) { ops_.push_back(std::move(op)); }
  mode_t open_mode() const { return 0777 & ~s_.umask; }
  void directory(const std::string& at, mode_t mode) { add(MakeDirectory{.at = at, .mode = mode}); }
  void link(const std::string& at, const std::string& target) {
    add(MakeSymlink{.at = at, .target = target});
  }
  void mount(const std::string& at, const char* type, unsigned long flags,
             const std::string& data) {
    MountFs op;
    op.at = at;
    op.type = type;
    op.source = type;
    op.flags = flags;
    op.data = data;
    op.real_directory = true;
    add(std::move(op));
  }
  // "/dev/stdin" leads to "fd/0", as the tool has always had it.
  static MakeSymlink by_dev_fd(MakeSymlink link) {
    constexpr std::string_view kAbove = "/proc/self/";
    if (link.target.starts_with("/proc/self/fd/")) link.target.erase(0, kAbove.size());
    return link;
  }
  // Onto itself, so that it is a mount.
  void own_mount(const std::string& at) {
    BindMount op;
    op.at = at;
    op.from = s_.at + at;
    add(std::move(op));
  }

  void proc() {
    directory("/proc", kPrivate);
    if (s_.pid_namespace.has_value())
      add(MountProcOf{.at = "/proc",
                      .pid_namespace = *s_.pid_namespace,
                      .flags = kHarmless,
                      .data = s_.proc_options});
    else if (s_.proc)
      mount("/proc", "proc", kHarmless, s_.proc_options);
  }

  void dev() {
    directory("/dev", open_mode());
    if (s_.systemd) own_mount("/dev");
    directory("/dev/net", open_mode());
    directory("/dev/mqueue", kPrivate);
    directory("/dev/pts", kPrivate);
  }

  void run() {
    directory("/run", open_mode());
    if (s_.systemd) own_mount("/run");
    if (!s_.run_directories) return;
    const mode_t mode = s_.world_writable_tmp ? kShared : open_mode();
    directory("/run/lock", mode);
    const std::string real = s_.systemd ? "/dev/shm" : "/run/shm";
    directory(real, mode);
    link(s_.systemd ? "/run/shm" : "/dev/shm", real);
  }

  void file_systems() {
    if (s_.devpts)
      mount("/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0600");
    if (s_.mqueue) mount("/dev/mqueue", "mqueue", kHarmless, "");
    if (s_.sysfs) mount("/sys", "sysfs", kHarmless, "");
    if (s_.cgroup2) mount("/sys/fs/cgroup", "cgroup2", kHarmless, "");
  }

  void root_entry(std::size_t index) {
    constexpr std::size_t kOpt = 5;
    constexpr std::size_t kUsr = 7;
    const std::string name = kRootEntries[index];
    const bool merged = s_.merged_usr && index < kUsr && index != kOpt;
    switch (s_.root[index]) {
      case RootEntry::Nothing:
        return;
      case RootEntry::LinkReadonly:
        return link("/" + name, (merged ? std::string("usr") : kReadonlyImage) + "/" + name);
      case RootEntry::LinkWritable:
        return link("/" + name, std::string(kWritableImage) + "/" + name);
      case RootEntry::Directory:
        return directory("/" + name, name == "root" ? kPrivate : open_mode());
    }
  }

  void device(std::size_t index) {
    const std::string name = kSkeletonDevices[index];
    const std::string at = "/dev/" + name;
    if (s_.devices[index] == DeviceEntry::LinkToHost)
      link(at, (name.find('/') != std::string::npos ? "../_host/" : "_host/") + name);
    if (s_.devices[index] != DeviceEntry::BindHost) return;
    for (MakeDevice& device : default_devices(true))
      if (device.at == at) return add(std::move(device));
    constexpr unsigned kTunMajor = 10;
    constexpr unsigned kTunMinor = 200;
    add(MakeDevice{
        .at = at, .type = S_IFCHR, .major = kTunMajor, .minor = kTunMinor, .by_bind = true});
  }

  void extras() {
    constexpr mode_t kMode = 0755;
    if (s_.image_directories)
      for (const char* name : {kReadonlyImage, kWritableImage})
        directory(std::string("/") + name, kMode);
    for (const std::string& at : s_.directories) directory(at, kMode);
    if (!s_.console) return;
    // To be bound over; until then writing there goes nowhere.
    add(MakeDevice{.at = "/dev/console", .type = S_IFIFO, .mode = 0600});
  }

  const Skeleton& s_;
  std::vector<Op> ops_;
};

}  // namespace

std::vector<Op> skeleton_ops(const Skeleton& skeleton) { return SkeletonBuilder(skeleton).build(); }

}  // namespace ctr
