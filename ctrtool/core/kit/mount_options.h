// SPDX-License-Identifier: Apache-2.0
// Mount options: the spec's table ("Linux mount options" in config.md) and the extensions of crun
// and runc, parsed into what mount(2) and mount_setattr(2) take. Of contradicting options the last
// one wins, as in mount(8). A name that is not in the table is the file system's own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ctrtool/core/base/result.h"

namespace ctr {

struct MountOptions {
  unsigned long flags = 0;          // MS_*, no propagation
  unsigned long cleared_flags = 0;  // MS_* that were expressly asked to be off ("rw", "suid")
  unsigned long propagation = 0;    // one of MS_SHARED..., with MS_REC or without; 0: none asked
  // MOUNT_ATTR_* for one mount_setattr(AT_RECURSIVE); the rules for MOUNT_ATTR__ATIME are met.
  std::uint64_t rec_attr_set = 0;
  std::uint64_t rec_attr_clr = 0;
  bool tmpcopyup = false;
  bool idmap = false;   // also set by "ridmap"
  bool ridmap = false;  // the mapping goes to the submounts too
  bool copy_symlink = false;
  bool src_nofollow = false;
  bool dest_nofollow = false;
  std::string idmap_maps{};  // after "idmap=" or "ridmap=": for parse_mount_id_maps
  std::string data{};        // the file system's own options, joined with ','

  bool operator==(const MountOptions&) const = default;
};

Result<MountOptions> parse_mount_options(const std::vector<std::string>& options);

// A bind mount has no file system options: given to mount(2), they would change the superblock that
// the host uses too.
Result<void> check_bind_data(const MountOptions& options);

// The change that flags and cleared_flags ask of one mount, for a mount_setattr(2) without
// AT_RECURSIVE. Flags that belong to the superblock have no attribute and do not show here.
struct MountAttrChange {
  std::uint64_t set = 0;
  std::uint64_t clr = 0;
  bool operator==(const MountAttrChange&) const = default;
};
MountAttrChange mount_attr_change(const MountOptions& options);

// The words that parse into these options again: "ro", "nosuid", "rslave".
std::vector<std::string> mount_option_words(const MountOptions& options);

// Every name of the table, sorted.
std::vector<std::string_view> mount_option_names();

}  // namespace ctr
