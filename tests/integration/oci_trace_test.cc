// SPDX-License-Identifier: Apache-2.0
// --trace: what is in the file, and that nothing of it is in the container.
#include <map>
#include <set>

#include "tests/support/runtime.h"

namespace {

using namespace support;

constexpr const char* kFile = "/tmp/trace.json";

struct Event {
  std::string name, thread;
  double begin = 0, end = 0;
};

// The complete events; every one must have all that viewers need.
std::vector<Event> events_of(const std::string& text) {
  std::vector<Event> events;
  EXPECT_TRUE(is_json(text)) << text;
  const int count = json_size(text, "/traceEvents");
  for (int i = 0; i < count; ++i) {
    const std::string at = "/traceEvents/" + std::to_string(i);
    const auto field = [&](const char* name) {
      return json_get(text, at + "/" + name).value_or("");
    };
    EXPECT_NE(field("pid"), "");
    if (field("ph") == "M") continue;
    EXPECT_EQ(field("ph"), "X");
    Event event{field("name"), field("tid"), ::atof(field("ts").c_str()), 0};
    event.end = event.begin + ::atof(field("dur").c_str());
    EXPECT_NE(event.name, "") << at;
    EXPECT_GT(event.begin, 0) << at;
    EXPECT_GE(event.end, event.begin) << at;
    events.push_back(event);
  }
  return events;
}

std::set<std::string> names(const std::vector<Event>& events, const std::string& thread) {
  std::set<std::string> found;
  for (const Event& event : events)
    if (event.thread == thread) found.insert(event.name);
  return found;
}

void expect_all(const std::set<std::string>& found, const std::vector<std::string>& wanted) {
  for (const std::string& name : wanted) EXPECT_TRUE(found.contains(name)) << "no " << name;
}

OCI_TEST(Trace, RunHasTheStepsOfBothHalves) {
  Bundle bundle;
  bundle.args({"/bin/true"});
  ASSERT_STATUS(runtime({"--trace", kFile}, {"run", "--bundle", bundle.path(), bundle.id()}), 0);
  const std::vector<Event> events = events_of(read_file(kFile));
  ASSERT_FALSE(events.empty());
  expect_all(names(events, "1"),
             {"run", "read config.json", "translate", "set up", "clone", "make_cgroup", "meet",
              "start the program", "wait for the program", "remove the container"});
  expect_all(names(events, "2"), {"mount_fs", "pivot_root", "set_user", "meet", "execute"});
  // The whole command comes first and lasts longest.
  EXPECT_EQ(events.front().name, "run");
  for (const Event& event : events) {
    EXPECT_GE(event.begin, events.front().begin) << event.name;
    EXPECT_LE(event.end, events.front().end + 0.001) << event.name;
  }
}

OCI_TEST(Trace, CreateExecAndOthersHaveTheirParts) {
  Bundle bundle;
  bundle.args({"/bin/guest", "wait-term"});
  ASSERT_STATUS(runtime({"--trace", kFile}, {"create", "--bundle", bundle.path(), bundle.id()}), 0);
  std::vector<Event> events = events_of(read_file(kFile));
  expect_all(names(events, "1"), {"create", "set up", "let go of the process"});
  expect_all(names(events, "2"), {"pivot_root"});
  ASSERT_STATUS(runtime({"--trace", kFile}, {"start", bundle.id()}), 0);
  EXPECT_EQ(names(events_of(read_file(kFile)), "1"), std::set<std::string>{"start"});
  ASSERT_STATUS(runtime({"--trace", kFile}, {"exec", bundle.id(), "/bin/true"}), 0);
  events = events_of(read_file(kFile));
  expect_all(names(events, "1"),
             {"exec", "look at the container", "clone", "wait for the program"});
  expect_all(names(events, "2"), {"execute"});
  ASSERT_STATUS(runtime({"--trace", kFile}, {"delete", "--force", bundle.id()}), 0);
  EXPECT_EQ(names(events_of(read_file(kFile)), "1"), std::set<std::string>{"delete"});
}

// Numbers alone: what is behind 0 to 2 is another pipe each time.
std::vector<std::string> open_fds(const Outcome& outcome) {
  std::vector<std::string> fds = Report(outcome.out).all("fd");
  for (std::string& fd : fds) fd.resize(std::min(fd.size(), fd.find(' ')));
  return fds;
}

OCI_TEST(Trace, NothingOfItReachesTheContainer) {
  Bundle bundle;
  bundle.args({"/bin/guest", "report"});
  const Outcome plain = run_bundle(bundle);
  ASSERT_STATUS(plain, 0);
  const Outcome traced =
      runtime({"--trace", kFile}, {"run", "--bundle", bundle.path(), bundle.id()});
  ASSERT_STATUS(traced, 0);
  EXPECT_EQ(open_fds(traced), open_fds(plain));
  EXPECT_EQ(open_fds(plain).size(), 3U);
  EXPECT_EQ(Report(traced.out).all("env"), Report(plain.out).all("env"));
  EXPECT_FALSE(path_exists(bundle.in_rootfs(kFile)));
}

OCI_TEST(Trace, AFailureIsTracedToo) {
  Bundle bundle;
  bundle.args({"/no/such/program"});
  EXPECT_NE(runtime({"--trace", kFile}, {"run", "--bundle", bundle.path(), bundle.id()}).status, 0);
  expect_all(names(events_of(read_file(kFile)), "2"), {"find_program"});
}

OCI_TEST(Trace, AFileThatCannotBeMadeStopsTheCommandBeforeItBegins) {
  Bundle bundle;
  const Outcome outcome =
      runtime({"--trace", "/missing/trace"}, {"create", "--bundle", bundle.path(), bundle.id()});
  EXPECT_STATUS(outcome, 1);
  EXPECT_TRUE(contains(outcome.err, "option --trace")) << outcome.err;
  EXPECT_TRUE(contains(outcome.err, "/missing/trace")) << outcome.err;
}

}  // namespace
