// SPDX-License-Identifier: Apache-2.0
// Labels on a host without the security module that would apply them: an error, never silence.
#include "tests/support/runtime.h"

namespace {

using namespace support;

bool apparmor() { return read_file("/sys/module/apparmor/parameters/enabled").starts_with('Y'); }
bool selinux() { return path_exists("/sys/fs/selinux/enforce"); }

void expect_refused(const Bundle& bundle, const std::string& pointer) {
  const Outcome outcome = create_bundle(bundle);
  EXPECT_STATUS(outcome, 1);
  EXPECT_TRUE(contains(outcome.err, pointer)) << outcome.err;
  EXPECT_TRUE(contains(outcome.err, "not enabled")) << outcome.err;
}

OCI_TEST(Labels, NeedTheirSecurityModule) {
  if (apparmor() || selinux()) GTEST_SKIP() << "this machine forbids nothing: it has the modules";
  Bundle profile;
  expect_refused(profile.set("/process/apparmorProfile", "\"some-profile\""),
                 "/process/apparmorProfile");
  Bundle label;
  expect_refused(label.set("/process/selinuxLabel", "\"system_u:system_r:x_t:s0:c1,c2\""),
                 "/process/selinuxLabel");
  // Engines expect this one to be passed over.
  Bundle mounts;
  mounts.set("/linux/mountLabel", "\"system_u:object_r:x_t:s0:c1,c2\"");
  EXPECT_STATUS(run_bundle(mounts), 0);
}

OCI_TEST(Labels, UnconfinedIsTrueWithoutAppArmor) {
  Bundle bundle;
  bundle.set("/process/apparmorProfile", "\"unconfined\"").args({"/bin/guest", "exit", "3"});
  EXPECT_STATUS(run_bundle(bundle), 3);
}

OCI_TEST(Labels, OfExecToo) {
  if (apparmor() || selinux()) GTEST_SKIP() << "this machine forbids nothing: it has the modules";
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"});
  ASSERT_STATUS(create_bundle(bundle), 0);
  ASSERT_STATUS(runtime({"start", bundle.id()}), 0);
  for (const char* option : {"--apparmor=some-profile", "--process-label=system_u:r:t:s0"}) {
    const Outcome outcome = runtime({"exec", option, bundle.id(), "/bin/true"});
    EXPECT_EQ(outcome.status, 255) << outcome.err;
    EXPECT_TRUE(contains(outcome.err, "not enabled")) << outcome.err;
  }
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
}

// No machine of ours has the hardware: without a resctrl file system it is an error.
OCI_TEST(IntelRdt, NeedsResctrl) {
  if (contains(read_file("/proc/mounts"), " resctrl "))
    GTEST_SKIP() << "this machine forbids nothing: it has resctrl";
  Bundle bundle;
  bundle.set("/linux/intelRdt", R"({"closID":"group"})");
  const Outcome outcome = create_bundle(bundle);
  EXPECT_STATUS(outcome, 1);
  EXPECT_TRUE(contains(outcome.err, "/linux/intelRdt")) << outcome.err;
}

}  // namespace
