// SPDX-License-Identifier: Apache-2.0
// Flags of open(2) and openat2(2) in words, of any case.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ctrtool/cmd/words.h"

namespace ctr {

std::optional<int> find_open_flag(std::string_view word);               // O_*
std::optional<std::uint64_t> find_resolve_flag(std::string_view word);  // RESOLVE_*

// An option's value: a word, or a number.
Result<int> open_flag_of(const Given& given);
Result<std::uint64_t> resolve_flag_of(const Given& given);

// All words, separated by blanks.
std::string open_flag_names();
std::string resolve_flag_names();

}  // namespace ctr
