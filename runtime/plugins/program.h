// SPDX-License-Identifier: Apache-2.0
// The program that answers for a seccomp filter by plugins (main.cc), as this one carries it: the
// bytes of a dynamic executable. protocol.h says how to talk to it.
#pragma once

#include <string_view>

namespace oci {

std::string_view plugin_host_program();

}  // namespace oci
