// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/spec/json.h"
#include "runtime/spec/parse.h"

namespace oci {
namespace {

using Texts = std::map<std::string, std::string>;

std::string object(const Texts& members) {
  std::string text = "{";
  for (const auto& [key, value] : members) {
    if (value.empty()) continue;
    if (text.size() > 1) text += ',';
    text += '"' + key + "\":" + value;
  }
  return text + '}';
}

// A small valid document in which one place ("hostname", "process.cwd") has another text; without
// it if the text is empty.
std::string config_with(const std::string& place, const std::string& json) {
  std::map<std::string, Texts> sections = {
      {"root", {{"path", R"("rootfs")"}}},
      {"process", {{"user", R"({"uid":0,"gid":0})"}, {"args", R"(["sh"])"}, {"cwd", R"("/")"}}},
      {"linux",
       {{"namespaces", R"([{"type":"mount"},{"type":"uts"},{"type":"user"},{"type":"network"}])"}}},
      {"hooks", {}},
  };
  Texts top = {{"ociVersion", R"("1.2.0")"}};
  const std::size_t dot = place.find('.');
  if (dot != std::string::npos) sections[place.substr(0, dot)][place.substr(dot + 1)] = json;
  for (const auto& [name, members] : sections) top[name] = object(members);
  if (dot == std::string::npos) top[place] = json;
  return object(top);
}

std::string first_problem(const std::vector<Problem>& problems, Problem::Severity severity) {
  for (const Problem& problem : problems) {
    if (problem.severity == severity) return problem.text();
  }
  return "none";
}

std::string error_of(const std::string& place, const std::string& json) {
  return first_problem(parse_spec(config_with(place, json)).problems, Problem::Error);
}

struct BadValue {
  const char* place;
  const char* json;
  const char* error;
};

void expect_errors(const std::vector<BadValue>& cases) {
  for (const BadValue& c : cases) {
    EXPECT_EQ(error_of(c.place, c.json), c.error) << c.place << " = " << c.json;
  }
}

// --- the document as a whole ---------------------------------------------------------------------

TEST(SpecParse, NamesWhatIsWrongWithTheDocument) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "byte 0: the document is empty"},
      {"null", "expected an object, got null"},
      {"[]", "expected an object, got an array"},
      {"\"x\"", "expected an object, got a string"},
      {"{}", "/ociVersion: is required"},
      {R"({"ociVersion":"1.0.0"})", "/root: is required"},
      {R"({"ociVersion":"1.0.0","root":null})", "/root: is required"},
      {R"({"ociVersion":"1.0.0","root":{"path":"r"},"root":{"path":"s"}})",
       "byte 43: duplicate key \"root\""},
  };
  for (const auto& [text, error] : cases) {
    EXPECT_EQ(first_problem(parse_spec(text).problems, Problem::Error), error) << text;
  }
}

TEST(SpecParse, NeedsNeitherProcessNorLinux) {
  const Parsed<Spec> parsed =
      parse_spec(R"({"ociVersion":"1.0.0","root":{"path":"r"},"process":null,"linux":null})");
  EXPECT_TRUE(parsed.problems.empty());
  EXPECT_FALSE(parsed.value.process.has_value());
  EXPECT_EQ(parsed.value.linux_, Linux{});
}

TEST(SpecParse, ListsAllProblemsOnce) {
  const Parsed<Spec> parsed = parse_spec(
      R"({"root":{"path":5},"hostname":"h","x":1,"process":{"cwd":"a","args":[1,"b"],"env":null}})");
  std::vector<std::string> texts;
  for (const Problem& problem : parsed.problems) texts.push_back(problem.text());
  EXPECT_EQ(texts, (std::vector<std::string>{
                       "/root/path: expected a string, got a number",
                       "/x: unknown property, ignored",
                       "/process/args/0: expected a string, got a number",
                       "/ociVersion: is required",
                       "/process/cwd: must be an absolute path",
                       "/hostname: needs a uts namespace",
                   }));
}

TEST(SpecParse, BoundsTheListOfProblems) {
  std::string list = "[1";
  for (int i = 0; i < 100000; ++i) list += ",1";
  const Parsed<Spec> parsed = parse_spec(config_with("process.args", list + ']'));
  EXPECT_EQ(parsed.problems.size(), kMaxProblems);
  EXPECT_EQ(parsed.problems.back().text(), "too many problems, the rest is not listed");
}

TEST(SpecParse, IgnoresOtherPlatforms) {
  for (const char* name : {"windows", "solaris", "zos", "vm", "freebsd"}) {
    EXPECT_TRUE(parse_spec(config_with(name, R"({"any":[null,{"x":1.5}]})")).problems.empty());
  }
  EXPECT_EQ(error_of("windows", R"({"a":1,"a":2})"), "byte 229: duplicate key \"a\"");
}

TEST(SpecParse, FirstErrorNamesTheFile) {
  const auto bad = first_error(parse_spec(config_with("root.path", R"("")")));
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().kind, ctr::Kind::InvalidSpec);
  EXPECT_EQ(bad.error().message, "config.json: /root/path: must not be empty");
  // Warnings do not count.
  const auto good = first_error(parse_spec(config_with("extra", "1")));
  ASSERT_TRUE(good.ok());
  EXPECT_EQ(good->root.path, "rootfs");
}

TEST(SpecParse, KeysCannotBreakTheLine) {
  EXPECT_EQ(first_problem(parse_spec(config_with("a\\n/b~", "1")).problems, Problem::Warning),
            "/a\\n~1b~0: unknown property, ignored");
}

// --- values --------------------------------------------------------------------------------------

TEST(SpecParse, ChecksTheVersion) {
  for (const char* good : {"1.0.0", "1.0.2-dev", "1.3.0+dev", "1.99.0", "1.0.0-rc.1+build-5.x"}) {
    EXPECT_EQ(error_of("ociVersion", '"' + std::string(good) + '"'), "none") << good;
  }
  for (const char* bad : {"", "banana", "1", "1.0", "1.0.0.0", "v1.0.0", "01.0.0", "1.0.x",
                          "1.0.0-", "1.0.0+", "1.0.0-a..b", "1.0.0-\\u00e9", "1.-1.0", " 1.0.0"}) {
    EXPECT_EQ(error_of("ociVersion", '"' + std::string(bad) + '"'),
              "/ociVersion: must be a semantic version such as 1.3.0")
        << bad;
  }
  EXPECT_EQ(error_of("ociVersion", R"("9.9.9")"),
            "/ociVersion: version 9.9.9 is not supported, only 1.x is");
  EXPECT_EQ(error_of("ociVersion", ""), "/ociVersion: is required");
}

TEST(SpecParse, ChecksTheProcess) {
  expect_errors({
      {"process.args", "", "/process/args: must name a program"},
      {"process.args", "null", "/process/args: must name a program"},
      {"process.args", "[]", "/process/args: must name a program"},
      {"process.args", R"([""])",
       "/process/args/0: executable file not found in $PATH: the name is empty"},
      {"process.args", R"(["sh",""])", "none"},
      {"process.args", R"(["a\u0000b"])", "byte 146: \\u0000 in a string"},
      {"process.args", "[\"\xff\"]", "byte 145: invalid UTF-8"},
      {"process.cwd", "", "/process/cwd: is required"},
      {"process.cwd", R"("")", "/process/cwd: must be an absolute path"},
      {"process.cwd", R"("tmp")", "/process/cwd: must be an absolute path"},
      {"process.cwd", R"("/../..")", "none"},
      {"process.env", R"(["FOO"])", "/process/env/0: has no '='"},
      {"process.env", R"(["A=1",""])", "/process/env/1: has no '='"},
      {"process.env", R"(["=x"])", "/process/env/0: has no name before the '='"},
      {"process.env", R"(["A=","A=b=c"])", "none"},
      {"process.user", "", "none"},
      {"process.user", R"({"uid":"0"})", "/process/user/uid: expected an integer, got a string"},
      {"process.user", R"({"uid":-1})", "/process/user/uid: must be between 0 and 4294967295"},
      {"process.user", R"({"uid":4294967296})",
       "/process/user/uid: must be between 0 and 4294967295"},
      {"process.user", R"({"uid":4294967295})", "/process/user/uid: 4294967295 stands for no ID"},
      {"process.user", R"({"gid":4294967295})", "/process/user/gid: 4294967295 stands for no ID"},
      {"process.user", R"({"uid":1e3})",
       "/process/user/uid: expected an integer, got a fraction, an exponent or too many digits"},
      {"process.user", R"({"umask":512})", "/process/user/umask: must be at most 511 (0777)"},
      {"process.user", R"({"umask":511})", "none"},
      {"process.user", R"({"additionalGids":[0,4294967295]})",
       "/process/user/additionalGids/1: 4294967295 stands for no ID"},
      {"process.rlimits", R"([{"type":"RLIMIT_CORE","soft":2,"hard":1}])",
       "/process/rlimits/0/soft: is above the hard limit"},
      {"process.rlimits", R"([{"type":"RLIMIT_CORE","soft":-1,"hard":1}])",
       "/process/rlimits/0/soft: must be between 0 and 18446744073709551615"},
      {"process.rlimits",
       R"([{"type":"A","soft":1,"hard":1},{"type":"B","soft":1,"hard":1},{"type":"A","soft":1,"hard":1}])",
       "/process/rlimits/2/type: \"A\" comes twice"},
      {"process.rlimits", R"([{"type":"A","soft":1}])", "/process/rlimits/0/hard: is required"},
      {"process.oomScoreAdj", "5000", "/process/oomScoreAdj: must be between -1000 and 1000"},
      {"process.scheduler", R"({"policy":"SCHED_FOO"})",
       "/process/scheduler/policy: \"SCHED_FOO\" is not one of SCHED_OTHER, SCHED_FIFO, SCHED_RR, "
       "SCHED_BATCH, SCHED_ISO, SCHED_IDLE, SCHED_DEADLINE"},
      {"process.scheduler", R"({"nice":1})", "/process/scheduler/policy: is required"},
      {"process.scheduler", R"({"policy":"SCHED_OTHER","nice":20})",
       "/process/scheduler/nice: must be between -20 and 19"},
      {"process.scheduler", R"({"policy":"SCHED_OTHER","priority":1})",
       "/process/scheduler/priority: needs the policy SCHED_FIFO or SCHED_RR"},
      {"process.scheduler", R"({"policy":"SCHED_FIFO","runtime":1})",
       "/process/scheduler: runtime, deadline and period need the policy SCHED_DEADLINE"},
      {"process.ioPriority", R"({"class":"IOPRIO_CLASS_FOO","priority":1})",
       "/process/ioPriority/class: \"IOPRIO_CLASS_FOO\" is not one of IOPRIO_CLASS_RT, "
       "IOPRIO_CLASS_BE, IOPRIO_CLASS_IDLE"},
      {"process.ioPriority", R"({"class":"IOPRIO_CLASS_BE","priority":8})",
       "/process/ioPriority/priority: must be between 0 and 7"},
      {"process.execCPUAffinity", R"({"initial":"all"})",
       "/process/execCPUAffinity/initial: must be a list of CPUs such as 0-3,7"},
      {"process.apparmorProfile", R"("a\nb")",
       "/process/apparmorProfile: must not contain control characters"},
  });
}

TEST(SpecParse, WarnsAboutAmbientCapabilitiesThatCannotBeGranted) {
  for (const char* caps : {R"({"ambient":["CAP_KILL"],"permitted":["CAP_KILL"]})",
                           R"({"ambient":["CAP_KILL"],"inheritable":["CAP_KILL"]})"}) {
    const Parsed<Spec> parsed = parse_spec(config_with("process.capabilities", caps));
    ASSERT_EQ(parsed.problems.size(), 1U) << caps;
    EXPECT_EQ(parsed.problems[0].severity, Problem::Warning);
    EXPECT_EQ(parsed.problems[0].text(),
              "/process/capabilities/ambient: CAP_KILL cannot be granted: not permitted and "
              "inheritable");
  }
}

TEST(SpecParse, IgnoresConsoleSizeWithoutTerminal) {
  const char* too_wide = R"({"width":1048576,"height":2})";
  EXPECT_EQ(error_of("process.consoleSize", too_wide), "none");
  const std::string process =
      R"({"args":["a"],"cwd":"/","terminal":true,"consoleSize":)" + std::string(too_wide) + '}';
  EXPECT_EQ(error_of("process", process),
            "/process/consoleSize/width: must be between 0 and 65535");
}

TEST(SpecParse, ChecksNamesRootAndMounts) {
  const std::string long_name(65, 'x');
  EXPECT_EQ(error_of("hostname", '"' + long_name + '"'), "/hostname: is longer than 64 bytes");
  EXPECT_EQ(error_of("mounts", R"([{"destination":"/)" + std::string(256, 'x') + R"("}])"),
            "/mounts/0/destination: has a component longer than 255 bytes");
  std::string long_path;
  for (int i = 0; i < 1000; ++i) long_path += "/abcd";
  EXPECT_EQ(error_of("root.path", '"' + long_path + '"'), "/root/path: is longer than 4095 bytes");
  expect_errors({
      {"hostname", R"("a\nb")", "/hostname: must not contain control characters"},
      {"domainname", R"("a\u007f")", "/domainname: must not contain control characters"},
      {"hostname", R"("web-1")", "none"},
      {"root.path", R"("")", "/root/path: must not be empty"},
      {"root.readonly", "\"true\"", "/root/readonly: expected a boolean, got a string"},
      {"mounts", "[null]", "/mounts/0: expected an object, got null"},
      {"mounts", R"([{"type":"tmpfs"}])", "/mounts/0/destination: is required"},
      {"mounts", R"([{"destination":""}])", "/mounts/0/destination: must not be empty"},
      {"mounts", R"([{"destination":"/a","options":["nosuid",null]}])",
       "/mounts/0/options/1: expected a string, got null"},
      {"mounts", R"([{"destination":"/a","options":null,"type":"x"},{"destination":"/a/../b"}])",
       "none"},
      {"mounts", R"([{"destination":"/a","uidMappings":[{"containerID":0,"hostID":0,"size":1}]}])",
       "/mounts/0: uidMappings and gidMappings must be given together"},
  });
  const Parsed<Spec> relative =
      parse_spec(config_with("mounts", R"([{"destination":"data","type":"tmpfs"}])"));
  ASSERT_EQ(relative.problems.size(), 1U);
  EXPECT_EQ(relative.problems[0].severity, Problem::Warning);
  EXPECT_EQ(relative.problems[0].pointer, "/mounts/0/destination");
}

TEST(SpecParse, ChecksNamespaces) {
  expect_errors({
      {"linux.namespaces", R"([{"type":"pid"},{"type":"mount"},{"type":"pid"}])",
       "/linux/namespaces/2/type: a second namespace of type pid"},
      {"linux.namespaces", R"([{"type":"net"}])",
       "/linux/namespaces/0/type: \"net\" is not one of pid, network, mount, ipc, uts, user, "
       "cgroup, time"},
      {"linux.namespaces", R"([{"path":"/proc/1/ns/pid"}])",
       "/linux/namespaces/0/type: is required"},
      {"linux.namespaces", R"([{"type":"pid","path":"proc/1/ns/pid"}])",
       "/linux/namespaces/0/path: must be an absolute path"},
      {"linux.namespaces", R"([{"type":"pid","path":""}])", "none"},
      {"linux.namespaces", "[null]", "/linux/namespaces/0: expected an object, got null"},
  });
}

// Whatever would be done to the host instead is refused.
TEST(SpecParse, NeedsNamespacesForWhatTheyHold) {
  const auto error_without_namespaces = [](const std::string& rest) {
    const std::string text = R"({"ociVersion":"1.0.0","root":{"path":"r"},)" + rest + '}';
    return first_problem(parse_spec(text).problems, Problem::Error);
  };
  EXPECT_EQ(error_without_namespaces(R"("hostname":"a")"), "/hostname: needs a uts namespace");
  EXPECT_EQ(error_without_namespaces(R"("domainname":"a")"), "/domainname: needs a uts namespace");
  EXPECT_EQ(error_without_namespaces(R"("linux":{"netDevices":{"eth0":{}}})"),
            "/linux/netDevices: needs a network namespace");
  EXPECT_EQ(error_without_namespaces(
                R"("linux":{"uidMappings":[{"containerID":0,"hostID":0,"size":1}]})"),
            "/linux/uidMappings: needs a user namespace");
  EXPECT_EQ(error_without_namespaces(R"("linux":{"timeOffsets":{"boottime":{"secs":1}}})"),
            "/linux/timeOffsets: needs a new time namespace");
}

TEST(SpecParse, ChecksIdMappings) {
  const auto error_of_map = [](const std::string& map) {
    const std::string config = R"({"namespaces":[{"type":"user"}],"uidMappings":)" + map +
                               R"(,"gidMappings":[{"containerID":0,"hostID":0,"size":1}]})";
    return first_problem(
        parse_spec(R"({"ociVersion":"1.0.0","root":{"path":"r"},"linux":)" + config + '}').problems,
        Problem::Error);
  };
  const auto range = [](const std::string& container, const std::string& host,
                        const std::string& size) {
    return R"({"containerID":)" + container + R"(,"hostID":)" + host + R"(,"size":)" + size + '}';
  };
  EXPECT_EQ(error_of_map('[' + range("0", "0", "4294967295") + ']'), "none");
  EXPECT_EQ(
      error_of_map('[' + range("0", "100000", "65536") + ',' + range("65536", "0", "1") + ']'),
      "none");
  EXPECT_EQ(error_of_map('[' + range("0", "0", "0") + ']'),
            "/linux/uidMappings/0/size: must not be 0");
  EXPECT_EQ(error_of_map('[' + range("1", "0", "4294967295") + ']'),
            "/linux/uidMappings/0: the range ends above the largest ID in the container");
  EXPECT_EQ(error_of_map('[' + range("0", "4294967290", "10") + ']'),
            "/linux/uidMappings/0: the range ends above the largest ID on the host");
  EXPECT_EQ(error_of_map('[' + range("0", "0", "10") + ',' + range("50", "50", "1") + ',' +
                         range("9", "100", "1") + ']'),
            "/linux/uidMappings/2: overlaps entry 0 in the container");
  EXPECT_EQ(error_of_map('[' + range("0", "0", "10") + ',' + range("50", "9", "1") + ']'),
            "/linux/uidMappings/1: overlaps entry 0 on the host");
  EXPECT_EQ(error_of_map('[' + range("-1", "0", "10") + ']'),
            "/linux/uidMappings/0/containerID: must be between 0 and 4294967295");
  EXPECT_EQ(error_of_map(R"([{"containerID":0,"hostID":0}])"),
            "/linux/uidMappings/0/size: is required");
  EXPECT_EQ(error_of_map("null"), "/linux/uidMappings: must be given along with gidMappings");
  std::string many;
  for (int i = 0; i < 341; ++i) {
    many += (many.empty() ? "" : ",") + range(std::to_string(i), std::to_string(i), "1");
  }
  EXPECT_EQ(error_of_map('[' + many + ']'), "/linux/uidMappings: has more than 340 entries");
}

TEST(SpecParse, ChecksDevices) {
  expect_errors({
      {"linux.devices", R"([{"path":"/dev/x","type":"z","major":1,"minor":1}])",
       "/linux/devices/0/type: \"z\" is not one of c, b, u, p"},
      {"linux.devices", R"([{"path":"dev/x","type":"c","major":1,"minor":1}])",
       "/linux/devices/0/path: must be an absolute path"},
      {"linux.devices", R"([{"path":"/dev/x","type":"c","minor":1}])",
       "/linux/devices/0/major: is required"},
      {"linux.devices", R"([{"path":"/dev/x","type":"b","major":1}])",
       "/linux/devices/0/minor: is required"},
      {"linux.devices", R"([{"path":"/dev/x","type":"p"}])", "none"},
      {"linux.devices", R"([{"path":"/dev/x","type":"c","major":1099511627776,"minor":1}])",
       "/linux/devices/0/major: must be between 0 and 4294967295"},
      {"linux.devices", R"([{"path":"/dev/x","type":"c","major":4096,"minor":1}])",
       "/linux/devices/0/major: must be between 0 and 4095"},
      {"linux.devices", R"([{"path":"/dev/x","type":"c","major":1,"minor":1048576}])",
       "/linux/devices/0/minor: must be between 0 and 1048575"},
      {"linux.devices", R"([{"path":"/dev/x","type":"c","major":-5,"minor":1}])",
       "/linux/devices/0/major: must be between 0 and 4294967295"},
      {"linux.devices", R"([{"path":"/a","type":"p"},{"path":"/a","type":"p"}])",
       "/linux/devices/1/path: a second device \"/a\""},
      {"linux.devices", R"([{"path":"/a","type":"p","fileMode":65536}])",
       "/linux/devices/0/fileMode: is not a file mode"},
      {"linux.resources", R"({"devices":[{"allow":true,"access":"rwx"}]})",
       "/linux/resources/devices/0/access: must be made of r, w and m"},
      {"linux.resources", R"({"devices":[{"allow":true,"type":"q"}]})",
       "/linux/resources/devices/0/type: \"q\" is not one of a, c, b"},
      {"linux.resources", R"({"devices":[{"allow":true,"major":-5}]})",
       "/linux/resources/devices/0/major: must be between 0 and 4294967295"},
      {"linux.resources", R"({"devices":[{"access":"r"}]})",
       "/linux/resources/devices/0/allow: is required"},
  });
}

TEST(SpecParse, TakesWhatEnginesWriteAboutDevices) {
  const Parsed<Spec> parsed = parse_spec(config_with(
      "linux",
      R"({"devices":[{"path":"/dev/fuse","type":"c","major":10,"minor":229,"fileMode":8630}],)"
      R"("rootfsPropagation":"","resources":{"devices":[)"
      R"({"allow":true,"type":"","major":-1,"minor":-1,"access":"rwm"}]}})"));
  EXPECT_TRUE(parsed.problems.empty());
  EXPECT_EQ(parsed.value.linux_.devices.at(0).fileMode, 0666U);  // 8630 is S_IFCHR | 0666
  const DeviceRule& rule = parsed.value.linux_.resources->devices.at(0);
  EXPECT_EQ(rule.type, DeviceRuleType::All);
  EXPECT_EQ(rule.major, std::nullopt);
  EXPECT_EQ(rule.minor, std::nullopt);
  EXPECT_EQ(parsed.value.linux_.rootfsPropagation, std::nullopt);
}

TEST(SpecParse, ChecksResources) {
  expect_errors({
      {"linux.resources", R"({"memory":{"limit":"1m"}})",
       "/linux/resources/memory/limit: expected an integer, got a string"},
      {"linux.resources", R"({"memory":{"limit":-5}})",
       "/linux/resources/memory/limit: must be -1 (unlimited) or not negative"},
      {"linux.resources", R"({"memory":{"limit":1180591620717411303424}})",
       "/linux/resources/memory/limit: expected an integer, got a fraction, an exponent or too "
       "many digits"},
      {"linux.resources", R"({"memory":{"limit":9223372036854775808}})",
       "/linux/resources/memory/limit: must be between -9223372036854775808 and "
       "9223372036854775807"},
      {"linux.resources", R"({"memory":{"swappiness":101}})",
       "/linux/resources/memory/swappiness: must be at most 100"},
      {"linux.resources", R"({"memory":null,"devices":null,"unified":null})", "none"},
      {"linux.resources", R"({"cpu":{"quota":5,"burst":6}})",
       "/linux/resources/cpu/burst: is above the quota"},
      {"linux.resources", R"({"cpu":{"cpus":"0\n1"}})",
       "/linux/resources/cpu/cpus: must not contain control characters"},
      {"linux.resources", R"({"pids":{"limit":-2}})",
       "/linux/resources/pids/limit: must be -1 (unlimited) or not negative"},
      {"linux.resources", R"({"blockIO":{"weight":65536}})",
       "/linux/resources/blockIO/weight: must be between 0 and 65535"},
      {"linux.resources", R"({"blockIO":{"weightDevice":[{"major":8,"minor":0}]}})",
       "/linux/resources/blockIO/weightDevice/0: needs a weight or a leafWeight"},
      {"linux.resources", R"({"blockIO":{"throttleReadBpsDevice":[{"major":8,"minor":0}]}})",
       "/linux/resources/blockIO/throttleReadBpsDevice/0/rate: is required"},
      {"linux.resources", R"({"hugepageLimits":[{"pageSize":"0MB","limit":1}]})",
       "/linux/resources/hugepageLimits/0/pageSize: must be a size such as 64KB, 2MB or 1GB"},
      {"linux.resources", R"({"rdma":{"mlx5":{}}})",
       "/linux/resources/rdma/mlx5: needs hcaHandles or hcaObjects"},
      {"linux.resources", R"({"unified":{"../memory.max":"1"}})",
       "/linux/resources/unified/..~1memory.max: is not the name of a cgroup file"},
      {"linux.resources", R"({"unified":{"memory.max":1}})",
       "/linux/resources/unified/memory.max: expected a string, got a number"},
  });
}

TEST(SpecParse, ChecksTheRestOfLinux) {
  expect_errors({
      {"linux.sysctl", R"({"net.core.somaxconn":null})",
       "/linux/sysctl/net.core.somaxconn: expected a string, got null"},
      {"linux.sysctl", R"({"":"1"})", "/linux/sysctl/: is not the name of a kernel parameter"},
      {"linux.sysctl", R"({"net..x":"1"})",
       "/linux/sysctl/net..x: is not the name of a kernel parameter"},
      {"linux.sysctl", R"({"net/../kernel/core_pattern":"1"})",
       "/linux/sysctl/net~1..~1kernel~1core_pattern: is not the name of a kernel parameter"},
      {"linux.sysctl", R"({"net.ipv4.ip_forward":"1\nkernel.core_pattern=|x"})",
       "/linux/sysctl/net.ipv4.ip_forward: must not contain control characters"},
      {"linux.sysctl", R"({"net.ipv4.conf.eno2/100.rp_filter":"1","net.ipv4.tcp_rmem":"1\t2\t3"})",
       "none"},
      {"linux.maskedPaths", R"(["proc/kcore"])", "/linux/maskedPaths/0: must be an absolute path"},
      {"linux.readonlyPaths", R"(["/a",""])", "/linux/readonlyPaths/1: must be an absolute path"},
      {"linux.rootfsPropagation", R"("rshared")", "none"},
      {"linux.rootfsPropagation", R"("bogus")",
       "/linux/rootfsPropagation: \"bogus\" is not one of private, shared, slave, unbindable, "
       "rprivate, rshared, rslave, runbindable"},
      {"linux.personality", R"({"domain":"BSD"})",
       "/linux/personality/domain: \"BSD\" is not one of LINUX, LINUX32"},
      {"linux.personality", R"({"domain":"LINUX","flags":["ADDR_NO_RANDOMIZE"]})",
       "/linux/personality/flags: no flags are defined"},
      {"linux.memoryPolicy", R"({"mode":"MPOL_FOO"})",
       "/linux/memoryPolicy/mode: \"MPOL_FOO\" is not one of MPOL_DEFAULT, MPOL_BIND, "
       "MPOL_INTERLEAVE, MPOL_WEIGHTED_INTERLEAVE, MPOL_PREFERRED, MPOL_PREFERRED_MANY, "
       "MPOL_LOCAL"},
      {"linux.mountLabel", R"("a\nb")", "/linux/mountLabel: must not contain control characters"},
      {"linux.cgroupsPath", R"("/../../tmp/x")", "/linux/cgroupsPath: must not contain \"..\""},
      {"linux.cgroupsPath", R"("/a..b/...")", "none"},
      {"linux.netDevices", R"({"eth0/1":{}})",
       "/linux/netDevices/eth0~11: is not the name of an interface"},
      {"linux.netDevices", R"({"eth0":{"name":"a-much-too-long-name"}})",
       "/linux/netDevices/eth0/name: is not the name of an interface"},
      {"linux.netDevices", R"({"eth0":null})",
       "/linux/netDevices/eth0: expected an object, got null"},
      {"linux.intelRdt", R"({"closID":"../x"})",
       "/linux/intelRdt/closID: is not a directory's name"},
      {"linux.intelRdt", R"({"closID":"/","memBwSchema":"L3:0=1"})",
       "/linux/intelRdt/memBwSchema: must start with \"MB:\""},
      {"linux.seccomp", "{}", "/linux/seccomp/defaultAction: is required"},
      {"linux.seccomp",
       R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"action":"SCMP_ACT_ERRNO"}]})",
       "/linux/seccomp/syscalls/0/names: is required"},
      {"linux.seccomp",
       R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":[],"action":"SCMP_ACT_ERRNO"}]})",
       "/linux/seccomp/syscalls/0/names: must name a system call"},
      {"linux.seccomp",
       R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["a",null],"action":"A"}]})",
       "/linux/seccomp/syscalls/0/names/1: expected a string, got null"},
  });
}

TEST(SpecParse, ChecksHooksAndAnnotations) {
  expect_errors({
      {"hooks.prestart", "[null]", "/hooks/prestart/0: expected an object, got null"},
      {"hooks.prestart", "null", "none"},
      {"hooks.poststop", "[{}]", "/hooks/poststop/0/path: is required"},
      {"hooks.createRuntime", R"([{"path":"bin/x"}])",
       "/hooks/createRuntime/0/path: must be an absolute path"},
      {"hooks.createContainer", R"([{"path":"/x"},{"path":"/x","timeout":0}])",
       "/hooks/createContainer/1/timeout: must be greater than 0"},
      {"hooks.startContainer", R"([{"path":"/x","timeout":-1}])",
       "/hooks/startContainer/0/timeout: must be greater than 0"},
      {"hooks.poststart", R"([{"path":"/x","timeout":2147483648}])",
       "/hooks/poststart/0/timeout: must be between -2147483648 and 2147483647"},
      {"hooks.poststart", R"([{"path":"/x","args":[],"env":[]}])", "none"},
      {"annotations", R"({"a":null})", "/annotations/a: expected a string, got null"},
      {"annotations", R"({"a":1})", "/annotations/a: expected a string, got a number"},
      {"annotations", R"({"":"1"})", "/annotations: a key must not be empty"},
      {"annotations", R"({"a\nb":"1"})", "none"},
  });
}

TEST(SpecParse, TellsAbsentFromEmpty) {
  const Parsed<Spec> parsed = parse_spec(config_with(
      "hooks", R"({"prestart":[{"path":"/a"},{"path":"/a","env":[]},{"path":"/a","env":null}]})"));
  const std::vector<Hook>& hooks = parsed.value.hooks.prestart;
  EXPECT_EQ(hooks.at(0).env, std::nullopt);
  EXPECT_EQ(hooks.at(1).env, std::vector<std::string>{});
  EXPECT_EQ(hooks.at(2).env, std::nullopt);
}

// A long list must not be compared pair by pair.
TEST(SpecParse, HostileListsStayCheap) {
  const auto list = [](const std::string& item) {
    std::string text = "[";
    for (int i = 0; i < 200000; ++i) text += (i == 0 ? "" : ",") + item;
    return text + ']';
  };
  const std::string caps = list("\"x\"");
  EXPECT_EQ(error_of("process.capabilities", R"({"effective":)" + caps + '}'),
            "/process/capabilities: more capabilities than there can be");
  EXPECT_EQ(error_of("process.rlimits", list(R"({"type":"A","soft":1,"hard":1})")),
            "/process/rlimits: more resource limits than there can be");
  EXPECT_EQ(error_of("linux.devices", list(R"({"path":"/a","type":"p"})")),
            "/linux/devices/1/path: a second device \"/a\"");
  EXPECT_EQ(error_of("linux.namespaces", list(R"({"type":"pid"})")),
            "/linux/namespaces/1/type: a second namespace of type pid");
}

// --- the other documents -------------------------------------------------------------------------

TEST(SpecParse, ReadsAProcessFileByTheSameRules) {
  const auto parsed = parse_process(
      R"({"user":{"uid":7,"gid":8},"args":["ls"],"env":["A=1"],"cwd":"/","terminal":false})");
  EXPECT_TRUE(parsed.problems.empty());
  EXPECT_EQ(parsed.value.user.uid, 7U);
  const auto bad = first_error(parse_process(R"({"args":["ls"],"cwd":"x"})"), "process.json");
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().message, "process.json: /cwd: must be an absolute path");
}

TEST(SpecParse, ReadsResourcesAndMountsByThemselves) {
  const auto resources = parse_resources(R"({"memory":{"limit":1048576},"pids":{"limit":-1}})");
  EXPECT_TRUE(resources.problems.empty());
  EXPECT_EQ(resources.value.memory->limit, 1048576);
  EXPECT_EQ(first_problem(parse_resources(R"({"pids":{"limit":"1"}})").problems, Problem::Error),
            "/pids/limit: expected an integer, got a string");
  const auto mounts = parse_mounts(R"([{"destination":"/a","source":"/b","options":["bind"]}])");
  EXPECT_TRUE(mounts.problems.empty());
  EXPECT_EQ(mounts.value.at(0).source, "/b");
  EXPECT_EQ(first_problem(parse_mounts(R"([{"destination":""}])").problems, Problem::Error),
            "/0/destination: must not be empty");
}

// --- files ---------------------------------------------------------------------------------------

class ConfigFile : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/spec_parse_test.XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    dir_ = name;
  }
  void TearDown() override {
    ::unlink(path().c_str());
    ::rmdir(dir_.c_str());
  }
  std::string path() const { return dir_ + "/config.json"; }
  std::string error() const {
    const auto text = read_config_file(path());
    return text.ok() ? "none" : text.error().message.substr(text.error().message.find(dir_));
  }

  std::string dir_;
};

TEST_F(ConfigFile, ReadsARegularFile) {
  const std::string content(100000, 'x');
  const ctr::UniqueFd fd(::open(path().c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(::write(fd.raw(), content.data(), content.size()),
            static_cast<ssize_t>(content.size()));
  EXPECT_EQ(read_config_file(path()).value(), content);
  ASSERT_EQ(::ftruncate(fd.raw(), json::kMaxInput + 1), 0);
  EXPECT_EQ(error(), path() + ": larger than 16777216 bytes");
  ASSERT_EQ(::ftruncate(fd.raw(), 0), 0);
  EXPECT_EQ(read_config_file(path()).value(), "");
}

TEST_F(ConfigFile, RefusesEverythingElseAtOnce) {
  EXPECT_EQ(error(), path() + ": No such file or directory");
  ASSERT_EQ(::mkfifo(path().c_str(), 0600), 0);
  EXPECT_EQ(error(), path() + ": not a regular file");
  ::unlink(path().c_str());
  ASSERT_EQ(::mkdir(path().c_str(), 0700), 0);
  EXPECT_EQ(error(), path() + ": not a regular file");
  ::rmdir(path().c_str());
  ASSERT_EQ(::symlink("/dev/zero", path().c_str()), 0);
  EXPECT_EQ(error(), path() + ": not a regular file");
  ::unlink(path().c_str());
  ASSERT_EQ(::symlink("config.json", path().c_str()), 0);
  EXPECT_EQ(error(), path() + ": Too many levels of symbolic links");
}

TEST(ReadConfig, ReadsAPipeToItsEndButNoFurtherThanTheBound) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const ctr::UniqueFd in(ends[0]);
  ctr::UniqueFd out(ends[1]);
  const std::string content(10000, 'y');
  ASSERT_EQ(::write(out.raw(), content.data(), content.size()), 10000);
  out.reset();
  EXPECT_EQ(read_config(in, "stdin").value(), content);

  const ctr::UniqueFd zero(::open("/dev/zero", O_RDONLY | O_CLOEXEC));
  const auto endless = read_config(zero, "stdin");
  ASSERT_FALSE(endless.ok());
  EXPECT_EQ(endless.error().message, "stdin: larger than 16777216 bytes");
}

}  // namespace
}  // namespace oci
