// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/cgroup_dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/file.h"

namespace ctr {
namespace {

constexpr const char* kMadeMark = "user.ocictr.parent";

std::int64_t now_us() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1000000 + now.tv_nsec / 1000;
}

void sleep_us(std::int64_t us) {
  const timespec time{us / 1000000, (us % 1000000) * 1000};
  ::nanosleep(&time, nullptr);
}

// A threaded v2 cgroup has no list of processes, only one of threads; signals and "is anybody
// there" take either.
Result<std::string> read_process_list(const std::string& dir) {
  Result<std::string> list = sys::read_file_at(kCwd, dir + "/cgroup.procs");
  if (!list.ok() && list.error().code == EOPNOTSUPP)
    return sys::read_file_at(kCwd, dir + "/cgroup.threads");
  return list;
}

bool has(const std::vector<std::string>& list, const std::string& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

// Together, and if the kernel refuses (one of them is in use on v1, or a process sits in `dir`),
// each for itself.
void enable_in(const std::string& dir, const std::vector<std::string>& controllers) {
  const std::string file = dir + "/cgroup.subtree_control";
  std::string all;
  for (const std::string& controller : controllers) all += "+" + controller + " ";
  if (controllers.empty() || sys::write_file_at(kCwd, file, all).ok()) return;
  for (const std::string& controller : controllers)
    static_cast<void>(sys::write_file_at(kCwd, file, "+" + controller));
}

Result<std::vector<std::string>> offered_but_not_passed_on(const std::string& dir,
                                                           const std::vector<std::string>& wanted) {
  const std::vector<std::string> offered = TRY(cgroup_controllers(dir));
  const std::vector<std::string> passed = TRY(cgroup_controllers(dir, "cgroup.subtree_control"));
  std::vector<std::string> missing;
  for (const std::string& controller : wanted)
    if (has(offered, controller) && !has(passed, controller)) missing.push_back(controller);
  return missing;
}

}  // namespace

std::vector<std::string> cgroup_steps(const std::string& path) {
  std::vector<std::string> steps;
  for (std::size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1))
    steps.push_back(path.substr(0, at));
  steps.push_back(path);
  return steps;
}

bool is_gone(const Error& error) { return error.code == ENOENT || error.code == ENODEV; }

Result<std::vector<std::string>> child_cgroups(const std::string& dir) {
  std::vector<std::string> children;
  const Result<UniqueFd> opened = sys::open(dir, O_PATH | O_DIRECTORY);
  if (!opened.ok() && is_gone(opened.error())) return children;
  if (!opened.ok()) return opened.error();
  const Result<std::vector<sys::DirEntry>> entries = sys::list_dir(*opened);
  if (!entries.ok() && is_gone(entries.error())) return children;
  if (!entries.ok()) return entries.error();
  for (const sys::DirEntry& entry : *entries)
    if (entry.type == DT_DIR) children.push_back(dir + "/" + entry.name);
  return children;
}

Result<std::vector<std::string>> cgroup_tree(const std::string& dir) {
  std::vector<std::string> tree{dir};
  for (std::size_t i = 0; i < tree.size(); ++i) {
    std::vector<std::string> children = TRY(child_cgroups(tree[i]));
    std::move(children.begin(), children.end(), std::back_inserter(tree));
  }
  return tree;
}

Result<void> remove_cgroup(const std::string& dir) {
  Result<void> removed = sys::unlinkat(kCwd, dir, AT_REMOVEDIR);
  if (!removed.ok() && is_gone(removed.error())) return {};
  return removed;
}

void mark_made_parent(const std::string& dir) {
  // Without a mark it may be left over, empty; no reason to fail.
  static_cast<void>(sys::setxattr(dir, kMadeMark, "1"));
}

Result<bool> is_made_parent(const std::string& dir) {
  const std::optional<std::string> mark = TRY(sys::getxattr(dir, kMadeMark));
  return mark.has_value();
}

Result<std::string> read_cgroup_file(const std::string& dir, const char* file) {
  const Result<std::string> text = sys::read_file_at(kCwd, dir + "/" + file);
  if (!text.ok() && is_gone(text.error())) return std::string();
  if (!text.ok()) return text.error();
  return std::string(trim(*text));
}

std::string_view value_of_key(std::string_view text, std::string_view key) {
  for (const std::string_view line : split(text, '\n'))
    if (line.size() > key.size() && line.starts_with(key) &&
        (line[key.size()] == ' ' || line[key.size()] == '\t'))
      return trim(line.substr(key.size() + 1));
  return {};
}

Result<std::vector<pid_t>> processes_in(const std::string& dir) {
  std::vector<pid_t> pids;
  const Result<std::string> list = read_process_list(dir);
  if (!list.ok() && is_gone(list.error())) return pids;
  if (!list.ok()) return list.error();
  for (const std::string_view line : split(*list, '\n')) {
    if (line.empty()) continue;
    const pid_t pid = TRY_CTX(parse_number<pid_t>(line), "%s/cgroup.procs", dir.c_str());
    if (pid > 0) pids.push_back(pid);
  }
  return pids;
}

Result<std::vector<std::string>> cgroup_controllers(const std::string& dir, const char* file) {
  const std::string text = TRY(read_cgroup_file(dir, file));
  std::vector<std::string> controllers;
  for (const std::string_view word : split(text, ' '))
    if (!word.empty()) controllers.emplace_back(word);
  return controllers;
}

// Usually the last level has them all, and one look is enough. Each level can pass on only what the
// level above it does.
Result<void> enable_controllers(const std::string& mountpoint, const std::string& path,
                                const std::vector<std::string>& wanted) {
  const std::vector<std::string> present = TRY(cgroup_controllers(mountpoint + path));
  const auto is_present = [&](const std::string& c) { return has(present, c); };
  if (std::all_of(wanted.begin(), wanted.end(), is_present)) return {};
  std::string dir = mountpoint;
  for (const std::string& step : cgroup_steps(path)) {
    TRY(pass_on(dir, wanted));
    dir = mountpoint + step;
  }
  return {};
}

Result<void> pass_on(const std::string& dir, const std::vector<std::string>& wanted) {
  const std::vector<std::string> missing = TRY(offered_but_not_passed_on(dir, wanted));
  enable_in(dir, missing);
  return {};
}

Backoff::Backoff(int limit_ms, int longest_ms)
    : deadline_us_(now_us() + std::int64_t{limit_ms} * 1000),
      longest_us_(std::int64_t{longest_ms} * 1000) {}

bool Backoff::wait() {
  const std::int64_t left = deadline_us_ - now_us();
  if (left <= 0) return false;
  sleep_us(std::min(next_us_, left));
  next_us_ = std::min(next_us_ * 2, longest_us_);
  return true;
}

int Backoff::remaining_ms() const {
  return static_cast<int>(std::max<std::int64_t>(deadline_us_ - now_us(), 0) / 1000);
}

}  // namespace ctr
