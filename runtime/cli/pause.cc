// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/base/strf.h"
#include "runtime/cli/container.h"

namespace oci::cli {
namespace {

using ctr::Kind;
using ctr::make_error;
using ctr::Result;
using ctr::UniqueFd;

Result<void> check_status(const Container& container, bool freeze) {
  const Status status = TRY(container_status(container.dir, container.state));
  if (freeze && status != Status::Running && status != Status::Created)
    return wrong_status(container, status, "container not running");
  if (!freeze && status != Status::Paused)
    return wrong_status(container, status, "container not paused");
  return {};
}

Result<void> set_frozen(const CommandContext& context, const std::string& id, bool freeze) {
  const ContainerDir dir = TRY(StateRoot(state_root(context.options)).open(id));
  const UniqueFd lock = TRY(dir.lock());
  ContainerState state = TRY(dir.load());
  const Container container{dir, std::move(state)};
  TRY(check_status(container, freeze));
  if (container.state.cgroup.freezer.empty())
    return make_error(Kind::Unsupported, "container %s has no cgroup that can be frozen",
                      ctr::quote(id).c_str());
  const ctr::Cgroup cgroup = TRY(open_cgroup(container.state));
  return cgroup.set_frozen(freeze);
}

Result<int> pause_or_resume(const CommandContext& context, const Words& words, const char* command,
                            const char* help, bool freeze) {
  std::string id;
  const Syntax syntax{
      .command = command,
      .help = help,
      .options = {},
      .operands = {{"ID", Operand::kRequired, &id}},
  };
  if (TRY(parse_words(syntax, words)) == Parsed::kHelpShown) return 0;
  TRY(set_frozen(context, id, freeze));
  return 0;
}

}  // namespace

Result<int> pause(const CommandContext& context, const Words& words) {
  return pause_or_resume(context, words, "pause",
                         "Freezes all processes of a container, and waits until they are.", true);
}

Result<int> resume(const CommandContext& context, const Words& words) {
  return pause_or_resume(context, words, "resume",
                         "Lets the processes of a paused container run again.", false);
}

}  // namespace oci::cli
