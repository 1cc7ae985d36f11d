// SPDX-License-Identifier: Apache-2.0
// `checkpoint` and `restore` as far as no criu is needed: command lines, and that a machine without
// it (or a kernel on which it does not work) loses nothing. tests/guest has the rest.
#include "tests/support/runtime.h"

namespace {

using namespace support;

// A PATH without criu.
Command without_criu(std::vector<std::string> words) {
  words.insert(words.begin(), {runtime_path(), "--root", state_root()});
  return {.argv = std::move(words), .env = {{"PATH=/nowhere"}}};
}

struct Counting {
  Bundle bundle;
  Counting() {
    bundle.args({"/bin/guest", "hold"});
    EXPECT_STATUS(create_bundle(bundle), 0);
    EXPECT_STATUS(runtime({"start", bundle.id()}), 0);
  }
  ~Counting() {
    EXPECT_EQ(state_of(bundle.id(), "/status"), "running");
    EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
  }
};

OCI_TEST(Checkpoint, HelpSaysThatThereIsNoCriu) {
  const Outcome outcome = run(without_criu({"checkpoint", "--help"}));
  EXPECT_STATUS(outcome, 1);
  EXPECT_TRUE(contains(outcome.out, "--leave-running"));
  EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
  EXPECT_TRUE(contains(outcome.err, "criu")) << outcome.err;
  EXPECT_STATUS(run(without_criu({"restore", "--help"})), 0);
}

OCI_TEST(Checkpoint, WithoutCriuIsAnErrorThatLosesNothing) {
  const Counting container;
  const Outcome outcome =
      run(without_criu({"checkpoint", "--image-path", "/tmp/images", container.bundle.id()}));
  EXPECT_STATUS(outcome, 1);
  EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
  EXPECT_TRUE(contains(outcome.err, "executable file not found in $PATH")) << outcome.err;
  EXPECT_FALSE(path_exists("/tmp/images"));
}

OCI_TEST(Checkpoint, MistakesAreNamed) {
  const Counting container;
  const std::string id = container.bundle.id();
  EXPECT_STATUS(runtime({"checkpoint", "--no-such-option", id}), 1);
  EXPECT_STATUS(runtime({"checkpoint", "--status-fd", "x", id}), 1);
  EXPECT_STATUS(runtime({"checkpoint", "--status-fd", "2", id}), 1);
  const Outcome nobody = runtime({"checkpoint", "nobody"});
  EXPECT_STATUS(nobody, 1);
  EXPECT_TRUE(contains(nobody.err, "does not exist")) << nobody.err;
}

OCI_TEST(Checkpoint, OfACreatedContainerIsRefused) {
  Bundle bundle;
  ASSERT_STATUS(create_bundle(bundle), 0);
  const Outcome outcome = runtime({"checkpoint", bundle.id()});
  EXPECT_STATUS(outcome, 1);
  EXPECT_TRUE(contains(outcome.err, "container not running")) << outcome.err;
  EXPECT_STATUS(runtime({"delete", bundle.id()}), 0);
}

// podman asks in this way whether the option is known.
OCI_TEST(Restore, AnOptionWithoutItsValueIsNamed) {
  const Outcome outcome = runtime({"restore", "--lsm-mount-context"});
  EXPECT_STATUS(outcome, 1);
  EXPECT_TRUE(contains(outcome.err, "requires an argument")) << outcome.err;
}

OCI_TEST(Restore, WithoutCriuLeavesNothing) {
  Bundle bundle;
  const Outcome outcome =
      run(without_criu({"restore", "--bundle", bundle.path(), "--pid-file", "/tmp/pid", "--detach",
                        "--image-path", "/tmp", "--no-pivot", "-no-subreaper", bundle.id()}));
  EXPECT_STATUS(outcome, 1);
  EXPECT_TRUE(contains(outcome.err, "criu")) << outcome.err;
  EXPECT_FALSE(path_exists("/tmp/pid"));
  EXPECT_FALSE(path_exists(state_root() + "/" + bundle.id()));
}

OCI_TEST(Update, RdtNeedsAGroupOfTheContainers) {
  const Counting container;
  const Outcome outcome = runtime({"update", "--l3-cache-schema", "L3:0=f", container.bundle.id()});
  EXPECT_STATUS(outcome, 1);
  EXPECT_TRUE(contains(outcome.err, "linux.intelRdt")) << outcome.err;
}

}  // namespace
