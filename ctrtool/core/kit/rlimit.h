// SPDX-License-Identifier: Apache-2.0
// Resource limits: names, the tools' --rlimit words, and setting them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ctrtool/core/base/result.h"

namespace ctr {

inline constexpr std::uint64_t kUnlimited = ~std::uint64_t{0};

struct RlimitSetting {
  int resource;  // RLIMIT_*
  std::uint64_t soft;
  std::uint64_t hard;
  bool operator==(const RlimitSetting&) const = default;
};

// "RLIMIT_NOFILE"; a number without a name is "RLIMIT_16".
std::string rlimit_name(int resource);
// The spec's form only: upper case with RLIMIT_.
std::optional<int> find_spec_rlimit(std::string_view name);
// The tools' names, any case: "nofile" or its letter "n" of ulimit; also the spec's form.
std::optional<int> find_rlimit(std::string_view name);
// In the spec's form, sorted.
std::vector<std::string_view> known_rlimit_names();

// A request of the tools. What is absent stays as it is when the request is carried out.
struct RlimitRequest {
  int resource;
  std::optional<std::uint64_t> soft;
  std::optional<std::uint64_t> hard;
  bool operator==(const RlimitRequest&) const = default;
};
// NAME=VALUE or NAME=SOFT:HARD, where a side may be empty. A value is a number (base 0) or
// "unlimited".
Result<RlimitRequest> parse_rlimit(std::string_view text);

// "soft:hard", for people: "1024:unlimited".
std::string show_rlimit(std::uint64_t soft, std::uint64_t hard);

// Soft within hard.
Result<void> check_rlimit(const RlimitSetting& setting);

// Does nothing, successfully, where the current value is the wanted one although we may not set it.
// pid 0: ourselves.
Result<void> apply_rlimit(pid_t pid, const RlimitSetting& setting);
Result<void> apply_rlimit(pid_t pid, const RlimitRequest& request);

}  // namespace ctr
