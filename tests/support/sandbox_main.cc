// SPDX-License-Identifier: Apache-2.0
// sandbox [--user] [--host-network] COMMAND [ARGUMENT...]: the sandbox for shell scripts. Ends with
// the command's status; 77 (ctest's "skipped") and a line "SKIP: why" when the machine forbids it.
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/sandbox.h"

int main(int argc, char** argv) {
  support::SandboxOptions options;
  int first = 1;
  for (; first < argc && argv[first][0] == '-'; ++first) {
    if (strcmp(argv[first], "--user") == 0) options.user_namespace = true;
    if (strcmp(argv[first], "--host-network") == 0) options.network = false;
  }
  if (first >= argc) {
    fprintf(stderr, "usage: sandbox [--user] [--host-network] COMMAND [ARGUMENT...]\n");
    return 2;
  }
  const pid_t pid = support::start_in_sandbox(
      options,
      [](const std::string& why) {
        fprintf(stderr, "SKIP: no namespaces here: %s\n", why.c_str());
      },
      [argv, first] {
        execvp(argv[first], argv + first);
        perror(argv[first]);
        return 127;
      });
  int status = 0;
  if (pid < 0 || waitpid(pid, &status, 0) != pid) return 1;
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return code == support::kNoSandbox ? 77 : code;
}
