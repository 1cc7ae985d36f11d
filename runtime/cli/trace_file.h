// SPDX-License-Identifier: Apache-2.0
// `--trace FILE`: a trace in the form of Chrome's trace viewer, which Perfetto opens too.
#pragma once

#include <string>
#include <string_view>

#include "ctrtool/core/exec/trace.h"

namespace oci::cli {

// {"traceEvents":[...]}: a thread for each half, a complete event ("ph":"X") for each span; times
// are microseconds of CLOCK_MONOTONIC.
std::string trace_text(const ctr::Trace& trace, std::string_view command);

// Before anything is done: a file that can't be written is a mistake in the command line.
ctr::Result<void> create_trace_file(const std::string& path);
ctr::Result<void> write_trace_file(const std::string& path, std::string_view text);

}  // namespace oci::cli
