// SPDX-License-Identifier: Apache-2.0
// reset_cgroup: a process moves into given cgroups, then becomes a program.
#include <fcntl.h>

#include "ctrtool/cmd/all.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/cgroup_enter.h"
#include "ctrtool/core/kit/cgroup_layout.h"
#include "ctrtool/core/kit/resolve.h"
#include "ctrtool/core/sys/file.h"

namespace ctr {
namespace {

enum Key : int { kThreads = kLongOnly };

constexpr std::string_view kV1Names = "blkio,cpu,devices,freezer,memory,perf_event,pids,rdma";

constexpr OptionRow kOptions[] = {
    {'b', "base", "DIR", "where the hierarchies are", kCgroupRoot},
    {'c', "controllers", "LIST", "hierarchies to enter first, separated by commas",
     "those of blkio,cpu,devices,freezer,memory,perf_event,pids,rdma that exist; . with v2 only"},
    {'a', "add", "LIST", "hierarchies to enter last", "none"},
    {'p', "path", "PATH", "the cgroup inside each hierarchy", "."},
    {'r', "relative", "", "PATH is below the cgroup that we are in, hierarchy by hierarchy"},
    {'s', "systemd", "", "enter the hierarchy \"systemd\" too"},
    {'u', "unified", "", "enter the hierarchy \"unified\" too"},
    {'n', "new", "", "make the cgroup where it is missing, 0755"},
    {'k', "keep-going", "", "try all before giving up; exit status 2"},
    {'P', "pid", "PID", "move this process instead of ourselves", "0"},
    {kThreads, "threads", "", "write cgroup.threads: a threaded cgroup"},
};

struct Entry {
  std::string name;
  bool optional;
};

struct Request {
  std::string base = kCgroupRoot;
  std::optional<std::string> controllers;
  std::string added;
  std::string path = ".";
  bool relative = false;
  bool systemd = false;
  bool unified = false;
  bool create = false;
  bool keep_going = false;
  bool threads = false;
  pid_t pid = 0;
};
constexpr SwitchRow<Request> kSwitches[] = {
    {'r', &Request::relative}, {'s', &Request::systemd},    {'u', &Request::unified},
    {'n', &Request::create},   {'k', &Request::keep_going}, {kThreads, &Request::threads}};
constexpr TextRow<Request, std::string> kTexts[] = {
    {'b', &Request::base}, {'a', &Request::added}, {'p', &Request::path}};

// An absolute path would be one below the hierarchy anyway; ".." would leave it.
Result<void> check_path(const Given& given) {
  for (const std::string_view step : split(given.value, '/'))
    if (step == "..") return usage_error(given, "\"..\" is not allowed");
  return {};
}

Result<Request> read_request(const Parsed& parsed) {
  Request request;
  for (const Given& given : parsed.options) {
    take_switch(given, kSwitches, request);
    take_text(given, kTexts, request);
    if (given.key == 'c') request.controllers = given.value;
    if (given.key == 'p') TRY(check_path(given));
    if (given.key != 'P') continue;
    request.pid = TRY(number_of<pid_t>(given));
    if (request.pid < 0) return usage_error(given, "not a process");
  }
  return request;
}

// "?name" may be missing.
void add_names(std::string_view list, bool optional, std::vector<Entry>& entries) {
  for (std::string_view name : split(list, ',')) {
    const bool asks = name.starts_with('?');
    if (asks) name.remove_prefix(1);
    if (!name.empty()) entries.push_back({std::string(name), optional || asks});
  }
}

Result<std::vector<Entry>> entries_of(const Request& request, BorrowedFd base) {
  std::vector<Entry> entries;
  if (request.controllers.has_value()) {
    add_names(*request.controllers, false, entries);
  } else {
    const bool only_v2 = TRY(sys::exists(base, "cgroup.controllers"));
    add_names(only_v2 ? "." : kV1Names, true, entries);
  }
  if (request.systemd) entries.push_back({"systemd", false});
  if (request.unified) entries.push_back({"unified", false});
  add_names(request.added, false, entries);
  return entries;
}

// Hierarchies may be links to others, "cpu" to "cpu,cpuacct"; what is in them may not.
Result<void> enter(const Request& request, const CgroupLayout& layout, BorrowedFd base,
                   const std::string& name) {
  const UniqueFd hierarchy = TRY(open_beneath(base, name, O_PATH | O_DIRECTORY));
  std::string path = request.path;
  if (request.relative) {
    const std::string own = TRY_CTX(own_cgroup(layout, hierarchy), "%s", quote(name).c_str());
    path = own + "/" + path;
  }
  const EnterCgroup how{.pid = request.pid, .threads = request.threads, .create = request.create};
  TRY_CTX(enter_cgroup(hierarchy, path, how), "%s", quote(name).c_str());
  return {};
}

bool is_missing(BorrowedFd base, const Entry& entry) {
  const Result<bool> there = sys::exists(base, entry.name);
  return there.ok() && !*there;
}

Result<Ending> reset_cgroup(const Parsed& parsed) {
  if (parsed.words.empty()) return make_error(Kind::InvalidSpec, "a program is missing");
  const Request request = TRY(read_request(parsed));
  const UniqueFd base = TRY(sys::open(request.base, O_PATH | O_DIRECTORY));
  const std::vector<Entry> entries = TRY(entries_of(request, base));
  CgroupLayout layout;
  if (request.relative) layout = TRY(discover_cgroups(request.base));
  std::vector<std::string> done;
  bool failed = false;
  for (const Entry& entry : entries) {
    if (entry.optional && is_missing(base, entry)) continue;
    const Result<void> entered = enter(request, layout, base, entry.name);
    if (entered.ok()) {
      done.push_back(entry.name);
      continue;
    }
    const std::string so_far = done.empty() ? "" : "; entered before: " + join(done, ",");
    if (!request.keep_going)
      return make_error(Kind::System, "%s%s", entered.error().message.c_str(), so_far.c_str());
    complain("reset_cgroup", entered.error().message);
    failed = true;
  }
  if (failed) return Ending{.status = kExitTolerated};
  return becomes(parsed.words);
}

}  // namespace

const Manual kResetCgroupManual = {
    .name = "reset_cgroup",
    .synopsis = "[OPTION...] [--] PROGRAM [ARG...]",
    .purpose =
        "Moves itself into a cgroup of each named hierarchy and executes PROGRAM. A name\n"
        "after '?' in a list may be missing.",
    .options = kOptions,
    .exit_codes =
        "1    usage, a missing cgroup, a refused move\n2    with -k: some moves failed\n"
        "126  PROGRAM is not executable\n127  PROGRAM is not found\nelse PROGRAM's",
    .examples =
        "ctrtool reset_cgroup -c . -p demo -- cat /proc/self/cgroup\n"
        "ctrtool reset_cgroup -c pids -r -n -p worker -- make",
    .order = Order::Stop,
    .failure_status = kExitUsage,
};

int run_reset_cgroup(const Words& argv) {
  return run_applet(kResetCgroupManual, argv, reset_cgroup);
}

}  // namespace ctr
