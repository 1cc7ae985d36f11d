// SPDX-License-Identifier: Apache-2.0
#include "runtime/spec/defaults.h"

#include <unistd.h>

#include <string>
#include <vector>

#include "runtime/spec/json.h"
#include "runtime/spec/schema.h"

namespace oci {
namespace {

Process default_process() {
  const std::vector<std::string> caps = {"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"};
  Process process;
  process.terminal = true;
  process.args = {"sh"};
  process.env = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"};
  process.cwd = "/";
  process.capabilities = Capabilities{
      .bounding = caps, .effective = caps, .inheritable = {}, .permitted = caps, .ambient = {}};
  process.rlimits = {{.type = "RLIMIT_NOFILE", .hard = 1024, .soft = 1024}};
  process.noNewPrivileges = true;
  return process;
}

Mount mount(const char* type, const char* source, const char* destination,
            std::vector<std::string> options) {
  return {.destination = destination,
          .type = type,
          .source = source,
          .options = std::move(options),
          .uidMappings = {},
          .gidMappings = {}};
}

// A new sysfs needs a network namespace of one's own, and only root may own the tty group's files.
std::vector<Mount> default_mounts(DefaultKind kind) {
  const bool rootless = kind == DefaultKind::Rootless;
  std::vector<std::string> pts = {"nosuid",        "noexec",    "newinstance",
                                  "ptmxmode=0666", "mode=0620", "gid=5"};
  if (rootless) pts.pop_back();
  return {
      mount("proc", "proc", "/proc", {}),
      mount("tmpfs", "tmpfs", "/dev", {"nosuid", "strictatime", "mode=755", "size=65536k"}),
      mount("devpts", "devpts", "/dev/pts", std::move(pts)),
      mount("tmpfs", "shm", "/dev/shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}),
      mount("mqueue", "mqueue", "/dev/mqueue", {"nosuid", "noexec", "nodev"}),
      rootless ? mount("none", "/sys", "/sys", {"rbind", "nosuid", "noexec", "nodev", "ro"})
               : mount("sysfs", "sysfs", "/sys", {"nosuid", "noexec", "nodev", "ro"}),
      mount("cgroup", "cgroup", "/sys/fs/cgroup", {"nosuid", "noexec", "nodev", "relatime", "ro"}),
  };
}

DeviceRule deny_all_devices() {
  return {.allow = false, .type = {}, .major = {}, .minor = {}, .access = "rwm"};
}

Linux default_linux(DefaultKind kind) {
  Linux config;
  config.namespaces = {{.type = NamespaceType::Pid, .path = {}},
                       {.type = NamespaceType::Ipc, .path = {}},
                       {.type = NamespaceType::Uts, .path = {}},
                       {.type = NamespaceType::Mount, .path = {}},
                       {.type = NamespaceType::Cgroup, .path = {}}};
  if (kind == DefaultKind::Rootless) {
    config.namespaces.push_back({.type = NamespaceType::User, .path = {}});
    config.uidMappings = {{.containerID = 0, .hostID = ::geteuid(), .size = 1}};
    config.gidMappings = {{.containerID = 0, .hostID = ::getegid(), .size = 1}};
  } else {
    config.namespaces.push_back({.type = NamespaceType::Network, .path = {}});
    config.resources.emplace().devices = {deny_all_devices()};
  }
  config.maskedPaths = {"/proc/acpi",        "/proc/asound",        "/proc/kcore",
                        "/proc/keys",        "/proc/latency_stats", "/proc/timer_list",
                        "/proc/timer_stats", "/proc/sched_debug",   "/sys/firmware",
                        "/proc/scsi"};
  config.readonlyPaths = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
  return config;
}

}  // namespace

Spec default_spec(DefaultKind kind) {
  Spec spec;
  spec.ociVersion = kSpecVersion;
  spec.process = default_process();
  spec.root = {.path = "rootfs", .readonly = true};
  spec.hostname = "ocictr";
  spec.mounts = default_mounts(kind);
  spec.linux_ = default_linux(kind);
  return spec;
}

std::string to_json(const Spec& spec) {
  json::Writer out("\t");
  write(out, spec);
  return std::move(out).take() + '\n';
}

}  // namespace oci
