// SPDX-License-Identifier: Apache-2.0
// A record that somebody has damaged: no crash, a message of one line, and what is accepted is
// written and read again without a change. The same bytes as a container's ID and as a table of
// ps(1).
#include <cstddef>
#include <cstdint>
#include <string>

#include "runtime/cli/ps_table.h"
#include "runtime/state/id.h"
#include "runtime/state/state.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  static_cast<void>(fuzz::accepted(oci::check_id(text)));
  static_cast<void>(fuzz::accepted(oci::cli::filter_ps(text, {1, 42})));
  const ctr::Result<oci::ContainerState> state = oci::decode_state(text);
  if (!fuzz::accepted(state)) return 0;
  const ctr::Result<oci::ContainerState> again = oci::decode_state(oci::encode_state(*state));
  CTR_ASSERT(again.ok());
  CTR_ASSERT(*again == *state);
  return 0;
}
