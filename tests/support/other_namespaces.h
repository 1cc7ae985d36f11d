// SPDX-License-Identifier: Apache-2.0
// A process that lives in a user and a network namespace of its own, loopback up there: what a
// rootless container is to those outside.
#pragma once

#include <string>

#include "tests/support/applets.h"
#include "tests/support/files.h"

namespace support {

class OtherNamespaces {
 public:
  OtherNamespaces()
      : process_({.argv = {"unshare", "--map-root-user", "--net", "--mount", "sh", "-c",
                           "ip link set lo up && exec sleep 1000"}}) {}
  // True when it is there; false when it never came up.
  bool ready() const {
    return eventually([this] { return read_file(proc() + "/comm") == "sleep\n"; }, kPatienceMs);
  }
  pid_t pid() const { return process_.pid(); }
  std::string proc() const { return "/proc/" + std::to_string(pid()); }
  std::string err() const { return process_.err(); }
  // A shell's text in which $C is ctrtool and $P this process, in /tmp.
  Outcome shell(const std::string& text) const {
    return support::shell("cd /tmp; P=" + std::to_string(pid()) + "; " + text);
  }
  // What `ss` shows of its sockets.
  std::string sockets(const std::string& options) const {
    return shell("nsenter -t $P -U -n ss -H " + options).out;
  }

 private:
  static constexpr int kPatienceMs = 30000;
  Running process_;
};

}  // namespace support
