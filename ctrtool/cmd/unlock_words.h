// SPDX-License-Identifier: Apache-2.0
// unlock's words: operations on the tree that we live in, and what is dropped after them.
#pragma once

#include <list>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "ctrtool/cmd/chroot_pivot.h"
#include "ctrtool/cmd/drop_words.h"
#include "ctrtool/cmd/exports.h"
#include "ctrtool/cmd/fd_spec.h"
#include "ctrtool/cmd/words.h"
#include "ctrtool/core/base/result.h"
#include "ctrtool/core/plan/plan.h"

namespace ctr {

// On what is at `at`, which is resolved once as we see it, by the rules of openat2(2).
struct UnlockAt {
  std::string at;
  std::uint64_t resolve;
  std::vector<Op> ops;  // whose `at` is "/", or a name below it
};

struct UnlockEnter {
  std::string at;
  std::uint64_t resolve;
  enum class What { Directory, Root, NewRoot };
  What what;
  std::string put_old{};  // NewRoot; empty: the old one is detached
};

struct UnlockWrite {
  std::string at;
  std::string text;
  std::uint64_t resolve;
};

struct UnlockOpen {
  std::string path;
  int flags;
  mode_t mode = 0;
  std::uint64_t resolve = 0;
  Export exported{};
};

struct UnlockReceive {
  BorrowedFd socket;
  std::size_t count = 1;
  Export exported{};  // of the first
};

struct UnlockOperation {
  std::string shown;  // "operation 0 (-m tmpfs,none,/mnt)"
  std::variant<UnlockAt, UnlockEnter, UnlockWrite, UnlockOpen, UnlockReceive, ChrootPivot> what;
  bool tolerate = false;
};

struct UnlockRequest {
  std::vector<UnlockOperation> operations{};
  std::list<FdArgument> descriptors{};  // that options name, open until the end
  std::vector<int> kept{};              // of the caller's, those that options name and leave to him
  DropRequest drop{};
  bool keep_all = false;
  bool changes_root = false;
  bool keep_ld = false;
  std::optional<BorrowedFd> seccomp{};
  std::optional<BorrowedFd> exec_fd{};
  bool dry_run = false;
  Words program{};
};

extern const Manual kUnlockManual;
int run_unlock(const Words& argv);

Result<UnlockRequest> read_unlock_words(const Parsed& parsed, const HeldCaps& held);

}  // namespace ctr
