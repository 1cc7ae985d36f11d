// SPDX-License-Identifier: Apache-2.0
// steps PROGRAM ARG...
//
// Which instructions of PROGRAM a command runs: executes it step by step, and all of its children
// for as long as they are the same program, and prints the offsets in the file's image, decimal,
// one line each. Takes a minute for what takes a millisecond. For bench/order.sh.
#include <elf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <set>
#include <string>

namespace {

constexpr auto kFollow = PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                         PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;

void must(bool done, const char* what) {
  if (done) return;
  perror(what);
  exit(1);
}

bool executes(pid_t pid, const struct stat& program) {
  struct stat now {};
  const std::string exe = "/proc/" + std::to_string(pid) + "/exe";
  return stat(exe.c_str(), &now) == 0 && now.st_ino == program.st_ino &&
         now.st_dev == program.st_dev;
}

// Right after execve of a static program its image is the first thing in memory.
unsigned long base_of(pid_t pid) {
  FILE* const maps = fopen(("/proc/" + std::to_string(pid) + "/maps").c_str(), "re");
  must(maps != nullptr, "maps");
  unsigned long base = 0;
  must(fscanf(maps, "%lx", &base) == 1, "maps");
  fclose(maps);
  return base;
}

unsigned long instruction(const user_regs_struct& registers) {
#if defined(__aarch64__)
  return registers.pc;
#else
  return registers.rip;
#endif
}

class Stepper {
 public:
  explicit Stepper(const struct stat& program) : program_(program) {}

  // Until the first one is gone; children that outlive it (a created container) go on by
  // themselves.
  void follow(pid_t first) {
    base_of_process_[first] = 0;
    step(first, 0);
    int status = 0;
    pid_t pid = 0;
    while (base_of_process_.contains(first) && (pid = waitpid(-1, &status, __WALL)) > 0) {
      if (!WIFSTOPPED(status))
        base_of_process_.erase(pid);
      else
        stopped(pid, status);
    }
    for (const auto& [left, base] : base_of_process_) leave(left);
  }
  void print() const {
    for (const unsigned long offset : offsets_) printf("%lu\n", offset);
  }

 private:
  void stopped(pid_t pid, int status) {
    const int event = status >> 16;
    if (event == PTRACE_EVENT_EXEC) {
      if (!executes(pid, program_)) {
        base_of_process_.erase(pid);
        ptrace(PTRACE_DETACH, pid, nullptr, nullptr);
        return;
      }
      base_of_process_[pid] = base_of(pid);
    } else if (event != 0) {
      unsigned long child = 0;
      ptrace(PTRACE_GETEVENTMSG, pid, nullptr, &child);
      base_of_process_[static_cast<pid_t>(child)] = base_of_process_[pid];
    }
    note(pid);
    const int signal = WSTOPSIG(status);
    step(pid, event != 0 || signal == SIGTRAP || signal == SIGSTOP ? 0 : signal);
  }

  void note(pid_t pid) {
    user_regs_struct registers{};
    iovec room{&registers, sizeof registers};
    const unsigned long base = base_of_process_[pid];
    if (base != 0 && ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &room) == 0)
      offsets_.insert(instruction(registers) - base);
  }

  static void leave(pid_t pid) {
    kill(pid, SIGSTOP);  // only who has stopped can be let go
    if (waitpid(pid, nullptr, __WALL) == pid) ptrace(PTRACE_DETACH, pid, nullptr, nullptr);
    kill(pid, SIGCONT);  // it may have stopped for something else, and for this only then
  }

  static void step(pid_t pid, int signal) {
    ptrace(PTRACE_SINGLESTEP, pid, nullptr, static_cast<long>(signal));
  }

  const struct stat program_;
  std::map<pid_t, unsigned long> base_of_process_;  // 0: not the program yet
  std::set<unsigned long> offsets_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  struct stat program {};
  must(stat(argv[1], &program) == 0, argv[1]);
  const pid_t pid = fork();
  if (pid == 0) {
    ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    raise(SIGSTOP);
    execv(argv[1], argv + 1);
    _exit(127);
  }
  must(waitpid(pid, nullptr, 0) == pid, "wait");
  must(ptrace(PTRACE_SETOPTIONS, pid, nullptr, kFollow) == 0, "ptrace");
  Stepper stepper(program);
  stepper.follow(pid);
  stepper.print();
  return 0;
}
