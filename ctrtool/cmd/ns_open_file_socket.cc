// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/cmd/ns_open_file_socket.h"

#include <algorithm>

#include "ctrtool/cmd/ns_open_file_options.h"
#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/socket_words.h"
#include "ctrtool/core/sys/file.h"

namespace ctr {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

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

Result<void> add_option(const std::string& word, SocketRequest& socket) {
  SocketOption option = TRY(parse_socket_option(word, socket.domain));
  socket.options.push_back(std::move(option));
  return {};
}

}  // namespace

Result<int> milliseconds_of(const Given& given) {
  const int value = TRY(number_of<int>(given));
  if (value < 0) return usage_error(given, "below 0");
  return value;
}

Result<void> SocketWords::take(const Given& given, Item& item) {
  switch (given.key) {
    case 'd':
      domain_ = TRY_CTX(parse_socket_domain(given.value), "%s", given.word.c_str());
      return {};
    case 't':
      type_ = TRY_CTX(parse_socket_type(given.value), "%s", given.word.c_str());
      return {};
    case 'p':
      item.socket.protocol = TRY_CTX(parse_socket_protocol(given.value), "%s", given.word.c_str());
      return {};
    case 'l': {
      const int backlog = TRY(number_of<int>(given));
      item.socket.backlog = backlog > 0 ? backlog : kMaxBacklog;
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
      item.socket.file.unlink = true;
      return {};
    case kConnect: {
      SocketAddress to =
          TRY_CTX(parse_any_address(given.value, port_of_service), "%s", given.word.c_str());
      item.socket.connect = std::move(to);
      return {};
    }
    case kConnectTimeout:
      item.socket.connect_timeout_ms = TRY(milliseconds_of(given));
      return {};
    default:
      return take_address(given, item);
  }
}

Result<void> SocketWords::take_address(const Given& given, Item& item) {
  if (item.socket.bind.has_value()) return usage_error(given, "one address only");
  Result<SocketAddress> address = address_of(given);
  if (!address.ok()) return with_context(std::move(address).error(), given.word);
  item.socket.bind = std::move(*address);
  return {};
}

Result<SocketAddress> SocketWords::address_of(const Given& given) {
  switch (given.key) {
    case '4':
    case '6': {
      InetAddress inet = TRY(
          parse_inet_address(given.key == '4' ? AF_INET : AF_INET6, given.value, port_of_service));
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

Result<void> SocketWords::finish_socket(Item& item) {
  SocketRequest& socket = item.socket;
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
  if (!file && !item.base_register.empty())
    return make_error(Kind::InvalidSpec, "a directory is for socket files");
  for (const std::string& word : address_options_) TRY(add_option(word, item.socket));
  TRY(add_options(item.socket));
  for (SocketOption& option : numeric_options_) socket.options.push_back(std::move(option));
  return {};
}

Result<void> SocketWords::add_options(SocketRequest& socket) const {
  for (const Given* option : options_)
    TRY_CTX(add_option(option->value, socket), "%s", option->word.c_str());
  return {};
}

Result<void> SocketWords::finish_address(const Item& item) const {
  if (!item.socket.bind.has_value()) return make_error(Kind::InvalidSpec, "the address is missing");
  if (!address_options_.empty()) return make_error(Kind::InvalidSpec, "flags are for binding");
  return {};
}

Result<void> SocketWords::finish_pair(Item& item) const {
  item.socket.domain = AF_UNIX;
  item.pair_type = type_.value_or(SOCK_STREAM);
  return add_options(item.socket);
}

}  // namespace ctr
