// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/cmd/init_program.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>

#include "ctrtool/cmd/fd_table.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/exec/context.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/process.h"
#include "hooks/program.h"

namespace ctr {
namespace {

Result<void> open_stdio(const InitProgram& program) {
  constexpr mode_t kMode = 0644;
  for (int fd = 0; fd <= STDERR_FILENO; ++fd) {
    const std::string& path = program.stdio[fd];
    if (path.empty()) continue;
    const int how = fd == 0 ? O_RDONLY : O_WRONLY | (program.append ? O_CREAT | O_APPEND : 0);
    const UniqueFd file = TRY(sys::open(path, how, kMode));  // a terminal becomes ours
    TRY(sys::dup2(file, fd));
  }
  return {};
}

Result<void> change_identity(const InitProgram& program) {
  constexpr auto kUnchanged = static_cast<uid_t>(-1);
  if (!program.uid.has_value() && !program.gid.has_value()) return {};
  Context ctx;
  return run(SetUser{.uid = program.uid.value_or(kUnchanged),
                     .gid = program.gid.value_or(kUnchanged),
                     .groups = {},
                     .umask = std::nullopt,
                     .keep_caps = false},
             ctx);
}

Error become(const InitProgram& program, bool exact_fds) {
  TRY(sys::reset_signals());
  TRY(sys::setsid());
  TRY(open_stdio(program));
  for (const std::string& entry : program.env) {
    const std::size_t equals = entry.find('=');
    ::setenv(entry.substr(0, equals).c_str(), entry.substr(equals + 1).c_str(), 1);
  }
  if (program.listen) announce_fds(program.fds.size(), "");
  if (!program.directory.empty()) TRY(sys::chdir(program.directory));
  TRY(change_identity(program));
  if (exact_fds) {
    std::vector<FdMove> moves;
    for (std::size_t i = 0; i < program.fds.size(); ++i)
      moves.push_back({BorrowedFd(program.fds[i]), static_cast<int>(i) + 3});
    // Ours is close-on-exec, like all that may not be the program's.
    TRY(arrange_fds(moves, OtherFds::CloseOnExec));
  }
  return sys::execve(program.argv[0], program.argv, hooks::own_environment());
}

[[noreturn]] void be_program(const InitProgram& program, bool exact_fds, BorrowedFd report) {
  const Error error = become(program, exact_fds);
  (void)sys::write_all(report, encode_error(error));
  ::_exit(error.message.starts_with("exec ") ? kExitNotFound : kExitUsage);
}

}  // namespace

Result<pid_t> start_program(const InitProgram& program, bool exact_fds) {
  sys::Pipe report = TRY(sys::pipe());
  const sys::Cloned child = TRY(sys::clone3(0, kNoFd));
  if (child.pid == 0) {
    // Out of the way of the descriptors that the program is given.
    const int lowest = STDERR_FILENO + 1 + static_cast<int>(program.fds.size());
    std::vector<UniqueFd> copies;
    while (copies.empty() || copies.back().raw() < lowest) {
      Result<UniqueFd> copy = sys::dup(report.write);
      if (!copy.ok()) ::_exit(kExitUsage);
      copies.push_back(std::move(*copy));
    }
    be_program(program, exact_fds, copies.back());
  }
  report.write.reset();
  const Result<std::string> wire = sys::read_all(report.read);
  const std::optional<Error> error = decode_error(wire.ok() ? *wire : std::string());
  if (error.has_value())
    complain("mini-init", strf("%s: %s", quote(program.argv[0]).c_str(), error->message.c_str()));
  return child.pid;
}

}  // namespace ctr
