// SPDX-License-Identifier: Apache-2.0
// Waits for the end of a container that somebody else's child is. The status comes from wherever
// it can still be had: the kernel, the zombie, or the record of the `run` that supervised it.
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/process.h"
#include "runtime/cli/confine.h"
#include "runtime/cli/container.h"

namespace oci::cli {
namespace {

using ctr::Kind;
using ctr::make_error;
using ctr::Result;

// The wait(2) status of a process that has ended, or nothing while it can't be told. Between its
// end and its reaping only the zombie has it, then only the kernel (Linux 6.15) has.
Result<std::optional<int>> status_of_ended(const ProcessIdentity& init, ctr::BorrowedFd pidfd) {
  const std::optional<int> zombie = TRY(exit_status_of_zombie(init));
  if (zombie.has_value()) return zombie;
  return ctr::sys::pidfd_wait_status(pidfd);
}

// `pidfd` is readable: the process has ended. Its parent may be reaping it at this moment.
Result<std::optional<int>> ended_status(const ProcessIdentity& init, ctr::BorrowedFd pidfd) {
  constexpr int kTries = 50;
  for (int i = 0; i < kTries; ++i) {
    const std::optional<int> status = TRY(status_of_ended(init, pidfd));
    if (status.has_value()) return status;
    pollfd none[] = {{-1, 0, 0}};
    TRY(ctr::sys::poll(none, 1));
  }
  return std::optional<int>();
}

Result<int> recorded_status(const Container& container) {
  const Result<ContainerState> now = container.dir.load();
  if (now.ok() && now->exit_status.has_value()) return *now->exit_status;
  return make_error(Kind::Unsupported,
                    "container %s has ended, and its exit status is not known any more",
                    ctr::quote(container.state.id).c_str());
}

Result<int> wait_for(const CommandContext& context, const Container& container) {
  const ProcessIdentity& init = container.state.init;
  if (init.pid == 0)
    return make_error(Kind::WrongState, "container %s is not yet created",
                      ctr::quote(container.state.id).c_str());
  const std::optional<ctr::UniqueFd> pidfd = TRY(open_process(init));
  if (!pidfd.has_value()) {
    const std::optional<int> zombie = TRY(exit_status_of_zombie(init));
    if (zombie.has_value()) return ctr::sys::exit_code(*zombie);
    return recorded_status(container);
  }
  confine_to_looking(context);
  pollfd ended[] = {{pidfd->raw(), POLLIN, 0}};
  while (ended[0].revents == 0) TRY(ctr::sys::poll(ended, -1));
  const std::optional<int> status = TRY(ended_status(init, *pidfd));
  if (status.has_value()) return ctr::sys::exit_code(*status);
  return recorded_status(container);
}

}  // namespace

Result<int> wait(const CommandContext& context, const Words& words) {
  std::string id;
  const Syntax syntax{
      .command = "wait",
      .help =
          "Waits until a container's first process has ended, prints its exit status (128 + N for "
          "signal N)\nand exits with it.",
      .options = {},
      .operands = {{"ID", Operand::kRequired, &id}},
  };
  if (TRY(parse_words(syntax, words)) == Parsed::kHelpShown) return 0;
  const Container container = TRY(find_container(context, id));
  const int status = TRY(wait_for(context, container));
  TRY(print(std::to_string(status) + "\n"));
  return status;
}

}  // namespace oci::cli
