// SPDX-License-Identifier: Apache-2.0
// Setting limits: carries out what cgroup_writes() has planned.
#include <algorithm>
#include <cerrno>
#include <functional>
#include <utility>

#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/rollback.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/cgroup.h"
#include "ctrtool/core/kit/cgroup_dir.h"
#include "ctrtool/core/sys/file.h"

namespace ctr {
namespace {

bool is_refusal(const Error& error) { return error.code == EPERM || error.code == EACCES; }

// Opens a file for each write, but once for a run of writes to the same: device rules are many.
class Files {
 public:
  Result<BorrowedFd> open(const std::string& path) {
    if (path != path_ || !fd_.valid()) {
      fd_.reset();
      fd_ = TRY(sys::open(path, O_WRONLY));
      path_ = path;
    }
    return fd_.borrow();
  }

 private:
  std::string path_;
  UniqueFd fd_;
};

// The old value in the form in which the file takes it back: the whole of a file with one value,
// the device's own line of one with a line for each; a device that had none gets "no limit".
std::string old_value(const std::string& old_text, const CgroupWrite& write) {
  const std::size_t colon = write.value.find(':');
  const std::size_t blank = write.value.find(' ');
  const bool per_device = colon != std::string::npos && blank != std::string::npos && colon < blank;
  if (!per_device) return old_text;
  const std::string device = write.value.substr(0, blank);
  const std::string_view line = value_of_key(old_text, device);
  if (!line.empty()) return device + " " + std::string(line);
  const std::size_t equals = write.value.find('=');
  return equals == std::string::npos ? device + " 0" : write.value.substr(0, equals) + "=max";
}

class Applier {
 public:
  Applier(const std::vector<Cgroup::Place>& places, CgroupStage stage)
      : places_(places), stage_(stage) {}

  // The writes of one controller are together; those that have to wait are done at its end.
  Result<void> run(const std::vector<CgroupWrite>& writes, bool devices_if_permitted) {
    std::vector<const CgroupWrite*> later;
    const std::string* controller = nullptr;
    for (const CgroupWrite& write : writes) {
      if (controller != nullptr && *controller != write.controller) TRY(finish(later));
      controller = &write.controller;
      Result<void> done = perform(write);
      if (done.ok()) continue;
      if (devices_if_permitted && write.controller == "devices" && is_refusal(done.error()))
        continue;
      if (write.failure != WriteFailure::Later || done.error().code != EINVAL) return done;
      later.push_back(&write);
    }
    return finish(later);
  }

  void keep() { undo_.release(); }

 private:
  Result<void> finish(std::vector<const CgroupWrite*>& later) {
    for (const CgroupWrite* write : later) TRY(perform(*write));
    later.clear();
    return {};
  }

  Result<void> perform(const CgroupWrite& write) {
    const std::string& dir = places_[write.hierarchy].dir;
    Result<void> done = put(write, dir + "/" + write.file, write.value);
    if (done.ok() || done.error().code != ENOENT) {
      if (!done.ok() && write.failure == WriteFailure::IgnoreUnsupported &&
          done.error().code == EOPNOTSUPP)
        return {};
      return done;
    }
    if (!write.other_file.empty())
      return put(write, dir + "/" + write.other_file, write.other_value);
    if (write.failure == WriteFailure::IgnoreMissing ||
        write.failure == WriteFailure::IgnoreUnsupported)
      return {};
    return explain_missing(write, std::move(done).error());
  }

  Result<void> put(const CgroupWrite& write, const std::string& path, const std::string& value) {
    std::string whole = value;
    const auto fail = [&](const Error& error) {
      return sys_error(error.code, "resources%s: write %s to %s", write.pointer.c_str(),
                       quote(whole).c_str(), quote(path).c_str());
    };
    Result<BorrowedFd> file = files_.open(path);
    if (!file.ok()) return fail(file.error());
    std::string before;
    if (stage_ == CgroupStage::Update || write.after_first_word) {
      Result<std::string> text = sys::read_file_at(kCwd, path);
      if (text.ok()) before = trim(*text);
    }
    if (write.after_first_word) whole = before.substr(0, before.find(' ')) + " " + value;
    const Result<std::size_t> written = sys::write(*file, whole);
    if (!written.ok()) return explain_refusal(write, path, fail(written.error()));
    if (stage_ == CgroupStage::Update && !before.empty() && write.controller != "devices")
      undo_.add([path, old = old_value(before, write)] {
        static_cast<void>(sys::write_file_at(kCwd, path, old));
      });
    return {};
  }

  // A v2 file is missing when its controller is not at work in this cgroup.
  Error explain_missing(const CgroupWrite& write, Error error) const {
    const Cgroup::Place& place = places_[write.hierarchy];
    if (place.hierarchy.version != CgroupVersion::V2) return error;
    const Result<std::vector<std::string>> enabled = cgroup_controllers(place.dir);
    if (!enabled.ok() || write.controller == "cgroup") return error;
    if (std::find(enabled->begin(), enabled->end(), write.controller) != enabled->end())
      return error;
    return make_error(Kind::Unsupported, "resources%s: the %s controller cannot be enabled in %s",
                      write.pointer.c_str(), quote(write.controller).c_str(),
                      quote(place.dir).c_str());
  }

  // v1: the default of a devices cgroup cannot change while it has children, such as another
  // runtime's leftovers; the kernel says only EINVAL.
  Error explain_refusal(const CgroupWrite& write, const std::string& path, Error error) const {
    if (write.controller != "devices" || error.code != EINVAL) return error;
    const Result<std::vector<std::string>> children =
        child_cgroups(path.substr(0, path.rfind('/')));
    if (!children.ok() || children->empty()) return error;
    error.message += strf(" (it has a child cgroup, %s)", quote(children->front()).c_str());
    return error;
  }

  const std::vector<Cgroup::Place>& places_;
  CgroupStage stage_;
  Files files_;
  Rollback undo_;
};

// On v1 the kernel itself refuses a limit below the present use; on v2 it would kill.
Result<void> check_memory_use(const Cgroup::Place* memory, const MemoryLimits& limits) {
  const std::int64_t limit = limits.limit.value_or(0);
  if (!limits.checkBeforeUpdate || limit <= 0 || memory == nullptr) return {};
  if (memory->hierarchy.version != CgroupVersion::V2) return {};
  const std::string text = TRY(read_cgroup_file(memory->dir, "memory.current"));
  if (text.empty()) return {};
  const std::uint64_t used = TRY_CTX(parse_number<std::uint64_t>(text), "memory.current");
  if (static_cast<std::uint64_t>(limit) >= used) return {};
  return make_error(Kind::WrongState, "resources/memory/limit: %lld is below the present use, %llu",
                    static_cast<long long>(limit), static_cast<unsigned long long>(used));
}

// --- real time on v1 -----------------------------------------------------------------------------

Result<std::int64_t> realtime_of(const std::string& dir) {
  const std::string text = TRY(read_cgroup_file(dir, "cpu.rt_runtime_us"));
  if (text.empty()) return std::int64_t{0};
  return parse_number<std::int64_t>(text);
}

// What the cgroups below have together, `except` left out.
Result<std::int64_t> realtime_below(const std::string& dir, const std::string& except) {
  std::int64_t sum = 0;
  const std::vector<std::string> children = TRY(child_cgroups(dir));
  for (const std::string& child : children) {
    const std::int64_t given = TRY(realtime_of(child));
    if (child != except) sum += std::max<std::int64_t>(given, 0);
  }
  return sum;
}

// A cgroup gets real time only out of what the one above has, all children together. One that was
// made on the way to a container's has none until somebody gives it some, from the top down.
Result<void> share_realtime(const Cgroup::Place* place, const std::string& path,
                            const CpuLimits& cpu) {
  if (place == nullptr || place->hierarchy.version != CgroupVersion::V1) return {};
  if (cpu.realtimeRuntime.value_or(0) <= 0) return {};
  std::vector<std::pair<std::string, std::int64_t>> parents;  // what they need
  std::int64_t needed = *cpu.realtimeRuntime;
  const std::vector<std::string> steps = cgroup_steps(path);
  for (std::size_t i = steps.size() - 1; i > 0; --i) {
    const std::string dir = place->hierarchy.mountpoint + steps[i - 1];
    const Result<bool> made = is_made_parent(dir);
    if (!made.ok() || !*made) break;
    const std::int64_t others = TRY(realtime_below(dir, place->hierarchy.mountpoint + steps[i]));
    needed += others;
    parents.emplace_back(dir, needed);
  }
  for (auto parent = parents.rbegin(); parent != parents.rend(); ++parent) {
    const auto& [dir, runtime] = *parent;
    const std::int64_t present = TRY(realtime_of(dir));
    if (present >= runtime) continue;
    if (cpu.realtimePeriod.value_or(0) != 0 && present == 0)
      TRY_CTX(
          sys::write_file_at(kCwd, dir + "/cpu.rt_period_us",
                             strf("%llu", static_cast<unsigned long long>(*cpu.realtimePeriod))),
          "resources/cpu/realtimePeriod");
    TRY_CTX(sys::write_file_at(kCwd, dir + "/cpu.rt_runtime_us", std::to_string(runtime)),
            "resources/cpu/realtimeRuntime");
  }
  return {};
}

// The usual controllers are enabled when the cgroup is made; hugetlb, rdma and what "unified" names
// only when somebody wants them.
Result<void> enable_for(const std::vector<CgroupWrite>& writes,
                        const std::vector<Cgroup::Place>& places, const std::string& path) {
  std::vector<std::string> wanted;
  const Cgroup::Place* v2 = nullptr;
  for (const CgroupWrite& write : writes) {
    const Cgroup::Place& place = places[write.hierarchy];
    if (place.hierarchy.version != CgroupVersion::V2 || write.controller == "cgroup") continue;
    v2 = &place;
    if (std::find(wanted.begin(), wanted.end(), write.controller) == wanted.end())
      wanted.push_back(write.controller);
  }
  if (v2 == nullptr) return {};
  return enable_controllers(v2->hierarchy.mountpoint, path, wanted);
}

// In use: only what differs, so that no access is open or closed for a moment.
Result<std::vector<CgroupWrite>> v1_device_updates(const Cgroup::Place& place, std::size_t index,
                                                   const std::vector<DeviceRule>& rules) {
  const DevicePolicy policy = TRY_CTX(device_policy(rules), "resources/devices");
  const std::string list = TRY(sys::read_file_at(kCwd, place.dir + "/devices.list"));
  const std::vector<DeviceWrite> changes = TRY(device_changes(list, policy));
  std::vector<CgroupWrite> writes;
  for (const DeviceWrite& change : changes) {
    CgroupWrite write;
    write.hierarchy = index;
    write.controller = "devices";
    write.file = change.allow ? "devices.allow" : "devices.deny";
    write.value = change.text;
    write.pointer = "/devices";
    writes.push_back(std::move(write));
  }
  return writes;
}

}  // namespace

Result<void> Cgroup::apply(const CgroupResources& resources, CgroupStage stage) {
  TRY(check_memory_use(find("memory"), resources.memory));
  std::vector<CgroupWrite> writes = TRY(cgroup_writes(layout_, resources, stage));
  const Place* devices = resources.devices.has_value() ? find("devices") : nullptr;
  if (resources.devices.has_value() && devices == nullptr && !resources.devices_if_permitted)
    return make_error(Kind::Unsupported,
                      "resources/devices: the devices cgroup controller is not mounted");
  const bool v1_devices = devices != nullptr && devices->hierarchy.version == CgroupVersion::V1;
  if (v1_devices && stage == CgroupStage::Update) {
    std::vector<CgroupWrite> changes = TRY(v1_device_updates(
        *devices, static_cast<std::size_t>(devices - places_.data()), *resources.devices));
    std::move(changes.begin(), changes.end(), std::back_inserter(writes));
  }
  TRY(enable_for(writes, places_, record_.path));
  TRY(share_realtime(find("cpu"), record_.path, resources.cpu));
  Applier applier(places_, stage);
  TRY(applier.run(writes, resources.devices_if_permitted));
  if (devices != nullptr && !v1_devices) {
    Result<void> attached = attach_device_rules(v2_dir_, *resources.devices);
    if (!attached.ok() && !(resources.devices_if_permitted && is_refusal(attached.error())))
      return with_context(std::move(attached).error(), "resources/devices");
  }
  applier.keep();
  return {};
}

}  // namespace ctr
