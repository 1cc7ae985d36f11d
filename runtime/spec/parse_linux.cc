// SPDX-License-Identifier: Apache-2.0
// The "linux" section, but for resources and seccomp.
#include <net/if.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <set>

#include "ctrtool/core/base/strf.h"
#include "runtime/spec/check.h"
#include "runtime/spec/schema.h"

namespace oci {
namespace {

// A value that is left out would be a device 0:0, which is not what anybody means.
void read_devices(Reader& in, json::Value value, std::vector<Device>& out) {
  read(in, value, out);
  if (!value.is_array()) return;
  std::size_t index = 0;
  for (const json::Value element : value.elements()) {
    const Reader::Step step(in, index);
    Device& device = out[index++];
    if (device.type == DeviceType::Fifo) {
      device.major = device.minor = 0;
      continue;
    }
    if (!element.find("major")) in.missing("major");
    if (!element.find("minor")) in.missing("minor");
  }
}

// Some engines pass st_mode as it is: the bits of the file type are right, and not ours to apply.
void read_file_mode(Reader& in, json::Value value, std::optional<std::uint32_t>& out) {
  constexpr std::uint32_t kTypeBits = 0170000;
  constexpr std::uint32_t kPermissionBits = 07777;
  read(in, value, out);
  if ((*out & ~(kTypeBits | kPermissionBits)) != 0) in.error("is not a file mode");
  *out &= kPermissionBits;
}

// "" as when absent, for programs without omitempty.
void read_propagation(Reader& in, json::Value value, std::optional<RootfsPropagation>& out) {
  if (value.as_string() != "") read(in, value, out);
}

void read_personality_flags(Reader& in, json::Value value, Personality&) {
  std::vector<std::string> flags;
  read(in, value, flags);
  if (!flags.empty()) in.error("no flags are defined");
}

constexpr std::array kNamespace = {
    field<&Namespace::type>("type", Need::Required),
    field<&Namespace::path>("path"),
};

constexpr std::array kTimeOffset = {
    field<&TimeOffset::secs>("secs"),
    field<&TimeOffset::nanosecs>("nanosecs"),
};

constexpr std::array kTimeOffsets = {
    field<&TimeOffsets::monotonic>("monotonic"),
    field<&TimeOffsets::boottime>("boottime"),
};

constexpr std::array kDevice = {
    field<&Device::path>("path", Need::Required),
    field<&Device::type>("type", Need::Required),
    field<&Device::major>("major", Need::Always),
    field<&Device::minor>("minor", Need::Always),
    field_by<&Device::fileMode, read_file_mode>("fileMode"),
    field<&Device::uid>("uid"),
    field<&Device::gid>("gid"),
};

constexpr std::array kNetDevice = {field<&NetDevice::name>("name")};

constexpr std::array kIntelRdt = {
    field<&IntelRdt::closID>("closID"),
    field<&IntelRdt::schemata>("schemata"),
    field<&IntelRdt::l3CacheSchema>("l3CacheSchema"),
    field<&IntelRdt::memBwSchema>("memBwSchema"),
    field<&IntelRdt::enableMonitoring>("enableMonitoring"),
};

constexpr std::array kMemoryPolicy = {
    field<&MemoryPolicy::mode>("mode", Need::Required),
    field<&MemoryPolicy::nodes>("nodes"),
    field<&MemoryPolicy::flags>("flags"),
};

constexpr std::array kPersonality = {
    field<&Personality::domain>("domain", Need::Required),
    Field<Personality>{"flags", Need::Optional, true, read_personality_flags,
                       [](json::Writer&, std::string_view, Need, const Personality&) {}},
};

constexpr std::array kLinux = {
    field<&Linux::uidMappings>("uidMappings"),
    field<&Linux::gidMappings>("gidMappings"),
    field<&Linux::sysctl>("sysctl"),
    field<&Linux::resources>("resources"),
    field<&Linux::cgroupsPath>("cgroupsPath"),
    field<&Linux::namespaces>("namespaces"),
    field_by<&Linux::devices, read_devices>("devices"),
    field<&Linux::netDevices>("netDevices"),
    field<&Linux::seccomp>("seccomp"),
    field_by<&Linux::rootfsPropagation, read_propagation>("rootfsPropagation"),
    field<&Linux::maskedPaths>("maskedPaths"),
    field<&Linux::readonlyPaths>("readonlyPaths"),
    field<&Linux::mountLabel>("mountLabel"),
    field<&Linux::intelRdt>("intelRdt"),
    field<&Linux::memoryPolicy>("memoryPolicy"),
    field<&Linux::personality>("personality"),
    field<&Linux::timeOffsets>("timeOffsets"),
};

// --- checks --------------------------------------------------------------------------------------

void check_namespaces(const std::vector<Namespace>& namespaces, const Pointer& at,
                      Problems& problems) {
  unsigned seen = 0;
  for (std::size_t i = 0; i < namespaces.size(); ++i) {
    const unsigned bit = 1U << static_cast<unsigned>(namespaces[i].type);
    if ((seen & bit) != 0) {
      const std::string type(to_string(namespaces[i].type));
      problems.error(at.at(i).at("type"), "a second namespace of type " + type);
    }
    seen |= bit;
    if (!namespaces[i].path.empty()) {
      check_absolute(namespaces[i].path, at.at(i), "path", problems);
    }
  }
}

// Without its namespace each of these would change the host.
void check_needs(bool wanted, const Linux& config, NamespaceType type, const Pointer& at,
                 const char* key, Problems& problems) {
  if (!wanted || find_namespace(config, type) != nullptr) return;
  problems.error(at.at(key), "needs a " + std::string(to_string(type)) + " namespace");
}

void check_id_maps(const Linux& config, const Pointer& at, Problems& problems) {
  const bool uids = !config.uidMappings.empty();
  const bool gids = !config.gidMappings.empty();
  check_needs(uids, config, NamespaceType::User, at, "uidMappings", problems);
  check_needs(gids, config, NamespaceType::User, at, "gidMappings", problems);
  check_id_map(config.uidMappings, at, "uidMappings", problems);
  check_id_map(config.gidMappings, at, "gidMappings", problems);
  if (uids && !gids) problems.error(at.at("gidMappings"), "must be given along with uidMappings");
  if (gids && !uids) problems.error(at.at("uidMappings"), "must be given along with gidMappings");
}

void check_time_offsets(const Linux& config, const Pointer& at, Problems& problems) {
  const TimeOffsets& offsets = config.timeOffsets;
  constexpr std::uint32_t kSecond = 1000000000;
  if (!offsets.monotonic && !offsets.boottime) return;
  const Namespace* time = find_namespace(config, NamespaceType::Time);
  if (time == nullptr || !time->path.empty()) {
    problems.error(at, "needs a new time namespace");
  }
  if (offsets.monotonic && offsets.monotonic->nanosecs >= kSecond) {
    problems.error(at.at("monotonic").at("nanosecs"), "must be below 1000000000");
  }
  if (offsets.boottime && offsets.boottime->nanosecs >= kSecond) {
    problems.error(at.at("boottime").at("nanosecs"), "must be below 1000000000");
  }
}

void check_devices(const std::vector<Device>& devices, const Pointer& at, Problems& problems) {
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < devices.size(); ++i) {
    const Device& device = devices[i];
    const Pointer entry = at.at(i);
    check_absolute(device.path, entry, "path", problems);
    check_path_length(device.path, entry, "path", problems);
    if (!seen.insert(device.path).second) {
      problems.error(entry.at("path"), "a second device " + ctr::quote(device.path));
    }
    check_between(device.major, 0, kMaxMajor, entry, "major", problems);
    check_between(device.minor, 0, kMaxMinor, entry, "minor", problems);
  }
}

bool is_interface_name(std::string_view name) {
  return !name.empty() && name.size() < IFNAMSIZ && name != "." && name != ".." &&
         name.find_first_of("/: ") == std::string_view::npos && !has_control_character(name);
}

// "eth%d" is a template: the kernel picks the number.
bool is_interface_template(std::string_view name) {
  return name.ends_with("%d") && name.find('%') == name.size() - 2;
}

void check_net_devices(const Linux& config, const Pointer& at, Problems& problems) {
  std::set<std::string_view> taken;
  for (const auto& [host_name, device] : config.netDevices) {
    const std::string_view name = device.name.empty() ? host_name : device.name;
    if (name.find('%') != std::string_view::npos) {
      if (!is_interface_template(name))
        problems.error(at.at(host_name).at("name"), "may have one \"%d\", at its end");
    } else if (!taken.insert(name).second) {
      problems.error(at.at(host_name).at("name"),
                     "a second device " + ctr::quote(name) + " in the container");
    }
    if (!is_interface_name(host_name)) {
      problems.error(at.at(host_name), "is not the name of an interface");
    } else if (!device.name.empty() && !is_interface_name(device.name)) {
      problems.error(at.at(host_name).at("name"), "is not the name of an interface");
    }
  }
}

// A key becomes a path below /proc/sys: every part between '.' and '/' must be a name.
bool is_sysctl_key(std::string_view key) {
  constexpr std::size_t kMaxKey = 1024;
  if (key.empty() || key.size() > kMaxKey || has_control_character(key)) return false;
  if (key.find(' ') != std::string_view::npos) return false;
  bool part_empty = true;
  for (const char c : key) {
    const bool separator = c == '.' || c == '/';
    if (separator && part_empty) return false;
    part_empty = separator;
  }
  return !part_empty;
}

void check_sysctl(const StringMap& sysctl, const Pointer& at, Problems& problems) {
  constexpr std::size_t kMaxValue = 64U << 10U;
  for (const auto& [key, value] : sysctl) {
    if (!is_sysctl_key(key)) {
      problems.error(at.at(key), "is not the name of a kernel parameter");
    } else if (value.size() > kMaxValue) {
      problems.error(at.at(key), "is longer than 65536 bytes");
    } else if (std::any_of(value.begin(), value.end(), [](char c) {
                 return has_control_character({&c, 1}) && c != '\t';
               })) {
      // The kernel takes the first line and drops the rest in silence.
      problems.error(at.at(key), "must not contain control characters");
    }
  }
}

void check_absolute_paths(const std::vector<std::string>& paths, const Pointer& at, const char* key,
                          Problems& problems) {
  for (std::size_t i = 0; i < paths.size(); ++i) {
    if (!is_absolute(paths[i])) problems.error(at.at(key).at(i), "must be an absolute path");
  }
}

void check_cgroups_path(const std::string& path, const Pointer& at, Problems& problems) {
  constexpr const char* kKey = "cgroupsPath";
  check_one_line(path, at, kKey, problems);
  check_path_length(path, at, kKey, problems);
  const std::vector<std::string_view> components = ctr::split(path, '/');
  if (std::find(components.begin(), components.end(), "..") != components.end()) {
    problems.error(at.at(kKey), "must not contain \"..\"");
  }
}

void check_intel_rdt(const IntelRdt& rdt, const Pointer& at, Problems& problems) {
  const bool is_name = rdt.closID != "." && rdt.closID != ".." &&
                       rdt.closID.find('/') == std::string::npos &&
                       !has_control_character(rdt.closID);
  if (!is_name && rdt.closID != "/") problems.error(at.at("closID"), "is not a directory's name");
  check_one_line(rdt.l3CacheSchema, at, "l3CacheSchema", problems);
  check_one_line(rdt.memBwSchema, at, "memBwSchema", problems);
  if (!rdt.memBwSchema.empty() && !rdt.memBwSchema.starts_with("MB:")) {
    problems.error(at.at("memBwSchema"), "must start with \"MB:\"");
  }
  for (std::size_t i = 0; i < rdt.schemata.size(); ++i) {
    if (has_control_character(rdt.schemata[i])) {
      problems.error(at.at("schemata").at(i), "must not contain control characters");
    }
  }
}

void check_memory_policy(const MemoryPolicy& policy, const Pointer& at, Problems& problems) {
  if (policy.nodes.find_first_not_of("0123456789,-") != std::string::npos) {
    problems.error(at.at("nodes"), "must be a list of nodes such as 0-3,7");
  }
}

}  // namespace

Fields<Namespace> fields_of(const Namespace&) { return kNamespace; }
Fields<TimeOffset> fields_of(const TimeOffset&) { return kTimeOffset; }
Fields<TimeOffsets> fields_of(const TimeOffsets&) { return kTimeOffsets; }
Fields<Device> fields_of(const Device&) { return kDevice; }
Fields<NetDevice> fields_of(const NetDevice&) { return kNetDevice; }
Fields<IntelRdt> fields_of(const IntelRdt&) { return kIntelRdt; }
Fields<MemoryPolicy> fields_of(const MemoryPolicy&) { return kMemoryPolicy; }
Fields<Personality> fields_of(const Personality&) { return kPersonality; }
Fields<Linux> fields_of(const Linux&) { return kLinux; }

void check(const Linux& config, const Pointer& at, Problems& problems) {
  const auto needs = [&](bool wanted, NamespaceType type, const char* key) {
    check_needs(wanted, config, type, at, key, problems);
  };
  needs(!config.netDevices.empty(), NamespaceType::Network, "netDevices");
  check_namespaces(config.namespaces, at.at("namespaces"), problems);
  check_id_maps(config, at, problems);
  check_time_offsets(config, at.at("timeOffsets"), problems);
  check_devices(config.devices, at.at("devices"), problems);
  check_net_devices(config, at.at("netDevices"), problems);
  check_sysctl(config.sysctl, at.at("sysctl"), problems);
  check_absolute_paths(config.maskedPaths, at, "maskedPaths", problems);
  check_absolute_paths(config.readonlyPaths, at, "readonlyPaths", problems);
  check_cgroups_path(config.cgroupsPath, at, problems);
  check_one_line(config.mountLabel, at, "mountLabel", problems);
  if (config.intelRdt) check_intel_rdt(*config.intelRdt, at.at("intelRdt"), problems);
  if (config.memoryPolicy) {
    check_memory_policy(*config.memoryPolicy, at.at("memoryPolicy"), problems);
  }
  if (config.resources) check(*config.resources, at.at("resources"), problems);
  if (config.seccomp) check(*config.seccomp, at.at("seccomp"), problems);
}

}  // namespace oci
