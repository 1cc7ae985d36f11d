// SPDX-License-Identifier: Apache-2.0
#include "tests/support/bundle.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include <sstream>

#include "ctrtool/core/base/strf.h"
#include "tests/support/json.h"
#include "tests/support/paths.h"

namespace support {

namespace {

constexpr const char* kApplets[] = {
    "[",    "cat",    "chmod", "chown",  "cp",       "cut",   "date",     "dd",   "echo",
    "env",  "expr",   "false", "find",   "grep",     "head",  "hostname", "id",   "ip",
    "kill", "ln",     "ls",    "mkdir",  "mkfifo",   "mknod", "mount",    "mv",   "nc",
    "od",   "printf", "ps",    "pwd",    "readlink", "rm",    "rmdir",    "sed",  "seq",
    "sh",   "sleep",  "sort",  "stat",   "stty",     "sync",  "tail",     "test", "touch",
    "tr",   "true",   "tty",   "umount", "uname",    "wc",    "whoami",   "xargs"};

constexpr const char* kConfig = R"({
 "ociVersion": "1.0.2",
 "process": {
  "terminal": false, "user": {"uid": 0, "gid": 0}, "args": ["/bin/guest", "report"],
  "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
  "cwd": "/",
  "capabilities": {
   "bounding": ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"],
   "effective": ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"],
   "permitted": ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]},
  "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
  "noNewPrivileges": true
 },
 "root": {"path": "rootfs", "readonly": false},
 "hostname": "container",
 "mounts": [
  {"destination": "/proc", "type": "proc", "source": "proc"},
  {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
   "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
  {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
   "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
  {"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
   "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]},
  {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue",
   "options": ["nosuid", "noexec", "nodev"]},
  {"destination": "/sys", "type": "sysfs", "source": "sysfs",
   "options": ["nosuid", "noexec", "nodev", "ro"]}
 ],
 "linux": {
  "resources": {"devices": [{"allow": false, "access": "rwm"}]},
  "namespaces": [{"type": "pid"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"},
                 {"type": "mount"}],
  "maskedPaths": ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
                  "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi",
                  "/sys/firmware"],
  "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
 }
})";

// Within one run of tests/run.sh all begin alike: it removes what a killed test has left.
std::string random_tag() {
  unsigned bits = 0;
  if (::getrandom(&bits, sizeof bits, 0) != sizeof bits) bits = static_cast<unsigned>(::getpid());
  const char* run = ::getenv("OCICTR_TEST_RUN");
  return ctr::strf("octest-%s-%08x", run != nullptr ? run : "alone", bits);
}

std::string busybox_path() {
  for (const char* path : {"/bin/busybox", "/usr/bin/busybox"})
    if (path_exists(path)) return path;
  return "";
}

void build_rootfs(const std::string& root) {
  for (const char* name : {"bin", "dev", "etc", "proc", "root", "run", "sys", "tmp", "usr", "var"})
    make_directories(root + "/" + name);
  ::chmod((root + "/tmp").c_str(), 01777);
  copy_file(busybox_path(), root + "/bin/busybox", 0755);
  copy_file(guest_path(), root + "/bin/guest", 0755);
  for (const char* applet : kApplets)
    if (::symlink("busybox", (root + "/bin/" + applet).c_str()) != 0 && errno != EEXIST) return;
  write_file(root + "/etc/passwd",
             "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home/user:/bin/sh\n");
  write_file(root + "/etc/group", "root:x:0:\nuser:x:1000:\n");
}

void chown_tree(const std::string& path, unsigned id) {
  if (::lchown(path.c_str(), id, id) != 0) return;
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) return;
  for (const std::string& name : list_directory(path)) chown_tree(path + "/" + name, id);
}

}  // namespace

const std::string& test_tag() {
  static const std::string tag = random_tag();
  return tag;
}

std::string why_no_bundle() {
  return busybox_path().empty() ? "busybox-static is not installed" : "";
}

Bundle::Bundle() {
  static int number = 0;
  id_ = ctr::strf("%s-%d", test_tag().c_str(), ++number);
  build_rootfs(rootfs());
  config_ = kConfig;
  set("/linux/cgroupsPath", json_string(cgroup()));
}

Bundle& Bundle::write_config(const std::string& text) {
  config_ = text;
  write_file(dir_ / "config.json", text);
  return *this;
}

Bundle& Bundle::set(const std::string& pointer, const std::string& value) {
  return write_config(json_set(config_, pointer, value));
}

Bundle& Bundle::remove(const std::string& pointer) {
  return write_config(json_remove(config_, pointer));
}

Bundle& Bundle::args(const std::vector<std::string>& words) {
  return set("/process/args", json_strings(words));
}

Bundle& Bundle::shell(const std::string& script) { return args({"/bin/sh", "-c", script}); }

Bundle& Bundle::bind(const std::string& from, const std::string& to, const std::string& options) {
  std::vector<std::string> words;
  for (std::string_view word : ctr::split(options, ',')) words.emplace_back(word);
  return set("/mounts/-", ctr::strf(R"({"type":"bind","source":%s,"destination":%s,"options":%s})",
                                    json_string(from).c_str(), json_string(to).c_str(),
                                    json_strings(words).c_str()));
}

Bundle& Bundle::map_ids(unsigned host, unsigned size) {
  const std::string map = ctr::strf(R"([{"containerID":0,"hostID":%u,"size":%u}])", host, size);
  chown_tree(rootfs(), host);
  return set("/linux/namespaces/-", R"({"type":"user"})")
      .set("/linux/uidMappings", map)
      .set("/linux/gidMappings", map);
}

Report::Report(const std::string& text) {
  for (const std::string& line : lines_of(text)) {
    const std::size_t space = std::min(line.find(' '), line.size());
    const std::string value = line.substr(std::min(space + 1, line.size()));
    if (line.substr(0, space) == "mount") mounts_.push_back(value);
    values_.emplace(line.substr(0, space), value);
  }
}

std::string Report::operator[](const std::string& key) const {
  const std::vector<std::string> values = all(key);
  if (values.empty()) return "(no \"" + key + "\" in the report)";
  return values.size() == 1 ? values.front() : "(several \"" + key + "\" in the report)";
}

std::vector<std::string> Report::all(const std::string& key) const {
  std::vector<std::string> values;
  const auto [first, last] = values_.equal_range(key);
  for (auto it = first; it != last; ++it) values.push_back(it->second);
  return values;
}

bool Report::has(const std::string& key, const std::string& value) const {
  for (const std::string& one : all(key))
    if (one == value) return true;
  return false;
}

std::string Report::mount_at(const std::string& path) const {
  std::string found;
  for (const std::string& line : mounts_)
    if (parse_mount_line(line).at == path) found = line;
  return found;
}

MountLine parse_mount_line(const std::string& line) {
  std::istringstream words(line);
  std::string id, parent, device, word;
  MountLine mount;
  words >> id >> parent >> device >> mount.root >> mount.at >> mount.options;
  while (words >> word && word != "-")
    mount.propagation += (mount.propagation.empty() ? "" : " ") + word;
  words >> mount.type >> mount.source >> mount.super_options;
  return mount;
}

bool has_option(const std::string& options, const std::string& option) {
  for (std::string_view word : ctr::split(options, ','))
    if (word == option) return true;
  return false;
}

}  // namespace support
