// SPDX-License-Identifier: Apache-2.0
// make_ns's words: items, each a namespace to be made, and the plan that makes them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ctrtool/cmd/exports.h"
#include "ctrtool/cmd/fd_spec.h"
#include "ctrtool/cmd/words.h"
#include "ctrtool/core/base/result.h"
#include "ctrtool/core/kit/idmap.h"
#include "ctrtool/core/kit/ns_kind.h"
#include "ctrtool/core/plan/plan.h"

namespace ctr {

struct MakeNsHook {
  enum class Side { Outer, Inner };
  Side side;
  bool shell;
  std::string text;
  std::string option;
  UniqueFd file{};  // an inner program, opened before anything
};

// A System V object of an IPC namespace.
struct MakeNsIpc {
  enum class What { SharedMemory, MessageQueue, Semaphores };
  What what;
  std::int32_t key;
  std::uint64_t number;  // bytes or semaphores
  mode_t mode;
};

struct MakeNsItem {
  const NsKind* kind;
  std::size_t index;
  std::vector<MakeNsHook> hooks{};
  std::vector<std::string> pins{};
  Export exported{};
  bool withheld = false;

  // User.
  std::optional<IdMap> uids{};
  std::optional<IdMap> gids{};
  IdMap projids{};
  std::optional<bool> deny_setgroups{};
  std::optional<uid_t> owner{};
  std::optional<FdArgument> enter{};

  unsigned long propagation = 0;  // mount
  bool loopback = false;          // network
  std::string offsets{};          // time
  std::vector<Op> settings{};     // made by the helper, inside
  std::vector<MakeNsIpc> objects{};
  std::vector<std::string> cgroups{};

  std::string shown() const;  // "item 0 (-U)"
};

struct MakeNsRequest {
  std::vector<MakeNsItem> items{};
  unsigned offset = 0;
  std::vector<MakeNsHook> before{};
  std::vector<MakeNsHook> after{};
  std::string interpreter = "/bin/sh";
  bool no_exec = false;
  bool keep_id = false;
  std::optional<int> hook_timeout_s{};
  bool verbose = false;
  Words program{};

  // The user namespace first, whatever its position.
  std::vector<const MakeNsItem*> in_order() const;
};

// Who asks: what defaults depend on.
struct MakeNsCaller {
  uid_t uid;
  gid_t gid;
  bool privileged;  // may write any map
};

Result<MakeNsRequest> read_make_ns_words(const Parsed& parsed);

// What the halves do between the plan's operations, in turn: a RunScript of the plan whose text is
// the callout's number.
struct MakeNsCallout {
  enum class What { Begin, Offer, EnterCgroups, MakeObjects, Hook, Pin };
  What what;
  const MakeNsItem* item = nullptr;
  const MakeNsHook* hook = nullptr;
  std::string path{};
  std::string source{};  // for messages
};

struct MakeNsPlan {
  ContainerPlan plan{};
  std::vector<MakeNsCallout> callouts{};
};
MakeNsPlan plan_make_ns(const MakeNsRequest& request, const MakeNsCaller& caller);

extern const Manual kMakeNsManual;
int run_make_ns(const Words& argv);

}  // namespace ctr
