// SPDX-License-Identifier: Apache-2.0
// Joining existing namespaces: where the handles come from, and the order that works. All handles
// of one request are opened before the first is joined, so what is missing is found while nothing
// has changed yet.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"

namespace ctr {

struct JoinRequest {
  enum class From : std::uint8_t {
    Descriptor,  // a namespace file or a pidfd
    File,        // a namespace file
    Directory,   // like /proc/PID
    Process,     // by its pid
  };
  From from;
  int types = 0;       // CLONE_NEW*; 0: of a namespace file its own kind, of a directory none
  bool all = false;    // every kind that is not ours already; pidfd, process or directory
  bool close = false;  // the descriptor, afterwards
  int fd = -1;
  pid_t pid = 0;
  std::string path{};
  std::string text;  // as the user wrote it, for messages

  bool operator==(const JoinRequest&) const = default;
};

// One call of setns(2).
struct JoinHandle {
  int types;
  BorrowedFd fd;
  UniqueFd own{};      // what `fd` is, if we opened it
  std::string shown;   // "net namespace of u=/x"
  bool close = false;  // `fd`, though it is the caller's
};

// Kind::InvalidSpec: a closed descriptor, not a namespace, one of another kind, too many kinds for
// one file. Kind::NotFound: the process is gone.
Result<std::vector<JoinHandle>> open_join(const JoinRequest& request);
// In their order. Not dumpable from then on: what is inside must not reach us through /proc or
// ptrace (CVE-2016-9962).
Result<void> join_namespaces(std::vector<JoinHandle> handles);
Result<void> join_namespaces(const JoinRequest& request);
// All kinds that these handles stand for.
int types_of(const std::vector<JoinHandle>& handles);

}  // namespace ctr
