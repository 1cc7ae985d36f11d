// SPDX-License-Identifier: Apache-2.0
#include "tests/support/oracle.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "ctrtool/core/base/strf.h"
#include "tests/support/bundle.h"
#include "tests/support/files.h"
#include "tests/support/process.h"
#include "tests/support/runtime.h"

namespace support {

namespace {

using Lines = std::vector<std::string>;

bool is_directory(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

void collect_tree(const std::string& path, Lines& found) {
  for (const std::string& name : list_directory(path)) {
    found.push_back(path + "/" + name);
    if (is_directory(found.back())) collect_tree(path + "/" + name, found);
  }
}

// Compiled seccomp programs, shared by all containers: made once, costs time only when lost.
bool is_cache(const std::string& entry) {
  return contains(entry, state_root() + "/.") || contains(entry, state_root() + "/cache");
}

Lines state_entries() {
  Lines found;
  collect_tree(state_root(), found);
  std::erase_if(found, is_cache);
  return found;
}

void collect_cgroups(const std::string& path, Lines& found) {
  for (const std::string& name : list_directory(path)) {
    const std::string child = path + "/" + name;
    if (!is_directory(child)) continue;
    if (contains(child, test_tag())) found.push_back(child);
    collect_cgroups(child, found);
  }
}

Lines tagged_cgroups() {
  Lines found;
  for (const Hierarchy& hierarchy : cgroup_hierarchies()) collect_cgroups(hierarchy.mount, found);
  return found;
}

Lines other_processes() {
  Lines found;
  for (const std::string& name : list_directory("/proc")) {
    const int pid = ::atoi(name.c_str());
    if (pid <= 1 || pid == ::getpid()) continue;
    const std::string stat = read_file("/proc/" + name + "/stat");
    const std::size_t paren = stat.rfind(')');
    if (paren == std::string::npos || paren + 2 >= stat.size()) continue;
    found.push_back(stat.substr(0, paren + 1) + (stat[paren + 2] == 'Z' ? " zombie" : ""));
  }
  return found;
}

Lines own_fds() {
  Lines found;
  for (const std::string& name : list_directory("/proc/self/fd")) {
    const std::string target = link_target("/proc/self/fd/" + name);
    if (!target.empty() && !contains(target, "/proc/")) found.push_back(name + " " + target);
  }
  return found;
}

// Both ways: a mount that went is as wrong as one that came.
void compare(const char* what, Lines before, Lines after, Lines& differences) {
  std::sort(before.begin(), before.end());
  std::sort(after.begin(), after.end());
  Lines more;
  std::set_difference(after.begin(), after.end(), before.begin(), before.end(),
                      std::back_inserter(more));
  for (const std::string& line : more)
    differences.push_back(ctr::strf("new %s: %s", what, line.c_str()));
  more.clear();
  std::set_difference(before.begin(), before.end(), after.begin(), after.end(),
                      std::back_inserter(more));
  for (const std::string& line : more)
    differences.push_back(ctr::strf("lost %s: %s", what, line.c_str()));
}

Lines differences_now(const Snapshot& before) {
  reap_children();
  const Snapshot after = take_snapshot();
  Lines found;
  compare("state entry", before.state, after.state, found);
  compare("control group", before.cgroups, after.cgroups, found);
  compare("mount", before.mounts, after.mounts, found);
  compare("process", before.processes, after.processes, found);
  compare("descriptor", before.fds, after.fds, found);
  return found;
}

void remove_cgroup(const std::string& path) {
  write_file(path + "/freezer.state", "THAWED");
  write_file(path + "/cgroup.freeze", "0");
  for (const int pid : pids_in(path)) ::kill(pid, SIGKILL);
  eventually(
      [&] {
        reap_children();
        return ::rmdir(path.c_str()) == 0 || !path_exists(path);
      },
      2000);
}

void add_fingerprint(const std::string& path, std::string& text) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return;
  text += ctr::strf("%s %o %u:%u %lld.%09ld %lld\n", path.c_str(), info.st_mode, info.st_uid,
                    info.st_gid, static_cast<long long>(info.st_mtim.tv_sec), info.st_mtim.tv_nsec,
                    static_cast<long long>(info.st_size));
  if (S_ISREG(info.st_mode)) text += read_file(path);
  if (S_ISDIR(info.st_mode))
    for (const std::string& name : list_directory(path)) add_fingerprint(path + "/" + name, text);
}

}  // namespace

Snapshot take_snapshot() {
  return {state_entries(), tagged_cgroups(), lines_of(read_file("/proc/self/mountinfo")),
          other_processes(), own_fds()};
}

std::vector<std::string> left_behind(const Snapshot& before) {
  Lines found;
  eventually(
      [&] {
        found = differences_now(before);
        return found.empty();
      },
      2000);
  return found;
}

void clean_up_machine() {
  for (const std::string& path : tagged_cgroups()) write_file(path + "/freezer.state", "THAWED");
  ::kill(-1, SIGKILL);  // the sandbox's pid namespace: never anything outside
  Lines paths = tagged_cgroups();
  std::reverse(paths.begin(), paths.end());
  for (const std::string& path : paths) remove_cgroup(path);
}

std::vector<Hierarchy> cgroup_hierarchies() {
  std::vector<Hierarchy> found;
  for (const std::string& line : lines_of(read_file("/proc/self/mountinfo"))) {
    const MountLine mount = parse_mount_line(line);
    if (mount.type != "cgroup" && mount.type != "cgroup2") continue;
    const std::size_t comma = mount.super_options.find(',');
    found.push_back({mount.at, mount.type == "cgroup2" || comma == std::string::npos
                                   ? ""
                                   : mount.super_options.substr(comma + 1)});
  }
  return found;
}

ctr::UniqueFd lock_controllers() {
  for (const Hierarchy& hierarchy : cgroup_hierarchies()) {
    if (!hierarchy.controllers.empty()) continue;
    ctr::UniqueFd dir(::open(hierarchy.mount.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    while (::flock(dir.raw(), LOCK_EX) != 0 && errno == EINTR) {
    }
    return dir;
  }
  return {};
}

std::string cgroup_dir(const std::string& controller, const std::string& path) {
  std::string unified;
  for (const Hierarchy& hierarchy : cgroup_hierarchies()) {
    if (has_option(hierarchy.controllers, controller)) return hierarchy.mount + path;
    if (hierarchy.controllers.empty()) unified = hierarchy.mount;
  }
  const std::string available = read_file(unified + "/cgroup.controllers");
  const bool there =
      contains(" " + available.substr(0, available.find('\n')) + " ", " " + controller + " ");
  return there && !unified.empty() ? unified + path : "";
}

std::vector<int> pids_in(const std::string& cgroup_directory) {
  std::vector<int> pids;
  for (const std::string& line : lines_of(read_file(cgroup_directory + "/cgroup.procs")))
    pids.push_back(::atoi(line.c_str()));
  return pids;
}

void make_sentinel(const std::string& path) {
  make_directories(path + "/directory");
  write_file(path + "/file", "do not touch\n", 0600);
  write_file(path + "/ptmx", "not a terminal\n", 0600);
  ::mkfifo((path + "/fifo").c_str(), 0600);
}

std::string fingerprint(const std::string& path) {
  std::string text;
  add_fingerprint(path, text);
  return text;
}

}  // namespace support
