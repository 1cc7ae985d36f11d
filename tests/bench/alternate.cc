// SPDX-License-Identifier: Apache-2.0
// alternate [-n ROUNDS] [-w WARMUP] [-p PAUSE_MS] [-c] < CONTESTANTS
//
// Times command sequences against each other. One line each: "NAME COMMAND ARG... ; COMMAND
// ARG...". A command that begins with the word "@" is run but not timed; one that begins with
// "xN" is started N times at once, '#' in its words being the number of the copy, and lasts until
// the last of them has ended. The contestants take turns (A B C, B C A, ...), so that noise hits
// all of them alike. Prints "NAME MINIMUM MEDIAN" for each, in microseconds: of the clock, or with
// -c of the processors, for the command and all that it waited for. Of a contestant whose command
// fails "NAME failed: WHY", with the last that the command said: a fast failure is not a result.
// The others go on without it; the status is 1 when nobody is left.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
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
  std::string failure;
};

double now_us() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

std::string describe_end(int status) {
  return "status " +
         std::to_string(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

// Commands write to a file instead of stderr, which gets it after each of their turns.
class Complaints {
 public:
  Complaints() : said_(memfd_create("stderr", MFD_CLOEXEC)), shown_(fcntl(2, F_DUPFD_CLOEXEC, 3)) {
    fcntl(said_, F_SETFL, O_APPEND);
    dup2(said_, STDERR_FILENO);
  }
  Complaints(const Complaints&) = delete;
  Complaints& operator=(const Complaints&) = delete;

  // Answers the last line.
  std::string pass_on() const {
    std::string text;
    char part[4096];
    for (ssize_t got; (got = pread(said_, part, sizeof part, static_cast<off_t>(text.size()))) > 0;)
      text.append(part, static_cast<std::size_t>(got));
    if (text.empty() || ftruncate(said_, 0) != 0) return "";
    dprintf(shown_, "%s", text.c_str());
    while (text.ends_with('\n')) text.pop_back();
    return text.substr(text.rfind('\n') + 1);
  }
  void tell(const Words& words, int status) const {
    std::string text = "alternate: " + describe_end(status) + ":";
    for (const std::string& word : words) text += " " + word;
    dprintf(shown_, "%s\n", text.c_str());
  }

 private:
  int said_;
  int shown_;
};

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

struct Spent {
  double used = 0;  // of the processors
  int status = 0;   // the first that is not success
  Words failed{};
};

Spent run_step(const Step& step) {
  std::vector<Words> all;
  for (int copy = 0; copy < step.copies; ++copy) all.push_back(numbered(step.words, copy));
  std::vector<pid_t> pids;
  for (const Words& words : all) pids.push_back(start(words));
  Spent spent;
  for (std::size_t i = 0; i < pids.size(); ++i) {
    int status = 0;
    rusage usage{};
    wait4(pids[i], &status, 0, &usage);
    if (status != 0 && spent.status == 0) {
      spent.status = status;
      spent.failed = all[i];
    }
    spent.used += microseconds(usage.ru_utime) + microseconds(usage.ru_stime);
  }
  return spent;
}

enum class Measure : bool { kClock, kProcessors };

// Answers the time; when a step fails, `failure` says why.
double run_once(Contestant& contestant, Measure measure, const Complaints& complaints) {
  double time = 0;
  for (const Step& step : contestant.steps) {
    const double begin = now_us();
    const Spent spent = run_step(step);
    if (step.timed) time += measure == Measure::kClock ? now_us() - begin : spent.used;
    const std::string last = complaints.pass_on();
    if (spent.status == 0) continue;
    contestant.failure = describe_end(spent.status) + (last.empty() ? "" : ": " + last);
    complaints.tell(spent.failed, spent.status);
    break;
  }
  return time;
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

// 0 when there was something to time.
int print(Contestant& one) {
  if (!one.failure.empty()) {
    printf("%s failed: %s\n", one.name.c_str(), one.failure.c_str());
    return 1;
  }
  std::sort(one.times.begin(), one.times.end());
  printf("%s %.0f %.0f\n", one.name.c_str(), one.times.front(), one.times[one.times.size() / 2]);
  return 0;
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
  const Complaints complaints;
  for (int round = -warmup; round < rounds; ++round) {
    for (std::size_t turn = 0; turn < all.size(); ++turn) {
      Contestant& one = all[(turn + static_cast<std::size_t>(round + warmup)) % all.size()];
      if (!one.failure.empty()) continue;
      const double time = run_once(one, measure, complaints);
      if (round >= 0) one.times.push_back(time);
      if (pause_ms > 0) usleep(static_cast<useconds_t>(pause_ms) * 1000);
    }
  }
  dup2(shown, STDOUT_FILENO);
  int status = 1;
  for (Contestant& one : all) status &= print(one);
  return status;
}
