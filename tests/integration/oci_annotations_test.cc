// SPDX-License-Identifier: Apache-2.0
// crun's annotations that ocictr understands too, where no other test is about what they do.
#include "tests/support/console.h"
#include "tests/support/runtime.h"

namespace {

using namespace support;

OCI_TEST(Annotations, PidfdReceiverGetsAPidfd) {
  Bundle bundle;
  ConsoleSocket socket("/tmp/receiver");
  bundle.set("/annotations", R"({"run.oci.pidfd_receiver":"/tmp/receiver"})");
  ASSERT_STATUS(create_bundle(bundle), 0);
  const ctr::UniqueFd pidfd = socket.receive();
  ASSERT_TRUE(pidfd.valid()) << socket.problem();
  const std::string info = read_file("/proc/self/fdinfo/" + std::to_string(pidfd.raw()));
  EXPECT_TRUE(contains(info, "Pid:\t" + std::to_string(pid_of(bundle.id())) + "\n")) << info;
  EXPECT_STATUS(runtime({"delete", bundle.id()}), 0);
}

}  // namespace
