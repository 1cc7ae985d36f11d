// SPDX-License-Identifier: Apache-2.0
#include "runtime/plugins/program.h"

namespace oci {
namespace {

// Apart from other constants: who has no plugins touches none of its pages.
[[gnu::section(".rodata.zz_plugin_host")]] constexpr unsigned char kProgram[] = {
#include "plugin_host.inc"
};

}  // namespace

std::string_view plugin_host_program() {
  return {reinterpret_cast<const char*>(kProgram), sizeof kProgram};
}

}  // namespace oci
