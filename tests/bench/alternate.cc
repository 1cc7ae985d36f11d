// SPDX-License-Identifier: Apache-2.0
// alternate [-n ROUNDS] [-w WARMUP] [-p PAUSE_MS] < CONTESTANTS
//
// Times command sequences against each other. One line each: "NAME COMMAND ARG... ; COMMAND
// ARG...". The contestants take turns (A B C, B C A, ...), so that noise hits all of them alike.
// Prints the minimum and the median of each in microseconds, and their ratio to the first one's. A
// command that fails ends it all: a fast failure is not a result.
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

namespace {

using Words = std::vector<std::string>;

struct Contestant {
  std::string name;
  std::vector<Words> steps;
  std::vector<double> times;
};

double now_us() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

void fail(const Words& step, int status) {
  fprintf(stderr, "alternate: status %d:", status);
  for (const std::string& word : step) fprintf(stderr, " %s", word.c_str());
  fprintf(stderr, "\n");
  exit(1);
}

void run_step(const Words& step) {
  std::vector<char*> argv;
  for (const std::string& word : step) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  const pid_t pid = vfork();
  if (pid == 0) {
    execv(argv[0], argv.data());
    _exit(127);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  if (status != 0) fail(step, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

double run_once(const Contestant& contestant) {
  const double begin = now_us();
  for (const Words& step : contestant.steps) run_step(step);
  return now_us() - begin;
}

Contestant parse(const char* line) {
  Contestant contestant;
  contestant.steps.emplace_back();
  const std::string text = line;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find_first_of(" \n", at), text.size());
    const std::string word = text.substr(at, end - at);
    at = end + 1;
    if (word.empty()) continue;
    if (contestant.name.empty())
      contestant.name = word;
    else if (word == ";")
      contestant.steps.emplace_back();
    else
      contestant.steps.back().push_back(word);
  }
  return contestant;
}

std::vector<Contestant> read_contestants() {
  std::vector<Contestant> all;
  char line[8192];
  while (fgets(line, sizeof line, stdin) != nullptr) {
    all.push_back(parse(line));
    if (all.back().name.empty()) all.pop_back();
  }
  return all;
}

void report(std::vector<Contestant>& all) {
  double first_minimum = 0;
  double first_median = 0;
  for (Contestant& one : all) {
    std::sort(one.times.begin(), one.times.end());
    const double minimum = one.times.front();
    const double median = one.times[one.times.size() / 2];
    if (&one == all.data()) {
      first_minimum = minimum;
      first_median = median;
    }
    printf("  %-10s min %8.0f us  x%5.2f   median %8.0f us  x%5.2f\n", one.name.c_str(), minimum,
           minimum / first_minimum, median, median / first_median);
  }
}

}  // namespace

int main(int argc, char** argv) {
  int rounds = 40;
  int warmup = 3;
  int pause_ms = 0;
  for (int option; (option = getopt(argc, argv, "n:w:p:")) != -1;) {
    if (option == 'n') rounds = std::max(1, atoi(optarg));
    if (option == 'w') warmup = atoi(optarg);
    if (option == 'p') pause_ms = atoi(optarg);
    if (option == '?') return 2;
  }
  std::vector<Contestant> all = read_contestants();
  if (all.empty()) return 2;
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  dup2(null, STDIN_FILENO);
  const int shown = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  dup2(null, STDOUT_FILENO);
  for (int round = -warmup; round < rounds; ++round) {
    for (std::size_t turn = 0; turn < all.size(); ++turn) {
      const std::size_t number = (turn + static_cast<std::size_t>(round + warmup)) % all.size();
      const double time = run_once(all[number]);
      if (round >= 0) all[number].times.push_back(time);
      if (pause_ms > 0) usleep(static_cast<useconds_t>(pause_ms) * 1000);
    }
  }
  dup2(shown, STDOUT_FILENO);
  report(all);
  return 0;
}
