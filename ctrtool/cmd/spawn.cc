// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/cmd/spawn.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include "ctrtool/cmd/fd_table.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/process.h"
#include "ctrtool/core/sys/tty.h"

namespace ctr {
namespace {

constexpr int kChildFailed = 127;

// Out of the way of 0, 1 and 2, so that none is overwritten before it was copied.
Result<std::optional<UniqueFd>> moved_up(BorrowedFd fd) {
  if (!fd.valid()) return std::optional<UniqueFd>();
  UniqueFd copy = TRY(sys::dup(fd));
  std::vector<UniqueFd> low;
  while (copy.raw() <= STDERR_FILENO) {
    low.push_back(std::move(copy));
    copy = TRY(sys::dup(fd));
  }
  return std::optional<UniqueFd>(std::move(copy));
}

Result<void> attach(const SpawnRequest& request) {
  const std::optional<UniqueFd> in = TRY(moved_up(request.in));
  const std::optional<UniqueFd> out = TRY(moved_up(request.out));
  const std::optional<UniqueFd> err = TRY(moved_up(request.err));
  if (in.has_value()) TRY(sys::dup2(*in, STDIN_FILENO));
  if (out.has_value()) TRY(sys::dup2(*out, STDOUT_FILENO));
  if (err.has_value()) TRY(sys::dup2(*err, STDERR_FILENO));
  return {};
}

// Under numbers of their own, which 0, 1 and 2 are not.
Result<std::vector<UniqueFd>> copies_to_pass(const SpawnRequest& request) {
  std::vector<UniqueFd> copies;
  for (const auto& [fd, variable] : request.pass) {
    std::optional<UniqueFd> copy = TRY(moved_up(fd));
    if (!copy.has_value()) return sys_error(EBADF, "pass a descriptor as %s", variable.c_str());
    ::setenv(variable.c_str(), std::to_string(copy->raw()).c_str(), 1);
    copies.push_back(*std::move(copy));
  }
  return copies;
}

Error become(const SpawnRequest& request) {
  if (request.session != Session::Inherited) TRY(sys::setsid());
  const std::vector<UniqueFd> passed = TRY(copies_to_pass(request));
  TRY(attach(request));
  if (request.session == Session::NewWithTerminal)
    TRY(sys::set_controlling_tty(BorrowedFd(STDIN_FILENO)));
  if (request.mask.has_value()) TRY(sys::sigprocmask(SIG_SETMASK, *request.mask));
  if (request.close_others) TRY(arrange_fds({}, OtherFds::CloseOnExec));
  for (const UniqueFd& fd : passed) TRY(sys::set_cloexec(fd, false));
  std::vector<std::string> env;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry)
    env.emplace_back(*entry);
  return sys::execvpe(request.argv[0], request.argv, env);
}

[[noreturn]] void child_main(const SpawnRequest& request, BorrowedFd report) {
  const Error error = become(request);
  (void)sys::write_all(report, encode_error(error));
  ::_exit(kChildFailed);
}

}  // namespace

Result<Child> spawn(const SpawnRequest& request) {
  sys::Pipe report = TRY(sys::pipe());
  sys::Cloned cloned = TRY(sys::clone3(0, kNoFd));
  if (cloned.pid == 0) child_main(request, report.write);
  report.write.reset();
  const std::string wire = TRY(sys::read_all(report.read));
  if (wire.empty()) return Child{cloned.pid, std::move(cloned.pidfd)};
  (void)sys::waitpid(cloned.pid, 0);
  const std::optional<Error> error = decode_error(wire);
  if (error.has_value()) return *error;
  return make_error(Kind::ChildDied, "start %s: it died", quote(request.argv[0]).c_str());
}

}  // namespace ctr
