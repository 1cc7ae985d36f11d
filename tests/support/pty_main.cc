// SPDX-License-Identifier: Apache-2.0
// pty [--size ROWSxCOLUMNS] [--expect TEXT] [--send KEYS] ... -- COMMAND [ARGUMENT...]
//
// Runs the command on a real terminal of its own, for shell scripts: waits for each TEXT in turn,
// types each KEYS (\r and \n work, ^C is \x03 from the shell), copies all output to stdout, and
// ends with the command's status; 98 when a text did not come in 30 seconds.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "tests/support/console.h"

namespace {

constexpr int kNeverCame = 98;

struct Step {
  bool expect;
  std::string text;
};

std::string unescape(const std::string& text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escaped = text[i] == '\\' && i + 1 < text.size();
    if (escaped) ++i;
    result += escaped && text[i] == 'r' ? '\r' : escaped && text[i] == 'n' ? '\n' : text[i];
  }
  return result;
}

[[noreturn]] void command_main(const support::Pty& pty, char** argv) {
  setsid();
  ioctl(pty.slave.raw(), TIOCSCTTY, 0);
  for (int fd = 0; fd < 3; ++fd) dup2(pty.slave.raw(), fd);
  execvp(argv[0], argv);
  perror(argv[0]);
  _exit(127);
}

void show(const std::string& text) { fwrite(text.data(), 1, text.size(), stdout); }

// Reads on until `wanted` has come; what came behind it stays in `unread`.
bool expect(const support::Pty& pty, const std::string& wanted, std::string& unread) {
  if (unread.find(wanted) == std::string::npos) {
    // Together with what is here already: the text may come in pieces.
    std::string more;
    do {
      more = support::read_until(pty.master, wanted.substr(wanted.size() - 1), 30000);
      unread += more;
    } while (!more.empty() && unread.find(wanted) == std::string::npos);
  }
  const std::size_t at = unread.find(wanted);
  if (at == std::string::npos) return false;
  show(unread.substr(0, at + wanted.size()));
  unread.erase(0, at + wanted.size());
  return true;
}

// False when an expected text did not come.
bool play(const support::Pty& pty, const std::vector<Step>& steps) {
  std::string unread;
  for (const Step& step : steps) {
    if (!step.expect) {
      support::type(pty.master, step.text);
    } else if (!expect(pty, step.text, unread)) {
      show(unread);
      return false;
    }
  }
  show(unread + support::read_until(pty.master, "", 30000));
  return true;
}

int usage() {
  fprintf(stderr,
          "usage: pty [--size ROWSxCOLUMNS] [--expect TEXT] [--send KEYS] ... -- COMMAND\n");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<Step> steps;
  unsigned short rows = 24;
  unsigned short columns = 80;
  int first = 1;
  for (; first + 1 < argc && strcmp(argv[first], "--") != 0; first += 2) {
    const std::string option = argv[first];
    if (option == "--expect" || option == "--send")
      steps.push_back({option == "--expect", unescape(argv[first + 1])});
    else if (option != "--size" || sscanf(argv[first + 1], "%hux%hu", &rows, &columns) != 2)
      return usage();
  }
  if (first + 1 >= argc) return usage();
  support::Pty pty = support::open_pty(rows, columns);
  const pid_t pid = fork();
  if (pid == 0) command_main(pty, argv + first + 1);
  pty.slave.reset();
  const bool complete = play(pty, steps);
  if (!complete) kill(pid, SIGKILL);
  int status = 0;
  waitpid(pid, &status, 0);
  if (!complete) return kNeverCame;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
