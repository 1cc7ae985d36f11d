// SPDX-License-Identifier: Apache-2.0
// The options of ns_open_file and the operations of its -I, as tables.
#pragma once

#include <span>
#include <string_view>

#include "ctrtool/cmd/ns_open_file_words.h"

namespace ctr {

// Keys of the options without a letter.
enum NsOpenFileKey : int {
  kDirectory = kLongOnly,
  kDevice,
  kUserns,
  kUidMap,
  kGidMap,
  kSetgroups,
  kSame,
  kVsock,
  kPacket,
  kNetlink,
  kOption,
  kNumericOption,
  kUnlink,
  kOwner,
  kConnect,
  kConnectTimeout,
  kPersist,
  kArgument,
  kPass,
  kTimeout,
  kCount,
  kSkip,
  kPeerUid,
  kPeerPid,
  kPeerEnv,
  kEnv,
  kFd,
};

struct OperationRow {
  std::string_view name;
  Operation operation;
  char letter;  // in the scopes of options
  bool has_result = true;
};
std::span<const OperationRow> ns_open_file_operations();

}  // namespace ctr
