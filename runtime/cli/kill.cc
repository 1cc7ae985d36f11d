// SPDX-License-Identifier: Apache-2.0
#include <csignal>

#include "ctrtool/core/kit/signals.h"
#include "runtime/cli/container.h"
#include "runtime/cli/match.h"

namespace oci::cli {
namespace {

using ctr::Result;

// Every process of the container, also when init has ended. Nobody left is no error: engines use
// this to make sure. With init end all others of its pid namespace, and its cgroup may be another
// container's by now.
Result<void> signal_all(const ContainerState& state, int signal) {
  if (state.own_pid_namespace && state.init.pid != 0) {
    const bool alive = TRY(signal_init(state, 0));
    if (!alive) return {};
  }
  const ctr::Cgroup cgroup = TRY(open_cgroup(state));
  if (cgroup.places().empty()) {
    TRY(signal_init(state, signal));
    return {};
  }
  return cgroup.kill_all(signal);
}

Result<void> kill_one(const CommandContext& context, const std::string& id, int signal, bool all) {
  const Container container = TRY(find_container(context, id));
  if (all && signal != 0) return signal_all(container.state, signal);
  const bool alive = TRY(signal == SIGKILL ? kill_container(container.state)
                                           : signal_init(container.state, signal));
  if (!alive && !all) return not_running(container);
  return {};
}

}  // namespace

Result<int> kill(const CommandContext& context, const Words& words) {
  bool all = false;
  bool regex = false;
  std::string id;
  std::string signal_word = "TERM";
  const Syntax syntax{
      .command = "kill",
      .help =
          "Sends a signal to a container's first process. SIGNAL is a name such as TERM, "
          "SIGTERM or RTMIN+1,\nor a number; 0 only looks whether the process is there.",
      .options = {{"all", 'a', "", "to every process of the container", &all},
                  {"regex", 'r', "", "ID is a regular expression: every container it matches",
                   &regex}},
      .operands = {{"ID", Operand::kRequired, &id}, {"SIGNAL", Operand::kOptional, &signal_word}},
      .options_end = Syntax::kFirstOperand,
  };
  if (TRY(parse_words(syntax, words)) == Parsed::kHelpShown) return 0;
  const int signal = TRY(ctr::parse_signal(signal_word));
  const auto act = [&](const std::string& one) { return kill_one(context, one, signal, all); };
  if (regex) return for_matching(context, "kill", id, act);
  TRY(act(id));
  return 0;
}

}  // namespace oci::cli
