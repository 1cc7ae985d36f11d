// SPDX-License-Identifier: Apache-2.0
// floor ROOTFS PROGRAM [ARG...]
//
// The least that any runtime must do for a container: new namespaces, the default mounts and
// devices, pivot_root, exec; and wait. No configuration, no control groups, no masked paths, no
// privileges dropped, no record. What a runtime takes longer than this is its own doing.
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

void must(bool done, const char* what) {
  if (done) return;
  perror(what);
  _exit(125);
}

void bring_up_loopback() {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  must(ioctl(fd, SIOCSIFFLAGS, &request) == 0, "loopback");
  close(fd);
}

struct Default {
  const char* type;
  const char* at;
  unsigned long flags;
  const char* data;
};

constexpr unsigned long kSafe = MS_NOSUID | MS_NODEV | MS_NOEXEC;
constexpr Default kMounts[] = {
    {"proc", "/proc", 0, nullptr},
    {"tmpfs", "/dev", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k"},
    {"devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620"},
    {"tmpfs", "/dev/shm", kSafe, "mode=1777,size=65536k"},
    {"mqueue", "/dev/mqueue", kSafe, nullptr},
    {"sysfs", "/sys", kSafe | MS_RDONLY, nullptr},
};

struct Device {
  const char* at;
  unsigned major, minor;
};
constexpr Device kDevices[] = {{"/dev/null", 1, 3},   {"/dev/zero", 1, 5},    {"/dev/full", 1, 7},
                               {"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0}};

constexpr const char* kLinks[][2] = {{"/proc/self/fd", "/dev/fd"},
                                     {"/proc/self/fd/0", "/dev/stdin"},
                                     {"/proc/self/fd/1", "/dev/stdout"},
                                     {"/proc/self/fd/2", "/dev/stderr"},
                                     {"pts/ptmx", "/dev/ptmx"}};

void enter(const char* rootfs) {
  must(mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) == 0, "propagation");
  must(mount(rootfs, rootfs, nullptr, MS_BIND | MS_REC, nullptr) == 0, rootfs);
  must(chdir(rootfs) == 0, "chdir");
  must(syscall(SYS_pivot_root, ".", ".") == 0, "pivot_root");
  must(umount2(".", MNT_DETACH) == 0, "umount");
  must(chdir("/") == 0, "chdir /");
  for (const Default& one : kMounts) {
    mkdir(one.at, 0755);
    must(mount(one.type, one.at, one.type, one.flags, one.data) == 0, one.at);
  }
  for (const Device& one : kDevices)
    must(mknod(one.at, S_IFCHR | 0666, makedev(one.major, one.minor)) == 0, one.at);
  for (const auto& link : kLinks) must(symlink(link[0], link[1]) == 0, link[1]);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  clone_args args{};
  args.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC;
  args.exit_signal = SIGCHLD;
  const long pid = syscall(SYS_clone3, &args, sizeof args);
  must(pid >= 0, "clone3");
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    must(unshare(CLONE_NEWNET) == 0, "unshare");
    bring_up_loopback();
    must(sethostname("floor", 5) == 0, "sethostname");
    enter(argv[1]);
    execv(argv[2], argv + 2);
    must(false, argv[2]);
  }
  int status = 0;
  waitpid(static_cast<pid_t>(pid), &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
