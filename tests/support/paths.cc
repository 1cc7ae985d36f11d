// SPDX-License-Identifier: Apache-2.0
#include "tests/support/paths.h"

namespace support {

const std::string& source_dir() {
  static const std::string dir = OCICTR_SOURCE_DIR;
  return dir;
}

const std::string& build_dir() {
  static const std::string dir = OCICTR_BINARY_DIR;
  return dir;
}

std::string guest_path() { return build_dir() + "/tests/guest"; }

}  // namespace support
