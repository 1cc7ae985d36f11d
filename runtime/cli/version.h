// SPDX-License-Identifier: Apache-2.0
// What this build is.
#pragma once

#include <string>

#include "runtime/cli/global.h"

namespace oci::cli {

const char* commit();  // of the source; empty when unknown

// For --version. Docker takes the first line with "version" in it: no other line has that word.
std::string version_text(const GlobalOptions& options);

}  // namespace oci::cli
