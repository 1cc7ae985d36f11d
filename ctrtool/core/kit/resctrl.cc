// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/resctrl.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <optional>

#include "ctrtool/core/base/rollback.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/mountinfo.h"
#include "ctrtool/core/sys/file.h"

namespace ctr {
namespace {

constexpr std::string_view kMonitors = "mon_groups";

// "L3:0=7ff;1=00f": the resource, and the value of each domain. Leading zeros say nothing.
struct Schema {
  std::string resource;
  std::map<std::string, std::string> values;
};

std::string without_zeros(std::string_view value) {
  const std::size_t first = value.find_first_not_of('0');
  return first == std::string_view::npos ? "0" : std::string(value.substr(first));
}

std::optional<Schema> parse_schema(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  Schema schema{std::string(trim(line.substr(0, colon))), {}};
  for (const std::string_view pair : split(line.substr(colon + 1), ';')) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    schema.values[std::string(trim(pair.substr(0, equals)))] =
        without_zeros(trim(pair.substr(equals + 1)));
  }
  return schema;
}

bool covers(const Schema& all, const Schema& wanted) {
  if (all.resource != wanted.resource) return false;
  for (const auto& [domain, value] : wanted.values) {
    const auto found = all.values.find(domain);
    if (found == all.values.end() || found->second != value) return false;
  }
  return true;
}

// The kernel explains a refusal in a file of its own.
Error explained(BorrowedFd resctrl, Error error) {
  const Result<std::string> why = sys::read_file_at(resctrl, "info/last_cmd_status");
  if (why.ok() && trim(*why) != "ok" && !trim(*why).empty())
    error.message += " (" + escape(trim(*why)) + ")";
  return error;
}

Result<void> write_schemata(BorrowedFd resctrl, BorrowedFd dir,
                            const std::vector<std::string>& lines) {
  for (const std::string& line : lines) {
    Result<void> written = sys::write_file_at(dir, "schemata", line + "\n");
    if (!written.ok())
      return with_context(explained(resctrl, std::move(written).error()), "schema " + quote(line));
  }
  return {};
}

Result<void> compare_schemata(BorrowedFd dir, const RdtGroup& group) {
  if (group.compared.empty()) return {};
  const std::string text = TRY(sys::read_file_at(dir, "schemata"));
  for (const std::string& wanted : group.compared)
    if (!rdt_schema_matches(text, wanted))
      return make_error(Kind::InvalidSpec, "the group %s exists with another schema than %s",
                        quote(group.name).c_str(), quote(wanted).c_str());
  return {};
}

bool says_what_it_wants(const RdtGroup& group) {
  return group.own || !group.compared.empty() || !group.written.empty();
}

// True when it is new.
Result<bool> make_group(BorrowedFd resctrl, const RdtGroup& group) {
  if (group.name == "/" || !says_what_it_wants(group)) return false;
  const Result<void> made = sys::mkdirat(resctrl, group.name, 0755);
  if (made.ok()) return true;
  if (made.error().code == EEXIST && !group.own) return false;
  return explained(resctrl, made.error());
}

Result<UniqueFd> open_group(BorrowedFd resctrl, const RdtGroup& group) {
  const std::string path = group.name == "/" ? "." : group.name;
  return sys::openat2(resctrl, path, O_PATH | O_DIRECTORY, 0,
                      RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}

Result<void> join_monitor(BorrowedFd resctrl, const RdtGroup& group, const std::string& pid,
                          Rollback& undo) {
  if (group.monitor.empty()) return {};
  const std::string path = rdt_directories(group).front();
  Result<void> made = sys::mkdirat(resctrl, path, 0755);
  if (!made.ok()) return explained(resctrl, std::move(made).error());
  undo.add([resctrl, path] { static_cast<void>(sys::unlinkat(resctrl, path, AT_REMOVEDIR)); });
  return sys::write_file_at(resctrl, path + "/tasks", pid);
}

}  // namespace

std::string find_resctrl(std::string_view mountinfo) {
  for (const MountEntry& mount : parse_mountinfo(mountinfo))
    if (mount.type == "resctrl") return mount.at;
  return {};
}

bool rdt_schema_matches(std::string_view schemata, std::string_view wanted) {
  const std::optional<Schema> want = parse_schema(wanted);
  if (!want.has_value()) return false;
  for (const std::string_view line : split(schemata, '\n')) {
    const std::optional<Schema> have = parse_schema(line);
    if (have.has_value() && covers(*have, *want)) return true;
  }
  return false;
}

std::vector<std::string> rdt_directories(const RdtGroup& group) {
  std::vector<std::string> out;
  const std::string prefix = group.name == "/" ? "" : group.name + "/";
  if (!group.monitor.empty()) out.push_back(prefix + std::string(kMonitors) + "/" + group.monitor);
  if (group.own) out.push_back(group.name);
  return out;
}

Result<void> join_rdt_group(BorrowedFd resctrl, const RdtGroup& group, pid_t pid) {
  Rollback undo;
  const bool made = TRY(make_group(resctrl, group));
  if (made)
    undo.add(
        [resctrl, &group] { static_cast<void>(sys::unlinkat(resctrl, group.name, AT_REMOVEDIR)); });
  const UniqueFd dir = TRY(open_group(resctrl, group));
  if (made) {
    TRY(write_schemata(resctrl, dir, group.compared));
  } else {
    TRY(compare_schemata(dir, group));
  }
  TRY(write_schemata(resctrl, dir, group.written));
  const std::string number = strf("%d", pid);
  Result<void> joined = sys::write_file_at(dir, "tasks", number);
  if (!joined.ok()) return explained(resctrl, std::move(joined).error());
  TRY(join_monitor(resctrl, group, number, undo));
  undo.release();
  return {};
}

}  // namespace ctr
