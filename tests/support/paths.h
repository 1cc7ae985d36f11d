// SPDX-License-Identifier: Apache-2.0
// Where the project and its build are. Only paths.cc is compiled with these directories, so that
// the objects of all other tests are the same wherever the project lies (and ccache finds them).
#pragma once

#include <string>

namespace support {

const std::string& source_dir();
const std::string& build_dir();
std::string guest_path();  // the static program that tests put into root file systems

}  // namespace support
