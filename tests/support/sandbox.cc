// SPDX-License-Identifier: Apache-2.0
#include "tests/support/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/strf.h"
#include "tests/support/files.h"
#include "tests/support/paths.h"

namespace support {

namespace {

using ctr::UniqueFd;
using Explain = std::function<void(const std::string&)>;

// One step of the set-up; false after `explain` when the kernel refuses it.
bool step(const Explain& explain, bool ok, const std::string& what) {
  if (ok) return true;
  const int err = errno;
  explain(ctr::strf("%s: %s", what.c_str(), strerror(err)));
  return false;
}

bool mount_at(const Explain& explain, const char* type, const std::string& at, unsigned long flags,
              const char* data) {
  return step(explain, ::mount(type, at.c_str(), type, flags, data) == 0,
              ctr::strf("mount %s on %s", type, at.c_str()));
}

bool bind_at(const Explain& explain, const std::string& from, const std::string& at) {
  return step(explain, ::mount(from.c_str(), at.c_str(), nullptr, MS_BIND | MS_REC, nullptr) == 0,
              ctr::strf("bind %s on %s", from.c_str(), at.c_str()));
}

// Nodes are bound, not made: mknod is not allowed in a user namespace.
bool bind_device_nodes(const Explain& explain, const std::string& dev) {
  for (const char* name : {"null", "zero", "full", "random", "urandom", "tty", "fuse"}) {
    const std::string host = std::string("/dev/") + name;
    if (!path_exists(host)) continue;
    write_file(dev + "/" + name, "");
    if (!bind_at(explain, host, dev + "/" + name)) return false;
  }
  return true;
}

bool make_private_dev(const Explain& explain) {
  const std::string dev = "/tmp/.dev";
  ::mkdir(dev.c_str(), 0755);
  if (!mount_at(explain, "tmpfs", dev, MS_NOSUID, "mode=755")) return false;
  if (!bind_device_nodes(explain, dev)) return false;
  for (const char* name : {"pts", "shm", "mqueue"}) ::mkdir((dev + "/" + name).c_str(), 0755);
  if (!mount_at(explain, "devpts", dev + "/pts", MS_NOSUID | MS_NOEXEC,
                "newinstance,ptmxmode=0666,mode=0620"))
    return false;
  if (!mount_at(explain, "tmpfs", dev + "/shm", MS_NOSUID | MS_NODEV, "mode=1777")) return false;
  if (!mount_at(explain, "mqueue", dev + "/mqueue", 0, nullptr)) return false;
  static constexpr const char* kLinks[][2] = {{"pts/ptmx", "ptmx"},
                                              {"/proc/self/fd", "fd"},
                                              {"/proc/self/fd/0", "stdin"},
                                              {"/proc/self/fd/1", "stdout"},
                                              {"/proc/self/fd/2", "stderr"}};
  for (const auto& link : kLinks)
    if (!step(explain, ::symlink(link[0], (dev + "/" + link[1]).c_str()) == 0, link[1]))
      return false;
  if (!step(explain, ::mount(dev.c_str(), "/dev", nullptr, MS_MOVE, nullptr) == 0, "move /dev"))
    return false;
  ::rmdir(dev.c_str());
  return true;
}

struct Kept {
  std::string path;
  UniqueFd dir;
};

// Opened before they are covered, and in this mount namespace: a bind needs both.
std::vector<Kept> open_kept_directories() {
  std::vector<Kept> kept;
  for (const std::string& path : directories_to_keep()) {
    UniqueFd dir(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (dir.valid()) kept.push_back({path, std::move(dir)});
  }
  return kept;
}

bool show_kept_directories(const Explain& explain, const std::vector<Kept>& kept) {
  for (const Kept& one : kept) {
    if (path_exists(one.path)) continue;  // not below anything that was replaced
    make_directories(one.path);
    if (!bind_at(explain, ctr::strf("/proc/self/fd/%d", one.dir.raw()), one.path)) return false;
  }
  return true;
}

bool make_private_mounts(const Explain& explain) {
  if (!step(explain, ::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0,
            "make mounts private"))
    return false;
  const std::vector<Kept> kept = open_kept_directories();
  if (!mount_at(explain, "proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr)) return false;
  for (const char* at : {"/tmp", "/var/tmp"})
    if (!mount_at(explain, "tmpfs", at, MS_NOSUID, "mode=1777")) return false;  // bundles live here
  if (!mount_at(explain, "tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=755")) return false;
  return make_private_dev(explain) && show_kept_directories(explain, kept);
}

void bring_loopback_up() {
  UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  memcpy(request.ifr_name, "lo", 3);
  request.ifr_flags = IFF_UP;
  ::ioctl(socket.raw(), SIOCSIFFLAGS, &request);
}

// Waits for `pid`, reaping whatever else was handed to us.
int wait_for(pid_t pid) {
  for (;;) {
    int status = 0;
    const pid_t ended = ::waitpid(-1, &status, 0);
    if (ended == pid) return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (ended < 0 && errno != EINTR) return kNoSandbox;
  }
}

[[noreturn]] void init_main(const SandboxOptions& options, const Explain& explain,
                            const std::function<int()>& body) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (!step(explain, ::sethostname("sandbox", 7) == 0, "sethostname")) ::_exit(kNoSandbox);
  if (!make_private_mounts(explain)) ::_exit(kNoSandbox);
  if (options.network) bring_loopback_up();
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    ::_exit(body());
  }
  ::_exit(wait_for(pid));
}

int namespaces_of(const SandboxOptions& options) {
  return CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS |
         (options.network ? CLONE_NEWNET : 0);
}

// The caller's ids, each to itself; an unprivileged caller may map only its own, and to root.
void write_id_maps(pid_t pid) {
  const std::string proc = ctr::strf("/proc/%d/", pid);
  if (::geteuid() == 0) {
    write_file(proc + "uid_map", read_file("/proc/self/uid_map"));
    write_file(proc + "gid_map", read_file("/proc/self/gid_map"));
    return;
  }
  write_file(proc + "setgroups", "deny");
  write_file(proc + "uid_map", ctr::strf("0 %u 1", ::geteuid()));
  write_file(proc + "gid_map", ctr::strf("0 %u 1", ::getegid()));
}

[[noreturn]] void outer_main(const SandboxOptions& options, bool user_namespace, int mapped,
                             const Explain& explain, const std::function<int()>& body) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (user_namespace) {
    if (!step(explain, ::unshare(CLONE_NEWUSER) == 0, "new user namespace")) ::_exit(kNoSandbox);
    ::kill(::getpid(), SIGSTOP);  // until the caller has written the maps
    char byte = 0;
    if (::read(mapped, &byte, 1) != 1) ::_exit(kNoSandbox);
    if (::setresgid(0, 0, 0) != 0 || ::setresuid(0, 0, 0) != 0) ::_exit(kNoSandbox);
  }
  if (!step(explain, ::unshare(namespaces_of(options)) == 0, "new namespaces")) ::_exit(kNoSandbox);
  const pid_t pid = ::fork();
  if (pid == 0) init_main(options, explain, body);
  ::_exit(pid < 0 ? kNoSandbox : wait_for(pid));
}

}  // namespace

std::vector<std::string> directories_to_keep() {
  std::vector<std::string> kept{source_dir(), build_dir()};
  if (const char* runtime = ::getenv("OCICTR"))
    kept.push_back(std::string(runtime).substr(0, std::string(runtime).rfind('/')));
  if (const char* more = ::getenv("OCICTR_TEST_KEEP"))
    for (std::string_view path : ctr::split(more, ':')) kept.emplace_back(path);
  return kept;
}

pid_t start_in_sandbox(const SandboxOptions& options, const Explain& explain,
                       const std::function<int()>& body) {
  const bool user_namespace = options.user_namespace || ::geteuid() != 0;
  int mapped[2];
  if (::pipe2(mapped, O_CLOEXEC) != 0) return -1;
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::close(mapped[1]);
    outer_main(options, user_namespace, mapped[0], explain, body);
  }
  ::close(mapped[0]);
  int status = 0;
  if (user_namespace && ::waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status)) {
    write_id_maps(pid);
    ::kill(pid, SIGCONT);
    if (::write(mapped[1], "m", 1) != 1) ::kill(pid, SIGKILL);
  }
  ::close(mapped[1]);
  return pid;
}

}  // namespace support
