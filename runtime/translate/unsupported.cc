// SPDX-License-Identifier: Apache-2.0
// What this version does not do. Said with its pointer, never ignored.
#include "runtime/translate/internal.h"

namespace oci {
namespace {

void refuse(Work& work, bool asked_for, const char* pointer) {
  if (asked_for) work.problems.unsupported(Pointer(pointer), "is not supported by this version");
}

}  // namespace

void report_unsupported(Work& work) {
  const Linux& config = work.spec.linux_;
  refuse(work, config.intelRdt.has_value(), "/linux/intelRdt");
}

}  // namespace oci
