// SPDX-License-Identifier: Apache-2.0
// What criu answers, and what /proc/PID/mountinfo has: no crash, no message of two lines.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "ctrtool/core/base/result.h"
#include "ctrtool/core/kit/mountinfo.h"
#include "runtime/criu/messages.h"
#include "runtime/criu/wire.h"
#include "tests/fuzz/fuzz.h"

namespace {

// Every field that is read is there again when it was written.
void wire(std::string_view bytes) {
  criu::MessageReader reader(bytes);
  criu::MessageWriter writer;
  std::vector<criu::Field> fields;
  while (true) {
    const ctr::Result<std::optional<criu::Field>> field = reader.next();
    if (!field.ok() || !field->has_value()) break;
    fields.push_back(**field);
    if (fields.back().is_text)
      writer.text(fields.back().number, fields.back().text);
    else
      writer.number(fields.back().number, fields.back().value);
  }
  criu::MessageReader again(writer.bytes());
  for (const criu::Field& field : fields) CTR_ASSERT(*again.next() == field);
  CTR_ASSERT(!again.next()->has_value());
}

void response(std::string_view bytes) {
  static_cast<void>(fuzz::accepted(criu::decode_response(bytes)));
}

void mountinfo(std::string_view text) {
  const std::vector<ctr::MountEntry> mounts = ctr::parse_mountinfo(text);
  for (const ctr::MountEntry& mount : mounts)
    CTR_ASSERT(ctr::find_mount(mounts, mount.id)->id == mount.id);
}

constexpr void (*kTargets[])(std::string_view) = {wire, response, mountinfo};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return fuzz::run_one(kTargets, data, size);
}
