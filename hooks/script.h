// SPDX-License-Identifier: Apache-2.0
// ctrtool's scripts: programs of the host that configure a container while it is held.
//
//   file        SCRIPT PID PROCFD SOCKFD
//   shell text  /bin/sh -c TEXT - PID PROCFD SOCKFD
//   no fork     two more words: LOCKFD, and GOFD, where a byte starts the container
//
// PID is the host's, PROCFD an open /proc/PID (so /proc/self/fd/PROCFD/ns/net is free of races), -1
// stands for a descriptor that is not there. A script has our session, directory, stdio, signals
// and inheritable descriptors; nobody limits its time.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"

namespace hooks {

struct Script {
  enum class Form : std::uint8_t { File, ShellText };
  Form form = Form::File;
  std::string text;                     // a program, looked up in PATH; or what the shell reads
  std::string interpreter = "/bin/sh";  // of shell text
};

// The container, as a script sees it.
struct ScriptTarget {
  pid_t pid = 0;
  ctr::BorrowedFd proc = ctr::kNoFd;
  ctr::BorrowedFd socket = ctr::kNoFd;
  std::vector<std::string> env = {};          // all of it
  std::vector<ctr::BorrowedFd> inherit = {};  // what the environment speaks of: pidfd, namespaces…
};

// Waits for it. Its exit status, 127 when a signal killed it; an error when it cannot be executed.
ctr::Result<int> run_script(const Script& script, const ScriptTarget& target);

// Instead of this process; comes back only to say why not.
ctr::Error become_script(const Script& script, const ScriptTarget& target, ctr::BorrowedFd lock,
                         ctr::BorrowedFd go);

}  // namespace hooks
