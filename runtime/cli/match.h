// SPDX-License-Identifier: Apache-2.0
// Commands for many containers at once: --regex, as crun has it.
#pragma once

#include <functional>
#include <string>

#include "runtime/cli/commands.h"

namespace oci::cli {

// Every ID below the state root. Only a root that somebody named must be there: the default one is
// made by the first container.
ctr::Result<Words> list_ids(const CommandContext& context);

// `act` for each container whose ID the POSIX extended regular expression matches, which may be
// none. A failure is reported and does not keep it from the others; the status is then 1.
ctr::Result<int> for_matching(const CommandContext& context, const char* command,
                              const std::string& pattern,
                              const std::function<ctr::Result<void>(const std::string& id)>& act);

}  // namespace oci::cli
