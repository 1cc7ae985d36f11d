// SPDX-License-Identifier: Apache-2.0
#include "tests/support/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <map>

#include "ctrtool/core/base/strf.h"

namespace support {

using ctr::UniqueFd;

namespace {

UniqueFd memory_file(const char* name) { return UniqueFd(::memfd_create(name, MFD_CLOEXEC)); }

std::string contents(int fd) {
  std::string text;
  char buffer[65536];
  for (off_t at = 0;;) {
    const ssize_t count = ::pread(fd, buffer, sizeof buffer, at);
    if (count <= 0) return text;
    text.append(buffer, static_cast<std::size_t>(count));
    at += count;
  }
}

UniqueFd input_file(const std::string& input) {
  UniqueFd fd = memory_file("stdin");
  if (::write(fd.raw(), input.data(), input.size()) < 0) return UniqueFd();
  ::lseek(fd.raw(), 0, SEEK_SET);
  return fd;
}

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> result;
  for (const std::string& word : words) result.push_back(const_cast<char*>(word.c_str()));
  result.push_back(nullptr);
  return result;
}

// Above all wanted numbers first, so that no dup2 overwrites a source; below 1024, the usual limit.
void place_fds(std::vector<std::pair<int, int>> fds) {
  for (auto& [ours, there] : fds) ours = ::fcntl(ours, F_DUPFD_CLOEXEC, 900);
  for (const auto& [ours, there] : fds) ::dup2(ours, there);
}

[[noreturn]] void child(const Command& command, const std::vector<std::pair<int, int>>& fds) {
  if (!command.cwd.empty() && ::chdir(command.cwd.c_str()) != 0) ::_exit(126);
  place_fds(fds);
  std::vector<char*> argv = pointers(command.argv);
  if (command.traced && ::ptrace(PTRACE_TRACEME, 0, 0, 0) == 0) ::raise(SIGSTOP);
  if (command.env) {
    std::vector<char*> env = pointers(*command.env);
    ::execvpe(argv[0], argv.data(), env.data());
  } else {
    ::execvp(argv[0], argv.data());
  }
  ::dprintf(2, "%s: %s\n", argv[0], ::strerror(errno));
  ::_exit(127);
}

int exit_status(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

struct Ended {
  int status;
  double cpu_ms;
};

// The programs started here, with the way they ended once they have.
std::map<pid_t, std::optional<Ended>>& programs() {
  static std::map<pid_t, std::optional<Ended>> all;
  return all;
}

std::optional<Ended> end_of_program(pid_t pid) {
  reap_children();
  return programs()[pid];
}

double cpu_ms(const rusage& usage) {
  const auto ms = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
  };
  return ms(usage.ru_utime) + ms(usage.ru_stime);
}

}  // namespace

Running::Running(const Command& command)
    : out_(memory_file("stdout")), err_(memory_file("stderr")) {
  const UniqueFd in = input_file(command.input);
  std::vector<std::pair<int, int>> fds{{in.raw(), 0}, {out_.raw(), 1}, {err_.raw(), 2}};
  for (const auto& more : command.fds) {
    std::erase_if(fds, [&](const auto& one) { return one.second == more.second; });
    fds.push_back(more);
  }
  pid_ = ::fork();
  if (pid_ == 0) child(command, fds);
  programs()[pid_] = std::nullopt;
}

Running::~Running() {
  if (!ended_within(0)) {
    ::kill(pid_, SIGKILL);
    ended_within(5000);
  }
  programs().erase(pid_);
}

std::string Running::out() const { return contents(out_.raw()); }
std::string Running::err() const { return contents(err_.raw()); }

void Running::kill(int signal) const {
  if (!end_of_program(pid_)) ::kill(pid_, signal);
}

// In short steps: while we wait, orphans may have to be reaped for it to end.
bool Running::ended_within(int timeout_ms) {
  const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  for (int left = timeout_ms; !end_of_program(pid_); left -= 20) {
    if (left <= 0) return false;
    pollfd event{pidfd.raw(), POLLIN, 0};
    ::poll(&event, 1, 20);
  }
  return true;
}

Outcome Running::wait(int timeout_ms) {
  if (ended_within(timeout_ms)) {
    const Ended end = *end_of_program(pid_);
    return {end.status, out(), err(), end.cpu_ms};
  }
  ::kill(pid_, SIGKILL);
  ended_within(5000);
  return {kTimedOut, out(), err() + "\n(killed: it did not end in time)", 0};
}

void reap_children() {
  int status = 0;
  rusage usage{};
  for (pid_t pid = 0; (pid = ::wait4(-1, &status, WNOHANG, &usage)) > 0;) {
    const auto program = programs().find(pid);
    if (program != programs().end()) program->second = Ended{exit_status(status), cpu_ms(usage)};
  }
}

Outcome run(const Command& command) { return Running(command).wait(command.timeout_ms); }

void sleep_ms(int ms) {
  timespec time{ms / 1000, (ms % 1000) * 1000000L};
  while (::nanosleep(&time, &time) != 0 && errno == EINTR) {
  }
}

}  // namespace support
