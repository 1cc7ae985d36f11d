// SPDX-License-Identifier: Apache-2.0
// ID maps, mount options, capability sets, limits, signals and sockets from anybody: no crash, no
// message of two lines, and what is accepted reads the same after it was printed.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "ctrtool/core/base/result.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/caps.h"
#include "ctrtool/core/kit/idmap.h"
#include "ctrtool/core/kit/mount_options.h"
#include "ctrtool/core/kit/rlimit.h"
#include "ctrtool/core/kit/signals.h"
#include "ctrtool/core/kit/socket_words.h"
#include "tests/fuzz/fuzz.h"

namespace {

using fuzz::accepted;

void id_map(std::string_view text) {
  const ctr::Result<ctr::IdMap> map = ctr::IdMap::parse_words(text);
  if (!accepted(map)) return;
  CTR_ASSERT(*ctr::IdMap::parse(map->text()) == *map);
  for (const ctr::IdRange& range : map->ranges()) {
    CTR_ASSERT(map->to_inside(range.outside) == range.inside);
    CTR_ASSERT(map->to_outside(range.inside + (range.count - 1)).has_value());
  }
  static_cast<void>(accepted(map->through(*map)));
}

void mount_id_maps(std::string_view text) {
  const ctr::IdMap container = *ctr::IdMap::parse_words("0.1000.1:1.100000.65535");
  static_cast<void>(accepted(ctr::parse_mount_id_maps(text, container, container)));
}

void mount_options(std::string_view text) {
  std::vector<std::string> words;
  for (const std::string_view word : ctr::split(text, ',')) words.emplace_back(word);
  const ctr::Result<ctr::MountOptions> options = ctr::parse_mount_options(words);
  if (!accepted(options)) return;
  CTR_ASSERT(*ctr::parse_mount_options(ctr::mount_option_words(*options)) == *options);
  static_cast<void>(accepted(ctr::check_bind_data(*options)));
}

void cap_set(std::string_view text) {
  const ctr::Result<ctr::CapSet> set = ctr::parse_cap_set(text, ctr::CapSet(0x55), 40);
  if (!accepted(set)) return;
  CTR_ASSERT(*ctr::parse_cap_set(ctr::cap_names(*set), ctr::CapSet(), 40) == *set);
}

void rlimit(std::string_view text) { static_cast<void>(accepted(ctr::parse_rlimit(text))); }

void signal(std::string_view text) {
  const ctr::Result<int> number = ctr::parse_signal(text);
  if (accepted(number)) CTR_ASSERT(*ctr::parse_signal(ctr::signal_name(*number)) == *number);
}

void socket(std::string_view text) {
  static_cast<void>(accepted(ctr::parse_any_address(text)));
  static_cast<void>(accepted(ctr::parse_socket_option(text, AF_INET6)));
  static_cast<void>(accepted(ctr::parse_numeric_option(text)));
  const ctr::Result<std::vector<ctr::ListenSocket>> sockets = ctr::parse_listen_sockets(text);
  if (!accepted(sockets)) return;
  for (const ctr::ListenSocket& socket : *sockets)
    CTR_ASSERT(ctr::describe(socket.request).find('\n') == std::string::npos);
}

constexpr void (*kParsers[])(std::string_view) = {id_map, mount_id_maps, mount_options, cap_set,
                                                  rlimit, signal,        socket};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return fuzz::run_one(kParsers, data, size);
}
