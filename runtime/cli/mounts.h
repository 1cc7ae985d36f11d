// SPDX-License-Identifier: Apache-2.0
// Of the table in commands.cc.
#pragma once

#include "runtime/cli/commands.h"

namespace oci::cli {

CommandFunction mounts;

}  // namespace oci::cli
