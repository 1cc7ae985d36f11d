// SPDX-License-Identifier: Apache-2.0
// What mount_seq's words ask for: a list of operations. Nothing is done to the file system yet.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "ctrtool/cmd/fd_spec.h"
#include "ctrtool/cmd/words.h"
#include "ctrtool/core/kit/fs_config.h"
#include "ctrtool/core/plan/op.h"

namespace ctr {

// The one flag of a directory: that it may be there.
inline constexpr unsigned long kMayExist = 1;

// A parameter of a file system, and the descriptor that it keeps open.
struct MountParameter {
  FsParameter parameter;
  std::optional<FdArgument> descriptor{};
};

struct MountItem {
  int operation;  // its option's letter
  std::string target;
  std::optional<std::string> beneath{};
  std::optional<std::string> source{};
  std::optional<std::string> source_beneath{};
  std::string type{};
  std::string data{};
  std::vector<MountParameter> parameters{};
  std::string text{};
  unsigned long flags = 0;
  std::optional<mode_t> mode{};
  bool make_directory = false;
  bool make_file = false;
  bool parents = false;
  bool exclusive = false;
  bool remount = false;
  bool follow_source = false;
  bool follow_target = false;
  bool tolerate = false;
  bool tolerate_checks = false;
  bool sync = false;
  bool append = false;
  bool unless_mounted = false;
  std::optional<MountIdMapping> id_map{};

  const char* name() const;  // of the operation: "mount"
};

struct MountList {
  std::vector<MountItem> items{};
  bool rolls_back = false;
  bool dry_run = false;
};
Result<MountList> read_mount_words(const Parsed& parsed);

}  // namespace ctr
