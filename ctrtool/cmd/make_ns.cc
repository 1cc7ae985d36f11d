// SPDX-License-Identifier: Apache-2.0
// make_ns: namespaces for somebody else, as open descriptors. A helper, the plan's child, makes and
// holds them while they are configured; this file has what the halves do in turn.
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "ctrtool/cmd/make_ns_words.h"
#include "ctrtool/cmd/reap.h"
#include "ctrtool/cmd/wait_child.h"
#include "ctrtool/core/base/rollback.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/exec/context.h"
#include "ctrtool/core/exec/executor.h"
#include "ctrtool/core/kit/caps.h"
#include "ctrtool/core/kit/cgroup_enter.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/ipc.h"
#include "ctrtool/core/sys/mount.h"
#include "ctrtool/core/sys/ns.h"
#include "ctrtool/core/sys/process.h"
#include "ctrtool/core/sys/socket.h"
#include "hooks/program.h"

namespace ctr {
namespace {

using What = MakeNsCallout::What;

constexpr const char* kPrefix = "CTRTOOL_MAKE_NS_";

std::string alias_of(const NsKind& kind) {
  std::string name = kPrefix;
  for (const char* c = kind.file; *c != '\0'; ++c) name += static_cast<char>(*c - 'a' + 'A');
  return name + "_FD";
}

// --- hooks ---------------------------------------------------------------------------------------

struct HookWords {
  pid_t helper;
  BorrowedFd proc;
  BorrowedFd made;
  std::string letter;
  std::string index;
};

std::string number(BorrowedFd fd) { return std::to_string(fd.valid() ? fd.raw() : -1); }

hooks::Program program_of(const MakeNsHook& hook, const HookWords& words,
                          const std::string& interpreter) {
  hooks::Program program{.path = hook.text, .argv = {hook.text}, .env = {}};
  if (hook.shell) {
    program.path = interpreter;
    program.argv = {interpreter, "-c", hook.text, "-"};
  } else if (hook.file.valid()) {
    program.path = sys::proc_path(hook.file);
  }
  for (const std::string& word : {std::to_string(words.helper), number(words.proc),
                                  number(words.made), words.letter, words.index})
    program.argv.push_back(word);
  program.inherit = {words.proc, words.made, hook.file};
  program.manners = hooks::Manners::Family;
  return program;
}

Result<void> run_hook(const hooks::Program& program, std::optional<int> timeout_s) {
  constexpr int kMilliseconds = 1000;
  hooks::Child child = TRY(hooks::Child::start(program, {}));
  if (timeout_s.has_value()) {
    const bool ended = TRY(sys::wait_pidfd(child.pidfd(), *timeout_s * kMilliseconds));
    if (!ended) return make_error(Kind::HookFailed, "it ran for more than %d seconds", *timeout_s);
  }
  const int status = TRY(child.wait());
  if (WIFSIGNALED(status))
    return make_error(Kind::HookFailed, "it was killed by signal %d", WTERMSIG(status));
  if (WEXITSTATUS(status) == 0) return {};
  return make_error(Kind::HookFailed, "it ended with status %d", WEXITSTATUS(status));
}

// --- namespaces ----------------------------------------------------------------------------------

// What unshare(2) has made of time counts for children only.
std::string own_file(const NsKind& kind) {
  return strf("ns/%s", kind.flag == CLONE_NEWTIME ? "time_for_children" : kind.file);
}

Result<bool> is_same(BorrowedFd a, BorrowedFd b) {
  const struct stat one = TRY(sys::fstat(a));
  const struct stat other = TRY(sys::fstat(b));
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

Result<void> check_namespace(BorrowedFd made, int type, BorrowedFd owner) {
  const int found = TRY(sys::namespace_type(made));
  if (found != type) return make_error(Kind::System, "it is a %s", ns_kind_of(found).file);
  if (type == CLONE_NEWUSER) return {};
  const UniqueFd owned_by = TRY(sys::owning_userns(made));
  const bool same = TRY(is_same(owned_by, owner));
  if (same) return {};
  return make_error(Kind::System, "it belongs to another user namespace");
}

Result<std::string> absolute(const std::string& path) {
  if (path.starts_with('/')) return path;
  const std::string here = TRY(sys::getcwd());
  return here + "/" + path;
}

// Bound on a file, which is made if it is missing; directories are not.
Result<void> pin(BorrowedFd made, const std::string& name, Rollback& undo) {
  const std::string path = TRY(absolute(name));
  const UniqueFd parent = TRY(sys::open(path.substr(0, path.rfind('/') + 1), O_PATH | O_DIRECTORY));
  const bool there = TRY(sys::exists(kCwd, path));
  ContainerPlan plan;
  plan.id = "make_ns";
  plan.in_place = true;
  plan.add(Phase::Tree, Actor::Child, CheckPath{PathRole::Target, {.path = "/", .follow = true}});
  plan.add(Phase::Tree, Actor::Child, BindMount{.at = path, .from = sys::proc_path(made)});
  const Result<void> bound = execute_in_place(plan, {});
  if (!there) undo.add([path] { (void)sys::unlinkat(kCwd, path, 0); });
  if (!bound.ok()) return bound;
  undo.add([path] {
    Context ctx;
    const PathHere at{.path = path, .follow = true};
    static_cast<void>(run(UnmountHere{at, MNT_DETACH | UMOUNT_NOFOLLOW}, ctx));
  });
  return {};
}

Result<void> make_object(const MakeNsIpc& object) {
  switch (object.what) {
    case MakeNsIpc::What::SharedMemory:
      return sys::shmget_new(object.key, object.number, object.mode);
    case MakeNsIpc::What::MessageQueue:
      return sys::msgget_new(object.key, object.mode);
    case MakeNsIpc::What::Semaphores:
      return sys::semget_new(object.key, static_cast<int>(object.number), object.mode);
  }
  return {};
}

// --- the halves ----------------------------------------------------------------------------------

// Both halves have one. A callout of both is a turn: the helper says that it has come so far, and
// waits until the tool has done its part.
class Halves final : public HookRunner {
 public:
  static Result<Halves> make(const MakeNsRequest& request, const MakeNsPlan& plan) {
    sys::SocketPair pair = TRY(sys::socketpair(SOCK_SEQPACKET));
    UniqueFd own = TRY(sys::open("/proc/self/ns/user", O_RDONLY));
    return Halves(request, plan, std::move(pair), std::move(own));
  }
  Halves(Halves&& other) noexcept
      : request_(other.request_),
        plan_(other.plan_),
        tool_end_(std::move(other.tool_end_)),
        helper_end_(std::move(other.helper_end_)),
        owner_(std::move(other.owner_)) {}

  BorrowedFd tool_end() const { return tool_end_; }
  Rollback& undo() { return undo_; }
  // In the order in which they were made.
  std::vector<UniqueFd> take_made() { return std::move(made_); }

  Result<void> run(HookStage, const std::vector<Hook>&, pid_t, BorrowedFd) override { return {}; }

  Result<void> run_script(const RunScript& op, pid_t helper, BorrowedFd, BorrowedFd) override {
    const std::size_t at = TRY(parse_number<std::size_t>(op.text));
    const MakeNsCallout& callout = plan_.callouts.at(at);
    const Result<void> done = helper == 0 ? in_helper(callout) : in_tool(callout, helper);
    if (done.ok() || done.error().code == EPIPE) return done;
    const std::string what = callout.hook == nullptr ? "" : ": " + quote(callout.hook->text);
    return with_context(done.error(), callout.source + what);
  }

 private:
  Halves(const MakeNsRequest& request, const MakeNsPlan& plan, sys::SocketPair pair, UniqueFd owner)
      : request_(request),
        plan_(plan),
        tool_end_(std::move(pair.first)),
        helper_end_(std::move(pair.second)),
        owner_(std::move(owner)) {}

  // --- the helper ---

  Result<void> in_helper(const MakeNsCallout& callout) {
    trace(callout, "inside");
    switch (callout.what) {
      case What::Begin:
        // Before anything that is mounted inside could cover it.
        proc_ = TRY(sys::open(strf("/proc/%d", ::getpid()), O_RDONLY | O_DIRECTORY));
        return {};
      case What::MakeObjects:
        for (const MakeNsIpc& object : callout.item->objects) TRY(make_object(object));
        return {};
      case What::Offer:
        return offer(*callout.item);
      case What::Hook:
        if (callout.hook->side == MakeNsHook::Side::Inner) return hook(callout, ::getpid());
        break;
      default:
        break;
    }
    TRY(sys::send_message(helper_end_, "r", {}));
    const sys::Message done = TRY(sys::receive_message(helper_end_, 1));
    return done.end ? sys_error(EPIPE, "the tool is gone") : Result<void>();
  }

  Result<void> offer(const MakeNsItem& item) {
    UniqueFd made = TRY(sys::openat(proc_, own_file(*item.kind), O_RDONLY | O_NOCTTY));
    TRY(sys::send_message(helper_end_, "r", {made.borrow()}));
    items_.push_back(&item);
    made_.push_back(std::move(made));
    return {};
  }

  // --- the tool ---

  Result<void> in_tool(const MakeNsCallout& callout, pid_t helper) {
    if (callout.what == What::Begin) {
      helper_end_.reset();
      proc_ = TRY(sys::open(strf("/proc/%d", helper), O_RDONLY | O_DIRECTORY));
      return {};
    }
    trace(callout, "outside");
    sys::Message ready = TRY(sys::receive_message(tool_end_, 1));
    if (ready.end) return sys_error(EPIPE, "the helper is gone");
    if (callout.what == What::Offer) return accept(*callout.item, std::move(ready.fds));
    TRY(tools_part(callout, helper));
    return sys::send_message(tool_end_, "d", {});
  }

  Result<void> tools_part(const MakeNsCallout& callout, pid_t helper) {
    if (callout.what == What::Hook) return hook(callout, helper);
    if (callout.what == What::Pin) return pin(made_.back(), callout.path, undo_);
    for (const std::string& directory : callout.item->cgroups) {
      const UniqueFd base = TRY(sys::open(directory, O_PATH | O_DIRECTORY));
      TRY_CTX(enter_cgroup(base, ".", {.pid = helper}), "%s", quote(directory).c_str());
    }
    return {};
  }

  Result<void> accept(const MakeNsItem& item, std::vector<UniqueFd> fds) {
    if (fds.size() != 1) return make_error(Kind::System, "the helper sent no namespace");
    TRY(check_namespace(fds.front(), item.kind->flag, owner_));
    if (item.kind->flag == CLONE_NEWUSER) owner_ = TRY(sys::dup(fds.front()));
    items_.push_back(&item);
    made_.push_back(std::move(fds.front()));
    return {};
  }

  // --- both ---

  Result<void> hook(const MakeNsCallout& callout, pid_t helper) {
    HookWords words{.helper = helper, .proc = proc_, .made = kNoFd, .letter = "", .index = ""};
    if (callout.item != nullptr) {
      words.made = made_.back();
      words.letter = callout.item->kind->letter;
      words.index = std::to_string(callout.item->index);
    }
    hooks::Program program = program_of(*callout.hook, words, request_.interpreter);
    tell_known(program);
    return run_hook(program, request_.hook_timeout_s);
  }

  void tell_known(hooks::Program& program) const {
    program.env = hooks::own_environment();
    std::erase_if(program.env, [](const std::string& entry) { return entry.starts_with(kPrefix); });
    for (std::size_t i = 0; i < made_.size(); ++i) {
      const MakeNsItem& item = *items_[i];
      program.env.push_back(
          strf("%sFD_%zu=%d", kPrefix, request_.offset + item.index, made_[i].raw()));
      program.env.push_back(strf("%s=%d", alias_of(*item.kind).c_str(), made_[i].raw()));
      program.inherit.push_back(made_[i]);
    }
  }

  void trace(const MakeNsCallout& callout, const char* where) const {
    constexpr const char* kNames[] = {"begin",        "hand it over", "enter cgroups",
                                      "make objects", "hook",         "bind it"};
    if (request_.verbose && callout.what != What::Begin)
      complain("make_ns", strf("%s: %s, %s", callout.source.c_str(),
                               kNames[static_cast<std::size_t>(callout.what)], where));
  }

  const MakeNsRequest& request_;
  const MakeNsPlan& plan_;
  UniqueFd tool_end_;
  UniqueFd helper_end_;
  UniqueFd owner_;  // the user namespace that those to come belong to
  UniqueFd proc_;   // of the helper
  std::vector<const MakeNsItem*> items_;
  std::vector<UniqueFd> made_;
  Rollback undo_;
};

// --- the sequence --------------------------------------------------------------------------------

Result<void> export_all(const MakeNsRequest& request, std::vector<UniqueFd> made) {
  Exports exports("MAKE_NS", request.offset);
  if (request.offset == 0)
    for (const NsKind& kind : kNsKinds) ::unsetenv(alias_of(kind).c_str());
  const std::vector<const MakeNsItem*> order = request.in_order();
  for (const MakeNsItem& item : request.items) {
    const auto at = std::ranges::find(order, &item) - order.begin();
    UniqueFd& fd = made.at(static_cast<std::size_t>(at));
    if (item.withheld) {
      fd.reset();
      exports.withhold();
    } else {
      TRY_CTX(exports.add(std::move(fd), item.exported), "%s", item.shown().c_str());
    }
    const std::string variable = strf("%sFD_%zu", kPrefix, request.offset + item.index);
    ::setenv(alias_of(*item.kind).c_str(), std::getenv(variable.c_str()), 1);
  }
  exports.finish();
  return {};
}

Result<MakeNsCaller> caller() {
  const int last = TRY(kernel_last_cap());
  const CapSets held = TRY(current_cap_sets(last));
  return MakeNsCaller{
      .uid = ::geteuid(),
      .gid = ::getegid(),
      .privileged = held.effective.has(CAP_SETUID) && held.effective.has(CAP_SETGID)};
}

// Numbers that were asked for may be in use: only when all is exported does the helper go, and what
// was bound stay.
Result<void> build(const MakeNsRequest& request, const MakeNsPlan& plan) {
  Halves halves = TRY(Halves::make(request, plan));
  ExecuteOptions options{.hooks = &halves};
  options.parents_own.push_back(halves.tool_end());
  options.enter_stage = [](const Program&) { return static_cast<int>(kExitOk); };
  Prepared helper = TRY(prepare(plan.plan, std::move(options)));
  TRY(export_all(request, halves.take_made()));
  TRY(helper.go());
  TRY(sys::waitpid(helper.pid(), 0));
  halves.undo().release();
  return {};
}

// What is joined may be somebody's who is not to reach our executable.
bool enters(const Parsed& parsed) {
  return std::ranges::any_of(parsed.options, [](const Given& given) { return given.key == 'E'; });
}

Result<Ending> make_ns(const Parsed& parsed) {
  if (enters(parsed)) TRY(escape_applet(parsed.argv));
  MakeNsRequest request = TRY(read_make_ns_words(parsed));
  for (MakeNsItem& item : request.items)
    if (item.exported.fixed.has_value())
      TRY_CTX(reserve(*item.exported.fixed), "%s", item.shown().c_str());
  const MakeNsCaller who = TRY(caller());
  const MakeNsPlan plan = plan_make_ns(request, who);
  const ReapOurselves reap;
  const Result<void> built = build(request, plan);
  if (!built.ok()) return plan_failed("make_ns", built.error(), kExitSetup);
  return request.no_exec ? Ending{} : becomes(request.program);
}

}  // namespace

int run_make_ns(const Words& argv) { return run_applet(kMakeNsManual, argv, make_ns); }

}  // namespace ctr
