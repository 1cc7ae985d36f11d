// SPDX-License-Identifier: Apache-2.0
// crun's annotations that ocictr understands too, where no other test is about what they do.
#include <sys/stat.h>
#include <unistd.h>

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

OCI_TEST(Annotations, HookFilesGetWhatAllHooksWrite) {
  Bundle bundle;
  bundle.args({"/bin/sh", "-c", "exit 0"});
  for (const std::string stage :
       {"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"})
    bundle.set("/hooks/" + stage + "/-",
               R"({"path":"/bin/sh","args":["sh","-c",)" +
                   json_string("echo " + stage + "; echo not " + stage + " >&2") + "]}");
  write_file("/tmp/hooks.out", "before\n");
  ::unlink("/tmp/hooks.err");
  bundle.set("/annotations", R"({"run.oci.hooks.stdout":"/tmp/hooks.out",)"
                             R"("run.oci.hooks.stderr":"/tmp/hooks.err"})");
  ASSERT_STATUS(create_bundle(bundle), 0);
  ASSERT_STATUS(runtime({"start", bundle.id()}), 0);
  ASSERT_TRUE(reaches(bundle.id(), "stopped"));
  ASSERT_STATUS(runtime({"delete", bundle.id()}), 0);
  EXPECT_EQ(read_file("/tmp/hooks.out"),
            "before\nprestart\ncreateRuntime\ncreateContainer\nstartContainer\npoststart\n"
            "poststop\n");
  EXPECT_EQ(read_file("/tmp/hooks.err"),
            "not prestart\nnot createRuntime\nnot createContainer\nnot startContainer\n"
            "not poststart\nnot poststop\n");
  struct stat st {};
  ASSERT_EQ(::stat("/tmp/hooks.err", &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0600U);
}

OCI_TEST(Annotations, HookFilesMustBeAbsolute) {
  Bundle bundle;
  bundle.set("/annotations", R"({"run.oci.hooks.stderr":"hooks.err"})");
  const Outcome outcome = create_bundle(bundle);
  EXPECT_STATUS(outcome, 1);
  EXPECT_TRUE(contains(outcome.err, "/annotations/run.oci.hooks.stderr: \"hooks.err\""))
      << outcome.err;
  EXPECT_FALSE(path_exists("/run/ocictr/" + bundle.id()));
}

}  // namespace
