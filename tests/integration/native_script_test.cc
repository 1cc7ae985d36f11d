// SPDX-License-Identifier: Apache-2.0
// A script as people have written it for the tool before this one: its names, short options, words
// attached to letters, hook arguments, descriptors, variables and exit codes.
#include <gmock/gmock.h>

#include "tests/support/applets.h"
#include "tests/support/files.h"
#include "tests/support/ns_test.h"
#include "tests/support/paths.h"

namespace {

using support::Outcome;

NS_TEST(NativeScript, OldConventionsRunUnchanged) {
  const std::string script = support::source_dir() + "/tests/integration/old_conventions.sh";
  const Outcome outcome = support::run(
      {.argv = {"/bin/sh", script, support::ctrtool_path()}, .cwd = "/tmp", .timeout_ms = 100000});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "all as ever\n") << outcome.err;
}

}  // namespace
