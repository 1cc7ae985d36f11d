// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/cmd/ns_open_file_words.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/openat2.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <string_view>

#include "ctrtool/cmd/all.h"
#include "ctrtool/cmd/spawn.h"
#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/socket_words.h"
#include "ctrtool/core/sys/file.h"

namespace ctr {
namespace {

enum Long : int {
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

constexpr OptionRow kOptions[] = {
    {'n', "socket", nullptr, "item: a socket; stream, inet6 unless its address says otherwise"},
    {'m', "open", nullptr, "item: an open file or directory, perhaps of a mount namespace"},
    {'T', "tun", nullptr, "item: a handle for TUN and TAP interfaces"},
    {'f', "file", nullptr, "item: the file that -N names, read-only, as we see it"},
    {'I', "op", "OP", "item: a special operation, see above"},
    {'N', "ns", "PATH", "n m T f: in this namespace (a namespace file, or a pidfd)"},
    {'U', "enter-userns", nullptr, "n m T: join the user namespace that owns it first"},
    {'A', "anon", nullptr,
     "n: in a new network namespace, made in the owner of -N; m: join that owner only; with -U -N "
     "is itself a user namespace, and without -N there is a new one"},
    {kUserns, "userns", "PATH", "n m T: join this user namespace first, instead of -U"},
    {kUidMap, "uid-map", "MAP", "n m: of the new user namespace, INNER.OUTER.COUNT[:...]",
     "0.UID.1"},
    {kGidMap, "gid-map", "MAP", "n m: the same for groups", "0.GID.1"},
    {kSetgroups, "setgroups", "allow|deny", "n m: of the new user namespace", "deny"},
    {kSame, "same", nullptr, "n T: in the namespaces of the item before, by the same helper"},
    {'C', "cred", "NAME[=VALUE]",
     "n m T: who the helper is: uid gid euid egid fsuid fsgid pre_uid pre_gid =NUMBER, "
     "groups=LIST, "
     "keepcaps keep_groups setgroups_pre; n: unix_uid unix_gid =NUMBER"},
    {'d', "domain", "WORD",
     "n: inet inet6 netlink packet unix vsock; m: where relative paths begin: cwd, a descriptor, "
     "@REG"},
    {kDirectory, "dir", "WORD", "m: the same as -d"},
    {'t', "type", "WORD",
     "n, I popen_s*, popen_scm: stream dgram raw seqpacket rdm tcp udp, each with _nb; T, I "
     "tunsetiff: tun tap no_pi multi_queue vnet_hdr, repeated",
     "stream"},
    {'p', "protocol", "WORD",
     "n: icmp icmpv6 ip ipv6 mptcp sctp tcp udp udplite, eth_all eth_arp eth_ip eth_ipv6 eth_vlan"},
    {'4', "inet", "ADDRESS,PORT[,FLAGS]", "n: bind; I connect: where to"},
    {'6', "inet6", "ADDRESS,PORT[,FLAGS[,SCOPE]]", "the same; also [ADDRESS%SCOPE]"},
    {'P', "path", "TEXT",
     "n, I connect: unix address, @NAME is abstract; m: path; I popen*: for the shell; T, I "
     "tunsetiff: interface"},
    {kVsock, "vsock", "CID,PORT", "n, I connect: address; any, local, host, hypervisor or numbers"},
    {kPacket, "packet", "INTERFACE[,PROTOCOL]", "n, I connect: address of a packet socket"},
    {kNetlink, "netlink", "PORT[,GROUPS]", "n, I connect: address of a netlink socket"},
    {'z', "raw-address", "HEX", "n, I connect: the bytes of a sockaddr"},
    {kOption, "opt", "NAME[=VALUE]",
     "n, I popen_s* (our end): socket option: reuseaddr reuseport freebind transparent "
     "defer_accept bind_no_port v6only "
     "nodelay keepalive keepidle keepintvl keepcnt fastopen rcvbuf sndbuf mark priority "
     "bindtodevice linger broadcast pktinfo passcred mapped_to_ipv4"},
    {kNumericOption, "sockopt", "LEVEL,NAME,VALUE",
     "n: any other; VALUE is a number, x:HEX or s:TEXT"},
    {'l', "listen", "BACKLOG", "n: listen; 0 or less: as many as the kernel allows"},
    {kConnect, "connect", "KIND:ADDRESS",
     "n: connect, after binding; inet: inet6: unix: vsock: packet: netlink: raw:"},
    {kConnectTimeout, "connect-timeout", "MS", "n, I connect: not longer than this"},
    {kUnlink, "unlink", nullptr, "n: remove the socket file that is there"},
    {kOwner, "owner", "UID[:GID]", "n: of the socket file; T, I tunsetiff: who may attach"},
    {'M', "mode", "OCTAL", "m: of a new file; n: of a socket file; T: a path, as --device", "0600"},
    {kDevice, "device", "PATH", "T: the device", kTunDevice},
    {kPersist, "persist", nullptr, "T, I tunsetiff: the interface outlives the handle"},
    {'O', "flag", "WORD",
     "m, I ptslave: append async creat direct directory dsync excl noatime noctty nofollow "
     "nonblock path rdonly rdwr sync tmpfile trunc wronly; repeated"},
    {'R', "resolve", "WORD",
     "m: beneath in_root beneath_magiclinks in_root_magiclinks no_magiclinks no_symlinks no_xdev "
     "cached; repeated"},
    {'2', "openat2", nullptr, "m: by openat2(2) even without -R"},
    {kArgument, "arg", "WORD", "I popen*: a program and its arguments, instead of -P"},
    {kPass, "pass", "REG,VAR", "I popen*: the child inherits the register, its number in VAR"},
    {kTimeout, "timeout", "MS", "I scm_recv, poll, ifne: not longer than this"},
    {kCount, "count", "N", "I scm_recv: so many descriptors, each a result", "1"},
    {kSkip, "skip", nullptr, "I scm_recv: messages without descriptors are no error"},
    {kPeerUid, "peer-uid", "UID", "I scm_recv: from this user only"},
    {kPeerPid, "peer-pid", "PID", "I scm_recv: from this process only"},
    {kPeerEnv, "peer-env", "VAR", "I scm_recv: VAR := PID UID GID of the sender"},
    {'s', "save", "REG[,i]", "the result goes to this register; i: not to PROGRAM"},
    {'i', "use", "REG[,n|d|a]",
     "a register: n the namespace or operand, d the directory, a what scm_send sends or "
     "connect_unix_path connects to",
     "n"},
    {kEnv, "env", "VAR", "one more variable for the result"},
    {kFd, "fd", "N[!]", "the number of the result; an open N only with '!'"},
    {'o', "offset", "N", "where the numbers of the variables begin", "0"},
    {'L', "load", "REG,FD", "a register, before everything else"},
    {'q', "no-exec", nullptr, "no PROGRAM"},
};

// Which items an option is for. The operations of -I have letters of their own.
struct Rule {
  int key;
  std::string_view kinds;
};
constexpr Rule kRules[] = {
    {'N', "nmTf"},
    {'U', "nmT"},
    {'A', "nm"},
    {kUserns, "nmT"},
    {kUidMap, "nm"},
    {kGidMap, "nm"},
    {kSetgroups, "nm"},
    {kSame, "nT"},
    {'C', "nmT"},
    {'d', "nm"},
    {kDirectory, "m"},
    {'t', "nsTu"},
    {'p', "n"},
    {'4', "nc"},
    {'6', "nc"},
    {'P', "ncmpsuT"},
    {kVsock, "nc"},
    {kPacket, "nc"},
    {kNetlink, "nc"},
    {'z', "nc"},
    {kOption, "ns"},
    {kNumericOption, "n"},
    {'l', "n"},
    {kConnect, "n"},
    {kConnectTimeout, "nc"},
    {kUnlink, "n"},
    {kOwner, "nTu"},
    {'M', "nmT"},
    {kDevice, "T"},
    {kPersist, "Tu"},
    {'O', "my"},
    {'R', "m"},
    {'2', "m"},
    {kArgument, "ps"},
    {kPass, "ps"},
    {kTimeout, "rw"},
    {kCount, "r"},
    {kSkip, "r"},
    {kPeerUid, "r"},
    {kPeerPid, "r"},
    {kPeerEnv, "r"},
    {'s', "nmTfepsyr"},
    {kEnv, "nmTfepsyr"},
    {kFd, "nmTfepsyr"},
    {'i', "nmTfyrScxuw"},
};

enum class Outcome : std::uint8_t { Nothing, Descriptor };

struct OperationRow {
  std::string_view name;
  Operation operation;
  char letter;
  Outcome result = Outcome::Descriptor;
};
constexpr OperationRow kOperations[] = {
    {"memfd", Operation::Memfd, 'e'},
    {"memfd_seal", Operation::MemfdSeal, 'e'},
    {"popen", Operation::Popen, 'p', Outcome::Nothing},
    {"popen_wait", Operation::PopenWait, 'p', Outcome::Nothing},
    {"popen_r", Operation::PopenR, 'p'},
    {"popen_w", Operation::PopenW, 'p'},
    {"popen_s0", Operation::PopenS0, 's'},
    {"popen_s1", Operation::PopenS1, 's'},
    {"popen_su", Operation::PopenSu, 's'},
    {"popen_scm", Operation::PopenScm, 's'},
    {"popen_memfd", Operation::PopenMemfd, 'p'},
    {"popen_memfd_seal", Operation::PopenMemfdSeal, 'p'},
    {"ptslave", Operation::PtSlave, 'y'},
    {"scm_recv", Operation::ScmRecv, 'r'},
    {"scm_send", Operation::ScmSend, 'S', Outcome::Nothing},
    {"connect", Operation::Connect, 'c', Outcome::Nothing},
    {"connect_unix_path", Operation::ConnectUnixPath, 'x', Outcome::Nothing},
    {"tunsetiff", Operation::TunSetIff, 'u', Outcome::Nothing},
    {"poll", Operation::Poll, 'w', Outcome::Nothing},
    {"ifne", Operation::IfNonEmpty, 'w', Outcome::Nothing},
};

template <typename T>
struct Named {
  std::string_view name;
  T value;
};

constexpr Named<int> kOpenFlags[] = {
    {"append", O_APPEND}, {"async", O_ASYNC},       {"creat", O_CREAT},
    {"create", O_CREAT},  {"direct", O_DIRECT},     {"directory", O_DIRECTORY},
    {"dsync", O_DSYNC},   {"excl", O_EXCL},         {"noatime", O_NOATIME},
    {"noctty", O_NOCTTY}, {"nofollow", O_NOFOLLOW}, {"nonblock", O_NONBLOCK},
    {"path", O_PATH},     {"rdonly", O_RDONLY},     {"rdwr", O_RDWR},
    {"sync", O_SYNC},     {"tmpfile", O_TMPFILE},   {"trunc", O_TRUNC},
    {"wronly", O_WRONLY},
};

#ifndef RESOLVE_CACHED
#define RESOLVE_CACHED 0x20
#endif
constexpr Named<std::uint64_t> kResolve[] = {
    {"beneath", RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS},
    {"in_root", RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS},
    {"beneath_magiclinks", RESOLVE_BENEATH},
    {"in_root_magiclinks", RESOLVE_IN_ROOT},
    {"no_magiclinks", RESOLVE_NO_MAGICLINKS},
    {"no_symlinks", RESOLVE_NO_SYMLINKS},
    {"no_xdev", RESOLVE_NO_XDEV},
    {"cached", RESOLVE_CACHED},
};

struct IdName {
  std::string_view name;
  std::optional<std::uint32_t> HelperIds::*member;
};
constexpr IdName kIds[] = {
    {"uid", &HelperIds::uid},         {"gid", &HelperIds::gid},
    {"euid", &HelperIds::euid},       {"egid", &HelperIds::egid},
    {"fsuid", &HelperIds::fsuid},     {"fsgid", &HelperIds::fsgid},
    {"pre_uid", &HelperIds::pre_uid}, {"pre_gid", &HelperIds::pre_gid},
};
struct IdSwitch {
  std::string_view name;
  bool HelperIds::*member;
};
constexpr IdSwitch kIdSwitches[] = {
    {"keepcaps", &HelperIds::keep_caps},
    {"keep_groups", &HelperIds::keep_groups},
    {"setgroups_pre", &HelperIds::groups_before},
};

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

constexpr int kNumberedRegisters = 8;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

template <typename T, std::size_t N>
Result<T> named(const Named<T> (&table)[N], const Given& given) {
  if (!given.value.empty() && is_digit(given.value.front())) return number_of<T>(given);
  const std::string word = lower(given.value);
  for (const Named<T>& row : table)
    if (row.name == word) return row.value;
  return usage_error(given, "unknown word");
}

// The first of the name's lines in /etc/services: our libc has no getservbyname.
Result<std::uint16_t> port_of_service(std::string_view text) {
  if (text.empty() || is_digit(text.front())) return parse_port(text);
  const Result<std::string> services = sys::read_file_at(kCwd, "/etc/services");
  if (!services.ok())
    return make_error(Kind::InvalidSpec, "port %s: %s", quote(text).c_str(),
                      services.error().message.c_str());
  for (const std::string_view line : split(*services, '\n')) {
    std::vector<std::string> words(1);
    for (const char c : line.substr(0, line.find('#'))) {
      if (c != ' ' && c != '\t')
        words.back() += c;
      else if (!words.back().empty())
        words.emplace_back();
    }
    if (words.size() < 2) continue;
    std::swap(words[0], words[1]);  // the port and its protocol, then all names
    if (std::find(words.begin() + 1, words.end(), text) == words.end()) continue;
    return parse_port(std::string_view(words[0]).substr(0, words[0].find('/')));
  }
  return make_error(Kind::InvalidSpec, "port %s: there is no such service", quote(text).c_str());
}

Result<std::string> register_name(const Given& given, std::string_view name) {
  const bool digits = !name.empty() && std::ranges::all_of(name, is_digit);
  if (digits && name.size() == 1 && name.front() < '0' + kNumberedRegisters)
    return std::string(name);
  const bool word =
      !name.empty() && !is_digit(name.front()) && std::ranges::all_of(name, [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
      });
  if (digits || !word) return usage_error(given, "a register is a number from 0 to 7, or a name");
  return std::string(name);
}

struct Owner {
  std::optional<uid_t> uid;
  std::optional<gid_t> gid;
};
Result<Owner> parse_owner(const Given& given) {
  const std::size_t colon = given.value.find(':');
  Owner owner;
  const std::string uid = given.value.substr(0, colon);
  if (!uid.empty()) owner.uid = TRY_CTX(parse_id(uid), "%s", given.word.c_str());
  if (colon != std::string::npos)
    owner.gid = TRY_CTX(parse_id(given.value.substr(colon + 1)), "%s", given.word.c_str());
  if (!owner.uid.has_value() && !owner.gid.has_value()) return usage_error(given, "no owner");
  return owner;
}

// One item while its options come in.
class Draft {
 public:
  Draft(const Given& given, std::size_t number)
      : item_{.kind = ItemKind::Socket, .number = number} {
    item_.text = strf("item %zu (%s%s%s)", number, given.word.c_str(),
                      given.value.empty() ? "" : " ", given.value.c_str());
  }

  Result<void> begin(const Given& given) {
    letter_ = static_cast<char>(given.key);
    switch (given.key) {
      case 'n':
        return {};
      case 'm':
        item_.kind = ItemKind::Open;
        return {};
      case 'T':
        item_.kind = ItemKind::Tun;
        return {};
      case 'f':
        item_.kind = ItemKind::File;
        return {};
      default:
        break;
    }
    item_.kind = ItemKind::Operation;
    const std::string word = lower(given.value);
    const auto* const row = std::ranges::find(kOperations, word, &OperationRow::name);
    if (row == std::end(kOperations)) return usage_error(given, "unknown operation");
    item_.operation = row->operation;
    letter_ = row->letter;
    return {};
  }

  Result<void> take(const Given& given) {
    const auto* const rule = std::ranges::find(kRules, given.key, &Rule::key);
    const bool fits =
        rule != std::end(kRules) && rule->kinds.find(letter_) != std::string_view::npos;
    if (!fits) return usage_error(given, "not for this item");
    const bool has_result = item_.results() != 0;
    const bool about_result = given.key == 's' || given.key == kEnv || given.key == kFd;
    if (about_result && !has_result) return usage_error(given, "this item has no result");
    switch (given.key) {
      case 's':
      case 'i':
      case kEnv:
      case kFd:
        return take_register(given);
      case 'N':
      case 'U':
      case 'A':
      case kUserns:
      case kUidMap:
      case kGidMap:
      case kSetgroups:
      case kSame:
      case 'C':
        return take_where(given);
      case kArgument:
      case kPass:
      case kTimeout:
      case kCount:
      case kSkip:
      case kPeerUid:
      case kPeerPid:
      case kPeerEnv:
        return take_operation(given);
      case 'O':
      case 'R':
      case '2':
      case kDevice:
      case kPersist:
      case 'M':
      case kOwner:
        return take_file(given);
      default:
        return take_socket(given);
    }
  }

  // Registers that are set when the item's turn comes.
  Result<Item> finish(const std::set<std::string>& known) {
    for (const std::string& name : used_)
      if (!known.contains(name))
        return make_error(Kind::InvalidSpec, "%s: register %s is not set", item_.text.c_str(),
                          name.c_str());
    TRY_CTX(finish_where(), "%s", item_.text.c_str());
    TRY_CTX(finish_kind(), "%s", item_.text.c_str());
    const bool numbered = !item_.save.empty() && is_digit(item_.save.front());
    if (numbered && item_.save.front() - '0' + item_.results() > kNumberedRegisters)
      return make_error(Kind::InvalidSpec, "%s: there are not that many registers",
                        item_.text.c_str());
    return std::move(item_);
  }

 private:
  Result<void> take_register(const Given& given) {
    if (given.key == kEnv) {
      item_.how.variable = given.value;
      return {};
    }
    if (given.key == kFd) {
      item_.how.fixed = TRY_CTX(parse_fixed_fd(given.value), "%s", given.word.c_str());
      return {};
    }
    const std::size_t comma = given.value.find(',');
    const std::string name = TRY(register_name(given, given.value.substr(0, comma)));
    const std::string flags =
        comma == std::string::npos ? std::string() : given.value.substr(comma + 1);
    if (given.key == 'i') return use(given, name, flags);
    if (!item_.save.empty()) return usage_error(given, "one register only");
    if (!flags.empty() && flags != "i") return usage_error(given, "unknown flag");
    item_.save = name;
    item_.internal = flags == "i";
    return {};
  }

  Result<void> use(const Given& given, const std::string& name, const std::string& flags) {
    if (flags.find_first_not_of("nda") != std::string::npos)
      return usage_error(given, "unknown flag");
    used_.push_back(name);
    const char flag = flags.empty() ? 'n' : flags.back();
    if (flag == 'a') {
      if (letter_ != 'S' && letter_ != 'x') return usage_error(given, "not for this item");
      item_.aux_registers.push_back(name);
      return {};
    }
    if (flag == 'd' && (letter_ == 'T' || letter_ == 'f'))
      return usage_error(given, "not for this item");
    std::string& to = flag == 'd' ? item_.base_register : item_.where.in_register;
    const bool second_operand = item_.kind == ItemKind::Operation && !item_.operand().empty();
    if (!to.empty() || second_operand) return usage_error(given, "one register only");
    to = name;
    return {};
  }

  Result<void> take_where(const Given& given) {
    Where& where = item_.where;
    switch (given.key) {
      case 'N':
        where.path = given.value;
        return {};
      case 'U':
        where.enter_user = true;
        return {};
      case 'A':
        where.anonymous = true;
        return {};
      case kUserns:
        where.user_path = given.value;
        return {};
      case kSame:
        where.same = true;
        return {};
      case kUidMap:
        uid_map_ = TRY_CTX(IdMap::parse_words(given.value), "%s", given.word.c_str());
        return {};
      case kGidMap:
        gid_map_ = TRY_CTX(IdMap::parse_words(given.value), "%s", given.word.c_str());
        return {};
      case kSetgroups:
        if (given.value != "allow" && given.value != "deny")
          return usage_error(given, "neither allow nor deny");
        setgroups_ = given.value == "allow";
        return {};
      default:
        return take_credential(given);
    }
  }

  Result<void> take_credential(const Given& given) {
    const std::size_t equals = given.value.find('=');
    const std::string name = given.value.substr(0, equals);
    const std::optional<std::string> value = equals == std::string::npos
                                                 ? std::optional<std::string>()
                                                 : std::optional(given.value.substr(equals + 1));
    HelperIds& ids = item_.where.ids;
    for (const IdSwitch& row : kIdSwitches) {
      if (row.name != name) continue;
      if (value.has_value()) return usage_error(given, "takes no value");
      ids.*row.member = true;
      return {};
    }
    if (!value.has_value()) return usage_error(given, "unknown, or its value is missing");
    if (name == "groups") {
      std::vector<gid_t> groups;
      for (const std::string_view group : split(*value, ','))
        groups.push_back(TRY_CTX(parse_id(group, 0), "%s", given.word.c_str()));
      ids.groups = std::move(groups);
      return {};
    }
    const std::uint32_t id = TRY_CTX(parse_id(*value, 0), "%s", given.value.c_str());
    for (const IdName& row : kIds) {
      if (row.name != name) continue;
      ids.*row.member = id;
      return {};
    }
    const bool of_file = name == "unix_gid" || name == "unix_uid";
    if (!of_file || item_.kind != ItemKind::Socket)
      return usage_error(given, "unknown, or not for this item");
    (name == "unix_gid" ? item_.socket.file.gid : item_.socket.file.uid) = id;
    return {};
  }

  Result<void> take_operation(const Given& given) {
    switch (given.key) {
      case kArgument:
        item_.popen.argv.push_back(given.value);
        return {};
      case kPass: {
        const std::size_t comma = given.value.find(',');
        if (comma == std::string::npos || comma + 1 == given.value.size())
          return usage_error(given, "not REG,VAR");
        const std::string name = TRY(register_name(given, given.value.substr(0, comma)));
        used_.push_back(name);
        item_.popen.pass.emplace_back(name, given.value.substr(comma + 1));
        return {};
      }
      case kTimeout:
        item_.timeout_ms = TRY(milliseconds(given));
        return {};
      case kCount:
        item_.receive.count = TRY(number_of<std::size_t>(given));
        if (item_.receive.count == 0) return usage_error(given, "at least one");
        return {};
      case kSkip:
        item_.receive.skip = true;
        return {};
      case kPeerUid:
        item_.receive.uid = TRY_CTX(parse_id(given.value), "%s", given.word.c_str());
        return {};
      case kPeerPid:
        item_.receive.pid = TRY(number_of<pid_t>(given));
        return {};
      default:
        item_.receive.peer_variable = given.value;
        return {};
    }
  }

  static Result<int> milliseconds(const Given& given) {
    const int value = TRY(number_of<int>(given));
    if (value < 0) return usage_error(given, "below 0");
    return value;
  }

  Result<void> take_file(const Given& given) {
    switch (given.key) {
      case 'O':
        open_flags_ = open_flags_.value_or(0) | TRY(named(kOpenFlags, given));
        return {};
      case 'R':
        item_.open.resolve |= TRY(named(kResolve, given));
        item_.open.openat2 = true;
        return {};
      case '2':
        item_.open.openat2 = true;
        return {};
      case kDevice:
        item_.tun.device = given.value;
        return {};
      case kPersist:
        item_.tun.persist = true;
        return {};
      case kOwner: {
        const Owner owner = TRY(parse_owner(given));
        item_.socket.file.uid = item_.tun.uid = owner.uid;
        item_.socket.file.gid = item_.tun.gid = owner.gid;
        return {};
      }
      default:
        break;
    }
    if (item_.kind == ItemKind::Tun) {
      item_.tun.device = given.value;
      return {};
    }
    constexpr mode_t kAll = 07777;
    const mode_t mode = TRY(number_of<mode_t>(given, 8));
    if (mode > kAll) return usage_error(given, "not a mode");
    item_.open.mode = mode;
    item_.socket.file.mode = mode;
    return {};
  }

  Result<void> take_socket(const Given& given) {
    switch (given.key) {
      case 'd':
      case kDirectory:
        return take_domain(given);
      case 't':
        return take_type(given);
      case 'p':
        item_.socket.protocol =
            TRY_CTX(parse_socket_protocol(given.value), "%s", given.word.c_str());
        return {};
      case 'l': {
        const int backlog = TRY(number_of<int>(given));
        item_.socket.backlog = backlog > 0 ? backlog : kMaxBacklog;
        return {};
      }
      case kOption:
        options_.push_back(&given);
        return {};
      case kNumericOption: {
        SocketOption option = TRY_CTX(parse_numeric_option(given.value), "%s", given.word.c_str());
        numeric_options_.push_back(std::move(option));
        return {};
      }
      case kUnlink:
        item_.socket.file.unlink = true;
        return {};
      case kConnect: {
        SocketAddress to =
            TRY_CTX(parse_any_address(given.value, port_of_service), "%s", given.word.c_str());
        item_.socket.connect = std::move(to);
        return {};
      }
      case kConnectTimeout:
        item_.socket.connect_timeout_ms = TRY(milliseconds(given));
        return {};
      default:
        return take_address(given);
    }
  }

  Result<void> take_domain(const Given& given) {
    if (item_.kind == ItemKind::Socket) {
      domain_ = TRY_CTX(parse_socket_domain(given.value), "%s", given.word.c_str());
      return {};
    }
    item_.base.reset();
    if (given.value == "cwd") return {};
    if (given.value.starts_with('@')) {
      const std::string name = TRY(register_name(given, given.value.substr(1)));
      return use(given, name, "d");
    }
    FdArgument base = TRY_CTX(take_fd(given.value, O_PATH | O_DIRECTORY), "%s", given.word.c_str());
    item_.base = std::make_shared<FdArgument>(std::move(base));
    return {};
  }

  Result<void> take_type(const Given& given) {
    if (letter_ == 'T' || letter_ == 'u') {
      item_.tun.flags |= TRY_CTX(parse_tun_flag(given.value), "%s", given.word.c_str());
      return {};
    }
    type_ = TRY_CTX(parse_socket_type(given.value), "%s", given.word.c_str());
    return {};
  }

  Result<void> take_address(const Given& given) {
    if (given.key == 'P' && letter_ != 'n' && letter_ != 'c') {
      path_ = given.value;
      return {};
    }
    if (item_.socket.bind.has_value()) return usage_error(given, "one address only");
    Result<SocketAddress> address = address_of(given);
    if (!address.ok()) return with_context(std::move(address).error(), given.word);
    item_.socket.bind = std::move(*address);
    return {};
  }

  Result<SocketAddress> address_of(const Given& given) {
    switch (given.key) {
      case '4':
      case '6': {
        InetAddress inet = TRY(parse_inet_address(given.key == '4' ? AF_INET : AF_INET6,
                                                  given.value, port_of_service));
        address_options_ = std::move(inet.options);
        return std::move(inet.address);
      }
      case kVsock:
        return parse_vsock_address(given.value);
      case kPacket:
        return parse_packet_address(given.value);
      case kNetlink:
        return parse_netlink_address(given.value);
      case 'z':
        return parse_raw_address(given.value);
      default:
        return parse_unix_address(given.value);
    }
  }

  Result<void> finish_where() {
    Where& where = item_.where;
    const bool named = !where.path.empty() || !where.in_register.empty();
    if (item_.kind == ItemKind::Operation) return {};
    if (item_.kind == ItemKind::File && !named)
      return make_error(Kind::InvalidSpec, "-N or -i is missing");
    const bool makes_user = where.anonymous && where.enter_user && !named;
    if (where.same && (named || where.anonymous || where.enter_user || !where.user_path.empty() ||
                       where.ids != HelperIds{}))
      return make_error(Kind::InvalidSpec, "--same is without other words about where and who");
    if (where.enter_user && !named && !makes_user)
      return make_error(Kind::InvalidSpec, "-U needs a namespace");
    if (!where.user_path.empty() && where.enter_user)
      return make_error(Kind::InvalidSpec, "either -U or --userns");
    if (where.anonymous && !named && item_.kind == ItemKind::Open && !makes_user)
      return make_error(Kind::InvalidSpec, "-A needs a namespace");
    if (makes_user) {
      where.new_user = new_user();
    } else if (uid_map_.has_value() || gid_map_.has_value() || setgroups_.has_value()) {
      return make_error(Kind::InvalidSpec, "ID maps are for a new user namespace (-A -U)");
    }
    return {};
  }

  NewUserNamespace new_user() const {
    const auto only = [](std::uint32_t id) {
      return *IdMap::make({{.inside = 0, .outside = id, .count = 1}});
    };
    return {.uids = uid_map_.has_value() ? *uid_map_ : only(::geteuid()),
            .gids = gid_map_.has_value() ? *gid_map_ : only(::getegid()),
            .deny_setgroups = !setgroups_.value_or(false)};
  }

  Result<void> finish_kind() {
    switch (item_.kind) {
      case ItemKind::Socket:
        return finish_socket();
      case ItemKind::Open:
        return finish_open();
      case ItemKind::Tun:
        return finish_tun();
      case ItemKind::File:
        return {};
      case ItemKind::Operation:
        return finish_operation();
    }
    return {};
  }

  Result<void> finish_socket() {
    SocketRequest& socket = item_.socket;
    socket.type = type_.value_or(SOCK_STREAM);
    const std::optional<SocketAddress>& given =
        socket.bind.has_value() ? socket.bind : socket.connect;
    socket.domain = domain_.value_or(given.has_value() ? given->family() : AF_INET6);
    for (const auto& address : {socket.bind, socket.connect})
      if (address.has_value() && address->family() != socket.domain)
        return make_error(Kind::InvalidSpec, "the address %s is not of the family %s",
                          quote(address->text).c_str(), socket_domain_name(socket.domain).c_str());
    if (socket.connect_timeout_ms >= 0 && !socket.connect.has_value())
      return make_error(Kind::InvalidSpec, "--connect-timeout is without --connect");
    const bool file = socket.bind.has_value() && !socket.bind->path.empty();
    if (!file && socket.file != SocketFile{})
      return make_error(Kind::InvalidSpec, "mode, owner and --unlink are for socket files");
    if (!file && !item_.base_register.empty())
      return make_error(Kind::InvalidSpec, "a directory is for socket files");
    for (const std::string& word : address_options_) TRY(add_option(word));
    TRY(add_options());
    for (SocketOption& option : numeric_options_) socket.options.push_back(std::move(option));
    return {};
  }

  Result<void> add_options() {
    for (const Given* option : options_)
      TRY_CTX(add_option(option->value), "%s", option->word.c_str());
    return {};
  }

  Result<void> add_option(const std::string& word) {
    SocketOption option = TRY(parse_socket_option(word, item_.socket.domain));
    item_.socket.options.push_back(std::move(option));
    return {};
  }

  Result<void> finish_open() {
    OpenWords& open = item_.open;
    const bool plain = !open_flags_.has_value() && !open.openat2 && !path_.has_value();
    open.flags = plain ? O_PATH | O_DIRECTORY : open_flags_.value_or(O_RDONLY);
    if (path_.has_value()) open.path = *path_;
    if (item_.base != nullptr && !item_.base_register.empty()) item_.base.reset();
    return {};
  }

  Result<void> finish_tun() {
    TunRequest& tun = item_.tun;
    if (path_.has_value()) tun.name = *path_;
    const int kind = tun.flags & (IFF_TUN | IFF_TAP);
    const bool configures = path_.has_value() || tun.flags != 0 || tun.persist ||
                            tun.uid.has_value() || tun.gid.has_value();
    const bool must = item_.kind == ItemKind::Operation;
    if ((configures || must) && kind != IFF_TUN && kind != IFF_TAP)
      return make_error(Kind::InvalidSpec, "one of -t tun and -t tap is missing");
    constexpr std::size_t kLongest = 15;
    if (tun.name.size() > kLongest)
      return make_error(Kind::InvalidSpec, "the name %s is too long", quote(tun.name).c_str());
    return {};
  }

  Result<void> finish_operation() {
    const bool needs_operand = std::string_view("yrScxuw").find(letter_) != std::string_view::npos;
    if (needs_operand && item_.operand().empty())
      return make_error(Kind::InvalidSpec, "-i is missing");
    if ((letter_ == 'S' || letter_ == 'x') && item_.aux_registers.empty())
      return make_error(Kind::InvalidSpec, "-i REG,a is missing");
    if (letter_ == 'x' && item_.aux_registers.size() > 1)
      return make_error(Kind::InvalidSpec, "one register only");
    if (letter_ == 'u') return finish_tun();
    if (letter_ == 'y') item_.open.flags = open_flags_.value_or(0);
    if (letter_ == 'c' && !item_.socket.bind.has_value())
      return make_error(Kind::InvalidSpec, "the address is missing");
    if (letter_ == 'c' && !address_options_.empty())
      return make_error(Kind::InvalidSpec, "flags are for binding");
    item_.pair_type = type_.value_or(SOCK_STREAM);
    if (letter_ != 'p' && letter_ != 's') return {};
    item_.socket.domain = AF_UNIX;
    TRY(add_options());
    if (path_.has_value() == !item_.popen.argv.empty())
      return make_error(Kind::InvalidSpec, "either -P or --arg");
    if (path_.has_value()) item_.popen.argv = shell_words(*path_);
    return {};
  }

  Item item_;
  char letter_ = 0;  // as in kRules
  std::vector<std::string> used_;
  std::optional<int> domain_;
  std::optional<int> type_;
  std::optional<int> open_flags_;
  std::optional<std::string> path_;
  std::vector<std::string> address_options_;
  std::vector<const Given*> options_;
  std::vector<SocketOption> numeric_options_;
  std::optional<IdMap> uid_map_;
  std::optional<IdMap> gid_map_;
  std::optional<bool> setgroups_;
};

bool starts_item(int key) {
  return key == 'n' || key == 'm' || key == 'T' || key == 'f' || key == 'I';
}

class Reader {
 public:
  Result<NsOpenFileWords> read(const Parsed& parsed) {
    // Wherever they stand, registers are loaded before everything else.
    for (const Given& given : parsed.options)
      if (given.key == 'L') TRY(load(given));
    for (const Given& given : parsed.options) {
      if (starts_item(given.key)) {
        TRY(end_item());
        draft_.emplace(given, words_.items.size() + 1);
        TRY(draft_->begin(given));
      } else if (given.key == 'o') {
        words_.offset = TRY(number_of<unsigned>(given));
      } else if (given.key == 'q') {
        words_.no_exec = true;
      } else if (given.key != 'L') {
        if (!draft_.has_value()) return usage_error(given, "there is no item before it");
        TRY(draft_->take(given));
      }
    }
    TRY(end_item());
    if (parsed.words.empty() && !words_.no_exec)
      return make_error(Kind::InvalidSpec, "PROGRAM is missing");
    return std::move(words_);
  }

 private:
  Result<void> load(const Given& given) {
    const std::size_t comma = given.value.find(',');
    if (comma == std::string::npos) return usage_error(given, "not REG,FD");
    const std::string name = TRY(register_name(given, given.value.substr(0, comma)));
    FdArgument fd = TRY_CTX(take_fd(given.value.substr(comma + 1)), "%s", given.word.c_str());
    words_.loaded.insert_or_assign(name, std::move(fd));
    known_.insert(name);
    return {};
  }

  Result<void> end_item() {
    if (!draft_.has_value()) return {};
    Item item = TRY(draft_->finish(known_));
    draft_.reset();
    for (std::size_t i = 0; !item.save.empty() && i < item.results(); ++i)
      known_.insert(next_register(item.save, i));
    words_.items.push_back(std::move(item));
    return {};
  }

  NsOpenFileWords words_;
  std::optional<Draft> draft_;
  std::set<std::string> known_;
};

}  // namespace

std::size_t Item::results() const {
  if (kind != ItemKind::Operation) return 1;
  if (operation == Operation::ScmRecv) return receive.count;
  const auto* const row = std::ranges::find(kOperations, operation, &OperationRow::operation);
  return row->result == Outcome::Descriptor ? 1 : 0;
}

std::string next_register(const std::string& name, std::size_t step) {
  if (!is_digit(name.front())) return step == 0 ? name : strf("%s_%zu", name.c_str(), step);
  return strf("%zu", static_cast<std::size_t>(name.front() - '0') + step);
}

const Manual kNsOpenFileManual = {
    .name = "ns_open_file",
    .synopsis =
        "[-o OFFSET] [-L REG,FD]... {ITEM [OPTION]...}... [--] PROGRAM [ARG...]\n"
        "[-L REG,FD]... {ITEM [OPTION]...}... -q",
    .purpose =
        "Makes descriptors that belong to other namespaces, stays where it is, and becomes\n"
        "PROGRAM, which inherits them: CTRTOOL_NS_OPEN_FILE_FD_<n> is the number of item n's,\n"
        "CTRTOOL_NS_OPEN_FILE_COUNT one more than the last n. An item without a descriptor\n"
        "leaves a gap; one that is not passed on is -1.\n"
        "Items are done in order; the options behind one are its own, and say which items they\n"
        "are for. Adjacent items with the same namespaces and credentials share one helper\n"
        "process. Registers (0 to 7, or names) hold descriptors between items.\n"
        "FD is a number, /VAR or :VAR (a number in a variable), or =PATH.\n"
        "\n"
        "Operations of -I:\n"
        "  memfd, memfd_seal  a memory file; the second may be sealed\n"
        "  popen, popen_wait  start a program; the second must end with 0\n"
        "  popen_r, popen_w   with a pipe from its output, or to its input\n"
        "  popen_s0, _s1, _su with a unix socket at its input, output or both\n"
        "  popen_scm          wait for it, then receive a descriptor from its output\n"
        "  popen_memfd, popen_memfd_seal   wait for it; its output, the second sealed\n"
        "  ptslave            the other end of the terminal master -i\n"
        "  scm_recv, scm_send descriptors over the unix socket -i\n"
        "  connect            the socket -i\n"
        "  connect_unix_path  the socket -i to the socket file -i REG,a\n"
        "  tunsetiff          the TUN handle -i gets its interface\n"
        "  poll, ifne         wait for -i: any event; something to read, or it is an error",
    .options = kOptions,
    .exit_codes =
        "0    done, with -q\n1    bad words\n2    an item failed\n"
        "126  PROGRAM cannot be executed\n127  PROGRAM was not found\nelse PROGRAM's",
    .examples =
        "ctrtool ns_open_file -n -N /proc/PID/ns/net -U -4 127.0.0.1,80,a -l 128 my-server\n"
        "ctrtool ns_open_file -T -N /proc/PID/ns/net -U -t tun -P tun7 my-vpn\n"
        "ctrtool ns_open_file -I popen_r -P 'make list' -s 0 -I ifne -i 0 -- read-list",
    .failure_status = 2,
};

Result<NsOpenFileWords> parse_ns_open_file(const Parsed& parsed) { return Reader().read(parsed); }

}  // namespace ctr
