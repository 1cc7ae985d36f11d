// SPDX-License-Identifier: Apache-2.0
#include "runtime/state/state.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "ctrtool/core/base/strf.h"
#include "runtime/spec/json.h"

namespace oci {
namespace {

using ctr::Error;
using ctr::Kind;
using ctr::make_error;
using ctr::quote;
using ctr::Result;

// Raised when an older reader would misunderstand a record.
constexpr std::uint64_t kFormat = 1;

constexpr std::pair<CgroupDriver, std::string_view> kDriverWords[] = {
    {CgroupDriver::Cgroupfs, "cgroupfs"},
    {CgroupDriver::Systemd, "systemd"},
    {CgroupDriver::Disabled, "disabled"},
};

// --- writing -------------------------------------------------------------------------------------

void write_map(json::Writer& out, std::string_view name,
               const std::map<std::string, std::string>& map) {
  out.key(name);
  out.object([&] {
    for (const auto& [key, value] : map) out.member(key, value);
  });
}

void write_cgroup(json::Writer& out, const ContainerCgroup& cgroup) {
  out.key("cgroup");
  out.object([&] {
    for (const auto& [driver, word] : kDriverWords)
      if (driver == cgroup.driver) out.member("driver", word);
    out.member("path", cgroup.record.path);
    out.member("owner", cgroup.record.owner);
    out.key("existed");
    out.object([&] {
      for (const auto& [hierarchy, count] : cgroup.record.existed) out.member(hierarchy, count);
    });
    out.member("scope", cgroup.scope);
    out.member("user", cgroup.systemd == ctr::SystemdInstance::User);
    out.member("freezer", cgroup.freezer);
  });
}

// --- reading -------------------------------------------------------------------------------------

// The members of one object. A member that is missing leaves its default; the first one of a wrong
// type is remembered.
class Members {
 public:
  Members(json::Value object, std::optional<Error>& error) : object_(object), error_(error) {}

  template <typename T>
  void read(std::string_view name, T& to) {
    const std::optional<json::Value> value = object_.find(name);
    if (value.has_value()) take(name, *value, to);
  }
  void object(std::string_view name, const auto& body) {
    const std::optional<json::Value> value = object_.find(name);
    if (!value.has_value()) return;
    if (!value->is_object()) return fail(name, "an object");
    Members members(*value, error_);
    body(members);
  }
  void fail(std::string_view name, const char* wanted) {
    if (!error_.has_value())
      error_ = make_error(Kind::InvalidSpec, "%s is not %s", quote(name).c_str(), wanted);
  }

 private:
  void take(std::string_view name, json::Value value, std::string& to) {
    const auto text = value.as_string();
    if (!text.has_value()) return fail(name, "a string");
    to = *text;
  }
  void take(std::string_view name, json::Value value, bool& to) {
    const auto flag = value.as_bool();
    if (!flag.has_value()) return fail(name, "true or false");
    to = *flag;
  }
  template <std::integral T>
  void take(std::string_view name, json::Value value, T& to) {
    constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<T>::max());
    const auto number = value.as_uint64();
    if (!number.has_value() || *number > kMost) return fail(name, "a number in range");
    to = static_cast<T>(*number);
  }
  template <std::integral T>
  void take(std::string_view name, json::Value value, std::optional<T>& to) {
    take(name, value, to.emplace());
  }
  void take(std::string_view name, json::Value value, std::vector<std::string>& to) {
    if (!value.is_array()) return fail(name, "an array of strings");
    for (const json::Value element : value.elements()) {
      const auto text = element.as_string();
      if (!text.has_value()) return fail(name, "an array of strings");
      to.emplace_back(*text);
    }
  }
  template <typename T>
  void take(std::string_view name, json::Value value, std::map<std::string, T>& to) {
    if (!value.is_object()) return fail(name, "an object");
    for (const json::Member& member : value.members())
      take(member.key, member.value, to[std::string(member.key)]);
  }

  json::Value object_;
  std::optional<Error>& error_;
};

void read_cgroup(Members& members, ContainerCgroup& cgroup) {
  std::string driver = "cgroupfs";
  members.read("driver", driver);
  const auto* const word = std::find_if(std::begin(kDriverWords), std::end(kDriverWords),
                                        [&](const auto& pair) { return pair.second == driver; });
  if (word == std::end(kDriverWords))
    members.fail("driver", "a known one");
  else
    cgroup.driver = word->first;
  members.read("path", cgroup.record.path);
  members.read("owner", cgroup.record.owner);
  members.read("existed", cgroup.record.existed);
  members.read("scope", cgroup.scope);
  bool user = false;
  members.read("user", user);
  cgroup.systemd = user ? ctr::SystemdInstance::User : ctr::SystemdInstance::System;
  members.read("freezer", cgroup.freezer);
}

void read_init(Members& members, ProcessIdentity& init) {
  members.read("pid", init.pid);
  members.read("startTime", init.start_time);
  members.read("bootId", init.boot_id);
}

void read_state(Members& members, ContainerState& state) {
  members.read("ociVersion", state.oci_version);
  members.read("id", state.id);
  members.read("bundle", state.bundle);
  members.read("rootfs", state.rootfs);
  members.read("created", state.created);
  members.read("owner", state.owner);
  members.read("annotations", state.annotations);
  members.object("init", [&](Members& init) { read_init(init, state.init); });
  members.object("cgroup", [&](Members& cgroup) { read_cgroup(cgroup, state.cgroup); });
  members.object("sharedRoot", [&](Members& root) {
    root.read("at", state.shared_root.at);
    root.read("covers", state.shared_root.covers);
  });
  members.read("ownPidNamespace", state.own_pid_namespace);
  members.read("noProcess", state.no_process);
  members.read("terminal", state.terminal);
  members.read("detached", state.detached);
  members.read("exitStatus", state.exit_status);
  members.read("externalDescriptors", state.external_descriptors);
  members.read("rdtDirectories", state.rdt_directories);
  members.read("hasPoststartHooks", state.has_poststart_hooks);
  members.read("hasPoststopHooks", state.has_poststop_hooks);
}

// For those who look for a container's process in runc's record, which has this name and place too.
// We never read it.
void write_as_runc(json::Writer& out, const ProcessIdentity& init) {
  out.member("init_process_pid", init.pid);
  out.member("init_process_start", init.start_time);
}

}  // namespace

std::string encode_state(const ContainerState& state) {
  json::Writer out;
  out.object([&] {
    out.member("format", kFormat);
    out.member("ociVersion", state.oci_version);
    out.member("id", state.id);
    out.member("bundle", state.bundle);
    out.member("rootfs", state.rootfs);
    out.member("created", state.created);
    out.member("owner", state.owner);
    write_map(out, "annotations", state.annotations);
    out.key("init");
    out.object([&] {
      out.member("pid", state.init.pid);
      out.member("startTime", state.init.start_time);
      out.member("bootId", state.init.boot_id);
    });
    if (state.init.pid > 0) write_as_runc(out, state.init);
    write_cgroup(out, state.cgroup);
    out.key("sharedRoot");
    out.object([&] {
      out.member("at", state.shared_root.at);
      out.member("covers", state.shared_root.covers);
    });
    out.member("ownPidNamespace", state.own_pid_namespace);
    out.member("noProcess", state.no_process);
    out.member("terminal", state.terminal);
    out.member("detached", state.detached);
    if (state.exit_status.has_value()) out.member("exitStatus", *state.exit_status);
    out.key("externalDescriptors");
    out.array([&] {
      for (const std::string& target : state.external_descriptors) out.value(target);
    });
    out.key("rdtDirectories");
    out.array([&] {
      for (const std::string& path : state.rdt_directories) out.value(path);
    });
    out.member("hasPoststartHooks", state.has_poststart_hooks);
    out.member("hasPoststopHooks", state.has_poststop_hooks);
  });
  return std::move(out).take() + "\n";
}

Result<ContainerState> decode_state(std::string text) {
  const json::Document document = TRY(json::Document::parse(std::move(text)));
  if (!document.root().is_object()) return make_error(Kind::InvalidSpec, "not a JSON object");
  std::optional<Error> error;
  Members members(document.root(), error);
  std::uint64_t format = 0;
  members.read("format", format);
  if (!error.has_value() && format != kFormat)
    return make_error(Kind::InvalidSpec, "not a record of this version of ocictr (format %llu)",
                      static_cast<unsigned long long>(format));
  ContainerState state;
  read_state(members, state);
  if (error.has_value()) return *std::move(error);
  return state;
}

std::string freezer_file(const ctr::Cgroup& cgroup) {
  std::string v2;
  for (const ctr::Cgroup::Place& place : cgroup.places()) {
    const std::vector<std::string>& controllers = place.hierarchy.controllers;
    if (place.hierarchy.version == ctr::CgroupVersion::V2)
      v2 = place.dir + "/cgroup.events";
    else if (std::find(controllers.begin(), controllers.end(), "freezer") != controllers.end())
      return place.dir + "/freezer.state";
  }
  return v2;
}

}  // namespace oci
