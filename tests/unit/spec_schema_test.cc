// SPDX-License-Identifier: Apache-2.0
// Walks over every property there is: each is written and read again, and each is refused when its
// value is of another type, null or out of range.
#include <gtest/gtest.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ctrtool/core/base/strf.h"
#include "runtime/spec/defaults.h"
#include "runtime/spec/json.h"
#include "runtime/spec/parse.h"
#include "runtime/spec/schema.h"
#include "runtime/translate/translate.h"
#include "tests/support/files.h"
#include "tests/support/paths.h"
#include "tests/support/test_names.h"

namespace oci {
namespace {

// Each property has a value that is not what
// absent means, and nothing is wrong with it.
Spec full_spec() {
  Spec spec;
  spec.ociVersion = "1.3.0";
  spec.hostname = "host";
  spec.domainname = "domain";
  spec.root = {.path = "/rootfs", .readonly = true};
  spec.annotations = {{"org.example/key~1", "value"}};

  Mount mount;
  mount.destination = "/data";
  mount.type = "none";
  mount.source = "/volumes/data";
  mount.options = {"rbind", "idmap"};
  mount.uidMappings = {{.containerID = 0, .hostID = 1, .size = 2}};
  mount.gidMappings = {{.containerID = 3, .hostID = 4, .size = 5}};
  spec.mounts = {mount};

  const Hook hook = {.path = "/bin/hook",
                     .args = {"hook", "a b"},
                     .env = std::vector<std::string>{"A=1"},
                     .timeout = 5};
  spec.hooks = {.prestart = {hook},
                .createRuntime = {hook},
                .createContainer = {hook},
                .startContainer = {hook},
                .poststart = {hook},
                .poststop = {hook, hook}};

  Process& process = spec.process.emplace();
  process.terminal = true;
  process.consoleSize = ConsoleSize{.height = 25, .width = 80};
  process.user = {.uid = 1000, .gid = 1001, .umask = 022U, .additionalGids = {{5, 6}}};
  process.args = {"sh", "-c", "echo \"\u00e9\"\n"};
  process.env = {"PATH=/bin", "EMPTY="};
  process.cwd = "/home";
  process.capabilities = Capabilities{.bounding = {"CAP_KILL"},
                                      .effective = {"CAP_KILL"},
                                      .inheritable = {"CAP_KILL"},
                                      .permitted = {"CAP_KILL"},
                                      .ambient = {"CAP_KILL"}};
  process.rlimits = {{.type = "RLIMIT_CORE", .hard = UINT64_MAX, .soft = 1}};
  process.noNewPrivileges = true;
  process.apparmorProfile = "profile";
  process.oomScoreAdj = -500;
  process.scheduler = Scheduler{.policy = SchedulerPolicy::Deadline,
                                .nice = -5,
                                .priority = 0,
                                .flags = {SchedulerFlag::ResetOnFork, SchedulerFlag::UtilClampMax},
                                .runtime = 1,
                                .deadline = 2,
                                .period = 3};
  process.selinuxLabel = "system_u:system_r:svirt_lxc_net_t:s0:c124,c675";
  process.ioPriority = IoPriority{.class_ = IoPriorityClass::Idle, .priority = 4};
  process.execCPUAffinity = CpuAffinity{.initial = "0-3,7", .final = "1"};

  Linux& config = spec.linux_;
  config.uidMappings = {{.containerID = 0, .hostID = 1000, .size = 10},
                        {.containerID = 10, .hostID = 1010, .size = UINT32_MAX - 1010}};
  config.gidMappings = {{.containerID = 0, .hostID = 2000, .size = 1}};
  config.sysctl = {{"net.ipv4.ip_forward", "1"}};
  config.cgroupsPath = "system.slice:prefix:name";
  config.namespaces = {{.type = NamespaceType::Pid, .path = "/proc/1/ns/pid"},
                       {.type = NamespaceType::Network, .path = {}},
                       {.type = NamespaceType::Mount, .path = {}},
                       {.type = NamespaceType::Ipc, .path = {}},
                       {.type = NamespaceType::Uts, .path = {}},
                       {.type = NamespaceType::User, .path = {}},
                       {.type = NamespaceType::Cgroup, .path = {}},
                       {.type = NamespaceType::Time, .path = {}}};
  Device fuse;
  fuse.path = "/dev/fuse";
  fuse.type = DeviceType::Block;
  fuse.major = 10;
  fuse.minor = 229;
  fuse.fileMode = 0666U;
  fuse.uid = 0U;
  fuse.gid = 7U;
  config.devices = {fuse};
  config.netDevices = {{"eth0", {.name = "inside0"}}};
  config.rootfsPropagation = RootfsPropagation::Rslave;
  config.maskedPaths = {"/proc/kcore"};
  config.readonlyPaths = {"/proc/sys"};
  config.mountLabel = "label";
  config.intelRdt = IntelRdt{.closID = "group",
                             .schemata = {"L2:0=f"},
                             .l3CacheSchema = "L3:0=7f0",
                             .memBwSchema = "MB:0=20",
                             .enableMonitoring = true};
  config.memoryPolicy = MemoryPolicy{.mode = MemoryPolicyMode::WeightedInterleave,
                                     .nodes = "0-1",
                                     .flags = {MemoryPolicyFlag::StaticNodes}};
  config.personality = Personality{.domain = PersonalityDomain::Linux32};
  config.timeOffsets = {.monotonic = TimeOffset{.secs = -5, .nanosecs = 6},
                        .boottime = TimeOffset{.secs = 7, .nanosecs = 999999999}};

  Resources& resources = config.resources.emplace();
  resources.devices = {
      {.allow = true, .type = DeviceRuleType::Block, .major = 8U, .minor = 0U, .access = "rwm"}};
  resources.memory = Memory{.limit = 1,
                            .reservation = -1,
                            .swap = 3,
                            .kernel = 4,
                            .kernelTCP = 5,
                            .swappiness = 0U,
                            .disableOOMKiller = false,
                            .useHierarchy = true,
                            .checkBeforeUpdate = true};
  resources.cpu = Cpu{.shares = 1U,
                      .quota = -1,
                      .burst = 3U,
                      .period = 4U,
                      .realtimeRuntime = 5,
                      .realtimePeriod = 6U,
                      .cpus = "0-3",
                      .mems = "0",
                      .idle = 1};
  resources.pids = Pids{.limit = 0};
  const ThrottleDevice throttle = {.major = 8, .minor = 16, .rate = UINT64_MAX};
  resources.blockIO = BlockIo{
      .weight = 10U,
      .leafWeight = 11U,
      .weightDevice = {{.major = 8, .minor = 0, .weight = 500U, .leafWeight = 300U}},
      .throttleReadBpsDevice = {throttle},
      .throttleWriteBpsDevice = {throttle},
      .throttleReadIOPSDevice = {throttle},
      .throttleWriteIOPSDevice = {throttle},
  };
  resources.hugepageLimits = {{.pageSize = "2MB", .limit = 9}};
  resources.network = Network{.classID = 1U, .priorities = {{.name = "eth0", .priority = 5}}};
  resources.rdma = {{"mlx5_1", {.hcaHandles = 3U, .hcaObjects = 4U}}};
  resources.unified = {{"memory.high", "1"}};

  Seccomp& seccomp = config.seccomp.emplace();
  seccomp.defaultAction = "SCMP_ACT_ERRNO";
  seccomp.defaultErrnoRet = 38U;
  seccomp.architectures = {"SCMP_ARCH_X86_64"};
  seccomp.flags = {{"SECCOMP_FILTER_FLAG_LOG"}};
  seccomp.listenerPath = "/run/agent.sock";
  seccomp.listenerMetadata = "opaque";
  seccomp.syscalls = {
      {.names = {"clone", "mkdir"},
       .action = "SCMP_ACT_NOTIFY",
       .errnoRet = 1U,
       .args = {{.index = 5, .value = UINT64_MAX, .valueTwo = 1, .op = "SCMP_CMP_MASKED_EQ"}}}};
  return spec;
}

TEST(SpecSchema, RoundTripsEveryProperty) {
  const Spec spec = full_spec();
  const Parsed<Spec> parsed = parse_spec(to_json(spec));
  EXPECT_TRUE(parsed.problems.empty()) << parsed.problems.front().text();
  EXPECT_EQ(parsed.value, spec);
}

TEST(SpecSchema, RoundTripsTheDefaults) {
  for (const DefaultKind kind : {DefaultKind::Privileged, DefaultKind::Rootless}) {
    const Spec spec = default_spec(kind);
    const Parsed<Spec> parsed = parse_spec(to_json(spec));
    EXPECT_TRUE(parsed.problems.empty()) << parsed.problems.front().text();
    EXPECT_EQ(parsed.value, spec);
  }
}

TEST(SpecDefaults, RootlessMapsTheCallerAndAsksForLess) {
  const Spec spec = default_spec(DefaultKind::Rootless);
  EXPECT_NE(find_namespace(spec.linux_, NamespaceType::User), nullptr);
  EXPECT_EQ(find_namespace(spec.linux_, NamespaceType::Network), nullptr);
  EXPECT_EQ(spec.linux_.uidMappings.at(0).hostID, ::geteuid());
  EXPECT_FALSE(spec.linux_.resources.has_value());
  for (const Mount& mount : spec.mounts) {
    EXPECT_EQ(std::count(mount.options.begin(), mount.options.end(), "gid=5"), 0);
    EXPECT_NE(mount.type, "sysfs");
  }
}

// Copies a document, except that node number `target` (counted in document order) becomes `text`.
class Mutation {
 public:
  Mutation(std::size_t target, std::string_view text) : target_(target), text_(text) {}

  std::string apply(json::Value root) {
    copy(root);
    return std::move(out_).take();
  }

 private:
  void copy(json::Value value) {
    if (index_++ == target_) {
      out_.raw(text_);
    } else if (value.is_object()) {
      out_.object([&] {
        for (const json::Member member : value.members()) {
          out_.key(member.key);
          copy(member.value);
        }
      });
    } else if (value.is_array()) {
      out_.array([&] {
        for (const json::Value element : value.elements()) copy(element);
      });
    } else if (const auto text = value.as_string()) {
      out_.value(*text);
    } else if (const auto flag = value.as_bool()) {
      out_.value(*flag);
    } else if (const auto positive = value.as_uint64()) {
      out_.value(*positive);
    } else {
      out_.value(value.as_int64().value_or(0));
    }
  }

  json::Writer out_;
  std::size_t target_;
  std::string_view text_;
  std::size_t index_ = 0;
};

struct Node {
  json::Type type;
  bool is_element;  // of an array, or of a map with free keys
  std::string pointer;
};

bool is_map(std::string_view pointer) {
  for (const char* name : {"annotations", "sysctl", "netDevices", "rdma", "unified"}) {
    if (pointer.ends_with(std::string("/") + name)) return true;
  }
  return false;
}

void list_nodes(json::Value value, const Pointer& at, bool is_element, std::vector<Node>& nodes) {
  nodes.push_back({value.type(), is_element, at.str()});
  for (const json::Member member : value.members()) {
    list_nodes(member.value, at.at(member.key), is_map(at.str()), nodes);
  }
  std::size_t index = 0;
  for (const json::Value element : value.elements()) {
    list_nodes(element, at.at(index++), true, nodes);
  }
}

class EveryNode : public testing::Test {
 protected:
  void SetUp() override {
    auto parsed = json::Document::parse(to_json(full_spec()));
    ASSERT_TRUE(parsed.ok());
    document_.emplace(std::move(parsed).value());
    list_nodes(document_->root(), Pointer(), false, nodes_);
    ASSERT_GT(nodes_.size(), 250U);
  }

  std::vector<Problem> problems_with(std::size_t node, std::string_view text) {
    return parse_spec(Mutation(node, text).apply(document_->root())).problems;
  }

  bool is_refused(std::size_t node, std::string_view text) {
    const std::vector<Problem> problems = problems_with(node, text);
    return std::any_of(problems.begin(), problems.end(), [&](const Problem& problem) {
      return problem.severity == Problem::Error &&
             problem.pointer.starts_with(nodes_[node].pointer);
    });
  }

  std::optional<json::Document> document_;
  std::vector<Node> nodes_;
};

TEST_F(EveryNode, RefusesAnotherType) {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const json::Type type = nodes_[i].type;
    for (const auto& [other, text] : {std::pair{json::Type::Bool, "true"},
                                      {json::Type::Number, "7"},
                                      {json::Type::String, "\"7\""},
                                      {json::Type::Array, "[]"},
                                      {json::Type::Object, "{}"}}) {
      if (other == type) continue;
      EXPECT_TRUE(is_refused(i, text)) << nodes_[i].pointer << " = " << text;
    }
  }
}

TEST_F(EveryNode, RefusesNullForLeavesAndElements) {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const Node& node = nodes_[i];
    const bool container = node.type == json::Type::Object || node.type == json::Type::Array;
    if (container && !node.is_element) continue;
    EXPECT_TRUE(is_refused(i, "null")) << node.pointer;
  }
}

TEST_F(EveryNode, TakesNullForOptionalObjectsAndArraysAsAbsent) {
  for (std::size_t i = 1; i < nodes_.size(); ++i) {
    const Node& node = nodes_[i];
    const bool container = node.type == json::Type::Object || node.type == json::Type::Array;
    if (!container || node.is_element) continue;
    for (const Problem& problem : problems_with(i, "null")) {
      // Another rule may miss what is gone now; its type is not the complaint.
      EXPECT_EQ(problem.message.find("expected"), std::string::npos) << problem.text();
    }
  }
}

TEST_F(EveryNode, RefusesNumbersThatAreNoIntegersOrTooLarge) {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].type != json::Type::Number) continue;
    for (const char* text : {"1.5", "1e3", "1E400", "-9223372036854775809", "18446744073709551616",
                             "10000000000000000000000000000000000000000"}) {
      EXPECT_FALSE(problems_with(i, text).empty()) << nodes_[i].pointer << " = " << text;
    }
  }
}

// --- the sweep: every leaf times extremes and hostile strings, up to the plan --------------------

double processor_ms() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

std::vector<std::string> extremes_of(json::Type type) {
  if (type == json::Type::Number)
    return {"0",
            "1",
            "-1",
            "2147483647",
            "2147483648",
            "4294967295",
            "4294967296",
            "-2147483649",
            "9223372036854775807",
            "-9223372036854775808",
            "18446744073709551615"};
  if (type != json::Type::String) return {};
  return {R"("")",
          R"(" ")",
          R"("..")",
          R"("/../../../etc/passwd")",
          R"("/proc/self/fd/0/..")",
          R"("a/b:c,d=e")",
          R"("-1")",
          R"("4294967295")",
          R"("%s%n%1000000d")",
          R"("two\nlines")",
          R"("\u001b[31mred\u0007")",
          R"("\u202egnirts\u00e9")",
          "\"/" + std::string(300, 'x') + '"',
          '"' + std::string(70000, 'y') + '"'};
}

bool has_error(const std::vector<Problem>& problems) {
  return std::any_of(problems.begin(), problems.end(),
                     [](const Problem& one) { return one.severity == Problem::Error; });
}

void expect_lines(const std::vector<Problem>& problems) {
  for (const Problem& problem : problems)
    EXPECT_EQ(ctr::escape(problem.text()).find('\n'), std::string::npos) << problem.text();
}

// Refused with a reason, or understood as it is written and translated.
void expect_refused_or_understood(const std::string& config, const ctr::HostFacts& host,
                                  unsigned& accepted) {
  const Parsed<Spec> parsed = parse_spec(config);
  expect_lines(parsed.problems);
  if (has_error(parsed.problems)) return;
  ++accepted;
  const Parsed<Spec> again = parse_spec(to_json(parsed.value));
  EXPECT_FALSE(has_error(again.problems));
  EXPECT_EQ(again.value, parsed.value);
  TranslateOptions options;
  options.id = "sweep";
  options.bundle = "/bundle";
  options.cgroup = ctr::CgroupRecord{"/sweep", {}};
  const Translation translation = translate(parsed.value, host, options);
  expect_lines(translation.problems);
  EXPECT_FALSE(ctr::describe_text(translation.plan).empty());
}

TEST_F(EveryNode, TimesExtremesIsRefusedOrUnderstood) {
  ctr::HostFacts host;
  host.kernel_major = 6;
  host.effective = ctr::CapSet::up_to(ctr::kLastNamedCap);
  host.permitted = host.effective;
  unsigned documents = 0;
  unsigned accepted = 0;
  double slowest = 0;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    for (const std::string& text : extremes_of(nodes_[i].type)) {
      SCOPED_TRACE(nodes_[i].pointer + " = " + text.substr(0, 40));
      const std::string config = Mutation(i, text).apply(document_->root());
      const double begin = processor_ms();
      expect_refused_or_understood(config, host, accepted);
      slowest = std::max(slowest, processor_ms() - begin);
      ++documents;
    }
  }
  ::printf("%u documents, %u accepted, slowest %.1f ms\n", documents, accepted, slowest);
  EXPECT_GT(documents, 1500U);
  EXPECT_GT(accepted, 0U);
  EXPECT_LT(slowest, 5000);
}

TEST_F(EveryNode, RefusesWhatIsNoTextForTheKernel) {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].type != json::Type::String) continue;
    for (const char* text : {R"("cut\u0000short")", "\"\xff\"", R"("\ud800")"})
      EXPECT_TRUE(has_error(problems_with(i, text))) << nodes_[i].pointer << " = " << text;
  }
}

TEST_F(EveryNode, WarnsAboutUnknownProperties) {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].type != json::Type::Object || is_map(nodes_[i].pointer)) continue;
    const std::vector<Problem> problems = problems_with(i, R"({"totallyUnknown":{"a":[]}})");
    const std::string where = nodes_[i].pointer + "/totallyUnknown";
    EXPECT_TRUE(std::any_of(problems.begin(), problems.end(), [&](const Problem& problem) {
      return problem.severity == Problem::Warning && problem.pointer == where;
    })) << where;
  }
}

// --- the table of runtime/CONFIG.md --------------------------------------------------------------

// "/mounts/0/source" and "/linux/netDevices/eth0/name" with '*' for what the bundle chose.
std::string property_of(std::string_view pointer) {
  std::string out;
  for (const std::string_view part : ctr::split(pointer.substr(1), '/')) {
    const bool index = part.find_first_not_of("0123456789") == std::string_view::npos;
    out += "/" + std::string(index || is_map(out) ? "*" : part);
  }
  return out;
}

struct Row {
  std::string property;
  std::vector<std::string> proofs;
};

std::vector<Row> rows_of_table() {
  std::vector<Row> rows;
  for (const std::string& line :
       support::lines_of(support::read_file(support::source_dir() + "/runtime/CONFIG.md"))) {
    if (!line.starts_with("| `/")) continue;
    std::vector<std::string> words = support::quoted_words(line);
    rows.push_back({words.front(), {words.begin() + 1, words.end()}});
  }
  return rows;
}

TEST_F(EveryNode, HasARowInTheTable) {
  // In the schema, but of no value here: flags are not defined yet, names and command lines are for
  // Windows, and with the policy above a priority is 0.
  std::set<std::string> properties{"/linux/personality/flags", "/process/commandLine",
                                   "/process/scheduler/priority", "/process/user/username"};
  for (const Node& node : nodes_) {
    const std::string property = node.pointer.empty() ? "" : property_of(node.pointer);
    if (!property.empty() && !property.ends_with("/*")) properties.insert(property);
  }
  std::set<std::string> rows;
  for (const Row& row : rows_of_table())
    EXPECT_TRUE(rows.insert(row.property).second) << "twice: " << row.property;
  EXPECT_EQ(rows, properties);
}

// The schema's own list, made by schema_properties.py of the version that we claim.
TEST(ConfigTable, HasEveryPropertyOfTheSchemaAndNoOther) {
  const std::string text =
      support::read_file(support::source_dir() + "/tests/unit/schema_properties.txt");
  std::vector<std::string> lines = support::lines_of(text);
  ASSERT_FALSE(lines.empty());
  EXPECT_EQ(lines.front(), "# v" + std::string(kSpecVersion));
  const std::set<std::string> properties(lines.begin() + 1, lines.end());
  EXPECT_EQ(properties.size(), lines.size() - 1) << "one is there twice";
  std::set<std::string> rows;
  for (const Row& row : rows_of_table()) rows.insert(row.property);
  EXPECT_EQ(rows, properties);
}

TEST(ConfigTable, NamesTestsThatAreThere) {
  const std::set<std::string> tests = support::names_of_all_tests();
  for (const Row& row : rows_of_table()) {
    EXPECT_FALSE(row.proofs.empty()) << row.property;
    for (const std::string& proof : row.proofs)
      EXPECT_TRUE(tests.contains(proof)) << row.property << ": " << proof;
  }
}

}  // namespace
}  // namespace oci
