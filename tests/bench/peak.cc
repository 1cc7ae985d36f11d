// SPDX-License-Identifier: Apache-2.0
// peak COMMAND ARG...: runs it and prints the largest resident set of it and of those it waited
// for, in KiB. Static and small, because what wait4 tells begins at the size of who calls execve.
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const pid_t pid = vfork();
  if (pid == 0) {
    execv(argv[1], argv + 1);
    _exit(127);
  }
  int status = 0;
  rusage usage{};
  if (wait4(pid, &status, 0, &usage) != pid || status != 0) return 1;
  printf("%ld\n", usage.ru_maxrss);
  return 0;
}
