// SPDX-License-Identifier: Apache-2.0
// What mini-init's words ask for: programs, and what signals do. Nothing is done yet.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ctrtool/cmd/words.h"

namespace ctr {

enum class InitAction : std::uint8_t {
  None,
  Reboot,
  PowerOff,
  Halt,
  Exit,
  Reload,
  Run,
  Reexec,
};

struct InitProgram {
  Words argv{};
  std::string name{};  // for messages and --control
  std::string stdio[3] = {};
  bool append = false;
  std::optional<unsigned> respawn{};
  unsigned backoff = 0;
  std::vector<int> fds{};
  bool listen = false;
  std::string directory{};
  std::optional<uid_t> uid{};
  std::optional<gid_t> gid{};
  std::vector<std::string> env{};
  bool decides = false;    // its end is ours
  bool on_demand = false;  // not before --control says so
};

struct InitSignal {
  InitAction action = InitAction::None;
  std::string pre{};
  std::string post{};
};

struct InitRequest {
  std::vector<InitProgram> programs{};
  std::map<int, InitSignal> signals{};
  bool exact_fds = false;
  bool subreaper = false;
  bool verbose = false;
  std::string control{};  // path of the FIFO
  unsigned grace = 2;
};

// `bare_words`: they are arguments (mini-init2).
Result<InitRequest> read_init_words(const Parsed& parsed, bool bare_words);

}  // namespace ctr
