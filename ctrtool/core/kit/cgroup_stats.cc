// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/cgroup_stats.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/cgroup_dir.h"
#include "ctrtool/core/kit/number_list.h"
#include "ctrtool/core/sys/file.h"

namespace ctr {
namespace {

std::uint64_t to_number(std::string_view text) {
  if (text == "max") return kUnlimited;
  const Result<std::uint64_t> value = parse_number<std::uint64_t>(text);
  return value.ok() ? *value : 0;
}

// One cgroup directory, or none, in which any file may be missing or (PSI switched off) unreadable.
class Reader {
 public:
  explicit Reader(const std::string* dir) : dir_(dir) {}

  std::string text(const std::string& file) {
    if (dir_ == nullptr) return {};
    Result<std::string> text = read_cgroup_file(*dir_, file.c_str());
    return text.ok() ? std::move(*text) : std::string();
  }
  std::uint64_t number(const std::string& file) { return to_number(text(file)); }
  std::vector<std::uint64_t> numbers(const std::string& file) {
    std::vector<std::uint64_t> list;
    const std::string line = text(file);
    for (const std::string_view word : split(line, ' '))
      if (!word.empty()) list.push_back(to_number(word));
    return list;
  }

 private:
  const std::string* dir_;
};

const Cgroup::Place* place_of(const Cgroup& cgroup, std::string_view controller) {
  for (const Cgroup::Place& place : cgroup.places()) {
    const std::vector<std::string>& list = place.hierarchy.controllers;
    if (std::find(list.begin(), list.end(), controller) != list.end()) return &place;
  }
  return nullptr;
}

bool is_v2(const Cgroup::Place* place) {
  return place != nullptr && place->hierarchy.version == CgroupVersion::V2;
}

Reader reader_of(const Cgroup::Place* place) {
  return Reader(place == nullptr ? nullptr : &place->dir);
}

std::uint64_t key(std::string_view text, std::string_view name) {
  return to_number(value_of_key(text, name));
}

// --- cpu -----------------------------------------------------------------------------------------

CpuStats cpu_v2(Reader& cpu) {
  constexpr std::uint64_t kNanosecondsInOne = 1000;
  const std::string stat = cpu.text("cpu.stat");
  CpuStats stats;
  stats.total = key(stat, "usage_usec") * kNanosecondsInOne;
  stats.user = key(stat, "user_usec") * kNanosecondsInOne;
  stats.kernel = key(stat, "system_usec") * kNanosecondsInOne;
  stats.periods = key(stat, "nr_periods");
  stats.throttled_periods = key(stat, "nr_throttled");
  stats.throttled_time = key(stat, "throttled_usec") * kNanosecondsInOne;
  stats.pressure = parse_pressure(cpu.text("cpu.pressure"));
  return stats;
}

CpuStats cpu_v1(Reader cpu, Reader cpuacct) {
  const std::string stat = cpu.text("cpu.stat");
  CpuStats stats;
  stats.total = cpuacct.number("cpuacct.usage");
  stats.user = cpuacct.number("cpuacct.usage_user");
  stats.kernel = cpuacct.number("cpuacct.usage_sys");
  stats.percpu = cpuacct.numbers("cpuacct.usage_percpu");
  stats.percpu_user = cpuacct.numbers("cpuacct.usage_percpu_user");
  stats.percpu_kernel = cpuacct.numbers("cpuacct.usage_percpu_sys");
  stats.periods = key(stat, "nr_periods");
  stats.throttled_periods = key(stat, "nr_throttled");
  stats.throttled_time = key(stat, "throttled_time");
  return stats;
}

// --- memory --------------------------------------------------------------------------------------

std::map<std::string, std::uint64_t> flat_keyed(std::string_view text) {
  std::map<std::string, std::uint64_t> values;
  for (const std::string_view line : split(text, '\n')) {
    const std::size_t blank = line.find(' ');
    if (blank != std::string_view::npos)
      values[std::string(line.substr(0, blank))] = to_number(line.substr(blank + 1));
  }
  return values;
}

std::uint64_t value_or_zero(const std::map<std::string, std::uint64_t>& values, const char* name) {
  const auto found = values.find(name);
  return found == values.end() ? 0 : found->second;
}

MemoryUse memory_use_v1(Reader& memory, const std::string& prefix) {
  return {memory.number(prefix + ".limit_in_bytes"), memory.number(prefix + ".usage_in_bytes"),
          memory.number(prefix + ".max_usage_in_bytes"), memory.number(prefix + ".failcnt")};
}

MemoryStats memory_v1(Reader memory) {
  MemoryStats stats;
  stats.usage = memory_use_v1(memory, "memory");
  stats.swap = memory_use_v1(memory, "memory.memsw");
  stats.kernel = memory_use_v1(memory, "memory.kmem");
  stats.kernel_tcp = memory_use_v1(memory, "memory.kmem.tcp");
  stats.raw = flat_keyed(memory.text("memory.stat"));
  stats.cache = value_or_zero(stats.raw, "cache");
  stats.oom_kills = key(memory.text("memory.oom_control"), "oom_kill");
  return stats;
}

// v2 counts swap alone.
MemoryUse with_swap(const MemoryUse& memory, Reader& reader) {
  const std::uint64_t limit = reader.number("memory.swap.max");
  MemoryUse both;
  both.usage = memory.usage + reader.number("memory.swap.current");
  both.limit =
      limit == kUnlimited || memory.limit == kUnlimited ? kUnlimited : memory.limit + limit;
  both.failcnt = key(reader.text("memory.swap.events"), "fail");
  return both;
}

MemoryStats memory_v2(Reader memory) {
  const std::string events = memory.text("memory.events");
  MemoryStats stats;
  stats.usage = {memory.number("memory.max"), memory.number("memory.current"),
                 memory.number("memory.peak"), key(events, "max")};
  stats.swap = with_swap(stats.usage, memory);
  stats.raw = flat_keyed(memory.text("memory.stat"));
  stats.cache = value_or_zero(stats.raw, "file");
  stats.kernel.usage = value_or_zero(stats.raw, "kernel");
  stats.kernel_tcp.usage = value_or_zero(stats.raw, "sock");
  stats.oom_kills = key(events, "oom_kill");
  stats.pressure = parse_pressure(memory.text("memory.pressure"));
  return stats;
}

// --- the others ----------------------------------------------------------------------------------

CpusetStats cpuset_stats(Reader cpuset, bool v2) {
  CpusetStats stats;
  stats.cpus = parse_cpu_list(cpuset.text(v2 ? "cpuset.cpus.effective" : "cpuset.cpus"));
  stats.mems = parse_cpu_list(cpuset.text(v2 ? "cpuset.mems.effective" : "cpuset.mems"));
  if (v2) return stats;
  for (const char* flag : {"cpu_exclusive", "mem_hardwall", "mem_exclusive", "memory_migrate",
                           "memory_spread_page", "memory_spread_slab", "memory_pressure",
                           "sched_load_balance", "sched_relax_domain_level"}) {
    const std::string text = cpuset.text(strf("cpuset.%s", flag));
    const Result<std::int64_t> value = parse_number<std::int64_t>(text);
    if (value.ok()) stats.flags[flag] = *value;
  }
  return stats;
}

// Which file has the numbers depends on the I/O scheduler: CFQ (before Linux 5.0), BFQ, or none,
// where only throttling counts.
std::vector<BlockIoEntry> blkio_v1(Reader& blkio, const char* what) {
  for (const char* prefix : {"blkio.", "blkio.bfq.", "blkio.throttle."}) {
    std::vector<BlockIoEntry> entries =
        parse_blkio(blkio.text(std::string(prefix) + what + "_recursive"));
    if (!entries.empty()) return entries;
  }
  return {};
}

BlockIoStats block_io_v1(Reader blkio) {
  BlockIoStats stats;
  stats.service_bytes = blkio_v1(blkio, "io_service_bytes");
  stats.serviced = blkio_v1(blkio, "io_serviced");
  stats.queued = blkio_v1(blkio, "io_queued");
  stats.service_time = blkio_v1(blkio, "io_service_time");
  stats.wait_time = blkio_v1(blkio, "io_wait_time");
  stats.merged = blkio_v1(blkio, "io_merged");
  stats.time = blkio_v1(blkio, "time");
  stats.sectors = blkio_v1(blkio, "sectors");
  return stats;
}

BlockIoStats block_io_v2(Reader io) {
  const std::string text = io.text("io.stat");
  BlockIoStats stats;
  stats.service_bytes = parse_io_stat(text, "rbytes", "wbytes");
  stats.serviced = parse_io_stat(text, "rios", "wios");
  stats.pressure = parse_pressure(io.text("io.pressure"));
  return stats;
}

// "hugepages-2048kB" → "2MB", the kernel's name of the size in file names.
std::string page_size_name(std::string_view directory) {
  constexpr std::string_view kPrefix = "hugepages-";
  constexpr std::string_view kUnit = "kB";
  if (!directory.starts_with(kPrefix) || !directory.ends_with(kUnit)) return {};
  directory.remove_prefix(kPrefix.size());
  directory.remove_suffix(kUnit.size());
  std::uint64_t size = to_number(directory);
  std::size_t unit = 0;
  for (; size >= 1024 && unit < 2; ++unit) size /= 1024;
  return std::to_string(size) + "KMG"[unit] + "B";
}

std::vector<std::string> page_sizes() {
  std::vector<std::string> sizes;
  const Result<std::vector<std::string>> directories = child_cgroups("/sys/kernel/mm/hugepages");
  if (!directories.ok()) return sizes;
  for (const std::string& directory : *directories) {
    std::string size = page_size_name(directory.substr(directory.rfind('/') + 1));
    if (!size.empty()) sizes.push_back(std::move(size));
  }
  return sizes;
}

// By reservation where the kernel has it (Linux 5.7), else by use.
HugetlbStats hugetlb_stats(Reader& hugetlb, const std::string& size, bool v2) {
  const std::string prefix = "hugetlb." + size;
  const char* usage = v2 ? ".current" : ".usage_in_bytes";
  std::string text = hugetlb.text(prefix + ".rsvd" + usage);
  const std::string used = text.empty() ? prefix : prefix + ".rsvd";
  if (text.empty()) text = hugetlb.text(prefix + usage);
  if (v2) return {to_number(text), 0, key(hugetlb.text(prefix + ".events"), "max")};
  return {to_number(text), hugetlb.number(used + ".max_usage_in_bytes"),
          hugetlb.number(used + ".failcnt")};
}

PressureLine parse_pressure_line(std::string_view line) {
  PressureLine pressure;
  const std::pair<std::string_view, double*> averages[] = {
      {"avg10", &pressure.avg10}, {"avg60", &pressure.avg60}, {"avg300", &pressure.avg300}};
  for (const std::string_view word : split(line, ' ')) {
    const std::size_t equals = word.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view value = word.substr(equals + 1);
    for (const auto& [name, to] : averages)
      if (word.substr(0, equals) == name)
        std::from_chars(value.data(), value.data() + value.size(), *to);
    if (word.substr(0, equals) == "total") pressure.total = to_number(value);
  }
  return pressure;
}

// "8:16" → 8, 16.
std::optional<std::pair<std::uint64_t, std::uint64_t>> parse_device(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const Result<std::uint64_t> major = parse_number<std::uint64_t>(text.substr(0, colon));
  const Result<std::uint64_t> minor = parse_number<std::uint64_t>(text.substr(colon + 1));
  if (!major.ok() || !minor.ok()) return std::nullopt;
  return std::pair(*major, *minor);
}

}  // namespace

std::optional<Pressure> parse_pressure(std::string_view text) {
  const std::string_view some = value_of_key(text, "some");
  if (some.empty()) return std::nullopt;
  return Pressure{parse_pressure_line(some), parse_pressure_line(value_of_key(text, "full"))};
}

std::vector<BlockIoEntry> parse_blkio(std::string_view text) {
  std::vector<BlockIoEntry> entries;
  for (const std::string_view line : split(text, '\n')) {
    const std::vector<std::string_view> words = split(line, ' ');
    if (words.size() < 2 || words.size() > 3) continue;
    const auto device = parse_device(words[0]);
    if (!device.has_value()) continue;
    entries.push_back({device->first, device->second,
                       words.size() == 3 ? std::string(words[1]) : std::string(),
                       to_number(words.back())});
  }
  return entries;
}

std::vector<BlockIoEntry> parse_io_stat(std::string_view text, std::string_view read_key,
                                        std::string_view write_key) {
  std::vector<BlockIoEntry> entries;
  for (const std::string_view line : split(text, '\n')) {
    const std::vector<std::string_view> words = split(line, ' ');
    const auto device = words.empty() ? std::nullopt : parse_device(words[0]);
    if (!device.has_value()) continue;
    for (const std::string_view word : words) {
      const std::string_view name = word.substr(0, word.find('='));
      if (name.size() == word.size() || (name != read_key && name != write_key)) continue;
      entries.push_back({device->first, device->second, name == read_key ? "Read" : "Write",
                         to_number(word.substr(name.size() + 1))});
    }
  }
  return entries;
}

std::vector<unsigned> parse_cpu_list(std::string_view text) {
  Result<std::vector<unsigned>> list = parse_number_list(text);
  return list.ok() ? std::move(list).value() : std::vector<unsigned>();
}

CgroupStats read_cgroup_stats(const Cgroup& cgroup) {
  CgroupStats stats;
  const Cgroup::Place* cpu = place_of(cgroup, "cpu");
  const Cgroup::Place* cpuset = place_of(cgroup, "cpuset");
  const Cgroup::Place* memory = place_of(cgroup, "memory");
  const Cgroup::Place* io = place_of(cgroup, "io");
  const Cgroup::Place* hugetlb = place_of(cgroup, "hugetlb");
  Reader cpu_reader = reader_of(cpu);
  stats.cpu =
      is_v2(cpu) ? cpu_v2(cpu_reader) : cpu_v1(cpu_reader, reader_of(place_of(cgroup, "cpuacct")));
  stats.cpuset = cpuset_stats(reader_of(cpuset), is_v2(cpuset));
  stats.memory = is_v2(memory) ? memory_v2(reader_of(memory)) : memory_v1(reader_of(memory));
  Reader pids = reader_of(place_of(cgroup, "pids"));
  stats.pids = {pids.number("pids.current"), pids.number("pids.max")};
  stats.blkio = io != nullptr ? block_io_v2(reader_of(io))
                              : block_io_v1(reader_of(place_of(cgroup, "blkio")));
  if (hugetlb == nullptr) return stats;
  Reader pages = reader_of(hugetlb);
  const char* usage = is_v2(hugetlb) ? ".current" : ".usage_in_bytes";
  for (const std::string& size : page_sizes())
    if (!pages.text("hugetlb." + size + usage).empty())
      stats.hugetlb[size] = hugetlb_stats(pages, size, is_v2(hugetlb));
  return stats;
}

}  // namespace ctr
