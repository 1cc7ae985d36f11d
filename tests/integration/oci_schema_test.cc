// SPDX-License-Identifier: Apache-2.0
// Schema sweep: every leaf of a configuration times other types, null, extremes and hostile
// strings, as a user would give it to the program. Other types are refused; what else is refused is
// refused in one line, and whatever happens nothing is left. In short runs samples. The same for
// every property there is, without the program: EveryNode.* of tests/unit.
#include <stdio.h>
#include <stdlib.h>

#include <algorithm>

#include "ctrtool/core/base/strf.h"
#include "tests/support/runtime.h"

namespace {

using namespace support;

// A container that can be created here, with something of everything.
void fill(Bundle& bundle) {
  bundle.args({"/bin/guest", "hold"});
  const std::pair<const char*, const char*> kMore[] = {
      {"/process/user", R"({"uid":1000,"gid":1000,"umask":18,"additionalGids":[5]})"},
      {"/process/oomScoreAdj", "500"},
      {"/process/ioPriority", R"({"class":"IOPRIO_CLASS_BE","priority":4})"},
      {"/process/scheduler", R"({"policy":"SCHED_BATCH","nice":3})"},
      {"/process/capabilities/inheritable", R"(["CAP_KILL"])"},
      {"/process/capabilities/ambient", R"(["CAP_KILL"])"},
      {"/annotations", R"({"org.example/key":"value"})"},
      {"/hooks",
       R"({"createRuntime":[{"path":"/bin/true","args":["true"],"env":["A=1"],"timeout":10}]})"},
      {"/linux/resources/memory", R"({"limit":268435456,"reservation":134217728})"},
      {"/linux/resources/pids", R"({"limit":100})"},
      {"/linux/resources/cpu", R"({"shares":512,"quota":50000,"period":100000})"},
      {"/linux/resources/devices/-",
       R"({"allow":true,"type":"c","major":10,"minor":200,"access":"rw"})"},
      {"/linux/devices",
       R"([{"path":"/dev/mine","type":"c","major":1,"minor":3,"fileMode":438,"uid":0,"gid":5}])"},
      {"/linux/sysctl", R"({"net.ipv4.ip_forward":"1","kernel.msgmax":"4096"})"},
      {"/linux/rootfsPropagation", R"("rslave")"},
      {"/linux/personality", R"({"domain":"LINUX"})"},
      {"/linux/seccomp",
       R"({"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86_64"],"syscalls":[
          {"names":["mkdir"],"action":"SCMP_ACT_ERRNO","errnoRet":1,
           "args":[{"index":1,"value":511,"valueTwo":0,"op":"SCMP_CMP_EQ"}]}]})"},
  };
  for (const auto& [pointer, value] : kMore) bundle.set(pointer, value);
}

const std::vector<std::string>& values_of_types() {
  static const std::vector<std::string> kValues = {"null", "true", "7", R"("7")", "[]", "{}"};
  return kValues;
}

bool is_of(JsonLeaf::Type type, const std::string& value) {
  switch (type) {
    case JsonLeaf::Type::Number:
      return value == "7";
    case JsonLeaf::Type::String:
      return value == R"("7")";
    case JsonLeaf::Type::Other:
      return value == "true";
  }
  return false;
}

std::vector<std::string> extremes_of(const JsonLeaf& leaf) {
  if (leaf.type == JsonLeaf::Type::Number)
    return {
        "0",  "1", "-1", "4294967295", "4294967296", "-9223372036854775808", "18446744073709551615",
        "1.5"};
  // Control groups are the whole machine's: no names there that are not this test's own.
  if (leaf.type != JsonLeaf::Type::String || leaf.pointer == "/linux/cgroupsPath") return {};
  std::vector<std::string> texts;
  for (const std::string& text :
       {std::string(), std::string(" "), std::string(".."), std::string("/../../../etc/passwd"),
        std::string("/proc/self/fd/0/.."), std::string("-1"), std::string("%s%n"),
        std::string("two\nlines"), std::string("\x1b[31m"), std::string("cut\0short", 9),
        std::string(300, 'x'), "/" + std::string(70000, 'y')})
    texts.push_back(json_string(text));
  return texts;
}

struct Change {
  std::string pointer;
  std::string value;
  bool must_fail;
};

std::vector<Change> all_changes(const std::string& config) {
  std::vector<Change> all;
  for (const JsonLeaf& leaf : json_leaves(config)) {
    for (const std::string& value : values_of_types())
      if (!is_of(leaf.type, value)) all.push_back({leaf.pointer, value, true});
    for (const std::string& value : extremes_of(leaf)) all.push_back({leaf.pointer, value, false});
  }
  return all;
}

std::vector<Change> changes_to_try(const std::string& config) {
  constexpr std::size_t kSamples = 24;
  std::vector<Change> all = all_changes(config);
  if (::getenv("OCICTR_TEST_LONG") != nullptr) return all;
  std::vector<Change> some;
  for (std::size_t i = 0; i < kSamples; ++i) some.push_back(all[all.size() * i / kSamples]);
  return some;
}

// Of the processors, not by the clock: how busy the machine is says nothing about us.
#ifdef OCICTR_SANITIZED
constexpr double kMostMs = 1000;
#else
constexpr double kMostMs = 100;
#endif

// Of an outcome: how it may not be, whatever the configuration says.
void expect_answer(const Outcome& outcome) {
  EXPECT_LT(outcome.status, 128) << "it hangs, or a signal ended it";
  if (outcome.status != 0) {
    EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
  }
}

OCI_TEST(SchemaSweep, OfAConfigurationThatRuns) {
  Bundle bundle;
  fill(bundle);
  const Snapshot before = take_snapshot();
  ASSERT_STATUS(create_bundle(bundle), 0);
  ASSERT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);

  const std::string good = bundle.config();
  const std::vector<Change> changes = changes_to_try(good);
  unsigned refused = 0;
  double slowest = 0;
  std::string where;
  for (const Change& change : changes) {
    SCOPED_TRACE(change.pointer + " = " + change.value.substr(0, 40));
    bundle.write_config(json_set(good, change.pointer, change.value));
    const Outcome valid = runtime({"validate", bundle.path()});
    EXPECT_LT(valid.status, 128) << valid.err;
    const Outcome created = create_bundle(bundle);
    for (const Outcome* outcome : {&valid, &created}) {
      EXPECT_LT(outcome->cpu_ms, kMostMs);
      if (outcome->cpu_ms <= slowest) continue;
      slowest = outcome->cpu_ms;
      where = change.pointer + " = " + change.value.substr(0, 40);
    }
    expect_answer(created);
    if (change.must_fail) {
      EXPECT_NE(valid.status, 0) << "validate takes it";
      EXPECT_NE(created.status, 0) << "create takes it";
    }
    if (valid.status != 0) {
      EXPECT_NE(created.status, 0) << "create takes it: " << valid.out;
    }
    if (created.status == 0) {
      EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
    } else {
      ++refused;
    }
    if (const auto left = left_behind(before); !left.empty()) {
      for (const std::string& line : left) ADD_FAILURE() << line;
      return;
    }
  }
  ::printf("%zu configurations, %u refused, at most %.1f ms of the processors (%s)\n",
           changes.size(), refused, slowest, where.c_str());
  EXPECT_GT(slowest, 0);
  EXPECT_GT(refused, 0U);
}

}  // namespace
