// SPDX-License-Identifier: Apache-2.0
// Paths from the command line.
#pragma once

#include <string>
#include <string_view>

#include "ctrtool/core/base/result.h"

namespace oci::cli {

// Absolute, without "//", "/./" and a slash at the end. ".." stays: what it means depends on links.
// Empty is Kind::InvalidSpec.
ctr::Result<std::string> absolute_path(std::string_view path);

// The same with ".." resolved too, for a directory that is recorded. It must exist.
ctr::Result<std::string> real_path(std::string_view path);

// The same without system calls; `cwd` is absolute.
std::string absolute_path_in(std::string_view cwd, std::string_view path);

}  // namespace oci::cli
