// SPDX-License-Identifier: Apache-2.0
// Descriptors made in other namespaces while we stay where we are. One helper process goes there
// and does all jobs, one after the other; it dies with us.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"
#include "ctrtool/core/kit/idmap.h"

namespace ctr {

// Who the helper is. Changing the user takes the capabilities away, unless they are to be kept.
struct HelperIds {
  // Before it joins anything.
  std::optional<gid_t> pre_gid{};
  std::optional<uid_t> pre_uid{};
  // Afterwards: real, effective, saved and for files; then single ones.
  std::optional<gid_t> gid{};
  std::optional<gid_t> egid{};
  std::optional<gid_t> fsgid{};
  std::optional<uid_t> uid{};
  std::optional<uid_t> euid{};
  std::optional<uid_t> fsuid{};
  std::optional<std::vector<gid_t>> groups{};
  bool groups_before = false;  // they are set before it joins
  bool keep_groups = false;    // otherwise a new group before means no other groups
  bool keep_caps = false;
  bool operator==(const HelperIds&) const = default;
};

struct NewUserNamespace {
  IdMap uids;
  IdMap gids;
  bool deny_setgroups = true;
};

struct NsHandle {
  BorrowedFd fd;
  int type;  // one CLONE_NEW*
};

// In this order.
struct NsEntry {
  HelperIds ids{};
  std::optional<NewUserNamespace> new_user{};
  std::vector<NsHandle> join{};  // user first
  bool new_net = false;
  std::string text;  // in front of what goes wrong before the first job
};

using HelperJob = std::function<Result<UniqueFd>()>;

// The jobs' descriptors, close-on-exec. The first error ends it.
Result<std::vector<UniqueFd>> make_in_namespaces(const NsEntry& entry,
                                                 std::span<const HelperJob> jobs);

}  // namespace ctr
