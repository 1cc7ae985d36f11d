// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/rlimit.h"

#include <strings.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/cred.h"

namespace ctr {
namespace {

constexpr std::string_view kPrefix = "RLIMIT_";

struct Row {
  std::string_view name;
  char letter;  // of ulimit(1)
  int resource;
};
constexpr auto kTable = std::to_array<Row>({
    {"RLIMIT_AS", 'v', RLIMIT_AS},
    {"RLIMIT_CORE", 'c', RLIMIT_CORE},
    {"RLIMIT_CPU", 't', RLIMIT_CPU},
    {"RLIMIT_DATA", 'd', RLIMIT_DATA},
    {"RLIMIT_FSIZE", 'f', RLIMIT_FSIZE},
    {"RLIMIT_LOCKS", 'x', RLIMIT_LOCKS},
    {"RLIMIT_MEMLOCK", 'l', RLIMIT_MEMLOCK},
    {"RLIMIT_MSGQUEUE", 'q', RLIMIT_MSGQUEUE},
    {"RLIMIT_NICE", 'e', RLIMIT_NICE},
    {"RLIMIT_NOFILE", 'n', RLIMIT_NOFILE},
    {"RLIMIT_NPROC", 'u', RLIMIT_NPROC},
    {"RLIMIT_RSS", 'm', RLIMIT_RSS},
    {"RLIMIT_RTPRIO", 'r', RLIMIT_RTPRIO},
    {"RLIMIT_RTTIME", 'y', RLIMIT_RTTIME},
    {"RLIMIT_SIGPENDING", 'i', RLIMIT_SIGPENDING},
    {"RLIMIT_STACK", 's', RLIMIT_STACK},
});
static_assert(std::ranges::is_sorted(kTable, {}, &Row::name));

bool same_word(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

std::string show_value(std::uint64_t value) {
  return value == kUnlimited ? "unlimited" : std::to_string(value);
}

Result<std::uint64_t> parse_value(std::string_view text) {
  if (same_word(text, "unlimited")) return kUnlimited;
  return parse_number<std::uint64_t>(text, 0);
}

Result<std::optional<std::uint64_t>> parse_side(std::string_view text) {
  if (text.empty()) return std::optional<std::uint64_t>();
  const std::uint64_t value = TRY(parse_value(text));
  return std::optional<std::uint64_t>(value);
}

Result<RlimitRequest> parse_sides(int resource, std::string_view value) {
  const std::size_t colon = value.find(':');
  if (colon == std::string_view::npos) {
    const std::uint64_t both = TRY(parse_value(value));
    return RlimitRequest{resource, both, both};
  }
  const std::optional<std::uint64_t> soft = TRY(parse_side(value.substr(0, colon)));
  const std::optional<std::uint64_t> hard = TRY(parse_side(value.substr(colon + 1)));
  return RlimitRequest{resource, soft, hard};
}

// Which of the two rules of setrlimit(2) an EPERM was about.
std::string refusal_reason(const RlimitSetting& wanted, const sys::Rlimit& current) {
  if (wanted.hard <= current.hard) return "the kernel's own maximum is lower";
  return "raising the hard limit above " + show_value(current.hard) + " needs CAP_SYS_RESOURCE";
}

}  // namespace

std::string rlimit_name(int resource) {
  const auto found = std::ranges::find(kTable, resource, &Row::resource);
  return found != kTable.end() ? std::string(found->name) : strf("RLIMIT_%d", resource);
}

std::optional<int> find_spec_rlimit(std::string_view name) {
  const auto found = std::ranges::find(kTable, name, &Row::name);
  return found != kTable.end() ? std::optional<int>(found->resource) : std::nullopt;
}

std::optional<int> find_rlimit(std::string_view name) {
  const auto named = [&](const Row& row) {
    return same_word(name, row.name) || same_word(name, row.name.substr(kPrefix.size())) ||
           same_word(name, std::string_view(&row.letter, 1));
  };
  const auto found = std::ranges::find_if(kTable, named);
  return found != kTable.end() ? std::optional<int>(found->resource) : std::nullopt;
}

std::vector<std::string_view> known_rlimit_names() {
  std::vector<std::string_view> names;
  for (const Row& row : kTable) names.push_back(row.name);
  return names;
}

Result<RlimitRequest> parse_rlimit(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) {
    return make_error(Kind::InvalidSpec, "resource limit %s is not NAME=VALUE",
                      quote(text).c_str());
  }
  const std::optional<int> resource = find_rlimit(text.substr(0, equals));
  if (!resource) {
    return make_error(Kind::InvalidSpec, "%s: no such resource limit", quote(text).c_str());
  }
  return TRY_CTX(parse_sides(*resource, text.substr(equals + 1)), "resource limit %s",
                 quote(text).c_str());
}

std::string show_rlimit(std::uint64_t soft, std::uint64_t hard) {
  return show_value(soft) + ":" + show_value(hard);
}

Result<void> check_rlimit(const RlimitSetting& setting) {
  if (setting.soft <= setting.hard) return {};
  return make_error(Kind::InvalidSpec, "%s: the soft limit is above the hard one in %s",
                    rlimit_name(setting.resource).c_str(),
                    show_rlimit(setting.soft, setting.hard).c_str());
}

Result<void> apply_rlimit(pid_t pid, const RlimitSetting& setting) {
  TRY(check_rlimit(setting));
  const sys::Rlimit wanted{setting.soft, setting.hard};
  Result<void> set = sys::prlimit(pid, setting.resource, wanted);
  if (set || set.error().code != EPERM) return set;
  const Result<sys::Rlimit> current = sys::prlimit(pid, setting.resource);
  if (!current) return set;
  if (*current == wanted) return {};
  return sys_error(EPERM, "%s to %s (%s)", rlimit_name(setting.resource).c_str(),
                   show_rlimit(setting.soft, setting.hard).c_str(),
                   refusal_reason(setting, *current).c_str());
}

Result<void> apply_rlimit(pid_t pid, const RlimitRequest& request) {
  if (!request.soft && !request.hard) return {};
  RlimitSetting setting{request.resource, request.soft.value_or(0), request.hard.value_or(0)};
  if (!request.soft || !request.hard) {
    const sys::Rlimit current = TRY(sys::prlimit(pid, request.resource));
    setting.soft = request.soft.value_or(current.soft);
    setting.hard = request.hard.value_or(current.hard);
  }
  return apply_rlimit(pid, setting);
}

}  // namespace ctr
