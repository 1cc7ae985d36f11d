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

// Raised when an older reader would misunderstand a record: one of format 1 knows no "" in
// "existed", and would take what is not listed there for the container's own.
constexpr std::uint64_t kFormat = 2;
constexpr std::uint64_t kOldestFormat = 1;

constexpr std::pair<CgroupDriver, std::string_view> kDriverWords[] = {
    {CgroupDriver::Cgroupfs, "cgroupfs"},
    {CgroupDriver::Systemd, "systemd"},
    {CgroupDriver::Disabled, "disabled"},
};

// --- writing -------------------------------------------------------------------------------------

// What has its default is left out: the reader knows it, and `list` reads many records.
template <typename T>
void write(json::Writer& out, std::string_view name, const T& content) {
  if (content != T()) out.member(name, content);
}

void write(json::Writer& out, std::string_view name, const std::vector<std::string>& list) {
  if (list.empty()) return;
  out.key(name);
  out.array([&] {
    for (const std::string& item : list) out.value(item);
  });
}

template <typename T>
void write(json::Writer& out, std::string_view name, const std::map<std::string, T>& map) {
  if (map.empty()) return;
  out.key(name);
  out.object([&] {
    for (const auto& [key, value] : map) out.member(key, value);
  });
}

void write_init(json::Writer& out, const ProcessIdentity& init) {
  if (init == ProcessIdentity()) return;
  out.key("init");
  out.object([&] {
    write(out, "pid", init.pid);
    write(out, "startTime", init.start_time);
    write(out, "bootId", init.boot_id);
  });
}

// By the names of clone(2), as runc has them.
constexpr std::pair<const char*, const char*> kNamespaceFiles[] = {
    {"NEWCGROUP", "cgroup"}, {"NEWIPC", "ipc"},   {"NEWNET", "net"},   {"NEWNS", "mnt"},
    {"NEWPID", "pid"},       {"NEWTIME", "time"}, {"NEWUSER", "user"}, {"NEWUTS", "uts"}};

// For those who look for a container in runc's record, which has this name and place too. We never
// read it.
void write_as_runc(json::Writer& out, const ProcessIdentity& init, const RuncRecord& asked) {
  if (init.pid == 0) return;
  out.member("init_process_pid", init.pid);
  out.member("init_process_start", init.start_time);
  if (asked.config.empty()) return;
  out.key("cgroup_paths");
  out.raw(asked.cgroup_paths);
  out.key("namespace_paths");
  out.object([&] {
    for (const auto& [name, file] : kNamespaceFiles)
      out.member(name, ctr::strf("/proc/%d/ns/%s", init.pid, file));
  });
  out.key("config");
  out.raw(asked.config);
}

void write_cgroup(json::Writer& out, const ContainerCgroup& cgroup) {
  if (cgroup == ContainerCgroup()) return;
  out.key("cgroup");
  out.object([&] {
    for (const auto& [driver, word] : kDriverWords)
      if (driver == cgroup.driver) out.member("driver", word);
    write(out, "path", cgroup.record.path);
    write(out, "owner", cgroup.record.owner);
    write(out, "existed", cgroup.record.existed);
    write(out, "inode", cgroup.record.inode);
    write(out, "scope", cgroup.scope);
    write(out, "user", cgroup.systemd == ctr::SystemdInstance::User);
    write(out, "freezer", cgroup.freezer);
  });
}

void write_shared_root(json::Writer& out, const SharedRoot& root) {
  if (root == SharedRoot()) return;
  out.key("sharedRoot");
  out.object([&] {
    write(out, "at", root.at);
    write(out, "covers", root.covers);
  });
}

// --- reading -------------------------------------------------------------------------------------

// One member of an object, which is asked for the names that there may be. One that nobody asks for
// is ignored, one that is missing leaves its default; the first one of a wrong type is remembered.
class MemberReader {
 public:
  MemberReader(json::Member member, std::optional<Error>& error) : member_(member), error_(error) {}

  // False when the member has another name.
  template <typename T>
  bool read(std::string_view name, T& to) {
    if (member_.key != name) return false;
    take(member_.value, to);
    return true;
  }
  // `read_member(MemberReader&, to)` reads one of the members.
  template <typename T>
  bool object(std::string_view name, T& to, bool (*read_member)(MemberReader&, T&)) {
    if (member_.key != name) return false;
    if (!member_.value.is_object()) return fail("an object");
    for (const json::Member& member : member_.value.members()) {
      MemberReader reader(member, error_);
      read_member(reader, to);
    }
    return true;
  }
  bool fail(const char* wanted) {
    if (!error_.has_value())
      error_ = make_error(Kind::InvalidSpec, "%s is not %s", quote(member_.key).c_str(), wanted);
    return true;
  }

 private:
  void take(json::Value value, std::string& to) {
    const auto text = value.as_string();
    if (text.has_value())
      to = *text;
    else
      fail("a string");
  }
  void take(json::Value value, bool& to) {
    const auto flag = value.as_bool();
    if (flag.has_value())
      to = *flag;
    else
      fail("true or false");
  }
  template <std::integral T>
  void take(json::Value value, T& to) {
    constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<T>::max());
    const auto number = value.as_uint64();
    if (number.has_value() && *number <= kMost)
      to = static_cast<T>(*number);
    else
      fail("a number in range");
  }
  template <std::integral T>
  void take(json::Value value, std::optional<T>& to) {
    take(value, to.emplace());
  }
  void take(json::Value value, std::vector<std::string>& to) {
    if (!value.is_array()) fail("an array of strings");
    for (const json::Value element : value.elements()) {
      const auto text = element.as_string();
      if (text.has_value())
        to.emplace_back(*text);
      else
        fail("an array of strings");
    }
  }
  template <typename T>
  void take(json::Value value, std::map<std::string, T>& to) {
    if (!value.is_object()) fail("an object");
    for (const json::Member& member : value.members())
      MemberReader(member, error_).take(member.value, to[std::string(member.key)]);
  }

  json::Member member_;
  std::optional<Error>& error_;
};

bool read_driver(MemberReader& in, CgroupDriver& driver) {
  std::string given;
  if (!in.read("driver", given)) return false;
  for (const auto& [known, word] : kDriverWords) {
    if (word != given) continue;
    driver = known;
    return true;
  }
  return in.fail("a known one");
}

bool read_systemd(MemberReader& in, ctr::SystemdInstance& systemd) {
  bool user = false;
  if (!in.read("user", user)) return false;
  systemd = user ? ctr::SystemdInstance::User : ctr::SystemdInstance::System;
  return true;
}

bool read_cgroup(MemberReader& in, ContainerCgroup& cgroup) {
  return read_driver(in, cgroup.driver) || in.read("path", cgroup.record.path) ||
         in.read("owner", cgroup.record.owner) || in.read("existed", cgroup.record.existed) ||
         in.read("inode", cgroup.record.inode) || in.read("scope", cgroup.scope) ||
         read_systemd(in, cgroup.systemd) || in.read("freezer", cgroup.freezer);
}

bool read_init(MemberReader& in, ProcessIdentity& init) {
  return in.read("pid", init.pid) || in.read("startTime", init.start_time) ||
         in.read("bootId", init.boot_id);
}

bool read_shared_root(MemberReader& in, SharedRoot& root) {
  return in.read("at", root.at) || in.read("covers", root.covers);
}

bool read_state(MemberReader& in, ContainerState& state) {
  return in.read("ociVersion", state.oci_version) || in.read("id", state.id) ||
         in.read("bundle", state.bundle) || in.read("rootfs", state.rootfs) ||
         in.read("created", state.created) || in.read("owner", state.owner) ||
         in.read("annotations", state.annotations) || in.object("init", state.init, read_init) ||
         in.object("cgroup", state.cgroup, read_cgroup) ||
         in.object("sharedRoot", state.shared_root, read_shared_root) ||
         in.read("ownPidNamespace", state.own_pid_namespace) ||
         in.read("noProcess", state.no_process) || in.read("terminal", state.terminal) ||
         in.read("detached", state.detached) || in.read("exitStatus", state.exit_status) ||
         in.read("callersKeyring", state.callers_keyring) ||
         in.read("externalDescriptors", state.external_descriptors) ||
         in.read("rdtDirectories", state.rdt_directories) ||
         in.read("hasPoststartHooks", state.has_poststart_hooks) ||
         in.read("hasPoststopHooks", state.has_poststop_hooks);
}

}  // namespace

std::string encode_state(const ContainerState& state) {
  json::Writer out;
  out.object([&] {
    out.member("format", kFormat);
    write(out, "ociVersion", state.oci_version);
    out.member("id", state.id);
    write(out, "bundle", state.bundle);
    write(out, "rootfs", state.rootfs);
    write(out, "created", state.created);
    write(out, "owner", state.owner);
    write(out, "annotations", state.annotations);
    write_init(out, state.init);
    write_as_runc(out, state.init, state.as_runc);
    write_cgroup(out, state.cgroup);
    write_shared_root(out, state.shared_root);
    write(out, "ownPidNamespace", state.own_pid_namespace);
    write(out, "noProcess", state.no_process);
    write(out, "terminal", state.terminal);
    write(out, "detached", state.detached);
    write(out, "callersKeyring", state.callers_keyring);
    if (state.exit_status.has_value()) out.member("exitStatus", *state.exit_status);
    write(out, "externalDescriptors", state.external_descriptors);
    write(out, "rdtDirectories", state.rdt_directories);
    write(out, "hasPoststartHooks", state.has_poststart_hooks);
    write(out, "hasPoststopHooks", state.has_poststop_hooks);
  });
  return std::move(out).take() + "\n";
}

Result<ContainerState> decode_state(std::string text) {
  const json::Document document = TRY(json::Document::parse(std::move(text)));
  if (!document.root().is_object()) return make_error(Kind::InvalidSpec, "not a JSON object");
  std::optional<Error> error;
  std::uint64_t format = 0;
  ContainerState state;
  for (const json::Member& member : document.root().members()) {
    MemberReader in(member, error);
    if (!in.read("format", format)) read_state(in, state);
  }
  if (format < kOldestFormat || format > kFormat)
    return make_error(Kind::InvalidSpec, "not a record of this version of ocictr (format %llu)",
                      static_cast<unsigned long long>(format));
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
      return place.dir + std::string(kFreezerV1);
  }
  return v2;
}

}  // namespace oci
