// SPDX-License-Identifier: Apache-2.0
// The parts of a configuration that commands take alone: the process of exec, the resources of
// update, the mounts of mounts add. No crash, no message of two lines.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "ctrtool/core/base/result.h"
#include "runtime/spec/parse.h"
#include "tests/fuzz/fuzz.h"

namespace {

template <typename T>
void check(const oci::Parsed<T>& parsed) {
  for (const oci::Problem& problem : parsed.problems)
    CTR_ASSERT(problem.text().find('\n') == std::string::npos);
}

void process(std::string_view text) { check(oci::parse_process(std::string(text))); }
void resources(std::string_view text) { check(oci::parse_resources(std::string(text))); }
void mounts(std::string_view text) { check(oci::parse_mounts(std::string(text))); }

constexpr void (*kParsers[])(std::string_view) = {process, resources, mounts};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return fuzz::run_one(kParsers, data, size);
}
