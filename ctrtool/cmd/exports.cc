// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/cmd/exports.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "ctrtool/cmd/fd_spec.h"
#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/file.h"

namespace ctr {
namespace {

// Names first: unsetenv moves what is being walked.
void remove_stale(const std::string& prefix, unsigned offset) {
  std::vector<std::string> stale;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (!text.starts_with(prefix)) continue;
    const std::string_view name = text.substr(0, text.find('='));
    const Result<unsigned> number = parse_number<unsigned>(name.substr(prefix.size()));
    if (number.ok() && *number >= offset) stale.emplace_back(name);
  }
  for (const std::string& name : stale) ::unsetenv(name.c_str());
}

Result<int> move_to(UniqueFd fd, const FixedFd& fixed) {
  if (fd.raw() == fixed.number) return fd.release();
  const Result<struct stat> taken = sys::fstat(BorrowedFd(fixed.number));
  if (taken.ok() && !fixed.replace)
    return make_error(Kind::InvalidSpec, "descriptor %d is in use", fixed.number);
  TRY(sys::dup2(fd, fixed.number));
  return fixed.number;
}

}  // namespace

Result<FixedFd> parse_fixed_fd(std::string_view text) {
  FixedFd fixed{.number = -1};
  if (text.ends_with('!')) {
    fixed.replace = true;
    text.remove_suffix(1);
  }
  fixed.number = TRY(parse_number<int>(text));
  if (fixed.number <= STDERR_FILENO)
    return make_error(Kind::InvalidSpec, "%d is not a number from 3 on", fixed.number);
  return fixed;
}

Result<void> reserve(FixedFd& fixed) {
  if (fixed.replace) return {};
  if (sys::fstat(BorrowedFd(fixed.number)).ok())
    return make_error(Kind::System, "descriptor %d is in use", fixed.number);
  UniqueFd place = TRY(sys::open("/", O_PATH));
  if (place.raw() != fixed.number) TRY(sys::dup2(place, fixed.number));
  if (place.raw() == fixed.number) (void)place.release();
  TRY(sys::set_cloexec(BorrowedFd(fixed.number), true));
  fixed.replace = true;
  return {};
}

Exports::Exports(std::string_view applet, unsigned offset)
    : prefix_("CTRTOOL_" + std::string(applet)), next_(offset) {
  remove_stale(prefix_ + "_FD_", offset);
}

Result<void> Exports::add(UniqueFd fd, const Export& how) {
  int number = fd.raw();
  if (how.fixed.has_value())
    number = TRY(move_to(std::move(fd), *how.fixed));
  else
    number = fd.release();
  TRY(set_inheritable(BorrowedFd(number), true));
  set(strf("%d", number), how);
  return {};
}

void forget_descriptors(const std::vector<int>& kept) {
  std::vector<std::string> gone;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string_view name = text.substr(0, text.find('='));
    const bool ours = name.starts_with("CTRTOOL_") || name == "CONTAINER_LAUNCHER_UNIX_FD";
    if (!ours || (name.find("_FD") == name.npos && !name.ends_with("_NS"))) continue;
    const Result<int> number = parse_number<int>(text.substr(name.size() + 1));
    if (!number.ok() || std::ranges::find(kept, *number) == kept.end()) gone.emplace_back(name);
  }
  for (const std::string& name : gone) ::unsetenv(name.c_str());
}

void Exports::withhold() { set("-1", {}); }

void Exports::set(const std::string& value, const Export& how) {
  ::setenv(strf("%s_FD_%u", prefix_.c_str(), next_++).c_str(), value.c_str(), 1);
  if (!how.variable.empty()) ::setenv(how.variable.c_str(), value.c_str(), 1);
}

void Exports::finish() const {
  ::setenv((prefix_ + "_COUNT").c_str(), strf("%u", next_).c_str(), 1);
}

}  // namespace ctr
