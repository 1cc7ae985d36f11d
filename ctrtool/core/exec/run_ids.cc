// SPDX-License-Identifier: Apache-2.0
// ID maps and the identity in a new user namespace.
#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/exec/child.h"
#include "ctrtool/core/exec/context.h"
#include "ctrtool/core/kit/user_namespace.h"
#include "ctrtool/core/sys/cred.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/process.h"
#include "ctrtool/core/sys/socket.h"

namespace ctr {
namespace {

// Found by absolute path only: PATH may be absent, or somebody else's.
std::string helper_path(const std::string& name) {
  for (const char* dir : {"/usr/bin/", "/bin/", "/usr/local/bin/", "/usr/sbin/"})
    if (::access((dir + name).c_str(), X_OK) == 0) return dir + name;
  return "/usr/bin/" + name;
}

std::vector<std::string> helper_words(const std::string& path, pid_t pid, const IdMap& map) {
  std::vector<std::string> words{path, strf("%d", pid)};
  for (const IdRange& range : map.ranges())
    for (const std::uint32_t number : {range.inside, range.outside, range.count})
      words.push_back(strf("%u", number));
  return words;
}

// newuidmap(1), newgidmap(1): they check /etc/subuid and /etc/subgid and write the map.
Result<void> run_helper(const std::string& name, pid_t pid, const IdMap& map) {
  const std::string path = helper_path(name);
  sys::Pipe output = TRY(sys::pipe());
  const sys::Cloned child = TRY(sys::clone3(0, kNoFd));
  if (child.pid == 0) {
    if (!sys::dup2(output.write, 2).ok()) child_exit(126);
    static_cast<void>(sys::execve(path, helper_words(path, pid, map), {}));
    child_exit(127);
  }
  output.write.reset();
  constexpr std::size_t kMaxWords = 4096;
  const Result<std::string> said = sys::read_all(output.read, kMaxWords);
  const std::optional<int> status = TRY(sys::waitpid(child.pid, 0));
  const int code = sys::exit_code(status.value_or(0));
  if (code == 127) return make_error(Kind::Unsupported, "%s cannot be executed", path.c_str());
  if (code != 0)
    return make_error(Kind::System, "%s failed: %s", name.c_str(),
                      escape(trim(said.ok() ? *said : "")).c_str());
  return {};
}

// A user namespace made by an ordinary user has given setgroups up (user_namespaces(7)): whoever
// joins it keeps his groups, which mean nothing inside.
Result<void> clear_groups(Context& ctx) {
  const Result<void> cleared = sys::setgroups({});
  if (cleared.ok() || cleared.error().code != EPERM) return cleared;
  const BorrowedFd proc = TRY(trusted_proc(ctx));
  const std::string allowed = TRY(sys::read_file_at(proc, "self/setgroups"));
  ctx.setgroups_denied = allowed == "deny\n";
  return ctx.setgroups_denied ? Result<void>() : cleared;
}

}  // namespace

namespace {

SetGroups set_groups(const MapIds& op) {
  return op.deny_setgroups ? SetGroups::Deny : SetGroups::AsItIs;
}

Result<void> write_maps(const MapIds& op, BorrowedFd process) {
  TRY(write_id_maps(process, op.uids, op.gids, set_groups(op)));
  return write_project_map(process, op.projects);
}

// Only from the namespace that owns the new one, or from that itself, may the maps be written
// (user_namespaces(7)): where the child has joined the owner, the parent is too far outside. So a
// child of the child's stays behind in the owner until the namespace is made.
Result<void> prepare_mapping(const MapIds& op, Context& ctx) {
  const BorrowedFd proc = TRY(trusted_proc(ctx));
  const UniqueFd process = TRY(sys::openat(proc, "self", O_PATH | O_DIRECTORY));
  sys::SocketPair pair = TRY(sys::socketpair(SOCK_SEQPACKET));
  const sys::Cloned mapper = TRY(sys::clone3(0, kNoFd));
  if (mapper.pid != 0) {
    ctx.id_mapper = std::move(pair.first);
    return {};
  }
  pair.first.reset();
  char word = 0;
  const Result<std::size_t> got = sys::read(pair.second, &word, 1);
  if (!got.ok() || *got == 0) child_exit(1);
  const Result<void> written = write_maps(op, process);
  (void)sys::write_all(pair.second, written.ok() ? "+" : encode_error(written.error()));
  child_exit(0);
}

}  // namespace

Result<void> finish_mapping(Context& ctx) {
  const UniqueFd mapper = std::move(ctx.id_mapper);
  TRY(sys::write_all(mapper, "+"));
  const std::string answer = TRY(sys::read_all(mapper));
  static_cast<void>(sys::reap_any());
  if (answer == "+") return {};
  const std::optional<Error> error = decode_error(answer);
  if (error.has_value()) return *error;
  return make_error(Kind::ChildDied, "whoever was to write the ID maps is gone");
}

Result<void> run(const MapIds& op, Context& ctx) {
  if (ctx.in_child) return prepare_mapping(op, ctx);
  const UniqueFd proc = TRY(sys::open(strf("/proc/%d", ctx.child), O_PATH | O_DIRECTORY));
  if (!op.use_helpers) return write_maps(op, proc);
  TRY(write_id_maps(proc, {}, {}, set_groups(op)));
  TRY(run_helper("newgidmap", ctx.child, op.gids));
  TRY(run_helper("newuidmap", ctx.child, op.uids));
  return write_project_map(proc, op.projects);
}

Result<void> run(const BecomeRoot& op, Context& ctx) {
  if (op.clear_groups) TRY(clear_groups(ctx));
  TRY(sys::setresgid(op.gid, op.gid, op.gid));
  TRY(sys::setresuid(op.uid, op.uid, op.uid));
  return guard_against_orphaning(ctx);
}

// The real user is still ours.
Result<void> run(const BecomeOwner& op, Context& ctx) {
  constexpr auto kUnchanged = static_cast<uid_t>(-1);
  TRY(sys::setresuid(kUnchanged, op.uid, kUnchanged));
  TRY(raise_permitted());
  return guard_against_orphaning(ctx);
}

}  // namespace ctr
