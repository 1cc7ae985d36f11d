// SPDX-License-Identifier: Apache-2.0
// What engines read: state, list, ps, features, version, help, logs, spec.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "ctrtool/core/base/fd.h"
#include "tests/support/runtime.h"

namespace {

using namespace support;

std::string runtime_text(const std::vector<std::string>& words) {
  const Outcome outcome = run({.argv = words});
  EXPECT_STATUS(outcome, 0);
  EXPECT_EQ(outcome.err, "");
  return outcome.out;
}

bool is_rfc3339_utc(const std::string& text) {
  static constexpr char kShape[] = "dddd-dd-ddTdd:dd:dd";
  if (text.size() < sizeof kShape || text.back() != 'Z') return false;
  for (std::size_t i = 0; i + 1 < sizeof kShape; ++i)
    if (kShape[i] == 'd' ? ::isdigit(static_cast<unsigned char>(text[i])) == 0
                         : text[i] != kShape[i])
      return false;
  return true;
}

OCI_TEST(State, HasWhatEnginesRead) {
  Bundle bundle;
  bundle.set("/annotations", R"({"org.test.key":"value/with \"marks\""})");
  ASSERT_STATUS(create_bundle(bundle), 0);
  const Outcome outcome = runtime({"state", bundle.id()});
  ASSERT_STATUS(outcome, 0);
  EXPECT_EQ(outcome.err, "") << "go-runc reads both streams as one";
  ASSERT_TRUE(is_json(outcome.out)) << outcome.out;
  const auto field = [&](const char* name) {
    return json_get(outcome.out, name).value_or("(absent)");
  };
  EXPECT_EQ(field("/ociVersion"), "1.0.2");
  EXPECT_EQ(field("/id"), bundle.id());
  EXPECT_EQ(field("/status"), "created");
  EXPECT_EQ(field("/bundle"), bundle.path());
  EXPECT_EQ(field("/rootfs"), bundle.rootfs());
  EXPECT_TRUE(is_rfc3339_utc(field("/created"))) << field("/created");
  EXPECT_EQ(field("/annotations/org.test.key"), "value/with \"marks\"");
  EXPECT_NE(field("/owner"), "(absent)");
  EXPECT_STATUS(runtime({"delete", bundle.id()}), 0);
}

OCI_TEST(State, AvoidsTheKeysOfCriO) {
  Bundle bundle;
  ASSERT_STATUS(create_bundle(bundle), 0);
  const std::string state = state_of(bundle.id());
  for (const char* key :
       {"started", "finished", "exitCode", "oomKilled", "seccompKilled", "error", "initPid",
        "initStartTime", "checkpointedTime", "containerMonitorProcess"})
    EXPECT_FALSE(json_get(state, std::string("/") + key)) << key;
  EXPECT_FALSE(json_get(state, "/annotations")) << "left out when there are none";
  EXPECT_STATUS(runtime({"delete", bundle.id()}), 0);
}

OCI_TEST(List, ShowsAllContainers) {
  Bundle one;
  Bundle two;
  two.args({"/bin/guest", "hold"});
  ASSERT_STATUS(create_bundle(one), 0);
  ASSERT_STATUS(create_bundle(two), 0);
  ASSERT_STATUS(runtime({"start", two.id()}), 0);
  write_file(state_root() + "/stray-file", "");
  const Outcome json = runtime({"list", "--format=json"});
  ASSERT_STATUS(json, 0);
  EXPECT_EQ(json_size(json.out, ""), 2) << json.out;
  for (const char* key :
       {"ociVersion", "id", "pid", "status", "bundle", "rootfs", "created", "owner"})
    EXPECT_TRUE(json_get(json.out, std::string("/0/") + key)) << key;
  const Outcome quiet = runtime({"list", "--quiet"});
  EXPECT_EQ(lines_of(quiet.out).size(), 2U);
  EXPECT_TRUE(contains(quiet.out, one.id()) && contains(quiet.out, two.id()));
  const Outcome table = runtime({"list"});
  EXPECT_EQ(lines_of(table.out).size(), 3U);
  for (const char* word : {"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"})
    EXPECT_TRUE(contains(lines_of(table.out)[0], word)) << word;
  EXPECT_TRUE(contains(table.out, "running") && contains(table.out, "created"));
  ::unlink((state_root() + "/stray-file").c_str());
  EXPECT_STATUS(runtime({"delete", "--force", one.id()}), 0);
  EXPECT_STATUS(runtime({"delete", "--force", two.id()}), 0);
}

OCI_TEST(List, IsEmptyWithoutContainers) {
  EXPECT_EQ(runtime({"list", "-f", "json"}).out, "[]\n");
  EXPECT_EQ(runtime({"list", "-q"}).out, "");
  EXPECT_STATUS(run({.argv = {runtime_path(), "list"}}), 0);
  EXPECT_STATUS(run({.argv = {runtime_path(), "--root", "/run/nowhere", "list"}}), 1);
}

OCI_TEST(Ps, GivesHostPids) {
  Bundle bundle;
  bundle.shell("sleep 50 & sleep 50 & echo ready; wait");
  ASSERT_STATUS(create_bundle(bundle), 0);
  ASSERT_STATUS(runtime({"start", bundle.id()}), 0);
  const std::string pid = std::to_string(pid_of(bundle.id()));
  EXPECT_TRUE(eventually([&] {
    return json_size(runtime({"ps", "--format", "json", bundle.id()}).out, "") == 3;
  }));
  const Outcome json = runtime({"ps", "--format", "json", bundle.id()});
  EXPECT_EQ(json.err, "");
  EXPECT_TRUE(contains(json.out, pid)) << json.out;
  const Outcome table = runtime({"ps", bundle.id()});
  EXPECT_STATUS(table, 0);
  EXPECT_TRUE(contains(table.out, "PID") && contains(table.out, pid)) << table.out;
  EXPECT_STATUS(runtime({"kill", bundle.id(), "KILL"}), 0);
  ASSERT_TRUE(reaches(bundle.id(), "stopped"));
  const Outcome stopped = runtime({"ps", "--format", "json", bundle.id()});
  EXPECT_STATUS(stopped, 0);
  EXPECT_EQ(stopped.out, "[]\n");
  EXPECT_STATUS(runtime({"delete", bundle.id()}), 0);
}

OCI_TEST(Features, IsWhatContainerdDockerAndCriORead) {
  const std::string text = runtime_text({runtime_path(), "features"});
  ASSERT_TRUE(is_json(text)) << text;
  EXPECT_EQ(json_get(text, "/ociVersionMin").value_or(""), "1.0.0");
  EXPECT_EQ(json_get(text, "/ociVersionMax").value_or(""), "1.3.0");
  EXPECT_EQ(json_size(text, "/hooks"), 6);
  EXPECT_EQ(json_size(text, "/linux/namespaces"), 8);
  const std::string options = json_get(text, "/mountOptions").value_or("");
  for (const char* option : {"\"rro\"", "\"tmpcopyup\"", "\"rbind\"", "\"nosymfollow\""})
    EXPECT_TRUE(contains(options, option)) << option;
  EXPECT_EQ(json_get(text, "/linux/cgroup/v1").value_or(""), "true");
  EXPECT_EQ(json_get(text, "/linux/cgroup/v2").value_or(""), "true");
  EXPECT_EQ(json_get(text, "/linux/seccomp/enabled").value_or(""), "true");
  for (const char* feature :
       {"/linux/apparmor/enabled", "/linux/selinux/enabled", "/linux/intelRdt/enabled",
        "/linux/intelRdt/schemata", "/linux/intelRdt/monitoring", "/linux/netDevices/enabled",
        "/linux/mountExtensions/idmap/enabled"})
    EXPECT_EQ(json_get(text, feature).value_or(""), "true") << feature;
  EXPECT_EQ(json_size(text, "/linux/memoryPolicy/modes"), 7);
  EXPECT_EQ(json_size(text, "/linux/memoryPolicy/flags"), 3);
  for (const std::string& key : json_keys(text, "/annotations"))
    EXPECT_TRUE(contains(*json_get(text, "/annotations"), "\"" + key + "\":\"")) << key;
}

OCI_TEST(Version, IsReadByDockerAndPodman) {
  const std::string text = runtime_text({runtime_path(), "--version"});
  const std::vector<std::string> lines = lines_of(text);
  ASSERT_GE(lines.size(), 4U) << text;
  EXPECT_TRUE(lines[0].starts_with("ocictr version ")) << lines[0];
  EXPECT_TRUE(contains(text, "\ncommit: "));
  EXPECT_TRUE(contains(text, "\nspec: 1."));
  EXPECT_TRUE(contains(text, "\nrundir: /"));
  EXPECT_TRUE(lines.back().starts_with("+SYSTEMD ")) << lines.back();
  for (std::size_t i = 1; i < lines.size(); ++i) EXPECT_FALSE(contains(lines[i], "version"));
  EXPECT_EQ(runtime_text({runtime_path(), "-v"}), text);
}

OCI_TEST(Help, IsOnStandardOutput) {
  EXPECT_TRUE(contains(runtime_text({runtime_path(), "--help"}), "create"));
  EXPECT_TRUE(contains(runtime_text({runtime_path(), "help"}), "create"));
  for (const char* verb : {"create", "start", "run", "state", "kill", "delete", "list", "spec",
                           "features", "exec", "ps", "pause", "resume"})
    EXPECT_TRUE(contains(runtime_text({runtime_path(), verb, "--help"}), verb)) << verb;
}

OCI_TEST(Usage, MistakesAreOneLineAndStatus1) {
  Bundle bundle;
  const std::vector<std::vector<std::string>> wrong = {
      {"create", "--no-such-option", bundle.id()},
      {"no-such-command"},
      {"state"},
      {"state", "one", "two"},
      {"create", "--preserve-fds", "x", "--bundle", bundle.path(), bundle.id()},
      {"create", "--preserve-fds", "-1", "--bundle", bundle.path(), bundle.id()},
      {"create", "--bundle", "/nowhere", bundle.id()},
      {"list", "--format", "xml"}};
  for (const auto& words : wrong) {
    const Outcome outcome = runtime(words);
    EXPECT_STATUS(outcome, 1);
    EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
  }
}

OCI_TEST(Usage, AcceptsWhatEnginesWrite) {
  Bundle bundle;
  bundle.args({"/bin/guest", "exit", "0"});
  const std::string root = "--root=" + state_root();
  const std::string path = "--bundle=" + bundle.path();
  const std::string id = bundle.id();
  EXPECT_STATUS(run({.argv = {runtime_path(), root, "--log=/tmp/log", "--log-format=json", "create",
                              path, "--no-pivot=false", "--no-new-keyring", id}}),
                0);
  EXPECT_STATUS(run({.argv = {runtime_path(), root, "start", id}, .env = {{"XDG_RUNTIME_DIR="}}}),
                0);
  EXPECT_STATUS(run({.argv = {runtime_path(), root, "delete", "-f", id}}), 0);
  EXPECT_STATUS(
      run({.argv = {runtime_path(), root, "--rootless=auto", "run", "-no-subreaper", path, id}}),
      0);
  ::unlink("/tmp/log");
}

OCI_TEST(Root, DefaultsToRunForRealRoot) {
  Bundle bundle;
  Command command{.argv = {runtime_path(), "create", "--bundle", bundle.path(), bundle.id()}};
  command.env = {{"XDG_RUNTIME_DIR="}};
  ASSERT_STATUS(run(command), 0);
  EXPECT_TRUE(path_exists("/run/ocictr/" + bundle.id()));
  command.argv = {runtime_path(), "state", bundle.id()};
  command.env = {{"XDG_RUNTIME_DIR=/run/user/0", "HOME=/nowhere"}};
  EXPECT_STATUS(run(command), 0) << "create and start may come with different environments";
  command.argv = {runtime_path(), "delete", bundle.id()};
  command.env = std::vector<std::string>{};
  EXPECT_STATUS(run(command), 0);
  EXPECT_FALSE(path_exists("/run/ocictr/" + bundle.id()));
}

OCI_TEST(Root, MayNotBeTheRootDirectory) {
  EXPECT_STATUS(run({.argv = {runtime_path(), "--root", "/", "list"}}), 1);
}

OCI_TEST(Log, JsonHasOneRecordForAFailure) {
  Bundle bundle;
  bundle.args({"/bin/missing"});
  const Outcome outcome = runtime({"--log", "/tmp/log.json", "--log-format", "json"},
                                  {"create", "--bundle", bundle.path(), bundle.id()});
  EXPECT_STATUS(outcome, 1);
  const std::string log = read_file("/tmp/log.json");
  ASSERT_TRUE(is_json(log)) << log;
  EXPECT_EQ(lines_of(log).size(), 1U);
  EXPECT_EQ(log.back(), '\n');
  EXPECT_EQ(json_get(log, "/level").value_or(""), "error");
  EXPECT_TRUE(is_rfc3339_utc(json_get(log, "/time").value_or("")));
  const std::string message = json_get(log, "/msg").value_or("(none)");
  EXPECT_TRUE(contains(message, "/bin/missing")) << message;
  EXPECT_TRUE(contains(outcome.err, message)) << "stderr says the same: " << outcome.err;
  ::unlink("/tmp/log.json");
}

OCI_TEST(Log, IsMadeEvenWhenThereIsNothingToSay) {
  Bundle bundle;
  ASSERT_STATUS(
      runtime({"--log", "/tmp/log:with-colon"}, {"create", "-b", bundle.path(), bundle.id()}), 0);
  EXPECT_TRUE(path_exists("/tmp/log:with-colon"));
  EXPECT_EQ(read_file("/tmp/log:with-colon"), "");
  EXPECT_STATUS(runtime({"delete", bundle.id()}), 0);
  ::unlink("/tmp/log:with-colon");
}

OCI_TEST(Log, TextIsAppended) {
  write_file("/tmp/log", "before\n");
  EXPECT_STATUS(runtime({"--log", "/tmp/log"}, {"state", "nobody"}), 1);
  const std::vector<std::string> lines = lines_of(read_file("/tmp/log"));
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0], "before");
  EXPECT_TRUE(contains(lines[1], "does not exist")) << lines[1];
  ::unlink("/tmp/log");
}

// What a daemon that takes log records got for a command that failed.
std::string record_at(const std::string& path, const std::string& destination) {
  const ctr::UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  EXPECT_EQ(::bind(socket.raw(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0)
      << path << ": " << ::strerror(errno);
  const Outcome outcome = runtime({"--log", destination, "--log-format=json"}, {"state", "nobody"});
  EXPECT_STATUS(outcome, 1);
  EXPECT_TRUE(contains(outcome.err, "does not exist")) << outcome.err;
  std::string record(65536, '\0');
  const ssize_t length = ::recv(socket.raw(), record.data(), record.size(), 0);
  EXPECT_GT(length, 0) << ::strerror(errno);
  EXPECT_LT(::recv(socket.raw(), nullptr, 0, MSG_PEEK), 0) << "more than one record";
  ::unlink(path.c_str());
  record.resize(static_cast<std::size_t>(std::max<ssize_t>(length, 0)));
  return record;
}

OCI_TEST(Log, SyslogGetsOneDatagramForAFailure) {
  const std::string record = record_at("/dev/log", "syslog:pod-1");
  EXPECT_TRUE(record.starts_with("<11>pod-1: state: ")) << record;
  EXPECT_TRUE(contains(record, "does not exist")) << record;
}

OCI_TEST(Log, JournalGetsItsFields) {
  ::mkdir("/run/systemd", 0755);
  ::mkdir("/run/systemd/journal", 0755);
  const std::string record = record_at("/run/systemd/journal/socket", "journald:pod-1");
  EXPECT_TRUE(record.starts_with("PRIORITY=3\nMESSAGE=state: ")) << record;
  EXPECT_TRUE(contains(record, "does not exist")) << record;
  EXPECT_TRUE(record.ends_with("\nID=pod-1\n")) << record;
}

OCI_TEST(Log, DaemonsThatAreNotThereAreNamed) {
  ::unlink("/dev/log");
  const Outcome syslog = runtime({"--log", "syslog:x"}, {"list"});
  EXPECT_STATUS(syslog, 1);
  EXPECT_TRUE(contains(syslog.err, "option --log: connect to \"/dev/log\": ")) << syslog.err;
  ::unlink("/run/systemd/journal/socket");
  const Outcome journal = runtime({"--log", "journald:x"}, {"list"});
  EXPECT_STATUS(journal, 1);
  EXPECT_TRUE(contains(journal.err, "/run/systemd/journal/socket")) << journal.err;
}

OCI_TEST(Spec, MakesABundleThatRuns) {
  Bundle bundle;
  const std::string cgroup = json_get(bundle.config(), "/linux/cgroupsPath").value_or("");
  ::unlink((bundle.path() + "/config.json").c_str());
  ASSERT_STATUS(runtime({"spec", "--bundle", bundle.path()}), 0);
  EXPECT_STATUS(runtime({"spec", "--bundle", bundle.path()}), 1) << "never overwrites";
  bundle.write_config(read_file(bundle.path() + "/config.json"));
  bundle.set("/linux/cgroupsPath", json_string(cgroup));
  bundle.set("/process/terminal", "false").shell("echo it runs; exit 5");
  const Outcome outcome = run_bundle(bundle);
  EXPECT_STATUS(outcome, 5);
  EXPECT_EQ(outcome.out, "it runs\n");
}

}  // namespace
