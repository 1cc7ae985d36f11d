// SPDX-License-Identifier: Apache-2.0
// `mounts`: what is attached to a container that runs already.
#include <stdlib.h>

#include "tests/support/runtime.h"

namespace {

using namespace support;

struct Started {
  Bundle bundle;
  TempDir source;

  Started() {
    // `mounts` ends in the container's namespace, in whose /proc the leak checker can't find
    // itself.
    ::setenv("ASAN_OPTIONS", "detect_leaks=0:exitcode=99", 1);
    bundle.args({"/bin/guest", "hold"});
    write_file(source / "file", "from outside\n");
    EXPECT_STATUS(create_bundle(bundle), 0);
    EXPECT_STATUS(runtime({"start", bundle.id()}), 0);
  }
  ~Started() { EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0); }

  Outcome change(const std::string& action, const std::string& mounts) const {
    Command command = runtime_command({"mounts", action, bundle.id(), "-"});
    command.input = mounts;
    return run(command);
  }
  Outcome exec(const std::string& script) const {
    return runtime({"exec", bundle.id(), "/bin/sh", "-c", script});
  }
  std::string bind(const std::string& to, const std::string& options = R"("rbind")") const {
    return R"({"destination":")" + to + R"(","type":"bind","source":")" + source.path() +
           R"(","options":[)" + options + "]}";
  }
};

OCI_TEST(Mounts, AreAddedAndRemoved) {
  const Started container;
  ASSERT_STATUS(container.change("add", "[" + container.bind("/new/data") + "," +
                                            container.bind("/other", R"("bind","ro")") + "]"),
                0);
  EXPECT_EQ(container.exec("cat /new/data/file /other/file").out, "from outside\nfrom outside\n");
  EXPECT_STATUS(container.exec("echo x > /new/data/made"), 0);
  EXPECT_TRUE(path_exists(container.source / "made"));
  EXPECT_NE(container.exec("echo x > /other/made").status, 0) << "read-only";
  ASSERT_STATUS(
      container.change("remove", R"([{"destination":"/new/data"},{"destination":"/other"}])"), 0);
  EXPECT_NE(container.exec("cat /new/data/file").status, 0);
  EXPECT_EQ(container.exec("grep -c -e /new/data -e /other /proc/self/mountinfo").out, "0\n");
}

OCI_TEST(Mounts, AreAllAddedOrNone) {
  const Started container;
  const Outcome outcome =
      container.change("add", "[" + container.bind("/one") +
                                  R"(,{"destination":"/two","type":"bind","source":"/no/such"}])");
  EXPECT_STATUS(outcome, 1);
  EXPECT_EQ(lines_of(outcome.err).size(), 1U);
  EXPECT_TRUE(contains(outcome.err, "/no/such")) << outcome.err;
  EXPECT_EQ(container.exec("grep -c /one /proc/self/mountinfo").out, "0\n");
}

OCI_TEST(Mounts, StayInsideTheRoot) {
  const Started container;
  ASSERT_STATUS(container.exec("mkdir /tmp/d; ln -s ../../../../tmp/d /tmp/link"), 0);
  ASSERT_STATUS(container.change("add", "[" + container.bind("/tmp/link") + "]"), 0);
  EXPECT_EQ(container.exec("cat /tmp/d/file").out, "from outside\n");
  EXPECT_FALSE(path_exists("/tmp/d"));
  EXPECT_STATUS(container.change("remove", R"([{"destination":"/tmp/link"}])"), 1)
      << "a link is no mount";
  EXPECT_STATUS(container.change("remove", R"([{"destination":"/tmp/d"}])"), 0);
}

OCI_TEST(Mounts, RefuseWhatTheyCannotDo) {
  const Started container;
  EXPECT_STATUS(container.change("add", R"([{"destination":"/t","type":"tmpfs"}])"), 1);
  EXPECT_STATUS(container.change("add", "{"), 1);
  EXPECT_STATUS(container.change("move", "[]"), 1);
  EXPECT_STATUS(container.change("remove", R"([{"destination":"/etc"}])"), 1);
  EXPECT_STATUS(runtime({"mounts", "add", "nobody", "-"}), 1);
}

OCI_TEST(Mounts, AreAddedToAUserNamespace) {
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"}).map_ids(100000, 65536);
  TempDir source;
  write_file(source / "file", "mapped\n");
  ASSERT_STATUS(create_bundle(bundle), 0);
  ASSERT_STATUS(runtime({"start", bundle.id()}), 0);
  Command command = runtime_command({"mounts", "add", bundle.id(), "-"});
  command.input = R"([{"destination":"/tmp/file","type":"bind","source":")" + source.path() +
                  R"(/file","options":["bind","ro"]}])";
  EXPECT_STATUS(run(command), 0);
  EXPECT_EQ(runtime({"exec", bundle.id(), "/bin/sh", "-c", "cat /tmp/file"}).out, "mapped\n");
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
}

}  // namespace
