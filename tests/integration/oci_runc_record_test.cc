// SPDX-License-Identifier: Apache-2.0
// Annotation org.ctrtool.runc-state: what tools that know runc read in ROOT/ID/state.json. Each of
// them reads a few members of it.
#include "tests/support/runtime.h"

namespace {

using namespace support;

std::string record_of(const Bundle& bundle) {
  return read_file(state_root() + "/" + bundle.id() + "/state.json");
}

std::string at(const std::string& record, const std::string& pointer) {
  return json_get(record, pointer).value_or("(absent)");
}

OCI_TEST(RuncRecord, HasWhatToolsRead) {
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"})
      .bind("/tmp", "/data", "ro")
      .set("/annotations", R"({"org.ctrtool.runc-state":"true","io.kubernetes.pod.name":"web",)"
                           R"("bundle":"/elsewhere"})");
  ASSERT_STATUS(create_bundle(bundle), 0);
  ASSERT_STATUS(runtime({"start", bundle.id()}), 0);
  const std::string record = record_of(bundle);
  const std::string proc = "/proc/" + std::to_string(pid_of(bundle.id()));

  // A monitor finds the process, and knows whether it is still that one.
  EXPECT_EQ(at(record, "/id"), bundle.id());
  EXPECT_EQ("/proc/" + at(record, "/init_process_pid"), proc);
  const std::string stat = read_file(proc + "/stat");
  EXPECT_TRUE(contains(stat, " " + at(record, "/init_process_start") + " ")) << stat;

  // One that meters reads the directory of each controller.
  for (const Hierarchy& hierarchy : cgroup_hierarchies()) {
    const std::string first = hierarchy.controllers.substr(0, hierarchy.controllers.find(','));
    EXPECT_EQ(at(record, "/cgroup_paths/" + first), hierarchy.mount + bundle.cgroup());
  }
  EXPECT_EQ(at(record, "/config/cgroups/path"), bundle.cgroup());

  // One that enters opens the namespaces.
  for (const auto& [name, file] : {std::pair{"NEWNET", "net"},
                                   {"NEWNS", "mnt"},
                                   {"NEWPID", "pid"},
                                   {"NEWIPC", "ipc"},
                                   {"NEWUTS", "uts"},
                                   {"NEWUSER", "user"},
                                   {"NEWCGROUP", "cgroup"},
                                   {"NEWTIME", "time"}}) {
    const std::string path = at(record, std::string("/namespace_paths/") + name);
    EXPECT_EQ(path, proc + "/ns/" + file);
    EXPECT_NE(link_target(path), "") << path;
  }
  const std::string namespaces = at(record, "/config/namespaces");
  EXPECT_TRUE(contains(namespaces, R"({"type":"NEWNET","path":""})")) << namespaces;

  // One that audits reads root, mounts and labels.
  EXPECT_EQ(at(record, "/config/rootfs"), bundle.rootfs());
  const std::string mounts = at(record, "/config/mounts");
  EXPECT_TRUE(contains(mounts, R"({"source":"/tmp","destination":"/data","device":"bind"})"))
      << mounts;
  EXPECT_TRUE(contains(mounts, R"("destination":"/proc","device":"proc"})")) << mounts;
  const std::string labels = at(record, "/config/labels");
  EXPECT_TRUE(contains(labels, R"("io.kubernetes.pod.name=web")")) << labels;
  EXPECT_TRUE(contains(labels, "\"bundle=" + bundle.path() + "\"")) << labels;
  EXPECT_FALSE(contains(labels, "/elsewhere")) << labels;

  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
}

OCI_TEST(RuncRecord, StaysWithARecordThatIsKept) {
  Bundle bundle;
  bundle.args({"/bin/guest", "exit", "4"})
      .set("/annotations", R"({"org.ctrtool.runc-state":"true"})");
  EXPECT_STATUS(run_bundle(bundle, {"--keep"}), 4);
  EXPECT_EQ(at(record_of(bundle), "/config/rootfs"), bundle.rootfs());
  EXPECT_EQ(runtime({"wait", bundle.id()}).out, "4\n");
  EXPECT_STATUS(runtime({"delete", bundle.id()}), 0);
}

OCI_TEST(RuncRecord, IsThereOnlyWhenAskedFor) {
  Bundle bundle;
  for (const char* annotations : {"{}", R"({"org.ctrtool.runc-state":"false"})"}) {
    bundle.set("/annotations", annotations);
    ASSERT_STATUS(create_bundle(bundle), 0);
    for (const char* member : {"/config", "/cgroup_paths", "/namespace_paths"})
      EXPECT_EQ(at(record_of(bundle), member), "(absent)") << annotations;
    EXPECT_NE(at(record_of(bundle), "/init_process_pid"), "(absent)");
    EXPECT_STATUS(runtime({"delete", bundle.id()}), 0);
  }
}

}  // namespace
