// SPDX-License-Identifier: Apache-2.0
// A record that somebody has damaged: no crash, a message of one line, and what is accepted is
// written and read again without a change. The same bytes as a container's ID and as a table of
// ps(1).
#include <cstddef>
#include <cstdint>
#include <string>

#include "ctrtool/core/base/result.h"
#include "runtime/cli/ps_table.h"
#include "runtime/state/id.h"
#include "runtime/state/state.h"

namespace {

template <typename T>
void check_message(const ctr::Result<T>& result) {
  if (!result.ok()) CTR_ASSERT(result.error().message.find('\n') == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  check_message(oci::check_id(text));
  check_message(oci::cli::filter_ps(text, {1, 42}));
  const ctr::Result<oci::ContainerState> state = oci::decode_state(text);
  check_message(state);
  if (!state.ok()) return 0;
  const ctr::Result<oci::ContainerState> again = oci::decode_state(oci::encode_state(*state));
  CTR_ASSERT(again.ok());
  CTR_ASSERT(*again == *state);
  return 0;
}
