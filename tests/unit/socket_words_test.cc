// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/socket_words.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>

#include <cstring>

namespace ctr {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <typename T>
T as(const std::string& bytes) {
  T value{};
  std::memcpy(&value, bytes.data(), std::min(bytes.size(), sizeof value));
  return value;
}

TEST(SocketWords, TypesAndFamilies) {
  EXPECT_EQ(*parse_socket_domain("VSOCK"), AF_VSOCK);
  EXPECT_EQ(*parse_socket_domain("0x11"), AF_PACKET);
  EXPECT_EQ(*parse_socket_type("tcp_NB"), SOCK_STREAM | SOCK_NONBLOCK);
  EXPECT_EQ(*parse_socket_type("2"), SOCK_DGRAM);
  EXPECT_EQ(*parse_socket_type("0x802"), SOCK_DGRAM | SOCK_NONBLOCK);
  EXPECT_FALSE(parse_socket_type("0x80001").ok()) << "close-on-exec is not for the user to say";
  EXPECT_EQ(*parse_socket_protocol("icmpv6"), IPPROTO_ICMPV6);
  EXPECT_EQ(*parse_socket_protocol("eth_all"), htons(3));
  for (const char* word : {"", "nosuch", "1x", "-1"}) {
    EXPECT_FALSE(parse_socket_domain(word).ok()) << word;
    EXPECT_FALSE(parse_socket_type(word).ok()) << word;
    EXPECT_FALSE(parse_socket_protocol(word).ok()) << word;
  }
}

TEST(SocketWords, InetAddresses) {
  const Result<InetAddress> four = parse_inet_address(AF_INET, "127.0.0.1,80,ap");
  ASSERT_TRUE(four.ok());
  EXPECT_EQ(as<sockaddr_in>(four.value().address.bytes).sin_port, htons(80));
  EXPECT_THAT(four.value().options, ElementsAre("reuseaddr", "reuseport"));
  const Result<InetAddress> six = parse_inet_address(AF_INET6, "[fe80::1%eth0],0x50,oO");
  ASSERT_TRUE(six.ok());
  EXPECT_EQ(as<sockaddr_in6>(six.value().address.bytes).sin6_port, htons(80));
  EXPECT_EQ(six.value().address.interface, "eth0");
  EXPECT_THAT(six.value().options, ElementsAre("v6only=0"));
  const Result<InetAddress> scope = parse_inet_address(AF_INET6, "fe80::1,80,I,7");
  ASSERT_TRUE(scope.ok());
  EXPECT_EQ(as<sockaddr_in6>(scope.value().address.bytes).sin6_scope_id, 7U);
  EXPECT_FALSE(parse_inet_address(AF_INET6, "fe80::1%,80").ok());
  EXPECT_FALSE(parse_inet_address(AF_INET6, "fe80::1%a,80,:,b").ok());
  EXPECT_FALSE(parse_inet_address(AF_INET6, "fe80::1,80,I").ok());
  EXPECT_FALSE(parse_inet_address(AF_INET, "1.2.3.4,80,o").ok());
}

TEST(SocketWords, OtherAddresses) {
  const Result<SocketAddress> abstract = parse_unix_address("@n");
  ASSERT_TRUE(abstract.ok());
  EXPECT_EQ(abstract.value().bytes.substr(2), std::string("\0n", 2));
  EXPECT_EQ(abstract.value().path, "");
  EXPECT_EQ(parse_unix_address("")->bytes.size(), 2U) << "the kernel picks a name";
  EXPECT_TRUE(parse_unix_address(std::string(108, 'x')).ok());
  EXPECT_FALSE(parse_unix_address(std::string(109, 'x')).ok());
  EXPECT_EQ(as<sockaddr_vm>(parse_vsock_address("any,7")->bytes).svm_cid, VMADDR_CID_ANY);
  EXPECT_EQ(as<sockaddr_vm>(parse_vsock_address("3,any")->bytes).svm_port, VMADDR_PORT_ANY);
  EXPECT_EQ(as<sockaddr_ll>(parse_packet_address("lo,eth_ip")->bytes).sll_protocol, htons(0x800));
  EXPECT_EQ(parse_packet_address("lo")->interface, "lo");
  EXPECT_EQ(parse_raw_address("0200")->family(), AF_INET);
  for (const char* text : {"", "0", "02", "zz00"})
    EXPECT_FALSE(parse_raw_address(text).ok()) << text;
  EXPECT_EQ(parse_any_address("inet6:::1,80")->family(), AF_INET6);
  EXPECT_FALSE(parse_any_address("inet:1.2.3.4,80,a").ok());
  EXPECT_FALSE(parse_any_address("nosuch:1").ok());
}

TEST(SocketWords, Options) {
  const Result<SocketOption> six = parse_socket_option("freebind", AF_INET6);
  ASSERT_TRUE(six.ok());
  EXPECT_EQ(six.value().level, IPPROTO_IPV6);
  EXPECT_EQ(parse_socket_option("freebind", AF_INET)->level, IPPROTO_IP);
  EXPECT_EQ(as<int>(parse_socket_option("nodelay=off", AF_INET)->value), 0);
  EXPECT_EQ(as<linger>(parse_socket_option("linger=7", AF_INET)->value).l_linger, 7);
  EXPECT_EQ(parse_socket_option("bindtodevice=lo", AF_INET)->value, "lo");
  EXPECT_FALSE(parse_socket_option("rcvbuf", AF_INET).ok());
  EXPECT_FALSE(parse_socket_option("nodelay=2", AF_INET).ok());
  const Result<SocketOption> raw = parse_numeric_option("tcp,9,x:0102");
  ASSERT_TRUE(raw.ok());
  EXPECT_EQ(raw.value().level, IPPROTO_TCP);
  EXPECT_EQ(raw.value().value, "\x01\x02");
  EXPECT_EQ(parse_numeric_option("1,25,s:lo")->value, "lo");
  EXPECT_FALSE(parse_numeric_option("1,25").ok());
}

TEST(SocketWords, ListenSockets) {
  const auto sockets = parse_listen_sockets(
      " http=tcp:*:80,backlog=5 udp:[::1]:53  s=unix:/run/s,mode=660,uid=1,unlink vsock:any:9 "
      "tcp:127.0.0.1:81,reuseport,backlog=0");
  ASSERT_TRUE(sockets.ok()) << sockets.error().message;
  ASSERT_EQ(sockets.value().size(), 5U);
  const ListenSocket& http = sockets.value()[0];
  EXPECT_EQ(http.name, "http");
  EXPECT_EQ(http.request.domain, AF_INET6);
  EXPECT_EQ(http.request.backlog, 5);
  EXPECT_EQ(describe(http.request), "inet6 stream \"*:80\", reuseaddr, backlog 5");
  EXPECT_EQ(sockets.value()[1].name, "unknown");
  EXPECT_FALSE(sockets.value()[1].request.backlog.has_value());
  EXPECT_EQ(describe(sockets.value()[2].request),
            "unix stream \"/run/s\", mode 0660, uid 1, unlink, backlog max");
  EXPECT_EQ(sockets.value()[3].request.domain, AF_VSOCK);
  EXPECT_EQ(sockets.value()[4].request.backlog, kMaxBacklog);
  EXPECT_TRUE(parse_listen_sockets("").value().empty());
}

TEST(SocketWords, MistakesInListenSocketsNameTheWord) {
  for (const char* text : {"80", "nosuch:80", "tcp:80", "tcp:localhost:80",
                           "tcp:127.0.0.1:", "tcp:127.0.0.1:99999", "a:b=tcp:*:80", "=tcp:*:80",
                           "tcp:*:80,nosuch", "tcp:*:80,mode=600", "unix:", "unix:@x,mode=600",
                           "udp:*:53,backlog=3", "unix:/x,mode=1777", "vsock:any", "tcp:[::1:80"}) {
    const auto sockets = parse_listen_sockets(text);
    ASSERT_FALSE(sockets.ok()) << text;
    EXPECT_EQ(sockets.error().kind, Kind::InvalidSpec) << text;
    EXPECT_THAT(sockets.error().message, HasSubstr(text));
  }
}

}  // namespace
}  // namespace ctr
