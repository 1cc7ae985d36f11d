// SPDX-License-Identifier: Apache-2.0
// A bundle to change and run: a busybox root file system with the guest program in it, and the
// configuration that `spec` would give, running `/bin/guest report`.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/support/files.h"

namespace support {

// Marks all that this test makes in places which are not private to it (control groups).
const std::string& test_tag();

class Bundle {
 public:
  Bundle();
  const std::string& path() const { return dir_.path(); }
  std::string rootfs() const { return dir_ / "rootfs"; }
  std::string in_rootfs(const std::string& path) const { return rootfs() + path; }
  const std::string& id() const { return id_; }
  std::string cgroup() const { return "/" + id_; }  // its cgroupsPath
  const std::string& config() const { return config_; }

  // All of these rewrite config.json. Values are JSON text.
  Bundle& set(const std::string& pointer, const std::string& value);
  Bundle& remove(const std::string& pointer);
  Bundle& args(const std::vector<std::string>& words);
  Bundle& shell(const std::string& script);  // args: sh -c script
  Bundle& bind(const std::string& from, const std::string& to, const std::string& options);
  // A user namespace that maps `size` ids from 0 inside to `host` outside; the rootfs follows.
  Bundle& map_ids(unsigned host, unsigned size);
  Bundle& write_config(const std::string& text);

 private:
  TempDir dir_;
  std::string id_;
  std::string config_;
};

// Why there can be no bundle ("busybox-static is not installed"), or "".
std::string why_no_bundle();

// The guest's answers: "key value" lines; one key may have many.
class Report {
 public:
  explicit Report(const std::string& text);
  // The only value of the key, or a text that says it is missing or ambiguous.
  std::string operator[](const std::string& key) const;
  std::vector<std::string> all(const std::string& key) const;
  bool has(const std::string& key, const std::string& value) const;
  // The mountinfo line of this mount point (the topmost), or "".
  std::string mount_at(const std::string& path) const;

 private:
  std::multimap<std::string, std::string> values_;
  std::vector<std::string> mounts_;
};

// Of a mountinfo line: fields as findmnt would show them.
struct MountLine {
  std::string root, at, options, propagation, type, source, super_options;
};
MountLine parse_mount_line(const std::string& line);
bool has_option(const std::string& options, const std::string& option);  // in a comma list

}  // namespace support
