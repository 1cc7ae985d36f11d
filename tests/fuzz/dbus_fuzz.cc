// SPDX-License-Identifier: Apache-2.0
// What a D-Bus peer sends, and what annotations and cgroupsPath say for systemd: no crash, no
// message of two lines, and what was understood means the same when it is written and read again.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "ctrtool/core/base/result.h"
#include "ctrtool/core/kit/dbus_message.h"
#include "ctrtool/core/kit/systemd_unit.h"
#include "tests/fuzz/fuzz.h"

namespace {

using fuzz::accepted;

void message(std::string_view bytes) {
  const ctr::Result<ctr::DbusMessage> decoded = ctr::decode_dbus_message(bytes);
  if (!accepted(decoded)) return;
  const ctr::Result<ctr::DbusMessage> again =
      ctr::decode_dbus_message(ctr::encode_dbus_message(*decoded));
  CTR_ASSERT(again.ok() && *again == *decoded);
}

void text(std::string_view words) {
  const ctr::Result<ctr::DbusValue> value = ctr::parse_dbus_text(words);
  if (!accepted(value)) return;
  CTR_ASSERT(ctr::dbus_type_length(value->type) == value->type.size());
  std::string bytes;
  ctr::dbus_marshal(*value, bytes);
  const ctr::Result<ctr::DbusValue> again = ctr::DbusReader(bytes).read(value->type);
  CTR_ASSERT(again.ok() && *again == *value);
}

void unit(std::string_view words) {
  static_cast<void>(accepted(ctr::parse_unit_property("TimeoutStopSec", words)));
  static_cast<void>(accepted(ctr::parse_unit_property(words, "true")));
  const ctr::Result<ctr::ScopeName> name =
      ctr::parse_scope_name(words, words, ctr::SystemdInstance::System);
  if (!accepted(name)) return;
  // A slice can be the container's own, and then needs no other.
  const bool own_slice = ctr::is_slice(name->unit);
  CTR_ASSERT(name->unit.find('/') == std::string::npos);
  CTR_ASSERT(own_slice || name->unit.ends_with(".scope"));
  CTR_ASSERT(name->slice.find('/') == std::string::npos);
  CTR_ASSERT(ctr::is_slice(name->slice) || (own_slice && name->slice.empty()));
}

constexpr void (*kTargets[])(std::string_view) = {message, text, unit};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return fuzz::run_one(kTargets, data, size);
}
