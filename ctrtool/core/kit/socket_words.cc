// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/socket_words.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sys/un.h>

#include <algorithm>
#include <bit>
#include <cctype>
#include <cstdarg>
#include <cstddef>
#include <cstring>
#include <span>

#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

namespace ctr {
namespace {

struct Word {
  std::string_view name;
  int value;
};

constexpr Word kDomains[] = {
    {"inet", AF_INET},     {"inet6", AF_INET6}, {"netlink", AF_NETLINK},
    {"packet", AF_PACKET}, {"unix", AF_UNIX},   {"vsock", AF_VSOCK},
};
// The first name of a type is the one that is printed.
constexpr Word kTypes[] = {
    {"stream", SOCK_STREAM},       {"dgram", SOCK_DGRAM}, {"raw", SOCK_RAW},
    {"seqpacket", SOCK_SEQPACKET}, {"rdm", SOCK_RDM},     {"tcp", SOCK_STREAM},
    {"udp", SOCK_DGRAM},
};
// Of Ethernet's types the kernel wants the bytes as they are on the wire.
constexpr int wire_order(unsigned type) {
  const bool swapped = std::endian::native == std::endian::little;
  return static_cast<int>(swapped ? (type & 0xFFU) << 8U | (type >> 8U & 0xFFU) : type);
}
constexpr Word kProtocols[] = {
    {"icmp", IPPROTO_ICMP},
    {"icmpv6", IPPROTO_ICMPV6},
    {"ip", IPPROTO_IP},
    {"ipv6", IPPROTO_IPV6},
    {"mptcp", IPPROTO_MPTCP},
    {"sctp", IPPROTO_SCTP},
    {"tcp", IPPROTO_TCP},
    {"udp", IPPROTO_UDP},
    {"udplite", IPPROTO_UDPLITE},
    {"eth_all", wire_order(ETH_P_ALL)},
    {"eth_arp", wire_order(ETH_P_ARP)},
    {"eth_ip", wire_order(ETH_P_IP)},
    {"eth_ipv6", wire_order(ETH_P_IPV6)},
    {"eth_vlan", wire_order(ETH_P_8021Q)},
};
constexpr Word kLevels[] = {
    {"socket", SOL_SOCKET}, {"ip", IPPROTO_IP},     {"ipv6", IPPROTO_IPV6},   {"tcp", IPPROTO_TCP},
    {"udp", IPPROTO_UDP},   {"packet", SOL_PACKET}, {"netlink", SOL_NETLINK}, {"vsock", AF_VSOCK},
};
constexpr std::string_view kNoWait = "_nb";

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

Error mistake(const char* format, ...) __attribute__((format(printf, 1, 2)));
Error mistake(const char* format, ...) {
  va_list args;
  va_start(args, format);
  std::string text = vstrf(format, args);
  va_end(args);
  return {.kind = Kind::InvalidSpec, .message = std::move(text)};
}

Error unknown(const char* what, std::string_view word) {
  return mistake("%s is not %s", quote(word).c_str(), what);
}

template <std::integral T>
Result<T> number(const char* what, std::string_view text) {
  const Result<T> value = parse_number<T>(text, 0);
  if (!value.ok()) return mistake("%s: %s", what, value.error().message.c_str());
  return value;
}

// A word of the table, or a number.
Result<int> word_or_number(std::span<const Word> table, const char* what, std::string_view text) {
  if (!text.empty() && is_digit(text.front())) return number<int>(what, text);
  const std::string name = lower(text);
  for (const Word& word : table)
    if (word.name == name) return word.value;
  return unknown(what, text);
}

std::string name_of(std::span<const Word> table, int value) {
  for (const Word& word : table)
    if (word.value == value) return std::string(word.name);
  return strf("%d", value);
}

template <typename T>
std::string bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

Result<std::string> parse_hex(std::string_view text) {
  std::string bytes;
  if (text.size() % 2 != 0) return mistake("%s has half a byte", quote(text).c_str());
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const Result<unsigned char> byte = parse_number<unsigned char>(text.substr(i, 2), 16);
    if (!byte.ok()) return mistake("%s is not hexadecimal", quote(text.substr(i, 2)).c_str());
    bytes.push_back(static_cast<char>(*byte));
  }
  return bytes;
}

// --- inet ----------------------------------------------------------------------------------------

struct InetFlag {
  char letter;
  const char* option;
};
// In the order in which they are set.
constexpr InetFlag kInetFlags[] = {
    {'a', "reuseaddr"},    {'p', "reuseport"},    {'f', "freebind"}, {'t', "transparent"},
    {'d', "defer_accept"}, {'B', "bind_no_port"}, {'e', "nodelay"},
};
constexpr std::string_view kOtherFlags = "oOI:";

struct Flags {
  std::vector<std::string> options;
  bool numeric_scope = false;
};

Result<Flags> parse_flags(int family, std::string_view letters) {
  Flags flags;
  for (const char letter : letters) {
    const bool known =
        kOtherFlags.find(letter) != std::string_view::npos ||
        std::ranges::find(kInetFlags, letter, &InetFlag::letter) != std::end(kInetFlags);
    if (!known) return mistake("there is no flag '%s'", escape({&letter, 1}).c_str());
  }
  for (const InetFlag& flag : kInetFlags)
    if (letters.find(flag.letter) != std::string_view::npos)
      flags.options.emplace_back(flag.option);
  const std::size_t last = letters.find_last_of("oO");
  if (last != std::string_view::npos) {
    if (family != AF_INET6) return mistake("flag '%c' is for IPv6", letters[last]);
    flags.options.emplace_back(letters[last] == 'o' ? "v6only=1" : "v6only=0");
  }
  flags.numeric_scope = letters.find('I') != std::string_view::npos;
  return flags;
}

SocketAddress inet4(const in_addr& host, std::uint16_t port, std::string_view text) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr = host;
  return {.bytes = bytes_of(address), .text = std::string(text)};
}

SocketAddress inet6(const in6_addr& host, std::uint16_t port, std::uint32_t scope,
                    std::string_view text) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  address.sin6_addr = host;
  address.sin6_scope_id = scope;
  return {.bytes = bytes_of(address), .text = std::string(text)};
}

Result<SocketAddress> inet4_host(std::string_view host, std::uint16_t port, std::string_view text) {
  in_addr address{};
  if (::inet_pton(AF_INET, std::string(host).c_str(), &address) != 1)
    return unknown("an IPv4 address", host);
  return inet4(address, port, text);
}

// `scope`: the number, or the name, of an interface; empty: none.
Result<SocketAddress> inet6_host(std::string_view host, std::uint16_t port, std::string_view scope,
                                 bool numeric, std::string_view text) {
  in6_addr address{};
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (const std::size_t percent = host.find('%'); percent != std::string_view::npos) {
    if (!scope.empty()) return mistake("%s has two scopes", quote(text).c_str());
    scope = host.substr(percent + 1);
    host = host.substr(0, percent);
    if (scope.empty()) return mistake("%s: the scope is missing", quote(text).c_str());
  }
  if (::inet_pton(AF_INET6, std::string(host).c_str(), &address) != 1)
    return unknown("an IPv6 address", host);
  std::uint32_t index = 0;
  if (numeric) index = TRY(number<std::uint32_t>("scope", scope));
  SocketAddress made = inet6(address, port, index, text);
  if (!numeric) made.interface = std::string(scope);
  return made;
}

// --- options -------------------------------------------------------------------------------------

enum class Form : std::uint8_t { Switch, Number, Text, Linger };

struct OptionName {
  std::string_view name;
  int level;
  int option;
  Form form;
  int level6 = -1;  // where IPv6 has another one
  int option6 = -1;
  int initial = 1;  // what the name alone means
  bool connected = false;
};
constexpr OptionName kOptions[] = {
    {"reuseaddr", SOL_SOCKET, SO_REUSEADDR, Form::Switch},
    {"reuseport", SOL_SOCKET, SO_REUSEPORT, Form::Switch},
    {"freebind", IPPROTO_IP, IP_FREEBIND, Form::Switch, IPPROTO_IPV6, IPV6_FREEBIND},
    {"transparent", IPPROTO_IP, IP_TRANSPARENT, Form::Switch, IPPROTO_IPV6, IPV6_TRANSPARENT},
    {"defer_accept", IPPROTO_TCP, TCP_DEFER_ACCEPT, Form::Number},
    {"bind_no_port", IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, Form::Switch},
    {"v6only", IPPROTO_IPV6, IPV6_V6ONLY, Form::Switch},
    {"nodelay", IPPROTO_TCP, TCP_NODELAY, Form::Switch},
    {"keepalive", SOL_SOCKET, SO_KEEPALIVE, Form::Switch},
    {"keepidle", IPPROTO_TCP, TCP_KEEPIDLE, Form::Number},
    {"keepintvl", IPPROTO_TCP, TCP_KEEPINTVL, Form::Number},
    {"keepcnt", IPPROTO_TCP, TCP_KEEPCNT, Form::Number},
    {"fastopen", IPPROTO_TCP, TCP_FASTOPEN, Form::Number},
    {"rcvbuf", SOL_SOCKET, SO_RCVBUF, Form::Number},
    {"sndbuf", SOL_SOCKET, SO_SNDBUF, Form::Number},
    {"mark", SOL_SOCKET, SO_MARK, Form::Number},
    {"priority", SOL_SOCKET, SO_PRIORITY, Form::Number},
    {"bindtodevice", SOL_SOCKET, SO_BINDTODEVICE, Form::Text},
    {"linger", SOL_SOCKET, SO_LINGER, Form::Linger},
    {"broadcast", SOL_SOCKET, SO_BROADCAST, Form::Switch},
    {"pktinfo", IPPROTO_IP, IP_PKTINFO, Form::Switch, IPPROTO_IPV6, IPV6_RECVPKTINFO},
    {"passcred", SOL_SOCKET, SO_PASSCRED, Form::Switch},
    {"mapped_to_ipv4", IPPROTO_IPV6, IPV6_ADDRFORM, Form::Switch, -1, -1, AF_INET, true},
};

Result<int> parse_switch(std::string_view value) {
  const std::string word = lower(value);
  for (const std::string_view on : {"1", "on", "yes", "true"})
    if (word == on) return 1;
  for (const std::string_view off : {"0", "off", "no", "false"})
    if (word == off) return 0;
  return unknown("on or off", value);
}

Result<std::string> parse_linger(std::string_view value) {
  linger seconds{};
  if (lower(value) != "off") {
    seconds.l_onoff = 1;
    seconds.l_linger = TRY(number<int>("linger", value));
  }
  return bytes_of(seconds);
}

Result<std::string> option_value(const OptionName& row, std::string_view value, bool given) {
  if (!given && row.form != Form::Switch && row.name != "defer_accept")
    return mistake("%s needs a value", std::string(row.name).c_str());
  switch (row.form) {
    case Form::Text:
      return std::string(value);
    case Form::Linger:
      return parse_linger(value);
    case Form::Switch: {
      int on = 1;
      if (given) on = TRY(parse_switch(value));
      return bytes_of(on != 0 ? row.initial : 0);
    }
    case Form::Number: {
      int given_number = row.initial;
      if (given) given_number = TRY(number<int>(std::string(row.name).c_str(), value));
      return bytes_of(given_number);
    }
  }
  return std::string();
}

// --- sockets to listen on ------------------------------------------------------------------------

struct ListenKind {
  std::string_view name;
  int domain;  // AF_UNSPEC: by the address
  int type;
  int protocol;
};
constexpr ListenKind kListenKinds[] = {
    {"tcp", AF_UNSPEC, SOCK_STREAM, 0},
    {"udp", AF_UNSPEC, SOCK_DGRAM, 0},
    {"mptcp", AF_UNSPEC, SOCK_STREAM, IPPROTO_MPTCP},
    {"sctp", AF_UNSPEC, SOCK_STREAM, IPPROTO_SCTP},
    {"unix", AF_UNIX, SOCK_STREAM, 0},
    {"unix-dgram", AF_UNIX, SOCK_DGRAM, 0},
    {"unix-seqpacket", AF_UNIX, SOCK_SEQPACKET, 0},
    {"vsock", AF_VSOCK, SOCK_STREAM, 0},
};

Result<SocketAddress> host_and_port(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return mistake("%s has no port", quote(text).c_str());
  const std::uint16_t port = TRY(parse_port(text.substr(colon + 1)));
  const std::string_view host = text.substr(0, colon);
  if (host == "*") return inet6(in6addr_any, port, 0, text);
  if (host.starts_with('[') && host.ends_with(']')) return inet6_host(host, port, {}, false, text);
  return inet4_host(host, port, text);
}

Result<SocketAddress> listen_address(const ListenKind& kind, std::string_view text) {
  if (kind.domain == AF_UNIX) {
    if (text.empty()) return mistake("the address is missing");
    return parse_unix_address(text);
  }
  if (kind.domain == AF_UNSPEC) return host_and_port(text);
  std::string words(text);
  if (const std::size_t colon = words.find(':'); colon != std::string::npos) words[colon] = ',';
  SocketAddress address = TRY(parse_vsock_address(words));
  address.text = std::string(text);
  return address;
}

Result<void> take_listen_option(std::string_view word, SocketRequest& request) {
  const std::size_t equals = word.find('=');
  const std::string_view name = word.substr(0, equals);
  const std::string_view value =
      equals == std::string_view::npos ? std::string_view() : word.substr(equals + 1);
  const bool is_file = !request.bind->path.empty();
  if (name == "backlog") {
    const int backlog = TRY(number<int>("backlog", value));
    if (!request.backlog.has_value()) return mistake("this kind of socket does not listen");
    request.backlog = backlog > 0 ? backlog : kMaxBacklog;
    return {};
  }
  const bool of_file = name == "mode" || name == "uid" || name == "gid" || word == "unlink";
  if (of_file && !is_file)
    return mistake("%s is for unix sockets that are files", std::string(name).c_str());
  if (name == "mode") {
    constexpr mode_t kAll = 0777;
    request.file.mode = TRY(parse_number<mode_t>(value, 8));
    if (*request.file.mode > kAll) return unknown("a mode", value);
  } else if (name == "uid") {
    request.file.uid = TRY(parse_id(value));
  } else if (name == "gid") {
    request.file.gid = TRY(parse_id(value));
  } else if (word == "unlink") {
    request.file.unlink = true;
  } else {
    SocketOption option = TRY(parse_socket_option(word, request.domain));
    request.options.push_back(std::move(option));
  }
  return {};
}

bool is_fd_name(std::string_view name) {
  constexpr std::size_t kLongest = 255;
  return !name.empty() && name.size() <= kLongest && std::ranges::all_of(name, [](char c) {
    return std::isgraph(static_cast<unsigned char>(c)) != 0 && c != ':';
  });
}

// sd_listen_fds_with_names(3): what systemd itself calls a socket without a name.
constexpr std::string_view kNameless = "unknown";

bool waits_for_peers(const SocketRequest& request) {
  return (request.type & ~SOCK_NONBLOCK) != SOCK_DGRAM;
}

Result<ListenSocket> parse_listen_socket(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return mistake("is not [NAME=]KIND:ADDRESS");
  std::string_view kind_word = text.substr(0, colon);
  std::string_view name = kNameless;
  if (const std::size_t equals = kind_word.find('='); equals != std::string_view::npos) {
    name = kind_word.substr(0, equals);
    kind_word = kind_word.substr(equals + 1);
    if (!is_fd_name(name)) return unknown("a name for a descriptor", name);
  }
  const auto* const kind = std::ranges::find(kListenKinds, kind_word, &ListenKind::name);
  if (kind == std::end(kListenKinds)) return unknown("a kind of socket", kind_word);

  const std::vector<std::string_view> parts = split(text.substr(colon + 1), ',');
  SocketAddress address =
      TRY(listen_address(*kind, parts.empty() ? std::string_view() : parts.front()));
  ListenSocket socket{.name = std::string(name), .request = {.domain = address.family()}};
  SocketRequest& request = socket.request;
  request.type = kind->type;
  request.protocol = kind->protocol;
  request.bind = std::move(address);
  if (waits_for_peers(request)) request.backlog = kMaxBacklog;
  // A server that is started again finds its port taken by the connections of before.
  if (kind->domain == AF_UNSPEC && request.backlog.has_value()) {
    SocketOption reuse = TRY(parse_socket_option("reuseaddr", request.domain));
    request.options.push_back(std::move(reuse));
  }
  for (std::size_t i = 1; i < parts.size(); ++i) TRY(take_listen_option(parts[i], request));
  return socket;
}

}  // namespace

Result<int> parse_socket_domain(std::string_view word) {
  return word_or_number(kDomains, "an address family", word);
}

std::string socket_domain_name(int domain) { return name_of(kDomains, domain); }

Result<int> parse_socket_type(std::string_view word) {
  if (!word.empty() && is_digit(word.front())) {
    const int type = TRY(number<int>("type", word));
    constexpr int kLast = SOCK_PACKET;
    if ((type & ~SOCK_NONBLOCK) > kLast)
      return mistake("type %s: only SOCK_NONBLOCK may be added", quote(word).c_str());
    return type;
  }
  std::string name = lower(word);
  int flags = 0;
  if (name.ends_with(kNoWait)) {
    name.resize(name.size() - kNoWait.size());
    flags = SOCK_NONBLOCK;
  }
  const int type = TRY(word_or_number(kTypes, "a type of socket", name));
  return type | flags;
}

std::string socket_type_name(int type) {
  const std::string name = name_of(kTypes, type & ~SOCK_NONBLOCK);
  return (type & SOCK_NONBLOCK) != 0 ? name + std::string(kNoWait) : name;
}

Result<int> parse_socket_protocol(std::string_view word) {
  return word_or_number(kProtocols, "a protocol", word);
}

Result<std::uint16_t> parse_port(std::string_view text) {
  if (text.empty()) return mistake("the port is missing");
  return number<std::uint16_t>("port", text);
}

Result<InetAddress> parse_inet_address(int family, std::string_view text, PortOf port_of) {
  const std::vector<std::string_view> parts = split(text, ',');
  const std::size_t most = family == AF_INET6 ? 4 : 3;
  if (parts.size() < 2) return mistake("%s is not ADDRESS,PORT", quote(text).c_str());
  if (parts.size() > most) return mistake("%s has too many parts", quote(text).c_str());
  const std::uint16_t port = TRY(port_of(parts[1]));
  const Flags flags = TRY(parse_flags(family, parts.size() > 2 ? parts[2] : std::string_view()));
  const std::string_view scope = parts.size() > 3 ? parts[3] : std::string_view();
  Result<SocketAddress> address = family == AF_INET6
                                      ? inet6_host(parts[0], port, scope, flags.numeric_scope, text)
                                      : inet4_host(parts[0], port, text);
  if (!address.ok()) return std::move(address).error();
  return InetAddress{std::move(*address), flags.options};
}

Result<SocketAddress> parse_unix_address(std::string_view text) {
  sockaddr_un address{};
  if (text.size() > sizeof address.sun_path)
    return mistake("%s is longer than %zu bytes", quote(text).c_str(), sizeof address.sun_path);
  address.sun_family = AF_UNIX;
  const bool abstract = text.starts_with('@');
  std::memcpy(address.sun_path, text.data(), text.size());
  if (abstract) address.sun_path[0] = '\0';
  SocketAddress made{.bytes = bytes_of(address), .text = std::string(text)};
  made.bytes.resize(offsetof(sockaddr_un, sun_path) + text.size());
  if (!abstract) made.path = std::string(text);
  return made;
}

Result<SocketAddress> parse_vsock_address(std::string_view text) {
  constexpr Word kCids[] = {{"hypervisor", VMADDR_CID_HYPERVISOR},
                            {"local", VMADDR_CID_LOCAL},
                            {"host", VMADDR_CID_HOST}};
  const std::vector<std::string_view> parts = split(text, ',');
  if (parts.size() != 2) return mistake("%s is not CID,PORT", quote(text).c_str());
  sockaddr_vm address{};
  address.svm_family = AF_VSOCK;
  const std::string cid = lower(parts[0]);
  const auto* const word = std::ranges::find(kCids, cid, &Word::name);
  if (cid == "any")
    address.svm_cid = VMADDR_CID_ANY;
  else if (word != std::end(kCids))
    address.svm_cid = static_cast<unsigned>(word->value);
  else
    address.svm_cid = TRY(number<unsigned>("CID", parts[0]));
  if (lower(parts[1]) == "any")
    address.svm_port = VMADDR_PORT_ANY;
  else
    address.svm_port = TRY(number<unsigned>("port", parts[1]));
  return SocketAddress{.bytes = bytes_of(address), .text = std::string(text)};
}

Result<SocketAddress> parse_packet_address(std::string_view text) {
  const std::vector<std::string_view> parts = split(text, ',');
  if (parts.empty() || parts.size() > 2 || parts[0].empty())
    return mistake("%s is not INTERFACE[,PROTOCOL]", quote(text).c_str());
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  if (parts.size() > 1)
    address.sll_protocol = static_cast<std::uint16_t>(TRY(parse_socket_protocol(parts[1])));
  return SocketAddress{
      .bytes = bytes_of(address), .interface = std::string(parts[0]), .text = std::string(text)};
}

Result<SocketAddress> parse_netlink_address(std::string_view text) {
  const std::vector<std::string_view> parts = split(text, ',');
  if (parts.empty() || parts.size() > 2)
    return mistake("%s is not PORT[,GROUPS]", quote(text).c_str());
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_pid = TRY(number<unsigned>("port", parts[0]));
  if (parts.size() > 1) address.nl_groups = TRY(number<unsigned>("groups", parts[1]));
  return SocketAddress{.bytes = bytes_of(address), .text = std::string(text)};
}

Result<SocketAddress> parse_raw_address(std::string_view hex) {
  std::string bytes = TRY(parse_hex(hex));
  SocketAddress address{.bytes = std::move(bytes), .text = std::string(hex)};
  if (address.bytes.size() < sizeof(sa_family_t) || address.bytes.size() > sizeof(sockaddr_storage))
    return mistake("%s is not an address with its family", quote(hex).c_str());
  return address;
}

Result<SocketAddress> parse_any_address(std::string_view text, PortOf port_of) {
  const std::size_t colon = text.find(':');
  const std::string kind = lower(text.substr(0, colon));
  const std::string_view rest =
      colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  if (kind == "inet" || kind == "inet6") {
    InetAddress inet = TRY(parse_inet_address(kind == "inet" ? AF_INET : AF_INET6, rest, port_of));
    if (!inet.options.empty()) return mistake("%s: flags are for binding", quote(text).c_str());
    return std::move(inet.address);
  }
  if (kind == "unix") return parse_unix_address(rest);
  if (kind == "vsock") return parse_vsock_address(rest);
  if (kind == "packet") return parse_packet_address(rest);
  if (kind == "netlink") return parse_netlink_address(rest);
  if (kind == "raw") return parse_raw_address(rest);
  return mistake("%s does not begin with inet: inet6: unix: vsock: packet: netlink: or raw:",
                 quote(text).c_str());
}

Result<SocketOption> parse_socket_option(std::string_view text, int family) {
  const std::size_t equals = text.find('=');
  const bool given = equals != std::string_view::npos;
  const std::string name = lower(text.substr(0, equals));
  const auto* const row = std::ranges::find(kOptions, name, &OptionName::name);
  if (row == std::end(kOptions)) return unknown("a socket option", text.substr(0, equals));
  const std::string_view value = given ? text.substr(equals + 1) : std::string_view();
  SocketOption option{.level = row->level, .name = row->option, .value = {}, .text = escape(text)};
  if (family == AF_INET6 && row->level6 >= 0) {
    option.level = row->level6;
    option.name = row->option6;
  }
  option.value = TRY(option_value(*row, value, given));
  option.connected = row->connected;
  return option;
}

namespace {

template <typename Row, std::size_t N>
std::string names_of(const Row (&rows)[N]) {
  std::vector<std::string> names;
  for (const Row& row : rows) names.emplace_back(row.name);
  return join(names, " ");
}

}  // namespace

std::string socket_domain_names() { return names_of(kDomains); }

std::string socket_type_names() { return names_of(kTypes); }

std::string socket_protocol_names() { return names_of(kProtocols); }

std::string socket_option_names() { return names_of(kOptions); }

Result<SocketOption> parse_numeric_option(std::string_view text) {
  const std::size_t first = text.find(',');
  const std::size_t second = first == std::string_view::npos ? first : text.find(',', first + 1);
  if (second == std::string_view::npos)
    return mistake("%s is not LEVEL,NAME,VALUE", quote(text).c_str());
  SocketOption option{.level = 0, .name = 0, .value = {}, .text = escape(text)};
  option.level = TRY(word_or_number(kLevels, "a level", text.substr(0, first)));
  option.name = TRY(number<int>("name", text.substr(first + 1, second - first - 1)));
  const std::string_view value = text.substr(second + 1);
  if (value.starts_with("x:"))
    option.value = TRY(parse_hex(value.substr(2)));
  else if (value.starts_with("s:"))
    option.value = std::string(value.substr(2));
  if (value.starts_with("x:") || value.starts_with("s:")) return option;
  const int plain = TRY(number<int>("value", value));
  option.value = bytes_of(plain);
  return option;
}

Result<std::vector<ListenSocket>> parse_listen_sockets(std::string_view text) {
  std::vector<ListenSocket> sockets;
  for (const std::string_view word : split(text, ' ')) {
    if (word.empty()) continue;
    ListenSocket socket = TRY_CTX(parse_listen_socket(word), "%s", quote(word).c_str());
    sockets.push_back(std::move(socket));
  }
  return sockets;
}

}  // namespace ctr
