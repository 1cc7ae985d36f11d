// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/ns_helper.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/caps.h"
#include "ctrtool/core/kit/user_namespace.h"
#include "ctrtool/core/sys/cred.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/fsuid.h"
#include "ctrtool/core/sys/ns.h"
#include "ctrtool/core/sys/process.h"
#include "ctrtool/core/sys/socket.h"

namespace ctr {
namespace {

constexpr std::size_t kMaxMessage = 65536;
constexpr std::string_view kMade = "made";      // and the descriptor with it
constexpr std::string_view kMapped = "mapped";  // to the helper

constexpr auto kUnchanged = static_cast<std::uint32_t>(-1);

// --- the helper ----------------------------------------------------------------------------------

// A change of IDs clears it.
Result<void> die_with_parent() { return sys::prctl_set_pdeathsig(SIGKILL); }

Result<void> become_before(const HelperIds& ids) {
  if (!ids.keep_groups) {
    if (ids.groups.has_value() && ids.groups_before) {
      TRY(sys::setgroups(*ids.groups));
    } else if (ids.gid.has_value() || ids.pre_gid.has_value()) {
      TRY(sys::setgroups({}));
    }
  }
  if (ids.pre_gid.has_value()) TRY(sys::setresgid(*ids.pre_gid, *ids.pre_gid, *ids.pre_gid));
  if (ids.pre_uid.has_value()) {
    TRY(sys::prctl_set_keepcaps(sys::Switch::On));
    TRY(sys::setresuid(*ids.pre_uid, *ids.pre_uid, *ids.pre_uid));
  }
  return raise_permitted();
}

Result<void> set_groups(const HelperIds& ids) {
  if (ids.groups.has_value() && !ids.groups_before) TRY(sys::setgroups(*ids.groups));
  if (ids.gid.has_value()) TRY(sys::setresgid(*ids.gid, *ids.gid, *ids.gid));
  if (ids.egid.has_value()) TRY(sys::setresgid(kUnchanged, *ids.egid, kUnchanged));
  if (ids.fsgid.has_value()) TRY(sys::setfsgid(*ids.fsgid));
  return {};
}

Result<void> set_user(const HelperIds& ids) {
  const bool changes = ids.uid.has_value() || ids.euid.has_value() || ids.fsuid.has_value();
  if (!changes) return {};
  TRY(sys::prctl_set_keepcaps(sys::Switch::On));
  if (ids.uid.has_value()) TRY(sys::setresuid(*ids.uid, *ids.uid, *ids.uid));
  if (ids.euid.has_value()) TRY(sys::setresuid(kUnchanged, *ids.euid, kUnchanged));
  if (ids.fsuid.has_value()) TRY(sys::setfsuid(*ids.fsuid));
  if (ids.keep_caps) return raise_permitted();
  // Even of a user who has not been root.
  return sys::capset({});
}

Result<void> become_after(const HelperIds& ids) {
  TRY(set_groups(ids));
  TRY(set_user(ids));
  if (ids.keep_caps) TRY(raise_permitted());
  return die_with_parent();
}

Result<void> enter(const NsEntry& entry) {
  TRY(become_before(entry.ids));
  TRY(die_with_parent());
  // What is inside must not reach us through /proc or ptrace (CVE-2016-9962).
  if (!entry.join.empty()) TRY(sys::prctl_set_dumpable(sys::Switch::Off));
  for (const NsHandle& handle : entry.join) TRY(sys::setns(handle.fd, handle.type));
  if (entry.new_net) TRY(sys::unshare(CLONE_NEWNET));
  return become_after(entry.ids);
}

Result<void> work(const NsEntry& entry, std::span<const HelperJob> jobs, BorrowedFd channel) {
  TRY(die_with_parent());
  if (entry.new_user.has_value()) {
    const sys::Message word = TRY(sys::receive_message(channel, kMaxMessage));
    if (word.end) return make_error(Kind::ChildDied, "the parent is gone");
  }
  TRY_CTX(enter(entry), "%s", entry.text.c_str());
  for (const HelperJob& job : jobs) {
    const UniqueFd made = TRY(job());
    TRY(sys::send_message(channel, kMade, {made.borrow()}));
  }
  return {};
}

[[noreturn]] void helper_main(const NsEntry& entry, std::span<const HelperJob> jobs,
                              BorrowedFd channel) {
  const Result<void> done = work(entry, jobs, channel);
  if (!done.ok()) static_cast<void>(sys::send_message(channel, encode_error(done.error()), {}));
  ::_exit(done.ok() ? 0 : 1);
}

// --- its parent ----------------------------------------------------------------------------------

Result<void> map_ids(pid_t helper, const NewUserNamespace& user) {
  const UniqueFd proc = TRY(sys::open(strf("/proc/%d", helper), O_PATH | O_DIRECTORY));
  return write_id_maps(proc, user.uids, user.gids,
                       user.deny_setgroups ? SetGroups::Deny : SetGroups::AsItIs);
}

Result<std::vector<UniqueFd>> collect(std::size_t count, BorrowedFd channel) {
  std::vector<UniqueFd> made;
  while (made.size() < count) {
    sys::Message message = TRY(sys::receive_message(channel, kMaxMessage));
    if (message.end) return make_error(Kind::ChildDied, "the helper process died");
    if (message.fds.size() == 1 && message.data == kMade) {
      made.push_back(std::move(message.fds.front()));
      continue;
    }
    std::optional<Error> error = decode_error(message.data);
    if (!error.has_value()) return make_error(Kind::System, "the helper process spoke nonsense");
    return *std::move(error);
  }
  return made;
}

Result<std::vector<UniqueFd>> direct(const NsEntry& entry, std::size_t count, pid_t helper,
                                     BorrowedFd channel) {
  if (entry.new_user.has_value()) {
    TRY_CTX(map_ids(helper, *entry.new_user), "%s", entry.text.c_str());
    TRY(sys::send_message(channel, kMapped, {}));
  }
  return collect(count, channel);
}

}  // namespace

Result<std::vector<UniqueFd>> make_in_namespaces(const NsEntry& entry,
                                                 std::span<const HelperJob> jobs) {
  sys::SocketPair channel = TRY(sys::socketpair(SOCK_SEQPACKET));
  const std::uint64_t flags = entry.new_user.has_value() ? CLONE_NEWUSER : 0;
  Result<sys::Cloned> helper = sys::clone3(flags, kNoFd);
  if (!helper.ok()) return with_context(std::move(helper).error(), entry.text);
  if (helper->pid == 0) {
    channel.first.reset();
    helper_main(entry, jobs, channel.second);
  }
  channel.second.reset();
  Result<std::vector<UniqueFd>> made = direct(entry, jobs.size(), helper->pid, channel.first);
  if (!made.ok()) static_cast<void>(sys::pidfd_send_signal(helper->pidfd, SIGKILL));
  TRY(sys::waitpid(helper->pid, 0));
  return made;
}

}  // namespace ctr
