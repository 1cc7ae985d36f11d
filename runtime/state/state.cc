// SPDX-License-Identifier: Apache-2.0
#include "runtime/state/state.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <span>

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

// One token of the record, which is asked for the names that there may be. One that nobody asks for
// is ignored, one that is missing leaves its default; the first one of a wrong type is remembered.
class Field {
 public:
  Field(std::string_view name, const json::Token& token, std::optional<Error>& error)
      : name_(name), token_(token), error_(error) {}

  std::string_view name() const { return name_; }
  // False when the field has another name.
  template <typename T>
  bool read(std::string_view name, T& to) {
    return name_ == name && take(to);
  }
  // What is in it has paths of its own.
  bool object(std::string_view name) {
    return name_ == name && (token_.type == json::Type::Object || fail("an object"));
  }
  bool array(std::string_view name, std::vector<std::string>& to) {
    if (name_ != name) return false;
    to.reserve(kUsualElements);
    return token_.type == json::Type::Array || fail("an array");
  }
  // Of the array with that name.
  bool element(std::string_view name, std::vector<std::string>& to) {
    if (name_ != name) return false;
    if (token_.type != json::Type::String) return fail("an array of strings");
    to.emplace_back(token_.text);
    return true;
  }

  // True, as the others here: the name was known. Not inline, so that the names are: most tokens are
  // asked for several.
  [[gnu::noinline]] bool take(std::string& to) {
    if (token_.type != json::Type::String) return fail("a string");
    to = std::string(token_.text);
    return true;
  }
  [[gnu::noinline]] bool take(bool& to) {
    if (token_.type != json::Type::Bool) return fail("true or false");
    to = token_.flag;
    return true;
  }
  template <std::integral T>
  bool take(T& to) {
    constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<T>::max());
    if (!token_.number.has_value() || *token_.number > kMost) return fail("a number in range");
    to = static_cast<T>(*token_.number);
    return true;
  }
  template <std::integral T>
  bool take(std::optional<T>& to) {
    return take(to.emplace());
  }
  [[gnu::noinline]] bool fail(const char* wanted) {
    if (!error_.has_value())
      error_ = make_error(Kind::InvalidSpec, "%s is not %s", quote(name_).c_str(), wanted);
    return true;
  }

 private:
  static constexpr std::size_t kUsualElements = 3;

  std::string_view name_;
  const json::Token& token_;
  std::optional<Error>& error_;
};

bool read_driver(Field& in, CgroupDriver& driver) {
  std::string given;
  if (!in.read("driver", given)) return false;
  for (const auto& [known, word] : kDriverWords) {
    if (word != given) continue;
    driver = known;
    return true;
  }
  return in.fail("a known one");
}

bool read_systemd(Field& in, ctr::SystemdInstance& systemd) {
  bool user = false;
  if (!in.read("user", user)) return false;
  systemd = user ? ctr::SystemdInstance::User : ctr::SystemdInstance::System;
  return true;
}

bool read_cgroup(Field& in, ContainerCgroup& cgroup) {
  return read_driver(in, cgroup.driver) || in.read("path", cgroup.record.path) ||
         in.read("owner", cgroup.record.owner) || in.object("existed") || in.object("inode") ||
         in.read("scope", cgroup.scope) || read_systemd(in, cgroup.systemd) ||
         in.read("freezer", cgroup.freezer);
}

bool read_init(Field& in, ProcessIdentity& init) {
  return in.read("pid", init.pid) || in.read("startTime", init.start_time) ||
         in.read("bootId", init.boot_id);
}

bool read_shared_root(Field& in, SharedRoot& root) {
  return in.read("at", root.at) || in.read("covers", root.covers);
}

bool read_top(Field& in, ContainerState& state) {
  return in.read("ociVersion", state.oci_version) || in.read("id", state.id) ||
         in.read("bundle", state.bundle) || in.read("rootfs", state.rootfs) ||
         in.read("created", state.created) || in.read("owner", state.owner) ||
         in.object("annotations") || in.object("init") || in.object("cgroup") ||
         in.object("sharedRoot") || in.read("ownPidNamespace", state.own_pid_namespace) ||
         in.read("noProcess", state.no_process) || in.read("terminal", state.terminal) ||
         in.read("detached", state.detached) || in.read("exitStatus", state.exit_status) ||
         in.read("callersKeyring", state.callers_keyring) ||
         in.array("externalDescriptors", state.external_descriptors) ||
         in.array("rdtDirectories", state.rdt_directories) ||
         in.read("hasPoststartHooks", state.has_poststart_hooks) ||
         in.read("hasPoststopHooks", state.has_poststop_hooks);
}

// What is in the member `parent`.
bool read_inner(std::string_view parent, Field& in, ContainerState& state) {
  if (parent == "init") return read_init(in, state.init);
  if (parent == "cgroup") return read_cgroup(in, state.cgroup);
  if (parent == "sharedRoot") return read_shared_root(in, state.shared_root);
  if (parent == "annotations") return in.take(state.annotations[std::string(in.name())]);
  return false;
}

bool read_element(Field& in, ContainerState& state) {
  return in.element("externalDescriptors", state.external_descriptors) ||
         in.element("rdtDirectories", state.rdt_directories);
}

bool read_cgroup_map(std::string_view map, Field& in, ctr::CgroupRecord& record) {
  if (map == "existed") return in.take(record.existed[std::string(in.name())]);
  if (map == "inode") return in.take(record.inode[std::string(in.name())]);
  return false;
}

class StateReader : public json::Visitor {
 public:
  explicit StateReader(ContainerState& state) : state_(state) {}

  // What was wrong with what has been visited.
  Result<void> check() && {
    if (!is_object_) return make_error(Kind::InvalidSpec, "not a JSON object");
    if (format_ < kOldestFormat || format_ > kFormat)
      return make_error(Kind::InvalidSpec, "not a record of this version of ocictr (format %llu)",
                        static_cast<unsigned long long>(format_));
    if (error_.has_value()) return *std::move(error_);
    return {};
  }

  void visit(std::span<const std::string_view> path, const json::Token& token) override {
    if (path.empty()) {
      is_object_ = token.type == json::Type::Object;
      return;
    }
    Field in(path.back(), token, error_);
    if (path.size() == 1) in.read("format", format_) || read_top(in, state_);
    if (path.size() == 2) read_inner(path[0], in, state_) || read_list(path[0], token);
    if (path.size() == 3 && path[0] == "cgroup") read_cgroup_map(path[1], in, state_.cgroup.record);
  }

 private:
  bool read_list(std::string_view name, const json::Token& token) {
    Field element(name, token, error_);
    return read_element(element, state_);
  }

  ContainerState& state_;
  bool is_object_ = false;
  std::uint64_t format_ = 0;
  std::optional<Error> error_;
};

Result<void> decode_into(std::string text, ContainerState& state) {
  StateReader reader(state);
  TRY(json::scan(std::move(text), reader));
  return std::move(reader).check();
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
  Result<ContainerState> state(std::in_place);
  Result<void> decoded = decode_into(std::move(text), *state);
  if (!decoded.ok()) state = std::move(decoded).error();
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
