// SPDX-License-Identifier: Apache-2.0
// The program inside: a small static binary that tells what it sees, one "key value" per line, and
// does a few things on demand. Answers come from the kernel, not from a shell's idea of it.
//
//   guest report            everything below
//   guest exit N            guest signal N          guest hold [SECONDS]
//   guest fds               guest open r|w|rw PATH  guest syscall NUMBER
//   guest alloc MIB         guest fork COUNT        guest wait-term
//   guest spy PATH          watches who joins, until SIGTERM; PATH is a file that only the host has
//   guest swap ONE OTHER    exchanges the two files again and again, until SIGTERM
//   guest writable DIR...   opens every file below for writing, writes nothing, tells which it may
//   guest without LOW HIGH PROGRAM WORD...   where system calls LOW to HIGH do not exist
//   guest unknown CALL ARGUMENT MASK VALUE ERRNO PROGRAM WORD...
//                           where CALL answers ERRNO if those bits of that argument (from 0) are
//                           VALUE
//   guest type TEXT         puts it into the input of its terminal, for whoever reads there next
//   guest queues            fills message queues and shared memory, tells how much, and holds
//   guest notify TEXT...    one datagram each to $NOTIFY_SOCKET; then ends, or holds after "hold"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/msg.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <initializer_list>

extern char** environ;

namespace {

void show_ids() {
  uid_t real = 0, effective = 0, saved = 0;
  getresuid(&real, &effective, &saved);
  printf("uid %u %u %u\n", real, effective, saved);
  gid_t rgid = 0, egid = 0, sgid = 0;
  getresgid(&rgid, &egid, &sgid);
  printf("gid %u %u %u\n", rgid, egid, sgid);
  gid_t groups[256];
  const int count = getgroups(256, groups);
  printf("groups");
  for (int i = 0; i < count; ++i) printf(" %u", groups[i]);
  printf("\npid %d\nppid %d\nsid %d\npgid %d\n", getpid(), getppid(), getsid(0), getpgrp());
}

void copy_file(const char* key, const char* path) {
  FILE* file = fopen(path, "re");
  if (file == nullptr) {
    printf("%s ? %s\n", key, strerror(errno));
    return;
  }
  char line[4096];
  while (fgets(line, sizeof line, file) != nullptr) {
    line[strcspn(line, "\n")] = 0;
    printf("%s %s\n", key, line);
  }
  fclose(file);
}

// The lines of /proc/self/status that matter, as "status.NAME VALUE".
void show_status() {
  static const char* const kWanted[] = {"CapInh",      "CapPrm",     "CapEff",  "CapBnd",
                                        "CapAmb",      "NoNewPrivs", "Seccomp", "Seccomp_filters",
                                        "SigBlk",      "SigIgn",     "Umask",   "Cpus_allowed_list",
                                        "THP_enabled", "NSpid"};
  FILE* file = fopen("/proc/self/status", "re");
  char line[4096];
  while (file != nullptr && fgets(line, sizeof line, file) != nullptr) {
    line[strcspn(line, "\n")] = 0;
    char* colon = strchr(line, ':');
    if (colon == nullptr) continue;
    *colon = 0;
    for (const char* wanted : kWanted)
      if (strcmp(line, wanted) == 0)
        printf("status.%s %s\n", line, colon + 1 + strspn(colon + 1, "\t "));
  }
  if (file != nullptr) fclose(file);
}

void show_limits() {
  static const struct {
    const char* name;
    __rlimit_resource which;
  } kLimits[] = {{"AS", RLIMIT_AS},
                 {"CORE", RLIMIT_CORE},
                 {"CPU", RLIMIT_CPU},
                 {"DATA", RLIMIT_DATA},
                 {"FSIZE", RLIMIT_FSIZE},
                 {"MEMLOCK", RLIMIT_MEMLOCK},
                 {"NOFILE", RLIMIT_NOFILE},
                 {"NPROC", RLIMIT_NPROC},
                 {"STACK", RLIMIT_STACK},
                 {"NICE", RLIMIT_NICE},
                 {"SIGPENDING", RLIMIT_SIGPENDING}};
  for (const auto& limit : kLimits) {
    rlimit value{};
    getrlimit(limit.which, &value);
    printf("rlimit.%s %lld %lld\n", limit.name, static_cast<long long>(value.rlim_cur),
           static_cast<long long>(value.rlim_max));
  }
}

void show_fds() {
  DIR* dir = opendir("/proc/self/fd");
  if (dir == nullptr) {
    for (int fd = 0; fd < 1024; ++fd)
      if (fcntl(fd, F_GETFD) >= 0) printf("fd %d ?\n", fd);
    return;
  }
  while (const dirent* entry = readdir(dir)) {
    const int fd = atoi(entry->d_name);
    if (entry->d_name[0] == '.' || fd == dirfd(dir)) continue;
    char path[64];
    char target[4096];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    const ssize_t size = readlink(path, target, sizeof target - 1);
    target[size < 0 ? 0 : size] = 0;
    printf("fd %d %s\n", fd, target);
  }
  closedir(dir);
}

void show_namespaces() {
  static const char* const kNames[] = {"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"};
  for (const char* name : kNames) {
    char path[64];
    char target[256];
    snprintf(path, sizeof path, "/proc/self/ns/%s", name);
    const ssize_t size = readlink(path, target, sizeof target - 1);
    target[size < 0 ? 0 : size] = 0;
    printf("ns.%s %s\n", name, target);
  }
}

void show_tty() {
  winsize size{};
  if (ioctl(0, TIOCGWINSZ, &size) != 0) {
    printf("tty no\n");
    return;
  }
  char name[256] = "?";
  ttyname_r(0, name, sizeof name);
  struct stat info {};
  fstat(0, &info);
  struct stat console {};
  const bool has_console = stat("/dev/console", &console) == 0;
  printf("tty %s rows %d cols %d uid %u gid %u mode %o\n", name, size.ws_row, size.ws_col,
         info.st_uid, info.st_gid, info.st_mode & 07777);
  printf("tty.controlling %s\n", tcgetsid(0) == getsid(0) ? "yes" : "no");
  printf("tty.console %s\n", has_console && console.st_rdev == info.st_rdev ? "same" : "other");
}

void show_keyring() {
  char text[1024];
  const long size =
      syscall(SYS_keyctl, KEYCTL_DESCRIBE, KEY_SPEC_SESSION_KEYRING, text, sizeof text);
  printf("keyring %s\n", size < 0 ? strerror(errno) : text);
}

void show_names() {
  utsname names{};
  uname(&names);
  printf("hostname %s\ndomainname %s\n", names.nodename, names.domainname);
  char cwd[4096];
  printf("cwd %s\n", getcwd(cwd, sizeof cwd) == nullptr ? strerror(errno) : cwd);
  struct stat root {};
  struct stat here {};
  stat("/", &root);
  stat(".", &here);
  printf("root.uid %u\ncwd.inode %llu\n", root.st_uid,
         static_cast<unsigned long long>(here.st_ino));
}

// Of a process with deadlines: nanoseconds of running, within so many, of each so many.
void show_deadline() {
  struct {
    unsigned size, policy;
    unsigned long long flags;
    int nice;
    unsigned priority;
    unsigned long long runtime, deadline, period;
  } attr{};
  if (syscall(SYS_sched_getattr, 0, &attr, sizeof attr, 0) == 0 && attr.policy == 6)
    printf("deadline %llu %llu %llu\n", attr.runtime, attr.deadline, attr.period);
}

void show_scheduling() {
  sched_param parameters{};
  sched_getparam(0, &parameters);
  printf("sched %d priority %d nice %d\n", sched_getscheduler(0), parameters.sched_priority,
         getpriority(PRIO_PROCESS, 0));
  show_deadline();
  printf("ioprio %ld\n", syscall(SYS_ioprio_get, 1, 0));
  printf("personality %x\n", personality(0xffffffffUL));
  printf("dumpable %d\n", prctl(PR_GET_DUMPABLE));
  int parent_death_signal = 0;
  prctl(PR_GET_PDEATHSIG, &parent_death_signal);
  printf("pdeathsig %d\nsubreaper ", parent_death_signal);
  int subreaper = 0;
  prctl(PR_GET_CHILD_SUBREAPER, &subreaper);
  printf("%d\n", subreaper);
  timespec boot{};
  clock_gettime(CLOCK_BOOTTIME, &boot);
  printf("boottime %lld\n", static_cast<long long>(boot.tv_sec));
}

int report(int argc, char** argv) {
  for (int i = 0; i < argc; ++i) printf("arg %s\n", argv[i]);
  for (char** entry = environ; *entry != nullptr; ++entry) printf("env %s\n", *entry);
  show_ids();
  show_status();
  show_limits();
  show_fds();
  show_namespaces();
  show_names();
  show_scheduling();
  show_tty();
  show_keyring();
  copy_file("oom", "/proc/self/oom_score_adj");
  copy_file("cgroup", "/proc/self/cgroup");
  copy_file("uid_map", "/proc/self/uid_map");
  copy_file("gid_map", "/proc/self/gid_map");
  copy_file("setgroups", "/proc/self/setgroups");
  copy_file("timens", "/proc/self/timens_offsets");
  copy_file("mount", "/proc/self/mountinfo");
  return 0;
}

int try_open(const char* how, const char* path) {
  const int flags = strcmp(how, "r") == 0 ? O_RDONLY : strcmp(how, "w") == 0 ? O_WRONLY : O_RDWR;
  const int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK);
  char byte = 0;
  if (fd < 0)
    printf("open %s %s: %s\n", how, path, strerror(errno));
  else if (flags != O_WRONLY && read(fd, &byte, 1) < 0)
    printf("open %s %s: opened, read: %s\n", how, path, strerror(errno));
  else
    printf("open %s %s: ok%s\n", how, path, flags != O_WRONLY && byte == 0 ? " empty" : "");
  return fd < 0 ? 1 : 0;
}

int try_syscall(long number) {
  errno = 0;
  const long result = syscall(number, 0, 0, 0, 0, 0, 0);
  printf("syscall %ld %ld %s\n", number, result, result < 0 ? strerror(errno) : "ok");
  return 0;
}

int type_text(const char* text) {
  for (; *text != 0; ++text)
    if (ioctl(0, TIOCSTI, text) != 0) return printf("type: %s\n", strerror(errno)), 1;
  return printf("typed\n"), 0;
}

// Touches every page; killed by the memory limit or says how far it came.
int alloc(long mib) {
  for (long i = 0; i < mib; ++i) {
    char* block = static_cast<char*>(malloc(1 << 20));
    if (block == nullptr) return printf("alloc %ld: no memory\n", i), 1;
    for (int at = 0; at < 1 << 20; at += 4096) block[at] = static_cast<char>(i + 1);
  }
  printf("alloc %ld ok\n", mib);
  return 0;
}

int fork_many(int count) {
  pid_t made[512];
  int number = 0;
  for (; number < count && number < 512; ++number) {
    made[number] = fork();
    if (made[number] == 0) {
      pause();
      _exit(0);
    }
    if (made[number] < 0) break;
  }
  printf("fork %d %s\n", number, number < count ? strerror(errno) : "ok");
  for (int i = 0; i < number; ++i) kill(made[i], SIGKILL);
  return 0;
}

int hold(unsigned seconds) {
  printf("ready\n");
  fflush(stdout);
  sleep(seconds);
  return 0;
}

volatile sig_atomic_t caught = 0;
void on_signal(int signal) { caught = signal; }

// Says "ready", then the name of each signal it gets; TERM ends it with status 0.
int wait_term() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigset_t all;
  sigfillset(&all);
  sigset_t before;
  sigprocmask(SIG_BLOCK, &all, &before);
  for (int signal = 1; signal <= SIGRTMAX; ++signal) sigaction(signal, &action, nullptr);
  printf("ready\n");
  fflush(stdout);
  while (caught != SIGTERM) {
    sigsuspend(&before);
    printf("got %d\n", static_cast<int>(caught));
    fflush(stdout);
  }
  return 0;
}

// --- spy -----------------------------------------------------------------------------------------

struct Spied {
  unsigned programs;  // that were in the container when they were first seen
  unsigned joining;   // processes that were not yet their program
  unsigned root;      // of those, with PATH in their root
  unsigned cwd;       // or below their working directory
  unsigned strong;    // with capabilities that we do not have
  unsigned environ;   // with a variable of the host's
  unsigned held;      // stopped by us, and looked at as long as we liked
  unsigned exes;      // their program, opened while it ran
  unsigned writable;  // and for writing, then or later
  unsigned looks;
  bool told;  // that there was one
};

// What one of them lets be seen.
struct Sight {
  bool root;
  bool cwd;
  bool strong;
  bool environ;
};

// The permitted set, in hexadecimal; of nobody who is there to be looked at: 0.
unsigned long long permitted_of(int process) {
  const int file = openat(process, "status", O_RDONLY | O_CLOEXEC);
  char text[4096] = {};
  const bool got = file >= 0 && read(file, text, sizeof text - 1) > 0;
  if (file >= 0) close(file);
  const char* const line = got ? strstr(text, "CapPrm:") : nullptr;
  return line == nullptr ? 0 : strtoull(line + strlen("CapPrm:"), nullptr, 16);
}

bool has_more_than_we(int process) {
  static const unsigned long long ours = [] {
    const int self = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
    const unsigned long long set = permitted_of(self);
    close(self);
    return set;
  }();
  return (permitted_of(process) & ~ours) != 0;
}

bool has_file(int process, const char* below, const char* path) {
  char name[4096];
  snprintf(name, sizeof name, "%s/%s", below, path);
  return faccessat(process, name, F_OK, 0) == 0;
}

bool is_joining(int process) {
  char exe[256] = {};
  const ssize_t size = readlinkat(process, "exe", exe, sizeof exe - 1);
  return size > 0 && strcmp(exe, "/bin/guest") != 0 && strcmp(exe, "/bin/busybox") != 0;
}

// A file of the host is there to be looked at: one of the container, which it may well have opened,
// and one that is closed by now are not.
bool is_of_the_host(int descriptors, const char* number, const char* path) {
  struct stat its {};
  struct stat ours {};
  if (fstatat(descriptors, number, &its, 0) != 0) return false;
  return stat(path, &ours) != 0 || its.st_dev != ours.st_dev || its.st_ino != ours.st_ino;
}

// What else its descriptors lead to, each once: there are few kinds.
void spy_descriptors(int process) {
  static char known[64][256];
  static int count = 0;
  const int list = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* const dir = list < 0 ? nullptr : fdopendir(list);
  if (dir == nullptr) return;
  while (const dirent* entry = readdir(dir)) {
    char target[256] = {};
    if (entry->d_name[0] == '.' ||
        readlinkat(dirfd(dir), entry->d_name, target, sizeof target - 1) < 0)
      continue;
    if (target[0] == '/' && !is_of_the_host(dirfd(dir), entry->d_name, target)) continue;
    if (char* const number = strchr(target, '['); number != nullptr) *number = 0;
    int i = 0;
    while (i < count && strcmp(known[i], target) != 0) ++i;
    if (i < count || count == 64 || !is_joining(process)) continue;
    strcpy(known[count++], target);
    printf("spied.fd %s\n", target);
  }
  closedir(dir);
}

bool has_environment_of_the_host(int process) {
  const int file = openat(process, "environ", O_RDONLY | O_CLOEXEC);
  char text[4096] = {};
  const ssize_t size = file < 0 ? 0 : read(file, text, sizeof text - 1);
  if (file >= 0) close(file);
  return size > 0 && memmem(text, static_cast<size_t>(size), "ONLY_ON_THE_HOST", 16) != nullptr;
}

void look_at(int process, const char* path, Sight* sight) {
  sight->strong = sight->strong || has_more_than_we(process);
  sight->root = sight->root || has_file(process, "root", path);
  sight->cwd = sight->cwd || has_file(process, "cwd", path);
  sight->environ = sight->environ || has_environment_of_the_host(process);
  spy_descriptors(process);
}

// As a debugger: nothing that it shows can be gone before we see it.
bool hold(int process, pid_t pid, const char* path, Sight* sight) {
  if (ptrace(PTRACE_SEIZE, pid, 0, 0) != 0) return false;
  int status = 0;
  const bool stopped = ptrace(PTRACE_INTERRUPT, pid, 0, 0) == 0 &&
                       waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status);
  const bool held = stopped && is_joining(process);
  if (held) look_at(process, path, sight);
  if (stopped) ptrace(PTRACE_DETACH, pid, 0, 0);
  return held;
}

bool opens(const char* path, int flags) {
  const int file = open(path, flags | O_CLOEXEC);
  if (file >= 0) close(file);
  return file >= 0;
}

// Once nobody runs it any more, its writers need not fear ETXTBSY (CVE-2019-5736).
bool is_writable_now(int exe) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", exe);
  return exe >= 0 && opens(path, O_WRONLY);
}

// Looks at one process for as long as it is joining; at every other one as a debugger first.
void spy_on(int process, pid_t pid, const char* path, Spied* spied) {
  Sight sight{};
  const int exe = is_joining(process) ? openat(process, "exe", O_RDONLY | O_CLOEXEC) : -1;
  bool joined = pid % 2 != 0 && hold(process, pid, path, &sight);
  spied->held += joined;
  for (; is_joining(process); joined = true) {
    ++spied->looks;
    look_at(process, path, &sight);
    if (is_writable_now(exe)) ++spied->writable;
  }
  spied->exes += exe >= 0;
  spied->writable += is_writable_now(exe);
  if (exe >= 0 && joined && !spied->told) {
    spied->told = true;
    printf("seen\n");
    fflush(stdout);
  }
  if (exe >= 0) close(exe);
  spied->joining += joined;
  spied->programs += !joined;
  spied->root += sight.root;
  spied->cwd += sight.cwd;
  spied->strong += sight.strong;
  spied->environ += sight.environ;
}

// Of our pid namespace: the last word of /proc/loadavg.
int newest_pid(int loadavg) {
  char text[256] = {};
  if (pread(loadavg, text, sizeof text - 1, 0) <= 0) return 0;
  const char* const word = strrchr(text, ' ');
  return word == nullptr ? 0 : atoi(word);
}

int spy(const char* path) {
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigaction(SIGTERM, &action, nullptr);
  const int loadavg = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
  printf("ready\n");
  fflush(stdout);
  Spied spied{};
  for (int last = getpid(); caught == 0;) {
    while (last < newest_pid(loadavg)) {
      char name[64];
      snprintf(name, sizeof name, "/proc/%d", ++last);
      const int process = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
      if (process < 0) continue;  // gone already
      spy_on(process, last, path, &spied);
      close(process);
    }
  }
  printf("spied.programs %u\nspied.joining %u\nspied.looks %u\nspied.root %u\nspied.cwd %u\n",
         spied.programs, spied.joining, spied.looks, spied.root, spied.cwd);
  printf("spied.strong %u\nspied.environ %u\nspied.held %u\n", spied.strong, spied.environ,
         spied.held);
  printf("spied.exes %u\nspied.writable %u\n", spied.exes, spied.writable);
  return 0;
}

int swap(const char* one, const char* other) {
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigaction(SIGTERM, &action, nullptr);
  printf("ready\n");
  fflush(stdout);
  constexpr unsigned kExchange = 2;  // RENAME_EXCHANGE
  unsigned done = 0;
  for (; caught == 0; ++done)
    if (syscall(SYS_renameat2, AT_FDCWD, one, AT_FDCWD, other, kExchange) != 0) return 1;
  printf("swaps %u\n", done);
  return 0;
}

unsigned tried = 0;

// What a process has of its own in /proc is its own.
bool is_of_a_process(const char* path) {
  int pid = 0;
  return sscanf(path, "/proc/%d", &pid) == 1;
}

int try_to_write(const char* path, const struct stat*, int type, FTW*) {
  if (type != FTW_F || is_of_a_process(path)) return 0;
  ++tried;
  const int fd = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
  if (fd < 0) return 0;
  printf("writable %s\n", path);
  close(fd);
  return 0;
}

int writable(int count, char** directories) {
  constexpr int kDescriptors = 32;
  for (int i = 0; i < count; ++i) nftw(directories[i], try_to_write, kDescriptors, FTW_PHYS);
  printf("tried %u\n", tried);
  return 0;
}

int under_filter(const sock_filter* program, unsigned short length, char** words) {
  const sock_fprog filter = {length, const_cast<sock_filter*>(program)};
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0) execvp(words[0], words);
  fprintf(stderr, "guest: filter: %s\n", strerror(errno));
  return 127;
}

// As a kernel that is older than they are would answer.
int without(char** words) {
  const sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, static_cast<unsigned>(atoi(words[0])), 0, 2),
      BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, static_cast<unsigned>(atoi(words[1])), 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  return under_filter(program, sizeof program / sizeof *program, words + 2);
}

// The same for one flag or command of a call.
int unknown(char** words) {
  const auto number = [&](int i) { return static_cast<unsigned>(strtoul(words[i], nullptr, 0)); };
  const auto argument =
      static_cast<unsigned>(offsetof(seccomp_data, args) + number(1) * sizeof(__u64));
  const sock_filter program[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                                 BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number(0), 0, 4),
                                 BPF_STMT(BPF_LD | BPF_W | BPF_ABS, argument),
                                 BPF_STMT(BPF_ALU | BPF_AND | BPF_K, number(2)),
                                 BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number(3), 0, 1),
                                 BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | number(4)),
                                 BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  return under_filter(program, sizeof program / sizeof *program, words + 5);
}

int notify(int count, char** texts) {
  const char* const path = getenv("NOTIFY_SOCKET");
  sockaddr_un to = {};
  to.sun_family = AF_UNIX;
  if (path == nullptr || strlen(path) >= sizeof to.sun_path) return 3;
  strcpy(to.sun_path, path);
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  for (int i = 0; i < count; ++i) {
    if (strcmp(texts[i], "hold") == 0) return hold(60);
    if (sendto(fd, texts[i], strlen(texts[i]), 0, reinterpret_cast<const sockaddr*>(&to),
               sizeof to) < 0)
      return printf("notify: %s\n", strerror(errno)), 4;
  }
  return 0;
}

// Memory of the ipc namespace, which no process has in its limits.
int fill_queues() {
  constexpr size_t kSegment = 32U << 20;
  const int segment = shmget(IPC_PRIVATE, kSegment, IPC_CREAT | 0600);
  void* const memory = segment < 0 ? nullptr : shmat(segment, nullptr, 0);
  if (memory != nullptr && memory != reinterpret_cast<void*>(-1)) memset(memory, 1, kSegment);
  static struct {
    long type = 1;
    char text[4000];
  } message;
  size_t system_v = 0;
  for (int i = 0; i < 4096; ++i) {
    const int queue = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
    while (queue >= 0 && msgsnd(queue, &message, sizeof message.text, IPC_NOWAIT) == 0)
      system_v += sizeof message.text;
  }
  size_t posix = 0;
  for (int i = 0; i < 200; ++i) {
    char name[32];
    snprintf(name, sizeof name, "/queue-%d", i);
    const mqd_t queue = mq_open(name, O_CREAT | O_RDWR | O_NONBLOCK, 0600, nullptr);
    if (queue < 0) break;
    while (mq_send(queue, message.text, sizeof message.text, 0) == 0) posix += sizeof message.text;
    mq_close(queue);
  }
  printf("system_v %zu\nposix %zu\n", system_v, posix);
  fflush(stdout);
  return hold(60);
}

}  // namespace

int main(int argc, char** argv) {
  const char* what = argc > 1 ? argv[1] : "report";
  const char* value = argc > 2 ? argv[2] : "0";
  if (strcmp(what, "report") == 0) return report(argc, argv);
  if (strcmp(what, "fds") == 0) return show_fds(), 0;
  if (strcmp(what, "exit") == 0) return atoi(value);
  if (strcmp(what, "signal") == 0) return signal(atoi(value), SIG_DFL), raise(atoi(value)), 0;
  if (strcmp(what, "hold") == 0) return hold(argc > 2 ? static_cast<unsigned>(atoi(value)) : 60);
  if (strcmp(what, "open") == 0 && argc > 3) return try_open(argv[2], argv[3]);
  if (strcmp(what, "syscall") == 0) return try_syscall(atol(value));
  if (strcmp(what, "type") == 0) return type_text(value);
  if (strcmp(what, "alloc") == 0) return alloc(atol(value));
  if (strcmp(what, "fork") == 0) return fork_many(atoi(value));
  if (strcmp(what, "wait-term") == 0) return wait_term();
  if (strcmp(what, "spy") == 0) return spy(value);
  if (strcmp(what, "swap") == 0 && argc > 3) return swap(argv[2], argv[3]);
  if (strcmp(what, "writable") == 0) return writable(argc - 2, argv + 2);
  if (strcmp(what, "without") == 0 && argc > 4) return without(argv + 2);
  if (strcmp(what, "unknown") == 0 && argc > 7) return unknown(argv + 2);
  if (strcmp(what, "queues") == 0) return fill_queues();
  if (strcmp(what, "notify") == 0) return notify(argc - 2, argv + 2);
  fprintf(stderr, "guest: unknown word %s\n", what);
  return 2;
}
