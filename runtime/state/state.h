// SPDX-License-Identifier: Apache-2.0
// What is recorded of a container between two commands, and its JSON. Older and newer versions read
// each other's records: unknown members are ignored, missing ones have their defaults.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ctrtool/core/base/result.h"
#include "ctrtool/core/kit/cgroup.h"
#include "ctrtool/core/kit/systemd_unit.h"
#include "runtime/state/identity.h"

namespace oci {

enum class CgroupDriver : std::uint8_t { Cgroupfs, Systemd, Disabled };

struct ContainerCgroup {
  CgroupDriver driver = CgroupDriver::Cgroupfs;
  ctr::CgroupRecord record;
  std::string scope;  // systemd's unit; empty with the other drivers
  ctr::SystemdInstance systemd = ctr::SystemdInstance::System;  // whose unit it is
  std::string freezer;  // the file that says whether it is frozen, see freezer_file(); may be empty

  bool operator==(const ContainerCgroup&) const = default;
};

// The container's root, mounted in the namespace of the runtime because it has none of its own.
struct SharedRoot {
  std::string at;            // empty: there is none
  std::uint64_t covers = 0;  // ID of the mount that was seen there before

  bool operator==(const SharedRoot&) const = default;
};

// What tools that know runc look for in its record, as JSON; only where the configuration asks for
// it. See runc_record().
struct RuncRecord {
  std::string config;
  std::string cgroup_paths;

  bool operator==(const RuncRecord&) const = default;
};

struct ContainerState {
  std::string oci_version;  // of its config.json
  std::string id;
  std::string bundle;       // absolute
  std::string rootfs;       // absolute
  std::string created;      // RFC 3339
  std::uint32_t owner = 0;  // the user who made it
  std::map<std::string, std::string> annotations;
  ProcessIdentity init;  // pid 0: still being created
  ContainerCgroup cgroup;
  SharedRoot shared_root;
  std::vector<std::string> rdt_directories;  // of resctrl, to be removed with it, in this order
  bool own_pid_namespace = false;            // killing init kills all others
  bool no_process = false;                   // the config has none: there is nothing to start
  bool terminal = false;
  bool detached = false;
  bool callers_keyring = false;  // it stayed in the session keyring of who created it
  std::vector<std::string> external_descriptors;  // what 0, 1 and 2 were, for CRIU
  std::optional<int> exit_status;  // of a `run` that kept the record: 128 + N for signal N
  // Whether the config has such hooks: without them `start` and `delete` need not read it.
  bool has_poststart_hooks = false;
  bool has_poststop_hooks = false;
  RuncRecord as_runc;  // written, and never read

  bool operator==(const ContainerState&) const = default;
};

std::string encode_state(const ContainerState& state);
// The text may be anything. The error says what is wrong, not in which file.
ctr::Result<ContainerState> decode_state(std::string text);

// Where the kernel says whether the container's processes are frozen: kFreezerV1 of v1 or
// "/cgroup.events" of v2; empty without either.
inline constexpr std::string_view kFreezerV1 = "/freezer.state";
std::string freezer_file(const ctr::Cgroup& cgroup);

}  // namespace oci
