// SPDX-License-Identifier: Apache-2.0
// What the words of ns_open_file ask for: items, in order. Everything that can be wrong without
// trying it is found here.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ctrtool/cmd/exports.h"
#include "ctrtool/cmd/fd_spec.h"
#include "ctrtool/cmd/words.h"
#include "ctrtool/core/kit/ns_helper.h"
#include "ctrtool/core/kit/socket_request.h"
#include "ctrtool/core/kit/tun.h"

namespace ctr {

enum class ItemKind : std::uint8_t { Socket, Open, Tun, File, Operation };

enum class Operation : std::uint8_t {
  Memfd,
  MemfdSeal,
  Popen,
  PopenWait,
  PopenR,
  PopenW,
  PopenS0,
  PopenS1,
  PopenSu,
  PopenScm,
  PopenMemfd,
  PopenMemfdSeal,
  PtSlave,
  ScmRecv,
  ScmSend,
  Connect,
  ConnectUnixPath,
  TunSetIff,
  Poll,
  IfNonEmpty,
};

// Where an item happens. Registers by name; empty: none.
struct Where {
  std::string path;         // a namespace file, or for File the file
  std::string in_register;  // the same as a descriptor
  bool enter_user = false;  // -U
  bool anonymous = false;   // -A
  bool same = false;        // there where the item before has been
  std::string user_path;    // --userns
  std::optional<NewUserNamespace> new_user;
  HelperIds ids;
};

struct OpenWords {
  std::string path = "/";
  int flags = 0;
  std::uint64_t resolve = 0;
  bool openat2 = false;
  mode_t mode = 0600;
};

struct PopenWords {
  Words argv;
  std::vector<std::pair<std::string, std::string>> pass;  // register, variable
};

struct ReceiveWords {
  std::size_t count = 1;
  bool skip = false;
  std::optional<uid_t> uid;
  std::optional<pid_t> pid;
  std::string peer_variable;
};

struct Item {
  ItemKind kind;
  std::size_t number;  // from 1
  std::string text{};  // as messages call it: item 2 (-n)
  Operation operation{};
  Where where{};
  std::string base_register{};               // -i R,d
  std::shared_ptr<FdArgument> base{};        // -d of -m
  std::vector<std::string> aux_registers{};  // -i R,a
  std::string save{};                        // register
  bool internal = false;                     // -s R,i
  Export how{};
  // By kind.
  SocketRequest socket{.domain = 0};  // its `bind` is where to go, for -I connect
  int pair_type = 0;                  // of popen's socket pair
  OpenWords open{};
  TunRequest tun{};
  PopenWords popen{};
  ReceiveWords receive{};
  int timeout_ms = -1;

  const std::string& operand() const {
    return where.in_register.empty() ? base_register : where.in_register;
  }
  // How many results it has.
  std::size_t results() const;
};

struct NsOpenFileWords {
  std::vector<Item> items;
  std::map<std::string, FdArgument> loaded;  // registers
  unsigned offset = 0;
  bool no_exec = false;
};

// The register of the result that is `step` after the first: 3 and then 4, NAME and then NAME_1.
std::string next_register(const std::string& name, std::size_t step);

Result<NsOpenFileWords> parse_ns_open_file(const Parsed& parsed);

}  // namespace ctr
