// SPDX-License-Identifier: Apache-2.0
// Which names a container may have: they become names of directories, cgroups and systemd units.
#pragma once

#include <cstddef>
#include <string_view>

#include "ctrtool/core/base/result.h"

namespace oci {

// A file name has 255 bytes; the unit "ocictr-ID.scope" is the longest one made of an ID.
inline constexpr std::size_t kMaxIdLength = 255 - sizeof("ocictr-.scope") + 1;

// Kind::InvalidSpec unless all of [A-Za-z0-9_+.-], 1 to kMaxIdLength bytes, the first no '.': names
// with a dot in front are what we put into the state root besides containers.
ctr::Result<void> check_id(std::string_view id);

}  // namespace oci
