// SPDX-License-Identifier: Apache-2.0
// unlock: operations on the tree, the drop of capabilities, the program; one process, and none of
// the code of a root that is not trusted before the drop.
#include <fcntl.h>
#include <linux/close_range.h>
#include <unistd.h>

#include <cerrno>

#include "ctrtool/cmd/unix_scm.h"
#include "ctrtool/cmd/unlock_words.h"
#include "ctrtool/cmd/wait_child.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/exec/child.h"
#include "ctrtool/core/exec/context.h"
#include "ctrtool/core/exec/executor.h"
#include "ctrtool/core/sys/cred.h"
#include "ctrtool/core/sys/file.h"
#include "hooks/program.h"

namespace ctr {
namespace {

ContainerPlan empty_plan() {
  ContainerPlan plan;
  plan.id = "unlock";
  plan.in_place = true;
  plan.inherit_fds = true;
  return plan;
}

ContainerPlan last_plan(const UnlockRequest& request) {
  ContainerPlan plan = empty_plan();
  plan.program.argv = request.program;
  plan.program.env = hooks::own_environment();
  plan.program.by_descriptor = request.exec_fd.has_value();
  plan.add(Phase::Process, Actor::Child, FindProgram{});
  if (request.seccomp.has_value()) plan.add(Phase::Start, Actor::Child, InstallSeccomp{});
  plan.add(Phase::Start, Actor::Child, Execute{});
  return plan;
}

// --- operations ----------------------------------------------------------------------------------

// What was opened or received, until it is known that nothing fails any more.
struct Passed {
  UniqueFd fd;
  Export how;
};

class Runner {
 public:
  Result<void> run(const UnlockOperation& operation) {
    const UniqueFd here = TRY(sys::open(".", O_PATH | O_DIRECTORY));
    const Result<void> done =
        std::visit([this](const auto& what) { return act(what); }, operation.what);
    if (done.ok()) return {};
    if (!operation.tolerate) return with_context(done.error(), operation.shown);
    complain("unlock", operation.shown + ": " + done.error().message + " (ignored)");
    return sys::fchdir(here);
  }

  Result<void> pass_on() {
    Exports exports("UNLOCK", 0);
    for (Passed& one : passed_) TRY(exports.add(std::move(one.fd), one.how));
    exports.finish();
    return {};
  }

 private:
  static Result<void> act(const UnlockAt& what) {
    const UniqueFd here = TRY(sys::open(".", O_PATH | O_DIRECTORY));
    Context ctx;
    ctx.root = TRY(sys::openat2(kCwd, what.at, O_PATH, 0, what.resolve));
    ContainerPlan plan = empty_plan();
    for (const Op& op : what.ops) plan.add(Phase::Tree, Actor::Child, op);
    ctx.plan = &plan;
    TRY(run_child_steps(ctx, 0));
    return sys::fchdir(here);  // mounting leaves us elsewhere
  }

  static Result<void> act(const UnlockEnter& what) {
    Context ctx;
    ctx.root = TRY(sys::openat2(kCwd, what.at, O_PATH | O_DIRECTORY, 0, what.resolve));
    switch (what.what) {
      case UnlockEnter::What::Directory:
        return sys::fchdir(ctx.root);
      case UnlockEnter::What::Root:
        return ctr::run(ChangeRoot{}, ctx);
      case UnlockEnter::What::NewRoot:
        break;
    }
    TRY(sys::fchdir(ctx.root));
    TRY(ctr::run(TakeRoot{"."}, ctx));
    return ctr::run(PivotRoot{.put_old = what.put_old}, ctx);
  }

  static Result<void> act(const UnlockWrite& what) {
    const UniqueFd file = TRY(sys::openat2(kCwd, what.at, O_WRONLY | O_NOCTTY, 0, what.resolve));
    const std::size_t written = TRY(sys::write(file, what.text));
    if (written != what.text.size()) return sys_error(EIO, "write %s", quote(what.at).c_str());
    return {};
  }

  static Result<void> act(const ChrootPivot& pivot) {
    const std::optional<PivotFailure> failure = chroot_pivot(pivot);
    if (failure.has_value()) return failure->error;
    return {};
  }

  Result<void> act(const UnlockOpen& open) {
    UniqueFd fd = TRY(sys::openat2(kCwd, open.path, open.flags, open.mode, open.resolve));
    passed_.push_back({std::move(fd), open.exported});
    return {};
  }

  Result<void> act(const UnlockReceive& receive) {
    ReceivedFds received = TRY(receive_fds(receive.socket, {.count = receive.count}));
    Export how = receive.exported;
    for (UniqueFd& fd : received.fds) {
      passed_.push_back({std::move(fd), how});
      how = {};
    }
    return {};
  }

  std::vector<Passed> passed_;
};

// --- the sequence --------------------------------------------------------------------------------

// What no option names and nothing passes on is closed by the exec. Before the operations: later
// there may be no time left.
Result<void> keep_only(const UnlockRequest& request) {
  TRY(sys::close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC));
  for (const int fd : request.kept) TRY(set_inheritable(BorrowedFd(fd), true));
  forget_descriptors(request.kept);
  return {};
}

void forget_loader_variables() {
  std::vector<std::string> names;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (text.starts_with("LD_")) names.emplace_back(text.substr(0, text.find('=')));
  }
  for (const std::string& name : names) ::unsetenv(name.c_str());
}

// Reads back who we are: nothing more than what was asked for.
Result<void> verify(const DropRequest& drop) {
  if (!drop.caps.has_value()) return {};
  const HeldCaps held = TRY(held_caps());
  const CapSets& now = held.sets;
  const CapSets& most = *drop.caps;
  const CapSet extra = (now.bounding - most.bounding) | (now.permitted - most.permitted) |
                       (now.effective - most.effective) | (now.inheritable - most.inheritable) |
                       (now.ambient - most.ambient);
  if (!extra.empty())
    return make_error(Kind::System, "capabilities are left: %s", cap_names(extra).c_str());
  const sys::ProcessIds users = TRY(sys::getresuid());
  const sys::ProcessIds groups = TRY(sys::getresgid());
  const auto is = [](const sys::ProcessIds& ids, std::optional<std::uint32_t> wanted) {
    return !wanted.has_value() || ids == sys::ProcessIds{*wanted, *wanted, *wanted};
  };
  if (!is(users, drop.uid) || !is(groups, drop.gid))
    return make_error(Kind::System, "the user is %u, the group is %u", users.effective,
                      groups.effective);
  return {};
}

ContainerPlan drop_plan(const UnlockRequest& request) {
  ContainerPlan plan = empty_plan();
  add_drop(request.drop, plan);
  return plan;
}

Result<void> drop_privileges(const UnlockRequest& request) {
  TRY(execute_in_place(drop_plan(request), {}));
  TRY(verify(request.drop));
  return {};
}

Result<void> unlock_tree(const UnlockRequest& request) {
  TRY(sys::prctl_set_dumpable(sys::Switch::Off));
  TRY(keep_only(request));
  Runner runner;
  for (const UnlockOperation& operation : request.operations) TRY(runner.run(operation));
  if (request.changes_root && !request.keep_ld) forget_loader_variables();
  TRY(drop_privileges(request));
  return runner.pass_on();
}

Result<void> print_plan(const UnlockRequest& request) {
  std::string text;
  for (const UnlockOperation& operation : request.operations)
    text += operation.shown + (operation.tolerate ? ", may fail\n" : "\n");
  TRY(print(text + describe_text(drop_plan(request)) + describe_text(last_plan(request))));
  return {};
}

Result<void> reserve_number(UnlockOperation& operation) {
  Export* how = nullptr;
  if (auto* open = std::get_if<UnlockOpen>(&operation.what)) how = &open->exported;
  if (auto* receive = std::get_if<UnlockReceive>(&operation.what)) how = &receive->exported;
  if (how == nullptr || !how->fixed.has_value()) return {};
  TRY_CTX(reserve(*how->fixed), "%s", operation.shown.c_str());
  return {};
}

Result<Ending> unlock(const Parsed& parsed) {
  const HeldCaps held = TRY(held_caps());
  UnlockRequest request = TRY(read_unlock_words(parsed, held));
  for (UnlockOperation& operation : request.operations) TRY(reserve_number(operation));
  if (request.dry_run) {
    TRY(print_plan(request));
    return Ending{};
  }
  ExecuteOptions options;
  if (request.seccomp.has_value()) options.seccomp = TRY_CTX(read_filter(*request.seccomp), "-x");
  if (request.exec_fd.has_value()) options.program = *request.exec_fd;
  options.enter_stage = [](const Program& program) { return enter_program("unlock", program); };
  if (request.keep_all) complain("unlock", "warning: nothing is dropped (-K)");
  const Result<void> unlocked = unlock_tree(request);
  if (!unlocked.ok()) return plan_failed("unlock", unlocked.error(), kExitSetup);
  const Result<void> done = execute_in_place(last_plan(request), std::move(options));
  return plan_failed("unlock", done.error(), kExitSetup);
}

}  // namespace

int run_unlock(const Words& argv) { return run_applet(kUnlockManual, argv, unlock); }

}  // namespace ctr
