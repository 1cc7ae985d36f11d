// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/resctrl_stats.h"

#include <fcntl.h>

#include <algorithm>

#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/file.h"

namespace ctr {
namespace {

std::string text_of(BorrowedFd resctrl, const std::string& path) {
  const Result<std::string> text = sys::read_file_at(resctrl, path);
  return text.ok() ? std::string(trim(*text)) : std::string();
}

std::optional<std::uint64_t> number_of(BorrowedFd resctrl, const std::string& path) {
  const Result<std::uint64_t> number = parse_number<std::uint64_t>(text_of(resctrl, path));
  return number.ok() ? std::optional(*number) : std::nullopt;
}

std::map<std::string, std::string> info_of(BorrowedFd resctrl, const std::string& resource,
                                           std::initializer_list<const char*> files) {
  std::map<std::string, std::string> out;
  for (const char* file : files) {
    std::string text = text_of(resctrl, "info/" + resource + "/" + file);
    if (!text.empty()) out.emplace(file, std::move(text));
  }
  return out;
}

std::vector<std::string> schemata_of(BorrowedFd resctrl, const std::string& directory) {
  std::vector<std::string> lines;
  const std::string text = text_of(resctrl, directory + "schemata");
  for (const std::string_view line : split(text, '\n'))
    if (!trim(line).empty()) lines.emplace_back(trim(line));
  return lines;
}

std::string schema_of(const std::vector<std::string>& schemata, std::string_view resource) {
  for (const std::string& line : schemata)
    if (line.starts_with(resource)) return line;
  return {};
}

// "mon_L3_00", "mon_L3_01".
std::vector<std::string> domains_below(BorrowedFd resctrl, const std::string& directory) {
  std::vector<std::string> names;
  const Result<UniqueFd> fd = sys::openat(resctrl, directory, O_RDONLY | O_DIRECTORY);
  if (!fd.ok()) return names;
  const Result<std::vector<sys::DirEntry>> entries = sys::list_dir(*fd);
  if (!entries.ok()) return names;
  for (const sys::DirEntry& entry : *entries)
    if (entry.name.starts_with("mon_L3_")) names.push_back(entry.name);
  std::ranges::sort(names);
  return names;
}

}  // namespace

RdtStats read_rdt_stats(BorrowedFd resctrl, const RdtGroup& group) {
  const std::string directory = group.name == "/" ? "" : group.name + "/";
  RdtStats out;
  out.l3_info = info_of(resctrl, "L3", {"cbm_mask", "min_cbm_bits", "num_closids"});
  out.mb_info =
      info_of(resctrl, "MB", {"bandwidth_gran", "delay_linear", "min_bandwidth", "num_closids"});
  const std::vector<std::string> root = schemata_of(resctrl, "");
  out.schemata = schemata_of(resctrl, directory);
  out.l3_schema_root = schema_of(root, "L3:");
  out.mb_schema_root = schema_of(root, "MB:");
  out.l3_schema = schema_of(out.schemata, "L3:");
  out.mb_schema = schema_of(out.schemata, "MB:");
  const std::string monitor = group.monitor.empty() ? "" : "mon_groups/" + group.monitor + "/";
  const std::string data = directory + monitor + "mon_data";
  for (const std::string& domain : domains_below(resctrl, data)) {
    const std::string at = data + "/" + domain + "/";
    out.domains.push_back({number_of(resctrl, at + "llc_occupancy"),
                           number_of(resctrl, at + "mbm_total_bytes"),
                           number_of(resctrl, at + "mbm_local_bytes")});
  }
  return out;
}

}  // namespace ctr
