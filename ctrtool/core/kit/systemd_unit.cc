// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/systemd_unit.h"

#include <algorithm>
#include <bit>
#include <iterator>
#include <limits>
#include <optional>
#include <utility>

#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/number_list.h"

namespace ctr {
namespace {

constexpr std::uint64_t kInfinity = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t kSecond = 1000000;  // in microseconds
constexpr std::string_view kSlice = ".slice";
constexpr std::string_view kRootSlice = "-.slice";
constexpr std::size_t kMaxUnitName = 255;

constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool is_unit_character(char c) {
  return is_letter(c) || (c >= '0' && c <= '9') ||
         std::string_view(":_.-\\@").find(c) != std::string_view::npos;
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text)
    out += is_unit_character(c)
               ? std::string(1, c)
               : strf("\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
  return out;
}

// A dash means "inside": none may be first, last or doubled.
Result<void> check_slice(std::string_view slice) {
  const auto refuse = [&](const char* why) {
    return make_error(Kind::InvalidSpec, "slice %s: %s", quote(slice.substr(0, 300)).c_str(), why);
  };
  if (!slice.ends_with(kSlice)) return refuse("its name does not end with .slice");
  if (slice == kRootSlice) return {};
  const std::string_view stem = slice.substr(0, slice.size() - kSlice.size());
  if (slice.size() > kMaxUnitName) return refuse("its name is too long");
  if (stem.empty() || stem.front() == '-' || stem.back() == '-' ||
      stem.find("--") != std::string_view::npos)
    return refuse("a part of its name is empty");
  if (!std::all_of(stem.begin(), stem.end(), is_unit_character) ||
      stem.find('@') != std::string_view::npos)
    return refuse("no such characters in the name of a slice");
  return {};
}

Result<ScopeName> checked(ScopeName name) {
  TRY(check_slice(name.slice));
  if (name.unit.size() > kMaxUnitName)
    return make_error(Kind::InvalidSpec, "scope %s...: its name is too long",
                      quote(name.unit.substr(0, 60)).c_str());
  return name;
}

// --- limits --------------------------------------------------------------------------------------

std::uint64_t or_infinity(std::int64_t value) {
  return value < 0 ? kInfinity : static_cast<std::uint64_t>(value);
}

// Microseconds of a second. systemd counts in hundredths of a CPU; the file has the exact value.
std::uint64_t quota_per_second(std::int64_t quota, std::uint64_t period) {
  constexpr std::uint64_t kStep = 10000;
  if (quota <= 0) return kInfinity;
  const auto whole = static_cast<std::uint64_t>(quota);
  if (whole / period > kInfinity / kSecond / 2) return kInfinity;
  const std::uint64_t exact = whole / period * kSecond + whole % period * kSecond / period;
  return (exact + kStep - 1) / kStep * kStep;
}

// "0-3,9": one bit each, in bytes. Nothing when it is no list: the file's write will say so.
std::optional<DbusValue> bit_mask(std::string_view list) {
  const Result<std::vector<unsigned>> numbers = parse_number_list(list);
  if (!numbers.ok()) return std::nullopt;
  std::vector<DbusValue> bytes;
  for (const unsigned number : *numbers) {
    if (bytes.size() <= number / 8) bytes.resize(number / 8 + 1, DbusValue{"y", 0, {}, {}});
    bytes[number / 8].number |= 1U << (number % 8);
  }
  return DbusValue::array("y", std::move(bytes));
}

class PropertyList {
 public:
  explicit PropertyList(CgroupVersion version) : version_(version) {}

  bool v2() const { return version_ == CgroupVersion::V2; }

  void add(const char* name, std::uint64_t value) { list.push_back({name, DbusValue::u64(value)}); }
  void add_mask(const char* name, std::string_view numbers) {
    std::optional<DbusValue> mask = numbers.empty() ? std::nullopt : bit_mask(numbers);
    if (mask.has_value()) list.push_back({name, *std::move(mask)});
  }
  // One property has all devices.
  void add_devices(const char* name, std::vector<DbusValue> devices) {
    if (devices.empty()) return;
    const auto same = [&](const UnitProperty& property) { return property.name == name; };
    const auto before = std::find_if(list.begin(), list.end(), same);
    if (before == list.end()) {
      list.push_back({name, DbusValue::array("(st)", std::move(devices))});
    } else {
      std::move(devices.begin(), devices.end(), std::back_inserter(before->value.parts));
    }
  }

  std::vector<UnitProperty> list;

 private:
  CgroupVersion version_;
};

void add_memory(const MemoryLimits& memory, PropertyList& out) {
  const bool limited = memory.limit.value_or(0) != 0;
  if (!out.v2()) {
    if (limited) out.add("MemoryLimit", or_infinity(*memory.limit));
    return;
  }
  if (limited) out.add("MemoryMax", or_infinity(*memory.limit));
  if (memory.reservation.value_or(0) != 0) out.add("MemoryLow", or_infinity(*memory.reservation));
  if (memory.swap.value_or(0) == 0) return;
  // The specification counts memory and swap together, v2 apart.
  if (*memory.swap < 0) {
    out.add("MemorySwapMax", kInfinity);
  } else if (limited && *memory.limit > 0 && *memory.swap >= *memory.limit) {
    out.add("MemorySwapMax", static_cast<std::uint64_t>(*memory.swap - *memory.limit));
  }
}

// What is idle has no weight to systemd; what is no longer has it again.
void add_cpu_weight(const CpuLimits& cpu, PropertyList& out) {
  const bool idle = cpu.idle.value_or(0) != 0;
  if (!out.v2()) {
    if (cpu.shares.value_or(0) != 0) out.add("CPUShares", *cpu.shares);
  } else if (idle) {
    out.add("CPUWeight", 0);
  } else if (cpu.shares.value_or(0) != 0) {
    out.add("CPUWeight", cpu_weight_from_shares(*cpu.shares));
  } else if (cpu.idle.has_value()) {
    out.add("CPUWeight", kInfinity);  // the usual one
  }
}

void add_cpu(const CpuLimits& cpu, PropertyList& out) {
  constexpr std::uint64_t kUsualPeriod = 100000;
  add_cpu_weight(cpu, out);
  const bool has_period = cpu.period.value_or(0) != 0;
  if (has_period) out.add("CPUQuotaPeriodUSec", *cpu.period);
  if (cpu.quota.value_or(0) != 0)
    out.add("CPUQuotaPerSecUSec",
            quota_per_second(*cpu.quota, has_period ? *cpu.period : kUsualPeriod));
  if (!out.v2()) return;
  out.add_mask("AllowedCPUs", cpu.cpus);
  out.add_mask("AllowedMemoryNodes", cpu.mems);
}

DbusValue of_device(std::string_view device, std::uint64_t value) {
  return DbusValue::structure(
      {DbusValue::string("/dev/block/" + std::string(device)), DbusValue::u64(value)});
}

DbusValue of_device(std::uint32_t major, std::uint32_t minor, std::uint64_t value) {
  return of_device(strf("%u:%u", major, minor), value);
}

std::vector<DbusValue> throttle_list(const std::vector<ThrottleDevice>& devices) {
  std::vector<DbusValue> out;
  for (const ThrottleDevice& one : devices)
    out.push_back(of_device(one.major, one.minor, one.rate == 0 ? kInfinity : one.rate));
  return out;
}

void add_block_io(const BlockIoLimits& io, PropertyList& out) {
  const bool v2 = out.v2();
  const auto weight_of = [&](std::uint64_t weight) {
    return v2 ? io_weight_from_blkio(weight) : weight;
  };
  if (const unsigned weight = io.weight.value_or(0); weight != 0)
    out.add(v2 ? "IOWeight" : "BlockIOWeight", weight_of(weight));
  std::vector<DbusValue> weights;
  for (const WeightDevice& one : io.weightDevice)
    if (one.weight.value_or(0) != 0)
      weights.push_back(of_device(one.major, one.minor, weight_of(*one.weight)));
  out.add_devices(v2 ? "IODeviceWeight" : "BlockIODeviceWeight", std::move(weights));
  out.add_devices(v2 ? "IOReadBandwidthMax" : "BlockIOReadBandwidth",
                  throttle_list(io.throttleReadBpsDevice));
  out.add_devices(v2 ? "IOWriteBandwidthMax" : "BlockIOWriteBandwidth",
                  throttle_list(io.throttleWriteBpsDevice));
  if (!v2) return;  // where systemd does not count operations
  out.add_devices("IOReadIOPSMax", throttle_list(io.throttleReadIOPSDevice));
  out.add_devices("IOWriteIOPSMax", throttle_list(io.throttleWriteIOPSDevice));
}

// "/dev/char/1:3", "char-136" for all of a major number, "char-*" for all. There is no word for
// one minor number of all majors.
std::string device_word(const DeviceRule& rule) {
  const char* const kind = rule.kind == DeviceKind::Block ? "block" : "char";
  if (rule.major.has_value() && rule.minor.has_value())
    return strf("/dev/%s/%u:%u", kind, *rule.major, *rule.minor);
  if (rule.minor.has_value()) return {};
  return rule.major.has_value() ? strf("%s-%u", kind, *rule.major) : strf("%s-*", kind);
}

// On v1 systemd writes the devices' files anew with every change of the unit, and without these
// properties allows all. On v2 it has a program of its own, beside ours.
void add_devices(const std::vector<DeviceRule>& rules, PropertyList& out) {
  const Result<DevicePolicy> policy = device_policy(rules);
  if (!policy.ok() || policy->allow) return;
  std::vector<DbusValue> allowed;
  for (const DeviceRule& rule : policy->exceptions)
    if (const std::string word = device_word(rule); !word.empty())
      allowed.push_back(DbusValue::structure(
          {DbusValue::string(word), DbusValue::string(format_device_access(rule.access))}));
  out.list.push_back({"DevicePolicy", DbusValue::string("strict")});
  out.list.push_back({"DeviceAllow", DbusValue::array("(ss)", std::move(allowed))});
}

struct UnifiedFile {
  std::string_view file;
  const char* property;
};
constexpr UnifiedFile kUnifiedNumbers[] = {
    {"cpu.weight", "CPUWeight"}, {"memory.high", "MemoryHigh"},
    {"memory.low", "MemoryLow"}, {"memory.max", "MemoryMax"},
    {"memory.min", "MemoryMin"}, {"memory.swap.max", "MemorySwapMax"},
    {"pids.max", "TasksMax"},
};

// "100", "default 100" or "8:0 100".
void add_unified_io_weight(std::string_view line, PropertyList& out) {
  const std::size_t blank = line.rfind(' ');
  const std::string_view device =
      blank == std::string_view::npos ? "" : trim(line.substr(0, blank));
  const Result<std::uint64_t> weight =
      parse_number<std::uint64_t>(blank == std::string_view::npos ? line : line.substr(blank + 1));
  if (!weight.ok()) return;
  if (device.empty() || device == "default") {
    out.add("IOWeight", *weight);
  } else {
    out.add_devices("IODeviceWeight", {of_device(device, *weight)});
  }
}

void add_unified(const std::map<std::string, std::string>& unified, PropertyList& out) {
  for (const auto& [file, text] : unified) {
    const std::string_view value = trim(text);
    if (file == "cpuset.cpus") out.add_mask("AllowedCPUs", value);
    if (file == "cpuset.mems") out.add_mask("AllowedMemoryNodes", value);
    if (file == "io.weight")
      for (const std::string_view line : split(value, '\n')) add_unified_io_weight(line, out);
    if (file == "cpu.idle" && value == "1") out.add("CPUWeight", 0);
    for (const UnifiedFile& entry : kUnifiedNumbers) {
      if (entry.file != file) continue;
      const Result<std::uint64_t> number = parse_number<std::uint64_t>(value);
      if (number.ok() || value == "max") out.add(entry.property, number.ok() ? *number : kInfinity);
    }
  }
}

// --- properties of annotations -------------------------------------------------------------------

// The number of seconds that `value` says, in microseconds.
std::optional<std::uint64_t> in_microseconds(const DbusValue& value) {
  const char type = value.type.front();
  if (type == 'd') {
    const double seconds = std::bit_cast<double>(value.number);
    if (!(seconds >= 0) || seconds > 1e12) return std::nullopt;
    return static_cast<std::uint64_t>(seconds * static_cast<double>(kSecond));
  }
  const bool is_signed = type == 'n' || type == 'i' || type == 'x';
  if (!is_signed && type != 'y' && type != 'q' && type != 'u' && type != 't') return std::nullopt;
  if (is_signed && static_cast<std::int64_t>(value.number) < 0) return std::nullopt;
  if (value.number > kInfinity / kSecond) return std::nullopt;
  return value.number * kSecond;
}

Result<void> check_property_name(std::string_view name) {
  if (name.size() < 3 || !std::all_of(name.begin(), name.end(), is_letter))
    return make_error(Kind::InvalidSpec, "%s is not the name of a property",
                      quote(name.substr(0, 100)).c_str());
  // These say where the container is: cgroupsPath does.
  if (name == "PIDs" || name == "Slice")
    return make_error(Kind::InvalidSpec, "%s cannot be set so", std::string(name).c_str());
  return {};
}

}  // namespace

Result<ScopeName> parse_scope_name(std::string_view cgroups_path, std::string_view id,
                                   SystemdInstance instance) {
  const char* const usual = instance == SystemdInstance::User ? "user.slice" : "system.slice";
  if (cgroups_path.empty()) return checked({usual, "ocictr-" + escaped(id) + ".scope"});
  const std::vector<std::string_view> words = split(cgroups_path, ':');
  if (words.size() != 3 || words[2].empty())
    return make_error(Kind::InvalidSpec, "%s: with the systemd driver it is \"slice:prefix:name\"",
                      quote(cgroups_path.substr(0, 300)).c_str());
  if (is_slice(words[2])) {
    TRY(check_slice(words[2]));
    if (words[2] == kRootSlice)
      return make_error(Kind::InvalidSpec, "the root slice is not for a container");
    if (!words[0].empty()) TRY(check_slice(words[0]));
    return ScopeName{std::string(words[0]), std::string(words[2])};
  }
  std::string unit = words[1].empty() ? "" : escaped(words[1]) + "-";
  unit += escaped(words[2]) + ".scope";
  return checked({words[0].empty() ? std::string(usual) : std::string(words[0]), std::move(unit)});
}

bool is_slice(std::string_view unit) { return unit.ends_with(kSlice); }

std::string unit_path(const ScopeName& name) {
  return is_slice(name.unit) ? slice_path(name.unit) : slice_path(name.slice) + "/" + name.unit;
}

std::string unit_cgroup(std::string_view path, std::string_view unit) {
  const std::string name = "/" + std::string(unit);
  const std::size_t at = (std::string(path) + "/").find(name + "/");
  return std::string(at == std::string::npos ? path : path.substr(0, at + name.size()));
}

std::string slice_path(std::string_view slice) {
  if (slice == kRootSlice) return "";
  std::string path;
  for (std::size_t dash = slice.find('-'); dash != std::string_view::npos;
       dash = slice.find('-', dash + 1))
    path += "/" + std::string(slice.substr(0, dash)) + std::string(kSlice);
  return path + "/" + std::string(slice);
}

std::vector<UnitProperty> scope_properties(const ScopeName& name, const std::string& description) {
  const DbusValue yes = DbusValue::boolean(true);
  std::vector<UnitProperty> out{{"Description", DbusValue::string(description)}};
  if (!is_slice(name.unit)) {
    out.push_back({"Slice", DbusValue::string(name.slice)});
    // What is below the scope is the container's, and ours: systemd keeps its hands off.
    out.push_back({"Delegate", yes});
  } else if (!name.slice.empty()) {
    // A slice's own name says what it is inside of.
    out.push_back({"Wants", DbusValue::array("s", {DbusValue::string(name.slice)})});
  }
  for (const char* accounting :
       {"MemoryAccounting", "CPUAccounting", "IOAccounting", "TasksAccounting"})
    out.push_back({accounting, yes});
  out.push_back({"DefaultDependencies", DbusValue::boolean(false)});
  // A unit that failed (out of memory, say) does not stay to block its name.
  out.push_back({"CollectMode", DbusValue::string("inactive-or-failed")});
  return out;
}

std::vector<UnitProperty> limit_properties(const CgroupResources& resources,
                                           CgroupVersion version) {
  PropertyList out(version);
  add_memory(resources.memory, out);
  add_cpu(resources.cpu, out);
  // systemd has no 0; the file says it.
  if (resources.pids_limit.has_value())
    out.add("TasksMax", std::max<std::uint64_t>(or_infinity(*resources.pids_limit), 1));
  add_block_io(resources.blockIO, out);
  if (out.v2()) add_unified(resources.unified, out);
  if (!out.v2() && resources.devices.has_value()) add_devices(*resources.devices, out);
  return std::move(out.list);
}

Result<UnitProperty> parse_unit_property(std::string_view name, std::string_view text) {
  TRY(check_property_name(name));
  DbusValue value = TRY(parse_dbus_text(text));
  UnitProperty property{std::string(name), std::move(value)};
  if (!name.ends_with("Sec") || name.ends_with("USec")) return property;
  const std::optional<std::uint64_t> time = in_microseconds(property.value);
  if (!time.has_value())
    return make_error(Kind::InvalidSpec, "%s is not a number of seconds",
                      quote(text.substr(0, 100)).c_str());
  property.name.replace(property.name.size() - 3, 3, "USec");
  property.value = DbusValue::u64(*time);
  return property;
}

void merge_properties(std::vector<UnitProperty>& into, std::vector<UnitProperty> more) {
  for (UnitProperty& property : more) {
    std::erase_if(into, [&](const UnitProperty& one) { return one.name == property.name; });
    into.push_back(std::move(property));
  }
}

}  // namespace ctr
