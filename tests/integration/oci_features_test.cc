// SPDX-License-Identifier: Apache-2.0
// `features` tells what runtime/CONFIG.md says: each of its members has a row there, and each word
// of its lists, and no other, is taken in config.json.
#include <algorithm>
#include <map>
#include <set>

#include "tests/support/paths.h"
#include "tests/support/runtime.h"
#include "tests/support/test_names.h"

namespace {

using namespace support;

std::string features() {
  const Outcome outcome = run({.argv = {runtime_path(), "features"}});
  EXPECT_STATUS(outcome, 0);
  return outcome.out;
}

std::vector<std::string> list_of(const std::string& text, const std::string& pointer) {
  std::vector<std::string> words;
  for (int i = 0; i < json_size(text, pointer); ++i)
    words.push_back(json_get(text, pointer + "/" + std::to_string(i)).value_or(""));
  EXPECT_FALSE(words.empty()) << pointer;
  return words;
}

// The lists and flags at and below a pointer.
void add_leaves(const std::string& text, const std::string& pointer, std::set<std::string>& out) {
  if (!json_get(text, pointer).value_or("").starts_with('{')) {
    out.insert(pointer);
    return;
  }
  for (const std::string& key : json_keys(text, pointer))
    add_leaves(text, pointer + "/" + key, out);
}

// The rows of runtime/CONFIG.md that begin so, by their first quoted word.
std::map<std::string, std::vector<std::string>> rows(const std::string& beginning) {
  std::map<std::string, std::vector<std::string>> out;
  for (const std::string& line : lines_of(read_file(source_dir() + "/runtime/CONFIG.md"))) {
    if (!line.starts_with(beginning)) continue;
    const std::vector<std::string> words = quoted_words(line);
    out[words.front()] = {words.begin() + 1, words.end()};
  }
  return out;
}

// The rest is of versions and annotations.
std::set<std::string> members_that_tell_of_configuration(const std::string& text) {
  std::set<std::string> out;
  for (const char* pointer : {"/hooks", "/mountOptions", "/linux"}) add_leaves(text, pointer, out);
  return out;
}

OCI_TEST(Features, TellWhatTheTableSays) {
  const std::string text = features();
  const auto told = rows("| tells `");
  const auto properties = rows("| `/");
  std::set<std::string> in_table;
  for (const auto& [member, of] : told) {
    in_table.insert(member);
    ASSERT_EQ(of.size(), 1U) << member;
    EXPECT_TRUE(properties.contains(of.front())) << member << " of " << of.front();
  }
  const std::set<std::string> members = members_that_tell_of_configuration(text);
  EXPECT_EQ(members, in_table);
  for (const std::string& member : members)
    EXPECT_TRUE(json_size(text, member) > 0 || json_get(text, member) == "true") << member;
  std::set<std::string> hooks;
  for (const auto& [property, of] : properties)
    if (property.starts_with("/hooks/") && property.rfind('/') == 6)
      hooks.insert(property.substr(7));
  const std::vector<std::string> told_hooks = list_of(text, "/hooks");
  EXPECT_EQ(std::set<std::string>(told_hooks.begin(), told_hooks.end()), hooks);
}

std::string problems(const Bundle& bundle) {
  return run({.argv = {runtime_path(), "validate", bundle.path()}}).out;
}

// What a message has in quotes is escaped there, and not again as a part of the line.
OCI_TEST(Validate, QuotesOnce) {
  Bundle bundle;
  bundle.set("/mounts", R"([{"destination":"/m","type":"bind","source":"/tmp",)"
                        R"("options":["bind","a\"b\nc"]}])");
  const std::string told = problems(bundle);
  EXPECT_NE(told.find(R"("a\"b\nc")"), std::string::npos) << told;
  EXPECT_EQ(told.find(R"(\"a)"), std::string::npos) << told;
  EXPECT_EQ(told.find(R"(\\)"), std::string::npos) << told;
}

// One mount for each option.
std::string mounts_with(const std::vector<std::string>& options) {
  constexpr const char* kMap = R"([{"containerID":0,"hostID":1000,"size":1}])";
  std::string mounts;
  for (const std::string& option : options)
    mounts += std::string(mounts.empty() ? "[" : ",") + R"({"type":"bind","source":"/tmp",)" +
              R"("destination":"/m/)" + option + R"(","options":["bind",)" + json_string(option) +
              R"(],"uidMappings":)" + kMap + R"(,"gidMappings":)" + kMap + "}";
  return mounts + "]";
}

std::string rules_with(const std::vector<std::string>& actions,
                       const std::vector<std::string>& operators) {
  std::string rules;
  const auto add = [&](const std::string& action, const std::string& args) {
    rules += std::string(rules.empty() ? "[" : ",") + R"({"names":["read"],"action":)" +
             json_string(action) + R"(,"args":[)" + args + "]}";
  };
  for (const std::string& action : actions) add(action, "");
  for (const std::string& op : operators)
    add("SCMP_ACT_KILL", R"({"index":0,"value":1,"op":)" + json_string(op) + "}");
  return rules + "]";
}

OCI_TEST(Features, EveryWordIsTakenInTheConfiguration) {
  const std::string text = features();
  Bundle bundle;
  bundle.set("/mounts", mounts_with(list_of(text, "/mountOptions")));
  std::string namespaces;
  for (const std::string& type : list_of(text, "/linux/namespaces"))
    namespaces +=
        std::string(namespaces.empty() ? "[" : ",") + R"({"type":)" + json_string(type) + "}";
  bundle.set("/linux/namespaces", namespaces + "]");
  const std::string ids = R"([{"containerID":0,"hostID":1000,"size":10}])";
  bundle.set("/linux/uidMappings", ids).set("/linux/gidMappings", ids);
  bundle.set("/process/capabilities/bounding", json_strings(list_of(text, "/linux/capabilities")));
  const std::string seccomp = "/linux/seccomp";
  bundle.set(seccomp + "/defaultAction", R"("SCMP_ACT_ALLOW")")
      .set(seccomp + "/listenerPath", R"("/agent")")
      .set(seccomp + "/architectures", json_strings(list_of(text, seccomp + "/archs")))
      .set(seccomp + "/flags", json_strings(list_of(text, seccomp + "/supportedFlags")))
      .set(seccomp + "/syscalls",
           rules_with(list_of(text, seccomp + "/actions"), list_of(text, seccomp + "/operators")));
  EXPECT_EQ(problems(bundle), "");
  const std::string policy = "/linux/memoryPolicy";
  bundle.set(policy + "/nodes", R"("0")");
  for (const std::string& mode : list_of(text, policy + "/modes"))
    EXPECT_EQ(problems(bundle.set(policy + "/mode", json_string(mode))), "") << mode;
  bundle.set(policy + "/mode", R"("MPOL_BIND")");
  for (const std::string& flag : list_of(text, policy + "/flags"))
    EXPECT_EQ(problems(bundle.set(policy + "/flags", json_strings({flag}))), "") << flag;
}

OCI_TEST(Features, NoOtherWordIsTaken) {
  const auto told_of = [](const std::string& pointer, const std::string& value,
                          const std::string& problem) {
    Bundle bundle;
    const std::string found = problems(bundle.set(pointer, value));
    EXPECT_TRUE(contains(found, problem)) << pointer << ": " << found;
  };
  told_of("/mounts/-",
          R"({"type":"bind","source":"/tmp","destination":"/m","options":["bind","none"]})",
          "options: a bind mount cannot have");
  told_of("/linux/namespaces/-", R"({"type":"none"})", "error: /linux/namespaces/");
  told_of("/process/capabilities/bounding/-", R"("CAP_NONE")",
          "warning: /process/capabilities/bounding/");
  told_of("/linux/memoryPolicy", R"({"mode":"MPOL_NONE","nodes":"0"})",
          "error: /linux/memoryPolicy/mode");
  told_of("/linux/memoryPolicy", R"({"mode":"MPOL_BIND","nodes":"0","flags":["MPOL_F_NONE"]})",
          "error: /linux/memoryPolicy/flags/0");
  const std::string seccomp = R"({"defaultAction":"SCMP_ACT_ALLOW",)";
  told_of("/linux/seccomp", seccomp + R"("architectures":["SCMP_ARCH_NONE"]})",
          "error: /linux/seccomp/architectures/0");
  told_of("/linux/seccomp", seccomp + R"("flags":["SECCOMP_FILTER_FLAG_NONE"]})",
          "error: /linux/seccomp/flags/0");
  told_of("/linux/seccomp", seccomp + R"("syscalls":)" + rules_with({"SCMP_ACT_NONE"}, {}) + "}",
          "error: /linux/seccomp/syscalls/0/action");
  told_of("/linux/seccomp", seccomp + R"("syscalls":)" + rules_with({}, {"SCMP_CMP_NONE"}) + "}",
          "error: /linux/seccomp/syscalls/0/args/0/op");
  told_of("/hooks/none", "[]", "warning: /hooks/none: unknown property");
}

}  // namespace
