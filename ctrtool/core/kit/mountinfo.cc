// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/mountinfo.h"

#include <algorithm>
#include <optional>

#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"

namespace ctr {
namespace {

constexpr int kOctal = 8;

// seq_path(9): blanks, newlines and backslashes come as "\040".
std::string unescape_octal(std::string_view text) {
  constexpr std::size_t kLength = 4;
  std::string out;
  while (!text.empty()) {
    const Result<std::uint8_t> byte =
        text.front() == '\\' && text.size() >= kLength
            ? parse_number<std::uint8_t>(text.substr(1, kLength - 1), kOctal)
            : make_error(Kind::InvalidSpec, "no escape");
    out += byte.ok() ? static_cast<char>(*byte) : text.front();
    text.remove_prefix(byte.ok() ? kLength : 1);
  }
  return out;
}

// 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
std::optional<MountEntry> parse_line(std::string_view line) {
  constexpr std::size_t kRoot = 3;
  constexpr std::size_t kAt = 4;
  constexpr std::size_t kOptional = 6;
  const std::vector<std::string_view> fields = split(line, ' ');
  if (fields.size() <= kOptional) return std::nullopt;
  const Result<std::uint64_t> id = parse_number<std::uint64_t>(fields[0]);
  const auto dash = std::find(fields.begin() + kOptional, fields.end(), "-");
  if (!id.ok() || dash == fields.end() || dash + 1 == fields.end()) return std::nullopt;
  return MountEntry{*id, unescape_octal(fields[kRoot]), unescape_octal(fields[kAt]),
                    std::string(dash[1])};
}

}  // namespace

std::vector<MountEntry> parse_mountinfo(std::string_view text) {
  std::vector<MountEntry> mounts;
  for (const std::string_view line : split(text, '\n')) {
    std::optional<MountEntry> entry = parse_line(line);
    if (entry.has_value()) mounts.push_back(*std::move(entry));
  }
  return mounts;
}

const MountEntry* find_mount(const std::vector<MountEntry>& mounts, std::uint64_t id) {
  const auto found = std::find_if(mounts.begin(), mounts.end(),
                                  [&](const MountEntry& entry) { return entry.id == id; });
  return found == mounts.end() ? nullptr : &*found;
}

}  // namespace ctr
