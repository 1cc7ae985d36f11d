// SPDX-License-Identifier: Apache-2.0
#include <csignal>

#include "ctrtool/core/kit/signals.h"
#include "runtime/cli/container.h"

namespace oci::cli {
namespace {

using ctr::Result;

// Every process of the container, also when init has ended. Nobody left is no error: engines use
// this to make sure.
Result<void> signal_all(const ContainerState& state, int signal) {
  const ctr::Cgroup cgroup = TRY(open_cgroup(state));
  if (cgroup.places().empty()) {
    TRY(signal_init(state, signal));
    return {};
  }
  return cgroup.kill_all(signal);
}

}  // namespace

Result<int> kill(const CommandContext& context, const Words& words) {
  bool all = false;
  std::string id;
  std::string signal_word = "TERM";
  const Syntax syntax{
      .command = "kill",
      .help =
          "Sends a signal to a container's first process. SIGNAL is a name such as TERM, "
          "SIGTERM or RTMIN+1,\nor a number; 0 only looks whether the process is there.",
      .options = {{"all", 'a', "", "to every process of the container", &all}},
      .operands = {{"ID", Operand::kRequired, &id}, {"SIGNAL", Operand::kOptional, &signal_word}},
      .options_end = Syntax::kFirstOperand,
  };
  if (TRY(parse_words(syntax, words)) == Parsed::kHelpShown) return 0;
  const int signal = TRY(ctr::parse_signal(signal_word));
  const Container container = TRY(find_container(context, id));
  if (all && signal != 0) {
    TRY(signal_all(container.state, signal));
    return 0;
  }
  const bool alive = TRY(signal == SIGKILL ? kill_container(container.state)
                                           : signal_init(container.state, signal));
  if (!alive && !all) return not_running(container);
  return 0;
}

}  // namespace oci::cli
