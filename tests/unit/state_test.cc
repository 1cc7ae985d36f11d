// SPDX-License-Identifier: Apache-2.0
#include "runtime/state/state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/state/id.h"
#include "runtime/state/status.h"

namespace oci {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

ContainerState full_state() {
  ContainerState state;
  state.oci_version = "1.2.0";
  state.id = "web";
  state.bundle = "/b \"quoted\"\n";
  state.rootfs = "/b/rootfs";
  state.created = "2026-01-02T03:04:05.678901Z";
  state.owner = 4294967294U;
  state.annotations = {{"a/b", "\xc3\xa9"}, {"empty", ""}};
  state.init = {.pid = 4242, .start_time = 18446744073709551615U, .boot_id = "some-boot"};
  state.cgroup = {.driver = CgroupDriver::Systemd,
                  .record = {.path = "/a/b",
                             .existed = {{"", 1}, {"unified", 2}},
                             .owner = "web 7 8",
                             .inode = {{"unified", 0xfedcba9876543210}}},
                  .scope = "ocictr-web.scope",
                  .freezer = "/sys/fs/cgroup/freezer/a/b/freezer.state"};
  state.own_pid_namespace = true;
  state.no_process = true;
  state.exit_status = 137;
  state.rdt_directories = {"/sys/fs/resctrl/web"};
  state.terminal = true;
  state.detached = true;
  state.callers_keyring = true;
  state.external_descriptors = {"/dev/null", "pipe:[1]", "/dev/pts/0"};
  state.has_poststart_hooks = true;
  state.has_poststop_hooks = true;
  return state;
}

std::string complaint(const std::string& text) {
  const ctr::Result<ContainerState> state = decode_state(text);
  return state.ok() ? "accepted" : state.error().message;
}

TEST(State, SurvivesTheFile) {
  const ContainerState state = full_state();
  const ctr::Result<ContainerState> read = decode_state(encode_state(state));
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(*read, state);
}

TEST(State, HasTheKeysThatOthersReadInRuncsRecord) {
  ContainerState state = full_state();
  state.init.pid = 42;
  state.init.start_time = 4711;
  EXPECT_THAT(encode_state(state),
              HasSubstr(R"("init_process_pid":42,"init_process_start":4711,)"));
  state.init.pid = 0;
  EXPECT_THAT(encode_state(state), Not(HasSubstr("init_process_pid"))) << "there is none yet";
}

TEST(State, ReadsOlderRecords) {
  const ctr::Result<ContainerState> state = decode_state(
      R"({"format":1,"id":"web","annotations":{},"init":{"pid":5,"startTime":6,"bootId":"b"},)"
      R"("cgroup":{"driver":"cgroupfs","path":"/a/b","existed":{"cpu,cpuacct":1,"unified":2},)"
      R"("scope":"","user":true},"sharedRoot":{"at":"","covers":0},"noProcess":false})");
  ASSERT_TRUE(state.ok()) << state.error().message;
  EXPECT_EQ(state->init, (ProcessIdentity{5, 6, "b"}));
  const std::map<std::string, unsigned> existed = {{"cpu,cpuacct", 1}, {"unified", 2}};
  EXPECT_EQ(state->cgroup.record.existed, existed);
  EXPECT_EQ(state->cgroup.systemd, ctr::SystemdInstance::User);
}

TEST(State, WritesNoDefaults) {
  ContainerState state;
  state.id = "web";
  EXPECT_EQ(encode_state(state), "{\"format\":2,\"id\":\"web\"}\n");
}

TEST(State, MissingMembersHaveDefaultsAndUnknownOnesAreIgnored) {
  const ctr::Result<ContainerState> state =
      decode_state(R"({"format":1,"id":"web","fromTheFuture":{"x":[1]},"cgroup":{}})");
  ASSERT_TRUE(state.ok()) << state.error().message;
  EXPECT_EQ(state->id, "web");
  EXPECT_EQ(state->init.pid, 0);
  EXPECT_EQ(state->cgroup.driver, CgroupDriver::Cgroupfs);
}

TEST(State, AKnownNameInAnUnknownPlaceMeansNothing) {
  const ctr::Result<ContainerState> state = decode_state(
      R"({"format":2,"id":"web","x":{"id":"no","pid":7},"init":{"id":"no","init":{"pid":7}},)"
      R"("annotations":{"id":"a"},"cgroup":{"inode":{"path":3},"x":{"path":"no"}},"terminal":true})");
  ASSERT_TRUE(state.ok()) << state.error().message;
  ContainerState expected;
  expected.id = "web";
  expected.annotations = {{"id", "a"}};
  expected.cgroup.record.inode = {{"path", 3}};
  expected.terminal = true;
  EXPECT_EQ(*state, expected);
}

TEST(State, DamagedTextIsAnErrorThatNamesTheMember) {
  EXPECT_NE(complaint(""), "accepted");
  EXPECT_NE(complaint("{"), "accepted");
  EXPECT_THAT(complaint("[]"), HasSubstr("not a JSON object"));
  EXPECT_THAT(complaint("{}"), HasSubstr("format 0"));
  EXPECT_THAT(complaint(R"({"format":3})"), HasSubstr("format 3"));
  EXPECT_THAT(complaint(R"({"format":1,"id":7})"), HasSubstr("\"id\" is not a string"));
  EXPECT_THAT(complaint(R"({"format":1,"init":[]})"), HasSubstr("\"init\" is not an object"));
  EXPECT_THAT(complaint(R"({"format":1,"init":{"pid":-1}})"), HasSubstr("\"pid\""));
  EXPECT_THAT(complaint(R"({"format":1,"init":{"pid":4294967296}})"), HasSubstr("\"pid\""));
  EXPECT_THAT(complaint(R"({"format":1,"init":{"pid":1.5}})"), HasSubstr("\"pid\""));
  EXPECT_THAT(complaint(R"({"format":1,"annotations":{"a":null}})"), HasSubstr("\"a\""));
  EXPECT_THAT(complaint(R"({"format":1,"cgroup":{"driver":"x"}})"), HasSubstr("\"driver\""));
  EXPECT_THAT(complaint(R"({"format":1,"externalDescriptors":[1]})"), HasSubstr("array"));
  EXPECT_THAT(complaint(R"({"format":1,"externalDescriptors":{"a":"b"}})"), HasSubstr("array"));
  EXPECT_THAT(complaint(R"({"format":1,"id":{"id":"x"}})"), HasSubstr("\"id\" is not a string"));
  EXPECT_THAT(complaint(R"({"format":1,"cgroup":{"existed":{"cpu":"1"}}})"), HasSubstr("\"cpu\""));
  EXPECT_THAT(complaint(R"({"format":1,"cgroup":{"inode":[]}})"), HasSubstr("\"inode\""));
}

TEST(State, AnotherRuntimesRecordIsRefused) {
  EXPECT_THAT(complaint(R"({"id":"web","init_process_pid":1,"config":{}})"),
              HasSubstr("not a record"));
}

TEST(ContainerId, TheAllowedSet) {
  for (const char* id : {"a", "A-z_0+9.x", "a..", "-x", "+"}) EXPECT_TRUE(check_id(id).ok()) << id;
  EXPECT_TRUE(check_id(std::string(kMaxIdLength, 'a')).ok());
}

TEST(ContainerId, WhatWouldNotBeAName) {
  for (const std::string& id :
       {std::string(), std::string("."), std::string(".."), std::string(".x"), std::string("a/b"),
        std::string("../x"), std::string("a b"), std::string("a\nb"), std::string("\xc3\xa9"),
        std::string("\xe2\x80\xae"), std::string("%s%n"), std::string("a\0b", 3),
        std::string(kMaxIdLength + 1, 'a'), std::string(5000, 'a')}) {
    const ctr::Result<void> checked = check_id(id);
    ASSERT_FALSE(checked.ok()) << id;
    EXPECT_THAT(checked.error().message, HasSubstr("invalid container ID format"));
    EXPECT_EQ(checked.error().message.find('\n'), std::string::npos);
    EXPECT_LT(checked.error().message.size(), 400U);
  }
}

TEST(Status, TheFreezersWords) {
  EXPECT_TRUE(says_frozen("FROZEN\n"));
  EXPECT_FALSE(says_frozen("FREEZING\n"));
  EXPECT_FALSE(says_frozen("THAWED\n"));
  EXPECT_TRUE(says_frozen("populated 1\nfrozen 1\n"));
  EXPECT_FALSE(says_frozen("populated 1\nfrozen 0\n"));
  EXPECT_FALSE(says_frozen(""));
}

}  // namespace
}  // namespace oci
