// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/ps_table.h"

#include <algorithm>
#include <optional>

#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"

namespace oci::cli {
namespace {

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words = ctr::split(line, ' ');
  std::erase(words, std::string_view());
  return words;
}

std::optional<std::size_t> pid_column(std::string_view header) {
  const std::vector<std::string_view> names = words_of(header);
  const auto found = std::find(names.begin(), names.end(), "PID");
  if (found == names.end()) return std::nullopt;
  return static_cast<std::size_t>(found - names.begin());
}

bool is_of_one(std::string_view line, std::size_t column, const std::vector<pid_t>& pids) {
  const std::vector<std::string_view> words = words_of(line);
  if (words.size() <= column) return false;
  const ctr::Result<pid_t> pid = ctr::parse_number<pid_t>(words[column]);
  return pid.ok() && std::find(pids.begin(), pids.end(), *pid) != pids.end();
}

}  // namespace

ctr::Result<std::string> filter_ps(std::string_view table, const std::vector<pid_t>& pids) {
  const std::vector<std::string_view> lines = ctr::split(table, '\n');
  const std::string_view header = lines.empty() ? std::string_view() : lines.front();
  const std::optional<std::size_t> column = pid_column(header);
  if (!column.has_value())
    return ctr::make_error(ctr::Kind::InvalidSpec, "the table of ps(1) has no column PID");
  std::string out = std::string(header) + "\n";
  for (const std::string_view line : lines)
    if (is_of_one(line, *column, pids)) out = out + std::string(line) + "\n";
  return out;
}

}  // namespace oci::cli
