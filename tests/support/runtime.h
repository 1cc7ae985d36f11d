// SPDX-License-Identifier: Apache-2.0
// The runtime under test (environment OCICTR; else the one of this build), called as engines call
// it, on a state root of the test's own.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/support/bundle.h"
#include "tests/support/files.h"
#include "tests/support/json.h"
#include "tests/support/ns_test.h"
#include "tests/support/oracle.h"
#include "tests/support/process.h"

namespace support {

std::string runtime_path();
const std::string& state_root();

// RUNTIME --root STATE words...
Command runtime_command(const std::vector<std::string>& words);
Outcome runtime(const std::vector<std::string>& words);
Outcome runtime(const std::vector<std::string>& global, const std::vector<std::string>& words);

// The frequent ones.
Outcome run_bundle(const Bundle& bundle, const std::vector<std::string>& options = {});
Outcome create_bundle(const Bundle& bundle, const std::vector<std::string>& options = {});
Report run_report(const Bundle& bundle);  // runs it attached; the guest's answers
std::string state_of(const std::string& id, const std::string& pointer = "");  // JSON or a field
pid_t pid_of(const std::string& id);
bool reaches(const std::string& id, const std::string& status, int timeout_ms = 5000);

// The first line of the first of these files that exists in the container's group: v1 or v2 name.
std::string limit_of(const Bundle& bundle, const std::string& controller,
                     const std::vector<std::string>& names);

testing::AssertionResult ended_with(const char* command, const char* wanted_text,
                                    const Outcome& outcome, int wanted);

// A test of the runtime as a program: in a sandbox, and at the end nothing may be left behind.
// Needs real root (the host's control groups) unless the options ask for a user namespace.
void run_oci_test(const SandboxOptions& options, const std::function<void()>& body);

// A place on the host that must stay as it is, whatever links of an image point to it.
class Host {
 public:
  Host() {
    make_sentinel(dir_.path());
    before_ = fingerprint(dir_.path());
  }
  ~Host() { EXPECT_EQ(fingerprint(dir_.path()), before_); }
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  const std::string& path() const { return dir_.path(); }

 private:
  TempDir dir_;
  std::string before_;
};

inline void expect_ran_or_one_line(const Outcome& outcome) {
  EXPECT_LT(outcome.status, 256) << "it hangs";
  if (outcome.status != 0) {
    EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
  }
}

}  // namespace support

#define OCI_TEST_WITH(suite, name, options)                                               \
  static void oci_test_body_##suite##_##name();                                           \
  TEST(suite, name) { ::support::run_oci_test(options, oci_test_body_##suite##_##name); } \
  static void oci_test_body_##suite##_##name()

#define OCI_TEST(suite, name) OCI_TEST_WITH(suite, name, ::support::SandboxOptions{})

#define NEED_CONTROLLER(name) \
  if (cgroup_dir(name, "/").empty()) GTEST_SKIP() << "no control group controller here: " name

// EXPECT_STATUS(runtime({"state", id}), 0): the command is carried out once, and what it said told
// if its status is not as wanted.
#define EXPECT_STATUS(outcome, wanted) EXPECT_PRED_FORMAT2(::support::ended_with, outcome, wanted)
#define ASSERT_STATUS(outcome, wanted) ASSERT_PRED_FORMAT2(::support::ended_with, outcome, wanted)
