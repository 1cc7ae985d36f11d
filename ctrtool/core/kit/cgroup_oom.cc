// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/cgroup_oom.h"

#include <fcntl.h>

#include <algorithm>
#include <array>

#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/cgroup_dir.h"
#include "ctrtool/core/sys/file.h"

namespace ctr {
namespace {

const Cgroup::Place* memory_place(const Cgroup& cgroup) {
  for (const Cgroup::Place& place : cgroup.places()) {
    const std::vector<std::string>& list = place.hierarchy.controllers;
    if (std::find(list.begin(), list.end(), "memory") != list.end()) return &place;
  }
  return nullptr;
}

// The event that fires when `file` of the cgroup does.
Result<UniqueFd> register_event(const std::string& dir, BorrowedFd file) {
  UniqueFd event = TRY(sys::eventfd());
  const std::string line = strf("%d %d", event.raw(), file.raw());
  TRY(sys::write_file_at(kCwd, dir + "/cgroup.event_control", line));
  return event;
}

}  // namespace

Result<OomWatch> OomWatch::open(const Cgroup& cgroup) {
  const Cgroup::Place* const place = memory_place(cgroup);
  if (place == nullptr) return make_error(Kind::Unsupported, "the cgroup has no memory controller");
  const bool v2 = place->hierarchy.version == CgroupVersion::V2;
  const std::string path = place->dir + (v2 ? "/memory.events" : "/memory.oom_control");
  UniqueFd file = TRY(sys::openat(kCwd, path, O_RDONLY));
  UniqueFd event;
  if (!v2) event = TRY(register_event(place->dir, file));
  OomWatch watch(std::move(file), std::move(event));
  watch.seen_ = watch.kills();
  return watch;
}

pollfd OomWatch::wanted() const {
  return event_.valid() ? pollfd{event_.raw(), POLLIN, 0} : pollfd{file_.raw(), POLLPRI, 0};
}

// A removed cgroup has no numbers any more, and kills nobody.
std::uint64_t OomWatch::kills() const {
  std::array<char, 1024> text{};
  const Result<std::size_t> size = sys::pread(file_, text.data(), text.size(), 0);
  if (!size.ok()) return seen_;
  const std::string_view value = value_of_key({text.data(), *size}, "oom_kill");
  const Result<std::uint64_t> number = parse_number<std::uint64_t>(value);
  return number.ok() ? std::max(*number, seen_) : seen_;
}

std::uint64_t OomWatch::take() {
  std::uint64_t ignored = 0;
  if (event_.valid()) static_cast<void>(sys::read(event_, &ignored, sizeof ignored));
  const std::uint64_t before = seen_;
  seen_ = kills();
  return seen_ - before;
}

}  // namespace ctr
