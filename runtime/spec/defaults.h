// SPDX-License-Identifier: Apache-2.0
// A configuration to start from, and the way back from structs to text.
#pragma once

#include <string>
#include <string_view>

#include "runtime/spec/spec.h"

namespace oci {

// What we write, and the newest whose properties we know.
inline constexpr std::string_view kSpecVersion = "1.3.0";

enum class DefaultKind : bool { Privileged, Rootless };

// A shell in "rootfs" with few rights. Rootless: in a user namespace that maps the caller to root,
// without what that cannot do.
Spec default_spec(DefaultKind kind);

// Indented by tabs, with a newline at the end. parse_spec() of it gives the same value again.
std::string to_json(const Spec& spec);

}  // namespace oci
