// SPDX-License-Identifier: Apache-2.0
// alternate [-n ROUNDS] [-w WARMUP] [-p PAUSE_MS] [-c] < CONTESTANTS
//
// Times command sequences against each other. One line each: "NAME COMMAND ARG... ; COMMAND
// ARG...". A command that begins with the word "@" is run but not timed; one that begins with
// "xN" is started N times at once, '#' in its words being the number of the copy, and lasts until
// the last of them has ended. The contestants take turns (A B C, B C A, ...), so that noise hits
// all of them alike. Prints "NAME MINIMUM MEDIAN" for each, in microseconds: of the clock, or with
// -c of the processors, for the command and all that it waited for. A command that fails ends it
// all: a fast failure is not a result.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

namespace {

using Words = std::vector<std::string>;

struct Step {
  Words words;
  bool timed = true;
  int copies = 1;
};

struct Contestant {
  std::string name;
  std::vector<Step> steps;
  std::vector<double> times;
};

double now_us() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

void fail(const Words& words, int status) {
  fprintf(stderr, "alternate: status %d:", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + status);
  for (const std::string& word : words) fprintf(stderr, " %s", word.c_str());
  fprintf(stderr, "\n");
  exit(1);
}

// The words of one copy: '#' is its number.
Words numbered(const Words& words, int copy) {
  Words out = words;
  for (std::string& word : out)
    for (std::size_t at; (at = word.find('#')) != std::string::npos;)
      word.replace(at, 1, std::to_string(copy));
  return out;
}

pid_t start(const Words& words) {
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  const pid_t pid = vfork();
  if (pid == 0) {
    execv(argv[0], argv.data());
    _exit(127);
  }
  return pid;
}

double microseconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
}

// Answers what it used of the processors.
double run_step(const Step& step) {
  std::vector<Words> all;
  for (int copy = 0; copy < step.copies; ++copy) all.push_back(numbered(step.words, copy));
  std::vector<pid_t> pids;
  for (const Words& words : all) pids.push_back(start(words));
  double used = 0;
  for (std::size_t i = 0; i < pids.size(); ++i) {
    int status = 0;
    rusage usage{};
    wait4(pids[i], &status, 0, &usage);
    if (status != 0) fail(all[i], status);
    used += microseconds(usage.ru_utime) + microseconds(usage.ru_stime);
  }
  return used;
}

enum class Measure : bool { kClock, kProcessors };

double run_once(const Contestant& contestant, Measure measure) {
  double spent = 0;
  for (const Step& step : contestant.steps) {
    const double begin = now_us();
    const double used = run_step(step);
    if (step.timed) spent += measure == Measure::kClock ? now_us() - begin : used;
  }
  return spent;
}

void take_word(Step& step, const std::string& word) {
  if (step.words.empty() && word == "@")
    step.timed = false;
  else if (step.words.empty() && word[0] == 'x' && atoi(word.c_str() + 1) > 0)
    step.copies = atoi(word.c_str() + 1);
  else
    step.words.push_back(word);
}

Contestant parse(const std::string& text) {
  Contestant contestant;
  contestant.steps.emplace_back();
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
      take_word(contestant.steps.back(), word);
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

}  // namespace

int main(int argc, char** argv) {
  int rounds = 40;
  int warmup = 2;
  int pause_ms = 0;
  Measure measure = Measure::kClock;
  for (int option; (option = getopt(argc, argv, "n:w:p:c")) != -1;) {
    if (option == 'n') rounds = std::max(1, atoi(optarg));
    if (option == 'w') warmup = atoi(optarg);
    if (option == 'p') pause_ms = atoi(optarg);
    if (option == 'c') measure = Measure::kProcessors;
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
      const double time = run_once(all[number], measure);
      if (round >= 0) all[number].times.push_back(time);
      if (pause_ms > 0) usleep(static_cast<useconds_t>(pause_ms) * 1000);
    }
  }
  dup2(shown, STDOUT_FILENO);
  for (Contestant& one : all) {
    std::sort(one.times.begin(), one.times.end());
    printf("%s %.0f %.0f\n", one.name.c_str(), one.times.front(), one.times[one.times.size() / 2]);
  }
  return 0;
}
