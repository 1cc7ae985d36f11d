// SPDX-License-Identifier: Apache-2.0
// A piece of machine of our own: fresh mount, pid, network, ipc and uts namespaces (and a user
// namespace when asked for, or when we are not root) with a private /run, /tmp, /var/tmp, /dev and
// /proc. A bug in what is tested can't mount, kill or chown anything outside. The control groups
// stay the host's: there is no other way to test them; see oracle.h for who cleans up.
//
//   caller ─fork─▶ A (unshares) ─fork─▶ B (pid 1: mounts, reaps) ─fork─▶ C (the body)
//
// When B ends the kernel kills all that is left of the body. When the caller is killed, so is B.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

namespace support {

struct SandboxOptions {
  bool user_namespace = false;  // all ids of the caller, mapped to themselves, but owned by us
  bool network = true;          // a network namespace of its own, loopback up
};

// C ends with this status when the sandbox could not be made; the reason was given to `explain`.
inline constexpr int kNoSandbox = 79;

// Directories that stay visible when they are below /tmp, /run or another replaced place: the
// source tree, the build tree, and the program under test.
std::vector<std::string> directories_to_keep();

// Starts `body` in a new sandbox and answers A's pid. `explain(text)` runs in A or B, when the
// kernel or the machine forbids a step.
pid_t start_in_sandbox(const SandboxOptions& options,
                       const std::function<void(const std::string&)>& explain,
                       const std::function<int()>& body);

}  // namespace support
