// SPDX-License-Identifier: Apache-2.0
// The parts of a configuration that commands take alone: the process of exec, the resources of
// update, the mounts of mounts add. No crash, no message of two lines.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "ctrtool/core/base/result.h"
#include "runtime/spec/parse.h"

namespace {

template <typename T>
void check(const oci::Parsed<T>& parsed) {
  for (const oci::Problem& problem : parsed.problems)
    CTR_ASSERT(problem.text().find('\n') == std::string::npos);
}

void process(std::string text) { check(oci::parse_process(std::move(text))); }
void resources(std::string text) { check(oci::parse_resources(std::move(text))); }
void mounts(std::string text) { check(oci::parse_mounts(std::move(text))); }

constexpr void (*kParsers[])(std::string) = {process, resources, mounts};

}  // namespace

// The first byte picks the parser.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  kParsers[data[0] % std::size(kParsers)](std::string(text.substr(1)));
  return 0;
}
