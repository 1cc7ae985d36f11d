// SPDX-License-Identifier: Apache-2.0
// The state root: ROOT/ID/ is one container. It holds state.json, a copy of config.json, and the
// gate while the container is created and not started.
//
// The directory is made first and removed last: whenever a command is killed, something is left
// that `delete --force` can find. Making it is the lock on the name. Readers take no lock: records
// are replaced by rename. The root is ours alone (0700), so paths in it may be used by name.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"
#include "runtime/state/state.h"

namespace oci {

class ContainerDir {
 public:
  const std::string& id() const { return id_; }
  const std::string& path() const { return path_; }
  std::string gate_path() const { return path_ + "/gate"; }

  // Kind::NotFound ("... does not exist") when there is no record: never made, removed, or its
  // maker was killed at once. Any other error names the file: the record is damaged.
  ctr::Result<ContainerState> load() const;
  // Replaces the record. Not synced: after a power failure no container is left anyway.
  ctr::Result<void> save(const ContainerState& state) const;
  // The first record; cheaper, and refuses to replace one.
  ctr::Result<void> save_new(const ContainerState& state) const;

  ctr::Result<void> save_config(std::string_view text) const;
  ctr::Result<std::string> load_config() const;

  // The container's lock, for as long as the descriptor is open; to be held by those who change the
  // container. Waits. Kind::NotFound when the container was removed meanwhile.
  ctr::Result<ctr::UniqueFd> lock() const;

  // The directory and all in it. Missing: fine.
  ctr::Result<void> remove() const;

 private:
  friend class StateRoot;
  ContainerDir(std::string path, std::string id) : path_(std::move(path)), id_(std::move(id)) {}

  ctr::Error not_found() const;

  std::string path_;
  std::string id_;
};

class StateRoot {
 public:
  explicit StateRoot(std::string path) : path_(std::move(path)) {}

  const std::string& path() const { return path_; }
  // Makes the root and its missing parents. With the sticky bit: systemd-tmpfiles and its likes
  // leave alone what has it.
  ctr::Result<void> make() const;

  // Kind::Exists when the name is taken now: the early word, before any work is done for it. Only
  // create() decides.
  ctr::Result<void> check_free(std::string_view id) const;
  // A new container's directory. Kind::Exists: the name is taken.
  ctr::Result<ContainerDir> create(std::string_view id) const;
  // Looks only whether the ID is a valid one; load() says whether there is such a container.
  ctr::Result<ContainerDir> open(std::string_view id) const;
  // Kind::NotFound when there is no root. IDs in order; what is no container's is left out.
  ctr::Result<std::vector<std::string>> list() const;

 private:
  std::string path_;
};

}  // namespace oci
