// SPDX-License-Identifier: Apache-2.0
// A terminal that a program keeps while its users come and go. One process, the holder, has the
// terminal's master and listens at a unix socket that only its owner may connect to; a user's
// process passes on what is typed and shown. Each message is a letter and what belongs to it:
//
//   to the holder   i BYTES    typed           to the user   o BYTES    output
//                   w winsize  new size                      e status   the program has ended
//                   s number   a signal                      t          another user has come
#pragma once

#include <signal.h>

#include <optional>
#include <string>

#include "ctrtool/cmd/proxy.h"
#include "ctrtool/cmd/words.h"

namespace ctr {

struct HoldRequest {
  std::string path;  // of the socket
  ProxyRequest terminal{};
  Words program{};
  bool controlling = true;
  bool close_others = false;
  bool detached = false;  // nobody uses it yet
  sigset_t mask{};        // the program's
};
struct Held {
  UniqueFd user{};                 // the user's end of a connection, unless it starts detached
  std::optional<Error> failure{};  // why the program could not be executed: nothing runs
};
// Starts the program and its holder, which goes on without us. After an error nothing runs, either.
Result<Held> hold_session(const HoldRequest& request);

// A connection to the session at `path`.
Result<UniqueFd> find_session(const std::string& path);

// Until the program ends (its status), the user goes or is replaced (0). `signals`: a signalfd of
// all of them: a new size and what a user may send are passed on, HUP and TERM detach.
Result<int> use_session(UniqueFd connection, std::optional<char> detach_key, BorrowedFd signals,
                        const std::string& name);

}  // namespace ctr
