// SPDX-License-Identifier: Apache-2.0
// Mounts and unmounts in a running container. This process enters the container's mount namespace
// itself, and leaves it by ending.
#include <sys/mount.h>
#include <unistd.h>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/exec/executor.h"
#include "ctrtool/core/kit/facts.h"
#include "ctrtool/core/sys/file.h"
#include "runtime/cli/container.h"
#include "runtime/spec/parse.h"
#include "runtime/translate/live_mounts.h"

namespace oci::cli {
namespace {

using ctr::Error;
using ctr::Kind;
using ctr::make_error;
using ctr::Result;
using ctr::UniqueFd;

Result<void> check_status(const Container& container) {
  const Status status = TRY(container_status(container.dir, container.state));
  if (status != Status::Stopped && status != Status::Creating) return {};
  return wrong_status(container, status, "container not running");
}

Result<void> check_namespace(const Spec& spec) {
  if (find_namespace(spec.linux_, NamespaceType::Mount) != nullptr) return {};
  return make_error(Kind::Unsupported, "the container has no mount namespace of its own");
}

// What is mounted there, and nothing that a link leads to. The root itself stays.
Result<ctr::Unmount> unmount_of(const Mount& mount) {
  const std::string& at = mount.destination;
  if (at.empty() || at.ends_with('/'))
    return make_error(Kind::InvalidSpec, "%s is not the name of a mount", ctr::quote(at).c_str());
  return ctr::Unmount{at.starts_with('/') ? at : "/" + at, MNT_DETACH | UMOUNT_NOFOLLOW};
}

// The latest first: one may be in another.
Result<void> remove_mounts(const std::vector<Mount>& mounts, ctr::BorrowedFd init) {
  ctr::ContainerPlan plan = plan_entry();
  plan.add(ctr::Phase::Tree, ctr::Actor::Child,
           ctr::CheckPath{ctr::PathRole::Target, {.path = "/", .follow = true}});
  for (std::size_t i = mounts.size(); i > 0; --i) {
    const std::string source = ctr::strf("/%zu/destination", i - 1);
    ctr::Unmount unmount = TRY_CTX(unmount_of(mounts[i - 1]), "%s", source.c_str());
    plan.add(ctr::Phase::Tree, ctr::Actor::Child, std::move(unmount), source);
  }
  return ctr::execute_in_place(plan, {.target = init});
}

Result<void> add_mount(const Mount& mount, const Spec& spec, const ContainerState& state,
                       ctr::BorrowedFd init) {
  const ctr::HostFacts facts = TRY(ctr::read_host_facts());
  const Translation translation = translate_live_mount(mount, spec, state.bundle, facts);
  TRY(first_error(translation.problems, "mounts"));
  TRY(ctr::prepare(translation.plan, {.target = init}));
  return {};
}

// All of them or none.
Result<void> add_mounts(const std::vector<Mount>& mounts, const Spec& spec,
                        const ContainerState& state, ctr::BorrowedFd init) {
  for (std::size_t i = 0; i < mounts.size(); ++i) {
    Result<void> added = add_mount(mounts[i], spec, state, init);
    if (added.ok()) continue;
    Error error = std::move(added).error();
    const std::vector<Mount> before(mounts.begin(),
                                    mounts.begin() + static_cast<std::ptrdiff_t>(i));
    const Result<void> removed = before.empty() ? Result<void>() : remove_mounts(before, init);
    if (!removed.ok()) error.message += "; then: " + removed.error().message;
    return error;
  }
  return {};
}

struct MountsWords {
  std::string action;
  std::string id;
  std::string file;
};

Result<void> change_mounts(const CommandContext& context, const MountsWords& words) {
  if (words.action != "add" && words.action != "remove")
    return make_error(Kind::InvalidSpec,
                      "%s is neither add nor remove (see \"ocictr mounts --help\")",
                      ctr::quote(words.action).c_str());
  std::string text = words.file == "-" ? TRY(read_config(ctr::BorrowedFd(STDIN_FILENO), "stdin"))
                                       : TRY(read_config_file(words.file));
  const std::vector<Mount> mounts = TRY(first_error(parse_mounts(std::move(text)), "mounts"));
  const ContainerDir dir = TRY(StateRoot(state_root(context.options)).open(words.id));
  const UniqueFd lock = TRY(dir.lock());
  ContainerState state = TRY(dir.load());
  const Container container{dir, std::move(state)};
  TRY(check_status(container));
  const Spec spec = TRY(load_spec(dir));
  TRY(check_namespace(spec));
  const std::optional<UniqueFd> init = TRY(open_process(container.state.init));
  if (!init.has_value()) return not_running(container);
  return words.action == "add" ? add_mounts(mounts, spec, container.state, *init)
                               : remove_mounts(mounts, *init);
}

}  // namespace

Result<int> mounts(const CommandContext& context, const Words& words) {
  MountsWords given;
  const Syntax syntax{
      .command = "mounts",
      .help =
          "Adds bind mounts to a running container, or removes mounts. ACTION is add or remove;\n"
          "FILE has an array of mounts as in config.json, or is - for stdin.",
      .options = {},
      .operands = {{"ACTION", Operand::kRequired, &given.action},
                   {"ID", Operand::kRequired, &given.id},
                   {"FILE", Operand::kRequired, &given.file}},
  };
  if (TRY(parse_words(syntax, words)) == Parsed::kHelpShown) return 0;
  TRY(change_mounts(context, given));
  return 0;
}

}  // namespace oci::cli
