// SPDX-License-Identifier: Apache-2.0
// config.json from anybody: no crash, no message of two lines, and what is accepted can be written
// and read again without a change.
#include <cstddef>
#include <cstdint>
#include <string>

#include "ctrtool/core/base/result.h"
#include "runtime/spec/defaults.h"
#include "runtime/spec/parse.h"

namespace {

bool is_accepted(const std::vector<oci::Problem>& problems) {
  return oci::first_error(problems, "fuzz").ok();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const oci::Parsed<oci::Spec> parsed =
      oci::parse_spec(std::string(reinterpret_cast<const char*>(data), size));
  for (const oci::Problem& problem : parsed.problems) {
    CTR_ASSERT(problem.text().find('\n') == std::string::npos);
  }
  if (!is_accepted(parsed.problems)) return 0;
  const oci::Parsed<oci::Spec> again = oci::parse_spec(oci::to_json(parsed.value));
  CTR_ASSERT(is_accepted(again.problems));
  CTR_ASSERT(again.value == parsed.value);
  return 0;
}
