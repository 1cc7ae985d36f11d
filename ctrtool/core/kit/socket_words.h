// SPDX-License-Identifier: Apache-2.0
// Sockets in words. Words are of any case; where a name is expected a number (base 0) will do.
// All errors are Kind::InvalidSpec.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ctrtool/core/base/result.h"
#include "ctrtool/core/kit/socket_request.h"

namespace ctr {

// inet inet6 netlink packet unix vsock
Result<int> parse_socket_domain(std::string_view word);
std::string socket_domain_name(int domain);
// stream dgram raw seqpacket rdm tcp udp, each also with "_nb": it does not wait.
Result<int> parse_socket_type(std::string_view word);
std::string socket_type_name(int type);
// icmp icmpv6 ip ipv6 mptcp sctp tcp udp udplite, and for packet sockets eth_all eth_arp eth_ip
// eth_ipv6 eth_vlan.
Result<int> parse_socket_protocol(std::string_view word);

// What a port is called; parse_port knows numbers only.
using PortOf = Result<std::uint16_t> (*)(std::string_view text);
Result<std::uint16_t> parse_port(std::string_view text);

struct InetAddress {
  SocketAddress address;
  std::vector<std::string> options;  // words for parse_socket_option
};
// ADDRESS,PORT[,FLAGS[,SCOPE]]; IPv6 also in brackets and with %SCOPE. Flags: a reuseaddr,
// p reuseport, f freebind, t transparent, d defer_accept, B bind_no_port, o and O v6only or not,
// e nodelay, I the scope is a number, ':' nothing.
Result<InetAddress> parse_inet_address(int family, std::string_view text,
                                       PortOf port_of = parse_port);
// A file; with '@' in front an abstract name, empty: the kernel picks one.
Result<SocketAddress> parse_unix_address(std::string_view text);
Result<SocketAddress> parse_vsock_address(std::string_view text);    // CID,PORT
Result<SocketAddress> parse_packet_address(std::string_view text);   // INTERFACE[,PROTOCOL]
Result<SocketAddress> parse_netlink_address(std::string_view text);  // PORT[,GROUPS]
Result<SocketAddress> parse_raw_address(std::string_view hex);       // the family's two bytes first
// inet: inet6: unix: vsock: packet: netlink: raw: and an address as above.
Result<SocketAddress> parse_any_address(std::string_view text, PortOf port_of = parse_port);

// NAME or NAME=VALUE, for a socket of this family.
Result<SocketOption> parse_socket_option(std::string_view text, int family);

// All that is known, for help texts.
std::string socket_domain_names();
std::string socket_type_names();
std::string socket_protocol_names();
std::string socket_option_names();

// LEVEL,NAME,VALUE: numbers, the level also socket, ip, ipv6, tcp, udp, packet, netlink, vsock; the
// value a number, or bytes as x:HEX, or text as s:TEXT.
Result<SocketOption> parse_numeric_option(std::string_view text);

// Divided by blanks: [NAME=]KIND:ADDRESS[,OPTION]...
//   tcp: udp: mptcp: sctp:  HOST:PORT; HOST is an IPv4 address, [IPv6], or '*' for both
//   unix: unix-dgram: unix-seqpacket:  as parse_unix_address
//   vsock:                  CID:PORT
// OPTION: backlog=N, mode=OCTAL, uid=N, gid=N, unlink, or as parse_socket_option.
Result<std::vector<ListenSocket>> parse_listen_sockets(std::string_view text);

}  // namespace ctr
