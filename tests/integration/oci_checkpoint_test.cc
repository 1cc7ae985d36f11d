// SPDX-License-Identifier: Apache-2.0
// `checkpoint` and `restore` as far as no criu is needed: command lines, and that a machine without
// it (or a kernel on which it does not work) loses nothing. tests/guest has the rest.
#include <algorithm>
#include <cstring>

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

// A criu that can do anything, writes down what it is asked for ("NUMBER VALUE" for each field of
// criu_opts) and then declines.
class AskedCriu {
 public:
  AskedCriu() {
    write_file(dir_ / "criu", R"PYTHON(#!/usr/bin/python3
import os, socket, sys

def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7f) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            return value, at

def fields(data):
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        value, at = varint(data, at)
        if key & 7 == 2:
            value, at = data[at:at + value], at + value
        yield key >> 3, value

CHECK, FEATURES = 3, 9
talk = socket.socket(fileno=int(sys.argv[2]))
request = dict(fields(talk.recv(1 << 16)))
kind = request[1]
if kind == CHECK:
    talk.send(b"\x08\x03\x10\x01")
elif kind == FEATURES:
    talk.send(b"\x08\x09\x10\x01\x42\x04\x08\x01\x10\x01")
else:
    with open(os.path.dirname(sys.argv[0]) + "/asked", "w") as out:
        print("kind", kind, file=out)
        for number, value in fields(request[2]):
            text = value.decode("latin-1") if isinstance(value, bytes) else value
            print(number, repr(text), file=out)
    talk.send(bytes([8, kind, 16, 0, 0x4a, 2]) + b"no")
)PYTHON",
               0755);
  }
  Outcome run(std::vector<std::string> words) const {
    words.insert(words.begin(), {runtime_path(), "--root", state_root()});
    return support::run(
        {.argv = std::move(words), .env = {{"PATH=" + dir_.path() + ":/usr/bin:/bin"}}});
  }
  std::vector<std::string> asked() const { return lines_of(read_file(dir_ / "asked")); }
  bool was_asked(const std::string& line) const {
    const std::vector<std::string> lines = asked();
    return std::find(lines.begin(), lines.end(), line) != lines.end();
  }

 private:
  TempDir dir_;
};

// By the numbers of criu's rpc.proto.
OCI_TEST(Checkpoint, OptionsReachCriu) {
  const Counting container;
  const AskedCriu criu;
  make_directories("/tmp/images/earlier");
  const Outcome outcome = criu.run({"checkpoint",
                                    "--image-path",
                                    "/tmp/images",
                                    "--work-path",
                                    "/tmp/work",
                                    "--parent-path",
                                    "earlier",
                                    "--leave-running",
                                    "--tcp-established",
                                    "--ext-unix-sk",
                                    "--shell-job",
                                    "--file-locks",
                                    "--empty-ns",
                                    "network",
                                    "--manage-cgroups-mode",
                                    "strict",
                                    "--network-lock",
                                    "nftables",
                                    "--page-server",
                                    "127.0.0.1:27",
                                    "--lazy-pages",
                                    "--auto-dedup",
                                    "--link-remap",
                                    "--tcp-skip-in-flight",
                                    "--leave-running",
                                    container.bundle.id()});
  EXPECT_STATUS(outcome, 1);
  EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
  EXPECT_TRUE(contains(outcome.err, "/tmp/work/dump.log")) << outcome.err;
  const std::string pid = std::to_string(pid_of(container.bundle.id()));
  for (const std::string& line :
       {std::string("kind 1"), "2 " + pid, std::string("3 1"), std::string("4 1"),
        std::string("5 1"), std::string("7 1"), std::string("8 1"), std::string("10 'dump.log'"),
        std::string("11 '\\n\\t127.0.0.1\\x10\\x1b'"), std::string("14 'earlier'"),
        std::string("15 1"), std::string("16 1"), std::string("18 1"), std::string("34 5"),
        std::string("38 1073741824"), std::string("46 1"), std::string("48 1"),
        std::string("64 2")})
    EXPECT_TRUE(criu.was_asked(line)) << line << "\n" << testing::PrintToString(criu.asked());
  // Without them nothing but what always is.
  EXPECT_STATUS(criu.run({"checkpoint", "--image-path", "/tmp/images", container.bundle.id()}), 1);
  for (const char* number :
       {"3", "4", "5", "7", "8", "11", "14", "15", "16", "17", "18", "38", "46", "48", "64"})
    for (const std::string& line : criu.asked())
      EXPECT_FALSE(line.starts_with(std::string(number) + " ")) << line;
  for (const char* mode : {"soft 34 3", "full 34 4", "ignore 34 0"}) {
    const std::string word(mode, ::strchr(mode, ' '));
    EXPECT_STATUS(criu.run({"checkpoint", "--image-path", "/tmp/images", "--manage-cgroups-mode",
                            word, container.bundle.id()}),
                  1);
    EXPECT_TRUE(criu.was_asked(::strchr(mode, ' ') + 1)) << mode;
  }
  EXPECT_STATUS(
      criu.run({"checkpoint", "--pre-dump", "--image-path", "/tmp/images", container.bundle.id()}),
      1);
  EXPECT_TRUE(criu.was_asked("kind 4") && criu.was_asked("15 1"));
  remove_tree("/tmp/images");
  remove_tree("/tmp/work");
}

OCI_TEST(Checkpoint, TheSettingsOfCriuAreThoseOfTheAnnotation) {
  Bundle bundle;
  const AskedCriu criu;
  make_directories("/tmp/images");
  write_file("/tmp/images/descriptors.json", "[]");
  for (const auto& [annotations, asked] :
       {std::pair{R"({"org.criu.config":"/tmp/criu.conf"})", "51 '/tmp/criu.conf'"},
        std::pair{R"({"org.criu.config":""})", ""}, std::pair{"{}", "51 '/etc/criu/runc.conf'"}}) {
    bundle.set("/annotations", annotations);
    EXPECT_STATUS(criu.run({"restore", "--bundle", bundle.path(), "--image-path", "/tmp/images",
                            "--detach", bundle.id()}),
                  1);
    for (const std::string& line : criu.asked())
      EXPECT_TRUE(!line.starts_with("51 ") || line == asked) << line;
    EXPECT_EQ(criu.was_asked(asked), *asked != '\0') << annotations;
  }
  remove_tree("/tmp/images");
}

// One dash, as containerd writes it; a security module's label, as podman and CRI-O do.
OCI_TEST(Restore, OptionsReachCriu) {
  Bundle bundle;
  const AskedCriu criu;
  make_directories("/tmp/images");
  write_file("/tmp/images/descriptors.json", "[]");
  const Outcome outcome = criu.run({"restore",
                                    "--bundle",
                                    bundle.path(),
                                    "--image-path",
                                    "/tmp/images",
                                    "--work-path",
                                    "/tmp/work",
                                    "--parent-path",
                                    "../earlier",
                                    "--pid-file",
                                    "/tmp/pid",
                                    "--detach",
                                    "--no-pivot",
                                    "-no-subreaper",
                                    "--no-new-keyring",
                                    "--tcp-established",
                                    "--tcp-close",
                                    "--ext-unix-sk",
                                    "--shell-job",
                                    "--file-locks",
                                    "--empty-ns",
                                    "network",
                                    "--manage-cgroups-mode=full",
                                    "--network-lock=skip",
                                    "--auto-dedup",
                                    "--lazy-pages",
                                    "--lsm-profile=selinux:a:b:c",
                                    "--lsm-mount-context=d:e:f",
                                    bundle.id()});
  EXPECT_STATUS(outcome, 1);
  EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
  EXPECT_TRUE(contains(outcome.err, "/tmp/work/restore.log")) << outcome.err;
  for (const char* line :
       {"kind 2", "4 1", "5 1", "7 1", "8 1", "10 'restore.log'", "16 1", "26 1", "34 4",
        "38 1073741824", "48 1", "52 1", "53 'selinux:a:b:c'", "63 'd:e:f'", "64 3"})
    EXPECT_TRUE(criu.was_asked(line)) << line << "\n" << testing::PrintToString(criu.asked());
  EXPECT_FALSE(path_exists("/tmp/pid"));
  EXPECT_FALSE(path_exists(state_root() + "/" + bundle.id()));
  remove_tree("/tmp/images");
  remove_tree("/tmp/work");
}

OCI_TEST(Update, RdtNeedsAGroupOfTheContainers) {
  const Counting container;
  const Outcome outcome = runtime({"update", "--l3-cache-schema", "L3:0=f", container.bundle.id()});
  EXPECT_STATUS(outcome, 1);
  EXPECT_TRUE(contains(outcome.err, "linux.intelRdt")) << outcome.err;
}

}  // namespace
